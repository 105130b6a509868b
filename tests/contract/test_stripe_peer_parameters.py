"""Parameters, metadata and payment methods of the Stripe peer."""

import pytest

from tests.contract.test_stripe_peer_rig import CARD, World, answer, in_world

# --- parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ("currency=usd", "amount", "parameter_missing"),
        ("amount=&currency=usd", "amount", "parameter_missing"),
        ("amount=10.5&currency=usd", "amount", "parameter_invalid_integer"),
        ("amount=0&currency=usd", "amount", "parameter_invalid_integer"),
        ("amount=-1&currency=usd", "amount", "parameter_invalid_integer"),
        ("amount=99999999999999&currency=usd", "amount", "parameter_invalid_integer"),
        ("amount=%D9%A1&currency=usd", "amount", "parameter_invalid_integer"),
        ("amount[a]=1&currency=usd", "amount", "parameter_invalid_integer"),
        ("amount=1&currency=xxx", "currency", None),
        ("amount=1&currency=usd&confirm=yes", "confirm", None),
        ("amount=1&currency=usd&capture_method=later", "capture_method", None),
        ("amount=1&currency=usd&metadata=x", "metadata", None),
        ("amount=1&currency=usd&metadata[a][b]=x", "metadata", None),
        ("amount=1&currency=usd&nonsense=1", "nonsense", "parameter_unknown"),
        ("amount=1&currency=usd&transfer_data[destination]=acct_1", "transfer_data", None),
        ("amount=1&currency=usd&a=1&a[b]=2", "a[b]", None),
        ("amount=1&currency=usd&a[b]=2&a=1", "a", None),
        ("amount=1&currency=usd&a[b=2", "a[b", None),
        ("amount=1&currency=usd&a" + "[b]" * 20 + "=2", None, None),
    ],
)
def test_a_wrong_parameter_is_named(body: str, param: str | None, code: str | None) -> None:
    async def scenario(world: World) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, error = await answer(
            world, "POST", "/v1/payment_intents", content=body, headers=headers
        )
        assert status == 400
        assert error["type"] == "invalid_request_error"
        if param is not None:
            assert error["param"] == param
        if code is not None:
            assert error["code"] == code
        assert world.peer.objects("payment_intent") == []

    in_world(scenario)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"name": "x"}', "application/json"),
        (b"name=\xff\xfe", "application/x-www-form-urlencoded"),
        (b"name=%FF%FE", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(2_000)), "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_is_refused(content: bytes, content_type: str) -> None:
    async def scenario(world: World) -> None:
        headers = {"Content-Type": content_type}
        status, error = await answer(
            world, "POST", "/v1/customers", content=content, headers=headers
        )
        assert status == 400
        assert "Invalid request" in error["message"]

    in_world(scenario)


def test_unknown_parameters_are_refused_on_lists_and_named_together() -> None:
    async def scenario(world: World) -> None:
        status, error = await answer(world, "GET", "/v1/charges?color=red&size=2")
        assert (status, error["code"]) == (400, "parameter_unknown")
        assert error["message"] == "Received unknown parameters: color, size"

    in_world(scenario)


def test_payment_method_types_are_taken_and_ignored() -> None:
    async def scenario(world: World) -> None:
        body = "amount=100&currency=usd&payment_method_types[]=card"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, intent = await answer(
            world, "POST", "/v1/payment_intents", content=body, headers=headers
        )
        assert (status, intent["payment_method_types"]) == (200, ["card"])

    in_world(scenario)


def test_metadata_is_merged_and_an_empty_value_removes_its_key() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", metadata={"a": "1", "b": "2"}, email="a@b.example")
        path = f"customers/{customer['id']}"
        changed = world.post(path, metadata={"a": "", "c": "3"})
        assert changed["metadata"] == {"b": "2", "c": "3"}
        assert world.post(path, metadata="")["metadata"] == {}
        assert world.post(path, email=None)["email"] is None
        before = len(world.peer.objects("event"))
        world.post(path, metadata={})
        assert len(world.peer.objects("event")) == before  # nothing changed, nothing announced
        long = world.refused(path, metadata={"k" * 41: "v"})
        assert "40 characters" in long["message"]
        many = world.refused(path, metadata={f"k{n}": "v" for n in range(51)})
        assert "at most 50" in many["message"]

    in_world(scenario)


