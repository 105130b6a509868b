"""Customers of the Stripe peer: what they are, their tax ids, what changes tell."""

from typing import Any

import pytest

from local.stripe import ApiError
from local.stripe.tax_ids import TYPES
from tests.contract.test_stripe_peer_rig import DAY, Json, World, answer, in_world

ADDRESS: Json = {"line1": "Fő utca 1", "city": "Budapest", "country": "hu"}


def test_a_customer_has_all_it_is_given() -> None:
    async def scenario(world: World) -> None:
        customer = world.post(
            "customers",
            name="Ada Ács",
            business_name="Ács Kft.",
            individual_name="Ada",
            email="ada@example.com",
            phone="+36 1 234",
            address=ADDRESS,
            shipping={"name": "Warehouse", "address": ADDRESS, "phone": "5"},
            preferred_locales=["hu", "en"],
            invoice_settings={"footer": "Thanks", "custom_fields": [{"name": "PO", "value": "1"}]},
            metadata={"a": "1", "b": ""},
            tax_exempt="reverse",
        )
        assert customer["address"] == {
            "city": "Budapest",
            "country": "HU",
            "line1": "Fő utca 1",
            "line2": None,
            "postal_code": None,
            "state": None,
        }
        assert customer["shipping"]["address"]["line2"] is None
        assert (customer["business_name"], customer["individual_name"]) == ("Ács Kft.", "Ada")
        assert customer["preferred_locales"] == ["hu", "en"]
        assert customer["invoice_settings"] == {
            "custom_fields": [{"name": "PO", "value": "1"}],
            "default_payment_method": None,
            "footer": "Thanks",
            "rendering_options": None,
        }
        assert (customer["metadata"], customer["currency"]) == ({"a": "1"}, None)
        assert "tax_ids" not in customer

    in_world(scenario)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"address": "Budapest"}, "address"),
        ({"address": {"street": "x"}}, "address[street]"),
        ({"address": {"country": "Hungary"}}, "address[country]"),
        ({"shipping": {"name": "x"}}, "shipping[address]"),
        ({"shipping": {"address": ADDRESS}}, "shipping[name]"),
        ({"shipping": {"name": "x", "address": {"country": "1"}}}, "shipping[address][country]"),
        ({"email": "nobody"}, "email"),
        ({"phone": "1" * 21}, "phone"),
        ({"name": "x" * 257}, "name"),
        ({"business_name": "x" * 151}, "business_name"),
        ({"preferred_locales": "hu"}, "preferred_locales"),
        ({"currency": "usd"}, "currency"),
        ({"tax_exempt": "maybe"}, "tax_exempt"),
        ({"invoice_settings": {"terms": "x"}}, "invoice_settings[terms]"),
        (
            {"invoice_settings": {"custom_fields": [{"name": "x"}]}},
            "invoice_settings[custom_fields][0][value]",
        ),
        (
            {"invoice_settings": {"default_payment_method": "pm_1"}},
            "invoice_settings[default_payment_method]",
        ),
        ({"payment_method": "pm_none"}, "payment_method"),
        ({"tax_id_data": [{"type": "eu_vat"}]}, "tax_id_data[0][value]"),
        ({"tax_id_data": [{"type": "vat", "value": "1"}]}, None),
        ({"tax_id_data": [{"type": "eu_vat", "value": "HU1"}]}, "tax_id_data[0][value]"),
        ({"metadata": {"k": {"deep": 1}}}, "metadata"),
    ],
)
def test_a_wrong_customer_is_refused(given: Json, param: str | None) -> None:
    async def scenario(world: World) -> None:
        error = world.refused("customers", **given)
        assert error["status"] == 400
        assert param is None or error["param"] == param
        assert world.peer.objects("customer") == []

    in_world(scenario)


