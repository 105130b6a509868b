"""Checkout Sessions of the Stripe peer: made, read, refused, expired."""

from typing import Any

import pytest

from local.stripe import ApiError
from tests.contract.test_stripe_peer_checkout_amounts import URL, line, session
from tests.contract.test_stripe_peer_rig import DAY, Json, World, answer, in_world


def test_a_session_has_all_members_and_no_payment_yet() -> None:
    async def scenario(world: World) -> None:
        made = session(
            world,
            line(1_500, 2),
            client_reference_id="order-1",
            metadata={"order": "1"},
            cancel_url="https://example.com/back",
        )
        assert made["id"].startswith("cs_test_")
        assert len(made["id"]) == 66
        assert made["object"] == "checkout.session"
        assert made["url"] == f"https://checkout.stripe.com/c/pay/{made['id']}"
        assert (made["amount_subtotal"], made["amount_total"], made["currency"]) == (
            3_000,
            3_000,
            "usd",
        )
        for name, value in (
            ("client_reference_id", "order-1"),
            ("customer", None),
            ("customer_creation", "if_required"),
            ("customer_details", None),
            ("expires_at", made["created"] + DAY),
            ("metadata", {"order": "1"}),
            ("mode", "payment"),
            ("payment_intent", None),
            ("payment_status", "unpaid"),
            ("shipping_cost", None),
            ("status", "open"),
            ("success_url", URL),
        ):
            assert made[name] == value
        assert made["invoice_creation"]["enabled"] is False
        assert "line_items" not in made
        assert world.get(f"checkout/sessions/{made['id']}") == made
        assert world.peer.objects("payment_intent") == []

    in_world(scenario)


def test_line_items_are_paged_in_their_order() -> None:
    async def scenario(world: World) -> None:
        made = session(world, *[line(100 + n) for n in range(12)])
        path = f"checkout/sessions/{made['id']}/line_items"
        first = world.get(path)
        assert first["url"] == f"/v1/{path}"
        assert [item["amount_total"] for item in first["data"]] == list(range(100, 110))
        assert first["has_more"]
        rest = world.get(path, starting_after=first["data"][-1]["id"])
        assert [item["amount_total"] for item in rest["data"]] == [110, 111]
        assert not rest["has_more"]
        back = world.get(path, ending_before=rest["data"][1]["id"], limit=2)
        assert [item["amount_total"] for item in back["data"]] == [109, 110]
        assert back["has_more"]
        assert not world.get(path, limit=100)["has_more"]
        for params, text in (
            ({"starting_after": "li_none"}, "No such item"),
            ({"limit": 101}, "less than or equal to 100"),
            ({"starting_after": "a", "ending_before": "b"}, "only specify one"),
            ({"created": 5}, "unknown parameter"),
        ):
            with pytest.raises(ApiError, match=text):
                world.get(path, **params)

    in_world(scenario)


def test_expanded_line_items_are_cut_at_ten() -> None:
    async def scenario(world: World) -> None:
        made = session(world, *[line(100)] * 11)
        path = f"checkout/sessions/{made['id']}"
        inside = world.get(path, expand=["line_items"])["line_items"]
        assert (len(inside["data"]), inside["has_more"]) == (10, True)
        assert inside["url"] == f"/v1/{path}/line_items"
        short = session(world, line(100))
        inside = world.get(f"checkout/sessions/{short['id']}", expand=["line_items"])["line_items"]
        assert (len(inside["data"]), inside["has_more"]) == (1, False)

    in_world(scenario)


