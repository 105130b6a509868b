"""Journal headers and lines: what F&O demands of them before they are posted.

All kinds share one table and one number sequence; a header's `JournalName` decides the kind.
Every write to a line also writes the header's row: that is why parallel line writes conflict.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, override

from local.dynamics.odata import COMPANY, NO_DATE, Fields, Infolog, StoredRow, numbered, unsupported
from local.dynamics.tables.books import JournalAccount, TenantBooks
from local.dynamics.tables.payments import MARKS, check_payment, check_vendor_payment
from local.dynamics.tables.rules import Hooks
from local.dynamics.tables.subledger import Subledger
from local.dynamics.tables.vendor_invoices import check_tax
from shared.ports import Clock

BATCH = "JournalBatchNumber"
LINE = "LineNumber"
NO_DECIMALS = Decimal(0)


@dataclass(frozen=True, slots=True)
class JournalSets:
    """One kind of journal: its sets, its type of journal name, how its lines spell things.
    `dimensions`: the default dimensions of the account and of the offset account."""

    headers: str
    lines: str
    journal_type: str
    account_type: str
    date: str
    text: str
    rate: str
    dimensions: tuple[str, str]
    currency: str = "CurrencyCode"
    debit: str = "DebitAmount"
    credit: str = "CreditAmount"
    reference: str = "PaymentReference"
    payment_id: str = "PaymentId"


PAYMENTS = JournalSets(
    "CustomerPaymentJournalHeaders",
    "CustomerPaymentJournalLines",
    "CustPayment",
    "Cust",
    "TransactionDate",
    "TransactionText",
    "ExchangeRate",
    ("DefaultDimensionsForAccountDisplayValue", "DefaultDimensionsForOffsetAccountDisplayValue"),
)
GENERAL = JournalSets(
    "LedgerJournalHeaders",
    "LedgerJournalLines",
    "Daily",
    "Ledger",
    "TransDate",
    "Text",
    "ExchRate",
    ("DefaultDimensionDisplayValue", "OffsetDefaultDimensionDisplayValue"),
)
VENDOR_INVOICES = JournalSets(
    "VendInvoiceJournalHeaders",
    "VendInvoiceJournalLines",
    "PurchaseLedger",
    "Ledger",
    "Date",
    "Description",
    "ExchRate",
    ("DefaultDimensionDisplayValue", "OffsetDefaultDimensionDisplayValue"),
    "Currency",
    "Debit",
    "Credit",
    "PaymId",
    "PaymId",
)
VENDOR_PAYMENTS = JournalSets(
    "VendorPaymentJournalHeaders",
    "VendorPaymentJournalLines",
    "Payment",
    "Vend",
    "TransactionDate",
    "TransactionText",
    "ExchangeRate",
    ("DefaultDimensionsForAccountDisplayValue", "DefaultDimensionsForOffsetAccountDisplayValue"),
)
KINDS = (PAYMENTS, GENERAL, VENDOR_INVOICES, VENDOR_PAYMENTS)
TOTALS = (GENERAL, VENDOR_INVOICES)  # whose headers show them


class HeaderHooks(Hooks):
    """Hooks of a header set."""

    def __init__(self, kind: JournalSets, books: TenantBooks) -> None:
        self._kind = kind
        self._books = books

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        store, company = self._books.store, fields[COMPANY]
        name = store.find("JournalNames", company, fields["JournalName"])
        if name is None:
            raise Infolog(
                f"The value '{fields['JournalName']}' in field 'Name' is not found in the related "
                "table 'Journal names'.",
                "validateField failed on field 'JournalName'.",
            )
        if name.fields["Type"] != self._kind.journal_type:
            raise Infolog(
                f"Journal name {name.fields['Name']} is of type {name.fields['Type']}; journals "
                f"of this entity need type {self._kind.journal_type}."
            )
        fields["JournalName"] = name.fields["Name"]
        fields["Description"] = fields["Description"] or name.fields["Description"]
        if self._kind is GENERAL:
            fields["AccountingCurrency"] = self._books.ledger(company)["AccountingCurrency"]
        if not fields[BATCH]:
            fields[BATCH] = next_batch(self._books, company)
        elif not self._books.settings.manual_numbers:
            raise Infolog("The number sequence of journals does not allow manual numbers.")
        elif any(store.find(kind.headers, company, fields[BATCH]) for kind in KINDS):
            raise Infolog(
                "Cannot create a record in Ledger journal table (LedgerJournalTable). Journal "
                f"batch number: {fields[BATCH]}. The record already exists."
            )

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        refuse_posted(row)

    @override
    def on_remove(self, row: StoredRow) -> None:
        refuse_posted(row)
        if self._books.store.group(self._kind.lines, row.fields[COMPANY], row.fields[BATCH]):
            raise Infolog(
                "Cannot delete a record in Ledger journal table (LedgerJournalTable). Journal "
                f"batch number: {row.fields[BATCH]}. Lines exist in the journal."
            )


def next_batch(books: TenantBooks, company: str) -> str:
    """The next free journal batch number of a company."""
    while True:
        number = numbered(company.upper(), books.store.next_number(f"journal {company}"))
        if not any(books.store.find(kind.headers, company, number) for kind in KINDS):
            return number


def refuse_posted(header: StoredRow) -> None:
    """A posted journal does not change any more."""
    if header.fields["IsPosted"] == "Yes":
        raise Infolog(f"Journal {header.fields[BATCH]} cannot be edited because it is posted.")


class LineHooks(Hooks):
    """Hooks of a line set."""

    def __init__(
        self, kind: JournalSets, books: TenantBooks, clock: Clock, subledger: Subledger
    ) -> None:
        self._kind = kind
        self._books = books
        self._clock = clock
        self._subledger = subledger

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        header = self._header(fields)
        refuse_posted(header)
        fields[BATCH] = header.fields[BATCH]
        self._default(fields, given, header)
        self._check(fields)
        self._number(fields, given, header)

    @override
    def created(self, row: StoredRow) -> None:
        self._touch(row.fields, row.fields, 1)

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        refuse_posted(self._header(row.fields))
        merged = {**row.fields, **changes}
        date, rate = self._kind.date, self._kind.rate
        if rate not in changes and (self._kind.currency in changes or date in changes):
            merged[rate] = self._rate(merged)
        self._check(merged)
        kept = ("AccountDisplayValue", "OffsetAccountDisplayValue", "OffsetCompany")
        marks = MARKS if self._kind in (PAYMENTS, VENDOR_PAYMENTS) else ()
        for name in (rate, *kept, *marks):
            changes[name] = merged[name]

    @override
    def changed(self, row: StoredRow, before: Fields) -> None:
        self._touch(row.fields, before, -1)
        self._touch(row.fields, row.fields, 1)

    @override
    def on_remove(self, row: StoredRow) -> None:
        refuse_posted(self._header(row.fields))

    @override
    def removed(self, row: StoredRow) -> None:
        self._touch(row.fields, row.fields, -1)

    def _header(self, fields: Fields) -> StoredRow:
        header = self._books.store.find(self._kind.headers, fields[COMPANY], fields[BATCH])
        if header is None:
            raise Infolog(
                f"The value '{fields[BATCH]}' in field 'Journal batch number' is not found in the "
                "related table 'Ledger journal table'.",
                f"validateField failed on field '{BATCH}'.",
            )
        return header

    def _touch(self, line: Fields, amounts: Fields, sign: int) -> None:
        header = self._header(line)
        changes: Fields = {}
        if self._kind in TOTALS:
            for name, amount in line_totals(self._kind, amounts).items():
                changes[name] = header.fields[name] + sign * amount
        self._books.store.update(header, changes)

    def _default(self, fields: Fields, given: Mapping[str, Any], header: StoredRow) -> None:
        company, store = fields[COMPANY], self._books.store
        name = store.find("JournalNames", company, header.fields["JournalName"])
        journal = name.fields if name else store.schema.set_of("JournalNames").blank
        if "AccountType" not in given:
            fields["AccountType"] = self._kind.account_type
        if "OffsetAccountType" not in given:
            fields["OffsetAccountType"] = journal["OffsetAccountType"]
        if not fields["OffsetAccountDisplayValue"]:
            fields["OffsetAccountDisplayValue"] = journal["OffsetAccountDisplayValue"]
        if not fields[self._kind.currency]:
            fields[self._kind.currency] = self._books.ledger(company)["AccountingCurrency"]
        if fields[self._kind.date] == NO_DATE:
            today = self._clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
            fields[self._kind.date] = today
        fields["Company"] = fields["Company"] or company
        fields["OffsetCompany"] = fields["OffsetCompany"] or company
        if not fields[self._kind.rate]:
            fields[self._kind.rate] = self._rate(fields)
        if fields["AccountType"] in ("Cust", "Vend"):
            fields["PostingProfile"] = fields["PostingProfile"] or "GEN"

    def _rate(self, fields: Fields) -> Decimal:
        date = fields[self._kind.date]
        return self._books.rate(fields[COMPANY], fields[self._kind.currency], date)

    def _check(self, fields: Fields) -> None:
        account, offset = sides(self._books, fields)
        check_amounts(self._kind, fields)
        for side in (account, offset):
            if side is not None:
                self._books.check_currency(side, fields[self._kind.currency])
        fields["AccountDisplayValue"] = account.display
        if offset is not None:
            fields["OffsetAccountDisplayValue"] = offset.display
        if self._kind is PAYMENTS:
            check_payment(self._books, self._subledger, fields, account)
        elif self._kind is VENDOR_PAYMENTS:
            check_vendor_payment(self._books, fields, account)
        elif self._kind is VENDOR_INVOICES:
            fields["Approved"] = "Yes"
            check_tax(self._books, fields)

    def _number(self, fields: Fields, given: Mapping[str, Any], header: StoredRow) -> None:
        lines = self._books.store.group(self._kind.lines, fields[COMPANY], fields[BATCH])
        taken = any(row.fields[LINE] == fields[LINE] for row in lines.values())
        if not given.get(LINE) or (taken and not self._books.settings.line_numbers_collide):
            last = max((row.fields[LINE] for row in lines.values()), default=NO_DECIMALS)
            fields[LINE] = Decimal(int(last) + 1)
        if self._kind is GENERAL:
            fields["LineNum"], fields["JournalNum"] = fields[LINE], fields[BATCH]
        if not fields["Voucher"]:
            before = [str(row.fields["Voucher"]) for row in lines.values()]
            fields["Voucher"] = next_voucher(self._books, fields[COMPANY], header, before)


def next_voucher(
    books: TenantBooks, company: str, header: StoredRow, before: Sequence[str] = ()
) -> str:
    """The next number of the journal name's voucher series: each line is its own voucher, as it
    balances by itself, unless the journal name has one for all lines. `before`: the vouchers of the
    lines that the journal has."""
    name = books.store.find("JournalNames", company, header.fields["JournalName"])
    if before and name and name.fields["NewVoucher"] == "OneVoucher":
        return before[0]
    series = name.fields["VoucherSeriesCode"] if name else header.fields["JournalName"]
    return numbered(series, books.store.next_number(f"voucher {company} {series}"))


def line_totals(kind: JournalSets, line: Fields) -> Fields:
    """What a line adds to the totals of its header: an offset account counts on both sides."""
    debit, credit = line[kind.debit], line[kind.credit]
    both = debit + credit if line["OffsetAccountDisplayValue"] else NO_DECIMALS
    return {"JournalTotalDebit": both or debit, "JournalTotalCredit": both or credit}


def sides(books: TenantBooks, fields: Fields) -> tuple[JournalAccount, JournalAccount | None]:
    """The account of a line and its offset account, where it has one."""
    company = fields[COMPANY]
    if fields["Company"].casefold() != company.casefold():
        raise unsupported("A Company other than the journal's on a journal line")
    account = books.account(company, fields["AccountType"], fields["AccountDisplayValue"])
    if not fields["OffsetAccountDisplayValue"]:
        return account, None
    partner = books.store.find("LegalEntities", fields["OffsetCompany"])
    if partner is None:
        raise Infolog(f"Company '{fields['OffsetCompany']}' does not exist.")
    other = partner.fields["LegalEntityId"]
    kind, display = fields["OffsetAccountType"], fields["OffsetAccountDisplayValue"]
    return account, books.account(other, kind, display)


def check_amounts(kind: JournalSets, fields: Fields) -> None:
    """Exactly one of debit and credit, never negative."""
    debit, credit = fields[kind.debit], fields[kind.credit]
    if debit < 0 or credit < 0:
        raise Infolog("Negative amounts are not allowed in Debit or Credit.")
    if debit and credit:
        raise Infolog("A journal line cannot have both a debit and a credit amount.")
    if not debit and not credit:
        raise Infolog("Either Debit or Credit must be filled in.")
