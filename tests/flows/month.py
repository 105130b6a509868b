"""A small month of business under faults, and what must be true after it."""

from local.dynamics import DynamicsFaults, DynamicsSettings
from local.shop import Shop
from local.stripe import (
    FEES_WITH_EUR_TAX,
    DeliveryFaults,
    PayoutSchedule,
    PeerSettings,
    StripeFaults,
)
from local.world import Options, World
from tests.world import (
    HOUR,
    NO_GAPS,
    doubles,
    gaps,
    lines,
    parked,
    waiting,
)

CUSTOMERS, CHARGES, DAYS = 10, 36, 2
SETTLE_HOURS_MAX = 20 * 24
STEP_HOURS = 6
QUICK = PayoutSchedule(arrival_days=1, reconcile_seconds=(HOUR, 20.0 * HOUR))
MAY_FAIL = ("payout_membership_page", "payout_tie_out", "prove_books")


async def month(world: World) -> None:
    """Some days of business, then days without, until all is paid out and tied."""
    shop = Shop(world.stripe, world.clock, world.options.seed)
    await shop.run(CUSTOMERS, CHARGES, DAYS, lambda _: None)
    for _ in range(0, SETTLE_HOURS_MAX, STEP_HOURS):
        payouts = (await world.get("payouts"))["payouts"]
        if world.stripe.exhausted() and all(each["status"] == "tied" for each in payouts):
            break
        await world.clock.sleep(STEP_HOURS * HOUR)
    await world.idle()


async def all_is_well(world: World) -> None:
    """Nothing twice, nothing left over, every payout tied; read without faults."""
    world.dynamics.faults = DynamicsFaults()
    world.stripe.set_faults(StripeFaults())
    assert doubles(world) == {}
    assert await parked(world) == []
    assert [item.cause for item in await waiting(world) if item.cause != "dispute_open"] == []
    assert await gaps(world) == NO_GAPS
    payouts = (await world.get("payouts"))["payouts"]
    assert len(payouts) >= 2
    assert [each for each in payouts if each["status"] != "tied"] == []
    assert {each["difference_minor"] for each in payouts} == {0}
    written = {key.partition(":")[0] for key in lines(world)}
    made = [txn["id"] for txn in world.stripe.objects("balance_transaction")]
    assert [txn for txn in made if txn not in written] == []
    assert len(made) > CHARGES
    # Activities fail where a vendor does, and are tried again by their flow; so does the nightly
    # proof, which reads both vendors to their end, until the next night. Nothing else may.
    assert [each for each in world.host.failures if each.function not in MAY_FAIL] == []


DELIVERY = DeliveryFaults(
    duplicate=0.3, shuffle_seconds=3_600, rolled_secret=0.1, old_api_version=0.1
)


def options(seed: int, dynamics: DynamicsFaults, stripe: StripeFaults) -> Options:
    return Options(
        seed=seed,
        stripe=PeerSettings(fees=FEES_WITH_EUR_TAX, available_after_days=1, payouts=QUICK),
        stripe_faults=stripe,
        dynamics=DynamicsSettings(post_interval_seconds=HOUR),
        dynamics_faults=dynamics,
    )
