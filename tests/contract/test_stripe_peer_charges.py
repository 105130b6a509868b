"""Charges of the Stripe peer and how they reach its balance."""

import pytest

from local.stripe import FEES_WITH_EUR_TAX, PeerSettings
from tests.contract.test_stripe_peer_rig import CARD, DAY, START, World, in_world

MANUAL = PeerSettings(payouts=None)


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
