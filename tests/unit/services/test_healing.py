"""Healing over fakes: whose turn it is, and when a cause is opened up."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.outcomes import Kind, Outcome
from shared.ports import Put
from shared.services.inbox.healing import (
    FOR_PEOPLE,
    GROWTH,
    HEAL,
    HEALED_MAX,
    JUDGED_MAX,
    PROBES,
    TABLE,
    next_width,
)
from shared.stores.item import Item
from shared.stores.items import ItemOutcome, Items
from tests.unit.services.fakes import Rig, rig

QUEUE, ENTITY = "ledger", "balance_transaction"
HOUR = 3_600


class Ward:
    """Parked objects; `outcome` says what becomes of one that is tried."""

    def __init__(self, count: int, cause: str = "refused") -> None:
        self.rig: Rig = rig()
        self.items = Items(self.rig.tables, self.rig.clock)
        self.healing = self.rig.app.healing()
        self.names = [f"txn_{number:05}" for number in range(count)]
        self.cause = cause
        self.tried: dict[str, int] = {}

    async def park(self) -> None:
        for start in range(0, len(self.names), 500):
            part = self.names[start : start + 500]
            await self.items.store(
                QUEUE, [ItemOutcome(Item(name, "", ENTITY, name), self.outcome()) for name in part]
            )

    def outcome(self, kind: Kind = Kind.PARK, cause: str = "") -> Outcome:
        return Outcome(kind, cause=cause or self.cause, text="text", remedy="remedy")

    async def run(self, outcome: Callable[[str], Outcome | None]) -> int:
        """One run an hour after the last one, and what becomes of the objects that it sent."""
        self.rig.clock.advance(HOUR)
        sent = await self.healing.run()
        messages = [message for _, message in self.rig.queue.sent]
        assert sent == len(messages)
        self.rig.queue.sent.clear()
        self.rig.clock.advance(60)
        outcomes = []
        for message in messages:
            name = str(message.body["object"])
            self.tried[name] = self.tried.get(name, 0) + 1
            told = outcome(name)
            if told is not None:
                outcomes.append(ItemOutcome(Item(**message.body), told))
        await self.items.store(QUEUE, outcomes)
        return sent

    async def left(self) -> int:
        return len([item async for item in self.healing._inbox.each()])


async def test_every_object_of_a_cause_gets_its_turn() -> None:
    ward = Ward(4 * PROBES)
    await ward.park()
    healable = ward.names[-1]  # whatever the order, it is not the only one that is tried

    def outcome(name: str) -> Outcome:
        return ward.outcome(Kind.DONE if name == healable else Kind.PARK)

    for _ in range(4):
        await ward.run(outcome)
    assert set(ward.tried) == set(ward.names)
    assert await ward.left() == len(ward.names) - 1
    counts = dict(ward.tried)
    await ward.run(outcome)
    assert max(counts.values()) == 1  # nobody had a second turn before all had theirs


async def test_a_cause_that_is_gone_empties_in_a_few_runs() -> None:
    ward = Ward(1_000)
    await ward.park()
    sent = []
    while await ward.left():
        sent.append(await ward.run(lambda _: ward.outcome(Kind.DONE)))
    assert sent == [PROBES, PROBES * GROWTH, PROBES * GROWTH**2, PROBES * GROWTH**3, 575]


async def test_opening_ends_when_probes_fail_again() -> None:
    ward = Ward(200)
    await ward.park()
    sent = [await ward.run(lambda _: ward.outcome(Kind.DONE)) for _ in range(2)]
    sent += [await ward.run(lambda _: ward.outcome(Kind.PARK)) for _ in range(3)]
    assert sent == [PROBES, PROBES * GROWTH, PROBES * GROWTH**2, PROBES, PROBES]


@pytest.mark.parametrize(
    ("kind", "cause", "is_gone"),
    [
        (Kind.DONE, "", True),
        (Kind.SKIP, "", True),
        (Kind.WAITING, "transaction_not_made", True),
        (Kind.PARK, "other", True),  # this cause is gone, another one shows
        (Kind.PARK, "refused", False),
        (Kind.RETRY, "throttled", False),
        (Kind.RESOLVED, "refused", False),  # a person did that
    ],
)
async def test_what_counts_as_come_through(kind: Kind, cause: str, is_gone: bool) -> None:
    ward = Ward(10 * PROBES)
    await ward.park()
    await ward.run(lambda _: ward.outcome(kind, cause))
    second = await ward.run(lambda _: None)
    others = PROBES if cause == "other" else 0  # that cause is probed as well
    assert second == (PROBES * GROWTH if is_gone else PROBES) + others


async def test_probes_that_nobody_worked_on_yet_open_nothing() -> None:
    ward = Ward(10 * PROBES)
    await ward.park()
    assert [await ward.run(lambda _: None) for _ in range(3)] == [PROBES] * 3


async def test_each_cause_has_its_own_turns() -> None:
    ward = Ward(4 * PROBES)
    await ward.park()
    other = [f"txn_x{number}" for number in range(4 * PROBES)]
    await ward.items.store(
        QUEUE,
        [
            ItemOutcome(Item(id, "", ENTITY, id), ward.outcome(cause="period_closed"))
            for id in other
        ],
    )

    def outcome(name: str) -> Outcome:
        return ward.outcome(Kind.DONE if name in other else Kind.PARK)

    assert await ward.run(outcome) == 2 * PROBES
    assert await ward.run(outcome) == PROBES + 3 * PROBES
    assert await ward.left() == len(ward.names)


@pytest.mark.parametrize("cause", FOR_PEOPLE)
async def test_what_only_a_person_can_mend_is_left_alone(cause: str) -> None:
    ward = Ward(3, cause)
    await ward.park()
    assert await ward.run(lambda _: None) == 0


async def test_a_cause_of_which_nothing_is_parked_begins_anew() -> None:
    ward = Ward(PROBES)
    await ward.park()
    await ward.run(lambda _: ward.outcome(Kind.DONE))
    assert await ward.rig.tables.get(TABLE, HEAL, "refused") is not None
    await ward.run(lambda _: None)
    assert await ward.rig.tables.get(TABLE, HEAL, "refused") is None
    ward.names = [f"txn_y{number}" for number in range(10 * PROBES)]
    await ward.park()
    assert await ward.run(lambda _: None) == PROBES


async def test_a_row_of_an_older_version_begins_anew() -> None:
    ward = Ward(2 * PROBES)
    await ward.park()
    old = Put("refused", {"place": "charge~0", "item": "evt_1"})
    await ward.rig.tables.transact(TABLE, HEAL, [old])
    assert await ward.run(lambda _: None) == PROBES


async def test_no_message_of_a_probe_has_an_id_that_was_sent_before() -> None:
    ward = Ward(2)
    await ward.park()
    ids = []
    for _ in range(4):
        ward.rig.clock.advance(HOUR)
        await ward.healing.run()
        messages = [message for _, message in ward.rig.queue.sent]
        ward.rig.queue.sent.clear()
        ids += [message.id for message in messages]
        items = [Item(**message.body) for message in messages]
        await ward.items.store(QUEUE, [ItemOutcome(item, ward.outcome()) for item in items])
    assert len(ids) == len(set(ids)) == 8


@given(st.integers(PROBES, HEALED_MAX), st.integers(0, JUDGED_MAX), st.integers(0, JUDGED_MAX))
def test_the_width_stays_within_its_limits(width: int, came_through: int, failed: int) -> None:
    found = next_width(width, came_through, failed)
    assert PROBES <= found <= HEALED_MAX
    if failed:
        assert found <= width
    if not came_through:
        assert found == PROBES
