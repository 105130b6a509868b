"""`tieout serve` on sockets, driven by the official Stripe CLI and by plain HTTP."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.serving import (
    COMMAND_SECONDS_MAX,
    KEY,
    NODE_MODULES,
    SEEN_SECONDS_MAX,
    TIEOUT,
    Json,
    Served,
    eventually,
    free_ports,
    start,
    up,
)


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
    [
        "charge.refunded",
        "checkout.session.completed",
        "checkout.session.expired",
        "credit_note.created",
        "credit_note.voided",
        "customer.created",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.updated",
        "customer.updated",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.sent",
        "invoice.voided",
        "payment_intent.processing",
        "payment_intent.succeeded",
        "payout.created",
        "price.created",
        "price.updated",
        "product.created",
        "product.deleted",
        "product.updated",
        "subscription_schedule.canceled",
        "subscription_schedule.created",
        "subscription_schedule.released",
    ],
)
def test_the_stripe_cli_triggers(
    event: str, served: Served, stripe_cli: Path, tmp_path: Path
) -> None:
    done = run_cli(stripe_cli, served, tmp_path, "trigger", event)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Trigger succeeded" in done.stdout + done.stderr
    made = [each["type"] for each in listed(served, "events")]
    assert event in made


def test_a_checkout_that_the_stripe_cli_triggered_is_paid(
    served: Served, stripe_cli: Path, tmp_path: Path
) -> None:
    done = run_cli(stripe_cli, served, tmp_path, "trigger", "checkout.session.completed")
    assert done.returncode == 0, done.stdout + done.stderr
    session = listed(served, "checkout/sessions")[0]
    assert (session["status"], session["payment_status"]) == ("complete", "paid")
    (item,) = listed(served, f"checkout/sessions/{session['id']}/line_items")
    assert (item["quantity"], item["amount_total"]) == (2, session["amount_total"])
    (charge,) = [
        each
        for each in listed(served, "charges")
        if each["payment_intent"] == session["payment_intent"]
    ]
    assert (charge["amount"], charge["shipping"]["name"]) == (3_000, "Jenny Rosen")


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
    for command in (["ready"], ["proof"], ["status"], ["payouts"], ["waiting"]):
        done = subprocess.run(
            [TIEOUT, *command, "--url", f"{served.app}/api", "--json"],
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
    assert "nothing answers at" in done.stderr


def world(served: Served, *arguments: str) -> "subprocess.CompletedProcess[str]":
    peers = {"TIEOUT_DYNAMICS_PEER": served.dynamics, "TIEOUT_STRIPE_PEER": served.stripe}
    return subprocess.run(
        [TIEOUT, "world", *arguments],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
        env={**os.environ, **peers, "TIEOUT_URL": served.app},
    )


@pytest.mark.parametrize(
    "line",
    [
        *("state", "job all", "job post-journals --company usmf", "timer sweep_waiting"),
        *("faults stripe", "faults stripe --off", "faults dynamics", "faults dynamics --off"),
        *("close-period usmf 2020-01", "close-period usmf 2020-01 --reopen"),
    ],
)
def test_the_peers_of_a_served_world_are_driven_by_commands(line: str, served: Served) -> None:
    done = world(served, *line.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_a_fault_that_is_set_by_a_command_strikes_and_ends(served: Served) -> None:
    assert world(served, "faults", "stripe", "rate_limit=1").returncode == 0
    try:
        answer = httpx.get(f"{served.stripe}/v1/balance", auth=(KEY, ""))
        assert answer.status_code == 429
    finally:
        assert world(served, "faults", "stripe", "--off").returncode == 0
    assert httpx.get(f"{served.stripe}/v1/balance", auth=(KEY, "")).status_code == 200
