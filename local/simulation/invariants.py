"""What must hold: some of it always, all of it when the world has come to rest."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.books import CUSTOMER_ID_PROPERTY
from local.dynamics import DynamicsPeer
from local.servicebus import Broker
from local.simulation import oracle, order_oracle
from local.simulation.observers import QueueWatch
from local.stripe import StripePeer
from local.tables import MemoryTables
from shared.outcomes import Kind
from shared.ports import QUERY_ROWS_MAX, Row
from shared.registry import entity_of_event

UNREADABLE = "unreadable_message"  # what somebody else sends names no object and no amount
ALLOWED_CAUSES = ("unsupported_category", UNREADABLE)
"""Causes that do not go away by themselves here: nobody adds a rule for a strange category, or
finds out who sends what is none of ours."""
KEYS: Mapping[str, tuple[str, ...]] = {
    "CustomersV3": ("CustomerAccount",),
    "CustomerPaymentJournalLines": ("JournalBatchNumber", "LineNumber"),
    "LedgerJournalLines": ("JournalBatchNumber", "LineNumber"),
    "SalesOrderHeadersV2": ("SalesOrderNumber",),
    "SalesOrderLinesV3": ("InventoryLotId",),
    "CDSFreeTextInvoiceHeaders": ("ExternalInvoiceId",),
    "CDSFreeTextInvoiceLines": ("ExternalInvoiceId", "LineNumber"),
    "ReleasedProductsV2": ("ItemNumber",),
}
WRITTEN_AS = {"ReleasedProductCreationsV2": "ReleasedProductsV2"}
POSTED_AWAY = (
    "OpenTradeAgreementJournalHeadersV2",
    "OpenSalesPriceJournalLinesV2",
)  # posting turns them into prices in force
SHOWN_MAX = 5  # findings named in one violation


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be. `invariant` is a closed word."""

    invariant: str
    text: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The parts that are examined. `given`: what the broker was ever given."""

    stripe: StripePeer
    dynamics: DynamicsPeer
    broker: Broker
    tables: MemoryTables
    given: QueueWatch
    overlap_hours: int
    time_zone: str
    orders: bool = False


def doubled(subject: Subject) -> list[Violation]:
    """Records that exist twice. Looked for often: an audit of the product removes some."""
    customers = oracle.repeated_customers(subject.dynamics, CUSTOMER_ID_PROPERTY)
    return (
        _listed("duplicate_line", oracle.repeated_keys(subject.dynamics))
        + _listed("duplicate_customer", customers)
        + _listed("duplicate_order", order_oracle.repeated(subject.dynamics))
    )


async def overtaken(subject: Subject) -> list[Violation]:
    """A sweep's cursor may pass only what the queues were given: nothing looks there again."""
    found = []
    for name, known in (
        ("balance_transaction", subject.given.objects),
        ("event", subject.given.items),
    ):
        row = await subject.tables.get("cursors", "sweep", name)
        through = row.cells.get("through") if row is not None else None
        if not isinstance(through, datetime):
            continue
        before = (through - timedelta(hours=subject.overlap_hours)).timestamp()
        found += [
            f"{each['id']} {each.get('type')} is older than the cursor {through}"
            for each in subject.stripe.objects(name)
            if each["created"] < before and each["id"] not in known
            if name != "event" or entity_of_event(each["type"]) is not None
        ]
    return _listed("cursor_overtakes", found)


def always(subject: Subject) -> list[Violation]:
    """What holds at every moment, whatever fails: nothing doubled, nothing wrong."""
    found = doubled(subject)
    wanted = {
        key: entry
        for entries in oracle.expected(subject.stripe, subject.time_zone).values()
        for key, entry in entries.items()
    }
    wrong = [
        f"{key}: {entry}, expected {wanted.get(key)}"
        for key, entries in oracle.booked(subject.dynamics).items()
        for entry in entries
        if wanted.get(key) != entry
    ]
    found += _listed("wrong_line", wrong)
    return found