def test_changes_tell_what_was_down_to_the_member() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", address=ADDRESS, metadata={"a": "1", "b": "2"})
        path = f"customers/{customer['id']}"
        world.post(path, address=ADDRESS | {"city": "Pécs"}, metadata={"a": "", "c": "3"})
        world.post(path, address="", shipping={"name": "W", "address": ADDRESS})
        world.post(path, invoice_settings={"footer": "Thanks"})
        world.post(path, metadata="")
        await world.peer.settled()
        told = [e["data"]["previous_attributes"] for e in world.hook.events[1:]]
        assert told[0] == {"address": {"city": "Budapest"}, "metadata": {"a": "1", "c": None}}
        assert told[1]["address"]["city"] == "Pécs"
        assert told[1]["shipping"] is None
        assert told[2] == {"invoice_settings": {"footer": None}}
        assert told[3] == {"metadata": {"b": "2", "c": "3"}}

    in_world(scenario)


def test_an_address_is_replaced_and_invoice_settings_are_merged() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", address=ADDRESS, invoice_settings={"footer": "Thanks"})
        path = f"customers/{customer['id']}"
        method = world.post("payment_methods/pm_card_visa/attach", customer=customer["id"])["id"]
        changed = world.post(
            path,
            address={"city": "Pécs"},
            invoice_settings={"default_payment_method": method},
        )
        assert (changed["address"]["city"], changed["address"]["line1"]) == ("Pécs", None)
        assert changed["invoice_settings"]["footer"] == "Thanks"
        expand = ["invoice_settings.default_payment_method"]
        settings = world.get(path, expand=expand)["invoice_settings"]
        assert settings["default_payment_method"]["id"] == method
        cleared = world.post(path, invoice_settings={"default_payment_method": ""})
        assert cleared["invoice_settings"]["default_payment_method"] is None

    in_world(scenario)


def test_a_customer_can_come_with_a_payment_method() -> None:
    async def scenario(world: World) -> None:
        method = world.post("payment_methods", type="card", card={"token": "tok_visa"})["id"]
        customer = world.post(
            "customers",
            payment_method=method,
            invoice_settings={"default_payment_method": method},
        )
        assert customer["invoice_settings"]["default_payment_method"] == method
        assert world.get(f"payment_methods/{method}")["customer"] == customer["id"]
        taken = world.refused("customers", payment_method=method)
        assert "already been attached" in taken["message"]

    in_world(scenario)


# --- tax ids --------------------------------------------------------------------------------


def test_tax_ids_are_listed_on_their_own_and_when_expanded() -> None:
    async def scenario(world: World) -> None:
        data = [
            {"type": "eu_vat", "value": "HU12345678"},
            {"type": "us_ein", "value": "12-3456789"},
        ]
        customer = world.post("customers", tax_id_data=data)["id"]
        world.post("customers", tax_id_data=data[:1])
        path = f"customers/{customer}/tax_ids"
        german = world.post(path, type="eu_vat", value="DE123456789")
        assert german["id"].startswith("txi_")
        assert (german["country"], german["customer"]) == ("DE", customer)
        assert german["owner"] == {"customer": customer, "type": "customer"}
        listed = world.get(path)["data"]
        assert [each["value"] for each in listed] == ["DE123456789", "12-3456789", "HU12345678"]
        assert [each["country"] for each in listed] == ["DE", "US", "HU"]
        assert world.get(path, limit=1)["has_more"]
        expanded = world.get(f"customers/{customer}", expand=["tax_ids"])["tax_ids"]
        assert (expanded["object"], expanded["data"]) == ("list", listed)
        assert world.get(f"{path}/{german['id']}") == german
        assert (
            world.get(f"tax_ids/{german['id']}", expand=["customer"])["customer"]["id"] == customer
        )

    in_world(scenario)


