"""`tieout world`: each command is a control route of a peer of a running `tieout serve`."""

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport

DYNAMICS, STRIPE = "http://127.0.0.1:7365/_peer/", "http://127.0.0.1:12111/_peer/"
STRIPE_FAULTS = {"rate_limit": 0.5, "timeout_seconds": 90.0, "delivery": {"drop": 0.25}}
DYNAMICS_FAULTS = {"latency_seconds": [1.0, 2.0], "throttle": 0.1, "retry_after_seconds": 30}


class Peers:
    """Answers as the peers do, and keeps what it was asked."""

    def __init__(self, status: int = 200, body: object = None) -> None:
        self.asked: list[tuple[str, str, object]] = []
        self._status, self._body = status, body

    def answer(self, request: httpx.Request) -> httpx.Response:
        url, body = str(request.url), json.loads(request.content) if request.content else None
        self.asked.append((request.method, url, body))
        if self._body is None and request.method == "GET" and url.endswith("faults"):
            is_stripe = url.startswith(STRIPE)
            return httpx.Response(
                200, json=STRIPE_FAULTS if is_stripe else {"value": DYNAMICS_FAULTS}
            )
        return httpx.Response(self._status, json=self._body or {"value": "answer"})


def run(peers: Peers, *arguments: str) -> Result:
    token = transport.set(httpx.MockTransport(peers.answer))
    try:
        return CliRunner().invoke(command, ["world", *arguments])
    finally:
        transport.reset(token)


PERIOD = {"company": "usmf", "year": 2026, "month": 10}


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("job all", ("run_jobs", {})),
        ("job post-journals", ("post_journals", {})),
        ("job invoice-orders --company demf", ("invoice_orders", {"company": "demf"})),
        ("close-period usmf 2026-10", ("close_period", PERIOD | {"open": False})),
        ("close-period usmf 2026-10 --reopen", ("close_period", PERIOD | {"open": True})),
        (
            "block-customer usmf US-1 All",
            ("block_customer", {"company": "usmf", "account": "US-1", "status": "All"}),
        ),
        (
            "merge-customers usmf US-1 US-2",
            ("merge_customers", {"company": "usmf", "loser": "US-1", "winner": "US-2"}),
        ),
    ],
)
def test_what_people_and_jobs_do_in_dynamics(line: str, asked: tuple[str, object]) -> None:
    peers = Peers()
    result = run(peers, *line.split())
    assert (result.exit_code, json.loads(result.stdout)) == (0, "answer")
    assert peers.asked == [("POST", DYNAMICS + asked[0], asked[1])]


@pytest.mark.parametrize(
    ("line", "posted"),
    [
        ("dynamics throttle=0.2", (DYNAMICS, DYNAMICS_FAULTS | {"throttle": 0.2})),
        (
            "dynamics --off",
            (DYNAMICS, {"latency_seconds": [0, 0], "throttle": 0, "retry_after_seconds": 30}),
        ),
        (
            "stripe delivery.drop=1 rate_limit=0",
            (STRIPE, {"rate_limit": 0, "timeout_seconds": 90, "delivery": {"drop": 1}}),
        ),
        (
            "stripe --off delivery.drop=1",
            (STRIPE, {"rate_limit": 0, "timeout_seconds": 90, "delivery": {"drop": 1}}),
        ),
    ],
)
def test_faults_that_are_named_change_and_the_others_stay(
    line: str, posted: tuple[str, object]
) -> None:
    peers = Peers()
    assert run(peers, "faults", *line.split()).exit_code == 0
    assert peers.asked[1:] == [("POST", f"{posted[0]}faults", posted[1])]


def test_faults_are_shown_when_none_is_named() -> None:
    peers = Peers()
    result = run(peers, "faults", "dynamics")
    assert json.loads(result.stdout) == DYNAMICS_FAULTS
    assert [method for method, *_ in peers.asked] == ["GET"]


def test_a_timer_of_the_app_runs_as_the_host_lets_it() -> None:
    peers = Peers(202)
    result = run(peers, "timer", "sweep_waiting", "--url", "http://127.0.0.1:7071/api")
    assert (result.exit_code, result.stdout) == (0, "sweep_waiting runs\n")
    assert peers.asked == [
        ("POST", "http://127.0.0.1:7071/admin/functions/sweep_waiting", {"input": ""})
    ]
    assert "has no timer" in run(Peers(404), "timer", "nix").stderr


@pytest.mark.parametrize(("name", "route"), [("store", "objects"), ("deliver", "events")])
def test_files_are_stored_or_delivered(name: str, route: str, tmp_path: Path) -> None:
    file = tmp_path / "events.json"
    file.write_text('[{"id": "evt_1"}]', encoding="utf-8")
    peers = Peers()
    assert run(peers, name, str(file)).exit_code == 0
    assert peers.asked == [("POST", STRIPE + route, [{"id": "evt_1"}])]
    file.write_text("{", encoding="utf-8")
    assert "cannot be read as JSON" in run(peers, name, str(file)).stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"value": {"error": "no customer NIX"}}, "refused: no customer NIX"),
        ({"error": {"message": "rate_limit is a share"}}, "refused: rate_limit is a share"),
    ],
)
def test_a_refusal_is_told_in_the_peers_words(body: object, said: str) -> None:
    result = run(Peers(400, body), "block-customer", "usmf", "NIX", "All")
    assert (result.exit_code, result.stderr.strip()) == (2, said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("job all --company usmf", "name one job"),
        ("close-period usmf October", "write it as 2026-10"),
        ("faults dynamics throttle", "write it as throttle=0.2"),
    ],
)
def test_wrong_usage_is_refused_with_the_right_one(line: str, said: str) -> None:
    peers = Peers()
    result = run(peers, *line.split())
    assert result.exit_code == 2
    assert said in result.stderr
    assert all(method == "GET" for method, *_ in peers.asked)
