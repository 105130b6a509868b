"""Questions to Dynamics before documents are computed."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.converge.queries import ROUNDS_MAX, answered, expect
from shared.converge.recovery import LOOKUP_KEYS_MAX
from shared.converge.stages import Plan, PlannedObject
from shared.domain.documents import LineSum
from shared.domain.money import Money
from shared.domain.records import Link, Record
from shared.entities.common.objects import Context, Query, Snapshot
from shared.entities.entity import Entity
from shared.errors import Parked, Refused, Unavailable, Waiting
from shared.ports import Json, Lookup
from shared.registry import REGISTRY
from tests.unit.converge.values import claim, error_of, planned
from tests.unit.entities.objects import CONTEXT, charge, customer_record
from tests.unit.services.fakes import FakeDynamics


def query(name: str, value: str) -> Query:
    return Query(name, "CustomersV3", "usmf", "Mail", value, ("Mail", "Name"))


def asking(queries: Callable[[Snapshot, Context], tuple[Query, ...]]) -> Entity:
    """An entity with these queries."""
    row = REGISTRY.named("charge")
    making = replace(row.making(), queries_of=queries)
    return replace(row, making=lambda: making)


def rounds(count: int) -> Entity:
    """An entity whose queries come one after the other."""

    def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
        del context
        known = len(snapshot.answers)
        return (query(f"q{known}", f"{known}@example.com"),) if known < count else ()

    return asking(queries)


def mails() -> Entity:
    """An entity that asks for its object's e-mail."""

    def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
        del context
        return (query("mail", str(snapshot.object["mail"])),)

    return asking(queries)


def snapshot(id: str = "ch_1", mail: str = "ada@example.com") -> Snapshot:
    return Snapshot("charge", id, charge(id=id, mail=mail))


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
async def test_an_object_whose_last_round_was_answered_goes_on(count: int) -> None:
    (answer,) = await answered(FakeDynamics(), rounds(count), CONTEXT, [snapshot()])
    assert isinstance(answer, Snapshot)
    assert list(answer.answers) == [f"q{n}" for n in range(count)]


async def test_an_object_that_still_asks_after_the_last_round_parks() -> None:
    (answer,) = await answered(FakeDynamics(), rounds(ROUNDS_MAX + 1), CONTEXT, [snapshot()])
    assert isinstance(answer, Parked)
    assert answer.cause == "limit_reached"
    assert answer.remedy


async def test_a_query_that_is_refused_fails_its_own_object() -> None:
    dynamics = PickyDynamics()
    odd = "odd@example.com"

    def refuse(lookup: Lookup) -> Exception | None:
        return Refused("dynamics", "odd") if lookup.any_of and odd in lookup.any_of[1] else None

    dynamics.refuse = refuse
    asking = [snapshot(f"ch_{n}", f"{n}@example.com") for n in range(LOOKUP_KEYS_MAX + 5)]
    asking[3] = snapshot("ch_3", odd)
    answers = await answered(dynamics, mails(), CONTEXT, asking)
    assert [n for n, answer in enumerate(answers) if isinstance(answer, Refused)] == [3]
    told = [answer for answer in answers if isinstance(answer, Snapshot)]
    assert [answer.id for answer in told] == [each.id for each in asking if each.id != "ch_3"]
    assert all("mail" in answer.answers for answer in told)


