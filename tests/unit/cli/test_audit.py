import json

import httpx
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport

ENTRY = {
    "at": "2026-10-01 08:00:00+00:00",
    "who": "key (declared: Kim)",
    "action": "retry",
    "why": "",
    "objects": ["txn_1", "txn_2", "txn_3", "txn_4", "txn_5"],
    "detail": {},
}


def run(body: object, *arguments: str) -> tuple[Result, list[str]]:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(200, json=body)

    token = transport.set(httpx.MockTransport(answer))
    try:
        return CliRunner().invoke(command, ["audit", *arguments]), asked
    finally:
        transport.reset(token)


def test_an_entry_is_a_line_with_the_first_ids() -> None:
    result, asked = run({"entries": [ENTRY], "after": ""})
    assert asked == ["/api/audit?limit=50"]
    assert result.stdout == (
        "2026-10-01 08:00:00  key (declared: Kim)  retry  txn_1, txn_2, txn_3 and 2 more\n"
    )


def test_filters_go_into_the_question_and_the_next_page_is_named() -> None:
    result, asked = run(
        {"entries": [ENTRY], "after": "123~000"}, "--who", "a@b.c", "--object", "txn_1"
    )
    assert asked == ["/api/audit?who=a%40b.c&object=txn_1&limit=50"]
    assert result.stderr == "there are older entries: add --after 123~000\n"


def test_an_empty_log_says_so_and_json_is_printed_as_it_is() -> None:
    result, _ = run({"entries": [], "after": ""})
    assert (result.stdout, result.stderr) == ("", "no entries\n")
    result, _ = run({"entries": [], "after": ""}, "--json")
    assert json.loads(result.stdout) == {"entries": [], "after": ""}
