"""Reapplying the mapping in a whole world: drafts change on request, what is posted never does."""

from dataclasses import replace
from typing import Any

import pytest

from local.dynamics import DynamicsFaults, DynamicsSettings
from local.world import Options, World
from shared.stores.mappings import MAPPING_FRESH_SECONDS
from tests.functions.test_audit import edit, path_of
from tests.functions.test_mappings import (
    BRANDS,
    METHODS,
    get,
    methods,
    post,
    publish,
    sold,
    submit,
)
from tests.world import (
    GENERAL,
    HOUR,
    RECEIPTS,
    booked_and_proved,
    doubles,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
)

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
        assert told == ("reapply", name, "key (declared: Ada)", "new brands", 2)
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


TEXTS = "kind: mapping\nname: fees\nextends: general_line\nfields:\n  Text: {value: new text}\n"
COPIED = (
    *("AccountType", "AccountDisplayValue", "OffsetAccountType", "OffsetAccountDisplayValue"),
    *("CurrencyCode", "PaymentId", "dataAreaId", "Text"),
)


def fees(world: World) -> dict[str, str]:
    """The text of each fee, by its key."""
    return {row["PaymentId"]: row["Text"] for row in world.dynamics.records(GENERAL)}


async def move_fee(world: World) -> None:
    """A person moves the fee into a journal of their own."""
    (record,) = world.dynamics.records(GENERAL)
    header = await edit(
        world, "POST", "LedgerJournalHeaders", dataAreaId="usmf", JournalName="STRGL"
    )
    body = {name: record[name] for name in COPIED} | {
        "JournalBatchNumber": str(header.json()["JournalBatchNumber"]),
        "DebitAmount": float(record["DebitAmount"]),
        "TransDate": "2026-10-01T12:00:00Z",
    }
    await edit(world, "POST", GENERAL, **body)
    await edit(world, "DELETE", path_of(GENERAL, record))


@pytest.mark.parametrize("is_reused", [False, True])
def test_a_line_that_was_moved_is_changed_where_it_is_and_nothing_else(is_reused: bool) -> None:
    async def story(world: World) -> None:
        await sold(world)
        await move_fee(world)
        if is_reused:
            sell(world, 90_000, "usd", new_customer(world))  # its fee takes the free number
            await rest(world, HOUR)
        before = lines(world)
        await publish(world, TEXTS)
        await reapply(world)
        assert set(fees(world).values()) == {"new text"}
        assert lines(world) == before
        await booked_and_proved(world)

    live(story, replace(NOT_POSTING, settings={"partitions": 1}))


def test_a_draft_that_was_deleted_is_written_again_and_spelled_anew() -> None:
    async def story(world: World) -> None:
        await sold(world)
        before = lines(world)
        (record,) = world.dynamics.records(GENERAL)
        await edit(world, "DELETE", path_of(GENERAL, record))
        await publish(world, TEXTS)
        await reapply(world)
        assert set(fees(world).values()) == {"new text"}
        assert lines(world) == before
        await booked_and_proved(world)

    live(story, NOT_POSTING)


def test_a_reapply_right_after_publishing_uses_what_was_published() -> None:
    async def story(world: World) -> None:
        draft = await sold(world)
        name = await submit(world, METHODS, BRANDS)
        await post(world, "mappings/preview", set=name, who="Ada")
        sell(world, 5_000, "usd", new_customer(world))
        await rest(world, 3)  # the app looked at the pointer just now
        await post(world, "mappings/publish", set=name, who="Ada", why="because")
        await reapply(world)
        assert methods(world)[draft] == "CARD"

    live(story, NOT_POSTING)


def test_company_and_customer_stay_when_the_routing_changed() -> None:
    async def story(world: World) -> None:
        draft = await sold(world)
        before = lines(world)
        route = "routes: [{when: {currency: [usd]}, company: demf}]\n"
        await publish(world, METHODS, BRANDS, f"kind: policy\nname: mine\n{route}")
        await reapply(world)
        assert methods(world)[draft] == "CARD"
        assert lines(world) == before
        await booked_and_proved(world)

    live(story, NOT_POSTING)


def test_a_number_that_the_mapping_leaves_out_parks() -> None:
    async def story(world: World) -> None:
        await publish(world, f"{TEXTS}  Quantity: {{value: 5}}\n")
        await sold(world)
        await publish(world, TEXTS)
        await reapply(world)
        assert [each.cause for each in await parked(world)] == ["field_left_out"]

    live(story, NOT_POSTING)


def test_what_a_person_changed_in_a_draft_stays() -> None:
    async def story(world: World) -> None:
        await sold(world)
        (record,) = world.dynamics.records(GENERAL)
        await edit(world, "PATCH", path_of(GENERAL, record), Document="by hand")
        await publish(world, TEXTS)
        await reapply(world)
        (record,) = world.dynamics.records(GENERAL)
        assert (record["Text"], record["Document"]) == ("new text", "by hand")

    live(story, NOT_POSTING)


def test_a_value_that_dynamics_refuses_parks_at_once() -> None:
    async def story(world: World) -> None:
        await sold(world)
        rule = "kind: mapping\nname: ours\nextends: customer_payment_line\n"
        await publish(world, f"{rule}fields: {{PaymentMethodName: {{value: NONSENSE}}}}\n")
        await post(world, "mappings/reapply", 202, **SAID)
        await rest(world, 120)
        assert [each.cause for each in await parked(world)] == ["refused"]

    live(story, NOT_POSTING)


@pytest.mark.parametrize("extra", ["", "  Document: {value: second}\n"])
def test_a_change_whose_answer_was_lost_is_undone_by_the_next_reapply(extra: str) -> None:
    async def story(world: World) -> None:
        await sold(world)
        (old,) = world.dynamics.records(GENERAL)
        await publish(world, TEXTS + extra)
        world.dynamics.faults = DynamicsFaults(error_after_commit=1.0)
        await post(world, "mappings/reapply", 202, **SAID)
        await world.clock.sleep(60)
        assert set(fees(world).values()) == {"new text"}  # and nobody knows
        await post(world, "mappings/rollback", who="Ada", why="because")
        world.dynamics.faults = DynamicsFaults()
        await reapply(world)
        (new,) = world.dynamics.records(GENERAL)
        assert (new["Text"], new["Document"]) == (old["Text"], old["Document"])
        await booked_and_proved(world)

    live(story, NOT_POSTING)


def test_of_two_reapplies_in_a_row_the_second_holds() -> None:
    async def story(world: World) -> None:
        await sold(world)
        await publish(world, TEXTS)
        await post(world, "mappings/reapply", 202, **SAID)
        name = await submit(world, TEXTS.replace("new text", "newest text"))
        await world.clock.sleep(5)
        await post(world, "mappings/preview", set=name, who="Ada")
        await post(world, "mappings/publish", set=name, who="Ada", why="because")
        await reapply(world)
        assert set(fees(world).values()) == {"newest text"}

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
