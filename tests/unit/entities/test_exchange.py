"""The rate of a charge settled in another currency: exact to the minor unit, or none."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.journal import Role
from shared.domain.money import Money, major
from shared.domain.records import Link, Record
from shared.entities.balance_transaction.documents import build
from shared.entities.common.exchange import booked_rate
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Context, Desired, Listed
from tests.unit.entities.objects import (
    BOOKS,
    accounting_in,
    charge,
    snapshot,
    txn,
)

STEP = Decimal("0.000001")
CURRENCIES = st.sampled_from(["usd", "jpy", "kwd"])
AMOUNTS = st.integers(1, 10**12) | st.integers(1, 100_000)
SIGNS = st.sampled_from([1, -1])


def booked(charged: Money, rate: Decimal, currency: str) -> Decimal:
    """What Dynamics makes of an amount at a rate for 100 units: half up, to the minor unit."""
    exact = charged.decimal() * rate / 100
    return exact.quantize(major(1, currency), ROUND_HALF_UP)


@given(AMOUNTS, CURRENCIES, AMOUNTS, CURRENCIES, SIGNS)
def test_a_rate_books_what_was_settled_or_no_rate_of_six_decimals_does(
    charged_minor: int, charged_in: str, settled_minor: int, settled_in: str, sign: int
) -> None:
    charged = Money(sign * charged_minor, charged_in)
    settled = Money(sign * settled_minor, settled_in)
    rate = booked_rate(charged, settled)
    if rate is not None:
        assert rate > 0
        assert rate == rate.quantize(STEP)
        assert booked(charged, rate, settled_in) == settled.decimal()
        return
    near = (settled.decimal() * 100 / charged.decimal()).quantize(STEP)
    for candidate in (near - STEP, near, near + STEP):
        assert booked(charged, candidate, settled_in) != settled.decimal()


@given(st.integers(1, 10**8), CURRENCIES, AMOUNTS, CURRENCIES)
def test_an_amount_below_a_million_always_has_a_rate_in_cents(
    charged_minor: int, charged_in: str, settled_minor: int, settled_in: str
) -> None:
    charged = Money(charged_minor, charged_in)
    if charged.decimal() < 10**6 and settled_in != "kwd":
        assert booked_rate(charged, Money(settled_minor, settled_in)) is not None


def test_the_rate_is_for_100_units_of_what_was_charged() -> None:
    assert booked_rate(Money(10_000, "eur"), Money(10_832, "usd")) == Decimal("108.32")
    assert booked_rate(Money(15_000, "jpy"), Money(9_750, "usd")) == Decimal("0.65")
    assert booked_rate(Money(10_000, "kwd"), Money(3_251, "usd")) == Decimal("325.1")
    assert booked_rate(Money(10_000, "usd"), Money(15_432, "jpy")) == Decimal(15432)


def test_nothing_has_no_rate() -> None:
    assert booked_rate(Money(0, "eur"), Money(1, "usd")) is None


def _built(books: str, charged: int, currency: str, settled: int, **parts: Any) -> Desired:
    rate = settled / charged
    sold = txn(amount=settled, fee=0, fee_details=[], net=settled, exchange_rate=rate)
    context = Context(accounting_in(books) if books else BOOKS)
    paid = charge(amount=charged, amount_captured=charged, currency=currency)
    return build(snapshot(sold, related={"charge": paid}, **parts), context)


def _lines(desired: Desired) -> dict[str, JournalLine]:
    return {each.role: each for each in desired.documents if isinstance(each, JournalLine)}


def test_only_the_customers_line_carries_the_rate() -> None:
    found = _lines(_built("usd", 10_000, "gbp", 10_832))
    rates = {role: line.exchange_rate for role, line in found.items()}
    assert rates == {"gross": Decimal("108.32"), "fx": 0}
    assert found["gross"].offset.role is Role.FX_TRANSIT


@pytest.mark.parametrize("books", ["", "eur"])
def test_a_settlement_in_another_currency_than_the_books_name_has_no_rate(books: str) -> None:
    desired = _built(books, 10_000, "gbp", 10_832)
    assert {line.exchange_rate for line in _lines(desired).values()} == {0}
    assert desired.listed is None


def test_a_sale_of_another_company_has_no_rate_of_ours() -> None:
    gross = _lines(_built("usd", 10_000, "eur", 10_832))["gross"]
    assert (gross.company, gross.exchange_rate) == ("demf", 0)


def test_a_charge_in_the_currency_of_its_settlement_has_no_rate() -> None:
    assert _lines(_built("usd", 10_000, "usd", 10_000))["gross"].exchange_rate == 0


def test_an_amount_that_no_rate_books_has_none_and_is_listed() -> None:
    desired = _built("usd", 26_000_001, "vnd", 99_999)
    assert _lines(desired)["gross"].exchange_rate == 0
    assert desired.listed == Listed("no_exact_rate", "usmf", "", 26_000_001, "vnd")


@pytest.mark.parametrize(("then", "now"), [("", "usd"), ("usd", "")])
def test_a_line_that_is_written_keeps_its_rate_whatever_the_books_say_by_now(
    then: str, now: str
) -> None:
    written = _lines(_built(then, 10_000, "gbp", 10_832))["gross"]
    record = Record(written, "CustomerPaymentJournalLines", "PaymentId", {})
    kept = Link({"LineNumber": 1}, record)
    again = _built(now, 10_000, "gbp", 10_832, links={"gross": kept})
    assert _lines(again)["gross"] == written
    assert again.listed is None
