"""Charges, refunds, disputes and payouts of the Stripe peer, and the laws of its balance."""

import random
from contextlib import suppress
from typing import Any

import pytest

from local.stripe import FEES_WITH_EUR_TAX, ApiError, PayoutSchedule, PeerSettings
from tests.contract.test_stripe_peer_rig import CARD, DAY, START, Json, World, in_world

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


# --- charges --------------------------------------------------------------------------------


def test_the_balance_transaction_appears_after_charge_succeeded() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        assert intent["status"] == "succeeded"
        assert world.charge_of(intent)["balance_transaction"] is None
        assert world.txns() == []
        await world.clock.sleep(61)
        await world.peer.settled()
        assert world.hook.types() == [
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "charge.updated",
        ]
        succeeded, updated = world.hook.events[1], world.hook.events[3]
        assert succeeded["data"]["object"]["balance_transaction"] is None
        assert updated["data"]["previous_attributes"] == {"balance_transaction": None}
        [txn] = world.txns()
        assert updated["data"]["object"]["balance_transaction"] == txn["id"]
        assert txn["source"] == intent["latest_charge"]
        assert (txn["type"], txn["reporting_category"]) == ("charge", "charge")
        assert (txn["amount"], txn["fee"], txn["net"]) == (10_000, 320, 9_680)
        assert txn["status"] == "pending"
        assert txn["exchange_rate"] is None

    in_world(scenario)


def test_synchronous_capture_has_its_transaction_at_once() -> None:
    async def scenario(world: World) -> None:
        charge = world.charge_of(world.pay(capture_method="automatic"))
        assert charge["balance_transaction"] == world.txns()[0]["id"]

    in_world(scenario)


@pytest.mark.parametrize(
    ("currency", "fee", "kinds"),
    [
        ("usd", 320, ["stripe_fee"]),
        ("eur", 381, ["stripe_fee", "tax"]),
        ("jpy", 360, ["stripe_fee"]),
    ],
)
def test_fees_have_parts(currency: str, fee: int, kinds: list[str]) -> None:
    async def scenario(world: World) -> None:
        world.pay(currency=currency)
        await world.clock.sleep(61)
        [txn] = world.txns()
        assert txn["fee"] == fee
        assert [part["type"] for part in txn["fee_details"]] == kinds
        assert txn["currency"] == currency

    in_world(scenario, settings=PeerSettings(fees=FEES_WITH_EUR_TAX))


def test_funds_become_available_at_midnight_two_days_later() -> None:
    async def scenario(world: World) -> None:
        world.pay()
        await world.clock.sleep(61)
        [txn] = world.txns()
        assert txn["available_on"] == int(START.timestamp()) - 10 * 3_600 + 2 * DAY
        await world.clock.sleep(txn["available_on"] - int(world.clock.now().timestamp()) - 2)
        assert world.get("balance")["pending"][0]["amount"] == 9_680
        await world.clock.sleep(3)
        balance = world.get("balance")
        assert balance["pending"][0]["amount"] == 0
        assert balance["available"][0]["amount"] == 9_680
        await world.peer.settled()
        assert world.hook.types("balance") == ["balance.available"]

    in_world(scenario)


def test_a_declined_card_answers_402_and_leaves_no_transaction() -> None:
    async def scenario(world: World) -> None:
        error = world.refused(
            "payment_intents", **(CARD | {"payment_method": "pm_card_chargeDeclined"})
        )
        assert error["status"] == 402
        assert (error["type"], error["code"]) == ("card_error", "card_declined")
        assert error["decline_code"] == "generic_decline"
        assert error["payment_intent"]["status"] == "requires_payment_method"
        await world.clock.sleep(DAY)
        assert world.hook.types() == [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
        ]
        assert world.txns() == []
        charge = world.get(f"charges/{error['charge']}")
        assert (charge["status"], charge["paid"], charge["captured"]) == ("failed", False, False)
        # The same intent can be paid with another card.
        path = f"payment_intents/{error['payment_intent']['id']}/confirm"
        assert world.post(path, payment_method="pm_card_visa")["status"] == "succeeded"

    in_world(scenario)


