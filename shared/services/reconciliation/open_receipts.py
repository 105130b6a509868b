"""The receipts that are open, as Dynamics shows them: what of each is settled is read.

`CustTransactions` has every customer transaction; "posted" says nothing about settlement, which may
come later or fail (Finance 10.0.49). What Tieout noted when it wrote a receipt (`stores/receipts`)
says why one is open; open ones of which it noted nothing were marked, or are on account.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from shared.domain.ids import object_of
from shared.domain.money import exponent
from shared.ports import DynamicsGateway, Json, Lookup
from shared.stores.active_books import ReadBooks
from shared.stores.receipts import LISTED_MAX, Listing, ReceiptList

TRANSACTIONS, LINES = "CustTransactions", "CustomerPaymentJournalLines"
SELECT = ("PaymId", "AmountCur", "SettleAmountCur", "CurrencyCode", "TransDate", "Invoice")
NOT_CLOSED = date(1900, 1, 1)
OPEN_MAX = 10_000  # open customer transactions of a company, of any kind
OURS = "txn_"
NOT_SETTLED, ON_ACCOUNT, DEBIT = "not_settled", "on_account", "debit"


@dataclass(frozen=True, slots=True)
class OpenReceipt:
    """A receipt, or negative a refund, that is open. `kind`: that of the listing; `not_settled`:
    posted with a mark, and open all the same; `on_account`: posted without one; `debit`: a customer
    debit with a number of its own, the `invoice`. `amount_minor`:
    what no document took when it was written; `open_minor`: what Dynamics shows as open, None while
    no customer transaction shows it (a draft, or on `unapplied_receipts`). `at`: since when."""

    transaction: str
    kind: str
    company: str
    invoice: str
    amount_minor: int
    currency: str
    at: str
    open_minor: int | None = None


@dataclass(frozen=True, slots=True)
class OpenPage:
    """The first `LISTED_MAX` open receipts, how many more were found, and the companies with more
    than `OPEN_MAX` open customer transactions, of which as many were read."""

    receipts: list[OpenReceipt]
    more: int
    read_in_part: list[str]


@dataclass(frozen=True, slots=True)
class OpenReceipts:
    """Reads what is open, company by company. Memory is bounded by `OPEN_MAX`."""

    noted: ReceiptList
    dynamics: DynamicsGateway
    books: ReadBooks

    async def page(self) -> OpenPage:
        """What is open, as far as it is shown. Raises the port's errors."""
        noted, more = await self.noted.page()
        companies = (await self.books()).companies
        found: list[OpenReceipt] = []
        read_in_part: list[str] = []
        for company in companies:
            rows = await self._open_rows(company)
            if len(rows) > OPEN_MAX:
                read_in_part.append(company)
            of_company = [each for each in noted if each.company == company]
            found += await self._of_company(company, of_company, rows)
        gone = [each for each in noted if each.company not in companies]
        found += [_receipt(each, None) for each in gone]
        found.sort(key=lambda each: each.transaction)
        more += max(len(found) - LISTED_MAX, 0)
        return OpenPage(found[:LISTED_MAX], more, read_in_part)

    async def _open_rows(self, company: str) -> list[Json]:
        at_most, limit = {"Closed": NOT_CLOSED}, OPEN_MAX + 1
        lookup = Lookup(TRANSACTIONS, company, at_most=at_most, select=SELECT, limit=limit)
        return await self.dynamics.find(lookup)

    async def _of_company(
        self, company: str, noted: Sequence[Listing], rows: Sequence[Json]
    ) -> list[OpenReceipt]:
        by_object = {object_of(str(row["PaymId"])): row for row in rows if _is_ours(row)}
        missing = [each for each in noted if each.transaction not in by_object]
        is_whole = len(rows) <= OPEN_MAX  # else what is missing may be open, and stays listed
        posted = await self._posted(company, missing) if is_whole else {}
        receipts = [
            _receipt(each, by_object.get(each.transaction))
            for each in noted
            if each.transaction not in posted  # posted, and nothing of it is open
        ]
        known = [each.transaction for each in noted]
        others = [row for name, row in by_object.items() if name not in known]
        marks = await self._marks(company, others)
        return [*receipts, *(_open(row, company, marks.get(_key(row), "")) for row in others)]

    async def _posted(self, company: str, noted: Sequence[Listing]) -> Mapping[str, None]:
        """Of what is not open: the transactions that the customers' ledger has, settled."""
        keys = [f"{each.transaction}:gross" for each in noted]
        if not keys:
            return {}
        lookup = Lookup(TRANSACTIONS, company, any_of=("PaymId", keys), select=("PaymId",))
        rows = await self.dynamics.find(lookup)
        return {object_of(str(row["PaymId"])): None for row in rows}

    async def _marks(self, company: str, rows: Sequence[Json]) -> dict[str, str]:
        """What the payment lines behind open transactions mark, by key; empty for nothing."""
        keys = [_key(row) for row in rows]
        if not keys:
            return {}
        select = ("PaymentId", "MarkedInvoice")
        lookup = Lookup(LINES, company, any_of=("PaymentId", keys), select=select)
        lines = await self.dynamics.find(lookup)
        return {str(line["PaymentId"]): str(line["MarkedInvoice"]) for line in lines}


def _key(row: Json) -> str:
    return str(row["PaymId"])


def _is_ours(row: Json) -> bool:
    return _key(row).startswith(OURS)


def _open_minor(row: Json) -> int:
    """What is open of a transaction; a receipt is negative in the customers' ledger."""
    left = Decimal(str(row["AmountCur"])) - Decimal(str(row["SettleAmountCur"]))
    minor = left.scaleb(exponent(str(row["CurrencyCode"]).lower()))
    return -int(minor.to_integral_value(ROUND_HALF_EVEN))


def _receipt(listing: Listing, row: Json | None) -> OpenReceipt:
    return OpenReceipt(
        listing.transaction,
        listing.kind,
        listing.company,
        listing.invoice,
        listing.amount_minor,
        listing.currency,
        listing.at,
        None if row is None else _open_minor(row),
    )


def _open(row: Json, company: str, marked: str) -> OpenReceipt:
    minor = _open_minor(row)
    number = marked or str(row["Invoice"])
    kind = NOT_SETTLED if marked else DEBIT if number else ON_ACCOUNT
    currency, at = str(row["CurrencyCode"]).lower(), str(row["TransDate"])
    return OpenReceipt(object_of(_key(row)), kind, company, number, minor, currency, at, minor)
