from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from local.tables import MemoryTables
from shared.domain.records import Link, Record
from shared.entities.fee_invoice.records import VendorInvoiceJournal
from shared.errors import QueueUnavailable, Refused
from shared.ports import Json, Lookup, Put, Row
from shared.services.audit.audit import AUDIT_DAYS
from shared.stores.journals import POSTED, TABLE, UNPOSTED
from shared.stores.links import LinkStore
from tests.unit.entities.objects import general_line, payout, plain_txn
from tests.unit.services.fakes import START, FakeDynamics, Rig, rig

TODAY = START.date()
LINES = "LedgerJournalLines"


def transaction(number: int, days: int = 0) -> Json:
    created = int((START - timedelta(days=days, hours=1)).timestamp())
    return plain_txn(1, "fee", "stripe_fee", None, id=f"txn_{number}", created=created)


async def book(
    found: Rig, id: str, key: str = "", *, company: str = "usmf", days: int = 0, line: int = 1
) -> None:
    """A link to a line of some days ago, and the line itself."""
    key = key or f"{id}:gross"
    role = key.split(":")[1]
    when = TODAY - timedelta(days=days)
    document = general_line(role, company, key=key, date=when)
    link = Link(
        {"JournalBatchNumber": "B1", "LineNumber": line}, Record(document, LINES, "PaymentId", {})
    )
    store = LinkStore(found.tables, found.clock, 600)
    claim = await store.claim(id, "test")
    await store.settle(claim, [link], [], [], [document])
    enter(found, key, when, company=company, line=line)


def enter(found: Rig, key: str, when: date, *, company: str = "usmf", line: int = 1) -> None:
    row = {
        "dataAreaId": company,
        "PaymentId": key,
        "JournalBatchNumber": "B1",
        "LineNumber": line,
        "TransDate": when,
    }
    found.dynamics.rows.setdefault(LINES, []).append(row)


def remove(found: Rig, key: str) -> None:
    found.dynamics.rows[LINES] = [
        row for row in found.dynamics.rows[LINES] if row["PaymentId"] != key
    ]


async def audited(found: Rig) -> list[str]:
    """The objects that an audit has verified, sorted."""
    found.queue.sent.clear()
    await found.app.audit().lines()
    assert {message.body["kind"] for _, message in found.queue.sent} <= {"verify"}
    return sorted(str(message.body["object"]) for _, message in found.queue.sent)


async def test_lines_that_are_where_the_links_say_are_not_verified() -> None:
    found = rig(*(transaction(number, number) for number in range(AUDIT_DAYS)))
    for number in range(AUDIT_DAYS):
        await book(found, f"txn_{number}", days=number)
    assert await audited(found) == []


async def test_a_line_that_is_missing_moved_or_there_twice_is_verified_on_whatever_day() -> None:
    found = rig(*(transaction(number, number) for number in range(AUDIT_DAYS)))
    for number in range(AUDIT_DAYS):
        await book(found, f"txn_{number}", days=number)
    remove(found, "txn_3:gross")
    found.dynamics.rows[LINES][10]["JournalBatchNumber"] = "B9"
    moved = found.dynamics.rows[LINES][10]["PaymentId"].split(":")[0]
    enter(found, "txn_20:gross", TODAY - timedelta(days=20), line=9)
    enter(found, "txn_30:gross", TODAY - timedelta(days=2), line=9)  # the second on another day
    assert await audited(found) == sorted(["txn_3", moved, "txn_20", "txn_30"])


async def test_a_line_of_another_day_than_its_object_is_compared_with_its_link() -> None:
    found = rig(transaction(1, 9), transaction(2, 9), payout(created=0))
    await book(found, "txn_1", "txn_1:apply:INV-1", days=2)
    await book(found, "txn_2", "txn_2:apply:INV-2", days=60, line=2)
    assert await audited(found) == []
    remove(found, "txn_1:apply:INV-1")
    remove(found, "txn_2:apply:INV-2")
    assert await audited(found) == ["txn_1", "txn_2"]