async def at_rest(subject: Subject) -> list[Violation]:
    """What holds after a quiet period: nothing lost, nothing in limbo."""
    parked = {row.cells["object"]: row async for row in _rows(subject.tables, "parked~")}
    found = always(subject)
    found += _balances(subject)
    found += _money(subject, parked)
    found += _payouts(subject)
    found += _orders(subject)
    found += _listed("unbalanced_voucher", oracle.unbalanced(subject.dynamics.ledger().posted))
    found += _queues(subject)
    found += await _items(subject)
    found += await _tie_outs(subject)
    found += await _links(subject)
    return found


def _listed(invariant: str, findings: list[str]) -> list[Violation]:
    if not findings:
        return []
    more = f" and {len(findings) - SHOWN_MAX} more" if len(findings) > SHOWN_MAX else ""
    return [Violation(invariant, "; ".join(findings[:SHOWN_MAX]) + more)]


def _balances(subject: Subject) -> list[Violation]:
    """Clearing equals the Stripe balance, per currency."""
    ledger = subject.dynamics.ledger()
    clearing = oracle.clearing_balance((*ledger.posted, *ledger.drafts))
    balance = oracle.stripe_balance(subject.stripe)
    currencies = dict.fromkeys((*balance, *clearing))
    return _listed(
        "clearing_differs",
        [
            f"{currency}: Stripe {balance.get(currency, 0)}, clearing {clearing.get(currency, 0)}"
            for currency in currencies
            if balance.get(currency, 0) != clearing.get(currency, 0)
        ],
    )


def _money(subject: Subject, parked: Mapping[Any, Row]) -> list[Violation]:
    """Every transaction has all its lines; what is on suspense is in the inbox too."""
    lines = oracle.booked(subject.dynamics)
    missing, unlisted = [], []
    for txn, entries in oracle.expected(subject.stripe, subject.time_zone).items():
        missing += [f"{key} {entry}" for key, entry in entries.items() if key not in lines]
        suspended = any(entry.against == oracle.SUSPENSE for entry in entries.values())
        if suspended and txn not in parked:
            unlisted.append(txn)
    return _listed("line_missing", missing) + _listed("suspense_unlisted", unlisted)


def _orders(subject: Subject) -> list[Violation]:
    """What was sold and not given back stands in orders less credits, and everybody has paid."""
    stripe, dynamics = subject.stripe, subject.dynamics
    if not subject.orders:
        return _listed("order_unwanted", [str(row) for row in order_oracle.orders(dynamics)])
    return (
        _listed("sale_differs", order_oracle.unequal(stripe, dynamics))
        + _listed("receipt_unapplied", order_oracle.unapplied(dynamics))
        + _listed("customers_owe", order_oracle.owed(dynamics))
        + _listed("product_differs", order_oracle.products(stripe, dynamics))
        + _listed("price_differs", order_oracle.prices(stripe, dynamics))
    )


def _payouts(subject: Subject) -> list[Violation]:
    moves = oracle.bank_moves(subject.dynamics)
    wrong = []
    for payout in subject.stripe.objects("payout"):
        id = str(payout["id"])
        wanted = int(payout["amount"]) if payout["status"] == "paid" else 0
        if moves.get(id, 0) != wanted:
            wrong.append(f"{id} {payout['status']}: bank {moves.get(id, 0)}, expected {wanted}")
    return _listed("bank_differs", wrong)


def _queues(subject: Subject) -> list[Violation]:
    left = []
    for queue in subject.broker.queues:
        depth = subject.broker.depth(queue.name)
        if depth.ready or depth.locked or depth.scheduled or depth.dead:
            left.append(f"{queue.name}: {depth}")
    return _listed("queue_not_empty", left)