def test_a_line_item_shows_its_price_and_expands_to_the_product() -> None:
    async def scenario(world: World) -> None:
        mug = world.post("products", name="Mug", description="Blue")
        price = world.post("prices", product=mug["id"], currency="usd", unit_amount=250)
        made = session(world, {"price": price["id"], "quantity": 4, "metadata": {"row": "7"}})
        path = f"checkout/sessions/{made['id']}"
        (item,) = world.get(f"{path}/line_items")["data"]
        assert item["id"].startswith("li_")
        assert (item["object"], item["description"], item["quantity"]) == ("item", "Mug", 4)
        assert (item["price"], item["metadata"]) == (price, {"row": "7"})
        assert "taxes" not in item
        assert "discounts" not in item
        world.post(f"prices/{price['id']}", nickname="new")
        deep = world.get(path, expand=["line_items.data.price.product", "line_items.data.taxes"])
        (item,) = deep["line_items"]["data"]
        assert (item["price"]["nickname"], item["price"]["product"]) == ("new", mug)
        assert item["taxes"] == []
        listed = world.get(f"{path}/line_items", expand=["data.price.product"])
        assert listed["data"][0]["price"]["product"] == mug
        with pytest.raises(ApiError, match="more than 4 levels"):
            world.get("checkout/sessions", expand=["data.line_items.data.price.product"])

    in_world(scenario)


@pytest.mark.parametrize("path", ["metadata", "amount_total", "line_items.price", "lines", "asked"])
def test_what_a_session_does_not_expand_is_refused(path: str) -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100))
        with pytest.raises(ApiError, match="cannot be expanded"):
            world.get(f"checkout/sessions/{made['id']}", expand=[path])

    in_world(scenario)


def test_what_is_described_inline_is_kept_archived() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100))
        (item,) = world.get(f"checkout/sessions/{made['id']}/line_items")["data"]
        assert item["price"]["active"] is False
        assert world.get(f"products/{item['price']['product']}")["active"] is False
        await world.peer.settled()
        assert world.hook.types() == ["product.created", "price.created"]
        again = world.refused(
            "checkout/sessions",
            mode="payment",
            success_url=URL,
            line_items=[{"price": item["price"]["id"], "quantity": 1}],
        )
        assert again["message"] == (
            "The price specified is inactive. This field only accepts active prices."
        )

    in_world(scenario)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"mode": None}, "mode"),
        ({"mode": "subscription"}, "mode"),
        ({"mode": "setup"}, "mode"),
        ({"mode": "pay"}, "mode"),
        ({"success_url": None}, "success_url"),
        ({"ui_mode": "embedded_page"}, "return_url"),
        ({"ui_mode": "hosted"}, "ui_mode"),
        ({"line_items": []}, "line_items"),
        ({"line_items": [line(100)] * 101}, "line_items"),
        ({"line_items": [{}]}, "line_items[0]"),
        ({"line_items": ["price_1"]}, "line_items[0]"),
        ({"line_items": [{"price": "price_1"}]}, "line_items[0][price]"),
        ({"line_items": [line(100) | {"price": "price_1"}]}, "line_items[0]"),
        ({"line_items": [line(100), line(100, 0)]}, "line_items[1][quantity]"),
        ({"line_items": [line(100) | {"amount": 5}]}, "line_items[0][amount]"),
        ({"line_items": [line("x")]}, "line_items[0][price_data][unit_amount_decimal]"),
        ({"line_items": [line(100), line(100, 1, "eur")]}, "line_items[1]"),
        ({"line_items": [line(100, tax_rates=["txr_1"])]}, "line_items[0][tax_rates][0]"),
        ({"line_items": [line(100, tax_rates=["t"] * 6)]}, "line_items[0][tax_rates]"),
        ({"line_items": [{"price_data": {"currency": "usd", "unit_amount": 1}}]}, None),
        ({"discounts": [{"coupon": "none"}]}, "discounts[0][coupon]"),
        ({"discounts": [{"promotion_code": "promo_1"}]}, "discounts[0][promotion_code]"),
        ({"discounts": [{"coupon": "a"}, {"coupon": "b"}]}, "discounts"),
        ({"shipping_options": [{}]}, "shipping_options[0][shipping_rate]"),
        ({"shipping_options": [{"shipping_rate": "shr_1"}]}, "shipping_options[0][shipping_rate]"),
        (
            {"shipping_options": [{"shipping_rate_data": {"display_name": "Post"}}]},
            "shipping_options[0][shipping_rate_data][fixed_amount]",
        ),
        ({"shipping_options": [{"shipping_rate": "s"}] * 6}, "shipping_options"),
        ({"customer": "cus_none"}, "customer"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"customer_creation": "never"}, "customer_creation"),
        ({"customer_update": {"name": "auto"}}, "customer_update"),
        ({"client_reference_id": "r" * 201}, "client_reference_id"),
        ({"automatic_tax": {"enabled": True}}, None),
        ({"expires_at": 5}, "expires_at"),
        ({"invoice_creation": {}}, "invoice_creation[enabled]"),
        ({"payment_intent_data": {"amount": 5}}, "payment_intent_data[amount]"),
        ({"amount": 100}, "amount"),
        ({"shipping_address_collection": {"allowed_countries": ["USA"]}}, None),
    ],
)
def test_a_wrong_session_is_refused_and_leaves_none(change: Json, param: str | None) -> None:
    async def scenario(world: World) -> None:
        usual: Json = {"mode": "payment", "success_url": URL, "line_items": [line(100)]}
        given = {name: value for name, value in (usual | change).items() if value is not None}
        error = world.refused("checkout/sessions", **given)
        assert (error["status"], error["type"]) == (400, "invalid_request_error")
        assert param is None or error["param"] == param
        assert world.peer.objects("checkout.session") == []
        assert world.peer.objects("item") == []
        await world.clock.sleep(2 * DAY)
        assert "checkout.session.expired" not in world.hook.types()

    in_world(scenario)


