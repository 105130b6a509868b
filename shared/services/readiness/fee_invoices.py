"""Does Dynamics have what vendor invoices of Stripe's fees need, where the policy makes them?"""

from collections.abc import Iterator
from functools import partial

from shared.domain.books import Books, StripeVendor
from shared.domain.journal import Role
from shared.errors import MappingUnusable
from shared.policy import Fees
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.reads import Reads, other_case
from shared.stores.mappings import Mappings

INVOICE_TYPE, PAYMENT_TYPE = "PurchaseLedger", "Payment"
VENDORS, VENDOR, HOLD = "VendorsV3", "VendorAccountNumber", "OnHoldStatus"
NO_HOLDS = ("No", "Never")
GROUPS = (("TaxGroups", "TaxGroupCode"), ("TaxItemGroups", "TaxItemGroupCode"))


class FeeInvoiceSetup:
    """The probes of `stripe_vendor` in the books."""

    def __init__(self, reads: Reads, books: Books, mappings: Mappings) -> None:
        self._reads, self._books, self._mappings = reads, books, mappings

    def probes(self, company: str) -> Iterator[Probe]:
        """Those of one company."""
        remedy = "Set them up in Dynamics, or correct the books (stripe_vendor)."
        yield Probe(
            {f"fee invoices {company}": remedy},
            partial(self._fee_invoices, company),
            group=f"Company {company}",
        )

    async def _fee_invoices(self, company: str) -> Problems:
        """What is missing in a company that owns a settlement currency; nothing where no fee is
        accrued."""
        check, known = f"fee invoices {company}", self._books.companies[company]
        try:
            policy = (await self._mappings.active()).policy
        except MappingUnusable:
            return {}  # the check `mapping` says so
        owners = {placed.book.company for placed in self._books.placed}
        if policy.fees is not Fees.VENDOR_INVOICE or company not in owners:
            return {}
        vendor = known.stripe_vendor
        if vendor is None or Role.FEES_ACCRUED not in known.accounts:
            what = "no stripe_vendor or no accounts.fees_accrued for the company"
            return {check: f"the books have {what}"}
        faults = [
            *await self._vendor(company, vendor),
            *await self._journal(company, vendor.invoice_journal, INVOICE_TYPE),
            *await self._journal(company, vendor.payment_journal, PAYMENT_TYPE),
        ]
        groups = (vendor.sales_tax_group, vendor.item_sales_tax_group)
        for (entity_set, key), group in zip(GROUPS, groups, strict=True):
            wanted = [group] if group else []
            if wanted and not await self._reads.rows(entity_set, company, key, wanted):
                faults.append(f"there is no {group} in {entity_set}")
        return {check: "; ".join(faults)}

    async def _vendor(self, company: str, vendor: StripeVendor) -> list[str]:
        rows = await self._reads.rows(VENDORS, company, VENDOR, [vendor.account], HOLD)
        row, what = rows.get(vendor.account.casefold()), f"the vendor {vendor.account}"
        if row is None:
            return [f"{what} does not exist in {company}"]
        if row[HOLD] not in NO_HOLDS:
            return [f"{what} is on hold ({row[HOLD]})"]
        return [f"{what} {each}" for each in other_case(vendor.account, row[VENDOR])]

    async def _journal(self, company: str, name: str, type_: str) -> list[str]:
        rows = await self._reads.rows("JournalNames", company, "Name", [name], "Type")
        row, what = rows.get(name.casefold()), f"the journal name {name}"
        if row is None:
            return [f"{what} does not exist in {company}"]
        if row["Type"] != type_:
            return [f"{what} is not of type {type_}"]
        return [f"{what} {each}" for each in other_case(name, row["Name"])]