@pytest.mark.parametrize(
    ("type", "value", "status"),
    [
        ("eu_vat", "DE123456789", "verified"),
        ("eu_vat", "DE 111 111 111", "unverified"),
        ("gb_vat", "GB222222222", "pending"),
        ("us_ein", "12-3456789", "unavailable"),
    ],
)
def test_a_tax_id_is_verified_some_time_later(type: str, value: str, status: str) -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", name="Ada")["id"]
        made = world.post(f"customers/{customer}/tax_ids", type=type, value=value)
        assert made["value"] == value
        first = "unavailable" if status == "unavailable" else "pending"
        assert made["verification"]["status"] == first
        await world.clock.sleep(DAY)
        verification = world.get(f"tax_ids/{made['id']}")["verification"]
        assert verification["status"] == status
        assert verification["verified_name"] == ("Ada" if status == "verified" else None)
        await world.peer.settled()
        told = world.hook.types("customer.tax_id")
        updated = ["customer.tax_id.updated"] if status != first else []
        assert told == ["customer.tax_id.created", *updated]
        if updated:
            previous = world.hook.events[-1]["data"]["previous_attributes"]
            assert previous["verification"]["status"] == "pending"

    in_world(scenario)


def test_a_deleted_tax_id_is_gone_and_stays_so() -> None:
    async def scenario(world: World) -> None:
        ada, bob = (world.post("customers")["id"] for _ in range(2))
        made = world.post(f"customers/{ada}/tax_ids", type="eu_vat", value="DE123456789")["id"]
        status, _ = await answer(world, "DELETE", f"/v1/customers/{bob}/tax_ids/{made}")
        assert status == 404
        status, gone = await answer(world, "DELETE", f"/v1/customers/{ada}/tax_ids/{made}")
        assert (status, gone) == (200, {"id": made, "object": "tax_id", "deleted": True})
        assert world.get(f"customers/{ada}/tax_ids")["data"] == []
        with pytest.raises(ApiError, match="No such tax_id"):
            world.get(f"tax_ids/{made}")
        await world.clock.sleep(DAY)
        await world.peer.settled()
        assert world.hook.types("customer.tax_id") == [
            "customer.tax_id.created",
            "customer.tax_id.deleted",
        ]
        assert world.hook.events[-1]["data"]["object"]["value"] == "DE123456789"

    in_world(scenario)


def test_a_deleted_customer_takes_the_tax_ids_along() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")["id"]
        world.post(f"customers/{customer}/tax_ids", type="eu_vat", value="DE123456789")
        await answer(world, "DELETE", f"/v1/customers/{customer}")
        assert world.peer.objects("tax_id") == []
        refused = world.refused(f"customers/{customer}/tax_ids", type="us_ein", value="1")
        assert refused["code"] == "resource_missing"
        with pytest.raises(ApiError, match="No such customer"):
            world.get(f"customers/{customer}/tax_ids")

    in_world(scenario)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "parameter_missing"),
        ({"type": "eu_vat"}, "parameter_missing"),
        ({"type": "eu_vat", "value": ""}, "parameter_missing"),
        ({"type": "eu_vat", "value": "US123456789"}, "tax_id_invalid"),
        ({"type": "eu_vat", "value": "DE12"}, "tax_id_invalid"),
        ({"type": "gb_vat", "value": "GB12"}, "tax_id_invalid"),
        ({"type": "au_abn", "value": "ABN"}, "tax_id_invalid"),
        ({"type": "unknown", "value": "1"}, None),
        ({"type": "us_ein", "value": "1" * 51}, None),
        ({"type": "us_ein", "value": "1", "country": "US"}, "parameter_unknown"),
    ],
)
def test_a_wrong_tax_id_is_refused(given: dict[str, Any], code: str | None) -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")["id"]
        error = world.refused(f"customers/{customer}/tax_ids", **given)
        assert error["status"] == 400
        assert code is None or error["code"] == code
        assert world.peer.objects("tax_id") == []

    in_world(scenario)


def test_the_types_of_tax_ids_are_those_of_the_sdk() -> None:
    import re
    from pathlib import Path

    from stripe.params import _customer_create_tax_id_params as params

    text = Path(str(params.__file__)).read_text(encoding="utf-8")
    assert tuple(re.findall(r'^ +"([a-z_]+)",$', text, re.MULTILINE)) == TYPES
