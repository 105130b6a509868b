"""Prices of the Stripe peer."""

from typing import Any

import pytest

from local.stripe import ApiError
from local.stripe.catalogue.amounts import subtotal_minor
from tests.contract.test_stripe_peer_rig import Json, World, in_world

TIERS = [
    {"up_to": 10, "unit_amount": 100, "flat_amount": 500},
    {"up_to": 20, "unit_amount_decimal": "80.5"},
    {"up_to": "inf", "unit_amount": 50},
]


def product(world: World) -> str:
    return str(world.post("products", name="Mug")["id"])


def test_a_price_has_all_members_and_is_announced() -> None:
    async def scenario(world: World) -> None:
        price = world.post("prices", product=product(world), currency="EUR", unit_amount=1_500)
        assert (price["currency"], price["unit_amount"], price["unit_amount_decimal"]) == (
            "eur",
            1_500,
            "1500",
        )
        assert (price["type"], price["billing_scheme"], price["recurring"]) == (
            "one_time",
            "per_unit",
            None,
        )
        assert price["tax_behavior"] == "unspecified"
        assert "tiers" not in price
        assert "currency_options" not in price
        await world.peer.settled()
        assert world.hook.types() == ["product.created", "price.created"]
        assert world.hook.events[1]["data"]["object"] == price

    in_world(scenario)


@pytest.mark.parametrize(
    ("given", "amount", "decimal"),
    [
        ({"unit_amount": 0}, 0, "0"),
        ({"unit_amount": 100_000}, 100_000, "100000"),
        ({"unit_amount_decimal": "12"}, 12, "12"),
        ({"unit_amount_decimal": "12.500"}, None, "12.5"),
        ({"unit_amount_decimal": "100.00"}, 100, "100"),
        ({"unit_amount_decimal": "0.000000000001"}, None, "0.000000000001"),
    ],
)
def test_an_amount_is_whole_or_a_decimal(
    given: dict[str, Any], amount: int | None, decimal: str
) -> None:
    async def scenario(world: World) -> None:
        price = world.post("prices", product=product(world), currency="usd", **given)
        assert (price["unit_amount"], price["unit_amount_decimal"]) == (amount, decimal)

    in_world(scenario)


def test_a_price_can_describe_its_product() -> None:
    async def scenario(world: World) -> None:
        price = world.post(
            "prices",
            currency="usd",
            unit_amount=5,
            product_data={"name": "Mug", "metadata": {"sku": "M"}},
            recurring={"interval": "month"},
        )
        made = world.get(f"products/{price['product']}")
        assert (made["name"], made["active"], made["metadata"]) == ("Mug", True, {"sku": "M"})
        assert price["type"] == "recurring"
        assert price["recurring"] == {
            "interval": "month",
            "interval_count": 1,
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        }
        expanded = world.get(f"prices/{price['id']}", expand=["product"])
        assert expanded["product"] == made

    in_world(scenario)


def test_amounts_in_other_currencies_show_when_expanded() -> None:
    async def scenario(world: World) -> None:
        price = world.post(
            "prices",
            product=product(world),
            currency="usd",
            unit_amount=1_000,
            currency_options={"eur": {"unit_amount_decimal": "950.5"}, "jpy": {"unit_amount": 140}},
        )
        path = f"prices/{price['id']}"
        options = world.get(path, expand=["currency_options"])["currency_options"]
        assert {name: option["unit_amount"] for name, option in options.items()} == {
            "usd": 1_000,
            "eur": None,
            "jpy": 140,
        }
        assert options["eur"]["unit_amount_decimal"] == "950.5"
        world.post(path, currency_options={"jpy": {"unit_amount": 150}})
        again = world.get("prices", expand=["data.currency_options"])["data"][0]
        assert again["currency_options"]["jpy"]["unit_amount"] == 150
        assert world.post(path, currency_options={"jpy": {"unit_amount": 150}}) == price
        await world.peer.settled()
        (updated,) = [e for e in world.hook.events if e["type"] == "price.updated"]
        before = updated["data"]["previous_attributes"]["currency_options"]["jpy"]
        assert before["unit_amount"] == 140
        assert "currency_options" not in updated["data"]["object"]

    in_world(scenario)


