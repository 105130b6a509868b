"""What people do to customers in Dynamics itself: merge two records, put one on hold."""

from dataclasses import dataclass

from local.dynamics.jobs.ledger import GeneralLedger
from local.dynamics.odata import StoredRow, fold
from local.dynamics.tables import CUSTOMER_FIELDS, KINDS, Subledger, TenantBooks, join

SIDES = (("AccountType", "AccountDisplayValue"), ("OffsetAccountType", "OffsetAccountDisplayValue"))


@dataclass(frozen=True, slots=True)
class CustomerOffice:
    """Changes customers without asking OData. Raises `KeyError` for a customer there is not."""

    books: TenantBooks
    general: GeneralLedger
    subledger: Subledger

    def block(self, company: str, account: str, status: str) -> None:
        """Set the hold of a customer, one of `CustVendorBlocked`. Raises `ValueError` for another
        status."""
        known = self.books.store.schema.enums["CustVendorBlocked"]
        if status not in known:
            raise ValueError(f"{status!r} is no hold; there are {', '.join(known)}")
        self.books.store.update(self._customer(company, account), {"OnHoldStatus": status})

    def merge(self, company: str, loser: str, winner: str) -> None:
        """Merge two customers: the loser's record is gone; its transactions, orders, invoices and
        journal lines, posted or not, belong to the winner. Raises `ValueError` for one customer
        merged with itself."""
        gone, kept = self._customer(company, loser), self._customer(company, winner)
        if gone is kept:
            raise ValueError(f"customer {loser} cannot be merged with itself")
        old, new = gone.fields["CustomerAccount"], kept.fields["CustomerAccount"]
        store = self.books.store
        for entity_set, names in CUSTOMER_FIELDS.items():
            for row in list(store.of_company(entity_set, company)):
                changes = {n: new for n in names if fold(row.fields[n]) == fold(old)}
                if changes:
                    store.update(row, changes)
        self._lines(company, old, kept)
        self.general.rename_customer(company, old, new)
        self.subledger.rename_customer(company, old, new)
        if fold(kept.fields["InvoiceAccount"]) == fold(new):
            store.update(kept, {"InvoiceAccount": ""})
        store.delete(gone.entity_set, gone)

    def _lines(self, company: str, old: str, kept: StoredRow) -> None:
        delimiter, store = self.books.settings.delimiter, self.books.store
        before = join([old], delimiter)
        after = join([kept.fields["CustomerAccount"]], delimiter)
        for kind in KINDS:
            for row in list(store.table(kind.lines).values()):
                own = [row.fields["Company"], row.fields["OffsetCompany"]]
                changes = {
                    value: after
                    for (type_, value), place in zip(SIDES, own, strict=True)
                    if row.fields[type_] == "Cust"
                    and row.fields[value] == before
                    and fold(place) == fold(company)
                }
                if "AccountDisplayValue" in changes and "CustomerName" in row.fields:
                    changes["CustomerName"] = kept.fields["OrganizationName"]
                if changes:
                    store.update(row, changes)

    def _customer(self, company: str, account: str) -> StoredRow:
        found = self.books.store.find("CustomersV3", company, account)
        if found is None:
            raise KeyError(f"company {company} has no customer {account}")
        return found
