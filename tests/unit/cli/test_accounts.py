"""Commands over an app with several Stripe accounts."""

from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport

DONE = {"status": "done", "percent": 100, "seen": 7, "sent": 5}


def run(answers: list[dict[str, Any]], *arguments: str) -> tuple[Result, list[httpx.Request]]:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(202 if request.method == "POST" else 200, json=answers.pop(0))

    token = transport.set(httpx.MockTransport(answer))
    try:
        return CliRunner().invoke(command, list(arguments)), asked
    finally:
        transport.reset(token)


def currency(gap_minor: int) -> dict[str, Any]:
    names = ("balance", "posted", "draft", "unexplained")
    amounts = dict.fromkeys((f"{name}_minor" for name in names), 0)
    more = {"transactions": 1, "differences": [], "has_book": True}
    return {**amounts, "gap_minor": gap_minor, **more}


def proof(us: int, eu: int, *not_proved: str) -> dict[str, Any]:
    scope = {"scope": "posted ledger", "not_proved": []}
    further = {**scope, "currencies": {"eur": currency(eu)}, "not_proved": list(not_proved)}
    return {**scope, "currencies": {"usd": currency(us)}, "accounts": {"shop-eu": further}}


@pytest.mark.parametrize(
    ("found", "code"),
    [(proof(0, 0), 0), (proof(5, 0), 1), (proof(0, 7), 1), (proof(0, 0, "usdc"), 1)],
)
def test_a_gap_of_any_account_is_one(found: dict[str, Any], code: int) -> None:
    result, _ = run([found], "proof")
    assert result.exit_code == code
    assert "Clearing proof of shop-eu" in result.stdout
    assert "EUR" in result.stdout


def test_a_backfill_names_its_account_and_follows_that_one() -> None:
    result, asked = run([DONE], "backfill", "--days", "9", "--account", "shop-eu")
    assert result.exit_code == 0
    assert asked[0].read() == b'{"days":9,"account":"shop-eu"}'
    result, asked = run([DONE], "backfill", "--days", "9")
    assert asked[0].read() == b'{"days":9}'


def test_a_payout_of_another_account_says_whose_it_is() -> None:
    row = {"payout": "po_1", "status": "tied", "currency": "eur", "at": "2026-11-30T16:42:41+00:00"}
    sums = dict.fromkeys(("amount_minor", "members_net_minor", "difference_minor"), 0)
    whole = {**row, **sums, "members": 3, "unwritten": 0, "wrong": 0}
    theirs = {**whole, "payout": "po_2", "account": "shop-eu"}
    result, _ = run([{"payouts": [{**whole, "account": "default"}, theirs]}], "payouts")
    assert "po_2 of shop-eu" in result.stdout
    assert "po_1 of" not in result.stdout
