"""Reapplying the mapping in a whole world: drafts change on request, what is posted never does."""

from typing import Any

import pytest

from local.dynamics.faults import Faults as DynamicsFaults
from local.dynamics.settings import Settings as DynamicsSettings
from local.world import Options, World
from shared.services.mappings import MAPPING_FRESH_SECONDS
from tests.functions.test_mappings import BRANDS, METHODS, get, methods, post, publish, sold
from tests.world import GENERAL, HOUR, RECEIPTS, booked_and_proved, doubles, lines, live, rest

SAID: dict[str, Any] = {"who": "Ada", "why": "new brands"}
NOT_POSTING = Options(dynamics=DynamicsSettings(post_interval_seconds=1e9))
WRITES = ("PATCH", "POST", "DELETE")


def written(world: World) -> int:
    """How many records were written."""
    return sum(world.dynamics.requests.get(name, 0) for name in WRITES)


async def reapply(world: World, **more: object) -> dict[str, Any]:
    found = await post(world, "mappings/reapply", 202, **SAID, **more)
    await rest(world, HOUR)
    return found


def test_drafts_are_spelled_anew_and_what_is_posted_stays() -> None:
    async def story(world: World) -> None:
        posted = await sold(world)
        world.dynamics.post_journals()
        draft = await sold(world)
        other = await sold(world, "pm_card_mastercard")
        before = lines(world)
        name = await publish(world, METHODS, BRANDS)
        await rest(world, HOUR)
        assert set(methods(world).values()) == {""}
        found = await reapply(world)
        assert methods(world) == {posted: "", draft: "CARD", other: "OTHER"}
        assert lines(world) == before
        (change, _) = (await get(world, "mappings/history"))["changes"]
        told = (change["action"], change["set"], change["who"], change["why"], change["number"])
        assert told == ("reapply", name, "Ada", "new brands", 2)
        assert found["change"]["set"] == name
        assert found["sent"] == 3  # the audit has not seen yet that one is posted
        rows = {name: world.dynamics.records(name) for name in (RECEIPTS, GENERAL)}
        count = written(world)
        await reapply(world)
        assert {name: world.dynamics.records(name) for name in rows} == rows
        assert written(world) == count
        await booked_and_proved(world)

    live(story, NOT_POSTING)


def test_a_field_that_the_mapping_leaves_out_again_becomes_empty() -> None:
    async def story(world: World) -> None:
        await publish(world, METHODS, BRANDS)
        draft = await sold(world)
        assert methods(world) == {draft: "CARD"}
        await post(world, "mappings/rollback", who="Ada", why="because")
        await world.clock.sleep(MAPPING_FRESH_SECONDS)
        await reapply(world)
        assert methods(world) == {draft: ""}
        await post(world, "mappings/reapply", 400, who="Ada", why="")
        await booked_and_proved(world)

    live(story, NOT_POSTING)


FAULTS = {
    "answer lost": DynamicsFaults(error_after_commit=1.0),
    "late": DynamicsFaults(late_commit=1.0, late_commit_seconds=60.0),
    "refused": DynamicsFaults(server_error=1.0),
    "posted meanwhile": DynamicsFaults(posted_meanwhile=1.0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_drafts_are_spelled_once_whatever_happens_on_the_way(fault: str) -> None:
    async def story(world: World) -> None:
        draft = await sold(world)
        before = lines(world)
        await publish(world, METHODS, BRANDS)
        world.dynamics.faults = FAULTS[fault]
        await post(world, "mappings/reapply", 202, **SAID)
        await rest(world, 120)
        world.dynamics.faults = DynamicsFaults()
        await rest(world, 3 * HOUR)
        wanted = ("", "CARD") if fault == "posted meanwhile" else ("CARD",)
        assert methods(world)[draft] in wanted
        assert lines(world) == before
        assert doubles(world) == {}
        await booked_and_proved(world)

    live(story, NOT_POSTING)
