"""The payout flow in a world: members, waiting, differences, restarts."""

from dataclasses import replace

import pytest

from local.stripe import PayoutSchedule, PeerSettings
from local.world import Options, World
from shared.domain.money import Money
from shared.domain.records import Record
from shared.entities.common.journal_lines import JournalLine
from shared.ports import Put
from shared.stores.links import LinkStore
from tests.flows.flow_run import check_replay
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    NO_GAPS,
    Json,
    ask,
    encoded,
    gaps,
    give_back,
    lines,
    live,
    parked,
    rest,
    sell,
    transactions_of,
)

DAILY = PeerSettings(
    available_after_days=1,
    payouts=PayoutSchedule(arrival_days=1, reconcile_seconds=(30.0 * HOUR, 30.0 * HOUR)),
)


async def _tie_outs(world: World) -> dict[str, Json]:
    found = (await world.get("payouts"))["payouts"]
    return {each["payout"]: each for each in found}


def stripe_payout(world: World) -> str:
    """The id of the one payout there is."""
    (payout,) = world.stripe.objects("payout")
    return str(payout["id"])


async def _paid_out(world: World) -> str:
    """Business of a day, until its payout is announced as reconciled."""
    charge = sell(world, 10_000)
    sell(world, 4_000)
    await rest(world, HOUR)
    give_back(world, charge, 1_000)
    await world.clock.sleep(4 * DAY)
    return stripe_payout(world)


def test_a_payout_is_tied_to_its_members() -> None:
    async def story(world: World) -> None:
        payout = await _paid_out(world)
        await world.idle()
        tied = (await _tie_outs(world))[payout]
        net = sum(
            txn["net"]
            for txn in world.stripe.objects("balance_transaction")
            if txn["source"] != payout
        )
        assert (tied["status"], tied["members"], tied["difference_minor"]) == ("tied", 3, 0)
        assert tied["members_net_minor"] == tied["amount_minor"] == net
        assert (tied["unwritten"], tied["wrong"]) == (0, 0)
        instance = world.host.hub.instance(f"payout-{payout}")
        assert instance is not None
        assert (instance.status, instance.output["status"]) == ("Completed", "tied")
        assert check_replay(instance.input, instance.history) >= 3
        assert await gaps(world) == NO_GAPS

    live(story, Options(stripe=DAILY))


async def _unreadable_member(world: World) -> Json:
    """A payout of two sales, one of whose transactions cannot be read; returns that one whole."""
    sell(world, 10_000)
    await rest(world)
    world.stripe.control.change_faults({"delivery": {"drop": 1}})
    charge = sell(world, 4_000)
    await world.clock.sleep(2 * MINUTE)
    world.stripe.control.change_faults({"delivery": {"drop": 0}})
    (txn,) = transactions_of(world, charge)
    world.stripe.control.store_objects([{**txn, "fee": None}])
    await world.clock.sleep(4 * DAY)
    return txn


async def _retry(world: World, txn: Json) -> None:
    """What support does: the transaction is readable again, and its item is tried again."""
    world.stripe.control.store_objects([{**txn, "status": "available"}])
    answer = await ask(world, "POST", "inbox/retry", encoded({"ids": [txn["id"]]}))
    assert (answer.status_code, answer.json()) == (202, {"sent": 1})


def test_a_member_that_is_missing_is_waited_for() -> None:
    async def story(world: World) -> None:
        txn = await _unreadable_member(world)
        payout = stripe_payout(world)
        waiting = (await _tie_outs(world))[payout]
        assert (waiting["status"], waiting["unwritten"]) == ("open", 1)
        assert (waiting["unwritten_net_minor"], waiting["difference_minor"]) == (txn["net"], 0)
        assert [item.object for item in await parked(world)] == [txn["id"]]
        await _retry(world, txn)
        await rest(world, 7 * HOUR)
        tied = (await _tie_outs(world))[payout]
        assert (tied["status"], tied["unwritten"], tied["members"]) == ("tied", 0, 2)
        assert await parked(world) == []
        assert await gaps(world) == NO_GAPS

    live(story, Options(stripe=DAILY))


def test_a_poke_makes_the_flow_look_at_once() -> None:
    async def story(world: World) -> None:
        txn = await _unreadable_member(world)
        payout = stripe_payout(world)
        await _retry(world, txn)
        await rest(world, MINUTE)
        await world.host.flows.start("payout_flow", f"payout-{payout}", {"payout": payout})
        await rest(world, MINUTE)
        assert (await _tie_outs(world))[payout]["status"] == "tied"

    live(story, Options(stripe=DAILY))


