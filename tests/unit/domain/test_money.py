from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.money import (
    THREE_DECIMAL,
    ZERO_DECIMAL,
    CurrencyMismatchError,
    Money,
    exponent,
    from_decimal,
    total,
)

# https://docs.stripe.com/currencies, as text, so that a slip in the table shows.
WITHOUT_DECIMALS = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
WITH_THREE = "BHD JOD KWD OMR TND"
CURRENCIES = ("usd", "eur", "jpy", "kwd", "isk", "ugx", "huf", "twd", "mga", "tnd", "xpf")


def test_the_currencies_without_decimals_are_stripes() -> None:
    assert tuple(WITHOUT_DECIMALS.lower().split()) == ZERO_DECIMAL
    assert {exponent(currency) for currency in ZERO_DECIMAL} == {0}


def test_the_currencies_with_three_decimals_are_stripes() -> None:
    assert tuple(WITH_THREE.lower().split()) == THREE_DECIMAL
    assert {exponent(currency) for currency in THREE_DECIMAL} == {3}


@pytest.mark.parametrize("currency", ["isk", "ugx"])
def test_what_iso_counts_without_decimals_and_stripe_does_not_has_two(currency: str) -> None:
    assert exponent(currency) == 2
    assert Money(500, currency).decimal() == Decimal(5)


@pytest.mark.parametrize("currency", ["lyd", "iqd", "lak", "irr", "huf", "twd", "usd", "eur"])
def test_every_other_currency_has_two_decimals(currency: str) -> None:
    assert exponent(currency) == 2


@pytest.mark.parametrize("code", ["", "us", "usdd", "USD", "u$d", "usd\n", " usd", "üsd", "123"])
def test_what_is_no_lower_case_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="not a lower-case currency code"):
        Money(1, code)


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1)])
def test_minor_units_of_another_type_are_refused(minor: Any) -> None:
    with pytest.raises(TypeError, match="minor units are int, not"):
        Money(minor, "usd")


@pytest.mark.parametrize(
    ("money", "decimal", "text"),
    [
        (Money(-1050, "usd"), "-10.50", "USD -10.50"),
        (Money(123456789, "eur"), "1234567.89", "EUR 1,234,567.89"),
        (Money(160500, "jpy"), "160500", "JPY 160,500"),
        (Money(5120, "kwd"), "5.120", "KWD 5.120"),
        (Money(0, "usd"), "0.00", "USD 0.00"),
        (Money(-1, "kwd"), "-0.001", "KWD -0.001"),
    ],
)
def test_amounts_in_major_units(money: Money, decimal: str, text: str) -> None:
    assert str(money.decimal()) == decimal
    assert str(money) == text
    assert from_decimal(Decimal(decimal), money.currency) == money


@given(st.integers(), st.sampled_from(CURRENCIES))
def test_major_units_lead_back_to_the_same_money(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert from_decimal(money.decimal(), currency) == money


@pytest.mark.parametrize("minor", [10**30 + 1, -(10**40) - 7])
def test_amounts_beyond_the_usual_precision_stay_exact(minor: int) -> None:
    assert str(Money(minor, "usd").decimal()).replace(".", "") == str(minor)
    assert from_decimal(Money(minor, "usd").decimal(), "usd").minor == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "usd"),
        ("0.5", "jpy"),
        ("1.2345", "kwd"),
        ("1234567890123456789012345678.999", "usd"),
        ("NaN", "usd"),
        ("sNaN", "usd"),
        ("Infinity", "usd"),
        ("-Infinity", "jpy"),
    ],
)
def test_finer_digits_than_the_currency_has_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="more digits than"):
        from_decimal(Decimal(amount), currency)


def test_trailing_zeros_are_no_finer_digits() -> None:
    assert from_decimal(Decimal("10.5000"), "usd") == Money(1050, "usd")
    assert from_decimal(Decimal("1E+2"), "jpy") == Money(100, "jpy")


def test_amounts_of_two_currencies_do_not_meet() -> None:
    with pytest.raises(CurrencyMismatchError, match="usd and eur"):
        Money(1, "usd") + Money(1, "eur")
    with pytest.raises(CurrencyMismatchError, match="jpy and eur"):
        Money(1, "jpy") - Money(0, "eur")
    with pytest.raises(CurrencyMismatchError, match="usd and kwd"):
        total([Money(1, "usd"), Money(1, "kwd")], "usd")


def test_the_same_number_in_two_currencies_is_not_the_same_money() -> None:
    assert Money(1, "usd") != Money(1, "eur")


@given(st.lists(st.integers()))
def test_a_total_is_the_sum_of_its_parts(minors: list[int]) -> None:
    assert total((Money(minor, "usd") for minor in minors), "usd") == Money(sum(minors), "usd")


@given(st.integers(), st.integers())
def test_arithmetic_is_that_of_the_minor_units(left: int, right: int) -> None:
    one, other = Money(left, "eur"), Money(right, "eur")
    assert (one + other).minor == left + right
    assert one - other == -(other - one)
    assert bool(one) is (left != 0)
