"""The backfill in a whole world: an account with a past, a first run."""

import json

import pytest

from local.stripe import PeerSettings
from local.world import Options, World
from tests.world import DAY, NO_GAPS, ask, gaps, live, new_customer, rest, sell

OPTIONS = Options(
    stripe=PeerSettings(payouts=None), settings={"sweep_first_days": 1, "sweep_overlap_hours": 1}
)


async def _past(world: World) -> None:
    """A week of sales while the app did not exist."""
    await world.host.stop()
    for day in range(5):
        for _ in range(30):
            sell(world, 1_000 + day, "usd", new_customer(world))
        await world.clock.sleep(DAY)
    await world.clock.sleep(3 * DAY)
    world.stripe.set_faults(world.stripe.faults)
    await world.host.start()


def test_a_backfill_books_the_past_and_tells_its_progress() -> None:
    async def story(world: World) -> None:
        await _past(world)
        before = (await ask(world, "GET", "backfill")).json()
        assert before["status"] == "none"
        answer = await ask(world, "POST", "backfill", json.dumps({"days": 10}).encode())
        assert answer.status_code == 202
        await rest(world, DAY)
        done = (await ask(world, "GET", "backfill")).json()
        assert done == {"status": "done", "seen": 150, "sent": done["sent"], "percent": 100}
        assert await gaps(world) == NO_GAPS
        again = await ask(world, "POST", "backfill", json.dumps({"days": 10}).encode())
        assert again.status_code == 202
        await rest(world, DAY)
        assert (await ask(world, "GET", "backfill")).json()["sent"] == 0

    live(story, OPTIONS)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"days": 0}', b'{"days": "9"}', b'{"days": 1e9}'])
def test_a_backfill_of_no_sensible_length_is_refused(body: bytes) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", "backfill", body)
        assert answer.status_code == 400
        assert answer.json()["code"] == "malformed"

    live(story, OPTIONS)