async def test_a_journal_of_vendor_invoices_is_no_line_and_stops_nothing() -> None:
    found, id = rig(), "feedoc_2026-10_usmf_usd_ABC"
    await book(found, id, f"{id}:fee", days=5)
    store = LinkStore(found.tables, found.clock, 600)
    header = VendorInvoiceJournal(
        role="invoice_journal", company="usmf", key=id, journal_name="STRINV"
    )
    record = Record(header, "VendInvoiceJournalHeaders", "Description", {})
    held = await store.claim(id, "test")
    await store.settle(held, [Link({"JournalBatchNumber": "V1"}, record)], [], [], [header])
    assert await audited(found) == []
    remove(found, f"{id}:fee")
    enter(found, f"{id}:fee", TODAY - timedelta(days=5), line=9)
    assert await audited(found) == [id]


async def test_a_line_of_ours_that_no_link_knows_is_verified() -> None:
    found = rig()
    enter(found, "txn_7:gross", TODAY - timedelta(days=5))
    enter(found, "somebody else's", TODAY)
    enter(found, "", TODAY)
    enter(found, "cus_1:gross", TODAY)
    assert await audited(found) == ["txn_7"]


class OneCompanyAway(FakeDynamics):
    """Refuses to read one company."""

    async def find(self, lookup: Lookup) -> list[Json]:
        if lookup.company == "demf":
            raise Refused("dynamics", "no such company")
        return await super().find(lookup)


async def test_a_company_that_cannot_be_read_does_not_stop_the_others() -> None:
    found = rig(transaction(1), transaction(2))
    found.dynamics = OneCompanyAway()
    found.app = replace(found.app, dynamics=found.dynamics)
    await book(found, "txn_1")
    await book(found, "txn_2", company="demf", line=2)
    remove(found, "txn_1:gross")
    with pytest.raises(ExceptionGroup, match="audit_lines failed for company demf"):
        await audited(found)
    assert [message.body["object"] for _, message in found.queue.sent] == ["txn_1"]


class OneObjectBroken(MemoryTables):
    """The rows of one object cannot be read."""

    async def query(self, table: str, **asked: object) -> list[Row]:
        if asked.get("partition") == "txn_1":
            raise RecursionError("deep")
        return await super().query(table, **asked)  # type: ignore[arg-type]


async def test_an_object_that_cannot_be_read_does_not_stop_the_others() -> None:
    found = rig(transaction(1), transaction(2), tables=OneObjectBroken())
    await book(found, "txn_2")
    remove(found, "txn_2:gross")
    with pytest.raises(ExceptionGroup, match="object txn_1"):
        await audited(found)
    assert [message.body["object"] for _, message in found.queue.sent] == ["txn_2"]


async def test_an_audit_whose_queue_is_away_goes_on_there_later() -> None:
    found = rig(transaction(1), transaction(2, 20))
    for number, days in ((1, 0), (2, 20)):
        await book(found, f"txn_{number}", days=days, line=number)
        remove(found, f"txn_{number}:gross")
    found.queue.error = QueueUnavailable("down")
    with pytest.raises(QueueUnavailable):
        await found.app.audit().lines()
    found.queue.error = None
    assert await found.app.audit().go_on() == 2
    assert await found.app.audit().go_on() == 0
    assert await found.app.audit().lines() == 2


async def _unposted(found: Rig, names: Sequence[str]) -> None:
    for name in names:
        note = Put(name, {"opened_at": START, "period": "2026-11-01"})
        await found.tables.transact(TABLE, UNPOSTED, [note])


async def test_the_journals_of_other_companies_are_noted_when_one_cannot_be_read() -> None:
    found = rig()
    headers = [{"dataAreaId": "usmf", "JournalBatchNumber": "B2", "IsPosted": "Yes"}]
    away = OneCompanyAway(rows={"LedgerJournalHeaders": headers})
    found.app = replace(found.app, dynamics=away)
    await _unposted(found, ["demf~general~B1", "usmf~general~B2"])
    with pytest.raises(ExceptionGroup, match="general journals of demf"):
        await found.app.posting_watch().run()
    rows = await found.tables.query(TABLE, partition=POSTED)
    assert [row.row for row in rows] == ["usmf~general~B2"]
