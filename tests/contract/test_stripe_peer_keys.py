"""Keys and routes of the Stripe peer, and what it refuses by name."""

import base64

import pytest

from local.stripe import RestrictedKey
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


def test_a_key_that_was_withdrawn_opens_no_more() -> None:
    async def scenario(world: World) -> None:
        headers = {"Authorization": "Bearer rk_test_old"}
        world.peer.issue_key(RestrictedKey("rk_test_old"))
        assert (await answer(world, "GET", "/v1/balance", headers=headers))[0] == 200
        world.peer.withdraw_key("rk_test_old")
        assert (await answer(world, "GET", "/v1/balance", headers=headers))[0] == 401
        assert (await answer(world, "GET", "/v1/balance"))[0] == 200
        with pytest.raises(KeyError):
            world.peer.withdraw_key("rk_test_old")

    in_world(scenario)


def test_a_key_of_another_account_is_refused() -> None:
    async def scenario(world: World) -> None:
        headers = {"Stripe-Account": "acct_other"}
        status, error = await answer(world, "GET", "/v1/balance", headers=headers)
        assert (status, error["code"]) == (403, "account_invalid")

    in_world(scenario)


def test_a_key_shows_its_own_account_and_no_other() -> None:
    async def scenario(world: World) -> None:
        own, found = await answer(world, "GET", "/v1/accounts/acct_1TieoutLocal0000")
        other, error = await answer(world, "GET", "/v1/accounts/acct_other")
        assert (own, found["id"], found["object"]) == (200, "acct_1TieoutLocal0000", "account")
        assert (other, error["code"]) == (404, "resource_missing")

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
            ("POST", "/v1/quotes"),
            ("GET", "/v1/quotes"),
            ("POST", "/v1/quotes/qt_1/accept"),
            ("POST", "/v1/promotion_codes"),
        ):
            status, error = await answer(world, method, path)
            assert status == 404
            assert "supports no other request" in error["message"]
        status, error = await answer(world, "GET", "/v1/quotes/qt_1")
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
        ("products/prod_1", "product"),
        ("prices/price_1", "price"),
        ("coupons/none", "coupon"),
        ("tax_rates/txr_1", "tax_rate"),
        ("shipping_rates/shr_1", "shipping_rate"),
        ("checkout/sessions/cs_1", "checkout.session"),
        ("invoice_payments/inpay_1", "invoice_payment"),
    ],
)
def test_a_missing_object_is_resource_missing(path: str, noun: str) -> None:
    async def scenario(world: World) -> None:
        status, error = await answer(world, "GET", f"/v1/{path}")
        assert status == 404
        assert error["code"] == "resource_missing"
        assert error["type"] == "invalid_request_error"
        assert error["message"] == f"No such {noun}: '{path.rpartition('/')[2]}'"

    in_world(scenario)


def test_an_id_of_another_type_is_missing_too() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")
        status, error = await answer(world, "GET", f"/v1/charges/{customer['id']}")
        assert (status, error["code"]) == (404, "resource_missing")
        bad = world.refused("payment_intents", **(CARD | {"customer": "cus_none"}))
        assert (bad["status"], bad["code"], bad["param"]) == (400, "resource_missing", "customer")

    in_world(scenario)


# --- restricted keys ------------------------------------------------------------------------

READ_ONLY = "rk_test_reads_everything"
BEARER = {"Authorization": f"Bearer {READ_ONLY}"}


def test_a_restricted_key_reads_and_does_not_write() -> None:
    async def scenario(world: World) -> None:
        world.peer.issue_key(RestrictedKey(READ_ONLY))
        customer = world.post("customers")["id"]
        for method, path, permission in (
            ("POST", "/v1/customers", "rak_customer_write"),
            ("POST", f"/v1/customers/{customer}", "rak_customer_write"),
            ("DELETE", f"/v1/customers/{customer}", "rak_customer_write"),
            ("POST", "/v1/payment_intents", "rak_payment_intent_write"),
            ("POST", "/v1/checkout/sessions", "rak_checkout_session_write"),
        ):
            status, error = await answer(world, method, path, headers=BEARER)
            assert (status, error["type"]) == (403, "invalid_request_error")
            assert error["message"].startswith("The provided key 'rk_test_**")
            assert "on account 'acct_1TieoutLocal0000'" in error["message"]
            assert f"Having the '{permission}' permission" in error["message"]
        assert len(world.peer.objects("customer")) == 1
        status, found = await answer(world, "GET", f"/v1/customers/{customer}", headers=BEARER)
        assert (status, found["id"]) == (200, customer)

    in_world(scenario)


@pytest.mark.parametrize(
    ("key", "reads", "writes"),
    [
        (RestrictedKey(READ_ONLY, read=("charge",)), False, False),
        (RestrictedKey(READ_ONLY, read=("customer",)), True, False),
        (RestrictedKey(READ_ONLY, read=(), write=("customer",)), True, True),
        (RestrictedKey(READ_ONLY, read=(), write=("*",)), True, True),
        (RestrictedKey(READ_ONLY, read=(), write=()), False, False),
    ],
)
def test_a_restricted_key_may_do_what_it_names(
    key: RestrictedKey, reads: bool, writes: bool
) -> None:
    async def scenario(world: World) -> None:
        world.peer.issue_key(key)
        read, _ = await answer(world, "GET", "/v1/customers", headers=BEARER)
        written, _ = await answer(world, "POST", "/v1/customers", headers=BEARER)
        assert (read, written) == (200 if reads else 403, 200 if writes else 403)

    in_world(scenario)


def test_a_refused_write_is_not_remembered_for_its_idempotency_key() -> None:
    async def scenario(world: World) -> None:
        world.peer.issue_key(RestrictedKey(READ_ONLY))
        again = {"Idempotency-Key": "once"}
        assert (await answer(world, "POST", "/v1/customers", headers=BEARER | again))[0] == 403
        assert (await answer(world, "POST", "/v1/customers", headers=again))[0] == 200

    in_world(scenario)


def test_a_key_is_issued_once() -> None:
    async def scenario(world: World) -> None:
        world.peer.issue_key(RestrictedKey(READ_ONLY))
        for key in (READ_ONLY, KEY):
            with pytest.raises(ValueError, match="in use already"):
                world.peer.issue_key(RestrictedKey(key))

    in_world(scenario)
