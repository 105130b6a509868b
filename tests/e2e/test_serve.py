"""`tieout serve` on sockets, driven by the official Stripe CLI and by plain HTTP."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TIEOUT = Path(sys.executable).parent / "tieout"
NODE_MODULES = ROOT / "tests" / "npm" / "node_modules"
KEY = "sk_test_tieoutlocal"
START_SECONDS_MAX = 30
SEEN_SECONDS_MAX = 30
COMMAND_SECONDS_MAX = 60
POLL_SECONDS = 0.2

type Json = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A running `tieout serve` and where its parts are."""

    process: "subprocess.Popen[str]"
    app: str
    stripe: str
    dynamics: str


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def arguments(ports: list[int]) -> list[str]:
    names = ("--app-port", "--stripe-port", "--dynamics-port")
    return [text for pair in zip(names, map(str, ports), strict=True) for text in pair]


def start(ports: list[int]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [TIEOUT, "serve", *arguments(ports)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def eventually[T](what: str, seconds_max: float, look: Callable[[], T | None]) -> T:
    """The first answer of `look` that is not None."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    pytest.fail(f"{what} did not come within {seconds_max:g} s")


def up(process: "subprocess.Popen[str]", ports: list[int]) -> Served:
    """Wait until the app answers."""
    app, stripe, dynamics = (f"http://127.0.0.1:{port}" for port in ports)

    def alive() -> Served | None:
        assert process.poll() is None, process.communicate()[1]
        try:
            httpx.get(f"{dynamics}/data/CustomersV3?$top=1").raise_for_status()
            httpx.get(f"{app}/api/health").raise_for_status()
        except httpx.TransportError:
            return None
        return Served(process, app, stripe, dynamics)

    return eventually("the app", START_SECONDS_MAX, alive)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    ports = free_ports(3)
    process = start(ports)
    try:
        yield up(process, ports)
    finally:
        process.kill()
        process.communicate()


def rows(served: Served, entity_set: str, where: str = "") -> list[Json]:
    """Records of the Dynamics peer, read as anybody may here."""
    params = {"cross-company": "true"} | ({"$filter": where} if where else {})
    answer = httpx.get(f"{served.dynamics}/data/{entity_set}", params=params, timeout=30)
    answer.raise_for_status()
    found: list[Json] = answer.json()["value"]
    return found


def listed(served: Served, what: str) -> list[Json]:
    answer = httpx.get(f"{served.stripe}/v1/{what}", auth=(KEY, ""), params={"limit": 100})
    answer.raise_for_status()
    found: list[Json] = answer.json()["data"]
    return found


def status(served: Served) -> Json:
    found: Json = httpx.get(f"{served.app}/api/status", timeout=30).json()
    return found


def at_rest(served: Served) -> None:
    """Wait until the queues are empty in several looks in a row."""
    quiet = 0

    def look() -> bool | None:
        nonlocal quiet
        found = status(served)
        busy = found["queued"] or found["in_flight"] or found["scheduled"]
        quiet = 0 if busy else quiet + 1
        return True if quiet >= 5 else None

    eventually("rest", SEEN_SECONDS_MAX, look)


# --- the Stripe CLI -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stripe_cli() -> Path:
    if not NODE_MODULES.is_dir():
        pytest.skip("tests/npm/node_modules is missing: run npm ci --prefix tests/npm")
    found = sorted(NODE_MODULES.glob("@stripe/cli-*/bin/stripe*"))
    assert found, "npm installed no binary of @stripe/cli for this platform"
    return found[0]


def run_cli(
    cli: Path, served: Served, home: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [cli, *arguments, "--api-base", served.stripe, "--api-key", KEY],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home)},
    )


@pytest.mark.parametrize(
    "event",
    ["customer.created", "payment_intent.succeeded", "charge.refunded", "payout.created"],
)
def test_the_stripe_cli_triggers(
    event: str, served: Served, stripe_cli: Path, tmp_path: Path
) -> None:
    done = run_cli(stripe_cli, served, tmp_path, "trigger", event)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Trigger succeeded" in done.stdout + done.stderr
    made = [each["type"] for each in listed(served, "events")]
    assert event in made


def test_what_the_stripe_cli_triggered_appears_in_dynamics(
    served: Served, stripe_cli: Path, tmp_path: Path
) -> None:
    before = {each["id"] for each in listed(served, "customers")}
    for event in ("customer.created", "charge.refunded"):
        assert run_cli(stripe_cli, served, tmp_path, "trigger", event).returncode == 0
    (customer,) = [each for each in listed(served, "customers") if each["id"] not in before]
    refund = listed(served, "refunds")[0]

    def seen() -> list[Json] | None:
        found = rows(served, "CustomersV3", f"StripeCustomerId_Custom eq '{customer['id']}'")
        key = f"{refund['balance_transaction']}:gross"
        lines = rows(served, "CustomerPaymentJournalLines", f"PaymentId eq '{key}'")
        return [*found, *lines] if found and lines else None

    record, line = eventually("customer and refund", SEEN_SECONDS_MAX, seen)
    assert record["dataAreaId"] == "usmf"
    assert line["DebitAmount"] == refund["amount"] / 100
    assert line["PaymentNotes"] == refund["id"]


def test_a_resent_event_changes_nothing(served: Served, stripe_cli: Path, tmp_path: Path) -> None:
    done = run_cli(stripe_cli, served, tmp_path, "trigger", "payment_intent.succeeded")
    assert done.returncode == 0
    (event, *_) = [each for each in listed(served, "events") if each["type"] == "charge.updated"]
    key = f"{event['data']['object']['balance_transaction']}:gross"
    where = f"PaymentId eq '{key}'"
    eventually(
        "the receipt",
        SEEN_SECONDS_MAX,
        lambda: rows(served, "CustomerPaymentJournalLines", where) or None,
    )
    at_rest(served)
    sets = ("CustomersV3", "CustomerPaymentJournalLines", "LedgerJournalLines")
    before = {name: len(rows(served, name)) for name in sets}
    receipt = rows(served, "CustomerPaymentJournalLines", where)
    resent = run_cli(stripe_cli, served, tmp_path, "events", "resend", event["id"])
    assert resent.returncode == 0, resent.stdout + resent.stderr
    path = f"{served.stripe}/v1/events/{event['id']}/retry"
    httpx.post(path, auth=(KEY, "")).raise_for_status()
    at_rest(served)
    assert {name: len(rows(served, name)) for name in sets} == before
    assert len(receipt) == 1
    unposted = {name: v for name, v in receipt[0].items() if name != "@odata.etag"}
    after = rows(served, "CustomerPaymentJournalLines", where)[0]
    assert {name: after[name] for name in unposted} == unposted


# --- plain HTTP -----------------------------------------------------------------------------------


def test_a_customer_made_with_curl_appears_in_dynamics(served: Served) -> None:
    form = {"name": "Grace Hopper", "email": "grace@example.com"}
    answer = httpx.post(f"{served.stripe}/v1/customers", data=form, auth=(KEY, ""))
    assert answer.status_code == 200
    where = "OrganizationName eq 'Grace Hopper'"
    (found,) = eventually(
        "the customer", SEEN_SECONDS_MAX, lambda: rows(served, "CustomersV3", where) or None
    )
    assert found["StripeCustomerId_Custom"] == answer.json()["id"]


def test_the_served_world_is_ready_and_proves_its_books(served: Served) -> None:
    ready = httpx.get(f"{served.app}/api/ready", timeout=30)
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    at_rest(served)
    for command in ("ready", "proof"):
        done = subprocess.run(
            [TIEOUT, command, "--url", served.app, "--json"],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)


def test_the_served_webhook_refuses_what_is_not_signed(served: Served) -> None:
    answer = httpx.post(f"{served.app}/api/webhooks/stripe", content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_signature")


def test_a_command_without_an_app_says_so() -> None:
    (port,) = free_ports(1)
    done = subprocess.run(
        [TIEOUT, "ready", "--url", f"http://127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 2
    assert "did not answer as Tieout does" in done.stderr


# --- start and end --------------------------------------------------------------------------------


def test_a_signal_ends_it_cleanly() -> None:
    signals = {number: free_ports(3) for number in (signal.SIGTERM, signal.SIGINT)}
    started = {number: start(ports) for number, ports in signals.items()}
    try:
        for number, ports in signals.items():
            up(started[number], ports)
        for number, process in started.items():
            process.send_signal(number)
        ended = {each: started[each].communicate(timeout=COMMAND_SECONDS_MAX) for each in started}
    finally:
        for process in started.values():
            process.kill()
    for number, (output, errors) in ended.items():
        assert started[number].returncode == 0, errors
        assert "Traceback" not in errors
        for port in signals[number]:
            assert f"http://127.0.0.1:{port}" in output
        assert output.strip().endswith("stopping")
        with socket.create_server(("127.0.0.1", signals[number][0])):
            pass  # the port is free again


def test_a_taken_port_is_named() -> None:
    ports = free_ports(3)
    for taken in (ports[0], ports[2]):
        with socket.create_server(("127.0.0.1", taken)):
            process = start(ports)
            output, errors = process.communicate(timeout=COMMAND_SECONDS_MAX)
        assert process.returncode == 1
        assert f"port {taken} is taken" in errors
        assert "Traceback" not in errors
        assert "try:" not in output
