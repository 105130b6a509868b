"""Subscriptions of the Stripe peer: cycles on the clock, swaps, pauses, trials and ends."""

from datetime import UTC, datetime

import pytest

from local.stripe import PeerSettings
from tests.contract import test_stripe_peer_billing_rig as billing
from tests.contract.test_stripe_peer_rig import DAY, START, Json, World, in_world

BORN = int(START.timestamp())


def moment(*parts: int) -> int:
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def types_of(world: World, *prefixes: str) -> list[str]:
    found = [event["type"] for event in world.peer.objects("event")]
    return [type for type in found if type.startswith(prefixes or ("customer.subscription",))]


def previous(world: World) -> Json:
    """What the newest `customer.subscription.updated` says was before."""
    told = [e for e in world.peer.objects("event") if e["type"].endswith("subscription.updated")]
    found: Json = told[-1]["data"]["previous_attributes"]
    return found


def now_of(world: World, subscription: Json) -> Json:
    return world.get(f"subscriptions/{subscription['id']}")


def invoices_of(world: World, subscription: Json) -> list[Json]:
    """Oldest first."""
    return list(world.get("invoices", subscription=subscription["id"], limit=100)["data"])[::-1]


async def until(world: World, at: int) -> None:
    await world.clock.sleep(at - world.clock.now().timestamp() + 60)


# --- cycles ---------------------------------------------------------------------------------------


def test_a_subscription_begins_with_a_paid_invoice() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 1_500))
        (item,) = made["items"]["data"]
        assert (made["status"], made["billing_mode"]["type"]) == ("active", "flexible")
        assert "current_period_end" not in made
        assert item["current_period_start"] == BORN
        assert item["current_period_end"] == moment(2026, 10, 1, 10)
        (first,) = invoices_of(world, made)
        assert (first["id"], first["status"]) == (made["latest_invoice"], "paid")
        assert (first["billing_reason"], first["total"]) == ("subscription_create", 1_500)
        assert first["parent"] == {
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": made["id"]},
            "type": "subscription_details",
        }
        (line,) = billing.lines(world, first["id"])
        details = line["parent"]["subscription_item_details"]
        assert line["parent"]["type"] == "subscription_item_details"
        assert (details["subscription"], details["subscription_item"], details["proration"]) == (
            made["id"],
            item["id"],
            False,
        )
        assert line["pricing"]["price_details"]["price"] == item["price"]["id"]
        assert line["period"] == {"start": BORN, "end": item["current_period_end"]}
        assert types_of(world) == ["customer.subscription.created"]

    in_world(scenario)


def test_each_period_has_its_invoice() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 1_500))
        end = made["items"]["data"][0]["current_period_end"]
        await until(world, end)
        draft = invoices_of(world, made)[-1]
        assert (draft["status"], draft["billing_reason"]) == ("draft", "subscription_cycle")
        assert (draft["period_start"], draft["period_end"]) == (BORN, end)
        assert draft["automatically_finalizes_at"] == end + 3_600
        renewed = now_of(world, made)
        (item,) = renewed["items"]["data"]
        assert (item["current_period_start"], item["current_period_end"]) == (
            end,
            moment(2026, 11, 1, 10),
        )
        told = previous(world)
        assert told["latest_invoice"] == made["latest_invoice"]
        assert told["items"]["data"][0]["current_period_end"] == end
        await world.clock.sleep(3_600)
        assert billing.invoice(world, draft["id"])["status"] == "paid"
        await world.clock.sleep(62 * DAY)
        assert [each["status"] for each in invoices_of(world, made)] == ["paid"] * 4
        billing.check_all(world)

    in_world(scenario)


def test_pending_items_join_the_next_invoice() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.subscribe(world, billing.price(world, 1_500), customer=who)
        world.post("invoiceitems", customer=who, amount=250, currency="usd")
        await world.clock.sleep(31 * DAY)
        second = invoices_of(world, made)[1]
        assert (second["total"], len(billing.lines(world, second["id"]))) == (1_750, 2)

    in_world(scenario)


