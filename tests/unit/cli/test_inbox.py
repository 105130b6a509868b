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
