"""What is written first: headers before lines, lines before what rests on them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.converge.phases import plan_phase
from shared.converge.plan import link_of
from shared.converge.task import Task
from shared.domain.documents import Document, Follows, Open, facts_of
from shared.domain.money import Money
from shared.domain.records import Intent, Link, Record
from shared.errors import Parked
from shared.mapping.finance import Target
from shared.packaged import packaged_mapping
from shared.stores.links import Claim
from tests.unit.entities.objects import BOOKS, customer_record, general_line

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TARGET = Target(BOOKS, "StripeCustomerId", 255, {}, packaged_mapping())


def person(
    role: str, name: str = "Ada", after: Sequence[str] = (), *, applied: bool = False
) -> Document:
    """A document of a template that needs nothing else: what it is does not matter here."""
    later = Open(applied=True) if applied else Follows()
    return customer_record(
        role=role, key=role, customer=role, name=name, after=tuple(after), later=later
    )


def task(*documents: Document) -> Task:
    made = Task("ch_1", claim=Claim("ch_1", "me", "etag", NOW))
    made.pending = documents
    return made


def write(made: Task) -> list[str]:
    """Pretend that the plan was written; returns the roles."""
    changed = [*made.plan.create, *(record for record, _ in made.plan.update)]
    made.new_links += [link(record) for record in changed]
    return [record.document.role for record in changed]


def link(record: Record) -> Link:
    return link_of(record, {"CustomerAccount": "C1"})


def test_each_phase_writes_what_has_all_it_needs() -> None:
    made = task(person("a"), person("b", after=["a"]), person("c", after=["a", "b"]), person("d"))
    phases: list[list[str]] = []
    while made.pending or not phases:
        plan_phase(made, TARGET, NOW)
        phases.append(write(made))
    assert phases == [["a", "d"], ["b"], ["c"]]


def test_what_is_there_and_unchanged_takes_no_phase() -> None:
    made = task(person("a"))
    plan_phase(made, TARGET, NOW)
    old = link(made.plan.create[0])
    again = task(person("a"), person("b", after=["a"]))
    assert again.claim is not None
    again.claim.links["a"] = old
    plan_phase(again, TARGET, NOW)
    assert write(again) == ["b"]
    assert again.pending == ()


def test_what_rests_on_a_change_waits_for_it() -> None:
    made = task(person("a"))
    plan_phase(made, TARGET, NOW)
    old = link(made.plan.create[0])
    again = task(person("a", "Ada L."), person("b", after=["a"]))
    assert again.claim is not None
    again.claim.links["a"] = old
    plan_phase(again, TARGET, NOW)
    assert write(again) == ["a"]
    plan_phase(again, TARGET, NOW)
    assert write(again) == ["b"]


def test_what_needs_a_record_that_nobody_writes_is_a_fault() -> None:
    made = task(person("b", after=["a"]))
    with pytest.raises(RuntimeError, match="needs what nobody writes"):
        plan_phase(made, TARGET, NOW)


def test_an_announced_change_that_stands_there_already_is_linked_and_not_made_again() -> None:
    first = task(person("a"))
    plan_phase(first, TARGET, NOW)
    changed = task(person("a", "Ada L.", applied=True))
    assert changed.claim is not None
    changed.claim.links["a"] = link(first.plan.create[0])
    announced = task(person("a", "Ada L."))
    plan_phase(announced, TARGET, NOW)
    record = announced.plan.create[0]
    changed.claim.intents["a"] = Intent("", (NOW + timedelta(hours=1)).isoformat(), record)
    plan_phase(changed, TARGET, NOW)
    assert changed.plan.is_empty
    assert changed.over == ["a"]
    assert [each.record.fields for each in changed.new_links] == [record.fields]


def fee(text: str, invoice: str = "", amount_minor: int = 320) -> Document:
    """A fee in a journal."""
    amount = Money(amount_minor, "usd")
    return general_line(amount=amount, marked_invoice=invoice, source="ch_1", category=text)


def drafted(document: Document) -> Task:
    """A task whose line was written as `fee("old")` says, and is a draft."""
    made = task(fee("old"))
    plan_phase(made, TARGET, NOW)
    (record,) = made.plan.create
    again = task(document)
    assert again.claim is not None
    keys = {"JournalBatchNumber": "B1", "LineNumber": 1}
    again.claim.links["fee"] = link_of(record, keys)
    return again


def test_a_draft_takes_the_attributes_of_now_and_keeps_its_facts() -> None:
    kept = drafted(fee("new"))
    plan_phase(kept, TARGET, NOW)
    assert kept.plan.is_empty
    again = drafted(fee("new", invoice="INV-1"))
    again.drafts.append("fee")
    plan_phase(again, TARGET, NOW)
    ((record, old),) = again.plan.update
    assert facts_of(record.document) == facts_of(old.record.document)
    changed = {name for name in record.fields if record.fields[name] != old.record.fields[name]}
    assert changed == {"Text"}


def test_a_draft_of_another_amount_parks() -> None:
    again = drafted(fee("new", amount_minor=321))
    again.drafts.append("fee")
    with pytest.raises(Parked, match="other amounts"):
        plan_phase(again, TARGET, NOW)
