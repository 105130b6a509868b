from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from shared.converge.plan import difference, found_link, frozen, intent_of, link_of, unwanted
from shared.domain.documents import CreateOrFind, Follows
from shared.domain.money import Money
from shared.domain.records import Link, Record
from shared.errors import Parked, UncertainWrite
from shared.targets.finance import FINANCE
from tests.unit.entities.objects import customer_record, general_line

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def line(amount: int = 5, role: str = "gross") -> Record:
    document = general_line(role, amount=Money(amount, "usd"))
    return Record(document, "LedgerJournalLines", "PaymentId", {"PaymentId": document.key})


def person(name: str = "Ada") -> Record:
    document = customer_record(action=CreateOrFind(), later=Follows())
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
    assert (plan.create, plan.recover) == ((), (person(),))


def test_what_is_written_leaves_nothing_to_do() -> None:
    assert difference([line()], linked(line()), {}, NOW).is_empty
    assert difference([person()], linked(person()), {}, NOW).is_empty
    assert difference([], linked(line()), {}, NOW).is_empty


def test_a_line_with_other_amounts_parks() -> None:
    with pytest.raises(Parked) as caught:
        frozen(line(6).document, linked(line(5)), {})
    assert caught.value.cause == "facts_changed"
    assert "txn_1:gross" in str(caught.value)


def test_settings_of_today_do_not_touch_what_is_written_or_announced() -> None:
    old = line(5)
    moved = general_line("gross", "demf", amount=Money(5, "usd"), date=date(2026, 12, 1))
    assert frozen(moved, linked(old), {}) == old
    assert frozen(moved, {}, {"gross": intent_of(old, "B1", NOW)}) == old
    assert frozen(moved, {}, {}) is None


def test_master_data_is_never_frozen() -> None:
    assert frozen(person().document, linked(person()), {}) is None


def test_a_written_line_that_stripe_shows_no_more_parks() -> None:
    unwanted([line().document], linked(line()))
    with pytest.raises(Parked) as caught:
        unwanted([line(7, "fee").document], linked(line()))
    assert caught.value.cause == "facts_changed"
    unwanted([], linked(person()))


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
    assert (plan.create, plan.recover) == ((), (line(),))


def test_a_link_wins_over_a_stale_intent() -> None:
    intents = {"gross": intent_of(line(), "B1", NOW + timedelta(days=1))}
    assert difference([line()], linked(line()), intents, NOW).is_empty


def test_a_second_line_is_created_beside_the_first() -> None:
    plan = difference([line(), line(7, "fee")], linked(line()), {}, NOW)
    assert plan.create == (line(7, "fee"),)


def test_a_found_record_becomes_a_link_with_whole_numbers() -> None:
    row = {"JournalBatchNumber": "00042", "LineNumber": Decimal("3.0000000000"), "Text": "x"}
    link = found_link(line(), row, FINANCE[line().entity_set])
    assert link.keys == {"JournalBatchNumber": "00042", "LineNumber": 3}
    assert (link.role, link.company, link.record) == ("gross", "usmf", line())


def test_only_a_draft_is_spelled_anew() -> None:
    old, new = line(), replace(line(), fields={"PaymentId": "txn_1:gross", "Text": "new"})
    links = linked(old)
    assert difference([new], links, {}, NOW).is_empty
    assert difference([old], links, {}, NOW, drafts=["gross"]).is_empty
    assert difference([new], links, {}, NOW, drafts=["gross"]).update == ((new, links["gross"]),)
