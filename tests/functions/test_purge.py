"""The purge in a whole world: a shop goes on selling, and what is over is forgotten."""

from local.world import Options, World
from tests.world import DAY, ask, booked_and_proved, give_back, live, new_customer, rest, sell

KEPT_DAYS = 8


def test_what_is_over_is_purged_and_money_that_follows_is_booked_all_the_same() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000, "usd", new_customer(world))
        await rest(world, 3 * DAY)
        before = await world.get("status")
        assert before["purged"] == 0
        links = await world.tables.query("links")
        await rest(world, 7 * DAY)
        after = await world.get("status")
        assert after["purged"] > 0
        assert after["done"] < before["done"]
        assert len(await world.tables.query("links")) >= len(links)
        entries = (await ask(world, "GET", "audit?action=purge")).json()["entries"]
        assert sum(entry["detail"]["items"] for entry in entries) > after["purged"]
        give_back(world, charge)
        await rest(world, 3 * DAY)
        await booked_and_proved(world)

    live(story, Options(settings={"retention_days": KEPT_DAYS}))
