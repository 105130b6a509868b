"""Keys and routes of the Stripe peer, and what it refuses by name."""

import base64

import pytest

from tests.contract.test_stripe_peer_rig import CARD, KEY, World, answer, in_world

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
