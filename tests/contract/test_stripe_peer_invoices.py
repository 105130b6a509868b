"""Invoices of the Stripe peer: amounts, ways to be paid, and the events that tell of it."""

from decimal import Decimal

import pytest

from local.stripe import ApiError, PeerSettings
from tests.contract import test_stripe_peer_billing_rig as billing
from tests.contract.test_stripe_peer_rig import DAY, Json, World, answer, in_world

HOUR = 3_600


def types_of(world: World, prefix: str = "invoice") -> list[str]:
    found = [event["type"] for event in world.peer.objects("event")]
    return [type for type in found if type.startswith(prefix)]


def last(world: World, type: str) -> Json:
    found = [event for event in world.peer.objects("event") if event["type"] == type]
    data: Json = found[-1]["data"]
    return data


# --- amounts ----------------------------------------------------------------------------------


def test_a_draft_counts_discounts_taxes_and_shipping() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        vat, city = billing.rate(world, "19"), billing.rate(world, "2.5")
        inside = billing.rate(world, "20", inclusive=True)
        tenth = world.post("coupons", percent_off=10)["id"]
        third = world.post("coupons", amount_off=300, currency="usd")["id"]
        item = {"customer": who, "currency": "usd"}
        world.post("invoiceitems", **item, amount=10_000, discounts=[{"coupon": tenth}])
        world.post("invoiceitems", **item, amount=1_200, tax_rates=[inside])
        amount = {"amount": 590, "currency": "usd"}
        found = world.post(
            "invoices",
            customer=who,
            default_tax_rates=[vat, city],
            discounts=[{"coupon": third}],
            pending_invoice_items_behavior="include",
            shipping_cost={"shipping_rate_data": {"display_name": "Post", "fixed_amount": amount}},
        )
        first, second = billing.lines(world, found["id"])
        assert (first["amount"], first["subtotal"], second["amount"]) == (10_000, 10_000, 1_200)
        # 300 off 9,000 and 1,200 in proportion: 265 (264.7) and 35 (35.3)
        assert [each["amount"] for each in first["discount_amounts"]] == [1_000, 265]
        assert [each["amount"] for each in second["discount_amounts"]] == [35]
        assert [tax["amount"] for tax in first["taxes"]] == [1_660, 218]  # 8,735 x 19%, 2.5%
        assert first["taxes"][0] == {
            "amount": 1_660,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": vat},
            "taxability_reason": "not_available",
            "taxable_amount": 8_735,
            "type": "tax_rate_details",
        }
        assert [(t["amount"], t["taxable_amount"]) for t in second["taxes"]] == [(194, 971)]
        assert (found["subtotal"], found["subtotal_excluding_tax"]) == (10_200, 10_000)
        assert (found["total"], found["amount_shipping"]) == (8_735 + 1_165 + 1_878 + 590, 590)
        assert found["total_excluding_tax"] == 8_735 + 971 + 590
        assert [tax["amount"] for tax in found["total_taxes"]] == [1_660, 218, 194]
        assert (found["status"], found["number"], found["due_date"]) == ("draft", None, None)
        billing.check_invoice(world, found)

    in_world(scenario)


@pytest.mark.parametrize(
    ("balance", "amount", "due", "ending", "type"),
    [
        (-400, 1_000, 600, 0, "applied_to_invoice"),
        (-1_500, 1_000, 0, -500, "applied_to_invoice"),
        (250, 1_000, 1_250, 0, "applied_to_invoice"),
        (0, 30, 0, 30, "invoice_too_small"),
        (-980, 1_000, 0, 20, "invoice_too_small"),
        (0, -700, 0, -700, "invoice_too_small"),
    ],
)
def test_the_balance_of_the_customer_takes_the_rest(
    balance: int, amount: int, due: int, ending: int, type: str
) -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        path = f"customers/{who}/balance_transactions"
        if balance:
            world.post(path, amount=balance, currency="usd")
        made = billing.opened(world, amount, who=who)
        assert (made["amount_due"], made["starting_balance"]) == (due, balance)
        assert made["ending_balance"] == ending
        assert made["status"] == ("open" if due else "paid")
        newest = world.get(path)["data"][0]
        assert (newest["type"], newest["invoice"]) == (type, made["id"])
        assert world.get(f"customers/{who}")["balance"] == newest["ending_balance"] == ending
        billing.check_all(world)

    in_world(scenario)


