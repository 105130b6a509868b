import json

import httpx
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport

DONE = {
    "customer": "cus_1",
    "rows": 3,
    "items": 2,
    "charges": 1,
    "is_complete": True,
    "busy": [],
}
SAID = ("--who", "Kim", "--why", "asked for it")


def run(status: int, body: object, *arguments: str) -> tuple[Result, list[tuple[str, object]]]:
    asked: list[tuple[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.raw_path.decode(), json.loads(request.content)))
        return httpx.Response(status, json=body)

    token = transport.set(httpx.MockTransport(answer))
    try:
        return CliRunner().invoke(command, ["erase", *arguments]), asked
    finally:
        transport.reset(token)


def test_a_customer_is_erased() -> None:
    result, asked = run(200, DONE, "cus_1", *SAID)
    assert asked == [("/api/customers/cus_1/erase", {"who": "Kim", "why": "asked for it"})]
    assert result.exit_code == 0
    assert result.stdout.startswith("cus_1: 3 records and 2 items")


def test_what_is_left_is_named_and_fails_the_command() -> None:
    left = DONE | {"is_complete": False, "busy": ["ch_1", "ch_2"]}
    result, _ = run(202, left, "cus_1", *SAID)
    assert result.exit_code == 1
    assert "ch_1, ch_2. Ask again" in result.stderr


def test_a_refusal_is_told() -> None:
    result, _ = run(409, {"code": "erase_refused", "message": "look the id up"}, "x/..", *SAID)
    assert (result.exit_code, result.stderr) == (2, "look the id up\n")
