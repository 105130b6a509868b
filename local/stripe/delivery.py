"""Delivery of events to the webhook, signed and retried as https://docs.stripe.com/webhooks."""

import asyncio
import hmac
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, Never

import httpx

from local.stripe.schedule import ActionSchedule
from local.stripe.settings import DeliveryFaults, Strikes, WebhookTarget
from local.stripe.wire import to_bytes
from shared.ports import Clock, Json

ATTEMPT_TIMEOUT_SECONDS = 20.0
DELIVERIES_AT_ONCE = 32
DUPLICATE_WITHIN_SECONDS = 60.0
ANSWER_CHARS_MAX = 2_000  # of an answer's body that we keep
RETRY_DELAYS_SECONDS = (60, 300, 1_800, 7_200, 18_000, 36_000, 43_200, 43_200, 43_200, 43_200)
"""Waits between attempts: exponential at first, then twice a day, under three days in all."""
USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"

type State = Literal["outstanding", "delivered", "dropped", "failed"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to the webhook. `status` None: no answer, `text` says why."""

    at: datetime
    status: int | None
    text: str

    @property
    def ok(self) -> bool:
        """Only 2xx counts."""
        return self.status is not None and httpx.codes.is_success(self.status)


@dataclass(slots=True)
class WebhookDelivery:
    """The way of one event to the webhook.

    `rolled`: the first attempt is signed by the oldest secret alone.
    """

    event: Json
    rolled: bool = False
    retries: bool = True
    attempts: list[Attempt] = field(default_factory=list)
    state: State = "outstanding"

    @property
    def event_id(self) -> str:
        """The id of the event."""
        return str(self.event["id"])


def signature(payload: bytes, moment: datetime, secrets: Sequence[str]) -> str:
    """The `Stripe-Signature` header: one `v1` per active secret."""
    t = int(moment.timestamp())
    signed = f"{t}.".encode() + payload
    marks = (hmac.new(secret.encode(), signed, sha256).hexdigest() for secret in secrets)
    return ",".join((f"t={t}", *(f"v1={mark}" for mark in marks)))


class Deliveries:
    """Sends events, a bounded number at once; `log` holds every delivery in order."""

    def __init__(
        self,
        clock: Clock,
        schedule: ActionSchedule,
        rng: random.Random,
        *,
        target: WebhookTarget | None,
        secrets: Sequence[str],
        faults: Callable[[], DeliveryFaults],
        strikes: Strikes | None = None,
    ) -> None:
        if target is not None and not secrets:
            raise ValueError("a webhook needs at least one signing secret")
        self._clock = clock
        self._schedule = schedule
        self._rng = rng
        self._target = target
        self._secrets = tuple(secrets)
        self._faults = faults
        self._strikes = strikes
        self._queue: asyncio.Queue[WebhookDelivery] = asyncio.Queue()
        self._outstanding = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.log: list[WebhookDelivery] = []

    @property
    def has_target(self) -> bool:
        """Whether there is a webhook at all."""
        return self._target is not None

    @property
    def outstanding(self) -> int:
        """Deliveries that will still be tried, now or later."""
        return self._outstanding

    async def quiet(self) -> None:
        """Wait until no delivery is outstanding."""
        await self._quiet.wait()

    def announce(self, event: Json) -> None:
        """Deliver a new event, with the faults that are set."""
        faults = self._faults()
        draws = [self._rng.random() for _ in range(3)]  # always three: one fault moves no other
        if self._struck("drop", faults.drop, draws[0]):
            self.log.append(WebhookDelivery(event, state="dropped"))
            return
        late = faults.delay_seconds if self._struck("late", 1.0, 0.0) else 0.0
        shuffled = self._rng.uniform(0, faults.shuffle_seconds)
        wait = late + (shuffled if self._struck("shuffle", 1.0, 0.0) else 0.0)
        again = wait + self._rng.uniform(0, DUPLICATE_WITHIN_SECONDS)
        self._later(self._new(WebhookDelivery(event)), wait)
        if self._struck("duplicate", faults.duplicate, draws[1]):
            self._later(self._new(WebhookDelivery(event)), again)
        if self._struck("rolled_secret", faults.rolled_secret, draws[2]):
            self._later(self._new(WebhookDelivery(event, rolled=True)), again)

    def _struck(self, name: str, rate: float, draw: float) -> bool:
        return draw < rate if self._strikes is None else self._strikes(name, rate)

    def resend(self, event: Json) -> None:
        """Deliver an event again, at once and without faults."""
        self._queue.put_nowait(self._new(WebhookDelivery(event)))

    async def send(self, event: Json) -> Attempt:
        """Deliver once, now, and say what came back. Raises `ValueError` without a webhook."""
        delivery = self._new(WebhookDelivery(event, retries=False))
        try:
            await self._attempt(delivery)
        except asyncio.CancelledError:
            self._end(delivery, "failed")
            raise
        return delivery.attempts[-1]

    async def run(self) -> Never:
        """Deliver until cancelled."""
        workers = [
            asyncio.create_task(self._work(), name=f"stripe-delivery-{number}")
            for number in range(DELIVERIES_AT_ONCE)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        raise AssertionError("delivery workers never return")

    async def _work(self) -> Never:
        while True:
            delivery = await self._queue.get()
            try:
                await self._attempt(delivery)
            except asyncio.CancelledError:
                self._queue.put_nowait(delivery)  # a stopped account goes on where it was
                raise

    def _new(self, delivery: WebhookDelivery) -> WebhookDelivery:
        self.log.append(delivery)
        self._outstanding += 1
        self._quiet.clear()
        return delivery

    def _later(self, delivery: WebhookDelivery, seconds: float) -> None:
        if seconds <= 0:
            self._queue.put_nowait(delivery)
        else:
            self._schedule.after(seconds, lambda: self._queue.put_nowait(delivery))

    async def _attempt(self, delivery: WebhookDelivery) -> None:
        attempt = await self._post(delivery)
        delivery.attempts.append(attempt)
        retry = len(delivery.attempts) - 1
        if attempt.ok:
            delivery.event["pending_webhooks"] = 0
            self._end(delivery, "delivered")
        elif delivery.retries and retry < len(RETRY_DELAYS_SECONDS):
            self._later(delivery, RETRY_DELAYS_SECONDS[retry])
        else:
            self._end(delivery, "failed")

    def _end(self, delivery: WebhookDelivery, state: State) -> None:
        delivery.state = state
        self._outstanding -= 1
        if self._outstanding == 0:
            self._quiet.set()

    async def _post(self, delivery: WebhookDelivery) -> Attempt:
        target = self._target
        if target is None:
            raise ValueError("this account has no webhook endpoint")
        now = self._clock.now()
        payload = to_bytes(delivery.event)
        only_oldest = delivery.rolled and not delivery.attempts
        secrets = self._secrets[-1:] if only_oldest else self._secrets
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, now, secrets),
            "User-Agent": USER_AGENT,
        }
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT_SECONDS):
                answer = await target.client.post(target.url, content=payload, headers=headers)
        except TimeoutError:
            return Attempt(now, None, f"no answer within {ATTEMPT_TIMEOUT_SECONDS:g} s")
        except httpx.TransportError as error:
            return Attempt(now, None, f"{type(error).__name__}: {error}")
        return Attempt(now, answer.status_code, answer.text[:ANSWER_CHARS_MAX])
