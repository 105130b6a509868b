"""The webhook handler over its floor: HMAC and JSON parse of the same bodies.

Both run interleaved in one process on the same bodies; the ratio of their best rounds is printed,
so that a busy machine disturbs both alike. The queue is a list in memory.
"""

import asyncio
import gc
import hashlib
import hmac
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from local import books
from local.stripe import StripePeer
from local.tables import MemoryTables
from shared.clients.stripe.signatures import StripeSignatures
from shared.ports import Message, QueueCounts
from shared.registry import REGISTRY
from shared.services.ingest import Ingest, Refusals
from shared.stores.doors import Doors

BODIES = 400
ROUNDS = 15
TARGET = 3.0


class _Clock:
    def now(self) -> datetime:
        return datetime(2026, 10, 1, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"the handler must not sleep ({seconds} s)")


class _Sink:
    """A queue that takes everything at once."""

    def __init__(self) -> None:
        self.taken = 0

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        del queue
        self.taken += len(messages)

    async def probe(self, queue: str) -> None:
        del queue

    async def drain_dead_letters(self, queue: str, keep: object, limit: int) -> int:
        del queue, keep, limit
        return 0

    async def counts(self) -> QueueCounts | None:
        return None


def deliveries() -> list[tuple[bytes, str]]:
    """Real-sized bodies with their signatures: charge events of the Stripe peer."""
    clock = _Clock()
    secret = books.SIGNING_SECRETS[0]
    peer = StripePeer(
        clock, random.Random(1), webhook=None, signing_secrets=[secret], api_key="sk_test_bench"
    )
    found = []
    for number in range(BODIES):
        peer.request(
            "POST",
            "/v1/payment_intents",
            {
                "amount": 1_000 + number,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "confirm": True,
            },
        )
    moment = int(clock.now().timestamp())
    for event in peer.objects("event"):
        if event["type"] == "charge.succeeded":
            body = json.dumps(event, indent=2).encode()
            signed = hmac.new(secret.encode(), b"%d." % moment + body, hashlib.sha256)
            found.append((body, f"t={moment},v1={signed.hexdigest()}"))
    return found


def floor(cases: list[tuple[bytes, str]]) -> float:
    """Seconds for HMAC and JSON parse alone."""
    key = books.SIGNING_SECRETS[0].encode()
    started = time.perf_counter()
    for body, header in cases:
        moment, _, rest = header.partition(",")
        signed = hmac.new(key, moment[2:].encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed, rest[3:]):
            raise AssertionError("the floor computes another signature")
        json.loads(body)
    return time.perf_counter() - started


async def handler(ingest: Ingest, cases: list[tuple[bytes, str]]) -> float:
    """Seconds for the whole handler."""
    started = time.perf_counter()
    for body, header in cases:
        answer = await ingest.receive(body, header)
        if answer.code != "accepted":
            raise AssertionError(answer)
    return time.perf_counter() - started


async def measure() -> tuple[float, float, int]:
    """Best seconds of handler and floor over interleaved rounds, and a body's mean size."""
    cases = deliveries()
    settings = books.settings(stripe_url="", dynamics_url="https://example.invalid")
    clock = _Clock()
    tables = MemoryTables()
    ports = (settings, StripeSignatures(), _Sink(), tables, clock)
    ingest = Ingest(*ports, registry=REGISTRY, refusals=Refusals(clock), doors=Doors(tables, clock))
    gc.disable()
    pairs = [(await handler(ingest, cases), floor(cases)) for _ in range(ROUNDS)]
    size = sum(len(body) for body, _ in cases) // len(cases)
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs), size


def main() -> None:
    """Print the figure."""
    whole, least, size = asyncio.run(measure())
    print(
        f"webhook handler over HMAC + JSON parse, {BODIES} charge events of {size} bytes, "
        f"best of {ROUNDS} interleaved rounds"
    )
    print(f"ingest ratio={whole / least:.2f} target<={TARGET:g}")


if __name__ == "__main__":
    main()
