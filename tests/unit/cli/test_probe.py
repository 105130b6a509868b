"""`tieout probe`: it asks first, names the company, and prints settings to paste."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport

ANSWERS = [
    {
        "rule": "line_numbers_collide",
        "answer": "yes",
        "text": "the second line is refused",
        "settings": ["TIEOUT_WRITE_SETTLE_SECONDS=300", "TIEOUT_LEASE_SECONDS=600"],
        "policy": [],
    },
    {
        "rule": "negative_free_text_lines",
        "answer": "no",
        "text": "Dynamics refuses it",
        "settings": [],
        "policy": ["refunds: {of_orders: return_order}"],
    },
]
LEFT = {"entity_set": "LedgerJournalHeaders", "where": "JournalBatchNumber 7", "why": "refused"}


def run(*arguments: str, answer: str = "", **report: Any) -> tuple[Result, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    body = {"company": "sbx", "token": "t", "answers": ANSWERS, "left_behind": [], **report}

    def app(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(409 if "code" in body else 200, json=body)

    token = transport.set(httpx.MockTransport(app))
    try:
        return CliRunner().invoke(command, ["probe", *arguments], input=answer), asked
    finally:
        transport.reset(token)


def test_a_company_has_to_be_named() -> None:
    result, asked = run("--yes")
    assert (result.exit_code, asked) == (2, [])
    assert "--company" in result.output


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_nothing_is_done_without_a_yes(answer: str) -> None:
    result, asked = run("--company", "sbx", answer=answer)
    assert result.exit_code != 0
    assert asked == []
    assert "Write drafts in the company sbx of the app at http://127.0.0.1:7071" in result.stderr


@pytest.mark.parametrize("arguments", [("--yes",), ()])
def test_the_answers_end_in_lines_to_paste(arguments: tuple[str, ...]) -> None:
    result, asked = run(
        "--company", "sbx", "--who", "Kim", "--classification", "STRIPE", *arguments, answer="y\n"
    )
    sent = {"company": "sbx", "classification": "STRIPE", "who": "Kim"}
    assert json.loads(asked[0].content) == sent
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-11:] == [
        "yes  line_numbers_collide: the second line is refused",
        "no   negative_free_text_lines: Dynamics refuses it",
        "",
        "App settings that fit:",
        "  TIEOUT_WRITE_SETTLE_SECONDS=300",
        "  TIEOUT_LEASE_SECONDS=600",
        "",
        "Choices of the policy that fit:",
        "  refunds: {of_orders: return_order}",
        "",
        "All drafts in sbx were deleted.",
    ]


def test_what_was_left_behind_is_named_and_fails_the_command() -> None:
    result, _ = run("--company", "sbx", "--yes", left_behind=[LEFT])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-2:] == [
        "LEFT BEHIND in sbx: delete these drafts in Dynamics.",
        "  LedgerJournalHeaders (JournalBatchNumber 7): refused",
    ]


def test_a_rule_without_an_answer_fails_the_command() -> None:
    unknown = {**ANSWERS[1], "answer": "unknown"}
    result, _ = run("--company", "sbx", "--yes", answers=[unknown])
    assert (result.exit_code, result.stdout[:4]) == (1, "?   ")


def test_an_app_that_refuses_says_why() -> None:
    result, _ = run("--company", "sbx", "--yes", code="not_a_sandbox", message="it books live")
    assert result.exit_code == 2
    assert "answered 409: it books live [not_a_sandbox]" in result.stderr


def test_for_machines_there_is_the_answer_itself() -> None:
    result, _ = run("--company", "sbx", "--yes", "--json")
    assert json.loads(result.stdout)["answers"] == ANSWERS
