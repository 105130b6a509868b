"""The parts of an account, put together."""

import random
from dataclasses import dataclass

from local.stripe.core import Core
from local.stripe.delivery import Deliveries
from local.stripe.event_grid import GridDeliveries, PartnerTopic
from local.stripe.events import Events
from local.stripe.ids import Ids
from local.stripe.ledger import BalanceLedger
from local.stripe.schedule import ActionSchedule
from local.stripe.settings import (
    API_VERSION,
    PeerSettings,
    Strikes,
    StripeFaults,
    WebhookTarget,
)
from local.stripe.store import Store
from shared.ports import Clock


@dataclass(frozen=True, slots=True)
class RandomStreams:
    """One stream of chance per purpose, so that a fault changes neither ids nor delays."""

    ids: random.Random
    delays: random.Random
    delivery: random.Random
    old_shapes: random.Random
    requests: random.Random
    request_ids: random.Random

    @classmethod
    def split(cls, rng: random.Random) -> "RandomStreams":
        """Streams that are independent of each other and fixed by the seed of `rng`."""
        return cls(*(random.Random(rng.getrandbits(64)) for _ in range(6)))  # noqa: S311


def assemble(
    clock: Clock,
    streams: RandomStreams,
    *,
    livemode: bool,
    webhook: WebhookTarget | None,
    secrets: tuple[str, ...],
    settings: PeerSettings,
    strikes: Strikes | None = None,
    topic: PartnerTopic | None = None,
) -> tuple[Core, Deliveries, GridDeliveries]:
    """A fresh account, without faults."""
    schedule, store, ids = ActionSchedule(clock), Store(clock), Ids(streams.ids)
    deliveries = Deliveries(
        clock,
        schedule,
        streams.delivery,
        target=webhook,
        secrets=secrets,
        faults=lambda: core.faults.delivery,
        strikes=strikes,
    )

    grid = GridDeliveries(schedule, topic)

    events = Events(
        clock,
        ids,
        store,
        target=webhook,
        api_version=API_VERSION if webhook is None else webhook.api_version,
        livemode=livemode,
        deliver=deliveries.announce,
        old_shape=lambda: _is_old_shape(core, streams, strikes),
        publish=grid.announce,
    )
    ledger = BalanceLedger(
        clock,
        ids,
        store,
        schedule,
        events,
        livemode=livemode,
        default_currency=settings.default_currency,
    )
    core = Core(
        settings=settings,
        clock=clock,
        rng=streams.delays,
        ids=ids,
        store=store,
        schedule=schedule,
        events=events,
        ledger=ledger,
        livemode=livemode,
        faults=StripeFaults(),
        resend=deliveries.resend,
        strikes=strikes,
    )
    return core, deliveries, grid


def _is_old_shape(core: Core, streams: RandomStreams, strikes: Strikes | None) -> bool:
    rate, draw = core.faults.delivery.old_api_version, streams.old_shapes.random()
    return draw < rate if strikes is None else strikes("old_api_version", rate)