def test_a_quantity_is_needed_for_each_line() -> None:
    async def scenario(world: World) -> None:
        bare = {name: value for name, value in line(100).items() if name != "quantity"}
        error = world.refused(
            "checkout/sessions", mode="payment", success_url=URL, line_items=[line(100), bare]
        )
        assert error["param"] == "line_items[1][quantity]"
        assert error["message"] == "Quantity is required. Add `quantity` to `line_items[1]`"

    in_world(scenario)


def test_only_prices_for_sale_once_can_be_bought() -> None:
    async def scenario(world: World) -> None:
        mug = world.post("products", name="Mug")["id"]
        usual: dict[str, Any] = {"product": mug, "currency": "usd", "unit_amount": 100}
        monthly = world.post("prices", **usual, recurring={"interval": "month"})["id"]
        once = world.post("prices", **usual)["id"]
        archived = world.post("tax_rates", display_name="V", percentage=1, inclusive=False)["id"]
        world.post(f"tax_rates/{archived}", active=False)

        def refusal(price: str, **more: Any) -> str:
            bought = {"price": price, "quantity": 1, **more}
            asked: Json = {"mode": "payment", "success_url": URL, "line_items": [bought]}
            return str(world.refused("checkout/sessions", **asked)["message"])

        assert refusal(monthly).startswith("You specified `payment` mode but passed a recurring")
        assert "is archived" in refusal(once, tax_rates=[archived])
        world.post(f"products/{mug}", active=False)
        assert refusal(once) == (
            f"Price `{once}` is not available to be purchased because its product is not active."
        )

    in_world(scenario)


def test_too_little_is_not_charged() -> None:
    async def scenario(world: World) -> None:
        error = world.refused(
            "checkout/sessions", mode="payment", success_url=URL, line_items=[line(49)]
        )
        assert error["code"] == "amount_too_small"
        assert error["message"] == (
            "The Checkout Session's total amount due must add up to at least $0.50 usd"
        )
        assert session(world, line(50))["amount_total"] == 50

    in_world(scenario)


