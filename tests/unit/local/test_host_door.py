"""What the platform notes of the requests that the local host answers."""

from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

from local.host import AnsweredRequest
from local.host.host import Door
from local.host.http import HttpFront
from tests.unit.services.fakes import ManualClock

MOMENT = datetime(2026, 10, 1, 8, tzinfo=UTC)
SCOPE = {"type": "http", "method": "POST", "path": "/api/webhooks/stripe"}


async def _asked(door: Door) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await door(SCOPE, receive, send)
    return sent


async def test_a_request_is_noted_with_its_answer_and_its_time() -> None:
    clock = ManualClock(MOMENT)
    door = Door(clock)

    async def front(scope: Any, receive: Any, send: Any) -> None:
        clock.advance(2.5)
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"too large"})

    door.front = cast("HttpFront", front)
    assert [message["type"] for message in await _asked(door)] == [
        "http.response.start",
        "http.response.body",
    ]
    noted = AnsweredRequest(MOMENT, "POST", "/api/webhooks/stripe", 413, 2.5)
    assert list(door.answered) == [noted]


async def test_while_the_host_is_down_nobody_notes_a_request() -> None:
    door = Door(ManualClock(MOMENT))
    assert (await _asked(door))[0]["status"] == 503
    assert list(door.answered) == []
