"""The table of payouts: by currency, the first and the last, and what must be looked at."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.payouts_table import payouts_table
from local.summary import JournalCount, Summary


def shown(*payouts: dict[str, Any]) -> list[list[str]]:
    """The words of each line of the table."""
    none: dict[str, int] = {}
    proof: dict[str, Any] = {"currencies": {}}
    journals = JournalCount(0, 0)
    summary = Summary(0, 0, none, none, none, none, none, journals, none, 0, payouts, proof, ())
    out = StringIO()
    payouts_table(summary, Console(file=out, width=140))
    return [line.split() for line in out.getvalue().splitlines() if line.strip()][2:]


def payout(number: int, currency: str = "usd", status: str = "tied") -> dict[str, Any]:
    amounts = {"amount_minor": 100, "members_net_minor": 100, "difference_minor": 0}
    created = 1_793_610_000 + 86_400 * number
    name = f"po_{currency}{number}"
    return {"payout": name, "currency": currency, "members": 1, "status": status} | {
        **amounts,
        "created": created,
    }


def test_each_currency_shows_its_first_and_last_ten_and_counts_those_between() -> None:
    lines = shown(*(payout(number) for number in range(25)), payout(1, "jpy"))
    assert lines[0] == ["USD", "25", "payouts"]
    assert [line[1] for line in lines[1:11]] == [f"po_usd{number}" for number in range(10)]
    assert lines[11] == ["...", "5", "more,", "all", "tied"]
    assert [line[1] for line in lines[12:22]] == [f"po_usd{number}" for number in range(15, 25)]
    assert lines[22] == ["JPY", "1", "payout"]
    assert lines[23][:2] == ["2026-11-03", "po_jpy1"]


def test_a_payout_that_is_not_tied_is_never_hidden() -> None:
    payouts = [payout(number, status="open" if number == 12 else "tied") for number in range(25)]
    lines = shown(*payouts)
    assert lines[11:14] == [
        ["...", "2", "more,", "all", "tied"],
        ["2026-11-14", "po_usd12", "1", "USD", "1.00", "USD", "1.00", "USD", "0.00", "open"],
        ["...", "2", "more,", "all", "tied"],
    ]


@pytest.mark.parametrize("number", [20, 1])
def test_few_payouts_are_all_shown(number: int) -> None:
    assert len(shown(*(payout(each) for each in range(number)))) == number + 1


def test_a_payout_whose_members_are_not_listed_shows_no_difference() -> None:
    (_, line) = shown(payout(1, status="not listed"))
    assert line[2:] == ["-", "-", "USD", "1.00", "-", "not", "listed"]