@pytest.mark.parametrize(("rule", "status"), [("canceled", "canceled"), ("unpaid", "unpaid")])
def test_a_renewal_that_fails_is_past_due_and_then_what_the_account_says(
    rule: str, status: str
) -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world)
        made = billing.subscribe(world, billing.price(world, 1_500), customer=who)
        broken = "pm_card_chargeCustomerFail"
        broken = world.post(f"payment_methods/{broken}/attach", customer=who)["id"]
        world.post(f"subscriptions/{made['id']}", default_payment_method=broken)
        await world.clock.sleep(31 * DAY)
        assert now_of(world, made)["status"] == "past_due"
        assert previous(world) == {"status": "active"}
        await world.clock.sleep(16 * DAY)
        found = now_of(world, made)
        assert found["status"] == status
        if rule == "canceled":
            assert found["cancellation_details"]["reason"] == "payment_failed"
            assert types_of(world)[-1] == "customer.subscription.deleted"
        billing.check_all(world)

    in_world(scenario, settings=PeerSettings(after_invoice_retries=rule))


def test_a_first_invoice_that_fails_leaves_it_incomplete_for_a_day() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world, "pm_card_chargeCustomerFail")
        price = billing.price(world, 1_500)
        made = billing.subscribe(world, price, customer=who)
        other = billing.subscribe(world, price, customer=who)
        assert (made["status"], other["status"]) == ("incomplete", "incomplete")
        world.post(f"invoices/{other['latest_invoice']}/pay", payment_method="pm_card_visa")
        assert now_of(world, other)["status"] == "active"
        assert previous(world) == {"status": "incomplete"}
        await world.clock.sleep(DAY)
        assert now_of(world, made)["status"] == "incomplete_expired"
        assert billing.invoice(world, made["latest_invoice"])["status"] == "void"
        assert now_of(world, other)["status"] == "active"
        error = world.refused(
            "subscriptions",
            customer=who,
            items=[{"price": price}],
            payment_behavior="error_if_incomplete",
        )
        assert error["status"] == 402
        assert len(world.peer.objects("subscription")) == 2

    in_world(scenario)


def intent_of(world: World, subscription: Json) -> str:
    invoice = billing.invoice(world, subscription["latest_invoice"])
    return str(invoice["payments"]["data"][0]["payment"]["payment_intent"])


def test_a_first_invoice_may_wait_for_the_customer() -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world, "pm_card_threeDSecure2Required")
        made = billing.subscribe(world, billing.price(world, 1_500), customer=who)
        assert made["status"] == "incomplete"
        world.peer.authenticate(intent_of(world, made))
        assert now_of(world, made)["status"] == "active"
        assert types_of(world, "customer.subscription", "invoice.p") == [
            "invoice.payment_action_required",
            "invoice.payment_failed",
            "customer.subscription.created",
            "invoice.paid",
            "invoice.payment_succeeded",
            "customer.subscription.updated",
        ]
        billing.check_all(world)

    in_world(scenario)


def test_the_customer_pays_a_first_invoice_that_nobody_collected() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(
            world,
            billing.price(world, 1_500),
            customer=billing.customer(world, None),
            payment_behavior="default_incomplete",
        )
        path = f"subscriptions/{made['id']}"
        paths = ["latest_invoice.confirmation_secret"]
        secret = world.get(path, expand=paths)["latest_invoice"]["confirmation_secret"]
        intent = intent_of(world, made)
        assert secret["client_secret"].startswith(intent)
        world.post(f"payment_intents/{intent}/confirm", payment_method="pm_card_visa")
        assert now_of(world, made)["status"] == "active"
        assert billing.invoice(world, made["latest_invoice"])["status"] == "paid"
        await world.until_exhausted(24 * 10)
        billing.check_all(world)

    in_world(scenario)


# --- swaps ----------------------------------------------------------------------------------------


