import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pytest
import stripe

from shared.clients.stripe.errors import RETRY_AFTER_SECONDS_MAX
from shared.clients.stripe.gateway import PAUSE_SECONDS, RESOURCES, StripeApi
from shared.errors import (
    CredentialsRefused,
    ObjectMissing,
    Refused,
    Throttled,
    TieoutError,
    Unavailable,
)
from shared.ports import StripeGateway

START = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "sk_test_secret"

type Handler = Callable[[httpx.Request], httpx.Response]


class FakeClock:
    def __init__(self) -> None:
        self.moment = START
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
        self.moment += timedelta(seconds=seconds)


class Peer:
    """Answers every request alike, or by a function, and keeps the requests."""

    def __init__(self, answer: httpx.Response | Handler | Exception) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if isinstance(self.answer, httpx.Response) else self.answer(request)


def api_of(peer: Peer, clock: FakeClock | None = None, **options: Any) -> StripeApi:
    http = httpx.AsyncClient(transport=httpx.MockTransport(peer))
    return StripeApi(KEY, http, clock or FakeClock(), Random(1), **options)


def error_body(**error: object) -> bytes:
    return json.dumps({"error": error}).encode()


async def test_an_object_comes_as_plain_json() -> None:
    sent = {
        "id": "txn_1",
        "object": "balance_transaction",
        "exchange_rate": 1.605,
        "fee_details": [{"amount": 30, "type": "stripe_fee"}],
        "source": None,
        "unit_amount_decimal": "12.5",
    }
    peer = Peer(httpx.Response(200, json=sent))
    got = await api_of(peer).retrieve("balance_transaction", "txn_1")
    assert got == sent
    assert type(got) is dict
    assert type(got["fee_details"][0]) is dict
    assert type(got["unit_amount_decimal"]) is str


async def test_the_request_carries_key_version_and_expansions() -> None:
    peer = Peer(httpx.Response(200, json={"id": "ch_1"}))
    await api_of(peer).retrieve("charge", "ch_1", expand=("balance_transaction", "customer"))
    (request,) = peer.requests
    assert request.method == "GET"
    assert request.url.host == "api.stripe.com"
    assert request.url.path == "/v1/charges/ch_1"
    assert list(request.url.params.multi_items()) == [
        ("expand[0]", "balance_transaction"),
        ("expand[1]", "customer"),
    ]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["stripe-version"] == "2026-10-28.endive"
    assert request.content == b""


async def test_the_base_url_leads_to_a_peer() -> None:
    peer = Peer(httpx.Response(200, json={"object": "balance"}))
    await api_of(peer, base_url="http://127.0.0.1:12111/").balance()
    assert str(peer.requests[0].url) == "http://127.0.0.1:12111/v1/balance"


async def test_no_telemetry_is_collected() -> None:
    peer = Peer(lambda _: httpx.Response(200, json={}, headers={"Request-Id": "req_1"}))
    api = api_of(peer)
    await api.balance()
    await api.balance()
    for request in peer.requests:
        assert "x-stripe-client-telemetry" not in request.headers
        assert "telemetry_id" not in request.headers["x-stripe-client-user-agent"]


async def test_a_page_has_its_objects_and_knows_whether_there_are_more() -> None:
    body = {"object": "list", "data": [{"id": "po_2"}, {"id": "po_1"}], "has_more": True}
    peer = Peer(httpx.Response(200, json=body))
    page = await api_of(peer).page(
        "payout", {"limit": 2, "created[gte]": 1_700_000_000, "starting_after": "po_3"}
    )
    assert page.data == ({"id": "po_2"}, {"id": "po_1"})
    assert page.has_more
    assert peer.requests[0].url.path == "/v1/payouts"
    assert dict(peer.requests[0].url.params) == {
        "limit": "2",
        "created[gte]": "1700000000",
        "starting_after": "po_3",
    }


async def test_a_parameter_is_never_taken_for_an_option_of_the_sdk() -> None:
    peer = Peer(httpx.Response(200, json={"data": [], "has_more": False}))
    await api_of(peer).page("event", {"headers": "x", "api_key": "other", "base": "files"})
    assert dict(peer.requests[0].url.params) == {
        "headers": "x",
        "api_key": "other",
        "base": "files",
    }
    assert peer.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("body", [{}, {"data": {}, "has_more": False}, {"data": []}, {"id": "x"}])
async def test_a_page_that_is_no_list_is_no_answer(body: dict[str, object]) -> None:
    with pytest.raises(Unavailable, match="is not a list"):
        await api_of(Peer(httpx.Response(200, json=body))).page("payout")


async def test_a_deleted_customer_comes_as_stripe_sends_it() -> None:
    peer = Peer(httpx.Response(200, json={"id": "cus_1", "deleted": True}))
    assert (await api_of(peer).retrieve("customer", "cus_1"))["deleted"] is True


