"""The HTTP face of the Stripe peer: keys, parameters, errors, lists, expansion, idempotency."""

import base64
import inspect
import random
import re
from typing import Any

import httpx
import pytest
import stripe

from local.stripe import API_VERSION, ApiError, Faults
from shared.clients.stripe.http import HttpxTransport
from tests.contract.test_stripe_peer_rig import CARD, DAY, KEY, Json, World, in_world


async def answer(world: World, method: str, path: str, **kwargs: Any) -> tuple[int, Json]:
    response = await world.http.request(method, path, **kwargs)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["request-id"].startswith("req_")
    body: Json = response.json()
    return response.status_code, body.get("error", body)


# --- keys and routes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"bearer {KEY}", 200),
        ("Basic " + base64.b64encode(f"{KEY}:".encode()).decode(), 200),
        ("Basic " + base64.b64encode(f"{KEY}:any".encode()).decode(), 200),
        ("Basic not-base64!", 401),
        ("Basic " + base64.b64encode(b"\xff\xfe").decode(), 401),
        ("Bearer sk_test_of_somebody_else", 401),
        ("Bearer short", 401),
        ("Bearer", 401),
        ("Digest abc", 401),
        ("", 401),
    ],
)
def test_only_the_api_key_opens(header: str, status: int) -> None:
    async def scenario(world: World) -> None:
        headers = {"Authorization": header}
        got, error = await answer(world, "GET", "/v1/balance", headers=headers)
        assert got == status
        if status == 401:
            assert error["type"] == "invalid_request_error"
            assert "somebody" not in error["message"]

    in_world(scenario)


def test_a_key_of_another_account_is_refused() -> None:
    async def scenario(world: World) -> None:
        headers = {"Stripe-Account": "acct_other"}
        status, error = await answer(world, "GET", "/v1/balance", headers=headers)
        assert (status, error["code"]) == (403, "account_invalid")

    in_world(scenario)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v1/"),
        ("GET", "/"),
        ("GET", "/v2/core/events"),
        ("GET", "/v1/customers/"),
        ("GET", "/v1/customers//sources"),
        ("PUT", "/v1/customers"),
        ("DELETE", "/v1/charges/ch_1"),
        ("POST", "/v1/payouts/po_1/reverse"),
        ("GET", "/v1/customers/search"),
    ],
)
def test_unknown_requests_are_404(method: str, path: str) -> None:
    async def scenario(world: World) -> None:
        status, error = await answer(world, method, path)
        assert status == 404
        if path != "/v1/customers/search":
            assert error["message"].startswith(f"Unrecognized request URL ({method}: {path}).")

    in_world(scenario)


def test_a_type_that_is_only_kept_refuses_every_act_by_name() -> None:
    async def scenario(world: World) -> None:
        for method, path in (
            ("POST", "/v1/invoices"),
            ("GET", "/v1/invoices"),
            ("POST", "/v1/invoices/in_1/pay"),
            ("POST", "/v1/checkout/sessions"),
        ):
            status, error = await answer(world, method, path)
            assert status == 404
            assert "supports no other request" in error["message"]
        status, error = await answer(world, "GET", "/v1/invoices/in_1")
        assert (status, error["code"]) == (404, "resource_missing")

    in_world(scenario)


@pytest.mark.parametrize(
    ("path", "noun"),
    [
        ("customers/cus_1", "customer"),
        ("charges/ch_1", "charge"),
        ("payment_intents/pi_1", "payment_intent"),
        ("refunds/re_1", "refund"),
        ("disputes/du_1", "dispute"),
        ("payouts/po_1", "payout"),
        ("events/evt_1", "event"),
        ("balance_transactions/txn_1", "balance_transaction"),
        ("payment_methods/pm_1", "payment_method"),
    ],
)
def test_a_missing_object_is_resource_missing(path: str, noun: str) -> None:
    async def scenario(world: World) -> None:
        status, error = await answer(world, "GET", f"/v1/{path}")
        assert status == 404
        assert error["code"] == "resource_missing"
        assert error["type"] == "invalid_request_error"
        assert error["message"] == f"No such {noun}: '{path.split('/')[1]}'"

    in_world(scenario)


