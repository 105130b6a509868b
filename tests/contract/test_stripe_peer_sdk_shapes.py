"""Objects of the Stripe peer against the types of the official SDK, which is made of the API's
specification: no member the API does not have, none missing that is never null."""

from collections.abc import Callable

import pytest
import stripe

from tests.contract import test_stripe_peer_billing_rig as billing
from tests.contract.test_stripe_peer_checkout_amounts import line, session
from tests.contract.test_stripe_peer_rig import Json, World, in_world


def members(kind: type[stripe.StripeObject]) -> dict[str, str]:
    """Members of the SDK's type, and how they are typed."""
    found = {name: str(shape) for name, shape in kind.__annotations__.items()}
    return {name: shape for name, shape in found.items() if not name.isupper() and name[0] != "_"}


def may_be_null(shape: str) -> bool:
    return "Optional[" in shape or "NoneType" in shape


def price(world: World) -> Json:
    product = {"name": "Mug"}
    return world.post("prices", currency="usd", unit_amount=5, product_data=product)


def paid(world: World) -> Json:
    rate = {"display_name": "Post", "fixed_amount": {"amount": 500, "currency": "usd"}}
    made = session(
        world,
        line(1_000),
        customer_creation="always",
        shipping_options=[{"shipping_rate_data": rate}],
    )
    return world.peer.complete_checkout(made["id"], details={"email": "ada@example.com"})


def item(world: World) -> Json:
    made = session(world, line(1_000))
    found: Json = world.get(f"checkout/sessions/{made['id']}/line_items")["data"][0]
    return found


def discount(world: World) -> Json:
    coupon = world.post("coupons", percent_off=10)["id"]
    made = session(world, line(1_000), discounts=[{"coupon": coupon}])
    path = f"checkout/sessions/{made['id']}/line_items"
    found = world.get(path, expand=["data.discounts"])["data"][0]["discounts"][0]
    inner: Json = found["discount"]
    return inner


def tax_id(world: World) -> Json:
    customer = world.post("customers")["id"]
    return world.post(f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")


def tax_rate(world: World) -> Json:
    return world.post("tax_rates", display_name="VAT", percentage="7.25", inclusive=False)


def shipping_rate(world: World) -> Json:
    amount = {"amount": 500, "currency": "usd"}
    return world.post("shipping_rates", display_name="Post", fixed_amount=amount)


def subscription(world: World) -> Json:
    return billing.subscribe(world, billing.price(world, 1_500))


def subscription_item(world: World) -> Json:
    item: Json = subscription(world)["items"]["data"][0]
    return item


def invoice(world: World) -> Json:
    made = billing.paid(world, 2_000)
    return world.get(f"invoices/{made['id']}", expand=["payments", "confirmation_secret"])


def line_item(world: World) -> Json:
    line: Json = invoice(world)["lines"]["data"][0]
    return line


def invoice_item(world: World) -> Json:
    customer = billing.customer(world)
    return world.post("invoiceitems", customer=customer, amount=2_000, currency="usd")


def credit_note(world: World) -> Json:
    id = billing.paid(world, 2_000)["id"]
    return world.post("credit_notes", invoice=id, amount=500, credit_amount=500)


def credit_note_line(world: World) -> Json:
    line: Json = credit_note(world)["lines"]["data"][0]
    return line


def balance_transaction(world: World) -> Json:
    path = f"customers/{billing.customer(world)}/balance_transactions"
    return world.post(path, amount=-500, currency="usd")


def schedule(world: World) -> Json:
    items = [{"price": billing.price(world, 1_500)}]
    customer = billing.customer(world)
    phases = [{"items": items, "duration": {"interval": "month"}}]
    return world.post("subscription_schedules", customer=customer, phases=phases)


def payment_record(world: World) -> Json:
    return billing.payment_record(world, 500)


def invoice_payment(world: World) -> Json:
    id = world.peer.record_invoice_payment(world.pay()["id"], "in_1", 500)
    return world.get(f"invoice_payments/{id}")


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (stripe.Product, lambda world: world.post("products", name="Mug")),
        (stripe.Price, price),
        (stripe.checkout.Session, paid),
        (stripe.LineItem, item),
        (stripe.Discount, discount),
        (stripe.Coupon, lambda world: world.post("coupons", percent_off=10)),
        (stripe.TaxRate, tax_rate),
        (stripe.ShippingRate, shipping_rate),
        (stripe.Customer, lambda world: world.post("customers")),
        (stripe.TaxId, tax_id),
        (stripe.InvoicePayment, invoice_payment),
        (stripe.Invoice, invoice),
        (stripe.InvoiceLineItem, line_item),
        (stripe.InvoiceItem, invoice_item),
        (stripe.Subscription, subscription),
        (stripe.SubscriptionItem, subscription_item),
        (stripe.Plan, lambda world: subscription_item(world)["plan"]),
        (stripe.SubscriptionSchedule, schedule),
        (stripe.CreditNote, credit_note),
        (stripe.CreditNoteLineItem, credit_note_line),
        (stripe.CustomerBalanceTransaction, balance_transaction),
        (stripe.PaymentRecord, payment_record),
    ],
)
def test_an_object_has_the_members_the_sdk_knows(
    kind: type[stripe.StripeObject], make: Callable[[World], Json]
) -> None:
    async def scenario(world: World) -> None:
        shown, known = make(world), members(kind)
        assert [name for name in shown if name not in known] == []
        needed = [name for name, shape in known.items() if not may_be_null(shape)]
        assert [name for name in needed if shown.get(name) is None] == []

    in_world(scenario)