@pytest.mark.parametrize("entity", RESOURCES)
async def test_every_entity_has_its_path(entity: str) -> None:
    peer = Peer(httpx.Response(200, json={"id": "x_1"}))
    await api_of(peer).retrieve(entity, "x_1")
    assert peer.requests[0].url.path == f"{RESOURCES[entity]}/x_1"


async def test_an_unknown_entity_is_refused_before_anything_is_sent() -> None:
    peer = Peer(httpx.Response(200, json={}))
    for queries_of in (api_of(peer).retrieve("banana", "b_1"), api_of(peer).page("banana")):
        with pytest.raises(Refused, match="no path is known for the entity 'banana'"):
            await queries_of
    assert peer.requests == []


@pytest.mark.parametrize(
    "id_", ["", "..", ".", "../balance", "a/b", "a?b", "a#b", "a b", "a%2e", "é", "a\n", "x" * 256]
)
async def test_an_id_of_odd_characters_is_refused_before_anything_is_sent(id_: str) -> None:
    peer = Peer(httpx.Response(200, json={}))
    with pytest.raises(Refused, match="is not an id of a customer"):
        await api_of(peer).retrieve("customer", id_)
    assert peer.requests == []


@pytest.mark.parametrize(
    ("status", "body", "expected", "text"),
    [
        (400, error_body(code="parameter_unknown", message="Unknown x"), Refused, "unknown: Unkn"),
        (400, error_body(message="Invalid"), Refused, "400: Invalid"),
        (400, error_body(type="idempotency_error", message="Keys"), Refused, "Keys"),
        (400, error_body(code="rate_limit", message="Old"), Throttled, "slow down"),
        (400, error_body(code="resource_missing", message="No"), ObjectMissing, "charge ch_1"),
        (401, error_body(message="Invalid API Key"), CredentialsRefused, "Invalid API Key"),
        (402, error_body(code="card_declined", message="No"), Refused, "card_declined"),
        (403, error_body(message="Not permitted"), CredentialsRefused, "Not permitted"),
        (403, b"<html>firewall</html>", CredentialsRefused, "HTTP 403"),
        (404, error_body(code="resource_missing", message="No"), ObjectMissing, "charge ch_1"),
        (404, error_body(message="Unrecognized request URL"), Refused, "404: Unrecognized"),
        (404, b"<html>nothing here</html>", Refused, "HTTP 404"),
        (302, b"", Refused, "HTTP 302"),
        (408, error_body(message="Slow"), Unavailable, "HTTP 408"),
        (409, error_body(code="lock_timeout", message="Locked"), Unavailable, "Locked"),
        (409, b"{}", Unavailable, "HTTP 409"),
        (429, error_body(code="lock_timeout", message="Locked"), Throttled, "slow down"),
        (429, error_body(message="Too many"), Throttled, "slow down"),
        (500, error_body(type="api_error", message="Oops"), Unavailable, "Oops"),
        (500, error_body(), Unavailable, "no text"),
        (500, b'{"error": "boom"}', Unavailable, "not Stripe's"),
        (500, b"[]", Unavailable, "HTTP 500"),
        (502, b"<html>Bad Gateway</html>", Unavailable, "HTTP 502"),
        (503, b"", Unavailable, "HTTP 503"),
        (503, b"\xff\xfe", Unavailable, "not Stripe's"),
        (200, b"<html>sign in</html>", Unavailable, "HTTP 200"),
        (200, b"\xff", Unavailable, "not Stripe's"),
        (200, b"", Unavailable, "HTTP 200"),
        (200, b'["x"]', Unavailable, "is not an object"),
        (200, b"null", Unavailable, "is not an object"),
        (400, error_body(message="Bro\ud83dken"), Refused, r"400: Bro\?ken"),
    ],
)
async def test_every_bad_answer_has_its_meaning(
    status: int, body: bytes, expected: type[TieoutError], text: str
) -> None:
    peer = Peer(httpx.Response(status, content=body))
    with pytest.raises(expected, match=text) as caught:
        await api_of(peer).retrieve("charge", "ch_1")
    assert type(caught.value) is expected
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("half an answer"),
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
        httpx.PoolTimeout("busy"),
    ],
)
async def test_no_answer_is_unavailable_and_tells_no_key(error: Exception) -> None:
    peer = Peer(error)
    with pytest.raises(Unavailable, match=type(error).__name__) as caught:
        await api_of(peer).retrieve("charge", "ch_1")
    assert KEY not in str(caught.value)
    assert len(peer.requests) == 1