def test_a_partial_capture_books_all_and_takes_the_rest_back() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(capture_method="manual")
        assert intent["status"] == "requires_capture"
        await world.clock.sleep(DAY)
        assert world.txns() == []
        path = f"payment_intents/{intent['id']}/capture"
        too_much = world.refused(path, amount_to_capture=10_001)
        assert too_much["code"] == "amount_too_large"
        intent = world.post(path, amount_to_capture=6_000)
        assert (intent["status"], intent["amount_received"]) == ("succeeded", 6_000)
        again = world.refused(path)
        assert "has a status of succeeded" in again["message"]
        await world.clock.sleep(61)
        rest, whole = world.txns()
        assert (whole["amount"], whole["fee"]) == (10_000, 204)
        assert (rest["amount"], rest["reporting_category"]) == (-4_000, "partial_capture_reversal")
        charge = world.charge_of(intent)
        assert (charge["amount_captured"], charge["amount_refunded"]) == (6_000, 4_000)
        assert charge["refunded"] is False
        refund = world.refused("refunds", charge=charge["id"], amount=6_001)
        assert "greater than unrefunded amount" in refund["message"]

    in_world(scenario)


def test_canceling_an_authorisation_moves_no_money() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(capture_method="manual")
        canceled = world.post(f"payment_intents/{intent['id']}/cancel")
        assert canceled["status"] == "canceled"
        await world.clock.sleep(DAY)
        assert world.txns() == []
        [refund] = world.get("refunds", charge=intent["latest_charge"])["data"]
        assert refund["balance_transaction"] is None
        error = world.refused(f"payment_intents/{intent['id']}/confirm")
        assert error["code"] == "payment_intent_unexpected_state"

    in_world(scenario)


def test_a_delayed_method_is_pending_for_days_and_may_fail_after_success() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_usBankAccount_success")
        charge = world.charge_of(intent)
        assert charge["id"].startswith("py_")
        assert (intent["status"], charge["status"]) == ("processing", "pending")
        with pytest.raises(ValueError, match="cannot fail any more"):
            world.peer.fail_payment(charge["id"])
        await world.clock.sleep(5 * DAY)
        assert world.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
        world.peer.fail_payment(charge["id"])
        reversal = world.txns(type="payment_failure_refund")[0]
        assert (reversal["amount"], reversal["reporting_category"]) == (-10_000, "charge_failure")
        charge = world.charge_of(intent)
        assert charge["failure_balance_transaction"] == reversal["id"]
        intent = world.get(f"payment_intents/{intent['id']}")
        assert intent["status"] == "requires_payment_method"
        await world.peer.settled()
        assert world.hook.types("charge") == [
            "charge.pending",
            "charge.succeeded",
            "charge.updated",
            "charge.failed",
        ]

    in_world(scenario)


def test_a_delayed_method_that_fails_reaches_no_balance() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_usBankAccount_noAccount")
        await world.until_exhausted()
        assert world.charge_of(intent)["failure_code"] == "no_account"
        assert world.txns() == []

    in_world(scenario)


def test_a_card_payment_cannot_fail_late() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        await world.clock.sleep(61)
        with pytest.raises(ValueError, match="delayed method"):
            world.peer.fail_payment(intent["latest_charge"])

    in_world(scenario)


def test_three_d_secure_waits_for_the_customer() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_card_threeDSecure2Required")
        assert (intent["status"], intent["latest_charge"]) == ("requires_action", None)
        world.peer.authenticate(intent["id"])
        assert world.get(f"payment_intents/{intent['id']}")["status"] == "succeeded"
        with pytest.raises(ValueError, match="succeeded"):
            world.peer.authenticate(intent["id"])
        params = CARD | {"payment_method": "pm_card_threeDSecure2Required", "off_session": True}
        assert world.refused("payment_intents", **params)["code"] == "authentication_required"

    in_world(scenario)


def test_legacy_charges_have_no_payment_intent() -> None:
    async def scenario(world: World) -> None:
        charge = world.post("charges", amount=500, currency="usd", source="tok_visa", capture=False)
        assert (charge["payment_intent"], charge["captured"]) == (None, False)
        world.post(f"charges/{charge['id']}/capture", amount=400)
        await world.clock.sleep(61)
        assert [txn["amount"] for txn in world.txns()] == [-100, 500]
        assert world.refused("charges", amount=1, currency="usd")["code"] == "parameter_missing"
        wrong = world.refused("charges", amount=1, currency="usd", source="tok_nobody")
        assert wrong["message"] == "No such token: 'tok_nobody'"

    in_world(scenario)


