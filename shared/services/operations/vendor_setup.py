"""Does Dynamics have what vendor invoices of Stripe's fees need, where the policy makes them?"""

from collections.abc import Awaitable, Iterable, Mapping
from typing import Protocol

from shared.domain.books import Books, StripeVendor
from shared.domain.journal import Role
from shared.policy import Fees, Policy
from shared.ports import Json

INVOICE_TYPE, PAYMENT_TYPE = "PurchaseLedger", "Payment"
VENDORS, VENDOR, HOLD = "VendorsV3", "VendorAccountNumber", "OnHoldStatus"
NO_HOLDS = ("No", "Never")
GROUPS = (("TaxGroups", "TaxGroupCode"), ("TaxItemGroups", "TaxItemGroupCode"))


class ReadRows(Protocol):
    """Reads the records of some keys, by the key in folded case."""

    def __call__(
        self, entity_set: str, company: str, key: str, values: Iterable[str], /, *select: str
    ) -> Awaitable[Mapping[str, Json]]:
        """Raises the port's errors."""


async def fee_invoice_faults(rows: ReadRows, policy: Policy, books: Books, company: str) -> str:
    """What is missing in a company that owns a settlement currency; empty where nothing is, and
    where no fee is accrued."""
    owners = {placed.book.company: None for placed in books.placed}
    if policy.fees is not Fees.VENDOR_INVOICE or company not in owners:
        return ""
    known = books.companies[company]
    if known.stripe_vendor is None or Role.FEES_ACCRUED not in known.accounts:
        return "the books have no stripe_vendor or no accounts.fees_accrued for the company"
    vendor = known.stripe_vendor
    faults = [
        *await _vendor(rows, company, vendor),
        *await _journal(rows, company, vendor.invoice_journal, INVOICE_TYPE),
        *await _journal(rows, company, vendor.payment_journal, PAYMENT_TYPE),
    ]
    groups = (vendor.sales_tax_group, vendor.item_sales_tax_group)
    for (entity_set, key), group in zip(GROUPS, groups, strict=True):
        if group and group.casefold() not in await rows(entity_set, company, key, [group]):
            faults.append(f"there is no {group} in {entity_set}")
    return "; ".join(faults)


async def _vendor(rows: ReadRows, company: str, vendor: StripeVendor) -> list[str]:
    found = (await rows(VENDORS, company, VENDOR, [vendor.account], HOLD)).get(
        vendor.account.casefold()
    )
    what = f"the vendor {vendor.account}"
    if found is None:
        return [f"{what} does not exist in {company}"]
    if found[HOLD] not in NO_HOLDS:
        return [f"{what} is on hold ({found[HOLD]})"]
    return _spelled(what, vendor.account, found[VENDOR])


async def _journal(rows: ReadRows, company: str, name: str, type_: str) -> list[str]:
    found = (await rows("JournalNames", company, "Name", [name], "Type")).get(name.casefold())
    what = f"the journal name {name}"
    if found is None:
        return [f"{what} does not exist in {company}"]
    if found["Type"] != type_:
        return [f"{what} is not of type {type_}"]
    return _spelled(what, name, found["Name"])


def _spelled(what: str, ours: str, theirs: object) -> list[str]:
    return [] if ours == theirs else [f"{what} is spelled {theirs} in Dynamics"]