async def test_a_filter_that_names_a_missing_object_says_which() -> None:
    body = error_body(code="resource_missing", message="No such payout", param="payout")
    with pytest.raises(ObjectMissing, match="payout=po_9, limit=100"):
        await api_of(Peer(httpx.Response(404, content=body))).page(
            "balance_transaction", {"payout": "po_9", "limit": 100}
        )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 1),
        ("99999999", RETRY_AFTER_SECONDS_MAX),
        ("Sun, 01 Nov 2026 00:00:30 GMT", 30),
        ("Sun, 01 Nov 2026 00:00:30 -0000", 30),
        ("Sat, 31 Oct 2026 23:00:00 GMT", 1),
        ("soon", None),
        ("nan", None),
        ("inf", None),
    ],
)
async def test_retry_after_is_read_in_both_spellings(
    header: str | None, seconds: float | None
) -> None:
    headers = {} if header is None else {"Retry-After": header}
    peer = Peer(httpx.Response(429, content=error_body(message="Slow"), headers=headers))
    with pytest.raises(Throttled) as caught:
        await api_of(peer).balance()
    assert caught.value.retry_after_seconds == seconds


async def test_a_burst_of_reads_is_spread_at_the_rate() -> None:
    clock = FakeClock()
    peer = Peer(lambda _: httpx.Response(200, json={"id": "ch_1"}))
    api = api_of(peer, clock, requests_per_second=10, burst=5)
    await asyncio.gather(*(api.retrieve("charge", "ch_1") for _ in range(25)))
    assert len(peer.requests) == 25
    assert len(clock.slept) == 20
    assert max(clock.slept) >= 2.0


async def test_endpoints_have_limits_of_their_own() -> None:
    clock = FakeClock()
    peer = Peer(lambda _: httpx.Response(200, json={"id": "x_1"}))
    api = api_of(peer, clock, requests_per_second=1, burst=1)
    await api.retrieve("charge", "ch_1")
    await api.retrieve("refund", "re_1")
    assert clock.slept == []


async def test_reads_that_would_wait_too_long_are_turned_away_unsent() -> None:
    peer = Peer(lambda _: httpx.Response(200, json={"id": "x_1"}))
    api = api_of(peer, requests_per_second=1, burst=1, wait_seconds_max=0)
    await api.retrieve("charge", "ch_1")
    with pytest.raises(Throttled):
        await api.retrieve("charge", "ch_1")
    assert len(peer.requests) == 1


async def test_after_a_429_the_endpoint_rests() -> None:
    clock = FakeClock()
    peer = Peer(httpx.Response(429, content=error_body(message="Slow")))
    api = api_of(peer, clock)
    with pytest.raises(Throttled):
        await api.retrieve("charge", "ch_1")
    peer.answer = httpx.Response(200, json={"id": "ch_1"})
    await api.retrieve("charge", "ch_1")
    assert PAUSE_SECONDS <= sum(clock.slept) <= PAUSE_SECONDS * 1.1


@pytest.mark.parametrize("key", ["", "sk test", "sk_test\n", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_refused_at_once(key: str) -> None:
    with pytest.raises(CredentialsRefused) as caught:
        StripeApi(key, httpx.AsyncClient(), FakeClock(), Random(1))
    assert not key or key not in str(caught.value)


def test_it_is_the_port() -> None:
    gateway: StripeGateway = api_of(Peer(httpx.Response(200)))
    assert gateway is not None
    assert stripe.enable_telemetry is False


# --- writing metadata -----------------------------------------------------------------------


async def test_metadata_is_posted_as_a_form_with_its_idempotency_key() -> None:
    peer = Peer(httpx.Response(200, json={"id": "cus_1", "metadata": {"a": "1"}}))
    made = await api_of(peer).note("customer", "cus_1", {"a": "1", "b": "x&y"}, "key-1")
    assert made["id"] == "cus_1"
    (request,) = peer.requests
    assert (request.method, request.url.path) == ("POST", "/v1/customers/cus_1")
    assert request.headers["idempotency-key"] == "key-1"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.content == b"metadata[a]=1&metadata[b]=x%26y"


async def test_a_key_without_the_permission_to_write_is_refused_credentials() -> None:
    peer = Peer(httpx.Response(403, content=error_body(message="rak_customer_write")))
    with pytest.raises(CredentialsRefused, match="rak_customer_write"):
        await api_of(peer).note("customer", "cus_1", {"a": "1"}, "key-1")


@pytest.mark.parametrize("id", ["", "../charges", "cus 1", "cus_1?x"])
async def test_metadata_is_written_to_no_path_that_is_no_id(id: str) -> None:
    peer = Peer(httpx.Response(200, json={}))
    with pytest.raises(Refused):
        await api_of(peer).note("customer", id, {"a": "1"}, "key-1")
    assert peer.requests == []


async def test_halves_of_characters_and_controls_do_not_come_in() -> None:
    sent = b"""{"id": "cus_1", "name": "Bro\\ud83dken", "address": {"line1": "\\u0000\\b1\\n2"},
        "metadata": {"k\\udfffey": "\\ud83d\\ude00 ok"}, "list": ["\\u0085", 1, null, true]}"""
    found = await api_of(Peer(httpx.Response(200, content=sent))).retrieve("customer", "cus_1")
    assert found == {
        "id": "cus_1",
        "name": "Bro?ken",
        "address": {"line1": "  1\n2"},
        "metadata": {"k?ey": "😀 ok"},
        "list": [" ", 1, None, True],
    }
