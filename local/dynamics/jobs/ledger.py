"""The posted ledger and, apart from it, what drafts would add."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal

from local.dynamics.odata import COMPANY, Fields, Infolog, numbered
from local.dynamics.tables import (
    KINDS,
    VENDOR_INVOICES,
    JournalAccount,
    JournalSets,
    TenantBooks,
    join,
    reverse_charges,
    sides,
)

ENTRIES = "GeneralJournalAccountEntries"


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One side of a voucher. Amounts are positive for debit, negative for credit.

    `amount` is in `currency`, `accounting_amount` in the accounting currency of `company`.
    `account` is the customer, bank or main account; `journal` the batch number; `entity_set` and
    `line` say which journal line it comes from. What an invoice posts has no journal: there
    `entity_set` and `document` name the invoice, and `line` counts its sides. Posting keeps text
    and payment reference of a journal line (`reference`), not its `PaymentId`.
    """

    company: str
    account_type: str
    account: str
    main_account: str
    currency: str
    amount: Decimal
    accounting_amount: Decimal
    date: date
    text: str
    reference: str
    voucher: str
    journal: str
    entity_set: str
    line: Decimal
    document: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a voucher that a person enters: account type and number, and an amount that is
    positive for debit."""

    type: str
    account: str
    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Ledger:
    """`posted` is the ledger; `drafts` is not: lines of journals that are not posted yet."""

    posted: tuple[LedgerLine, ...]
    drafts: tuple[LedgerLine, ...]


@dataclass(slots=True)
class GeneralLedger:
    """What is posted, and the entity that shows it."""

    books: TenantBooks
    posted: list[LedgerLine] = field(default_factory=list)

    def next_journal(self) -> str:
        """The next journal number of the general ledger: one for each posting."""
        return numbered("GL", self.books.store.next_number("general ledger"))

    def post(self, lines: Iterable[LedgerLine], journal_number: str) -> None:
        """Add sides of vouchers that balance."""
        for line in lines:
            self.posted.append(line)
            self._entry(line, journal_number)

    def _entry(self, leg: LedgerLine, journal_number: str) -> None:
        store = self.books.store
        day = leg.date
        fields = {
            COMPANY: leg.company,
            "RecordId": store.next_record_id(),
            "JournalNumber": journal_number,
            "Voucher": leg.voucher,
            "AccountingDate": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            "MainAccountId": leg.main_account,
            "LedgerAccount": leg.main_account,
            "AccountType": leg.account_type,
            "AccountDisplayValue": join([leg.account], self.books.settings.delimiter),
            "TransactionCurrencyCode": leg.currency,
            "TransactionCurrencyAmount": leg.amount,
            "AccountingCurrencyAmount": leg.accounting_amount,
            "IsCredit": "Yes" if leg.amount < 0 else "No",
            "PaymentReference": leg.reference,
            "Text": leg.text,
            "JournalBatchNumber": leg.journal,
        }
        store.insert(store.schema.set_of(ENTRIES), fields)

    def rename_customer(self, company: str, old: str, new: str) -> None:
        """Let posted sides of a customer belong to another one."""
        store, delimiter = self.books.store, self.books.settings.delimiter
        for at, line in enumerate(self.posted):
            if (line.company, line.account_type, line.account) == (company, "Cust", old):
                self.posted[at] = replace(line, account=new)
        before, after = join([old], delimiter), join([new], delimiter)
        for row in store.of_company(ENTRIES, company):
            same = row.fields["AccountDisplayValue"] == before
            if same and row.fields["AccountType"] == "Cust":
                store.update(row, {"AccountDisplayValue": after})


def legs(kind: JournalSets, books: TenantBooks, line: Fields) -> list[LedgerLine]:
    """All sides a journal line posts. Between companies, each gets an intercompany side too."""
    account, offset = sides(books, line)
    amount: Decimal = line[kind.debit] - line[kind.credit]
    if offset is None:
        return [_leg(kind, books, line, account, amount)]
    home, away = account.company, offset.company
    result = [_leg(kind, books, line, account, amount)]
    if home != away:
        due_away, due_home = _intercompany(books, home, away, amount)
        result.append(_leg(kind, books, line, due_away, -amount))
        result.append(_leg(kind, books, line, due_home, amount))
    result.append(_leg(kind, books, line, offset, -amount))
    if kind is VENDOR_INVOICES:
        for main, debit in reverse_charges(books, line, -amount):
            result.append(_leg(kind, books, line, books.account(home, "Ledger", main), debit))
    return result


def _intercompany(
    books: TenantBooks, home: str, away: str, amount: Decimal
) -> tuple[JournalAccount, JournalAccount]:
    """The accounts between two companies, of the company whose journal it is and of the other."""
    row = books.store.find("LedgerInterCompanyAccounts", home, away)
    if row is None:
        raise Infolog(f"Intercompany accounting is not set up between {home} and {away}.")
    ours, theirs = ("Credit", "Debit") if amount > 0 else ("Debit", "Credit")
    return (
        books.account(home, "Ledger", row.fields[f"Originating{ours}AccountDisplayValue"]),
        books.account(away, "Ledger", row.fields[f"Destination{theirs}AccountDisplayValue"]),
    )


def _leg(
    kind: JournalSets, books: TenantBooks, line: Fields, account: JournalAccount, amount: Decimal
) -> LedgerLine:
    moment = line[kind.date]
    rate = line[kind.rate]
    if account.company != line[COMPANY]:
        rate = books.rate(account.company, line[kind.currency], moment)
    return LedgerLine(
        company=account.company,
        account_type=account.type,
        account=account.id,
        main_account=account.main_account,
        currency=line[kind.currency],
        amount=amount,
        accounting_amount=books.accounting_amount(account.company, amount, rate),
        date=moment.date(),
        text=line[kind.text],
        reference=line[kind.reference],
        voucher=line["Voucher"],
        journal=line["JournalBatchNumber"],
        entity_set=kind.lines,
        line=line["LineNumber"],
    )


def drafts(books: TenantBooks) -> tuple[LedgerLine, ...]:
    """The sides of all lines in journals that are not posted; unusable lines are left out."""
    found: list[LedgerLine] = []
    for kind in KINDS:
        for row in books.store.table(kind.lines).values():
            company, batch = row.fields[COMPANY], row.fields["JournalBatchNumber"]
            header = books.store.find(kind.headers, company, batch)
            if header is None or header.fields["IsPosted"] == "Yes":
                continue
            try:
                found += legs(kind, books, row.fields)
            except Infolog:
                continue  # its account went away meanwhile: the posting job names it
    return tuple(found)
