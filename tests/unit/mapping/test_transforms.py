from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.money import Money
from shared.errors import Parked
from shared.mapping.transforms import TRANSFORMS
from tests.unit.mapping.rules import refused_rule, value_of


def parked(rule: str, **facts: Any) -> Parked:
    with pytest.raises(Parked) as caught:
        value_of(rule, **facts)
    return caught.value


@pytest.mark.parametrize(
    ("rule", "facts", "wanted"),
    [
        ("{from: facts.text}", {"text": "a"}, "a"),
        ("{from: facts.deep.er.text}", {"deep": {"er": {"text": "b"}}}, "b"),
        ("{from: facts.deep.er.text}", {"deep": "no mapping"}, None),
        ("{from: facts.text}", {}, None),
        ("{value: x}", {}, "x"),
        ('{value: "NO"}', {}, "NO"),
        ("{from: facts.text, default: d}", {}, "d"),
        ("{from: facts.text, default: d}", {"text": ""}, "d"),
        ("{from: facts.text, default: d}", {"text": "t"}, "t"),
        ("{from: facts.minor, default: 7}", {}, 7),
        ("{from: facts.minor, default: 7}", {"minor": 0}, 0),
        ("{from: facts.day, default: '2026-01-02'}", {}, date(2026, 1, 2)),
        ("{concat: [facts.text, facts.other], sep: ' / '}", {"text": "a", "other": "b"}, "a / b"),
        ("{concat: [facts.text, facts.other], sep: ' / '}", {"text": "", "other": "b"}, "b"),
        ("{concat: [facts.text, facts.other]}", {}, ""),
        ("{concat: [facts.text, {value: '-'}, facts.minor]}", {"text": "a", "minor": 5}, "a-5"),
        ("{from: facts.text, do: [upper]}", {"text": "eur"}, "EUR"),
        ("{from: facts.text, do: [words]}", {"text": "charge_failure"}, "charge failure"),
        ("{from: facts.any.order_id}", {"any": {"order_id": "7"}}, "7"),
        ("{from: facts.any.order_id}", {"any": {"other": "7"}}, None),
        ("{from: facts.text, do: [lower]}", {"text": "EUR"}, "eur"),
        ("{from: facts.text, do: [trim]}", {"text": " a b "}, "a b"),
        ("{from: facts.text, do: [{max: 3}]}", {"text": "abcd"}, "abc"),
        ("{from: facts.text, do: [{fits: 3}]}", {"text": "abc"}, "abc"),
        ("{from: facts.text, do: [upper, {max: 1}]}", {}, None),
        (
            "{from: facts.text, do: [{lookup: {table: brands, miss: O}}]}",
            {"text": "amex"},
            "CC-AMEX",
        ),
        ("{from: facts.text, do: [{lookup: {table: brands, miss: O}}]}", {"text": "jcb"}, "O"),
        (
            "{from: facts.text, do: [{lookup: {table: brands, miss: reject}}]}",
            {"text": "visa"},
            "CC-VISA",
        ),
        ("{from: facts.minor, do: [negate]}", {"minor": 5}, -5),
        ("{from: facts.day}", {"day": date(2026, 11, 1)}, date(2026, 11, 1)),
        (
            "{from: facts.day, do: [{format_date: DD.MM.YYYY}]}",
            {"day": date(2026, 1, 9)},
            "09.01.2026",
        ),
        ("{from: facts.day, do: [{format_date: YY/MM}]}", {"day": date(2026, 1, 9)}, "26/01"),
    ],
)
def test_what_a_rule_gives(rule: str, facts: dict[str, Any], wanted: object) -> None:
    found = value_of(rule, **facts)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [("UTC", date(2026, 10, 31)), ("Europe/Berlin", date(2026, 11, 1))],
)
def test_a_moment_is_a_day_of_its_time_zone(zone: str, wanted: date) -> None:
    rule = f"{{from: facts.minor, do: [{{epoch_date: {{tz: {zone}}}}}]}}"
    assert value_of(rule, minor=1_793_489_400) == wanted  # 2026-10-31 23:30 UTC


@given(st.integers(), st.sampled_from(["usd", "jpy", "kwd", "isk", "ugx"]))
def test_minor_units_are_those_of_stripe(minor: int, currency: str) -> None:
    rule = "{from: facts.minor, do: [{minor_units: {currency: facts.text}}]}"
    assert value_of(rule, minor=minor, text=currency) == Money(minor, currency).decimal()


@given(st.integers(-(10**40), 10**40))
def test_the_sign_of_a_long_amount_changes_nothing_else(minor: int) -> None:
    rule = "{from: facts.minor, do: [{minor_units: {currency: facts.text}}, negate]}"
    found = value_of(rule, minor=minor, text="usd")
    assert str(found) == str(Money(-minor, "usd").decimal()) or minor == 0


def test_the_first_case_that_holds_is_taken() -> None:
    rule = """
    cases:
      - {when: {facts.text: card}, from: facts.other}
      - {when: {facts.text: [sepa_debit, us_bank_account]}, value: DEBIT}
      - {value: OTHER}
    """
    assert value_of(rule, text="card", other="visa") == "visa"
    assert value_of(rule, text="us_bank_account") == "DEBIT"
    assert value_of(rule) == "OTHER"
    assert value_of("{cases: [{when: {facts.text: a}, value: b}]}", text="z") is None


