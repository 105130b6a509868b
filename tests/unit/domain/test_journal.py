import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.journal import Journal, JournalKind, Line, Role, UnbalancedError, effect_on
from shared.domain.money import CurrencyMismatchError, Money

ROLES = tuple(Role)


def line(component: str, account: Role, offset: Role, minor: int, currency: str = "usd") -> Line:
    return Line(component, JournalKind.GENERAL, account, offset, Money(minor, currency))


@st.composite
def lines(draw: st.DrawFn) -> tuple[Line, ...]:
    count = draw(st.integers(0, 6))
    made = []
    for index in range(count):
        account = draw(st.sampled_from(ROLES))
        offset = draw(st.sampled_from([role for role in ROLES if role is not account]))
        made.append(line(f"part{index}", account, offset, draw(st.integers(-(10**12), 10**12))))
    return tuple(made)


def test_a_line_debits_its_account_and_credits_its_offset() -> None:
    fee = line("fee", Role.FEES, Role.CLEARING, 59)
    assert fee.effect(Role.FEES) == Money(59, "usd")
    assert fee.effect(Role.CLEARING) == Money(-59, "usd")
    assert fee.effect(Role.BANK) == Money(0, "usd")


@given(lines())
def test_every_prefix_of_a_journal_balances(made: tuple[Line, ...]) -> None:
    for end in range(len(made) + 1):
        effects = [effect_on(role, made[:end], "usd").minor for role in ROLES]
        assert sum(effects) == 0


@given(lines(), st.integers(-3, 3))
def test_a_journal_of_another_effect_on_clearing_cannot_be_made(
    made: tuple[Line, ...], off: int
) -> None:
    clearing = effect_on(Role.CLEARING, made, "usd") + Money(off, "usd")
    if off == 0:
        assert Journal(made, clearing).clearing == clearing
    else:
        with pytest.raises(UnbalancedError, match="clearing moves by"):
            Journal(made, clearing)


def test_a_component_that_occurs_twice_is_refused() -> None:
    twice = (
        line("fee", Role.FEES, Role.CLEARING, 1),
        line("fee", Role.FEE_TAX, Role.CLEARING, 1),
    )
    with pytest.raises(UnbalancedError, match="a component occurs twice"):
        Journal(twice, Money(-2, "usd"))


def test_an_account_against_itself_is_refused() -> None:
    with pytest.raises(UnbalancedError, match="against itself"):
        Journal((line("x", Role.CLEARING, Role.CLEARING, 1),), Money(0, "usd"))


def test_lines_of_two_currencies_are_refused() -> None:
    mixed = (
        line("gross", Role.CUSTOMER, Role.CLEARING, -1),
        line("fee", Role.FEES, Role.CLEARING, 1, "eur"),
    )
    with pytest.raises(CurrencyMismatchError):
        Journal(mixed, Money(0, "usd"))


def test_an_empty_journal_moves_nothing() -> None:
    assert Journal((), Money(0, "jpy")).lines == ()
    with pytest.raises(UnbalancedError):
        Journal((), Money(1, "jpy"))
