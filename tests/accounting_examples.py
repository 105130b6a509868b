"""The Stripe objects of the examples in docs/accounting.md, and what the product makes of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from shared.converge.plan import _on_written_accounts
from shared.domain.books import Books
from shared.domain.corrections import Correction, CorrectionKind
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Link, Record
from shared.entities.common.objects import Snapshot
from shared.mapping.finance import render
from shared.policy import Policy
from shared.registry import REGISTRY
from tests.accounting_page import Entry, entries
from tests.golden.test_golden import PARENT, TARGET
from tests.unit.entities.objects import (
    BOOKS,
    CONTEXT,
    CREATED,
    Json,
    charge,
    dispute,
    payout,
    plain_txn,
    refund,
    txn,
)

DAY = 86_400


def books(*, without: str = "", **fees: str) -> Books:
    """Those of the unit tests with a clearing account for issuing. `without`: a currency that has
    no book; `fees`: another account id, by company."""
    raw = BOOKS.model_dump(mode="json")
    raw["currencies"].pop(without, None)
    raw["currencies"]["usd"]["balances"] = {"issuing": {"type": "Bank", "id": "CLEARING-ISS"}}
    for company, account in fees.items():
        raw["companies"][company]["accounts"]["fees"]["id"] = account
    return Books.model_validate(raw)


BOOKED = books()


def made(
    object: Json,
    related: Mapping[str, Json] | None = None,
    *,
    policy: Json | None = None,
    links: Mapping[str, Link] | None = None,
    now: int = CREATED,
    in_books: Books = BOOKED,
    **parts: Any,
) -> list[Record]:
    """The records of an object, as the product renders them."""
    entity, kept = object["object"], dict(links or {})
    context = replace(
        CONTEXT,
        books=in_books,
        policy=Policy.model_validate(policy or {}),
        now=datetime.fromtimestamp(now, UTC),
    )
    snapshot = Snapshot(entity, object["id"], object, related or {}, links=kept, **parts)
    desired = REGISTRY.named(entity).making().build(snapshot, context)
    target = replace(TARGET, books=in_books)
    found = [render(document, target, PARENT) for document in desired.documents]
    return [
        _on_written_accounts(record, kept) if record.document.role not in kept else record
        for record in found
    ]


def links(records: list[Record]) -> dict[str, Link]:
    """The records, written."""
    keys = {"SalesOrderNumber": "SO-1", "JournalBatchNumber": "B-1"}
    return {record.document.role: Link(keys, record) for record in records}


def posted(*found: list[Record], in_books: Books = BOOKED) -> list[Entry]:
    """What lists of records post, one after the other, each key once."""
    all_of_them = {entry.key: entry for each in found for entry in entries(each, in_books)}
    return list(all_of_them.values())


def fee(kind: str, amount: int, currency: str = "usd") -> Json:
    return {"amount": amount, "application": None, "currency": currency, "type": kind}


def with_fees(object: Json, *fees: tuple[str, int]) -> Json:
    """A transaction with these fees, by type."""
    total = sum(amount for _, amount in fees)
    details = [fee(kind, amount, object["currency"]) for kind, amount in fees]
    return object | {"fee": total, "fee_details": details, "net": object["amount"] - total}


def sold(id: str, amount: int, currency: str = "usd", *fees: tuple[str, int]) -> Json:
    """The transaction of a charge."""
    return with_fees(txn(id=id, amount=amount, net=amount, currency=currency), *fees)


def moved(category: str, amount: int, **changes: Any) -> Json:
    """A transaction without fee and without an object of ours behind it."""
    return plain_txn(amount, category, changes.pop("type", category), None) | changes


def paid(amount: int, currency: str = "usd", **changes: Any) -> dict[str, Json]:
    """What is read with the transaction of a charge."""
    found = charge(amount=amount, amount_captured=amount, currency=currency, **changes)
    return {"charge": found}


def of_charge(amount: int, currency: str, *fees: tuple[str, int], id: str) -> list[Record]:
    return made(sold(id, amount, currency, *fees), paid(amount, currency))


def plain(category: str, amount: int, **changes: Any) -> list[Record]:
    return made(moved(category, amount, **changes))


def refunded(amount: int, *fees: tuple[str, int]) -> list[Record]:
    object = with_fees(plain_txn(-amount, "refund", "refund", "re_1", id="txn_3"), *fees)
    related = {"refund": refund(amount=amount), **paid(10_000)}
    return made(object, related)


# --- disputes ---------------------------------------------------------------------------------


def withdrawn() -> list[Record]:
    object = plain_txn(-10_000, "dispute", "adjustment", "du_1", id="txn_4")
    return made(with_fees(object, ("stripe_fee", 1_500)), paid(10_000))


def given_back() -> list[Record]:
    object = plain_txn(10_000, "dispute_reversal", "adjustment", "du_1", id="txn_5")
    return made(object, paid(10_000))


def lost(book: str, *, won_later: bool = False) -> list[Record]:
    """A dispute that was lost, by policy; `won_later`: and won after all."""
    out, back = withdrawn()[0], given_back()[0]
    closed = {"id": "evt_1", "created": CREATED + 5 * DAY}
    policy = {"disputes": {"lost": [{"book": book}]}}
    found: list[Record] = []
    for gross, status in [([out], "lost"), ([out, back], "won")][: 2 if won_later else 1]:
        ids = [record.document.key.partition(":")[0] for record in gross]
        rows = [{"id": id, "object": "balance_transaction"} for id in ids]
        found = made(
            dispute(amount=10_000, status=status, balance_transactions=rows),
            {**paid(10_000), "closed": closed},
            policy=policy,
            links=links(found),
            of_transactions=dict(zip(ids, gross, strict=True)),
        )
    return found


# --- payouts ----------------------------------------------------------------------------------


def paid_out() -> list[list[Record]]:
    object = plain_txn(-9_680, "payout", "payout", "po_1", id="txn_6")
    return [made(object), made(payout(amount=9_680, balance_transaction="txn_6"))]


def returned() -> list[list[Record]]:
    object = plain_txn(9_680, "payout_reversal", "payout_failure", "po_1", id="txn_7")
    failed = payout(
        amount=9_680,
        balance_transaction="txn_6",
        status="failed",
        failure_balance_transaction=object,
    )
    _, arrival = paid_out()
    lines = made(failed, links=links(arrival))
    return [made(object), [each for each in lines if each.document.role != "arrival"]]


# --- receipts, currencies, companies ----------------------------------------------------------

NAMED: Json = {"metadata": {"dynamics_sales_order": "SO-5"}}
INVOICE = {"InvoiceNumber": "INV-7", "TotalInvoiceAmount": "100.00", "CurrencyCode": "USD"}


def late(amount: int = 10_000) -> list[Record]:
    """A receipt whose invoice is not posted in time."""
    return _receipt(amount, now=CREATED + 2 * DAY, invoices=())


def applied(amount: int = 10_000) -> list[Record]:
    """The same, once its invoice is posted: what is new."""
    row = INVOICE | {"TotalInvoiceAmount": str(Money(amount, "usd")).split()[1].replace(",", "")}
    kept = links(late(amount))
    found = _receipt(amount, now=CREATED + 4 * DAY, invoices=(row,), kept=kept)
    return [record for record in found if record.document.role not in kept]


def marked() -> list[Record]:
    return _receipt(10_000, now=CREATED, invoices=(INVOICE,))


def _receipt(
    amount: int, *, now: int, invoices: tuple[Json, ...], kept: dict[str, Link] | None = None
) -> list[Record]:
    return made(
        sold("txn_1", amount),
        paid(amount, **NAMED),
        now=now,
        links=kept,
        answers={"invoices": invoices},
    )


EUR_100 = Money(10_000, "eur")


def exchanged(charged: Money = EUR_100, settled_minor: int = 10_832) -> list[Record]:
    """A charge settled in USD, the accounting currency."""
    raw = books(without="eur").model_dump(mode="json")
    raw["companies"]["usmf"]["accounting_currency"] = "usd"
    object = sold("txn_8", settled_minor, "usd", ("stripe_fee", 344))
    object |= {"exchange_rate": settled_minor / charged.minor}
    related = paid(charged.minor, charged.currency)
    return made(object, related, in_books=Books.model_validate(raw))


def of_another_company() -> list[Record]:
    return made(sold("txn_1", 10_000), paid(10_000), policy={"routes": [{"company": "demf"}]})


# --- what people order ------------------------------------------------------------------------


def _order(kind: CorrectionKind, amount: int, **parts: Any) -> Correction:
    return Correction(
        id="c1",
        kind=kind,
        company="usmf",
        amount=Money(amount, "usd"),
        date=date(2026, 11, 5),
        who="Ada",
        why="as agreed",
        at=datetime(2026, 11, 5, tzinfo=UTC),
        **parts,
    )


def reclassified() -> list[Record]:
    object = moved("ocean_purchase", -1_234)
    order = _order(CorrectionKind.RECLASS, 1_234, to=Role.CONTRIBUTIONS)
    return made(object, links=links(made(object)), corrections=(order,))


OLD_FEES, NEW_FEES = books(usmf="618900"), books(usmf="618910")


def reversed_and_replaced() -> list[Record]:
    """The fee line of a charge, taken back on its old account and written on today's."""
    object, related = sold("txn_2", 10_000, "usd", ("stripe_fee", 320)), paid(10_000)
    first = made(object, related, in_books=OLD_FEES)
    order = _order(CorrectionKind.REVERSAL, -320, line="fee", replaces=True)
    kept = links(first)
    found = made(object, related, links=kept, corrections=(order,), in_books=NEW_FEES)
    new = [record for record in found if record.document.role not in kept]
    return [first[1], *new]


# --- Stripe's tax document --------------------------------------------------------------------


def tax_document(
    amount: int, currency: str, company: str, **kinds: int
) -> tuple[list[Record], list[Record]]:
    """The invoice of a document with its parts, and its settlement once it is posted."""
    number = "ABC-2026-10"
    object = {
        "id": f"feedoc_2026-10_{company}_{currency}_{number}",
        "object": "fee_invoice",
        "month": "2026-10",
        "company": company,
        "currency": currency,
        "number": number,
        "date": "2026-10-31",
        "post_on": "2026-10-31",
        "amount": amount,
        "tax": 0,
        "kinds": kinds,
    }
    first = made(object)
    kept = links(first)
    answers = {"posted": ({"JournalBatchNumber": "B-1", "IsPosted": "Yes"},)}
    settled = made(object, links=kept, answers=answers)
    return first, [record for record in settled if record.document.role not in kept]


def accrued(id: str, amount: int, currency: str, *fees: tuple[str, int]) -> list[Record]:
    """A charge whose fees wait for the document."""
    object = sold(id, amount, currency, *fees)
    return made(object, paid(amount, currency), policy={"fees": "vendor_invoice"})
