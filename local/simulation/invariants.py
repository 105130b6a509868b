"""What must hold: some of it always, all of it when the world has come to rest."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from local.books import CUSTOMER_ID_PROPERTY
from local.simulation import invariants_books, oracle, order_oracle
from local.simulation.dispute_oracle import is_open
from local.simulation.history import is_unbooked
from local.simulation.invariants_books import expected
from local.simulation.subject import JudgedWorld, Violation, listed
from local.tables import MemoryTables
from shared.outcomes import Kind
from shared.ports import QUERY_ROWS_MAX, Row
from shared.registry import REGISTRY

UNREADABLE = "unreadable_message"  # what somebody else sends names no object and no amount
OPEN_DISPUTE = "dispute_open"  # waits until the bank decides
AWAY = "unavailable"  # what parks while a system does not answer
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
    "VendInvoiceJournalHeaders": ("JournalBatchNumber",),
    "VendInvoiceJournalLines": ("JournalBatchNumber", "LineNumber"),
    "VendorPaymentJournalHeaders": ("JournalBatchNumber",),
    "VendorPaymentJournalLines": ("JournalBatchNumber", "LineNumber"),
}
WRITTEN_AS = {"ReleasedProductCreationsV2": "ReleasedProductsV2"}
POSTED_AWAY = (
    "OpenTradeAgreementJournalHeadersV2",
    "OpenSalesPriceJournalLinesV2",
)  # posting turns them into prices in force


def doubled(subject: JudgedWorld) -> list[Violation]:
    """Records that exist twice. Looked for often: an audit of the product removes some."""
    customers = oracle.repeated_customers(subject.dynamics, CUSTOMER_ID_PROPERTY)
    return (
        listed("duplicate_line", oracle.repeated_keys(subject.dynamics))
        + listed("duplicate_customer", customers)
        + listed("duplicate_order", order_oracle.repeated(subject.dynamics))
    )


async def overtaken(subject: JudgedWorld) -> list[Violation]:
    """A sweep's cursor may pass only what the queues were given: nothing looks there again. What
    was before the app was switched on is the backfill's."""
    found, began = [], subject.history.began.timestamp()
    lists = (("balance_transaction", subject.given.objects), ("event", subject.given.items))
    for alias, peer, name, known in (
        (alias, peer, *each) for alias, peer in subject.peers.items() for each in lists
    ):
        cursor = name if peer is subject.stripe else f"{alias}~{name}"
        row = await subject.tables.get("cursors", "sweep", cursor)
        through = row.cells.get("through") if row is not None else None
        if not isinstance(through, datetime):
            continue
        before = (through - timedelta(hours=subject.overlap_hours)).timestamp()
        found += [
            f"{each['id']} {each.get('type')} is older than the cursor {through}"
            for each in peer.objects(name)
            if began <= each["created"] < before and each["id"] not in known
            if name != "event" or REGISTRY.of_event(each["type"]) is not None
        ]
    return listed("cursor_overtakes", found)


def always(subject: JudgedWorld) -> list[Violation]:
    """What holds at every moment, whatever fails: nothing doubled, nothing wrong."""
    found = doubled(subject)
    wanted = {
        key: entry for entries in expected(subject).values() for key, entry in entries.items()
    }
    wrong = [
        f"{key}: {entry}, expected {wanted.get(key)}"
        for key, entries in oracle.booked(subject.dynamics).items()
        for entry in entries
        if wanted.get(key) != entry
    ]
    found += listed("wrong_line", wrong)
    decided = subject.history.decided
    written = oracle.booked(subject.dynamics)
    again = [key for key in written if key.partition(":")[0] in decided]
    found += listed("resolved_written", again)
    found += listed("dead_letters_stay", subject.letters.left(subject.broker))
    return found


async def at_rest(subject: JudgedWorld) -> list[Violation]:
    """What holds after a quiet period: nothing lost, nothing in limbo."""
    parked = {row.cells["object"]: row for row in await parked_rows(subject.tables)}
    found = always(subject)
    found += invariants_books.stand(subject, parked)
    found += _queues(subject)
    found += await _items(subject)
    found += await _resolutions(subject)
    found += await _tie_outs(subject)
    found += await _links(subject)
    found += await _journals(subject)
    return found


def _queues(subject: JudgedWorld) -> list[Violation]:
    left = []
    for queue in subject.broker.queues:
        depth = subject.broker.depth(queue.name)
        if depth.ready or depth.locked or depth.scheduled or depth.dead:
            left.append(f"{queue.name}: {depth}")
    return listed("queue_not_empty", left)