def test_the_own_currency_is_no_option() -> None:
    async def scenario(world: World) -> None:
        own: dict[str, Any] = {"usd": {"unit_amount": 5}}
        error = world.refused(
            "prices", product=product(world), currency="usd", unit_amount=5, currency_options=own
        )
        assert error["message"].startswith("You are specifying a currency option that matches")
        assert error["param"] == "currency_options[usd]"
        price = world.post("prices", product=product(world), currency="usd", unit_amount=5)["id"]
        error = world.refused(f"prices/{price}", currency_options=own)
        assert error["message"].startswith("You are specifying an update to a currency option")

    in_world(scenario)


def test_tiers_show_when_expanded() -> None:
    async def scenario(world: World) -> None:
        price = world.post(
            "prices",
            product=product(world),
            currency="usd",
            billing_scheme="tiered",
            tiers_mode="graduated",
            tiers=TIERS,
            recurring={"interval": "month", "usage_type": "metered"},
        )
        assert (price["unit_amount"], price["unit_amount_decimal"]) == (None, None)
        assert "tiers" not in price
        tiers = world.get(f"prices/{price['id']}", expand=["tiers"])["tiers"]
        assert [tier["up_to"] for tier in tiers] == [10, 20, None]
        assert tiers[1] == {
            "flat_amount": None,
            "flat_amount_decimal": None,
            "unit_amount": None,
            "unit_amount_decimal": "80.5",
            "up_to": 20,
        }
        assert subtotal_minor(price, tiers, 25) == 500 + 10 * 100 + 805 + 5 * 50
        assert subtotal_minor(price, tiers, 10) == 500 + 10 * 100
        assert subtotal_minor(price | {"tiers_mode": "volume"}, tiers, 11) == 886  # 885.5
        assert subtotal_minor(price | {"tiers_mode": "volume"}, tiers, 25) == 1_250

    in_world(scenario)


