"""`tieout inbox retry` and `resolve`: what they ask for, and what they say."""

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport
from tests.unit.cli.test_customers import Peer

SAID = ("--reason", "by hand", "--who", "Kim")


def run(peer: Peer, *arguments: str) -> Result:
    token = transport.set(httpx.MockTransport(peer.answer))
    try:
        return CliRunner().invoke(command, ["inbox", *arguments])
    finally:
        transport.reset(token)


@pytest.mark.parametrize(
    ("arguments", "status", "key", "route"),
    [
        (("retry", "a", "b"), 202, "sent", "retry"),
        (("resolve", "a", "b", *SAID), 200, "resolved", "resolve"),
    ],
)
def test_what_was_not_done_to_all_that_were_named_fails(
    arguments: tuple[str, ...], status: int, key: str, route: str
) -> None:
    peer = Peer(status, {key: 2})
    result = run(peer, *arguments)
    assert (result.exit_code, result.stdout) == (0, f"2 {key}\n")
    ((path, body),) = peer.asked
    assert (path, body["ids"]) == (f"/api/inbox/{route}", ["a", "b"])
    result = run(Peer(status, {key: 1}), *arguments)
    assert (result.exit_code, result.stdout) == (1, f"1 {key}\n")
    assert result.stderr.startswith("1 of those named: not parked")


def test_a_cause_may_have_no_items() -> None:
    peer = Peer(202, {"sent": 0})
    result = run(peer, "retry", "--cause", "refused")
    assert (result.exit_code, result.stdout) == (0, "0 sent\n")
    assert peer.asked == [("/api/inbox/retry", {"cause": "refused"})]


class Inbox(Peer):
    """An app with one parked transaction of USD 12.34."""

    def answer(self, asked: httpx.Request) -> httpx.Response:
        if asked.method == "POST":
            return super().answer(asked)
        item = {"id": "txn_1", "currency": "usd", "events": [{"id": "evt_1", "type": ""}]}
        return httpx.Response(200, json={"items": [item]})


VOUCHER = ("--company", "usmf", "--voucher", "GJ-1")


@pytest.mark.parametrize("id", ["txn_1", "evt_1"])
def test_money_is_resolved_with_its_voucher(id: str) -> None:
    peer = Inbox(200, {"resolved": 1, "refused": []})
    result = run(peer, "resolve", id, *SAID, *VOUCHER, "--amount", "12.34")
    assert (result.exit_code, result.stdout) == (0, "1 resolved\n")
    assert peer.asked[0][1] == {
        "ids": [id],
        "reason": "by hand",
        "who": "Kim",
        "company": "usmf",
        "voucher": "GJ-1",
        "amount_minor": 1_234,
        "currency": "usd",
    }


def test_money_that_left_the_account_is_negative_and_a_currency_may_be_said() -> None:
    peer = Inbox(200, {"resolved": 1, "refused": []})
    given = ("--amount", "-1234", "--currency", "JPY")
    assert run(peer, "resolve", "txn_9", *SAID, *VOUCHER, *given).exit_code == 0
    body = peer.asked[0][1]
    assert (body["amount_minor"], body["currency"]) == (-1_234, "jpy")


def test_money_that_is_to_be_booked_nowhere_is_said_to_be_so() -> None:
    peer = Inbox(200, {"resolved": 2, "refused": []})
    assert run(peer, "resolve", "txn_1", "txn_2", *SAID, "--not-to-book").exit_code == 0
    assert peer.asked[0][1] == {
        "ids": ["txn_1", "txn_2"],
        "reason": "by hand",
        "who": "Kim",
        "not_to_book": True,
    }


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (("txn_1", "--amount", "12.345"), "write it as 12.34"),
        (("txn_1", "--amount", "twelve"), "write it as 12.34"),
        (("txn_1", "--amount", "NaN"), "write it as 12.34"),
        (("txn_1", "--amount", "1", "--currency", "gold"), "write it as 12.34"),
        (("txn_9", "--amount", "12.34"), "add --currency"),
    ],
)
def test_an_amount_that_is_none_is_refused_before_anything_is_asked(
    given: tuple[str, ...], part: str
) -> None:
    peer = Inbox(200, {"resolved": 1, "refused": []})
    result = run(peer, "resolve", *given, *SAID, *VOUCHER)
    assert (result.exit_code, peer.asked) == (2, [])
    assert part in result.stderr


def test_what_the_app_refuses_is_shown_in_its_own_words() -> None:
    refused = {"resolved": 0, "refused": [{"id": "txn_1", "reason": "USD 50.00, not USD 1.00"}]}
    result = run(Peer(409, refused), "resolve", "txn_1", *SAID, "--not-to-book")
    assert result.exit_code == 1
    assert "txn_1: USD 50.00, not USD 1.00" in result.stderr
    body = {"code": "resolution_refused", "message": "txn_1 is money: say where"}
    result = run(Peer(400, body), "resolve", "txn_1", *SAID)
    assert (result.exit_code, result.stderr) == (2, "txn_1 is money: say where\n")
    result = run(Peer(400, {"message": "say who"}), "retry", "txn_1")
    assert (result.exit_code, result.stderr) == (2, "say who\n")


def test_a_resolved_item_is_retried_by_name() -> None:
    peer = Peer(202, {"sent": 1})
    assert run(peer, "retry", "txn_1", "--who", "Lee").exit_code == 0
    assert peer.asked == [("/api/inbox/retry", {"ids": ["txn_1"], "who": "Lee"})]


class Listing(Peer):
    """An app with one item in the list that was asked for."""

    def answer(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append((asked.url.raw_path.decode(), {}))
        item = {
            "id": "txn_1",
            "entity": "balance_transaction",
            "object": "txn_1",
            "cause": "refused",
            "currency": "usd",
            "at_stake_minor": 1_234,
            "text": "resolved by Kim on 2026-11-01: by hand (voucher GJ-1 in usmf, USD 12.34)",
            "events": [{"id": "evt_1", "type": "charge.updated"}, {"id": "txn_1", "type": ""}],
            "event_count": 12,
            "evidence": None,
        }
        group = {"count": 1, "cause": "refused", "oldest_at": "2026-11-01", "remedy": ""}
        return httpx.Response(200, json={"items": [item], "groups": [group], "more": 0})


def test_resolved_items_are_listed_with_who_and_where() -> None:
    peer = Listing()
    result = run(peer, "list", "--resolved")
    assert result.exit_code == 0
    assert peer.asked[0][0] == "/api/inbox?cause=&status=resolved"
    assert "resolved by Kim" in result.stdout
    assert "12 events led to it: charge.updated, txn_1" in result.stdout
    assert "what to do:" not in result.stdout
    assert run(Listing(), "list").exit_code == 1