def test_a_zero_invoice_is_paid_without_an_attempt() -> None:
    async def scenario(world: World) -> None:
        made = billing.opened(world, 0)
        assert (made["status"], made["attempt_count"]) == ("paid", 0)
        assert "invoice.payment_succeeded" not in types_of(world)
        assert world.get("invoice_payments", invoice=made["id"])["data"] == []
        assert world.peer.objects("payment_intent") == []

    in_world(scenario)


def test_stripe_tax_counts_at_the_rate_of_the_account() -> None:
    async def scenario(world: World) -> None:
        made = billing.draft(world, 1_000, automatic_tax={"enabled": True})
        assert (made["total"], made["automatic_tax"]["status"]) == (1_250, "complete")
        assert made["total_taxes"][0]["taxability_reason"] == "standard_rated"

    in_world(scenario, settings=PeerSettings(automatic_tax_percentage=Decimal(25)))


# --- paid ---------------------------------------------------------------------------------------


def test_a_paid_invoice_is_a_charge_on_the_balance() -> None:
    async def scenario(world: World) -> None:
        made = billing.paid(world, 2_000)
        assert (made["status"], made["amount_paid"], made["amount_remaining"]) == ("paid", 2_000, 0)
        assert "charge" not in made
        assert "payments" not in made
        (payment,) = billing.invoice(world, made["id"])["payments"]["data"]
        assert (payment["status"], payment["is_default"], payment["amount_paid"]) == (
            "paid",
            True,
            2_000,
        )
        intent = payment["payment"]["payment_intent"]
        charge = world.charge_of(world.get(f"payment_intents/{intent}"))
        assert (charge["amount"], charge["description"]) == (2_000, "Payment for Invoice")
        await world.until_exhausted()
        (txn,) = world.txns(source=charge["id"])
        assert txn["amount"] == 2_000
        billing.check_all(world)
        secret = world.get(f"invoices/{made['id']}", expand=["confirmation_secret"])
        assert secret["confirmation_secret"]["type"] == "payment_intent"
        assert types_of(world) == [
            "invoiceitem.created",
            "invoice.created",
            "invoice.updated",
            "invoice.finalized",
            "invoice_payment.paid",
            "invoice.updated",
            "invoice.paid",
            "invoice.payment_succeeded",
        ]
        assert last(world, "invoice.updated")["previous_attributes"] == {
            "amount_paid": 0,
            "amount_remaining": 2_000,
            "attempt_count": 0,
            "attempted": False,
            "status": "open",
            "status_transitions": {"paid_at": None},
        }

    in_world(scenario)


def test_a_declined_invoice_stays_open_and_is_tried_again() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world, "pm_card_chargeCustomerFail")
        made = billing.draft(world, 2_000, who=who, auto_advance=True)
        assert made["automatically_finalizes_at"] == made["created"] + HOUR
        await world.clock.sleep(HOUR + 60)
        found = billing.invoice(world, made["id"])
        assert (found["status"], found["attempt_count"]) == ("open", 1)
        assert found["next_payment_attempt"] == made["created"] + HOUR + 3 * DAY
        assert types_of(world, "invoice.p") == ["invoice.payment_failed"]
        await world.clock.sleep(20 * DAY)
        found = billing.invoice(world, made["id"])
        assert (found["attempt_count"], found["next_payment_attempt"]) == (4, None)
        assert [c["status"] for c in world.peer.objects("charge")] == ["failed"] * 4
        assert world.txns() == []
        paid = world.post(f"invoices/{made['id']}/pay", payment_method="pm_card_visa")
        assert paid["status"] == "paid"
        billing.check_all(world)

    in_world(scenario)