@pytest.mark.parametrize(("round_", "amount"), [("up", 300), ("down", 200)])
def test_quantities_can_be_bundled(round_: str, amount: int) -> None:
    price: Json = {
        "transform_quantity": {"divide_by": 10, "round": round_},
        "unit_amount_decimal": "100",
    }
    assert subtotal_minor(price, [], 21) == amount
    assert subtotal_minor(price, [], 20) == 200


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "unit_amount"),
        ({"unit_amount": -1}, "unit_amount"),
        ({"unit_amount": "1.5"}, "unit_amount"),
        ({"unit_amount_decimal": "1.0000000000001"}, "unit_amount_decimal"),
        ({"unit_amount_decimal": "-1"}, "unit_amount_decimal"),
        ({"unit_amount_decimal": "1e3"}, "unit_amount_decimal"),
        ({"unit_amount_decimal": "NaN"}, "unit_amount_decimal"),
        ({"unit_amount": 1, "unit_amount_decimal": "1"}, None),
        ({"unit_amount": 1, "currency": "xxx"}, "currency"),
        ({"unit_amount": 1, "currency": ""}, "currency"),
        ({"unit_amount": 1, "product": ""}, None),
        ({"unit_amount": 1, "product": "prod_none"}, "product"),
        ({"unit_amount": 1, "product_data": {"name": "x"}}, None),
        ({"unit_amount": 1, "recurring": {}}, "recurring[interval]"),
        ({"unit_amount": 1, "recurring": {"interval": "hour"}}, "recurring[interval]"),
        ({"unit_amount": 1, "recurring": {"interval": "day", "x": 1}}, "recurring[x]"),
        ({"unit_amount": 1, "tiers_mode": "volume"}, "tiers"),
        ({"unit_amount": 1, "tiers": TIERS}, "tiers"),
        ({"unit_amount": 1, "billing_scheme": "tiered"}, "unit_amount"),
        ({"billing_scheme": "tiered", "tiers": TIERS}, "tiers_mode"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume"}, "tiers"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS[:1]}, "tiers"),
        ({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS[::-1]}, "tiers"),
        (
            {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": [TIERS[0], *TIERS]},
            "tiers",
        ),
        (
            {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": [{"up_to": "inf"}]},
            "tiers[0][unit_amount]",
        ),
        (
            {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": [{"unit_amount": 1}]},
            "tiers[0][up_to]",
        ),
        ({"unit_amount": 1, "currency_options": {"xxx": {}}}, "currency_options[xxx]"),
        ({"unit_amount": 1, "currency_options": {"eur": {}}}, "currency_options[eur]"),
        ({"unit_amount": 1, "currency_options": ["eur"]}, "currency_options"),
        (
            {"unit_amount": 1, "transform_quantity": {"divide_by": 0, "round": "up"}},
            "transform_quantity[divide_by]",
        ),
        ({"unit_amount": 1, "tax_behavior": "none"}, "tax_behavior"),
        ({"unit_amount": 1, "lookup_key": "k" * 201}, "lookup_key"),
        ({"unit_amount": 1, "custom_unit_amount": {"enabled": True}}, "custom_unit_amount"),
    ],
)
def test_a_wrong_price_is_refused(given: dict[str, Any], param: str | None) -> None:
    async def scenario(world: World) -> None:
        params = {"product": product(world), "currency": "usd"} | given
        error = world.refused("prices", **params)
        assert error["status"] == 400
        assert param is None or error["param"] == param
        assert world.peer.objects("price") == []
        assert len(world.peer.objects("product")) == 1

    in_world(scenario)


def test_a_price_changes_in_name_only() -> None:
    async def scenario(world: World) -> None:
        price = world.post("prices", product=product(world), currency="usd", unit_amount=5)
        path = f"prices/{price['id']}"
        changed = world.post(
            path, nickname="Old", active=False, metadata={"a": "1"}, tax_behavior="exclusive"
        )
        assert (changed["nickname"], changed["active"]) == ("Old", False)
        assert world.refused(path, unit_amount=6)["code"] == "parameter_unknown"
        assert world.refused(path, tax_behavior="inclusive")["param"] == "tax_behavior"
        assert world.post(path, tax_behavior="exclusive", active=True)["active"]
        await world.peer.settled()
        first, second = [e for e in world.hook.events if e["type"] == "price.updated"]
        assert first["data"]["previous_attributes"] == {
            "active": True,
            "metadata": {"a": None},
            "nickname": None,
            "tax_behavior": "unspecified",
        }
        assert second["data"]["previous_attributes"] == {"active": False}

    in_world(scenario)


def test_the_default_price_of_a_product_can_neither_be_archived_nor_deleted() -> None:
    async def scenario(world: World) -> None:
        data = {"currency": "eur", "unit_amount": 900}
        made = world.post("products", name="Mug", default_price_data=data)
        error = world.refused(f"prices/{made['default_price']}", active=False)
        assert error["message"] == (
            "This price cannot be archived because it is the default price of its product."
        )
        with pytest.raises(ValueError, match="default price"):
            world.peer.delete_price(made["default_price"])
        with pytest.raises(KeyError):
            world.peer.delete_price("price_none")
        world.post(f"products/{made['id']}", default_price="")
        assert not world.post(f"prices/{made['default_price']}", active=False)["active"]

    in_world(scenario)


def test_a_lookup_key_leads_to_one_price() -> None:
    async def scenario(world: World) -> None:
        mug = product(world)
        usual: dict[str, Any] = {"product": mug, "currency": "usd", "unit_amount": 5}
        first = world.post("prices", **usual, lookup_key="mug")["id"]
        taken = world.refused("prices", **usual, lookup_key="mug")
        assert taken["message"] == f"A price (`{first}`) already uses that lookup key."
        second = world.post("prices", **usual, lookup_key="mug", transfer_lookup_key=True)["id"]
        found = world.get("prices", lookup_keys=["mug", "cup"])["data"]
        assert [price["id"] for price in found] == [second]
        assert world.get(f"prices/{first}")["lookup_key"] is None

    in_world(scenario)


def test_prices_are_listed_by_what_they_are() -> None:
    async def scenario(world: World) -> None:
        mug, cup = product(world), product(world)
        monthly = {"recurring": {"interval": "month"}}
        a = world.post("prices", product=mug, currency="usd", unit_amount=1)["id"]
        b = world.post("prices", product=mug, currency="eur", unit_amount=2, **monthly)["id"]
        c = world.post("prices", product=cup, currency="eur", unit_amount=3, active=False)["id"]

        def listed(**params: object) -> list[str]:
            return [each["id"] for each in world.get("prices", **params)["data"]]

        assert listed() == [c, b, a]
        assert listed(product=mug) == [b, a]
        assert listed(product=mug, limit=1) == [b]
        assert listed(product=mug, starting_after=b) == [a]
        assert listed(product=mug, ending_before=a) == [b]
        assert listed(product=mug, starting_after=c) == [b, a]
        assert listed(currency="eur", active=True) == [b]
        assert listed(type="recurring") == [b]
        assert listed(recurring={"interval": "month"}) == [b]
        assert listed(recurring={"interval": "year"}) == []
        assert listed(product="prod_none") == []
        with pytest.raises(ApiError, match="recurring"):
            listed(recurring={"interval": "hour"})

    in_world(scenario)