def test_an_id_of_another_type_is_missing_too() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")
        status, error = await answer(world, "GET", f"/v1/charges/{customer['id']}")
        assert (status, error["code"]) == (404, "resource_missing")
        bad = world.refused("payment_intents", **(CARD | {"customer": "cus_none"}))
        assert (bad["status"], bad["code"], bad["param"]) == (400, "resource_missing", "customer")

    in_world(scenario)


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
        for wrong, code in (
            ({"type": "card", "card": {"number": "4111"}}, "incorrect_number"),
            ({"type": "sepa_debit", "sepa_debit": {"iban": "DE00"}}, "invalid_bank_account_iban"),
        ):
            assert world.refused("payment_methods", **wrong)["code"] == code
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


# --- lists ----------------------------------------------------------------------------------


def test_paging_is_complete_without_repeats_in_both_directions() -> None:
    async def scenario(world: World) -> None:
        chance = random.Random(3)
        for _ in range(57):
            world.post("customers")
            await world.clock.sleep(chance.choice([0, 0, 1]))
        everything = [customer["id"] for customer in world.peer.objects("customer")][::-1]
        for limit in (1, 7, 10, 57, 100):
            found: list[str] = []
            page = world.get("customers", limit=limit)
            while True:
                found += [customer["id"] for customer in page["data"]]
                assert page["has_more"] == (len(found) < 57)
                if not page["has_more"]:
                    break
                page = world.get("customers", limit=limit, starting_after=found[-1])
            assert found == everything
        page = world.get("customers", limit=10, ending_before=everything[30])
        assert [customer["id"] for customer in page["data"]] == everything[20:30]
        assert page["has_more"] is True
        assert len(world.get("customers")["data"]) == 10
        assert world.get("customers")["url"] == "/v1/customers"

    in_world(scenario)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 101}, "less than or equal to 100"),
        ({"limit": "ten"}, "Invalid integer: ten"),
        ({"starting_after": "cus_none"}, "No such customer: 'cus_none'"),
        ({"starting_after": "cus_a", "ending_before": "cus_b"}, "only specify one"),
        ({"created": {"after": 1}}, "Received unknown parameter: created[after]"),
        ({"created": {"gte": "soon"}}, "Invalid integer: soon"),
        ({"created": [1, 2]}, "Invalid integer"),
    ],
)
def test_a_wrong_list_request_is_refused(params: Json, message: str) -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(ApiError, match=re.escape(message)) as caught:
            world.get("customers", **params)
        assert caught.value.status == 400

    in_world(scenario)


def test_lists_are_filtered_by_what_stripe_filters_by() -> None:
    async def scenario(world: World) -> None:
        start = int(world.clock.now().timestamp())
        jenny = world.post("customers", email="jenny@example.com")["id"]
        paid = world.pay(customer=jenny, capture_method="automatic")
        await world.clock.sleep(100)
        world.pay(currency="eur", capture_method="automatic")
        world.post("refunds", payment_intent=paid["id"], amount=1)
        charge = paid["latest_charge"]

        def ids(path: str, **params: Any) -> int:
            return len(world.get(path, **params)["data"])

        assert ids("customers", email="jenny@example.com") == 1
        assert ids("customers", email="x@example.com") == 0
        assert ids("charges", customer=jenny) == 1
        assert ids("charges", payment_intent=paid["id"]) == 1
        assert ids("payment_intents", customer=jenny) == 1
        assert ids("refunds", charge=charge) == 1
        assert ids("balance_transactions", source=charge) == 1
        assert ids("balance_transactions", type="charge") == 2
        assert ids("balance_transactions", type="charge", currency="eur") == 1
        assert ids("balance_transactions", created={"gte": start + 1}) == 2
        assert ids("balance_transactions", created={"gt": start, "lt": start + 100}) == 0
        assert ids("balance_transactions", created={"lte": start}) == 1
        assert ids("balance_transactions", created=start) == 1
        assert ids("events", type="charge.succeeded") == 2
        assert ids("events", type="charge.*") == 3
        assert ids("events", types=["customer.created", "refund.created"]) == 2
        with pytest.raises(ApiError, match="one of these parameters: type, types"):
            ids("events", types=["customer.created"], type="charge.succeeded")
        with pytest.raises(ApiError, match="at most 20 types"):
            ids("events", types=["charge.succeeded"] * 21)

    in_world(scenario)