async def _items(subject: JudgedWorld) -> list[Violation]:
    """Every object is done, skipped or parked; parked ones say why and what to do. Every event of
    ours is known."""
    limbo, mute, unhealed, worthless, known = [], [], [], [], {}
    hopeless = _hopeless(subject)
    async for row in _rows(subject.tables, "event~"):
        known[row.row.partition("~")[2]] = str(row.cells["status"])
    async for row in _rows(subject.tables, "object~"):
        id, cells = row.row.partition("~")[2], row.cells
        status, cause = str(cells["status"]), str(cells["cause"])
        told = f"{id} {cells['entity']} {cells['object']} {status} {cause}: {cells['text']}"
        if status in (Kind.RETRY.value, Kind.WAITING.value):
            if not (cause == OPEN_DISPUTE and is_open(subject.peers, str(cells["object"]))):
                limbo.append(told)
        elif status == Kind.PARK.value:
            if not cells["cause"] or not cells["remedy"] or not cells["text"]:
                mute.append(told)
            if cause not in ALLOWED_CAUSES and cells["object"] not in hopeless:
                unhealed.append(told)
            money = cells["entity"] == "balance_transaction" and cause != UNREADABLE
            if money and not cells["amount_minor"]:
                worthless.append(told)
    lost = [
        f"{event['id']} {event['type']}"
        for event in subject.all_objects("event")
        if REGISTRY.of_event(event["type"]) is not None and event["id"] not in known
        if event["created"] >= subject.history.began.timestamp()
        if not _may_be_purged(subject, event)
    ]
    return (
        listed("item_in_limbo", limbo)
        + listed("parked_without_words", mute)
        + listed("parked_not_healed", unhealed)
        + listed("parked_without_amount", worthless)
        + listed("event_lost", lost)
    )


def _may_be_purged(subject: JudgedWorld, event: Mapping[str, Any]) -> bool:
    """Whether the app was given an event so long ago that its row may be gone."""
    is_old = event["created"] < subject.purged_before.timestamp()
    return is_old and event["id"] in subject.given.items


def _hopeless(subject: JudgedWorld) -> dict[str, None]:
    """What stays in the inbox for ever: nobody sets up a book for its currency."""
    return {
        str(each["id"]): None
        for alias, stripe in subject.peers.items()
        for type in ("balance_transaction", "charge", "refund", "dispute", "payout")
        for each in stripe.objects(type)
        if is_unbooked(alias, each["currency"])
    }


async def _resolutions(subject: JudgedWorld) -> list[Violation]:
    """Who resolved an item, and why, is kept."""
    told = {
        str(row.cells["object"]): str(row.cells["text"])
        async for row in _rows(subject.tables, "object~")
        if row.cells["status"] == Kind.RESOLVED.value
    }
    forgotten = [
        f"{id} was resolved by {each.who}: {each.reason}; it says {told.get(id)!r}"
        for id, each in subject.history.decided.items()
        if each.who not in told.get(id, "") or each.reason not in told.get(id, "")
    ]
    return listed("resolved_written", forgotten)


async def _tie_outs(subject: JudgedWorld) -> list[Violation]:
    """Every payout whose members Stripe can list is tied out."""
    tied = {
        row.row: str(row.cells["status"])
        async for row in _rows(subject.tables, "", table="payouts")
        if row.partition == "tieouts"
    }
    untied = [
        f"{payout['id']} is {tied.get(payout['id'], 'not there')}"
        for alias, stripe in subject.peers.items()
        for payout in stripe.objects("payout")
        if payout["reconciliation_status"] == "completed" and tied.get(payout["id"]) != "tied"
        if not is_unbooked(alias, payout["currency"]) and not _has_decided(subject, payout["id"])
    ]
    return listed("payout_not_tied", untied)


def _has_decided(subject: JudgedWorld, payout: str) -> bool:
    """Whether people decided about a member of a payout, or took it back: then its lines
    are not all ours."""
    decided = subject.history.incomplete
    if not decided:
        return False
    path, params = "/v1/balance_transactions", {"payout": payout, "limit": 100}
    members = [
        txn
        for peer in subject.peers.values()
        if payout in [each["id"] for each in peer.objects("payout")]
        for txn in peer.request("GET", path, params)["data"]
    ]
    return any(txn["id"] in decided for txn in members)


async def _links(subject: JudgedWorld) -> list[Violation]:
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
    return listed("link_dangling", dangling) + listed("write_left_open", left)


async def _journals(subject: JudgedWorld) -> list[Violation]:
    """Of each posted journal that we wrote to it is known whether it is posted."""
    noted = {
        tuple(row.row.split("~", maxsplit=2)[::2]): None
        async for row in _rows(subject.tables, "", table="journals")
        if row.partition in ("unposted", "posted")
    }
    forgotten = [
        f"{header['dataAreaId']} {header['JournalBatchNumber']}"
        for name in ("CustomerPaymentJournalHeaders", "LedgerJournalHeaders")
        for header in subject.dynamics.records(name)
        if header["IsPosted"] == "Yes"
        and f"{header['dataAreaId']} {header['JournalBatchNumber']}" in subject.journals.written
        and (header["dataAreaId"], header["JournalBatchNumber"]) not in noted
    ]
    return listed("journal_forgotten", forgotten)


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


async def slow_to_heal(subject: JudgedWorld, calm_at: datetime) -> list[Violation]:
    """Items that are parked since before the faults stopped, because a system was away. A day
    later all of them must have been tried, however many they are."""
    return listed(
        "parked_not_healed",
        [
            f"{row.row} is parked since {row.cells['updated_at']}: {row.cells['text']}"
            for row in await parked_rows(subject.tables)
            if row.cells["cause"] == AWAY and _moment(row.cells["updated_at"]) < calm_at
        ],
    )


def _moment(cell: object) -> datetime:
    if not isinstance(cell, datetime):
        raise TypeError(f"{cell} is no moment")
    return cell


async def parked_rows(tables: MemoryTables) -> list[Row]:
    """The items in the inbox, as rows."""
    return [row async for row in _rows(tables, "parked~")]


async def parked_ids(tables: MemoryTables) -> list[str]:
    """The items in the inbox."""
    return [row.row.partition("~")[2] for row in await parked_rows(tables)]
