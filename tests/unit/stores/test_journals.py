import random
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from local.tables import MemoryTables
from shared.domain.journal import JournalKind
from shared.errors import (
    CredentialsRefused,
    DuplicateKey,
    Parked,
    Refused,
    TableConflict,
    UncertainWrite,
)
from shared.ports import Row
from shared.settings import PARTITIONS_MAX
from shared.stores.journals import (
    DESCRIPTION_CHARS_MAX,
    ROLLS_MAX,
    TABLE,
    UNPOSTED,
    Journals,
    JournalTarget,
    Slot,
    Writer,
    close,
    description,
    note_posted,
    passed_over,
)
from shared.stripe_accounts import ALIAS_CHARS_MAX
from shared.targets.finance import FINANCE
from tests.unit.services.fakes import START, FakeDynamics, ManualClock, settings

NOVEMBER, DECEMBER = date(2026, 11, 5), date(2026, 12, 5)
PAYMENTS = JournalTarget("usmf", JournalKind.CUSTOMER_PAYMENT, NOVEMBER)
HEADERS = "CustomerPaymentJournalHeaders"
PLACE = "usmf~USPay~charge~0"
WRITER = Writer("charge", "0", "one")
OTHER = Writer("charge", "0", "other")
LOST = ("lost", UncertainWrite("time-out"))
SETTINGS = settings(
    journal_lines_max=10, journal_hours_max=24, lease_seconds=600, write_settle_seconds=300
)


class LaggingTables(MemoryTables):
    """Once `stale` is set, reads show it: what somebody read before another wrote."""

    stale: Row | None = None

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        return self.stale or await super().get(table, partition, row)


class Desk:
    """Journals over fakes."""

    def __init__(self) -> None:
        self.dynamics, self.tables, self.clock = FakeDynamics(), LaggingTables(), ManualClock()
        self.journals = Journals(
            *(self.tables, self.dynamics, self.clock, random.Random(1), SETTINGS),
            books=SETTINGS.books,
        )

    async def reserve(
        self, count: int = 1, target: JournalTarget = PAYMENTS, writer: Writer = WRITER
    ) -> list[Slot]:
        return await self.journals.reserve(target, count, writer)

    async def batches(self, count: int = 1, writer: Writer = WRITER) -> list[str]:
        return list(dict.fromkeys(slot.batch for slot in await self.reserve(count, writer=writer)))

    @property
    def headers(self) -> list[dict[str, object]]:
        return self.dynamics.rows.get(HEADERS, [])