def test_an_invoice_may_wait_for_the_customer() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world, "pm_card_threeDSecure2Required")
        made = billing.opened(world, 2_000, who=who)
        error = world.refused(f"invoices/{made['id']}/pay")
        assert (error["status"], error["code"]) == (402, "invoice_payment_intent_requires_action")
        assert "invoice.payment_action_required" in types_of(world)
        intent = billing.invoice(world, made["id"])["payments"]["data"][0]["payment"]
        world.peer.authenticate(intent["payment_intent"])
        assert billing.invoice(world, made["id"])["status"] == "paid"
        billing.check_all(world)

    in_world(scenario)


def test_a_debit_pays_days_later() -> None:
    async def scenario(world: World) -> None:
        who = world.post("customers")["id"]
        iban = {"iban": "AT611904300234573201"}
        debit = world.post("payment_methods", type="sepa_debit", sepa_debit=iban)["id"]
        world.post(f"payment_methods/{debit}/attach", customer=who)
        world.post("invoiceitems", customer=who, amount=2_000, currency="eur")
        made = world.post("invoices", customer=who, pending_invoice_items_behavior="include")
        found = world.post(f"invoices/{made['id']}/pay", payment_method=debit)
        assert found["status"] == "open"
        assert "processed" in world.refused(f"invoices/{made['id']}/pay")["message"]
        await world.clock.sleep(5 * DAY)
        assert billing.invoice(world, made["id"])["status"] == "paid"
        billing.check_all(world)

    in_world(scenario)


def test_several_payments_pay_an_invoice_in_part() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.opened(world, 10_000, who=who)
        path = f"invoices/{made['id']}/attach_payment"
        first = world.pay(amount=3_000, customer=who)["id"]
        found = world.post(path, payment_intent=first)
        assert (found["status"], found["amount_paid"], found["amount_remaining"]) == (
            "open",
            3_000,
            7_000,
        )
        assert "already attached" in world.refused(path, payment_intent=first)["message"]
        record = billing.payment_record(world, 2_500)["id"]
        found = world.post(path, payment_record=record)
        assert (found["amount_paid"], found["amount_paid_off_stripe"]) == (5_500, 2_500)
        (of_record,) = world.get(
            "invoice_payments", payment={"type": "payment_record", "payment_record": record}
        )["data"]
        assert of_record["amount_paid"] == 2_500
        found = world.post(f"invoices/{made['id']}/pay")
        assert (found["status"], found["amount_paid"]) == ("paid", 10_000)
        payments = billing.invoice(world, made["id"])["payments"]["data"]
        assert sorted(each["amount_paid"] for each in payments) == [2_500, 3_000, 4_500]
        assert [charge["amount"] for charge in world.peer.objects("charge")] == [3_000, 4_500]
        assert types_of(world, "invoice_payment.paid") == ["invoice_payment.paid"] * 3
        assert types_of(world, "invoice.paid") == ["invoice.paid"]
        billing.check_all(world)

    in_world(scenario)


def test_what_was_paid_too_much_is_credited() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.opened(world, 1_000, who=who)
        intent = world.pay(amount=1_300, customer=who)["id"]
        found = world.post(f"invoices/{made['id']}/attach_payment", payment_intent=intent)
        assert (found["status"], found["amount_paid"], found["amount_overpaid"]) == (
            "paid",
            1_000,
            300,
        )
        assert world.get(f"customers/{who}")["balance"] == -300
        assert "invoice.overpaid" in types_of(world)
        billing.check_all(world)

    in_world(scenario)


def test_an_invoice_is_paid_outside_stripe() -> None:
    async def scenario(world: World) -> None:
        made = billing.opened(world, 1_000)
        found = world.post(f"invoices/{made['id']}/pay", paid_out_of_band=True)
        assert (found["status"], found["amount_paid"], found["amount_paid_off_stripe"]) == (
            "paid",
            1_000,
            1_000,
        )
        assert world.peer.objects("charge") == []
        assert world.get("invoice_payments", invoice=made["id"], status="paid")["data"] == []
        assert types_of(world, "invoice.pa") == ["invoice.paid"]
        assert "already paid" in world.refused(f"invoices/{made['id']}/pay")["message"]
        billing.check_all(world)

    in_world(scenario)


