"""Small incidents, each with what fires over what the product tells (test_alert_incidents.py)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from local.dynamics import DynamicsFaults, DynamicsSettings, Side
from local.servicebus.messages import Outgoing
from local.stripe import PayoutSchedule, PeerSettings, StripeFaults
from local.world import Options, World
from shared import bootstrap
from shared.ports import Json, Page, Put, Queue
from shared.services.operations.measure import SILENCE
from shared.services.operations.silence import Rhythm
from shared.stores.places import TABLE as CURSORS
from tests.incident_ports import NoQueue, WatchedStripe
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    START,
    account_of,
    deliver,
    encoded,
    new_customer,
    rest,
    sell,
)

NEVER = "0 0 0 29 2 *"
SELDOM = {  # where a story takes days and is not about timers
    "measure": "50 5 * * * *",
    "drain_dead_letters": "0 10 */6 * * *",
    "sweep_waiting": "30 15 */6 * * *",
    "continue_audit": "0 18 */6 * * *",
    "heal_parked": "0 52 */6 * * *",
    "sweep_transactions": "0 7 */6 * * *",
}
type Story = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Incident:
    """A story, the world it happens in, and what fires: by alert the values of its dimensions."""

    story: Story
    fires: Mapping[str, Sequence[tuple[Any, ...]]]
    options: Options = field(default_factory=Options)


class Clumsy(WatchedStripe):
    """With a fault of ours in reading charges."""

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        if entity == "charge":
            raise ZeroDivisionError
        return await super().retrieve(entity, id, expand)


class Forgetful(WatchedStripe):
    """Stripe never lists the members of a payout."""

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        page = await super().page(entity, params)
        return replace(page, data=page.data[:1]) if "payout" in params else page


async def dead_letters_stay(world: World) -> None:
    await rest(world, HOUR)
    world.broker.give_up("charge", Outgoing("evt_1", b"{}", "0"), "MaxDeliveryCountExceeded")
    await world.clock.sleep(HOUR)


async def sell_without_a_book(world: World) -> None:
    await rest(world, HOUR)
    sell(world, 5_000, "gbp")
    await rest(world, HOUR)


async def sell_something(world: World) -> None:
    await rest(world, HOUR)
    sell(world)
    await rest(world, HOUR)


async def sell_much_without_a_book(world: World) -> None:
    await rest(world, HOUR)
    sell(world, 150_000, "gbp")
    await rest(world, HOUR)


async def sell_and_wait_two_days(world: World) -> None:
    sell(world)
    await rest(world, 50 * HOUR)


async def book_by_hand_on_clearing(world: World) -> None:
    sell(world)
    await rest(world, 2 * HOUR)
    amount = Decimal("10.00")
    sides = (
        Side("Bank", r"STRIPE\-USD", "USD", amount),
        Side("Ledger", "618900", "USD", -amount),
    )
    world.dynamics.book_by_hand("usmf", "V1", sides)
    await rest(world, 20 * HOUR)


async def sell_and_wait_eight_days(world: World) -> None:
    sell(world, card="pm_card_bypassPending")
    await rest(world, 8 * DAY)


async def fall_silent(world: World) -> None:
    """A merchant who has been known for three weeks, with an event each half an hour."""
    rhythm = Rhythm(START - timedelta(days=21))
    for n in range(21 * 48):
        rhythm = rhythm.seen(rhythm.began_at + (n + 1) * timedelta(minutes=30))
    await world.tables.transact(CURSORS, SILENCE, [Put(SILENCE, rhythm.cells())])
    await rest(world, 6 * HOUR)


async def send_malformed_bodies(world: World) -> None:
    await rest(world, HOUR)
    for _ in range(21):
        assert (await deliver(world, b"{")).status_code == 400
    await rest(world, HOUR)


async def sign_with_a_wrong_secret(world: World) -> None:
    await rest(world, HOUR)
    for _ in range(11):
        assert (await deliver(world, b"{}", "whsec_wrong")).status_code == 400
    await rest(world, HOUR)


async def lose_the_queue(world: World) -> None:
    await rest(world, HOUR + 2 * MINUTE)  # between two runs of the timer that reads dead letters
    app = replace(world.app, queue=cast("Queue", NoQueue()))  # only `send` is called
    world.host.context.run(bootstrap.use, app)
    customer = {"id": "cus_1", "object": "customer"}
    event = {"id": "evt_1", "type": "customer.created", "livemode": False}
    for _ in range(6):
        body = encoded({**event, "data": {"object": customer}})
        assert (await deliver(world, body)).status_code == 503
    world.host.context.run(bootstrap.use, world.app)
    await rest(world, HOUR)


async def wait_four_hours(world: World) -> None:
    await rest(world, 4 * HOUR)


async def sell_while_dynamics_throttles(world: World) -> None:
    await rest(world, HOUR)
    world.dynamics.faults = DynamicsFaults(throttle=0.7, retry_after_seconds=1)
    for _ in range(12):
        sell(world)
    await world.clock.sleep(20 * MINUTE)
    world.dynamics.faults = DynamicsFaults()
    await rest(world, HOUR)


async def sell_while_stripe_throttles(world: World) -> None:
    await rest(world, HOUR)
    world.stripe.set_faults(StripeFaults(rate_limit=0.7))
    for _ in range(12):
        sell(world)
    await world.clock.sleep(20 * MINUTE)
    world.stripe.set_faults(StripeFaults())
    await rest(world, HOUR)


async def lose_the_key_of_stripe(world: World) -> None:
    await rest(world, HOUR)
    world.stripe._keys._keys.clear()
    sell(world)
    await world.clock.sleep(HOUR)


async def lose_the_secret_of_dynamics(world: World) -> None:
    await rest(world, HOUR)
    world.dynamics.tokens.client_secret = "another one"
    world.dynamics.tokens.revoke_all()
    sell(world)
    await world.clock.sleep(HOUR)


async def stop_the_hub(world: World) -> None:
    """Durable Functions stand still while a payout is not tied out."""
    sell(world, card="pm_card_bypassPending")
    await rest(world, HOUR)
    (hub,) = [task for task in world.host._services if task.get_name() == "the durable hub"]
    hub.cancel()
    await world.clock.sleep(2 * DAY)


async def pass_over_a_journal(world: World) -> None:
    """A customer is put on hold after the sale; what others bought later is posted first."""
    customer = new_customer(world)
    sell(world, customer=customer)
    await rest(world)
    account = account_of(world, customer).removeprefix("Cust ")
    world.dynamics.block_customer("usmf", account, "All")
    world.dynamics.post_journals()
    await rest(world, DAY)
    sell(world, customer=new_customer(world))
    await rest(world, HOUR)
    world.dynamics.post_journals()
    await rest(world, 8 * HOUR)


PAID_OUT = PeerSettings(payouts=PayoutSchedule(arrival_days=0, reconcile_seconds=(60, 60)))
UNPOSTED = Options(dynamics=DynamicsSettings(post_interval_seconds=90 * DAY))
INCIDENTS = {
    "dead letters stay": Incident(
        dead_letters_stay,
        {"dead-letters": [("charge",)], "timer-heartbeat": [("drain_dead_letters",)]},
        Options(schedules={"drain_dead_letters": NEVER}),
    ),
    "a sale has no book": Incident(
        sell_without_a_book, {"parked-items": [("currency_not_configured",)]}
    ),
    "much money has no book": Incident(
        sell_much_without_a_book,
        {"parked-items": [("currency_not_configured",)], "parked-amount": [("gbp",)]},
    ),
    "nobody posts journals": Incident(
        sell_and_wait_two_days, {"unposted-age": [("usmf",)]}, replace(UNPOSTED, schedules=SELDOM)
    ),
    "somebody books on clearing": Incident(
        book_by_hand_on_clearing, {"proof-gap": [("usd",)]}, Options(schedules=SELDOM)
    ),
    "Stripe never lists a payout": Incident(
        sell_and_wait_eight_days,
        {"payout-open": [()]},
        Options(stripe=PAID_OUT, schedules=SELDOM, watch=Forgetful),
    ),
    "no event comes": Incident(fall_silent, {"silence": [()]}),
    "bodies are malformed": Incident(send_malformed_bodies, {"webhook-4xx": [()]}),
    "signatures are wrong": Incident(sign_with_a_wrong_secret, {"webhook-signatures": [()]}),
    "the queue is away": Incident(lose_the_queue, {"webhook-5xx": [()]}),
    "a timer stands still": Incident(
        wait_four_hours,
        {"timer-heartbeat": [("sweep_transactions",)]},
        Options(schedules={"sweep_transactions": NEVER}),
    ),
    "Dynamics throttles": Incident(
        sell_while_dynamics_throttles, {"vendor-throttled": [("dynamics",)]}
    ),
    "Stripe throttles": Incident(sell_while_stripe_throttles, {"vendor-throttled": [("stripe",)]}),
    "Stripe knows our key no more": Incident(
        lose_the_key_of_stripe, {"vendor-denied": [("stripe",)]}
    ),
    "the secret of Dynamics has expired": Incident(
        lose_the_secret_of_dynamics, {"vendor-denied": [("dynamics",)]}
    ),
    "Durable Functions stand still": Incident(
        stop_the_hub,
        {"flow-stuck": [("payout_flow",)]},
        Options(stripe=PAID_OUT, schedules=SELDOM),
    ),
    "Dynamics refuses a journal": Incident(
        pass_over_a_journal,
        {"journal-refused": [("usmf",)], "parked-items": [("customer_blocked",)]},
        replace(UNPOSTED, schedules=SELDOM, settings={"partitions": 1}),
    ),
    "Tieout has a fault": Incident(
        sell_something,
        {"app-faults": [("converge_failed",)], "parked-items": [("unexpected",)]},
        Options(watch=Clumsy),
    ),
}
