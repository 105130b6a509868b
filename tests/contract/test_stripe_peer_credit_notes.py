"""Credit notes of the Stripe peer: before and after payment, by every way back."""

import pytest

from tests.contract import test_stripe_peer_billing_rig as billing
from tests.contract.test_stripe_peer_rig import Json, World, in_world


def types_of(world: World) -> list[str]:
    wanted = ("credit_note", "refund", "charge.refunded", "invoice.updated", "invoice.paid")
    found = [event["type"] for event in world.peer.objects("event")]
    return [type for type in found if type.startswith(wanted)]


def test_an_open_invoice_is_due_less() -> None:
    async def scenario(world: World) -> None:
        made = billing.opened(world, 10_000)
        note = world.post("credit_notes", invoice=made["id"], amount=3_000, memo="Sorry")
        assert (note["type"], note["pre_payment_amount"], note["post_payment_amount"]) == (
            "pre_payment",
            3_000,
            0,
        )
        assert note["number"] == f"{made['number']}-CN-01"
        found = billing.invoice(world, made["id"])
        assert (found["amount_due"], found["amount_remaining"], found["total"]) == (
            7_000,
            7_000,
            10_000,
        )
        assert types_of(world)[-2:] == ["credit_note.created", "invoice.updated"]
        world.post(f"invoices/{made['id']}/pay")
        (charge,) = world.peer.objects("charge")
        assert charge["amount"] == 7_000
        billing.check_all(world)

    in_world(scenario)


def test_a_credit_over_all_pays_an_open_invoice() -> None:
    async def scenario(world: World) -> None:
        made = billing.opened(world, 10_000)
        world.post("credit_notes", invoice=made["id"], amount=10_000)
        found = billing.invoice(world, made["id"])
        assert (found["status"], found["amount_paid"], found["amount_due"]) == ("paid", 0, 0)
        (intent,) = world.peer.objects("payment_intent")
        assert intent["status"] == "canceled"
        billing.check_all(world)

    in_world(scenario)


def test_a_credit_note_of_an_open_invoice_can_be_voided() -> None:
    async def scenario(world: World) -> None:
        made = billing.opened(world, 10_000)
        note = world.post("credit_notes", invoice=made["id"], amount=3_000)
        voided = world.post(f"credit_notes/{note['id']}/void")
        assert (voided["status"], voided["voided_at"]) == ("void", voided["created"])
        found = billing.invoice(world, made["id"])
        assert (found["amount_due"], found["pre_payment_credit_notes_amount"]) == (10_000, 0)
        assert types_of(world)[-2:] == ["credit_note.voided", "invoice.updated"]
        assert world.refused(f"credit_notes/{note['id']}/void")["status"] == 400
        billing.check_all(world)

    in_world(scenario)


@pytest.mark.parametrize("way", ["refund_amount", "credit_amount", "out_of_band_amount"])
def test_what_was_paid_goes_back_by_one_way(way: str) -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.paid(world, 10_000, who=who)
        await world.until_exhausted()
        note = world.post("credit_notes", invoice=made["id"], amount=4_000, **{way: 4_000})
        assert (note["type"], note["post_payment_amount"]) == ("post_payment", 4_000)
        refunds = world.peer.objects("refund")
        balance = world.get(f"customers/{who}")["balance"]
        if way == "refund_amount":
            (refund,) = refunds
            assert note["refunds"][0] == {
                "amount_refunded": 4_000,
                "payment_record_refund": None,
                "refund": refund["id"],
                "type": "refund",
            }
            assert world.txns(type="refund")[0]["amount"] == -4_000
            assert types_of(world)[-4:] == [
                "refund.created",
                "charge.refunded",
                "credit_note.created",
                "invoice.updated",
            ]
        else:
            assert refunds == []
        assert balance == (-4_000 if way == "credit_amount" else 0)
        assert (note["out_of_band_amount"] or 0) == (4_000 if way == "out_of_band_amount" else 0)
        found = billing.invoice(world, made["id"])
        assert found["post_payment_credit_notes_amount"] == 4_000
        assert (found["status"], found["amount_paid"]) == ("paid", 10_000)
        billing.check_all(world)

    in_world(scenario)


def test_a_mixed_credit_note_first_takes_what_is_due() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.opened(world, 10_000, who=who)
        intent = world.pay(amount=6_000, customer=who)["id"]
        world.post(f"invoices/{made['id']}/attach_payment", payment_intent=intent)
        note = world.post(
            "credit_notes",
            invoice=made["id"],
            amount=5_500,
            refund_amount=900,
            credit_amount=400,
            out_of_band_amount=200,
        )
        assert (note["type"], note["pre_payment_amount"], note["post_payment_amount"]) == (
            "mixed",
            4_000,
            1_500,
        )
        found = billing.invoice(world, made["id"])
        assert (found["status"], found["amount_due"], found["amount_paid"]) == (
            "paid",
            6_000,
            6_000,
        )
        billing.check_all(world)

    in_world(scenario)


