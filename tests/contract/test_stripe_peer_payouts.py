"""Payouts of the Stripe peer and the laws of its balance."""

import random
from contextlib import suppress
from typing import Any

import pytest

from local.stripe import ApiError, PayoutSchedule, PeerSettings
from tests.contract.test_stripe_peer_rig import DAY, Json, World, in_world

MANUAL = PeerSettings(payouts=None)


def sums(world: World, status: str, currency: str) -> int:
    return sum(
        txn["net"]
        for txn in world.peer.objects("balance_transaction")
        if txn["status"] == status and txn["currency"] == currency
    )


def assert_balance_is_the_sum_of_transactions(world: World) -> None:
    balance = world.get("balance")
    for status in ("available", "pending"):
        for part in balance[status]:
            assert part["amount"] == sums(world, status, part["currency"])
    for txn in world.peer.objects("balance_transaction"):
        assert txn["net"] == txn["amount"] - txn["fee"]
        assert txn["fee"] == sum(part["amount"] for part in txn["fee_details"])


# --- payouts --------------------------------------------------------------------------------


def own_and_members(world: World, payout: Json) -> tuple[list[Json], list[Json]]:
    rows = world.txns(payout=payout["id"])
    own = [row for row in rows if row["source"] == payout["id"] and row["type"] == "payout"]
    return own, [row for row in rows if row not in own]


def test_an_automatic_payout_pays_what_is_available() -> None:
    async def scenario(world: World) -> None:
        for amount in (10_000, 20_000):
            world.pay(amount=amount)
        world.pay(currency="jpy", amount=5_000)
        await world.clock.sleep(2 * DAY)
        payouts = {payout["currency"]: payout for payout in world.get("payouts")["data"]}
        dollars, yen = payouts["usd"], payouts["jpy"]
        assert (dollars["amount"], yen["amount"]) == (9_680 + 19_390, 4_820)
        [own], members = own_and_members(world, dollars)
        assert (own["id"], own["amount"]) == (dollars["balance_transaction"], -29_070)
        assert sum(row["net"] for row in members) == dollars["amount"]
        await world.peer.settled()
        created = next(e for e in world.hook.events if e["type"] == "payout.created")
        assert created["data"]["object"]["automatic"] is True
        assert created["data"]["object"]["reconciliation_status"] == "in_progress"
        assert created["data"]["object"]["status"] == "pending"
        assert [part["amount"] for part in world.get("balance")["available"]] == [0, 0]
        await world.until_exhausted()
        assert world.get(f"payouts/{dollars['id']}")["status"] == "paid"
        assert world.get(f"payouts/{dollars['id']}")["reconciliation_status"] == "completed"
        await world.peer.settled()
        assert sorted(world.hook.types("payout")) == sorted(
            [
                "payout.created",
                "payout.updated",
                "payout.paid",
                "payout.reconciliation_completed",
            ]
            * 2
        )

    in_world(scenario)


def test_reconciliation_completes_now_before_now_after_the_payout_is_paid() -> None:
    async def scenario(world: World) -> str:
        world.pay()
        await world.until_exhausted()
        order = world.hook.types("payout")
        first = order.index("payout.paid") < order.index("payout.reconciliation_completed")
        return "paid" if first else "reconciled"

    assert sorted({in_world(scenario, seed=seed) for seed in range(8)}) == [
        "paid",
        "reconciled",
    ]


def test_a_returned_payout_goes_out_again_in_the_next_one() -> None:
    async def scenario(world: World) -> None:
        world.pay()
        await world.clock.sleep(2 * DAY)
        [payout] = world.get("payouts")["data"]
        with pytest.raises(ValueError, match="unknown failure code"):
            world.peer.fail_payout(payout["id"], "bad_luck")
        await world.clock.sleep(3 * DAY)
        assert world.get(f"payouts/{payout['id']}")["status"] == "paid"
        world.peer.fail_payout(payout["id"])
        failed = world.get(f"payouts/{payout['id']}")
        assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
        back = world.get(f"balance_transactions/{failed['failure_balance_transaction']}")
        assert (back["type"], back["reporting_category"]) == ("payout_failure", "payout_reversal")
        await world.clock.sleep(DAY)
        second = world.get("payouts")["data"][0]
        _, members = own_and_members(world, second)
        assert [row["id"] for row in members] == [back["id"]]
        assert second["amount"] == payout["amount"]
        with pytest.raises(ValueError, match="it cannot fail"):
            world.peer.fail_payout(payout["id"])

    in_world(scenario)


def test_a_manual_payout_cannot_be_itemised() -> None:
    async def scenario(world: World) -> None:
        error = world.refused("payouts", amount=100, currency="usd")
        assert error["code"] == "balance_insufficient"
        world.pay(payment_method="pm_card_bypassPending")
        payout = world.post("payouts", amount=5_000, currency="usd", metadata={"a": "b"})
        assert (payout["automatic"], payout["reconciliation_status"]) == (False, "not_applicable")
        assert payout["metadata"] == {"a": "b"}
        assert world.get("balance")["available"][0]["amount"] == 4_680
        with pytest.raises(ApiError, match="only be filtered on automatic transfers") as caught:
            world.txns(payout=payout["id"])
        assert caught.value.status == 400
        with pytest.raises(ApiError, match="No such payout: 'po_none'"):
            world.txns(payout="po_none")

    in_world(scenario, settings=MANUAL)