# --- refunds --------------------------------------------------------------------------------


def test_refunds_have_their_own_transactions_at_once() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        await world.clock.sleep(61)
        part = world.post("refunds", payment_intent=intent["id"], amount=2_500)
        rest = world.post("refunds", charge=intent["latest_charge"])
        assert (part["amount"], rest["amount"]) == (2_500, 7_500)
        newest, older, _ = world.txns()
        assert (newest["amount"], newest["source"]) == (-7_500, rest["id"])
        assert (older["amount"], older["source"]) == (-2_500, part["id"])
        assert older["fee"] == 0
        charge = world.charge_of(intent)
        assert (charge["amount_refunded"], charge["refunded"]) == (10_000, True)
        error = world.refused("refunds", charge=charge["id"])
        assert error["code"] == "charge_already_refunded"
        assert error["message"] == f"Charge {charge['id']} has already been refunded."
        await world.peer.settled()
        assert world.hook.types("refund") == ["refund.created", "refund.created"]
        assert world.hook.types("charge.refunded") == ["charge.refunded", "charge.refunded"]
        assert "refunds" not in world.hook.events[-1]["data"]["object"]

    in_world(scenario)


@pytest.mark.parametrize(
    ("currency", "text"),
    [("usd", "$100.01"), ("jpy", "¥10,001"), ("kwd", "10.001 KWD")],
)
def test_a_refund_beyond_the_rest_is_refused_in_words(currency: str, text: str) -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(currency=currency)
        error = world.refused("refunds", payment_intent=intent["id"], amount=10_001)
        assert error["param"] == "amount"
        assert error["message"].startswith(f"Refund amount ({text}) is greater than unrefunded")

    in_world(scenario)


def test_fees_can_be_given_back_with_the_refund() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(capture_method="automatic")
        world.post("refunds", payment_intent=intent["id"], amount=5_000)
        txn = world.txns()[0]
        assert (txn["amount"], txn["fee"], txn["net"]) == (-5_000, -160, -4_840)

    in_world(scenario, settings=PeerSettings(refund_fee_returned=True))


@pytest.mark.parametrize("by_card", [True, False])
def test_a_failed_refund_brings_the_money_back(by_card: bool) -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_card_refundFail" if by_card else "pm_card_visa")
        refund = world.post("refunds", payment_intent=intent["id"])
        assert refund["status"] == "succeeded"
        if not by_card:
            world.peer.fail_refund(refund["id"])
        await world.clock.sleep(3 * DAY)
        refund = world.get(f"refunds/{refund['id']}")
        assert refund["status"] == "failed"
        back = world.get(f"balance_transactions/{refund['failure_balance_transaction']}")
        assert (back["amount"], back["reporting_category"]) == (10_000, "refund_failure")
        charge = world.charge_of(intent)
        assert (charge["amount_refunded"], charge["refunded"]) == (0, False)
        await world.peer.settled()
        assert world.hook.types("refund") == ["refund.created", "refund.updated", "refund.failed"]
        with pytest.raises(ValueError, match="cannot come back"):
            world.peer.fail_refund(refund["id"])

    in_world(scenario)


def test_a_pending_refund_succeeds_later_or_is_canceled() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_card_pendingRefund")
        one = world.post("refunds", payment_intent=intent["id"], amount=100)
        two = world.post("refunds", payment_intent=intent["id"], amount=200)
        assert (one["status"], two["status"]) == ("pending", "pending")
        assert world.post(f"refunds/{two['id']}/cancel")["status"] == "canceled"
        await world.clock.sleep(3 * DAY)
        assert world.get(f"refunds/{one['id']}")["status"] == "succeeded"
        assert world.get(f"refunds/{two['id']}")["status"] == "canceled"
        assert "cannot be canceled" in world.refused(f"refunds/{one['id']}/cancel")["message"]

    in_world(scenario)


# --- disputes -------------------------------------------------------------------------------


