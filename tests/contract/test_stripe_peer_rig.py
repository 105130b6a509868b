"""What the tests of the Stripe peer stand on: a world with a clock, an account and a webhook."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import simplejson

from local.clock import LoopClock
from local.loop import run_virtual
from local.stripe import ApiError, PeerSettings, StripeFaults, StripePeer, WebhookTarget
from shared.ports import Clock

START = datetime(2026, 9, 1, 10, tzinfo=UTC)
KEY = "sk_test_tieoutlocal"
SECRETS = ["whsec_new", "whsec_old"]
CARD = {"amount": 10_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
DAY = 86_400

type Json = dict[str, Any]


@dataclass
class Hook:
    """A webhook that records what arrives; `statuses` are its next answers, then 202."""

    clock: Clock
    statuses: list[int] = field(default_factory=list)
    seconds: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        self.headers.append({k.decode(): v.decode() for k, v in scope["headers"]})
        self.times.append(self.clock.now())
        await self.clock.sleep(self.seconds)
        status = self.statuses.pop(0) if self.statuses else 202
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    @property
    def events(self) -> list[Json]:
        return [simplejson.loads(body) for body in self.bodies]

    def types(self, prefix: str = "") -> list[str]:
        return [e["type"] for e in self.events if e["type"].startswith(prefix)]


@dataclass
class World:
    clock: LoopClock
    peer: StripePeer
    hook: Hook
    http: httpx.AsyncClient

    def post(self, path: str, **params: Any) -> Json:
        return self.peer.request("POST", f"/v1/{path}", params)

    def get(self, path: str, **params: Any) -> Json:
        return self.peer.request("GET", f"/v1/{path}", params)

    def pay(self, **params: Any) -> Json:
        """A paid intent."""
        return self.post("payment_intents", **(CARD | params))

    def charge_of(self, intent: Json) -> Json:
        return self.get(f"charges/{intent['latest_charge']}")

    def txns(self, **params: Any) -> list[Json]:
        return list(self.get("balance_transactions", limit=100, **params)["data"])

    def refused(self, path: str, **params: Any) -> Json:
        """The error object of a POST that must be refused."""
        with pytest.raises(ApiError) as caught:
            self.post(path, **params)
        return caught.value.error | {"status": caught.value.status}

    async def until_exhausted(self, hours_max: int = 24 * 30) -> None:
        for _ in range(hours_max):
            if self.peer.exhausted():
                return
            await self.clock.sleep(3_600)
        raise AssertionError("the account never comes to rest")


def in_world[T](
    scenario: Callable[[World], Awaitable[T]],
    *,
    seed: int = 1,
    settings: PeerSettings | None = None,
    faults: StripeFaults | None = None,
    secrets: list[str] | None = None,
    enabled_events: tuple[str, ...] = ("*",),
    webhook: bool = True,
) -> T:
    """Run a scenario on virtual time against a fresh peer and a recording webhook."""

    async def main(clock: LoopClock) -> T:
        hook = Hook(clock)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(hook)) as to_hook:
            target = WebhookTarget("http://app/hook", to_hook, enabled_events=enabled_events)
            peer = StripePeer(
                clock,
                random.Random(seed),
                webhook=target if webhook else None,
                signing_secrets=SECRETS if secrets is None else secrets,
                api_key=KEY,
                settings=settings,
                faults=faults,
            )
            transport = httpx.ASGITransport(peer.asgi)
            headers = {"Authorization": f"Bearer {KEY}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://stripe", headers=headers
            ) as http:
                peer.start()
                try:
                    return await scenario(World(clock, peer, hook, http))
                finally:
                    await peer.stop()

    return run_virtual(main, start=START)


async def answer(world: World, method: str, path: str, **kwargs: Any) -> tuple[int, Json]:
    response = await world.http.request(method, path, **kwargs)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["request-id"].startswith("req_")
    body: Json = response.json()
    return response.status_code, body.get("error", body)