def test_a_pending_manual_payout_can_be_canceled_and_an_automatic_one_cannot() -> None:
    async def scenario(world: World) -> None:
        world.pay(payment_method="pm_card_bypassPending")
        payout = world.post("payouts", amount=5_000, currency="usd")
        assert world.post(f"payouts/{payout['id']}/cancel")["status"] == "canceled"
        assert world.txns()[0]["type"] == "payout_cancel"
        assert world.get("balance")["available"][0]["amount"] == 9_680
        assert "only be canceled" in world.refused(f"payouts/{payout['id']}/cancel")["message"]
        await world.clock.sleep(DAY)
        automatic = world.get("payouts")["data"][0]
        assert automatic["amount"] == 9_680
        assert "automatically" in world.refused(f"payouts/{automatic['id']}/cancel")["message"]

    in_world(scenario)


def test_instant_payouts_carry_a_fee_and_arrive_within_the_hour() -> None:
    async def scenario(world: World) -> None:
        world.pay(payment_method="pm_card_bypassPending")
        assert world.refused("payouts", amount=9_680, currency="usd", method="instant")
        payout = world.post("payouts", amount=5_000, currency="usd", method="instant")
        txn = world.txns()[0]
        assert (txn["amount"], txn["fee"], txn["net"]) == (-5_000, 50, -5_050)
        await world.clock.sleep(3_600)
        assert world.get(f"payouts/{payout['id']}")["status"] == "paid"

    in_world(scenario, settings=MANUAL)


def test_forint_payouts_are_whole_units() -> None:
    async def scenario(world: World) -> None:
        error = world.refused("payouts", amount=150, currency="huf")
        assert "multiple of 100" in error["message"]

    in_world(scenario)


@pytest.mark.parametrize("negative", [True, False])
def test_a_negative_balance_is_debited_only_where_that_is_set(negative: bool) -> None:
    async def scenario(world: World) -> None:
        world.peer.bill_fee(700, "usd", "Billing, August")
        await world.clock.sleep(DAY)
        payouts = world.get("payouts")["data"]
        assert [payout["amount"] for payout in payouts] == ([-700] if negative else [])
        if negative:
            [own], [member] = own_and_members(world, payouts[0])
            assert (own["amount"], member["source"]) == (700, None)
            assert member["reporting_category"] == "fee"

    in_world(scenario, settings=PeerSettings(payouts=PayoutSchedule(negative=negative)))


# --- laws -----------------------------------------------------------------------------------


async def _a_random_day(world: World, rng: random.Random) -> None:
    methods = [
        "pm_card_visa",
        "pm_card_amex",
        "pm_card_chargeDeclined",
        "pm_card_createDispute",
        "pm_card_createDisputeInquiry",
        "pm_card_refundFail",
        "pm_card_bypassPending",
        "pm_usBankAccount_success",
        "pm_usBankAccount_noAccount",
    ]

    def act() -> Any:
        charges = world.peer.objects("charge")
        disputes = world.peer.objects("dispute")
        payouts = world.peer.objects("payout")
        currency = rng.choice(["usd", "eur", "jpy"])
        manual = rng.random() < 0.2
        match rng.randrange(8):
            case 0 | 1 | 2 | 3:
                return world.pay(
                    amount=rng.randint(100, 99_999),
                    currency=currency,
                    payment_method=rng.choice(methods),
                    capture_method="manual" if manual else "automatic_async",
                )
            case 4 if charges:
                amount = rng.randint(1, 50_000)
                return world.post("refunds", charge=rng.choice(charges)["id"], amount=amount)
            case 5 if disputes:
                settle = rng.choice([world.peer.win_dispute, world.peer.lose_dispute])
                return settle(rng.choice(disputes)["id"])
            case 6 if payouts:
                return world.peer.fail_payout(rng.choice(payouts)["id"])
            case _:
                return world.post("payouts", amount=rng.randint(1, 9_999), currency=currency)

    for _ in range(12):
        with suppress(ApiError, ValueError):  # refused acts leave the laws as they are
            act()
        await world.clock.sleep(rng.uniform(0, 4 * 3_600))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_balance_is_the_sum_and_payouts_are_their_members(seed: int) -> None:
    async def scenario(world: World) -> None:
        rng = random.Random(seed)
        for _ in range(12):
            await _a_random_day(world, rng)
            assert_balance_is_the_sum_of_transactions(world)
        assert len(world.peer.objects("balance_transaction")) > 50
        paid: list[str] = []
        for payout in world.peer.objects("payout"):
            if payout["automatic"]:
                own, members = own_and_members(world, payout)
                assert [row["amount"] for row in own] == [-payout["amount"]]
                assert sum(row["net"] for row in members) == payout["amount"]
                assert {row["currency"] for row in members} == {payout["currency"]}
                paid += [row["id"] for row in members]
        assert len(paid) == len(set(paid)) > 0

    in_world(scenario, seed=seed)
