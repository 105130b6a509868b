"""Free text invoices as integrations write them: `CDSFreeTextInvoiceHeaders` and `...Lines`.

The caller's `ExternalInvoiceId` is the key, so that header and lines fit into one changeset. The
same records show in `FreeTextInvoiceHeaders` and `FreeTextInvoiceLines`, which this peer lets be
read only, but for the billing classification of a header.

https://learn.microsoft.com/dynamics365/finance/accounts-receivable/create-free-text-invoice-new
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, override

from local.dynamics.odata import COMPANY, NO_DATE, Fields, Infolog, StoredRow, unsupported
from local.dynamics.tables.books import TenantBooks
from local.dynamics.tables.rules import Hooks
from shared.ports import Clock

HEADERS, LINES = "CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"
TWINS: Mapping[str, str] = {HEADERS: "FreeTextInvoiceHeaders", LINES: "FreeTextInvoiceLines"}
ID = "ExternalInvoiceId"
AMOUNT = "TransactionCurrencyAmount"
NOT_POSTED = "Not posted"
CLASSIFICATION = "BillingClassification"


def lines_of_invoice(books: TenantBooks, header: StoredRow) -> list[StoredRow]:
    """The lines of a free text invoice, in the order they were created."""
    return list(books.store.group(LINES, header.fields[COMPANY], header.fields[ID]).values())


def refuse_posted(header: StoredRow) -> None:
    """A posted invoice does not change any more."""
    if header.fields["IsPosted"] == "Yes":
        raise Infolog(
            f"Free text invoice {header.fields[ID]} cannot be edited because it is posted."
        )


def show(books: TenantBooks, header: StoredRow) -> None:
    """Bring the record of `FreeTextInvoiceHeaders` up to the header's."""
    twin = books.store.find(TWINS[HEADERS], header.fields[COMPANY], header.record_id)
    if twin is not None:
        books.store.update(twin, _common(books, TWINS[HEADERS], header.fields))


def _common(books: TenantBooks, twin: str, fields: Fields) -> Fields:
    entity_set = books.store.schema.set_of(twin)
    names = [name for name in fields if name in entity_set.properties]
    return {name: fields[name] for name in names if name not in entity_set.key}


class InvoiceHooks(Hooks):
    """Hooks of the headers."""

    def __init__(self, books: TenantBooks, clock: Clock) -> None:
        self._books = books
        self._clock = clock

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        customer = self._books.customer(fields[COMPANY], fields["CustomerAccount"])
        master = customer.fields
        for name, value in (
            ("InvoiceAccount", master["InvoiceAccount"] or customer.id),
            ("InvoiceName", master["OrganizationName"]),
            ("LanguageId", master["LanguageId"]),
            ("TermsOfPayment", master["PaymentTerms"]),
            ("MethodOfPayment", master["PaymentMethod"]),
            ("CustomerGroup", master["CustomerGroupId"]),
            ("SalesTaxGroupId", master["SalesTaxGroup"]),
        ):
            fields[name] = fields[name] or value
        if fields["InvoiceDate"] == NO_DATE:
            today = self._clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
            fields["InvoiceDate"] = today
        if fields["DueDate"] == NO_DATE:
            terms = self._books.store.find(
                "PaymentTerms", fields[COMPANY], fields["TermsOfPayment"]
            )
            days = terms.fields["NumberOfDays"] if terms else 0
            try:
                fields["DueDate"] = fields["InvoiceDate"] + timedelta(days=days)
            except OverflowError as error:
                raise Infolog("The due date is out of range.") from error
        fields["FreeTextNumber"] = NOT_POSTED

    @override
    def created(self, row: StoredRow) -> None:
        store = self._books.store
        twin = store.schema.set_of(TWINS[HEADERS])
        shown = {**twin.blank, **_common(self._books, twin.name, row.fields)}
        key = {COMPANY: row.fields[COMPANY], "InvoiceIdentifier": row.record_id}
        store.insert(twin, shown | key)

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        refuse_posted(row)
        if changes.get("CustomerAccount") and "InvoiceAccount" not in changes:
            customer = self._books.customer(row.fields[COMPANY], changes["CustomerAccount"])
            changes["InvoiceAccount"] = customer.fields["InvoiceAccount"] or customer.id

    @override
    def changed(self, row: StoredRow, before: Fields) -> None:
        show(self._books, row)

    @override
    def on_remove(self, row: StoredRow) -> None:
        refuse_posted(row)

    @override
    def removed(self, row: StoredRow) -> None:
        """The lines go with their header, as the table's delete action says."""
        store = self._books.store
        for line in lines_of_invoice(self._books, row):
            _remove_twin(self._books, row, line)
            store.delete(store.schema.set_of(LINES), line)
        twin = store.find(TWINS[HEADERS], row.fields[COMPANY], row.record_id)
        if twin is not None:
            store.delete(twin.entity_set, twin)