def test_a_payout_that_nobody_announced_is_found_by_the_timer() -> None:
    async def story(world: World) -> None:
        world.stripe.control.change_faults({"delivery": {"drop": 1}})
        payout = await _paid_out(world)
        await rest(world, DAY)
        assert (await _tie_outs(world))[payout]["status"] == "tied"
        assert f"{payout}:arrival" in lines(world)
        assert await gaps(world) == NO_GAPS

    live(story, Options(stripe=DAILY))


def _dearer(record: Record) -> Record:
    document = record.document
    assert isinstance(document, JournalLine)
    dearer = document.amount + Money(5, document.amount.currency)
    return replace(record, document=replace(document, amount=dearer))


def test_a_member_that_is_written_with_another_effect_is_a_difference() -> None:
    """A link that disagrees with Stripe (here: forged) keeps the payout open and is named."""

    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        await rest(world, HOUR)
        (txn,) = transactions_of(world, charge)
        store = LinkStore(world.tables, world.clock, world.settings.lease_seconds)
        held = await store.claim(txn["id"], "a test")
        gross = held.links["gross"]
        forged = replace(gross, record=_dearer(gross.record))
        await store.settle(held, [forged], [], [], None)
        await world.clock.sleep(5 * DAY)
        payout = stripe_payout(world)
        found = (await _tie_outs(world))[payout]
        assert (found["status"], found["wrong"], found["difference_minor"]) == ("open", 1, 0)
        rows = await world.tables.query("payouts", partition=payout, prefix="difference~")
        assert [row.row for row in rows] == [f"difference~{txn['id']}"]
        assert rows[0].cells["net_minor"] == txn["net"]
        assert rows[0].cells["written_minor"] == txn["net"] - 5

    live(story, Options(stripe=DAILY))


def test_a_manual_payout_has_no_flow() -> None:
    async def story(world: World) -> None:
        sell(world, card="pm_card_bypassPending")
        await rest(world)
        params = {"amount": 5_000, "currency": "usd"}
        payout = world.stripe.request("POST", "/v1/payouts", params)
        await rest(world, 4 * DAY)
        assert await _tie_outs(world) == {}
        assert world.host.hub.instance(f"payout-{payout['id']}") is None
        assert f"{payout['id']}:arrival" in lines(world)
        assert await gaps(world) == NO_GAPS

    live(story, Options(stripe=PeerSettings(payouts=None)))


def test_a_flow_outlives_the_host() -> None:
    async def story(world: World) -> None:
        txn = await _unreadable_member(world)
        instance = f"payout-{stripe_payout(world)}"
        assert await world.host.flows.status(instance) == "Running"
        await world.host.stop()
        await world.clock.sleep(HOUR)
        await world.host.start()
        await _retry(world, txn)
        await rest(world, 7 * HOUR)
        assert (await _tie_outs(world))[stripe_payout(world)]["status"] == "tied"
        assert await world.host.flows.status(instance) == "Completed"

    live(story, Options(stripe=DAILY))


async def _two_months(world: World) -> None:
    """They pass with the app switched off, because timers cost time; a day at their end is enough
    for the sweeps to be where they would be."""
    await world.clock.sleep(DAY)
    await world.host.stop()
    await world.clock.sleep(58 * DAY)
    await world.host.start()
    await world.clock.sleep(DAY)
    await world.idle()


@pytest.mark.parametrize("status", ["Completed", "Failed"])
def test_a_flow_that_gave_up_is_started_again_however_old_its_payout_is(
    status: str,
) -> None:
    async def story(world: World) -> None:
        payout = await _paid_out(world)
        await world.idle()
        await _two_months(world)
        instance = world.host.hub.instance(f"payout-{payout}")
        assert instance is not None
        # As after two months of waiting, or of activities that failed.
        instance.status, instance.output = status, {"status": "open"}
        (row,) = await world.tables.query("payouts", partition="tieouts")
        cells = {**row.cells, "status": "open", "unwritten": 1}
        await world.tables.transact("payouts", "tieouts", [Put(row.row, cells)])
        await rest(world, 5 * HOUR)
        assert (await _tie_outs(world))[payout]["status"] == "tied"
        again = world.host.hub.instance(f"payout-{payout}")
        assert again is not None
        assert (again.status, again.output["status"]) == ("Completed", "tied")

    live(story, Options(stripe=DAILY))
