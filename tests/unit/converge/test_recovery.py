"""Records whose write is uncertain are looked for before anything is written again."""

from datetime import date

import pytest

from shared.converge.plan import intent_of, link_of
from shared.converge.recovery import LOOKUP_KEYS_MAX, recover
from shared.converge.stages import Failed, Plan, PlannedObject
from shared.domain.documents import Follows, LinkExisting
from shared.domain.records import Record
from shared.entities.common.journal_lines import CustomerPaymentLine
from shared.errors import Overtaken, Parked, Refused, Unavailable
from shared.ports import Json, Lookup, Value
from shared.targets.finance import FINANCE
from tests.unit.converge.values import claim, error_of, going, planned, progress_of
from tests.unit.entities.objects import customer_record, general_line
from tests.unit.services.fakes import START, FakeDynamics, PickyDynamics

LINES = "CustomerPaymentJournalLines"


def line(id: str = "txn_1") -> Record:
    document = CustomerPaymentLine.of(general_line("gross", key=f"{id}:gross"))
    fields: dict[str, Value] = {
        "PaymentId": document.key,
        "TransactionDate": date(2026, 11, 1),
    }
    return Record(document, LINES, "PaymentId", fields)


def row(id: str = "txn_1", batch: str = "B1", number: int = 1) -> Json:
    return {
        "dataAreaId": "usmf",
        "PaymentId": f"{id}:gross",
        "JournalBatchNumber": batch,
        "LineNumber": number,
        "TransactionDate": date(2026, 11, 1),
    }


def announced(id: str = "txn_1", journal: str = "B1") -> PlannedObject:
    """An object of which a line was announced, and may be there."""
    held = claim(id, intents=[intent_of(line(id), journal, START)])
    return planned(held, Plan(recover=(line(id),)))


async def recovered(dynamics: FakeDynamics, *values: PlannedObject) -> list[PlannedObject | Failed]:
    return await recover(dynamics, FINANCE, values)


async def test_a_line_that_is_there_is_linked_and_not_created() -> None:
    (result,) = await recovered(FakeDynamics(rows={LINES: [row()]}), announced())
    value = going(result)
    assert [link.keys["JournalBatchNumber"] for link in value.progress.links] == ["B1"]
    assert value.progress.over == ("gross",)
    assert value.plan.created == ()


async def test_a_line_that_is_not_there_is_to_be_created() -> None:
    (result,) = await recovered(FakeDynamics(), announced())
    assert going(result).plan.created == (line(),)
    assert progress_of(result).links == ()


async def test_a_line_that_posting_moved_is_found_by_its_key_and_date() -> None:
    (result,) = await recovered(FakeDynamics(rows={LINES: [row(batch="B9")]}), announced())
    assert [link.keys["JournalBatchNumber"] for link in progress_of(result).links] == ["B9"]


async def test_a_line_that_occurs_twice_parks() -> None:
    rows = [row(number=1), row(number=2)]
    (result,) = await recovered(FakeDynamics(rows={LINES: rows}), announced())
    error = error_of(result)
    assert isinstance(error, Parked)
    assert error.cause == "duplicate_line"
    assert progress_of(result).links == ()


async def test_what_cannot_be_asked_for_fails_its_own_object() -> None:
    def refuse(lookup: Lookup) -> Exception | None:
        values = lookup.any_of[1] if lookup.any_of else ()
        return Refused("dynamics", "odd") if "txn_1:gross" in values else None

    dynamics = PickyDynamics(rows={LINES: [row("txn_2")]}, refuse=refuse)
    first, second = await recovered(dynamics, announced("txn_1"), announced("txn_2"))
    assert isinstance(error_of(first), Refused)
    assert [link.role for link in going(second).progress.links] == ["gross"]


async def test_a_system_that_does_not_answer_is_asked_once() -> None:
    dynamics = PickyDynamics(refuse=lambda _lookup: Unavailable("dynamics", "503"))
    values = [announced(f"txn_{number}") for number in range(2 * LOOKUP_KEYS_MAX)]
    results = await recovered(dynamics, *values)
    assert {type(error_of(result)) for result in results} == {Unavailable}
    assert len(dynamics.asked) == 1


async def test_a_record_that_is_named_is_linked_without_a_look() -> None:
    action = LinkExisting({"CustomerAccount": "US-1"})
    document = customer_record(role="customer", key="cus_1", action=action)
    record = Record(document, "CustomersV3", "StripeCustomerId", {"StripeCustomerId": "cus_1"})
    dynamics = PickyDynamics()
    (result,) = await recovered(dynamics, planned(claim("cus_1"), Plan(recover=(record,))))
    assert [link.keys for link in going(result).progress.links] == [{"CustomerAccount": "US-1"}]
    assert dynamics.asked == []


@pytest.mark.parametrize("name", ["Ada", "Ada L."])
async def test_what_was_announced_counts_and_not_what_is_wanted_by_now(name: str) -> None:
    def person(name: str) -> Record:
        document = customer_record(
            role="customer", key="cus_1", customer="cus_1", name=name, later=Follows()
        )
        fields = {"StripeCustomerId": "cus_1", "OrganizationName": name}
        return Record(document, "CustomersV3", "StripeCustomerId", fields)

    rows = [{"dataAreaId": "usmf", "CustomerAccount": "C1", "StripeCustomerId": "cus_1"}]
    held = claim("cus_1", intents=[intent_of(person("Ada"), "", START)])
    value = planned(held, Plan(recover=(person(name),)))
    (result,) = await recovered(FakeDynamics(rows={"CustomersV3": rows}), value)
    assert progress_of(result).links == (link_of(person("Ada"), {"CustomerAccount": "C1"}),)
    assert isinstance(error_of(result), Overtaken) is (name != "Ada")