def test_events_older_than_thirty_days_are_not_listed() -> None:
    async def scenario(world: World) -> None:
        world.post("customers")
        await world.clock.sleep(29 * DAY)
        assert len(world.get("events")["data"]) == 1
        await world.clock.sleep(2 * DAY)
        assert world.get("events")["data"] == []

    in_world(scenario)


def test_young_transactions_can_be_missing_from_lists_but_not_from_retrieval() -> None:
    async def scenario(world: World) -> None:
        charge = world.charge_of(world.pay(capture_method="automatic"))
        assert world.txns() == []
        assert world.get("events")["data"] == []
        assert world.get(f"balance_transactions/{charge['balance_transaction']}")["net"] == 9_680
        await world.clock.sleep(31)
        assert len(world.txns()) == 1

    in_world(scenario, faults=Faults(stale_list_seconds=30))


# --- expansion ------------------------------------------------------------------------------


def test_expansion_puts_objects_in_place_of_ids() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")["id"]
        intent = world.pay(customer=customer, capture_method="automatic")
        world.post("refunds", payment_intent=intent["id"], amount=5)
        expanded = world.get(
            f"payment_intents/{intent['id']}",
            expand=["latest_charge.balance_transaction", "latest_charge.refunds", "customer"],
        )
        charge = expanded["latest_charge"]
        assert charge["balance_transaction"]["net"] == 9_680
        assert charge["refunds"]["data"][0]["amount"] == 5
        assert expanded["customer"]["id"] == customer
        rows = world.get("balance_transactions", expand=["data.source", "data.source.charge"])
        assert [row["source"]["object"] for row in rows["data"]] == ["refund", "charge"]
        assert rows["data"][0]["source"]["charge"]["id"] == charge["id"]
        listed = world.get("charges", expand=["data.balance_transaction"])
        assert listed["data"][0]["balance_transaction"]["object"] == "balance_transaction"
        # Nothing of this sticks.
        assert world.get(f"payment_intents/{intent['id']}")["customer"] == customer
        assert "refunds" not in world.charge_of(intent)

    in_world(scenario)


def test_null_expands_to_null() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        path = f"charges/{intent['latest_charge']}"
        charge = world.get(path, expand=["balance_transaction", "customer"])
        assert (charge["balance_transaction"], charge["customer"]) == (None, None)

    in_world(scenario)


@pytest.mark.parametrize(
    "path",
    [
        "amount",
        "nothing",
        "balance_transaction.amount",
        "data.balance_transaction",
        "customer.x",
        "",
    ],
)
def test_what_cannot_be_expanded_is_refused(path: str) -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        url = f"/v1/charges/{intent['latest_charge']}"
        status, error = await answer(world, "GET", url, params={"expand[]": path})
        assert status == 400
        assert error["message"] == f"This property cannot be expanded ({path})."

    in_world(scenario)


@pytest.mark.parametrize("path", ["balance_transaction", "data", "data.amount"])
def test_lists_expand_below_data_only(path: str) -> None:
    async def scenario(world: World) -> None:
        world.pay()
        with pytest.raises(ApiError, match="cannot be expanded"):
            world.get("charges", expand=[path])
        with pytest.raises(ApiError, match="more than 4 levels"):
            world.get("charges", expand=["data" + ".payment_intent.latest_charge" * 3])

    in_world(scenario)


# --- idempotency ----------------------------------------------------------------------------