def test_a_swap_in_mid_period_is_prorated_by_the_second() -> None:
    async def scenario(world: World) -> None:
        old, new = billing.price(world, 3_000), billing.price(world, 6_000)
        made = billing.subscribe(world, old)
        (item,) = made["items"]["data"]
        await world.clock.sleep(10 * DAY)  # of 30
        changed = {"id": item["id"], "price": new}
        swapped = world.post(f"subscriptions/{made['id']}", items=[changed])
        assert swapped["items"]["data"][0]["id"] == item["id"]
        credit, charge = world.get("invoiceitems", pending=True)["data"][::-1]
        assert (credit["amount"], charge["amount"]) == (-2_000, 4_000)
        assert credit["description"] == "Unused time on Plan 3000 after 11 Sep 2026"
        assert charge["description"] == "Remaining time on Plan 6000 after 11 Sep 2026"
        assert credit["parent"]["subscription_details"]["subscription_item"] == item["id"]
        assert credit["period"] == {
            "start": BORN + 10 * DAY,
            "end": item["current_period_end"],
        }
        (billed,) = billing.lines(world, made["latest_invoice"])
        assert credit["proration_details"]["credited_items"]["invoice_line_item_details"] == {
            "invoice": made["latest_invoice"],
            "invoice_line_items": [billed["id"]],
        }
        assert previous(world)["items"]["data"][0]["price"]["id"] == old
        await world.clock.sleep(21 * DAY)
        second = invoices_of(world, made)[1]
        assert (second["total"], second["status"]) == (8_000, "paid")
        of_lines = billing.lines(world, second["id"])
        assert [line["amount"] for line in of_lines] == [-2_000, 4_000, 6_000]
        parents = [line["parent"]["subscription_item_details"] for line in of_lines]
        assert [each["subscription_item"] for each in parents] == [item["id"]] * 3
        assert [each["proration"] for each in parents] == [True, True, False]
        prices = [line["pricing"]["price_details"]["price"] for line in of_lines]
        assert prices == [old, new, new]
        billing.check_all(world)

    in_world(scenario)


def test_a_quantity_can_be_invoiced_at_once() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 3_000))
        (item,) = made["items"]["data"]
        await world.clock.sleep(15 * DAY)
        path = f"subscriptions/{made['id']}"
        more = {"id": item["id"], "quantity": 3}
        world.post(path, items=[more], proration_behavior="always_invoice")
        second = invoices_of(world, made)[1]
        assert (second["billing_reason"], second["status"]) == ("subscription_update", "paid")
        assert [line["amount"] for line in billing.lines(world, second["id"])] == [-1_500, 4_500]
        assert now_of(world, made)["latest_invoice"] == second["id"]
        fewer = {"id": item["id"], "quantity": 1}
        world.post(path, items=[fewer], proration_behavior="always_invoice")
        third = invoices_of(world, made)[2]
        assert (third["total"], third["status"]) == (-3_000, "paid")
        assert world.get(f"customers/{made['customer']}")["balance"] == -3_000
        none = {"id": item["id"], "quantity": 5}
        world.post(path, items=[none], proration_behavior="none")
        assert len(invoices_of(world, made)) == 3
        assert world.get("invoiceitems", pending=True)["data"] == []
        billing.check_all(world)

    in_world(scenario)


def test_another_interval_begins_a_new_period() -> None:
    async def scenario(world: World) -> None:
        yearly = billing.price(world, 36_500, {"interval": "year"})
        made = billing.subscribe(world, billing.price(world, 3_000))
        (item,) = made["items"]["data"]
        await world.clock.sleep(10 * DAY)
        changed = {"id": item["id"], "price": yearly}
        swapped = world.post(f"subscriptions/{made['id']}", items=[changed])
        assert swapped["billing_cycle_anchor"] == BORN + 10 * DAY
        assert swapped["items"]["data"][0]["current_period_end"] == moment(2027, 9, 11, 10)
        second = invoices_of(world, made)[1]
        assert [line["amount"] for line in billing.lines(world, second["id"])] == [-2_000, 36_500]
        assert (second["total"], second["status"]) == (34_500, "paid")

    in_world(scenario)


def test_items_come_and_go() -> None:
    async def scenario(world: World) -> None:
        first, second = billing.price(world, 3_000), billing.price(world, 900)
        made = billing.subscribe(world, first)
        await world.clock.sleep(15 * DAY)
        added = world.post("subscription_items", subscription=made["id"], price=second)
        assert added["price"]["id"] == second
        assert [item["amount"] for item in world.get("invoiceitems")["data"]] == [450]
        held = world.get("subscription_items", subscription=made["id"])["data"]
        assert [item["price"]["id"] for item in held] == [first, second]
        world.peer.request("DELETE", f"/v1/subscription_items/{added['id']}")
        assert [item["amount"] for item in world.get("invoiceitems")["data"]] == [-450, 450]
        error = world.refused("subscription_items", subscription=made["id"], price=first)
        assert "same price" in error["message"]
        (last,) = now_of(world, made)["items"]["data"]
        gone = [{"id": last["id"], "deleted": True}]
        assert world.refused(f"subscriptions/{made['id']}", items=gone)["status"] == 400

    in_world(scenario)