async def test_an_object_whose_queries_cannot_be_computed_fails_alone() -> None:
    def broken(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
        del context
        return (query("mail", str(snapshot.object["e-mail"])),)

    entity = asking(broken)
    whole = Snapshot("charge", "ch_2", {"e-mail": "ada@example.com"})
    first, second = await answered(FakeDynamics(), entity, CONTEXT, [snapshot(), whole])
    assert isinstance(first, KeyError)
    assert isinstance(second, Snapshot)


async def test_a_system_that_does_not_answer_is_asked_once_for_all() -> None:
    dynamics = PickyDynamics()
    dynamics.refuse = lambda _lookup: Unavailable("dynamics", "503")
    asking = [snapshot(f"ch_{n}", f"{n}@example.com") for n in range(3 * LOOKUP_KEYS_MAX)]
    answers = await answered(dynamics, mails(), CONTEXT, asking)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert len(dynamics.lookups) == 1


async def test_an_answer_that_nobody_can_read_fails_those_who_asked() -> None:
    dynamics = FakeDynamics(rows={"CustomersV3": [{"dataAreaId": "usmf", "Mail": None}]})

    async def without_field(lookup: Lookup) -> list[Json]:
        return [{"Name": lookup.company}]

    dynamics.find = without_field  # type: ignore[method-assign]
    (answer,) = await answered(dynamics, mails(), CONTEXT, [snapshot()])
    assert isinstance(answer, KeyError)


def resting(id: str, parent: bool = True, **changes: Any) -> PlannedObject:
    """An object whose change rests on an amount of its parent."""
    header = customer_record(role="order", key=id)
    rests = {"expects": {"Total": Money(500, "usd")}, **changes}
    document = customer_record(role="release", key=id, parent="order", **rests)
    link = Link({"OrderNumber": id}, Record(header, "Orders", "OrderNumber", {}))
    plan = Plan(create=(Record(document, "Orders", "OrderNumber", {}),))
    return planned(claim(id), plan, links=[link] if parent else [])


async def test_what_cannot_be_read_back_fails_its_own_object() -> None:
    rows = [
        {"dataAreaId": "usmf", "OrderNumber": "ch_2", "Total": Decimal(5)},
        {"dataAreaId": "usmf", "OrderNumber": "ch_3", "Total": Decimal(6)},
    ]
    values = [resting("ch_1", parent=False), resting("ch_2"), resting("ch_3")]
    results = await expect(FakeDynamics(rows={"Orders": rows}), values)
    assert [type(error_of(result)) for result in results] == [KeyError, type(None), Parked]


async def test_reading_back_ends_with_the_first_system_that_does_not_answer() -> None:
    dynamics = PickyDynamics()
    dynamics.refuse = lambda _lookup: Unavailable("dynamics", "503")
    values = [resting("ch_1"), resting("ch_2"), resting("ch_3")]
    results = await expect(dynamics, values)
    assert [type(error_of(result)) for result in results] == [Unavailable] * 3
    assert len(dynamics.lookups) == 1


def order(id: str, total: int, *, ready: bool) -> Json:
    """A record that shows its total once it is computed."""
    shown = {"Total": Decimal(total), "Ready": "Yes" if ready else "No"}
    return {"dataAreaId": "usmf", "OrderNumber": id, **shown}


async def test_a_total_counts_only_where_it_is_computed_and_the_lines_stand_for_it_until_then() -> (
    None
):
    lines = [
        {"dataAreaId": "usmf", "OrderNumber": id, "Amount": Decimal(amount)}
        for id, amount in (("ch_1", 2), ("ch_1", 3), ("ch_2", 6))
    ]
    orders = [order("ch_1", 0, ready=False), order("ch_2", 5, ready=False)]
    orders.append(order("ch_3", 5, ready=True))
    rests: dict[str, Any] = {"computed": "Ready", "line_sum": LineSum("Lines", "Amount")}
    values = [resting(f"ch_{number}", **rests) for number in (1, 2, 3)]
    results = await expect(FakeDynamics(rows={"Orders": orders, "Lines": lines}), values)
    assert [type(error_of(result)) for result in results] == [type(None), Parked, type(None)]
    assert "Total is USD 6, it must be USD 5.00" in str(error_of(results[1]))


async def test_what_lines_cannot_tell_waits_until_it_is_computed() -> None:
    rows = [order("ch_1", 0, ready=False)]
    (result,) = await expect(
        FakeDynamics(rows={"Orders": rows}), [resting("ch_1", computed="Ready")]
    )
    error = error_of(result)
    assert isinstance(error, Waiting)
    assert error.reason == "totals_not_calculated"


async def test_an_amount_may_differ_by_its_tolerance_and_no_minor_unit_more() -> None:
    rows = [
        {"dataAreaId": "usmf", "OrderNumber": id, "Total": Decimal(total)}
        for id, total in (("ch_1", "5.02"), ("ch_2", "4.98"), ("ch_3", "5.03"))
    ]
    values = [resting(f"ch_{number}", tolerances={"Total": 2}) for number in (1, 2, 3)]
    results = await expect(FakeDynamics(rows={"Orders": rows}), values)
    assert [type(error_of(result)) for result in results] == [type(None), type(None), Parked]
    assert "the difference is 0.03, more than USD 0.02" in str(error_of(results[2]))
