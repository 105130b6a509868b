import json

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
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