async def keyed(world: World, path: str, key: str, **data: Any) -> httpx.Response:
    return await world.http.post(path, data=data, headers={"Idempotency-Key": key})


def test_an_idempotency_key_replays_the_same_answer() -> None:
    async def scenario(world: World) -> None:
        first = await keyed(world, "/v1/customers", "k1", name="Jenny")
        second = await keyed(world, "/v1/customers", "k1", name="Jenny")
        other = await keyed(world, "/v1/customers", "k2", name="Jenny")
        assert first.content == second.content != other.content
        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"
        assert len(world.peer.objects("customer")) == 2
        await world.peer.settled()
        assert world.hook.events[0]["request"]["idempotency_key"] == "k1"

    in_world(scenario)


def test_a_key_with_other_parameters_or_another_path_is_an_error() -> None:
    async def scenario(world: World) -> None:
        await keyed(world, "/v1/customers", "k", name="Jenny")
        for path, name in (("/v1/customers", "Other"), ("/v1/payment_methods", "Jenny")):
            response = await keyed(world, path, "k", name=name)
            assert response.status_code == 400
            assert response.json()["error"]["type"] == "idempotency_error"
        long = await keyed(world, "/v1/customers", "k" * 256)
        assert long.json()["error"]["type"] == "idempotency_error"
        assert len(world.peer.objects("customer")) == 1

    in_world(scenario)


def test_a_refusal_replays_too_and_a_key_is_forgotten_after_a_day() -> None:
    async def scenario(world: World) -> None:
        params = {"amount": "100", "currency": "usd", "confirm": "true"}
        declined = params | {"payment_method": "pm_card_chargeDeclined"}
        one = await keyed(world, "/v1/payment_intents", "k", **declined)
        two = await keyed(world, "/v1/payment_intents", "k", **declined)
        assert (one.status_code, two.status_code) == (402, 402)
        assert one.content == two.content
        await world.clock.sleep(DAY + 1)
        await keyed(world, "/v1/payment_intents", "k", **declined)
        assert len(world.peer.objects("payment_intent")) == 2

    in_world(scenario)


# --- faults ---------------------------------------------------------------------------------


def test_faults_refuse_in_stripes_shape_and_do_nothing() -> None:
    async def scenario(world: World) -> None:
        world.peer.set_faults(Faults(rate_limit=1))
        response = await world.http.post("/v1/customers")
        assert response.status_code == 429
        assert response.headers["stripe-rate-limited-reason"] == "endpoint-rate"
        assert response.json()["error"]["code"] == "rate_limit"
        world.peer.set_faults(Faults(server_error=1))
        response = await world.http.post("/v1/customers")
        assert (response.status_code, response.json()["error"]["type"]) == (500, "api_error")
        assert world.peer.objects("customer") == []

    in_world(scenario)


def test_a_time_out_comes_after_the_deed() -> None:
    async def scenario(world: World) -> None:
        before = world.clock.now()
        first = await keyed(world, "/v1/customers", "k")
        assert first.status_code == 504
        assert (world.clock.now() - before).total_seconds() >= 90
        assert len(world.peer.objects("customer")) == 1
        world.peer.set_faults(Faults())
        assert (await keyed(world, "/v1/customers", "k")).status_code == 200
        assert len(world.peer.objects("customer")) == 1

    in_world(scenario, faults=Faults(timeout=1))


def test_latency_takes_time() -> None:
    async def scenario(world: World) -> None:
        before = world.clock.now()
        for _ in range(20):
            await world.http.get("/v1/balance")
        seconds = (world.clock.now() - before).total_seconds()
        assert 0.5 < seconds < 4
        assert world.peer.requests == {"GET /v1/balance": 20}

    in_world(scenario, faults=Faults(latency_seconds=0.2))


# --- the SDK --------------------------------------------------------------------------------


def _sdk(world: World) -> stripe.StripeClient:
    http = httpx.AsyncClient(transport=httpx.ASGITransport(world.peer.asgi))
    return stripe.StripeClient(
        KEY,
        http_client=HttpxTransport(http, world.clock),
        base_addresses={"api": "http://stripe"},
        max_network_retries=2,
    )


