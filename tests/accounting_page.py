"""The tables of docs/accounting.md, and what the product makes, in the words of the page."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.domain.books import Books
from shared.domain.money import Money
from shared.domain.records import Record
from tests.test_tidy import ROOT

PAGE = (ROOT / "docs" / "accounting.md").read_text(encoding="utf-8")
KIND = {
    "CustomerPaymentJournalLines": "customer payment",
    "LedgerJournalLines": "general",
    "VendInvoiceJournalLines": "vendor invoice",
    "VendorPaymentJournalLines": "vendor payment",
}
PAIR = re.compile(
    r"Dr (?P<debit>[a-z_]+)(?: (?P<of_debit>[A-Z]{3}))? (?P<minor>\d+) / "
    r"Cr (?P<credit>[a-z_]+)(?: (?P<of_credit>[A-Z]{3}))? (?P<same>\d+)"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: the heading above it, the paragraph before it, its titles and rows, as text."""

    section: str
    caption: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, title: str) -> list[str]:
        place = self.titles.index(title)
        return [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """Debit one account, credit another; accounts by role, in words; `amount` in major units."""

    key: str
    journal: str
    debit: str
    credit: str
    amount: str
    currency: str

    @property
    def pair(self) -> tuple[str, str, str]:
        return self.debit, self.credit, self.amount


def tables() -> Iterator[Table]:
    """Every table of the page, outside blocks of code."""
    section, caption, block = "", "", []
    for line in [*re.sub(r"(?ms)^```.*?^```$", "", PAGE).splitlines(), ""]:
        if line.startswith("|"):
            block.append(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
            continue
        if block:
            yield Table(section, caption.strip(), block[0], tuple(block[2:]))
            block, caption = [], ""
        if line.startswith("#"):
            section, caption = line.lstrip("# "), ""
        elif line and caption.endswith("\n"):
            caption = line
        else:
            caption = f"{caption} {line}" if line else f"{caption}\n"


def entries(records: Iterable[Record], books: Books) -> list[Entry]:
    """What the records post, one entry each; records that post nothing are left out."""
    return [_entry(record, books) for record in records if _posts(record)]


def _posts(record: Record) -> bool:
    return record.entity_set in KIND or record.entity_set == "CDSFreeTextInvoiceLines"


def _entry(record: Record, books: Books) -> Entry:
    fields: Mapping[str, Any] = record.fields
    document: Any = record.document
    if record.entity_set == "CDSFreeTextInvoiceLines":
        minor = Money(int(document.amount.minor), document.amount.currency)
        account = _role(fields["MainAccountDisplayValue"], books)
        sides, amount = ("customer", account), Decimal(fields["UnitPrice"])
        assert (amount < 0) is (minor.minor < 0)
        key, currency = str(fields["InvoiceText"]), minor.currency.upper()
    else:
        account, offset = _side(fields, "", books), _side(fields, "Offset", books)
        if company := fields.get("OffsetCompany"):
            account, offset = f"{account} ({document.company})", f"{offset} ({company})"
        debit = fields.get("DebitAmount", fields.get("Debit", 0))
        credit = fields.get("CreditAmount", fields.get("Credit", 0))
        sides, amount = (account, offset), Decimal(debit) - Decimal(credit)
        key = str(fields[record.key_field])
        currency = str(fields.get("CurrencyCode") or fields["Currency"])
    first, second = sides if amount > 0 else sides[::-1]
    kind = KIND.get(record.entity_set, "free text")
    return Entry(key, kind, first, second, f"{abs(amount):,.2f}", currency)


def _side(fields: Mapping[str, Any], prefix: str, books: Books) -> str:
    kind = fields.get(f"{prefix}AccountType")
    name = getattr(kind, "name", "Vend")  # vendor payments have no type of account
    if name in ("Cust", "Vend"):
        return {"Cust": "customer", "Vend": "vendor"}[name]
    return _role(fields[f"{prefix}AccountDisplayValue"], books)


def _role(shown: object, books: Books) -> str:
    """The role of an account, in words; with its number, where it has one."""
    for book in books.currencies.values():
        if book.bank.id == shown:
            return "bank"
        for kind, account in book.clearing_accounts.items():
            if account.id == shown:
                return "clearing" if kind == book.balance_type else f"clearing of {kind}"
    [found] = {
        role.replace("_", " ")
        for company in books.companies.values()
        for role, account in company.accounts.items()
        if account.id == shown
    }
    return f"{found} ({shown})" if str(shown).isdigit() else found


def spoken(text: str) -> list[tuple[str, str, str]]:
    """The pairs of `Dr account 12 / Cr account 12`, each with its amount in minor units; where
    currencies are named, the amount begins with it."""
    found = []
    for match in PAIR.finditer(text):
        debit, of_debit, minor, credit, of_credit, same = match.groups()
        assert (of_debit, minor) == (of_credit, same), match[0]
        amount = f"{of_debit} {minor}" if of_debit else minor
        found.append((debit.replace("_", " "), credit.replace("_", " "), amount))
    return found


def codes(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def plain(cell: str) -> str:
    return cell.replace("`", "").replace("_", " ")