# --- not paid -------------------------------------------------------------------------------------


def test_a_sent_invoice_becomes_overdue() -> None:
    async def scenario(world: World) -> None:
        how = {"collection_method": "send_invoice", "days_until_due": 10}
        made = billing.draft(world, 1_000, who=billing.customer(world, None), **how)
        sent = world.post(f"invoices/{made['id']}/send")
        assert sent["status"] == "open"
        assert sent["due_date"] == sent["created"] + 10 * DAY
        assert types_of(world)[-1] == "invoice.sent"
        await world.clock.sleep(11 * DAY)
        assert types_of(world)[-1] == "invoice.overdue"
        uncollectible = world.post(f"invoices/{made['id']}/mark_uncollectible")
        assert uncollectible["status"] == "uncollectible"
        paid = world.post(f"invoices/{made['id']}/pay", payment_method="pm_card_visa")
        assert paid["status"] == "paid"
        billing.check_all(world)

    in_world(scenario)


def test_a_void_invoice_returns_the_balance_it_took() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        path = f"customers/{who}/balance_transactions"
        world.post(path, amount=-400, currency="usd")
        made = billing.opened(world, 1_000, who=who)
        assert world.get(f"customers/{who}")["balance"] == 0
        found = world.post(f"invoices/{made['id']}/void")
        assert (found["status"], found["amount_paid"]) == ("void", 0)
        assert world.get(f"customers/{who}")["balance"] == -400
        assert world.get(path)["data"][0]["type"] == "unapplied_from_invoice"
        (intent,) = world.peer.objects("payment_intent")
        assert intent["status"] == "canceled"
        assert billing.invoice(world, made["id"])["payments"]["data"][0]["status"] == "canceled"
        assert types_of(world)[-1] == "invoice.voided"

    in_world(scenario)


def test_a_draft_can_be_changed_and_deleted() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.draft(world, 1_000, who=who)
        item = world.post(
            "invoiceitems", customer=who, invoice=made["id"], amount=500, currency="usd"
        )
        assert billing.invoice(world, made["id"])["total"] == 1_500
        world.post(f"invoiceitems/{item['id']}", amount=700)
        assert billing.invoice(world, made["id"])["total"] == 1_700
        world.peer.request("DELETE", f"/v1/invoiceitems/{item['id']}")
        vat = billing.rate(world, "10")
        found = world.post(f"invoices/{made['id']}", default_tax_rates=[vat], footer="Thanks")
        assert (found["total"], found["footer"]) == (1_100, "Thanks")
        assert last(world, "invoice.updated")["previous_attributes"]["total"] == 1_000
        world.peer.request("DELETE", f"/v1/invoices/{made['id']}")
        with pytest.raises(ApiError):
            billing.invoice(world, made["id"])
        assert types_of(world)[-1] == "invoice.deleted"
        assert world.get("invoiceitems", customer=who)["data"] == []

    in_world(scenario)


def test_what_is_over_is_refused() -> None:
    async def scenario(world: World) -> None:
        made = billing.paid(world, 1_000)
        for act in ("void", "mark_uncollectible", "finalize", "send"):
            assert world.refused(f"invoices/{made['id']}/{act}")["status"] == 400
        with pytest.raises(ApiError):
            world.peer.request("DELETE", f"/v1/invoices/{made['id']}")
        error = world.refused(f"invoices/{made['id']}", footer="Late")
        assert error["code"] == "invoice_not_editable"
        stored = {"id": "in_old", "object": "invoice", "status": "open"}
        world.peer.control.store_objects([stored])
        assert "only stores" in world.refused("invoices/in_old/pay")["message"]

    in_world(scenario)