def test_a_chargeback_takes_amount_and_fee_and_a_win_returns_both() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_card_createDispute")
        [dispute] = world.get("disputes", payment_intent=intent["id"])["data"]
        assert (dispute["status"], dispute["balance_transactions"]) == ("needs_response", [])
        error = world.refused("refunds", payment_intent=intent["id"])
        assert error["code"] == "charge_disputed"
        await world.clock.sleep(61)
        withdrawal = world.txns()[0]
        assert (withdrawal["type"], withdrawal["reporting_category"]) == ("adjustment", "dispute")
        assert (withdrawal["amount"], withdrawal["fee"], withdrawal["net"]) == (
            -10_000,
            1_500,
            -11_500,
        )
        assert withdrawal["source"] == dispute["id"]
        world.peer.win_dispute(dispute["id"])
        reversal = world.txns()[0]
        assert reversal["reporting_category"] == "dispute_reversal"
        assert (reversal["amount"], reversal["fee"], reversal["net"]) == (10_000, -1_500, 11_500)
        dispute = world.get(f"disputes/{dispute['id']}")
        assert [t["id"] for t in dispute["balance_transactions"]] == [
            withdrawal["id"],
            reversal["id"],
        ]
        await world.peer.settled()
        assert world.hook.types("charge.dispute") == [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
            "charge.dispute.closed",
        ]
        with pytest.raises(ValueError, match="already closed"):
            world.peer.lose_dispute(dispute["id"])

    in_world(scenario)


def test_an_inquiry_moves_no_money_until_it_escalates() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay(payment_method="pm_card_createDisputeInquiry")
        await world.clock.sleep(61)
        [dispute] = world.get("disputes", charge=intent["latest_charge"])["data"]
        assert dispute["status"] == "warning_needs_response"
        assert dispute["is_charge_refundable"] is True
        assert len(world.txns()) == 1
        with pytest.raises(ValueError, match="nothing to win back"):
            world.peer.win_dispute(dispute["id"])
        world.peer.escalate_dispute(dispute["id"])
        assert world.txns()[0]["reporting_category"] == "dispute"
        lost = world.post(f"disputes/{dispute['id']}/close")
        assert lost["status"] == "lost"
        error = world.refused(f"disputes/{dispute['id']}/close")
        assert error["code"] == "dispute_already_closed"

    in_world(scenario)


def test_what_cannot_be_disputed_is_refused() -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(KeyError, match="no charge ch_none"):
            world.peer.dispute_charge("ch_none")
        charge = world.pay()["latest_charge"]
        with pytest.raises(ValueError, match="unknown reason"):
            world.peer.dispute_charge(charge, reason="because")
        world.peer.dispute_charge(charge)
        with pytest.raises(ValueError, match="cannot be disputed"):
            world.peer.dispute_charge(charge)
        authorised = world.pay(capture_method="manual")["latest_charge"]
        with pytest.raises(ValueError, match="must be captured"):
            world.peer.dispute_charge(authorised)

    in_world(scenario)


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


async def _a_random_day(world: World, chance: random.Random) -> None:
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
        currency = chance.choice(["usd", "eur", "jpy"])
        manual = chance.random() < 0.2
        match chance.randrange(8):
            case 0 | 1 | 2 | 3:
                return world.pay(
                    amount=chance.randint(100, 99_999),
                    currency=currency,
                    payment_method=chance.choice(methods),
                    capture_method="manual" if manual else "automatic_async",
                )
            case 4 if charges:
                amount = chance.randint(1, 50_000)
                return world.post("refunds", charge=chance.choice(charges)["id"], amount=amount)
            case 5 if disputes:
                settle = chance.choice([world.peer.win_dispute, world.peer.lose_dispute])
                return settle(chance.choice(disputes)["id"])
            case 6 if payouts:
                return world.peer.fail_payout(chance.choice(payouts)["id"])
            case _:
                return world.post("payouts", amount=chance.randint(1, 9_999), currency=currency)

    for _ in range(12):
        with suppress(ApiError, ValueError):  # refused acts leave the laws as they are
            act()
        await world.clock.sleep(chance.uniform(0, 4 * 3_600))


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_balance_is_the_sum_and_payouts_are_their_members(seed: int) -> None:
    async def scenario(world: World) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            await _a_random_day(world, chance)
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
