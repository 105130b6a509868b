"""The Stripe account of a world: its API, its clockwork and its customers' doings."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Never

from local.stripe import payouts, routes
from local.stripe.account import RandomStreams, assemble
from local.stripe.acts import Acts
from local.stripe.app import StripeApp
from local.stripe.control import StripeControl
from local.stripe.delivery import WebhookDelivery
from local.stripe.event_grid import PartnerTopic
from local.stripe.ids import Ids
from local.stripe.keys import Keys, RestrictedKey
from local.stripe.settings import API_VERSION, PeerSettings, Strikes, StripeFaults, WebhookTarget
from shared.ports import Clock, Json

SECRETS_FOR_ROLLING = 2


class StripePeer(Acts):
    """A Stripe account in memory.

    `asgi` is the API (and the control routes); `run` the clockwork: settlement, availability,
    payouts, deliveries. The same clock and seed give the same account, to the last id.
    Methods named after what people and banks do (`dispute_charge`, `fail_payout`, ...) need no
    request; they raise `KeyError` for unknown ids and `ValueError` where the act is impossible.
    `strikes`, where given, decides on every fault instead of `rng`. `topic`: where events go
    besides the webhook.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        account: str = "acct_1TieoutLocal0000",
        livemode: bool = False,
        webhook: WebhookTarget | None,
        signing_secrets: Sequence[str],
        api_key: str,
        settings: PeerSettings | None = None,
        faults: StripeFaults | None = None,
        strikes: Strikes | None = None,
        topic: PartnerTopic | None = None,
    ) -> None:
        self._clock = clock
        self._secrets = tuple(signing_secrets)
        streams = RandomStreams.split(rng)
        core, self._deliveries, self._grid = assemble(
            clock,
            streams,
            livemode=livemode,
            webhook=webhook,
            secrets=self._secrets,
            settings=settings or PeerSettings(),
            strikes=strikes,
            topic=topic,
        )
        core.account = account
        super().__init__(core)
        self._schedule = core.schedule
        self.set_faults(faults or StripeFaults())
        self._keys = Keys(api_key, account)
        self.control = StripeControl(self._core, self._deliveries, self.set_faults)
        self.asgi = StripeApp(
            self._core,
            self.control,
            streams.requests,
            ids=Ids(streams.request_ids),
            keys=self._keys,
            api_version=API_VERSION,
        )
        self._running: asyncio.Task[Never] | None = None
        self._paying = False

    # --- clockwork --------------------------------------------------------------------------

    async def run(self) -> Never:
        """Settle, pay out and deliver until cancelled."""
        if not self._paying:
            self._paying = True
            payouts.start_daily(self._core)
        parts = [
            asyncio.create_task(self._schedule.run(), name="stripe-schedule"),
            asyncio.create_task(self._deliveries.run(), name="stripe-deliveries"),
        ]
        try:
            await asyncio.gather(*parts)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        raise AssertionError("the clockwork never returns")

    def start(self) -> None:
        """`run` in a task of the running loop."""
        if self._running is not None:
            raise RuntimeError("the Stripe peer runs already")
        self._running = asyncio.create_task(self.run(), name="stripe-peer")

    async def stop(self) -> None:
        """End what `start` began. Raises what the clockwork raised, if it broke."""
        running, self._running = self._running, None
        if running is None:
            return
        running.cancel()
        [result] = await asyncio.gather(running, return_exceptions=True)
        if isinstance(result, Exception):
            raise result

    @property
    def outstanding(self) -> int:
        """Deliveries that will still be tried, by either way."""
        return self._deliveries.outstanding + self._grid.outstanding

    def idle(self, within_seconds: float = 0.0) -> bool:
        """Whether all events have arrived (or were given up, or dropped by a fault) and nothing
        happens by itself within so many seconds."""
        due = self._schedule.next_due(recurring=True)
        horizon = self._clock.now() + timedelta(seconds=within_seconds)
        return self.outstanding == 0 and (due is None or due > horizon)

    def exhausted(self) -> bool:
        """Whether nothing will ever happen again without a request: everything settled,
        available and reconciled; only empty daily payout runs remain."""
        return (
            self.outstanding == 0 and self._schedule.next_due() is None and not any(self._payable())
        )

    def _payable(self) -> list[int]:
        """Amounts the next automatic payouts will pay."""
        schedule = self._core.settings.payouts
        if schedule is None:
            return []
        return [
            amount
            for amount in self._core.ledger.payable().values()
            if amount >= schedule.minimum_minor or (amount < 0 and schedule.negative)
        ]

    async def settled(self) -> None:
        """Wait until no delivery is outstanding, retries included.

        Raises what the clockwork raised, if `start` began it and it broke.
        """
        quiet = asyncio.create_task(self._deliveries.quiet(), name="stripe-quiet")
        running = [] if self._running is None else [self._running]
        try:
            await asyncio.wait([quiet, *running], return_when=asyncio.FIRST_COMPLETED)
        finally:
            quiet.cancel()
        if running and running[0].done():
            running[0].result()

    # --- looking in -------------------------------------------------------------------------

    @property
    def deliveries(self) -> Sequence[WebhookDelivery]:
        """Every delivery so far, in order: event, attempts, state."""
        return self._deliveries.log

    @property
    def requests(self) -> dict[str, int]:
        """API requests so far, by method and route."""
        return self.asgi.requests

    @property
    def faults(self) -> StripeFaults:
        """The faults that are set."""
        return self._core.faults

    def set_faults(self, faults: StripeFaults) -> None:
        """Set all faults. Raises `ValueError` for a rolled secret where there is only one."""
        if faults.delivery.rolled_secret and len(self._secrets) < SECRETS_FOR_ROLLING:
            raise ValueError("delivery.rolled_secret needs at least two signing secrets")
        self._core.faults = faults

    def balance(self) -> Json:
        """The balance object."""
        return self._core.ledger.balance()

    def available_minor(self, currency: str) -> int:
        """What a payout could pay now."""
        return self._core.ledger.available_minor(currency)

    def objects(self, type: str) -> list[Json]:
        """The objects of a type, oldest first. Not to be changed."""
        return list(self._core.store.newest_first(type))[::-1]

    # --- what the merchant does -------------------------------------------------------------

    def request(self, method: str, path: str, params: Mapping[str, object] | None = None) -> Json:
        """An API request without HTTP, key or faults: `request("POST", "/v1/customers", {...})`.

        Parameters are Stripe's, as plain Python values. Raises `ApiError` (`local.stripe.errors`)
        with the status and the error object that HTTP would have answered.
        """
        return routes.request(self._core, method, path, params or {})

    def issue_key(self, key: RestrictedKey) -> None:
        """Make a restricted key of the account valid. Raises `ValueError` for one in use."""
        self._keys.issue(key)

    def withdraw_key(self, key: str) -> None:
        """Delete a key of the account: it is refused at once. Raises `KeyError` for one that is
        not valid."""
        self._keys.withdraw(key)
