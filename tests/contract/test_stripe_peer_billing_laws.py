"""Laws of Billing over generated worlds: whatever customers and merchants do, the sums hold, and
the same seed tells the same events."""

import random
from typing import Any

import pytest

from local.stripe import ApiError
from tests.contract import test_stripe_peer_billing_rig as billing
from tests.contract.test_stripe_peer_rig import DAY, Json, World, in_world

METHODS = (
    *("pm_card_visa", "pm_card_visa", "pm_card_bypassPending", "pm_card_chargeCustomerFail"),
    "pm_card_threeDSecure2Required",
)


class Acts:
    """What happens in a generated world. Each act may be refused; none may break a law."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self.prices = [billing.price(world, amount) for amount in (900, 1_500, 4_999)]
        self.rates = [
            billing.rate(world, "19"),
            billing.rate(world, "7.25"),
            billing.rate(world, "20", inclusive=True),
        ]
        self.coupons = [
            world.post("coupons", percent_off="33.3", duration="forever")["id"],
            world.post("coupons", amount_off=700, currency="usd", duration="once")["id"],
        ]

    def some(self, type: str, **members: Any) -> Json:
        found = [
            obj
            for obj in self.world.peer.objects(type)
            if all(obj.get(name) == value for name, value in members.items())
        ]
        if not found:
            raise LookupError(type)
        return self.rng.choice(found)

    def customer(self) -> None:
        billing.customer(self.world, self.rng.choice(METHODS))

    def item(self) -> None:
        given: Json = {"customer": self.some("customer")["id"], "currency": "usd"}
        given["amount"] = self.rng.randint(-500, 9_000)
        if self.rng.random() < 0.5:
            given["tax_rates"] = [self.rng.choice(self.rates)]
        if self.rng.random() < 0.3:
            given["discounts"] = [{"coupon": self.rng.choice(self.coupons)}]
        self.world.post("invoiceitems", **given)

    def draft(self) -> None:
        given: Json = {"customer": self.some("customer")["id"]}
        if self.rng.random() < 0.5:
            given["default_tax_rates"] = [self.rng.choice(self.rates)]
        if self.rng.random() < 0.4:
            given["discounts"] = [{"coupon": each} for each in self.coupons]
        if self.rng.random() < 0.3:
            given |= {"collection_method": "send_invoice", "days_until_due": 10}
        given["auto_advance"] = self.rng.random() < 0.5
        given["pending_invoice_items_behavior"] = "include"
        if self.rng.random() < 0.3:
            amount = {"amount": 590, "currency": "usd"}
            data = {"display_name": "Post", "fixed_amount": amount}
            given["shipping_cost"] = {"shipping_rate_data": data}
        self.world.post("invoices", **given)

    def finalize(self) -> None:
        self.world.post(f"invoices/{self.some('invoice', status='draft')['id']}/finalize")

    def pay(self) -> None:
        id = self.some("invoice", status="open")["id"]
        how: Json = self.rng.choice([{}, {}, {"paid_out_of_band": True}])
        if not how and self.rng.random() < 0.5:
            how = {"payment_method": "pm_card_visa"}
        self.world.post(f"invoices/{id}/pay", **how)

    def pay_in_part(self) -> None:
        found = self.some("invoice", status="open")
        amount = self.rng.randint(50, found["amount_remaining"] + 100)
        if self.rng.random() < 0.4:
            record = billing.payment_record(self.world, amount)["id"]
            self.world.post(f"invoices/{found['id']}/attach_payment", payment_record=record)
            return
        intent = self.world.pay(amount=amount, customer=found["customer"])["id"]
        self.world.post(f"invoices/{found['id']}/attach_payment", payment_intent=intent)

    def end(self) -> None:
        id = self.some("invoice", status="open")["id"]
        self.world.post(f"invoices/{id}/{self.rng.choice(['void', 'mark_uncollectible'])}")

    def credit(self) -> None:
        found = self.some("invoice", status=self.rng.choice(["open", "paid", "paid"]))
        line = self.rng.choice(billing.lines(self.world, found["id"]))
        amount = self.rng.randint(1, max(line["amount"], 1))
        given: Json = {
            "invoice": found["id"],
            "lines": [
                {"type": "invoice_line_item", "invoice_line_item": line["id"], "amount": amount}
            ],
        }
        preview = self.world.get("credit_notes/preview", **given)
        way = self.rng.choice(["credit_amount", "refund_amount", "out_of_band_amount"])
        self.world.post("credit_notes", **given, **{way: preview["post_payment_amount"]})

    def subscribe(self) -> None:
        given: Json = {"customer": self.some("customer")["id"]}
        if self.rng.random() < 0.3:
            given["trial_period_days"] = self.rng.randint(1, 20)
        if self.rng.random() < 0.4:
            given["discounts"] = [{"coupon": self.rng.choice(self.coupons)}]
        if self.rng.random() < 0.4:
            given["default_tax_rates"] = [self.rng.choice(self.rates)]
        chosen = self.rng.sample(self.prices, self.rng.randint(1, 2))
        given["items"] = [{"price": id, "quantity": self.rng.randint(1, 3)} for id in chosen]
        self.world.post("subscriptions", **given)

    def swap(self) -> None:
        found = self.some("subscription", status="active")
        item = found["items"]["data"][0]
        others = [id for id in self.prices if id != item["price"]["id"]]
        changed = {"id": item["id"], "price": self.rng.choice(others), "quantity": 2}
        behavior = self.rng.choice(["create_prorations", "always_invoice", "none"])
        self.world.post(
            f"subscriptions/{found['id']}", items=[changed], proration_behavior=behavior
        )

    def pause(self) -> None:
        found = self.some("subscription", status="active")
        behavior = self.rng.choice(["keep_as_draft", "mark_uncollectible", "void"])
        self.world.post(f"subscriptions/{found['id']}", pause_collection={"behavior": behavior})

    def cancel(self) -> None:
        found = self.some("subscription", status="active")
        if self.rng.random() < 0.5:
            self.world.post(f"subscriptions/{found['id']}", cancel_at_period_end=True)
            return
        path = f"/v1/subscriptions/{found['id']}"
        self.world.peer.request("DELETE", path, {"invoice_now": True, "prorate": True})

    async def live(self, steps: int) -> int:
        """Act at random; how many acts were done."""
        self.customer()
        acts = (
            *(self.customer, self.item, self.item, self.item, self.draft, self.draft),
            *(self.finalize, self.finalize, self.pay, self.pay, self.pay_in_part, self.end),
            *(self.credit, self.credit, self.subscribe, self.subscribe, self.swap, self.swap),
            *(self.pause, self.cancel),
        )
        done = 0
        for _ in range(steps):
            try:
                self.rng.choice(acts)()
                done += 1
            except (ApiError, LookupError):
                pass
            billing.check_all(self.world)
            await self.world.clock.sleep(self.rng.choice([60, 7_200, DAY, 9 * DAY]))
        return done


def told(seed: int) -> tuple[list[str], int]:
    """Live a world, check its laws; its events as ids and types, and how many acts were done."""

    async def scenario(world: World) -> tuple[list[str], int]:
        done = await Acts(world, random.Random(seed)).live(60)
        await world.clock.sleep(40 * DAY)
        billing.check_all(world)
        events = world.peer.objects("event")
        return [f"{event['id']} {event['type']}" for event in events], done

    return in_world(scenario, seed=seed, webhook=False)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_the_sums_hold(seed: int) -> None:
    events, done = told(seed)
    assert done > 25
    assert sum(event.endswith(" invoice.paid") for event in events) >= 3


def test_the_same_seed_tells_the_same_events() -> None:
    assert told(3) == told(3)
