"""Products of the Stripe peer."""

import pytest

from local.stripe import ApiError
from tests.contract.test_stripe_peer_rig import DAY, World, answer, in_world


def test_a_product_has_all_members_and_is_announced() -> None:
    async def scenario(world: World) -> None:
        product = world.post("products", name="Mug", metadata={"sku": "M-1", "gone": ""})
        assert product["id"].startswith("prod_")
        assert product["metadata"] == {"sku": "M-1"}
        assert (product["active"], product["type"], product["default_price"]) == (
            True,
            "service",
            None,
        )
        assert product["created"] == product["updated"]
        await world.peer.settled()
        (created,) = world.hook.events
        assert (created["type"], created["data"]["object"]) == ("product.created", product)
        assert world.get(f"products/{product['id']}") == product

    in_world(scenario)


def test_a_product_may_bring_its_own_id_once() -> None:
    async def scenario(world: World) -> None:
        assert world.post("products", name="Mug", id="M-1")["id"] == "M-1"
        taken = world.refused("products", name="Cup", id="M-1")
        assert (taken["code"], taken["param"]) == ("resource_already_exists", "id")

    in_world(scenario)


def test_a_product_describes_what_is_sold() -> None:
    async def scenario(world: World) -> None:
        product = world.post(
            "products",
            name="Mug",
            description="Blue",
            images=["https://example.com/mug.png"],
            marketing_features=[{"name": "Dishwasher"}],
            package_dimensions={"height": "4.5", "length": 3, "weight": "10.25", "width": 3},
            shippable=True,
            tax_details={"tax_code": "txcd_99999999"},
            unit_label="piece",
            url="https://example.com",
        )
        assert product["tax_code"] == "txcd_99999999"
        assert product["marketing_features"] == [{"name": "Dishwasher"}]
        raw = (await world.http.get(f"/v1/products/{product['id']}")).text
        assert '"height": 4.5' in raw
        cleared = world.post(f"products/{product['id']}", description="", images="", url="")
        assert (cleared["description"], cleared["images"], cleared["url"]) == (None, [], None)

    in_world(scenario)


def test_an_update_tells_what_was_and_when() -> None:
    async def scenario(world: World) -> None:
        product = world.post("products", name="Mug", metadata={"a": "1", "b": "2"})
        path = f"products/{product['id']}"
        await world.clock.sleep(60)
        changed = world.post(path, name="Cup", active=False, metadata={"a": "", "c": "3"})
        assert changed["metadata"] == {"b": "2", "c": "3"}
        assert changed["updated"] == product["updated"] + 60
        await world.clock.sleep(60)
        assert world.post(path, name="Cup") == changed  # nothing changed, nothing is announced
        await world.peer.settled()
        _, updated = world.hook.events
        assert updated["type"] == "product.updated"
        assert updated["data"]["previous_attributes"] == {
            "active": True,
            "metadata": {"a": "1", "c": None},
            "name": "Mug",
            "updated": product["updated"],
        }

    in_world(scenario)


def test_a_product_can_come_with_its_default_price() -> None:
    async def scenario(world: World) -> None:
        data = {"currency": "eur", "unit_amount": 900, "tax_behavior": "inclusive"}
        product = world.post("products", name="Mug", default_price_data=data)
        price = world.get(f"prices/{product['default_price']}")
        assert (price["product"], price["unit_amount"]) == (product["id"], 900)
        expanded = world.get(f"products/{product['id']}", expand=["default_price"])
        assert expanded["default_price"] == price
        await world.peer.settled()
        assert world.hook.types() == ["product.created", "price.created"]
        assert world.hook.events[0]["data"]["object"]["default_price"] == price["id"]

    in_world(scenario)


def test_a_default_price_that_is_none_leaves_no_product_behind() -> None:
    async def scenario(world: World) -> None:
        error = world.refused("products", name="Mug", default_price_data={"currency": "eur"})
        assert error["param"] == "default_price_data[unit_amount]"
        error = world.refused("products", name="Mug", default_price_data={"unit_amount": 1})
        assert error["message"] == "Missing required param: default_price_data[currency]."
        assert world.peer.objects("product") == []

    in_world(scenario)