def test_a_named_rule_is_used_with_further_steps() -> None:
    named = {"both": "{concat: [facts.text, facts.other], sep: '+'}"}
    assert value_of("{use: both, do: [upper]}", named, text="a", other="b") == "A+B"


def test_rules_that_use_each_other_are_refused() -> None:
    named = {"one": "{use: two}", "two": "{concat: [{use: one}]}"}
    assert "uses itself" in refused_rule("{use: one}", named).reason


def test_rules_that_grow_beyond_measure_are_refused() -> None:
    doubled = {f"r{n}": f"{{concat: [{{use: r{n + 1}}}, {{use: r{n + 1}}}]}}" for n in range(30)}
    named = doubled | {"r30": "{value: x}"}
    assert "more than 2000 rules" in refused_rule("{use: r0}", named).reason


@pytest.mark.parametrize(
    ("rule", "facts", "cause", "text"),
    [
        ("{from: facts.text}", {"text": 5}, "value_kind", "should be text, the document has int"),
        ("{from: facts.minor}", {"minor": True}, "value_kind", "true or false"),
        ("{from: facts.minor}", {"minor": "5"}, "value_kind", "has str"),
        ("{from: facts.day}", {"day": "yesterday"}, "value_kind", "should be date"),
        ("{from: facts.text, do: [{fits: 3}]}", {"text": "abcd"}, "value_too_long", "has 4"),
        (
            "{from: facts.minor, do: [{minor_units: {currency: facts.text}}]}",
            {"minor": 1, "text": "EURO"},
            "value_kind",
            "no currency code",
        ),
        (
            "{from: facts.minor, do: [{minor_units: {currency: facts.text}}]}",
            {"minor": 1},
            "value_kind",
            "no currency code",
        ),
        (
            "{from: facts.minor, do: [{epoch_date: {tz: UTC}}]}",
            {"minor": 10**20},
            "value_kind",
            "not a valid time",
        ),
        (
            "{from: facts.text, do: [{lookup: {table: brands, miss: reject}}]}",
            {"text": "jcb"},
            "lookup_missing",
            "no row for 'jcb' (path facts.text)",
        ),
    ],
)
def test_a_value_that_cannot_be_spelled_parks(
    rule: str, facts: dict[str, Any], cause: str, text: str
) -> None:
    error = parked(rule, **facts)
    assert error.cause == cause
    assert text in str(error)


def test_personal_data_never_stands_in_an_error() -> None:
    rule = "{from: facts.name, do: [trim, {lookup: {table: brands, miss: reject}}]}"
    error = parked(rule, name="Ada Lovelace")
    assert "Ada" not in f"{error} {error.remedy}"
    assert "facts.name" in str(error)
    assert "Ada" not in str(parked("{from: facts.name, do: [{fits: 3}]}", name="Ada Lovelace"))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("{from: facts.txt}", "no field 'facts.txt'"),
        ("{from: words.text}", "did you mean facts.text?"),
        ("{use: nothing}", "no rule 'nothing'"),
        ("{from: facts.text, do: [eval]}", "no transform 'eval'"),
        ("{from: facts.text, do: [{upper: 1, lower: 1}]}", "one transform"),
        ("{from: facts.text, do: [{upper: x}]}", "takes no argument"),
        ("{from: facts.minor, do: [upper]}", "upper takes text, not integer"),
        ("{from: facts.text, do: [negate]}", "takes integer or decimal, not text"),
        ("{from: facts.text, do: [{max: 0}]}", "from 1 to"),
        ("{from: facts.text, do: [{max: -1}]}", "whole number"),
        ("{from: facts.text, do: [{max: 999999999}]}", "from 1 to 4000"),
        ("{from: facts.text, do: [max]}", "whole number"),
        ("{from: facts.text, do: [{lookup: {table: none, miss: reject}}]}", "no table 'none'"),
        ("{from: facts.text, do: [{lookup: {table: brands}}]}", "needs table, miss"),
        ("{from: facts.text, do: [{lookup: {table: [a], miss: b}}]}", "takes text"),
        ("{from: facts.minor, do: [{epoch_date: {tz: Mars/Base}}]}", "unknown time zone"),
        ("{from: facts.minor, do: [{epoch_date: {tz: ../../etc/passwd}}]}", "unknown time zone"),
        ("{from: facts.day, do: [{format_date: '%Y'}]}", "format_date takes"),
        ("{from: facts.text, do: [{format_date: YYYY}]}", "takes date, not text"),
        ("{from: facts.minor, do: [{minor_units: {currency: facts.day}}]}", "currency code"),
        ("{from: facts.minor, do: [{multiply: 2}]}", "no transform 'multiply'"),
        ("{concat: [facts.day]}", "takes text, not date"),
        ("{from: facts.minor, default: many}", "not a plain number"),
        ('{from: facts.minor, default: "1.5"}', "whole number"),
        ("{from: facts.day, default: today}", "not a date"),
        ("{cases: [{value: a}, {when: {facts.text: b}, value: c}]}", "last one"),
        ("{cases: [{when: {facts.text: b}, from: facts.day}, {value: c}]}", "different kinds"),
        ("{value: abc, do: [{fits: 2}]}", "the value has 3"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_before_it_runs(rule: str, reason: str) -> None:
    assert reason in refused_rule(rule).reason


def test_the_registry_is_closed_and_known() -> None:
    assert " ".join(TRANSFORMS) == (
        "upper lower trim words max fits lookup minor_units epoch_date format_date negate"
    )