async def test_the_first_reservation_opens_a_journal() -> None:
    desk = Desk()
    slots = await desk.reserve(3)
    (header,) = desk.headers
    assert header["JournalName"] == "USPay"
    assert str(header["Description"]).startswith("Stripe 2026-11-05 receipts ")
    assert slots == [Slot(str(header["JournalBatchNumber"]), number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("kind", "session", "expected"),
    [
        (JournalKind.CUSTOMER_PAYMENT, "0", "Stripe 2026-11-05 receipts 0a1b2c3d"),
        (JournalKind.GENERAL, "0", "Stripe 2026-11-05 general 0a1b2c3d"),
        (JournalKind.GENERAL, "2", "Stripe 2026-11-05 general 2 0a1b2c3d"),
        (JournalKind.GENERAL, "shop~0", "Stripe 2026-11-05 general shop 0a1b2c3d"),
        (JournalKind.GENERAL, "shop~2", "Stripe 2026-11-05 general shop~2 0a1b2c3d"),
    ],
)
def test_a_description_is_what_a_person_searches_for_with_uniqueness_last(
    kind: JournalKind, session: str, expected: str
) -> None:
    assert description(JournalTarget("usmf", kind, NOVEMBER), session, "0a1b2c3d") == expected


@pytest.mark.parametrize("kind", [*JournalKind])
async def test_the_longest_description_fits_its_field(kind: JournalKind) -> None:
    desk = Desk()
    session = f"{'a' * ALIAS_CHARS_MAX}~{PARTITIONS_MAX - 1}"
    await desk.reserve(1, JournalTarget("usmf", kind, NOVEMBER), Writer("ledger", session, "one"))
    (header,) = desk.dynamics.rows[FINANCE.of_journal(kind).header]
    assert f" {session} " in str(header["Description"])
    assert len(str(header["Description"])) <= DESCRIPTION_CHARS_MAX


async def test_a_description_that_does_not_fit_parks() -> None:
    desk = Desk()
    with pytest.raises(Parked, match="shorten the alias") as caught:
        await desk.reserve(1, PAYMENTS, Writer("ledger", f"{'a' * 30}~0", "one"))
    assert caught.value.cause == "limit_reached"
    assert desk.headers == []


async def test_the_next_reservation_goes_on_where_the_last_ended() -> None:
    desk = Desk()
    first = await desk.reserve(3)
    second = await desk.reserve(2)
    assert [slot.line_number for slot in second] == [4, 5]
    assert second[0].batch == first[0].batch
    assert len(desk.headers) == 1


async def test_a_full_journal_is_followed_by_a_fresh_one() -> None:
    desk = Desk()
    slots = await desk.reserve(25)
    assert [slot.line_number for slot in slots] == [*range(1, 11), *range(1, 11), *range(1, 6)]
    assert len(dict.fromkeys(slot.batch for slot in slots)) == 3
    assert len(desk.headers) == 3
    assert [slot.line_number for slot in await desk.reserve(1)] == [6]


async def test_an_exactly_full_journal_is_not_used_again() -> None:
    desk = Desk()
    (first,) = await desk.batches(10)
    (second,) = await desk.batches(1)
    assert first != second


async def test_an_old_journal_is_followed_by_a_fresh_one() -> None:
    desk = Desk()
    first = await desk.batches()
    desk.clock.advance(24 * 3_600)
    assert await desk.batches() == first
    desk.clock.advance(1)
    assert await desk.batches() != first


async def test_accounting_dates_never_share_a_journal() -> None:
    desk = Desk()
    (fifth,) = await desk.reserve()
    (sixth,) = await desk.reserve(target=replace(PAYMENTS, date=date(2026, 11, 6)))
    assert fifth.batch != sixth.batch
    assert (await desk.reserve())[0] == Slot(fifth.batch, 2)


async def test_companies_kinds_queues_partitions_and_accounts_never_share_a_journal() -> None:
    desk = Desk()
    found = [
        (await desk.reserve(1, target, writer))[0].batch
        for target in (
            PAYMENTS,
            JournalTarget("demf", JournalKind.CUSTOMER_PAYMENT, NOVEMBER),
            JournalTarget("usmf", JournalKind.GENERAL, NOVEMBER),
        )
        for writer in (
            WRITER,
            Writer("refund", "0", "one"),
            Writer("charge", "1", "one"),
            Writer("charge", "shop~0", "one"),
        )
    ]
    assert len(dict.fromkeys(found)) == 12


async def test_a_journal_that_another_holds_is_left_for_a_fresh_one() -> None:
    desk = Desk()
    first = await desk.batches(writer=WRITER)
    desk.clock.advance(599)
    assert await desk.batches(writer=OTHER) != first


async def test_a_lease_that_ran_out_hands_the_journal_over() -> None:
    desk = Desk()
    first = await desk.batches(writer=WRITER)
    desk.clock.advance(600)
    assert await desk.batches(writer=OTHER) == first


async def test_a_released_journal_is_taken_over_at_once() -> None:
    desk = Desk()
    first = await desk.batches(writer=WRITER)
    await desk.journals.release(PAYMENTS, WRITER)
    assert await desk.batches(writer=OTHER) == first


async def test_a_journal_is_released_by_its_holder_alone() -> None:
    desk = Desk()
    first = await desk.batches(writer=WRITER)
    await desk.journals.release(PAYMENTS, OTHER)
    assert await desk.batches(writer=OTHER) != first


async def test_two_writers_at_once_never_get_the_same_place() -> None:
    desk = Desk()
    await desk.reserve()
    await desk.journals.release(PAYMENTS, WRITER)
    stale = await desk.tables.get(TABLE, PLACE, "open~2026-11-05")
    mine = await desk.reserve(writer=WRITER)
    desk.tables.stale = stale
    with pytest.raises(TableConflict):
        await desk.reserve(writer=OTHER)
    assert mine[0].line_number == 2


async def test_a_lost_answer_for_a_header_waits_and_then_finds_it() -> None:
    desk = Desk()
    desk.dynamics.script = [LOST]
    with pytest.raises(UncertainWrite) as caught:
        await desk.reserve()
    assert caught.value.retry_after_seconds == 300
    desk.clock.advance(300)
    with pytest.raises(UncertainWrite) as caught:
        await desk.reserve()
    assert caught.value.retry_after_seconds == 120
    desk.clock.advance(120)
    (slot,) = await desk.reserve()
    (header,) = desk.headers
    assert slot == Slot(str(header["JournalBatchNumber"]), 1)
    (lookup,) = desk.dynamics.lookups
    assert lookup.equals == {
        "JournalName": "USPay",
        "Description": str(header["Description"]),
    }


async def test_a_header_that_is_not_found_is_made_under_the_same_description() -> None:
    desk = Desk()
    desk.dynamics.script = [UncertainWrite("time-out")]
    with pytest.raises(UncertainWrite):
        await desk.reserve()
    desk.clock.advance(420)
    assert (await desk.reserve())[0].line_number == 1
    descriptions = [str(batch[0].fields["Description"]) for batch in desk.dynamics.batches]
    assert len(descriptions) == 2
    assert descriptions[0] == descriptions[1]
    assert len(desk.headers) == 1


async def test_another_worker_does_not_open_a_second_journal_meanwhile() -> None:
    desk = Desk()
    desk.dynamics.script = [LOST]
    with pytest.raises(UncertainWrite):
        await desk.reserve(writer=WRITER)
    with pytest.raises(UncertainWrite):
        await desk.reserve(writer=OTHER)
    assert len(desk.dynamics.batches) == 1


async def test_a_header_whose_number_is_taken_is_looked_for() -> None:
    desk = Desk()
    desk.dynamics.script = [("lost", DuplicateKey("Dynamics", "The record already exists."))]
    with pytest.raises(UncertainWrite):
        await desk.reserve()
    desk.clock.advance(420)
    (slot,) = await desk.reserve()
    assert [header["JournalBatchNumber"] for header in desk.headers] == [slot.batch]


@pytest.mark.parametrize(
    "error", [Refused("Dynamics", "journal name"), CredentialsRefused("Dynamics", "401")]
)
async def test_a_header_that_is_refused_is_tried_anew_next_time(error: Exception) -> None:
    desk = Desk()
    desk.dynamics.script = [error]
    with pytest.raises(type(error)):
        await desk.reserve()
    assert (await desk.reserve())[0].line_number == 1
    assert len(desk.headers) == 1


async def test_a_retired_journal_is_not_used_again() -> None:
    desk = Desk()
    (first,) = await desk.batches()
    await desk.journals.retire(PAYMENTS, first, WRITER)
    (second,) = await desk.batches()
    assert first != second
    closed = await desk.tables.get(TABLE, PLACE, f"closed~{first}")
    assert closed is not None
    assert closed.cells["state"] == "closed"


async def test_retiring_a_journal_that_was_left_already_changes_nothing() -> None:
    desk = Desk()
    (first,) = await desk.batches()
    await desk.journals.retire(PAYMENTS, first, WRITER)
    (second,) = await desk.batches()
    await desk.journals.retire(PAYMENTS, first, WRITER)
    assert await desk.batches() == [second]
    await desk.journals.retire(PAYMENTS, "B-unknown", OTHER)
    assert await desk.batches() == [second]


async def test_every_journal_that_was_left_is_remembered() -> None:
    desk = Desk()
    await desk.reserve(35)
    rows = await desk.tables.query(TABLE, partition=PLACE, prefix="closed~")
    assert [row.cells["lines"] for row in rows] == [10, 10, 10]


async def test_the_same_chance_gives_the_same_descriptions() -> None:
    found = []
    for _ in range(2):
        desk = Desk()
        await desk.reserve(25)
        found.append([header["Description"] for header in desk.headers])
    assert found[0] == found[1]
    assert len(dict.fromkeys(found[0])) == 3


async def test_a_reservation_that_needs_too_many_journals_parks() -> None:
    desk = Desk()
    with pytest.raises(Parked, match="TIEOUT_JOURNAL_LINES_MAX") as caught:
        await desk.reserve(SETTINGS.journal_lines_max * ROLLS_MAX + 1)
    assert caught.value.cause == "limit_reached"


# --- which journals the posting job passed over ---------------------------------------------

TOMORROW = JournalTarget("usmf", JournalKind.CUSTOMER_PAYMENT, DECEMBER)
LEASE = timedelta(seconds=600)


async def noted(desk: Desk, batch: str) -> Row:
    row = await desk.tables.get(TABLE, UNPOSTED, f"usmf~customer_payment~{batch}")
    assert row is not None
    return row


async def is_passed_over(desk: Desk, batch: str, after: datetime = START) -> bool:
    return await passed_over(desk.tables, await noted(desk, batch), LEASE, after)


async def test_a_journal_is_passed_over_when_one_whose_last_line_is_younger_is_posted() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(601)
    (young,) = await desk.reserve(target=TOMORROW)
    assert not await is_passed_over(desk, old.batch)
    await note_posted(desk.tables, await noted(desk, young.batch), desk.clock.now())
    assert await is_passed_over(desk, old.batch)
    assert not await is_passed_over(desk, young.batch)


async def test_no_time_alone_makes_a_journal_passed_over() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(60 * 86_400)
    assert not await is_passed_over(desk, old.batch)


async def test_a_journal_that_got_a_line_later_was_not_passed_over() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(601)
    (young,) = await desk.reserve(target=TOMORROW)
    desk.clock.advance(1)
    await desk.reserve()
    await note_posted(desk.tables, await noted(desk, young.batch), desk.clock.now())
    assert not await is_passed_over(desk, old.batch)


async def test_a_line_that_may_still_be_under_way_keeps_its_journal() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(600)
    (young,) = await desk.reserve(target=TOMORROW)
    await note_posted(desk.tables, await noted(desk, young.batch), desk.clock.now())
    assert not await is_passed_over(desk, old.batch)


async def test_a_place_that_was_reserved_after_the_posting_makes_no_journal_younger() -> None:
    desk = Desk()
    (posted,) = await desk.reserve(target=TOMORROW)
    landed_at = desk.clock.now()
    desk.clock.advance(601)
    (kept,) = await desk.reserve()
    desk.clock.advance(601)
    await desk.reserve(target=TOMORROW)  # nobody has seen yet that it is posted
    await note_posted(desk.tables, await noted(desk, posted.batch), landed_at)
    assert not await is_passed_over(desk, kept.batch)


async def test_a_journal_of_which_nobody_knows_when_its_lines_landed_says_nothing() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(601)
    (young,) = await desk.reserve(target=TOMORROW)
    await note_posted(desk.tables, await noted(desk, young.batch), None)
    assert not await is_passed_over(desk, old.batch)


async def test_an_older_journal_that_is_noted_later_does_not_turn_the_order_back() -> None:
    desk = Desk()
    (first,) = await desk.reserve()
    desk.clock.advance(601)
    (second,) = await desk.reserve(target=TOMORROW)
    desk.clock.advance(601)
    (third,) = await desk.reserve(target=JournalTarget("usmf", PAYMENTS.kind, date(2027, 1, 5)))
    for slot in (third, first):
        await note_posted(desk.tables, await noted(desk, slot.batch), desk.clock.now())
    assert await is_passed_over(desk, second.batch)


async def test_one_of_another_name_says_nothing() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(601)
    (other,) = await desk.reserve(target=JournalTarget("usmf", JournalKind.GENERAL, NOVEMBER))
    row = await desk.tables.get(TABLE, UNPOSTED, f"usmf~general~{other.batch}")
    assert row is not None
    await note_posted(desk.tables, row, desk.clock.now())
    assert not await is_passed_over(desk, old.batch)


async def test_after_an_isolation_the_job_must_pass_a_journal_over_once_more() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    desk.clock.advance(601)
    (young,) = await desk.reserve(target=TOMORROW)
    await note_posted(desk.tables, await noted(desk, young.batch), desk.clock.now())
    desk.clock.advance(60)
    assert not await is_passed_over(desk, old.batch, after=desk.clock.now())


async def test_a_journal_that_rolled_over_is_known_by_its_own_row() -> None:
    desk = Desk()
    (old, *_) = await desk.reserve(10)
    desk.clock.advance(601)
    (young,) = await desk.reserve(1)
    assert young.batch != old.batch
    await note_posted(desk.tables, await noted(desk, young.batch), desk.clock.now())
    assert await is_passed_over(desk, old.batch)


async def test_lines_that_are_kept_apart_get_a_journal_of_their_own() -> None:
    desk = Desk()
    apart = JournalTarget("usmf", PAYMENTS.kind, PAYMENTS.date, "hold-1")
    (one,), (two,) = await desk.reserve(), await desk.reserve(target=apart)
    assert one.batch != two.batch
    assert await desk.reserve(target=apart) == [Slot(two.batch, 2)]


async def test_a_journal_that_is_closed_gets_no_more_lines() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    assert await close(desk.tables, await noted(desk, old.batch))
    (new,) = await desk.reserve()
    assert new.batch != old.batch
    assert await close(desk.tables, await noted(desk, old.batch))  # it is not the open one any more
    assert (await desk.reserve()) == [Slot(new.batch, 2)]


async def test_a_journal_that_a_writer_is_in_is_not_closed() -> None:
    desk = Desk()
    (old,) = await desk.reserve()
    stale = await desk.tables.get(TABLE, PLACE, PAYMENTS.row)
    await desk.reserve()
    row = await noted(desk, old.batch)
    desk.tables.stale = stale
    assert not await close(desk.tables, row)