@pytest.mark.parametrize(
    ("coupon", "message"),
    [
        ({"percent_off": 10, "redeem_by": 5}, "not valid anymore"),
        ({"amount_off": 10, "currency": "eur"}, "is in eur; it cannot be applied"),
    ],
)
def test_a_coupon_that_does_not_fit_is_refused(coupon: Json, message: str) -> None:
    async def scenario(world: World) -> None:
        made = world.post("coupons", **coupon)["id"]
        error = world.refused(
            "checkout/sessions",
            mode="payment",
            success_url=URL,
            line_items=[line(100)],
            discounts=[{"coupon": made}],
        )
        assert message in error["message"]

    in_world(scenario)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, None),
        ({"percent_off": 0}, "percent_off"),
        ({"percent_off": 101}, "percent_off"),
        ({"percent_off": "10.00001"}, "percent_off"),
        ({"percent_off": 5, "amount_off": 5}, None),
        ({"amount_off": 5}, "currency"),
        ({"percent_off": 5, "duration": "repeating"}, "duration_in_months"),
        ({"percent_off": 5, "duration_in_months": 2}, "duration_in_months"),
    ],
)
def test_a_wrong_coupon_is_refused(given: Json, param: str | None) -> None:
    async def scenario(world: World) -> None:
        error = world.refused("coupons", **given)
        assert error.get("param") == param

    in_world(scenario)


def test_sessions_are_listed_by_customer_payment_and_status() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", email="ada@example.com")["id"]
        paid = session(world, line(100), customer=customer)["id"]
        intent = world.peer.complete_checkout(paid)["payment_intent"]
        open_ = session(world, line(100), customer_email="bob@example.com")["id"]

        def listed(**params: object) -> list[str]:
            return [each["id"] for each in world.get("checkout/sessions", **params)["data"]]

        assert listed() == [open_, paid]
        assert listed(customer=customer) == [paid]
        assert listed(payment_intent=intent) == [paid]
        assert listed(payment_intent="pi_none") == []
        assert listed(status="open") == [open_]
        assert listed(customer_details={"email": "bob@example.com"}) == [open_]
        with pytest.raises(ApiError, match="Invalid status"):
            listed(status="paid")

    in_world(scenario)


def test_metadata_of_a_session_changes_without_an_event() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100), metadata={"a": "1"})["id"]
        changed = world.post(f"checkout/sessions/{made}", metadata={"a": "", "b": "2"})
        assert changed["metadata"] == {"b": "2"}
        await world.peer.settled()
        assert world.hook.types("checkout") == []
        assert world.refused(f"checkout/sessions/{made}", mode="setup")["param"] == "mode"

    in_world(scenario)


def test_a_session_expires_after_a_day_or_when_told() -> None:
    async def scenario(world: World) -> None:
        by_itself, told, paid = (session(world, line(100))["id"] for _ in range(3))
        world.peer.complete_checkout(paid)
        ended = world.post(f"checkout/sessions/{told}/expire")
        assert (ended["status"], ended["url"], ended["payment_status"]) == (
            "expired",
            None,
            "unpaid",
        )
        status, error = await answer(world, "POST", f"/v1/checkout/sessions/{told}/expire")
        assert status == 400
        assert error["message"] == (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            "Session has a status of `expired`."
        )
        await world.clock.sleep(DAY - 60)
        assert world.get(f"checkout/sessions/{by_itself}")["status"] == "open"
        await world.clock.sleep(120)
        assert world.get(f"checkout/sessions/{by_itself}")["status"] == "expired"
        assert world.get(f"checkout/sessions/{paid}")["status"] == "complete"
        await world.peer.settled()
        expired = [e for e in world.hook.events if e["type"] == "checkout.session.expired"]
        assert [e["data"]["object"]["id"] for e in expired] == [told, by_itself]
        with pytest.raises(ValueError, match="is expired"):
            world.peer.complete_checkout(by_itself)

    in_world(scenario)


def test_a_paid_session_leaves_nothing_to_wait_for() -> None:
    async def scenario(world: World) -> None:
        made = session(world, line(100), expires_at=int(world.clock.now().timestamp()) + 7_200)
        world.peer.complete_checkout(made["id"], "pm_card_bypassPending")
        assert world.get(f"checkout/sessions/{made['id']}")["payment_status"] == "paid"
        await world.peer.settled()
        assert world.peer.idle(within_seconds=10_000)

    in_world(scenario)