def test_prorations_are_after_discounts() -> None:
    async def scenario(world: World) -> None:
        half = world.post("coupons", percent_off=50, duration="forever")["id"]
        once = world.post("coupons", amount_off=100, currency="usd", duration="once")["id"]
        off = [{"coupon": half}, {"coupon": once}]
        made = billing.subscribe(world, billing.price(world, 3_000), discounts=off)
        (first,) = invoices_of(world, made)
        assert (first["total"], len(first["discounts"])) == (1_400, 2)
        assert len(now_of(world, made)["discounts"]) == 1
        await world.clock.sleep(15 * DAY)
        (item,) = made["items"]["data"]
        more = {"id": item["id"], "quantity": 2}
        world.post(f"subscriptions/{made['id']}", items=[more])
        amounts = [item["amount"] for item in world.get("invoiceitems", pending=True)["data"]]
        assert amounts == [1_500, -750]

    in_world(scenario)


def test_a_discount_outlives_its_coupon() -> None:
    async def scenario(world: World) -> None:
        months = {"duration": "repeating", "duration_in_months": 2}
        half = world.post("coupons", percent_off=50, **months)["id"]
        price = billing.price(world, 3_000)
        made = billing.subscribe(world, price, discounts=[{"coupon": half}])
        world.peer.request("DELETE", f"/v1/coupons/{half}")
        await world.clock.sleep(100 * DAY)
        totals = [each["total"] for each in invoices_of(world, made)]
        assert totals == [1_500, 1_500, 3_000, 3_000]
        billing.check_all(world)

    in_world(scenario)


def test_a_coupon_may_take_off_some_products_only() -> None:
    async def scenario(world: World) -> None:
        first, second = billing.price(world, 3_000), billing.price(world, 900)
        product = world.get(f"prices/{second}")["product"]
        coupon = world.post("coupons", percent_off=50, applies_to={"products": [product]})["id"]
        made = billing.subscribe(world, first, second, discounts=[{"coupon": coupon}])
        lines = billing.lines(world, made["latest_invoice"])
        assert [line["discount_amounts"][0]["amount"] for line in lines] == [0, 450]

    in_world(scenario)


# --- trials ---------------------------------------------------------------------------------------


def test_a_trial_ends_with_the_first_bill() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 1_500), trial_period_days=10)
        assert (made["status"], made["trial_end"]) == ("trialing", BORN + 10 * DAY)
        (first,) = invoices_of(world, made)
        assert (first["total"], first["status"]) == (0, "paid")
        await world.clock.sleep(7 * DAY + 60)
        assert types_of(world)[-1] == "customer.subscription.trial_will_end"
        await world.clock.sleep(3 * DAY)
        found = now_of(world, made)
        assert (found["status"], found["billing_cycle_anchor"]) == ("active", BORN + 10 * DAY)
        assert previous(world)["status"] == "trialing"
        assert invoices_of(world, made)[1]["total"] == 1_500

    in_world(scenario)


@pytest.mark.parametrize(("rule", "status"), [("pause", "paused"), ("cancel", "canceled")])
def test_a_trial_without_a_method_ends_as_it_says(rule: str, status: str) -> None:
    async def scenario(world: World) -> None:
        who = billing.customer(world, None)
        made = billing.subscribe(
            world,
            billing.price(world, 1_500),
            customer=who,
            trial_period_days=1,
            trial_settings={"end_behavior": {"missing_payment_method": rule}},
        )
        await world.clock.sleep(DAY + 60)
        found = now_of(world, made)
        assert found["status"] == status
        if rule == "cancel":
            return
        kind = found["status_details"]["paused"]["subscription"]["type"]
        assert kind == "trial_end_without_payment_method"
        assert types_of(world)[-1] == "customer.subscription.paused"
        await world.clock.sleep(60 * DAY)
        assert len(invoices_of(world, made)) == 1
        card = world.post("payment_methods/pm_card_visa/attach", customer=who)["id"]
        world.post(f"subscriptions/{made['id']}", default_payment_method=card)
        resumed = world.post(f"subscriptions/{made['id']}/resume")
        assert (resumed["status"], resumed["status_details"]) == ("active", None)
        assert types_of(world)[-1] == "customer.subscription.resumed"
        assert invoices_of(world, made)[1]["status"] == "paid"

    in_world(scenario)