def test_updates_tell_what_was_before() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", name="Old", description="same")
        world.post(f"customers/{customer['id']}", name="New", description="same")
        await world.peer.settled()
        created, updated = world.hook.events
        assert created["data"]["object"]["name"] == "Old"
        assert "previous_attributes" not in created["data"]
        assert updated["data"]["object"]["name"] == "New"
        assert updated["data"]["previous_attributes"] == {"name": "Old"}

    in_world(scenario)


def test_a_deleted_customer_is_shown_as_deleted_and_takes_no_changes() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers", name="Jenny")
        status, gone = await answer(world, "DELETE", f"/v1/customers/{customer['id']}")
        stub = {"id": customer["id"], "object": "customer", "deleted": True}
        assert (status, gone) == (200, stub)
        assert world.get(f"customers/{customer['id']}") == stub
        assert world.get("customers")["data"] == []
        assert world.refused(f"customers/{customer['id']}", name="x")["code"] == "resource_missing"
        refused = world.refused("payment_intents", **(CARD | {"customer": customer["id"]}))
        assert refused["code"] == "resource_missing"
        await world.peer.settled()
        assert world.hook.events[-1]["data"]["object"]["name"] == "Jenny"

    in_world(scenario)


# --- payment methods ------------------------------------------------------------------------


def test_payment_methods_are_made_from_tokens_numbers_and_ibans() -> None:
    async def scenario(world: World) -> None:
        card = world.post("payment_methods", type="card", card={"token": "tok_mastercard"})
        assert card["card"]["brand"] == "mastercard"
        amex = world.post(
            "payment_methods",
            type="card",
            card={"number": "378282246310005", "exp_month": 1, "exp_year": 2030, "cvc": "123"},
        )
        assert amex["card"]["display_brand"] == "american_express"
        iban = {"iban": "DE89 3704 0044 0532 0130 00"}
        sepa = world.post("payment_methods", type="sepa_debit", sepa_debit=iban)
        assert sepa["sepa_debit"]["last4"] == "3000"
        late = {"iban": "AT321904300235473204"}  # of `stripe trigger payment_intent.processing`
        made = world.post("payment_methods", type="sepa_debit", sepa_debit=late)
        paid = {"payment_method": made["id"], "payment_method_types": ["sepa_debit"]}
        intent = world.post("payment_intents", amount=1000, currency="eur", confirm=True, **paid)
        assert intent["status"] == "processing"
        for wrong, code in (
            ({"type": "card", "card": {"number": "4111"}}, "incorrect_number"),
            ({"type": "sepa_debit", "sepa_debit": {"iban": "DE00"}}, "invalid_bank_account_iban"),
        ):
            found = world.refused("payment_methods", **wrong)
            assert found["code"] == code
            assert found["param"] in ("card[number]", "sepa_debit[iban]")
        assert "not twint" in world.refused("payment_methods", type="twint")["message"]
        assert world.refused("payment_methods")["code"] == "parameter_missing"

    in_world(scenario)


def test_attaching_makes_a_method_of_a_customer() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")["id"]
        attach = "payment_methods/pm_card_chargeCustomerFail/attach"
        method = world.post(attach, customer=customer)
        assert method["customer"] == customer
        assert world.get("payment_methods", customer=customer)["data"] == [method]
        declined = world.refused("payment_intents", **(CARD | {"payment_method": method["id"]}))
        assert declined["code"] == "card_declined"
        attach = "payment_methods/pm_card_chargeDeclined/attach"
        assert world.refused(attach, customer=customer)["status"] == 402
        again = world.refused(f"payment_methods/{method['id']}/attach", customer=customer)
        assert "already been attached" in again["message"]
        assert world.post(f"payment_methods/{method['id']}/detach")["customer"] is None
        assert world.refused(f"payment_methods/{method['id']}/detach")["status"] == 400
        none = world.refused("payment_methods/pm_none/attach", customer=customer)
        assert none["code"] == "resource_missing"

    in_world(scenario)
