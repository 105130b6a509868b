import json
from io import StringIO

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.pages import inbox_page
from cli.remote import transport

SAID = ("--company", "usmf", "--who", "Kim", "--why", "asked them")


class Peer:
    """Answers each request alike, and keeps what it was asked."""

    def __init__(self, status: int = 202, body: object = None) -> None:
        self.status, self.body = status, body or {"sent": 2}
        self.asked: list[tuple[str, dict[str, object]]] = []

    def answer(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append((asked.url.raw_path.decode(), json.loads(asked.content)))
        return httpx.Response(self.status, json=self.body)


def run(peer: Peer, *arguments: str) -> Result:
    token = transport.set(httpx.MockTransport(peer.answer))
    try:
        return CliRunner().invoke(command, ["customers", "accept", *arguments])
    finally:
        transport.reset(token)


def test_an_account_is_accepted() -> None:
    peer = Peer()
    result = run(peer, "cus_1", *SAID, "--account", "US-7", "--shared")
    assert (result.exit_code, result.stdout) == (0, "2 sent\n")
    ((path, body),) = peer.asked
    assert path == "/api/customers/cus_1/accept"
    assert body == {
        "company": "usmf",
        "account": "US-7",
        "new": False,
        "shared": True,
        "who": "Kim",
        "why": "asked them",
    }


@pytest.mark.parametrize("wrong", [(), ("--new", "--account", "US-7")])
def test_either_an_account_or_a_new_one_is_named(wrong: tuple[str, ...]) -> None:
    peer = Peer()
    result = run(peer, "cus_1", *SAID, *wrong)
    assert (result.exit_code, peer.asked) == (2, [])
    assert "--account" in result.stderr


def test_a_refusal_is_shown_as_its_sentence() -> None:
    peer = Peer(409, {"code": "choice_refused", "message": "usmf has no customer account"})
    result = run(peer, "../x", *SAID, "--new")
    assert (result.exit_code, result.stderr) == (2, "usmf has no customer account\n")
    assert peer.asked[0][0] == "/api/customers/..%2Fx/accept"


def test_the_inbox_shows_what_can_be_chosen() -> None:
    matches = [("US-1", ""), ("US-2", "cus_9")]
    suggestions: list[dict[str, str]] = [
        {"choice": "match", "account": account, "matched": "tax_id", "stripe_customer": owner}
        for account, owner in matches
    ]
    item = {
        "id": "evt_1",
        "entity": "customer",
        "object": "cus_1",
        "cause": "several_customers",
        "text": "2 accounts",
        "currency": "",
        "evidence": {"suggestions": [*suggestions, {"choice": "new"}]},
    }
    out = Console(file=StringIO(), width=200)
    inbox_page({"items": [item, item | {"evidence": None}], "groups": [], "more": 0}, out)
    assert isinstance(out.file, StringIO)
    shown = [line.strip() for line in out.file.getvalue().splitlines() if " - " in line]
    assert shown == [
        "- --account US-1: same tax id",
        "- --account US-2: same tax id, belongs to cus_9 (--shared)",
        "- --new: create an account",
    ]
