"""Questions to Dynamics before documents are computed."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.documents.common import Context, Question, Snapshot
from shared.domain.records import Document, Link, Record
from shared.errors import Parked, Refused, Unavailable
from shared.ports import Json, Lookup
from shared.registry import Entity, entity_named
from shared.services.asking import ROUNDS_MAX, ask, expect
from shared.services.looking import LOOK_KEYS_MAX
from shared.services.plan import Plan
from shared.services.task import Task
from tests.unit.documents.objects import CONTEXT, charge
from tests.unit.services.fakes import FakeDynamics


def question(name: str, value: str) -> Question:
    return Question(name, "CustomersV3", "usmf", "Mail", value, ("Mail", "Name"))


def rounds(count: int) -> Entity:
    """An entity whose questions come one after the other."""

    def questions(snapshot: Snapshot, context: Context) -> tuple[Question, ...]:
        del context
        known = len(snapshot.answers)
        return (question(f"q{known}", f"{known}@example.com"),) if known < count else ()

    return replace(entity_named("charge"), ask=questions)


def mails() -> Entity:
    """An entity that asks for its object's e-mail."""

    def questions(snapshot: Snapshot, context: Context) -> tuple[Question, ...]:
        del context
        return (question("mail", str(snapshot.object["mail"])),)

    return replace(entity_named("charge"), ask=questions)


def task(id: str = "ch_1", mail: str = "ada@example.com") -> Task:
    return Task(id, snapshot=Snapshot("charge", id, charge(id=id, mail=mail)))


class PickyDynamics(FakeDynamics):
    """Refuses some lookups."""

    refuse: Callable[[Lookup], Exception | None] = staticmethod(lambda _lookup: None)

    async def find(self, lookup: Lookup) -> list[Json]:
        error = self.refuse(lookup)
        if error is not None:
            self.lookups.append(lookup)
            raise error
        return await super().find(lookup)


@pytest.mark.parametrize("count", [0, 1, ROUNDS_MAX - 1, ROUNDS_MAX])
async def test_a_task_whose_last_round_was_answered_goes_on(count: int) -> None:
    asked = task()
    await ask(FakeDynamics(), rounds(count), [asked], CONTEXT)
    assert asked.error is None
    assert asked.snapshot is not None
    assert list(asked.snapshot.answers) == [f"q{n}" for n in range(count)]


async def test_a_task_that_still_asks_after_the_last_round_parks() -> None:
    asked, quiet = task(), task("ch_2")
    quiet.fail(Refused("stripe", "no"))
    await ask(FakeDynamics(), rounds(ROUNDS_MAX + 1), [asked, quiet], CONTEXT)
    assert isinstance(asked.error, Parked)
    assert asked.error.cause == "limit_reached"
    assert asked.error.remedy
    assert isinstance(quiet.error, Refused)


async def test_a_question_that_is_refused_fails_its_own_task() -> None:
    dynamics = PickyDynamics()
    odd = "odd@example.com"

    def refuse(lookup: Lookup) -> Exception | None:
        return Refused("dynamics", "odd") if lookup.any_of and odd in lookup.any_of[1] else None

    dynamics.refuse = refuse
    tasks = [task(f"ch_{n}", f"{n}@example.com") for n in range(LOOK_KEYS_MAX + 5)]
    tasks[3] = task("ch_3", odd)
    await ask(dynamics, mails(), tasks, CONTEXT)
    assert [each.id for each in tasks if not each.going] == ["ch_3"]
    assert all(each.snapshot and "mail" in each.snapshot.answers for each in tasks if each.going)


async def test_a_system_that_does_not_answer_is_asked_once_for_all() -> None:
    dynamics = PickyDynamics()
    dynamics.refuse = lambda _lookup: Unavailable("dynamics", "503")
    tasks = [task(f"ch_{n}", f"{n}@example.com") for n in range(3 * LOOK_KEYS_MAX)]
    await ask(dynamics, mails(), tasks, CONTEXT)
    assert {type(each.error) for each in tasks} == {Unavailable}
    assert len(dynamics.lookups) == 1


async def test_an_answer_that_nobody_can_read_fails_those_who_asked() -> None:
    dynamics = FakeDynamics(rows={"CustomersV3": [{"dataAreaId": "usmf", "Mail": None}]})

    async def without_field(lookup: Lookup) -> list[Json]:
        return [{"Name": lookup.company}]

    dynamics.find = without_field  # type: ignore[method-assign]
    asked = task()
    await ask(dynamics, mails(), [asked], CONTEXT)
    assert isinstance(asked.error, KeyError)


def resting(id: str, parent: bool = True) -> Task:
    """A task whose change rests on an amount of its parent."""
    header = Document("order", "customer", "usmf", id, {})
    document = Document(
        "release",
        "customer",
        "usmf",
        id,
        {"currency": "usd"},
        parent="order",
        expects={"Total": 500},
    )
    made = Task(id)
    if parent:
        made.new_links.append(
            Link({"OrderNumber": id}, Record(header, "Orders", "OrderNumber", {}))
        )
    made.plan = Plan(create=(Record(document, "Orders", "OrderNumber", {}),))
    return made


async def test_what_cannot_be_read_back_fails_its_own_task() -> None:
    rows = [
        {"dataAreaId": "usmf", "OrderNumber": "ch_2", "Total": Decimal(5)},
        {"dataAreaId": "usmf", "OrderNumber": "ch_3", "Total": Decimal(6)},
    ]
    tasks = [resting("ch_1", parent=False), resting("ch_2"), resting("ch_3")]
    await expect(FakeDynamics(rows={"Orders": rows}), tasks)
    assert [type(each.error) for each in tasks] == [KeyError, type(None), Parked]


async def test_reading_back_ends_with_the_first_system_that_does_not_answer() -> None:
    dynamics = PickyDynamics()
    dynamics.refuse = lambda _lookup: Unavailable("dynamics", "503")
    tasks = [resting("ch_1"), resting("ch_2"), resting("ch_3")]
    await expect(dynamics, tasks)
    assert [type(each.error) for each in tasks] == [Unavailable] * 3
    assert len(dynamics.lookups) == 1
