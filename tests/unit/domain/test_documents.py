from dataclasses import replace
from datetime import date

import pytest

from shared.domain.documents import (
    AccountRole,
    Open,
    Patch,
    attributes_of,
    facts_of,
    has_same_facts,
    is_parents_patch,
)
from shared.domain.journal import JournalKind, Role
from shared.domain.money import Money
from tests.unit.entities.objects import customer_record, general_line

LINE = general_line()
OTHER_FACTS = (
    replace(LINE, key="txn_2:fee"),
    replace(LINE, company="demf"),
    replace(LINE, decision="t1"),
    replace(LINE, amount=Money(176, "usd")),
    replace(LINE, amount=Money(175, "eur")),
    replace(LINE, date=date(2026, 11, 2)),
    replace(LINE, account=AccountRole(Role.FEES, company="demf")),
    replace(LINE, marked_invoice="INV-1"),
)


def test_attributes_role_and_what_may_happen_later_are_no_facts() -> None:
    same = replace(LINE, category="other", source="ch_2", role="x", later=Open(), group="g")
    assert has_same_facts(LINE, same)
    assert attributes_of(LINE) != attributes_of(same)


@pytest.mark.parametrize("other", OTHER_FACTS)
def test_key_company_decision_and_every_fact_count(other: object) -> None:
    assert isinstance(other, type(LINE))
    assert not has_same_facts(LINE, other)


def test_documents_of_two_kinds_never_have_the_same_facts() -> None:
    record = customer_record(role="fee", key=LINE.key)
    assert not has_same_facts(LINE, record)
    assert list(facts_of(record)) == ["customer"]


def test_only_an_offset_on_clearing_moves_clearing() -> None:
    assert replace(LINE, amount=Money(5, "usd")).clearing_minor == -5
    assert replace(LINE, offset=AccountRole(Role.PAYOUTS_IN_TRANSIT)).clearing_minor == 0
    assert customer_record().clearing_minor == 0


def test_the_period_of_a_line_is_its_month_and_other_records_have_none() -> None:
    assert (LINE.accounting_date, LINE.journal) == (LINE.date, JournalKind.GENERAL)
    assert (customer_record().accounting_date, customer_record().journal) == (None, None)


def test_what_a_document_needs_is_its_parent_and_what_comes_before() -> None:
    assert replace(LINE, parent="order", after=("line:1",)).needs == ("order", "line:1")
    assert LINE.needs == ()


def test_a_change_of_the_parent_is_no_record_of_its_own() -> None:
    assert is_parents_patch(replace(LINE, action=Patch()))
    assert not is_parents_patch(replace(LINE, action=Patch({"CustomerAccount": "US-1"})))
    assert not is_parents_patch(LINE)