async def _items(subject: Subject) -> list[Violation]:
    """Every object is done, skipped or parked; parked ones say why and what to do. Every event of
    ours is known."""
    limbo, mute, unhealed, worthless, known = [], [], [], [], {}
    async for row in _rows(subject.tables, "event~"):
        known[row.row.partition("~")[2]] = str(row.cells["status"])
    async for row in _rows(subject.tables, "object~"):
        id, cells = row.row.partition("~")[2], row.cells
        status, cause = str(cells["status"]), str(cells["cause"])
        told = f"{id} {cells['entity']} {cells['object']} {status} {cause}: {cells['text']}"
        if status in (Kind.RETRY.value, Kind.WAITING.value):
            limbo.append(told)
        elif status == Kind.PARK.value:
            if not cells["cause"] or not cells["remedy"] or not cells["text"]:
                mute.append(told)
            if cause not in ALLOWED_CAUSES:
                unhealed.append(told)
            money = cells["entity"] == "balance_transaction" and cause != UNREADABLE
            if money and not cells["amount_minor"]:
                worthless.append(told)
    lost = [
        f"{event['id']} {event['type']}"
        for event in subject.stripe.objects("event")
        if entity_of_event(event["type"]) is not None and event["id"] not in known
    ]
    return (
        _listed("item_in_limbo", limbo)
        + _listed("parked_without_words", mute)
        + _listed("parked_not_healed", unhealed)
        + _listed("parked_without_amount", worthless)
        + _listed("event_lost", lost)
    )


async def _tie_outs(subject: Subject) -> list[Violation]:
    """Every payout whose members Stripe can list is tied out."""
    tied = {
        row.row: str(row.cells["status"])
        for row in await subject.tables.query("payouts", partition="tieouts")
    }
    untied = [
        f"{payout['id']} is {tied.get(payout['id'], 'not there')}"
        for payout in subject.stripe.objects("payout")
        if payout["reconciliation_status"] == "completed" and tied.get(payout["id"]) != "tied"
    ]
    return _listed("payout_not_tied", untied)


async def _links(subject: Subject) -> list[Violation]:
    """Links point to records that are there; no announced write is left open. (A claim may be: its
    holder died, and it runs out by itself.)"""
    places: dict[str, dict[tuple[str, ...], None]] = {}
    for name, keys in KEYS.items():
        places[name] = {
            (str(row["dataAreaId"]), *(_plain(row[key]) for key in keys)): None
            for row in subject.dynamics.records(name)
        }
    dangling, left = [], []
    async for row in _rows(subject.tables, "", table="links"):
        cells = row.cells
        if row.row.startswith("link~"):
            name = WRITTEN_AS.get(str(cells["entity_set"]), str(cells["entity_set"]))
            if name in POSTED_AWAY:
                continue
            found = json_of(cells["keys"])
            place = (str(cells["company"]), *(_plain(found[key]) for key in KEYS[name]))
            if place not in places[name]:
                dangling.append(f"{row.partition} {row.row}: {name} {place}")
        elif row.row.startswith("intent~"):
            left.append(f"{row.partition} {row.row}")
    return _listed("link_dangling", dangling) + _listed("write_left_open", left)


def json_of(cell: object) -> dict[str, Any]:
    """The JSON object in a cell."""
    found: dict[str, Any] = json.loads(str(cell))
    return found


def _plain(value: object) -> str:
    return value if isinstance(value, str) else str(int(str(value).partition(".")[0]))


async def _rows(tables: MemoryTables, prefix: str, *, table: str = "events") -> AsyncIterator[Row]:
    """All rows of a table whose row key begins so."""
    after: tuple[str, str] | None = None
    while True:
        page = await tables.query(table, after=after)
        for row in page:
            if row.row.startswith(prefix):
                yield row
        if len(page) < QUERY_ROWS_MAX:
            return
        after = (page[-1].partition, page[-1].row)


async def parked_ids(tables: MemoryTables) -> list[str]:
    """The items in the inbox."""
    return [row.row.partition("~")[2] async for row in _rows(tables, "parked~")]
