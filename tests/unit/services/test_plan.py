from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from shared.domain.journal import JournalKind
from shared.domain.records import Document, Link, Record
from shared.errors import Parked, UncertainWrite
from shared.services.plan import clearing_effect, difference, found_link, intent_of, link_of

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def line(amount: int = 5, role: str = "gross") -> Record:
    document = Document(
        role=role,
        template="general_line",
        company="usmf",
        key=f"txn_1:{role}",
        facts={
            "amount_minor": amount,
            "account": {"role": "fees"},
            "offset": {"role": "clearing"},
        },
        journal=JournalKind.GENERAL,
        period="2026-11",
    )
    return Record(document, "LedgerJournalLines", "PaymentId", {"PaymentId": document.key})


def person(name: str = "Ada") -> Record:
    document = Document("customer~usmf", "customer", "usmf", "cus_1", {"customer": "cus_1"})
    return Record(document, "CustomersV3", "Stripe", {"Stripe": "cus_1", "Name": name})


def linked(record: Record) -> dict[str, Link]:
    keys: dict[str, object] = {"JournalBatchNumber": "B1", "LineNumber": Decimal("1.0000")}
    if record.document.journal is None:
        keys = {"CustomerAccount": "C1"}
    return {record.document.role: link_of(record, keys)}


def test_a_new_line_is_created() -> None:
    plan = difference([line()], {}, {}, NOW)
    assert plan.create == (line(),)
    assert not plan.is_empty


def test_a_new_customer_is_looked_for_first() -> None:
    plan = difference([person()], {}, {}, NOW)
    assert (plan.create, plan.look) == ((), (person(),))


def test_what_is_written_leaves_nothing_to_do() -> None:
    assert difference([line()], linked(line()), {}, NOW).is_empty
    assert difference([person()], linked(person()), {}, NOW).is_empty
    assert difference([], linked(line()), {}, NOW).is_empty


def test_a_line_with_other_facts_parks() -> None:
    with pytest.raises(Parked) as caught:
        difference([line(6)], linked(line(5)), {}, NOW)
    assert caught.value.cause == "facts_changed"
    assert "txn_1:gross" in str(caught.value)


def test_a_line_with_another_spelling_is_left_alone() -> None:
    other = replace(line(), fields={"PaymentId": "txn_1:gross", "Text": "new"})
    assert difference([other], linked(line()), {}, NOW).is_empty


def test_a_customer_with_another_spelling_is_updated() -> None:
    links = linked(person("Ada"))
    plan = difference([person("Ada L.")], links, {}, NOW)
    assert plan.update == ((person("Ada L."), links["customer~usmf"]),)


def test_an_announced_write_is_waited_for_and_then_looked_for() -> None:
    intents = {"gross": intent_of(line(), "B1", NOW + timedelta(seconds=90))}
    with pytest.raises(UncertainWrite) as caught:
        difference([line()], {}, intents, NOW)
    assert caught.value.retry_after_seconds == 90
    plan = difference([line()], {}, intents, NOW + timedelta(seconds=90))
    assert (plan.create, plan.look) == ((), (line(),))


def test_a_link_wins_over_a_stale_intent() -> None:
    intents = {"gross": intent_of(line(), "B1", NOW + timedelta(days=1))}
    assert difference([line()], linked(line()), intents, NOW).is_empty


def test_a_second_line_is_created_beside_the_first() -> None:
    plan = difference([line(), line(7, "fee")], linked(line()), {}, NOW)
    assert plan.create == (line(7, "fee"),)


def test_a_found_record_becomes_a_link_with_whole_numbers() -> None:
    row = {"JournalBatchNumber": "00042", "LineNumber": Decimal("3.0000000000"), "Text": "x"}
    link = found_link(line(), row)
    assert link.keys == {"JournalBatchNumber": "00042", "LineNumber": 3}
    assert (link.facts_hash, link.clearing_minor) == (line().document.facts_hash, -5)


def test_the_effect_on_clearing_is_the_credit_of_the_offset() -> None:
    assert clearing_effect(line(5)) == -5
    assert clearing_effect(person()) == 0
    document = replace(
        line().document, facts={"amount_minor": 9, "offset": {"role": "payouts_in_transit"}}
    )
    assert clearing_effect(replace(line(), document=document)) == 0