# --- pauses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("keep_as_draft", "draft"), ("void", "void"), ("mark_uncollectible", "uncollectible")],
)
def test_a_paused_collection_keeps_the_cycle(behavior: str, status: str) -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 1_500))
        pause = {"behavior": behavior, "resumes_at": BORN + 45 * DAY}
        paused = world.post(f"subscriptions/{made['id']}", pause_collection=pause)
        assert (paused["status"], paused["pause_collection"]) == ("active", pause)
        assert types_of(world)[-1] == "customer.subscription.updated"
        await world.clock.sleep(40 * DAY)
        assert [each["status"] for each in invoices_of(world, made)] == ["paid", status]
        await world.clock.sleep(10 * DAY)
        assert now_of(world, made)["pause_collection"] is None
        await world.clock.sleep(15 * DAY)
        assert invoices_of(world, made)[2]["status"] == "paid"
        billing.check_all(world)

    in_world(scenario)


def test_a_paused_subscription_bills_nothing_and_credits_the_rest() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 3_000))
        await world.clock.sleep(15 * DAY)
        paused = world.post(f"subscriptions/{made['id']}/pause", invoicing_behavior="invoice")
        assert paused["status"] == "paused"
        kind = paused["status_details"]["paused"]["subscription"]["type"]
        assert kind == "pause_requested"
        assert invoices_of(world, made)[1]["total"] == -1_500
        await world.clock.sleep(60 * DAY)
        assert len(invoices_of(world, made)) == 2
        resumed = world.post(
            f"subscriptions/{made['id']}/resume", billing_cycle_anchor={"type": "unchanged"}
        )
        assert resumed["billing_cycle_anchor"] == BORN
        third = invoices_of(world, made)[2]
        # from 15 November 10:00 to 1 December 10:00 of a month of 30 days
        assert (third["total"], third["amount_due"]) == (1_600, 100)
        assert world.refused(f"subscriptions/{made['id']}/resume")["status"] == 400
        billing.check_all(world)

    in_world(scenario)


# --- ends -----------------------------------------------------------------------------------------


def test_it_ends_at_the_end_of_the_period() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 1_500))
        path = f"subscriptions/{made['id']}"
        found = world.post(path, cancel_at_period_end=True)
        assert (found["status"], found["canceled_at"]) == ("active", BORN)
        assert found["cancel_at"] == found["items"]["data"][0]["current_period_end"]
        again = world.post(path, cancel_at_period_end=False)
        assert (again["cancel_at"], again["canceled_at"]) == (None, None)
        world.post(path, cancel_at_period_end=True)
        await world.clock.sleep(31 * DAY)
        over = now_of(world, made)
        assert (over["status"], over["cancel_at_period_end"]) == ("canceled", True)
        assert over["ended_at"] == over["cancel_at"]
        assert over["cancellation_details"]["reason"] == "cancellation_requested"
        assert types_of(world)[-1] == "customer.subscription.deleted"
        assert len(invoices_of(world, made)) == 1
        assert "canceled" in world.refused(path, description="Late")["message"]
        assert world.get("subscriptions")["data"] == []
        assert len(world.get("subscriptions", status="ended")["data"]) == 1

    in_world(scenario)


def test_it_ends_now_and_gives_the_rest_back() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 3_000))
        await world.clock.sleep(15 * DAY)
        details = {"feedback": "unused", "comment": "No need"}
        over = world.peer.request(
            "DELETE",
            f"/v1/subscriptions/{made['id']}",
            {"invoice_now": True, "prorate": True, "cancellation_details": details},
        )
        assert (over["status"], over["cancel_at_period_end"]) == ("canceled", False)
        assert over["cancellation_details"]["feedback"] == "unused"
        assert invoices_of(world, made)[1]["total"] == -1_500
        assert world.get(f"customers/{made['customer']}")["balance"] == -1_500
        await world.clock.sleep(60 * DAY)
        assert len(invoices_of(world, made)) == 2
        billing.check_all(world)

    in_world(scenario)


def test_a_customer_who_is_deleted_leaves() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 3_000))
        world.peer.request("DELETE", f"/v1/customers/{made['customer']}")
        assert now_of(world, made)["status"] == "canceled"
        await world.clock.sleep(60 * DAY)
        assert len(invoices_of(world, made)) == 1

    in_world(scenario)


