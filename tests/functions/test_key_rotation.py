"""Rolling the Stripe key, as docs/security.md tells it: with an overlap, and without one."""

from dataclasses import replace

from local.stripe import RestrictedKey
from local.world import World
from shared.policy import DEFAULT
from shared.registry import REGISTRY
from shared.services.setup import permissions_of
from tests.functions.test_stripe_permissions import key_of, use
from tests.world import (
    DAY,
    HOUR,
    ask,
    booked_and_proved,
    doubles,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
)

OLD: RestrictedKey = key_of(permissions_of(DEFAULT, REGISTRY))
NEW = replace(OLD, key="rk_test_new")
SALES = 5


async def ready(world: World) -> str:
    return str((await ask(world, "GET", "ready")).json()["status"])


def booked(world: World, charge: str) -> bool:
    return all(lines(world, txn["id"]) for txn in transactions_of(world, charge))


def test_a_stripe_key_is_rolled_without_a_gap() -> None:
    async def story(world: World) -> None:
        use(world, OLD)
        first = sell(world, 10_000, "usd", new_customer(world))
        await rest(world, HOUR)
        under_way = sell(world, 4_000, "usd", new_customer(world))
        use(world, NEW)  # the app was restarted with the new secret
        assert await ready(world) == "ready"
        world.stripe.withdraw_key(OLD.key)
        assert await ready(world) == "ready"
        give_back(world, first, 2_500)
        await rest(world, 3 * DAY)
        await booked_and_proved(world)
        assert booked(world, under_way)
        assert doubles(world) == {}

    live(story)


def test_what_meets_a_deleted_key_parks_with_its_remedy_and_heals_after_the_new_one() -> None:
    async def story(world: World) -> None:
        use(world, OLD)
        first = sell(world, 10_000, "usd", new_customer(world))
        await rest(world, HOUR)
        before = lines(world)
        world.stripe.withdraw_key(OLD.key)
        assert await ready(world) != "ready"
        charges = [
            sell(world, 1_000 + number, "usd", new_customer(world)) for number in range(SALES)
        ]
        give_back(world, first, 2_500)
        await world.clock.sleep(2 * DAY)
        assert lines(world) == before
        left = await parked(world)
        assert {item.cause for item in left} == {"credentials"}
        assert all(item.remedy == "Check the named key or role, retry." for item in left)

        use(world, NEW)
        await rest(world, 6 * HOUR)
        await booked_and_proved(world)
        assert [charge for charge in charges if not booked(world, charge)] == []
        assert doubles(world) == {}

    live(story)
