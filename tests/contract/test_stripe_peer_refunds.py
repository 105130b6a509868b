"""Refunds and disputes of the Stripe peer."""

import pytest

from local.stripe import PeerSettings
from tests.contract.test_stripe_peer_rig import DAY, World, in_world

MANUAL = PeerSettings(payouts=None)


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
