"""`tieout ready`: what it prints, and its exit code."""

import json

import httpx
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport
from cli.setup.page import checks_as_steps
from cli.setup.steps import StepState

FAILED = {"name": "mapping", "problem": "does not compile", "remedy": "Publish another."}
HELD = {"name": "storage", "problem": "", "remedy": ""}


def run(status: int, body: object, *arguments: str) -> Result:
    token = transport.set(httpx.MockTransport(lambda _: httpx.Response(status, json=body)))
    try:
        return CliRunner().invoke(command, ["ready", *arguments])
    finally:
        transport.reset(token)


def test_a_check_that_fails_is_shown_with_what_to_do() -> None:
    result = run(503, {"status": "not ready", "checks": [HELD, FAILED]})
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "ok   storage: ready",
        "FAIL mapping: does not compile",
        "     Publish another.",
    ]


def test_an_app_that_is_ready_exits_with_0() -> None:
    result = run(200, {"status": "ready", "checks": [HELD]})
    assert (result.exit_code, result.stdout) == (0, "ok   storage: ready\n")


def test_an_app_without_settings_says_which() -> None:
    body = {"code": "not_configured", "message": "settings: STRIPE_API_KEY is missing"}
    result = run(503, body)
    assert (result.exit_code, result.stdout) == (1, "settings: STRIPE_API_KEY is missing\n")


ADVICE = {**FAILED, "name": "time zone", "group": "Stripe", "advice": True}
LOOK = {**HELD, "name": "journal", "group": "Company usmf", "by_hand": "check by hand: this"}


def test_checks_stand_by_what_they_are_about_and_what_is_left_to_look_at_stands_last() -> None:
    checks = [ADVICE, LOOK, {**HELD, "group": "Stripe"}]
    result = run(200, {"status": "ready", "checks": checks})
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Stripe",
        "note time zone: does not compile",
        "     Publish another.",
        "ok   storage: ready",
        "Company usmf",
        "ok   journal: ready",
        "Look at by hand",
        "?    journal: check by hand: this",
    ]


def test_the_answer_is_printed_as_it_is_for_programs() -> None:
    body = {"status": "not ready", "checks": [FAILED]}
    result = run(503, body, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, body)


def test_an_advice_leaves_nothing_to_do_after_a_setup() -> None:
    states = [step.state for step in checks_as_steps({"checks": [ADVICE, FAILED, HELD]})]
    assert states == [StepState.NOTE, StepState.FAIL, StepState.OK]