def test_refunds_that_exist_can_be_named() -> None:
    async def scenario(world: World) -> None:
        made = billing.paid(world, 10_000)
        (charge,) = world.peer.objects("charge")
        refund = world.post("refunds", charge=charge["id"], amount=2_000)["id"]
        named: Json = {"refund": refund, "amount_refunded": 1_500}
        note = world.post("credit_notes", invoice=made["id"], amount=1_500, refunds=[named])
        assert note["refunds"][0]["refund"] == refund
        other = world.pay()
        stranger = world.post("refunds", payment_intent=other["id"], amount=1_500)["id"]
        error = world.refused(
            "credit_notes", invoice=made["id"], amount=1_500, refunds=[{"refund": stranger}]
        )
        assert "not of a payment" in error["message"]
        billing.check_all(world)

    in_world(scenario)


def test_lines_carry_their_share_of_discounts_and_taxes() -> None:
    async def scenario(world: World) -> None:
        who, vat = billing.customer(world), billing.rate(world, "19")
        coupon = world.post("coupons", percent_off=10)["id"]
        price = world.post("prices", currency="usd", unit_amount=333, product_data={"name": "Mug"})
        pricing = {"price": price["id"]}
        world.post("invoiceitems", customer=who, pricing=pricing, quantity=3, tax_rates=[vat])
        made = world.post(
            "invoices",
            customer=who,
            discounts=[{"coupon": coupon}],
            pending_invoice_items_behavior="include",
        )
        made = world.post(f"invoices/{made['id']}/pay")
        (line,) = billing.lines(world, made["id"])
        assert (line["amount"], line["discount_amounts"][0]["amount"]) == (999, 100)
        assert made["total"] == 899 + 171
        totals = []
        for _ in range(3):
            given: Json = {"type": "invoice_line_item", "invoice_line_item": line["id"]}
            preview = world.get(
                "credit_notes/preview", invoice=made["id"], lines=[given | {"quantity": 1}]
            )
            note = world.post(
                "credit_notes",
                invoice=made["id"],
                lines=[given | {"quantity": 1}],
                credit_amount=preview["total"],
            )
            assert note["subtotal"] == 333
            totals.append(note["total"])
        assert sum(totals) == made["total"]
        error = world.refused(
            "credit_notes", invoice=made["id"], lines=[given | {"quantity": 1}], credit_amount=1
        )
        assert "left that can be credited" in error["message"]
        assert len(world.get("credit_notes", invoice=made["id"])["data"]) == 3
        billing.check_all(world)

    in_world(scenario)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"amount": 10_001, "credit_amount": 10_001}, "greater than what can be credited"),
        ({"amount": 500}, "must equal the post payment amount"),
        ({"amount": 500, "credit_amount": 499}, "must equal the post payment amount"),
        ({"amount": 500, "credit_amount": 501}, "must equal the post payment amount"),
        ({}, "amount"),
        ({"lines": [{"type": "invoice_line_item", "amount": 5}]}, "No such invoice line item"),
    ],
)
def test_a_credit_note_that_does_not_add_up_is_refused(params: Json, text: str) -> None:
    async def scenario(world: World) -> None:
        made = billing.paid(world, 10_000)
        before = len(world.peer.objects("event"))
        assert text in world.refused("credit_notes", invoice=made["id"], **params)["message"]
        assert len(world.peer.objects("event")) == before
        draft = billing.draft(world, 500)["id"]
        assert world.refused("credit_notes", invoice=draft, amount=5)["status"] == 400

    in_world(scenario)


def test_shipping_is_credited_once() -> None:
    async def scenario(world: World) -> None:
        amount = {"amount": 590, "currency": "usd"}
        data = {"display_name": "Post", "fixed_amount": amount}
        made = billing.paid(world, 1_000, shipping_cost={"shipping_rate_data": data})
        rate = made["shipping_cost"]["shipping_rate"]
        given: Json = {"invoice": made["id"], "shipping_cost": {"shipping_rate": rate}}
        note = world.post("credit_notes", **given, credit_amount=590)
        assert (note["total"], note["amount_shipping"]) == (590, 590)
        assert "no shipping" in world.refused("credit_notes", **given)["message"]
        billing.check_all(world)

    in_world(scenario)