class ClassifiedHooks(Hooks):
    """Hooks of `FreeTextInvoiceHeaders`: only the billing classification of a draft changes."""

    def __init__(self, books: TenantBooks) -> None:
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        raise unsupported(f"Creating {TWINS[HEADERS]}")

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        if any(name != CLASSIFICATION for name in changes):
            raise unsupported(f"Changing {TWINS[HEADERS]}, but for {CLASSIFICATION}")
        if not self._books.settings.classification_changes:
            raise Infolog("Field 'Billing classification' does not allow editing.")
        code = changes.get(CLASSIFICATION)
        if code and code not in self._books.settings.classifications:
            raise Infolog(
                f"The value '{code}' in field 'Billing classification' is not found in the related "
                "table 'Billing classification'.",
                f"validateField failed on field '{CLASSIFICATION}'.",
            )
        if row.fields["IsPosted"] == "Yes":
            raise Infolog("The free text invoice cannot be edited because it is posted.")

    @override
    def on_remove(self, row: StoredRow) -> None:
        raise unsupported(f"Deleting {TWINS[HEADERS]}")


class InvoiceLineHooks(Hooks):
    """Hooks of the lines. Negative amounts are allowed: they make a credit note."""

    def __init__(self, books: TenantBooks) -> None:
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        header = self._header(fields)
        refuse_posted(header)
        fields[ID] = header.fields[ID]
        for name in ("SalesTaxGroupId", "SalesTaxItemGroupId"):
            fields[name] = fields[name] or header.fields[name]
        if not given.get("LineNumber"):
            rows = lines_of_invoice(self._books, header)
            last = max((row.fields["LineNumber"] for row in rows), default=Decimal(0))
            fields["LineNumber"] = Decimal(int(last) + 1)
        self._check(fields, given, header)

    @override
    def created(self, row: StoredRow) -> None:
        header, store = self._header(row.fields), self._books.store
        twin = store.schema.set_of(TWINS[LINES])
        shown = {**twin.blank, **_common(self._books, twin.name, row.fields)}
        key = {name: row.fields[name] for name in (COMPANY, "LineNumber")}
        shown["CurrencyCode"] = header.fields["CurrencyCode"]
        store.insert(twin, shown | key | {"ParentRecId": header.record_id})
        store.update(header, {})

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        header = self._header(row.fields)
        refuse_posted(header)
        merged = {**row.fields, **changes}
        self._check(merged, changes, header)
        for name in (AMOUNT, "MainAccountDisplayValue"):
            changes[name] = merged[name]

    @override
    def changed(self, row: StoredRow, before: Fields) -> None:
        header, store = self._header(row.fields), self._books.store
        twin = _twin(self._books, header, row)
        if twin is not None:
            store.update(twin, _common(self._books, TWINS[LINES], row.fields))
        store.update(header, {})

    @override
    def on_remove(self, row: StoredRow) -> None:
        refuse_posted(self._header(row.fields))

    @override
    def removed(self, row: StoredRow) -> None:
        header = self._header(row.fields)
        _remove_twin(self._books, header, row)
        self._books.store.update(header, {})

    def _header(self, fields: Fields) -> StoredRow:
        header = self._books.store.find(HEADERS, fields[COMPANY], fields[ID])
        if header is None:
            raise Infolog(
                f"The value '{fields[ID]}' in field 'External invoice ID' is not found in the "
                "related table 'Customer free text invoice'.",
                f"validateField failed on field '{ID}'.",
            )
        return header

    def _check(self, fields: Fields, given: Mapping[str, Any], header: StoredRow) -> None:
        """The account must exist; the amount is quantity times unit price, where those are
        filled in, and may then be left out."""
        if fields["UnitPrice"] < 0 and not self._books.settings.negative_free_text_lines:
            raise Infolog("Unit price must not be negative.", "validateField failed: UnitPrice.")
        display = fields["MainAccountDisplayValue"]
        account = self._books.account(fields[COMPANY], "Ledger", display)
        fields["MainAccountDisplayValue"] = account.display
        currency = header.fields["CurrencyCode"]
        product = self._books.rounded(fields["Quantity"] * fields["UnitPrice"], currency)
        if AMOUNT not in given and ("Quantity" in given or "UnitPrice" in given):
            fields[AMOUNT] = product
        if (fields["Quantity"] or fields["UnitPrice"]) and fields[AMOUNT] != product:
            raise Infolog(
                f"Amount {fields[AMOUNT]} is not quantity {fields['Quantity']} times unit price "
                f"{fields['UnitPrice']}."
            )
        if fields[AMOUNT] != self._books.rounded(fields[AMOUNT], currency):
            raise Infolog(f"Amount {fields[AMOUNT]} has more decimals than currency {currency}.")


def _twin(books: TenantBooks, header: StoredRow, line: StoredRow) -> StoredRow | None:
    number = line.fields["LineNumber"]
    return books.store.find(TWINS[LINES], line.fields[COMPANY], number, header.record_id)


def _remove_twin(books: TenantBooks, header: StoredRow, line: StoredRow) -> None:
    twin = _twin(books, header, line)
    if twin is not None:
        books.store.delete(twin.entity_set, twin)
