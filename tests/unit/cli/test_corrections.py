"""`tieout reclass` and `tieout reverse`: what they send, and what a person reads."""

import json

import httpx
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import FAILED, transport

WHO = ("--who", "Grace", "--why", "carbon removal")


def run(status: int, body: object, *arguments: str) -> tuple[Result, list[object]]:
    sent: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path, json.loads(request.content)))
        return httpx.Response(status, json=body)

    token = transport.set(httpx.MockTransport(answer))
    try:
        return CliRunner().invoke(command, list(arguments)), sent
    finally:
        transport.reset(token)


def test_a_reclass_sends_the_role_and_says_that_it_is_ordered() -> None:
    answer = {"key": "txn_1:reclass", "written": False, "sent": 1}
    result, sent = run(202, answer, "reclass", "txn_1", "--to", "fees", *WHO)
    body = {"transaction": "txn_1", "to": "fees", "who": "Grace", "why": "carbon removal"}
    assert sent == [("/api/reclass", body)]
    assert result.stdout == "txn_1:reclass is ordered; tieout proof names it\n"


def test_a_reversal_sends_the_line_the_choice_and_the_day() -> None:
    answer = {"key": "txn_1:fee:rev1", "written": True, "sent": 0}
    chosen = ("--line", "fee", "--replace", "--date", "2026-11-05")
    result, sent = run(202, answer, "reverse", "txn_1", *chosen, *WHO)
    body = {"transaction": "txn_1", "line": "fee", "who": "Grace", "why": "carbon removal"}
    assert sent == [("/api/reverse", {**body, "replace": True, "date": "2026-11-05"})]
    assert result.stdout == "txn_1:fee:rev1 is written\n"


def test_what_the_app_refuses_is_said_and_ends_with_an_error() -> None:
    answer = {"code": "correction_refused", "message": "nothing of txn_1 is on suspense"}
    result, _ = run(409, answer, "reclass", "txn_1", "--to", "fees", *WHO)
    assert (result.exit_code, result.stderr) == (FAILED, "nothing of txn_1 is on suspense\n")


def test_the_proof_shows_each_correction_with_who_and_why() -> None:
    order = {
        "kind": "reclass",
        "keys": ["txn_1:reclass"],
        "amount_minor": 1_234,
        "to": "fees",
        "who": "Grace",
        "why": "carbon removal",
        "written": False,
    }
    minor = dict.fromkeys(("balance", "posted", "draft", "gap", "unexplained"), 0)
    part = {f"{name}_minor": amount for name, amount in minor.items()}
    usd = {**part, "transactions": 1, "differences": [], "corrections": [order]}
    body = {"scope": "posted ledger", "currencies": {"usd": usd}, "accounts": {}}
    token = transport.set(httpx.MockTransport(lambda _: httpx.Response(200, json=body)))
    try:
        shown = CliRunner().invoke(command, ["proof"]).stdout
    finally:
        transport.reset(token)
    wanted = "reclass txn_1:reclass to fees: USD 12.34, not written yet (Grace: carbon removal)"
    assert wanted in shown