def test_lists_find_invoices_items_and_lines() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        first = billing.paid(world, *range(100, 1_300, 100), who=who)
        assert len(first["lines"]["data"]) == 10
        assert first["lines"]["has_more"] is True
        assert len(billing.lines(world, first["id"])) == 12
        second = billing.draft(world, 500, who=who)
        assert [x["id"] for x in world.get("invoices", customer=who)["data"]] == [
            second["id"],
            first["id"],
        ]
        assert [x["id"] for x in world.get("invoices", status="draft")["data"]] == [second["id"]]
        world.post("invoiceitems", customer=who, amount=5, currency="usd")
        assert len(world.get("invoiceitems", customer=who, pending=True)["data"]) == 1
        assert len(world.get("invoiceitems", invoice=second["id"])["data"]) == 1
        paths = ["customer", "payments.data.payment.payment_intent"]
        found = world.get(f"invoices/{first['id']}", expand=paths)
        assert found["customer"]["id"] == who
        payment = found["payments"]["data"][0]["payment"]
        assert payment["payment_intent"]["amount"] == first["total"]
        with pytest.raises(ApiError):
            world.get("invoices", expand=["data.charge"])

    in_world(scenario)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("invoices", {"default_tax_rates": ["txr_none"]}),
        ("invoices", {"discounts": [{"coupon": "none"}]}),
        ("invoices", {"collection_method": "send_invoice"}),
        ("invoices", {"default_payment_method": "pm_none"}),
        ("invoices", {"subscription": "sub_none"}),
        ("invoiceitems", {"amount": 5, "discounts": [{"coupon": "none"}]}),
        ("invoiceitems", {"amount": 5, "tax_rates": ["txr_none"]}),
        ("invoiceitems", {"amount": 5, "currency": "xxx"}),
        ("invoiceitems", {}),
        ("subscriptions", {"add_invoice_items": [{"price": "price_none"}]}),
        ("subscriptions", {"default_payment_method": "pm_none"}),
        ("subscriptions", {"default_tax_rates": ["txr_none"]}),
    ],
)
def test_what_is_refused_leaves_nothing(path: str, params: Json) -> None:
    async def scenario(world: World) -> None:
        given: Json = {"customer": billing.customer(world)}
        if path == "subscriptions":
            given["items"] = [{"price": billing.price(world, 500)}]
        kinds = ("event", "invoice", "invoiceitem", "subscription", "subscription_item")
        before = {kind: len(world.peer.objects(kind)) for kind in kinds}
        assert world.refused(path, **given, **params)["status"] == 400
        assert {kind: len(world.peer.objects(kind)) for kind in kinds} == before

    in_world(scenario)


def test_a_refused_change_changes_nothing() -> None:
    async def scenario(world: World) -> None:
        made = billing.draft(world, 1_000)
        world.refused(f"invoices/{made['id']}", footer="New", default_tax_rates=["txr_none"])
        assert world.get(f"invoices/{made['id']}") == made

    in_world(scenario)


def test_a_request_repeated_with_its_key_pays_once() -> None:
    async def scenario(world: World) -> None:
        made = billing.opened(world, 1_000)
        headers = {"Idempotency-Key": "once"}
        path = f"/v1/invoices/{made['id']}/pay"
        answers = [await answer(world, "POST", path, headers=headers) for _ in range(2)]
        assert answers[0] == answers[1]
        assert answers[0][0] == 200
        assert len(world.peer.objects("charge")) == 1

    in_world(scenario)


def test_the_balance_that_a_customer_request_sets_is_a_movement() -> None:
    async def scenario(world: World) -> None:
        who = world.post("customers", balance=-500)["id"]
        world.post(f"customers/{who}", balance=-200)
        moves = world.get(f"customers/{who}/balance_transactions")["data"]
        assert [(move["type"], move["amount"]) for move in moves] == [
            ("adjustment", 300),
            ("initial", -500),
        ]
        billing.check_customer(world, who)

    in_world(scenario)


def test_numbers_follow_each_other() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        prefix = world.get(f"customers/{who}")["invoice_prefix"]
        numbers = [billing.paid(world, 500, who=who)["number"] for _ in range(2)]
        assert numbers == [f"{prefix}-0001", f"{prefix}-0002"]

    in_world(scenario)