def test_a_sent_subscription_waits_for_its_money() -> None:
    async def scenario(world: World) -> None:
        how = {"collection_method": "send_invoice", "days_until_due": 5}
        who = billing.customer(world, None)
        made = billing.subscribe(world, billing.price(world, 1_500), customer=who, **how)
        assert made["status"] == "active"
        (first,) = invoices_of(world, made)
        assert (first["status"], first["due_date"]) == ("open", BORN + 5 * DAY)
        await world.clock.sleep(6 * DAY)
        assert now_of(world, made)["status"] == "past_due"
        world.post(f"invoices/{first['id']}/pay", paid_out_of_band=True)
        assert now_of(world, made)["status"] == "active"

    in_world(scenario)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"customer": "cus_none"}, "No such customer"),
        ({"items": []}, "at least one active item"),
        ({"payment_behavior": "pending_if_incomplete"}, "no pending updates"),
        ({"trial_end": BORN - 1}, "in the future"),
        ({"collection_method": "send_invoice"}, "days_until_due"),
        ({"discounts": [{"coupon": "none"}]}, "No such coupon"),
        ({"default_payment_method": None, "customer": None}, "customer"),
    ],
)
def test_what_cannot_be_subscribed_is_refused(params: Json, text: str) -> None:
    async def scenario(world: World) -> None:
        given = {"customer": billing.customer(world), "items": [{"price": billing.price(world, 5)}]}
        assert text in world.refused("subscriptions", **(given | params))["message"]
        assert world.peer.objects("invoice") == []

    in_world(scenario)


# --- schedules ------------------------------------------------------------------------------------


def test_a_schedule_changes_the_phase_with_the_period() -> None:
    async def scenario(world: World) -> None:
        small, large = billing.price(world, 1_000), billing.price(world, 2_500)
        month = {"interval": "month", "interval_count": 1}
        made = world.post(
            "subscription_schedules",
            customer=billing.customer(world),
            start_date=BORN + DAY,
            end_behavior="cancel",
            phases=[
                {"items": [{"price": small}], "duration": month},
                {"items": [{"price": large, "quantity": 2}], "duration": month},
            ],
        )
        assert (made["status"], made["subscription"]) == ("not_started", None)
        await world.clock.sleep(DAY + 60)
        found = world.get(f"subscription_schedules/{made['id']}", expand=["subscription"])
        subscription = found["subscription"]
        assert (found["status"], subscription["schedule"]) == ("active", made["id"])
        await until(world, moment(2026, 10, 2, 12))
        await world.clock.sleep(DAY)
        billed = invoices_of(world, subscription)
        assert [each["total"] for each in billed] == [1_000, 5_000]
        assert "subscription_schedule.updated" in types_of(world, "subscription_schedule")
        await world.clock.sleep(31 * DAY)
        over = world.get(f"subscription_schedules/{made['id']}")
        assert (over["status"], over["current_phase"]) == ("completed", None)
        assert now_of(world, subscription)["status"] == "canceled"
        assert types_of(world, "subscription_schedule")[-2:] == [
            "subscription_schedule.expiring",
            "subscription_schedule.completed",
        ]
        billing.check_all(world)

    in_world(scenario)


def test_a_schedule_is_made_of_a_subscription_and_released() -> None:
    async def scenario(world: World) -> None:
        made = billing.subscribe(world, billing.price(world, 1_000))
        schedule = world.post("subscription_schedules", from_subscription=made["id"])
        assert now_of(world, made)["schedule"] == schedule["id"]
        released = world.post(f"subscription_schedules/{schedule['id']}/release")
        assert (released["status"], released["released_subscription"]) == ("released", made["id"])
        assert now_of(world, made)["schedule"] is None
        again = world.post("subscription_schedules", from_subscription=made["id"])
        world.peer.request("DELETE", f"/v1/subscriptions/{made['id']}")
        found = world.get(f"subscription_schedules/{again['id']}")
        assert found["status"] == "canceled"
        assert types_of(world, "subscription_schedule")[-1] == "subscription_schedule.aborted"
        assert world.refused(f"subscription_schedules/{again['id']}/release")["status"] == 400

    in_world(scenario)