def test_the_official_sdk_understands_the_peer() -> None:
    async def scenario(world: World) -> None:
        client = _sdk(world)
        customer = await client.v1.customers.create_async({"name": "Jenny", "metadata": {"a": "b"}})
        for amount in range(100, 125):
            intent = await client.v1.payment_intents.create_async(
                {
                    "amount": amount,
                    "currency": "usd",
                    "customer": customer.id,
                    "payment_method": "pm_card_visa",
                    "confirm": True,
                    "expand": ["latest_charge"],
                }
            )
            assert isinstance(intent.latest_charge, stripe.Charge)
        await world.clock.sleep(61)
        listed = await client.v1.balance_transactions.list_async(
            {"limit": 10, "expand": ["data.source"], "created": {"gte": 0}}
        )
        found = [txn async for txn in listed.auto_paging_iter()]
        assert len(found) == 25
        assert all(isinstance(txn.source, stripe.Charge) for txn in found)
        refund = await client.v1.refunds.create_async({"payment_intent": intent.id})
        assert refund.status == "succeeded"
        with pytest.raises(stripe.InvalidRequestError) as missing:
            await client.v1.charges.retrieve_async("ch_none")
        assert (missing.value.code, missing.value.http_status) == ("resource_missing", 404)
        with pytest.raises(stripe.CardError):
            await client.v1.payment_intents.create_async(
                {
                    "amount": 100,
                    "currency": "usd",
                    "payment_method": "pm_card_chargeDeclined",
                    "confirm": True,
                }
            )
        world.peer.set_faults(Faults(rate_limit=1))
        with pytest.raises(stripe.RateLimitError):
            await client.v1.balance.retrieve_async()

    in_world(scenario)


REQUIRED_OF_EVENT = (
    "id",
    "object",
    "api_version",
    "created",
    "data",
    "livemode",
    "type",
    "request",
)


def _promised(cls: type[stripe.StripeObject]) -> list[str]:
    """Members the SDK types as never null: they must always be there."""
    hints = inspect.get_annotations(cls)
    return [name for name, hint in hints.items() if "None" not in str(hint) and name.islower()]


def test_objects_have_every_member_the_sdk_promises() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")
        world.pay(payment_method="pm_card_bypassPending")
        payout = world.post("payouts", amount=100, currency="usd")
        intent = world.pay(customer=customer["id"], payment_method="pm_card_createDispute")
        refund = world.post("refunds", payment_intent=world.pay()["id"])
        await world.clock.sleep(61)
        samples = (
            (stripe.Customer, customer),
            (stripe.PaymentIntent, intent),
            (stripe.PaymentMethod, world.get(f"payment_methods/{intent['payment_method']}")),
            (stripe.Charge, world.charge_of(intent)),
            (stripe.Refund, refund),
            (stripe.Dispute, world.get("disputes")["data"][0]),
            (stripe.Payout, payout),
            (stripe.Balance, world.get("balance")),
            (stripe.BalanceTransaction, world.txns()[0]),
            (stripe.Event, world.get("events")["data"][0]),
        )
        for cls, sample in samples:
            promised = _promised(cls)
            assert len(promised) >= 4, cls
            assert [name for name in promised if name not in sample] == [], cls
        event = world.get("events")["data"][0]
        assert all(name in event for name in REQUIRED_OF_EVENT)
        assert event["api_version"] == API_VERSION

    in_world(scenario)


def test_a_request_over_a_lifespan_and_a_websocket() -> None:
    async def scenario(world: World) -> None:
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await world.peer.asgi({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        with pytest.raises(NotImplementedError):
            await world.peer.asgi({"type": "websocket"}, receive, send)

    in_world(scenario)


def test_a_body_beyond_the_limit_is_413() -> None:
    async def scenario(world: World) -> None:
        response = await world.http.post("/v1/customers", content=b"a" * (32 * 1024 * 1024 + 1))
        assert response.status_code == 413

    in_world(scenario)