def test_the_default_price_is_one_of_the_products_own() -> None:
    async def scenario(world: World) -> None:
        mug, cup = (world.post("products", name=name)["id"] for name in ("Mug", "Cup"))
        price = world.post("prices", product=mug, currency="eur", unit_amount=900)["id"]
        assert world.post(f"products/{mug}", default_price=price)["default_price"] == price
        other = world.refused(f"products/{cup}", default_price=price)
        assert other["param"] == "default_price"
        none = world.refused(f"products/{cup}", default_price="price_none")
        assert none["code"] == "resource_missing"
        assert world.post(f"products/{mug}", default_price="")["default_price"] is None

    in_world(scenario)


def test_a_product_with_prices_cannot_be_deleted() -> None:
    async def scenario(world: World) -> None:
        product = world.post("products", name="Mug")["id"]
        price = world.post("prices", product=product, currency="eur", unit_amount=900)["id"]
        status, error = await answer(world, "DELETE", f"/v1/products/{product}")
        assert status == 400
        assert error["message"] == (
            "This product cannot be deleted because it has one or more user-created prices."
        )
        world.peer.delete_price(price)
        status, gone = await answer(world, "DELETE", f"/v1/products/{product}")
        assert (status, gone) == (200, {"id": product, "object": "product", "deleted": True})
        for path in (f"products/{product}", f"prices/{price}"):
            with pytest.raises(ApiError, match="No such pr"):
                world.get(path)
        assert world.get("products")["data"] == []
        await world.peer.settled()
        assert world.hook.types()[-2:] == ["price.deleted", "product.deleted"]
        assert world.hook.events[-1]["data"]["object"]["name"] == "Mug"

    in_world(scenario)


def test_products_are_listed_by_what_they_are() -> None:
    async def scenario(world: World) -> None:
        old = world.post("products", name="Old", active=False)["id"]
        await world.clock.sleep(DAY)
        new = world.post("products", name="New", url="https://example.com")["id"]

        def listed(**params: object) -> list[str]:
            return [each["id"] for each in world.get("products", **params)["data"]]

        assert listed() == [new, old]
        assert listed(active=True) == [new]
        assert listed(active=False) == [old]
        assert listed(ids=[old, "prod_none"]) == [old]
        assert listed(url="https://example.com") == [new]
        assert listed(limit=1, starting_after=new) == [old]
        assert listed(created={"gte": int(world.clock.now().timestamp())}) == [new]

    in_world(scenario)


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({}, "name", "parameter_missing"),
        ({"name": ""}, "name", "parameter_missing"),
        ({"name": "x" * 5_001}, "name", None),
        ({"name": "x", "price": 5}, "price", "parameter_unknown"),
        ({"name": "x", "active": "maybe"}, "active", None),
        ({"name": "x", "type": "thing"}, "type", None),
        ({"name": "x", "images": ["i"] * 9}, "images", None),
        ({"name": "x", "images": "picture"}, "images", None),
        ({"name": "x", "metadata": "sku"}, "metadata", None),
        ({"name": "x", "unit_label": "kilogramsofit"}, "unit_label", None),
        ({"name": "x", "marketing_features": [{"text": "y"}]}, "marketing_features[0][text]", None),
        ({"name": "x", "package_dimensions": {"height": 1}}, "package_dimensions[length]", None),
        ({"name": "x", "package_dimensions": "big"}, "package_dimensions", None),
        ({"name": "x", "default_price_data": {"currency": "xxx"}}, None, None),
        ({"name": "x", "tax_details": {"rate": 1}}, "tax_details[rate]", "parameter_unknown"),
    ],
)
def test_a_wrong_product_is_refused(
    params: dict[str, object], param: str | None, code: str | None
) -> None:
    async def scenario(world: World) -> None:
        error = world.refused("products", **params)
        assert error["status"] == 400
        assert param is None or error["param"] == param
        assert code is None or error["code"] == code
        assert world.peer.objects("product") == []

    in_world(scenario)


def test_a_name_cannot_be_taken_away() -> None:
    async def scenario(world: World) -> None:
        product = world.post("products", name="Mug")["id"]
        error = world.refused(f"products/{product}", name="")
        assert (error["param"], error["code"]) == ("name", "parameter_invalid_empty")

    in_world(scenario)
