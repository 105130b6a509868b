"""What is written first: headers before lines, lines before what rests on them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.converge.plan import link_of, plan_phase
from shared.converge.stages import PlannedObject, Progress, WrittenObject, begun
from shared.domain.documents import Document, Follows, Open, facts_of
from shared.domain.money import Money
from shared.domain.records import Intent, Link, Record
from shared.errors import Parked
from shared.mapping.finance import Target
from shared.packaged import packaged_mapping
from tests.unit.converge.values import claim, decided
from tests.unit.entities.objects import BOOKS, customer_record, general_line

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TARGET = Target(BOOKS, "StripeCustomerId", 255, {}, packaged_mapping())


def person(
    role: str, name: str = "Ada", after: Sequence[str] = (), *, landed: bool = False
) -> Document:
    """A document of a template that needs nothing else: what it is does not matter here."""
    later = Open(landed=True) if landed else Follows()
    return customer_record(
        role=role, key=role, customer=role, name=name, after=tuple(after), later=later
    )


def before(
    *documents: Document, links: Sequence[Link] = (), intents: Sequence[Intent] = ()
) -> WrittenObject:
    """An object before its first phase."""
    return begun(decided(claim("ch_1", links, intents), documents))


def changed(value: PlannedObject) -> list[Record]:
    return [*value.plan.create, *(record for record, _ in value.plan.update)]


def roles(value: PlannedObject) -> list[str]:
    return [record.document.role for record in changed(value)]


def after(value: PlannedObject) -> WrittenObject:
    """Pretend that the plan was written."""
    links = (*value.progress.links, *(link(record) for record in changed(value)))
    return replace(value, progress=Progress(links))


def link(record: Record) -> Link:
    return link_of(record, {"CustomerAccount": "C1"})


def test_each_phase_writes_what_has_all_it_needs() -> None:
    value = before(
        person("a"), person("b", after=["a"]), person("c", after=["a", "b"]), person("d")
    )
    phases: list[list[str]] = []
    while value.pending:
        made = plan_phase(value, TARGET, NOW)
        phases.append(roles(made))
        value = after(made)
    assert phases == [["a", "d"], ["b"], ["c"]]


def test_what_is_there_and_unchanged_takes_no_phase() -> None:
    made = plan_phase(before(person("a")), TARGET, NOW)
    old = link(made.plan.create[0])
    again = plan_phase(before(person("a"), person("b", after=["a"]), links=[old]), TARGET, NOW)
    assert roles(again) == ["b"]
    assert again.pending == ()


def test_what_rests_on_a_change_waits_for_it() -> None:
    made = plan_phase(before(person("a")), TARGET, NOW)
    old = link(made.plan.create[0])
    first = plan_phase(
        before(person("a", "Ada L."), person("b", after=["a"]), links=[old]), TARGET, NOW
    )
    assert roles(first) == ["a"]
    assert roles(plan_phase(after(first), TARGET, NOW)) == ["b"]


def test_what_needs_a_record_that_nobody_writes_is_a_fault() -> None:
    with pytest.raises(RuntimeError, match="needs what nobody writes"):
        plan_phase(before(person("b", after=["a"])), TARGET, NOW)


def test_an_announced_change_that_stands_there_already_is_linked_and_not_made_again() -> None:
    first = plan_phase(before(person("a")), TARGET, NOW)
    announced = plan_phase(before(person("a", "Ada L.")), TARGET, NOW)
    record = announced.plan.create[0]
    intent = Intent("", (NOW + timedelta(hours=1)).isoformat(), record)
    document = person("a", "Ada L.", landed=True)
    value = before(document, links=[link(first.plan.create[0])], intents=[intent])
    made = plan_phase(value, TARGET, NOW)
    assert made.plan.is_empty
    assert made.progress.over == ("a",)
    assert [each.record.fields for each in made.progress.links] == [record.fields]


def test_an_announced_change_that_landed_and_is_wanted_no_more_is_known_before_the_next_one() -> (
    None
):
    """A refund reduced a line, the answer was lost, and the refund failed: it is wanted as it
    was. Without the link nobody would remember what Dynamics shows until the next change."""
    first = plan_phase(before(fee("fee")), TARGET, NOW)
    landed = plan_phase(before(fee("fee", amount_minor=200)), TARGET, NOW).plan.create[0]
    intent = Intent("", (NOW - timedelta(hours=1)).isoformat(), landed)
    document = replace(fee("fee"), later=Open(landed=True))
    value = before(document, links=[link(first.plan.create[0])], intents=[intent])
    made = plan_phase(value, TARGET, NOW)
    assert [record.document.role for record, _ in made.plan.update] == [document.role]
    assert made.progress.over == (document.role,)
    assert [each.record.fields for each in made.progress.links] == [landed.fields]


def fee(text: str, invoice: str = "", amount_minor: int = 320) -> Document:
    """A fee in a journal."""
    amount = Money(amount_minor, "usd")
    return general_line(amount=amount, marked_invoice=invoice, source="ch_1", category=text)


def drafted(document: Document, drafts: Sequence[str] = ()) -> WrittenObject:
    """An object whose line was written as `fee("old")` says."""
    made = plan_phase(before(fee("old")), TARGET, NOW)
    (record,) = made.plan.create
    line = link_of(record, {"JournalBatchNumber": "B1", "LineNumber": 1})
    return replace(before(document, links=[line]), drafts=tuple(drafts))


def test_a_draft_takes_the_attributes_of_now_and_keeps_its_facts() -> None:
    assert plan_phase(drafted(fee("new")), TARGET, NOW).plan.is_empty
    again = plan_phase(drafted(fee("new", invoice="INV-1"), ["fee"]), TARGET, NOW)
    ((record, old),) = again.plan.update
    assert facts_of(record.document) == facts_of(old.record.document)
    fields = {name for name in record.fields if record.fields[name] != old.record.fields[name]}
    assert fields == {"Text"}


def test_a_draft_of_another_amount_parks() -> None:
    with pytest.raises(Parked, match="other amounts"):
        plan_phase(drafted(fee("new", amount_minor=321), ["fee"]), TARGET, NOW)
