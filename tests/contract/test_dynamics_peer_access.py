"""The Dynamics peer: who may ask, what a lost answer is, what is too much."""

import asyncio
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.dynamics import HOST, DynamicsFaults, PeerTimeout
from local.transport import EXTENSION, break_connection
from tests.contract.test_dynamics_peer_rig import (
    CUSTOMER,
    GRANT,
    TOKEN_URL,
    World,
    multipart,
    operation,
    virtual,
)


@virtual
async def test_a_token_opens_the_data(world: World) -> None:
    assert (await world.get("Currencies")).status_code == 200
    assert world.peer.requests == {"get": 1, "token": 1}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic abc", "Bearer é", "Bearer  a b"]
)
@virtual
async def test_no_data_without_a_token(world: World, header: str) -> None:
    world.http.headers["Authorization"] = header
    response = await world.get("Currencies")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer ")


@virtual
async def test_a_token_ends_after_an_hour(world: World) -> None:
    await world.clock.sleep(3_599)
    assert (await world.get("Currencies")).status_code == 200
    await world.clock.sleep(1)
    assert (await world.get("Currencies")).status_code == 401
    await world.sign_in()
    assert (await world.get("Currencies")).status_code == 200


@virtual
async def test_tokens_can_be_revoked(world: World) -> None:
    world.peer.tokens.revoke_all()
    assert (await world.get("Currencies")).status_code == 401


@virtual
async def test_open_reads_let_people_look_but_not_write(world: World) -> None:
    world.peer.settings.open_reads = True
    del world.http.headers["Authorization"]
    assert (await world.get("Currencies")).status_code == 200
    assert (await world.post("CustomersV3", CUSTOMER)).status_code == 401
    assert (await world.batch(multipart([operation("GET", "Currencies")]))).status_code == 401


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 400, "unauthorized_client"),
        ({"scope": f"{HOST}//.default"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": None}, 400, "invalid_request"),
    ],
)
@virtual
async def test_wrong_credentials_are_refused_in_the_shape_of_entra(
    world: World, change: dict[str, str | None], status: int, error: str
) -> None:
    form = {name: value for name, value in (GRANT | change).items() if value is not None}
    response = await world.http.post(TOKEN_URL, data=form)
    assert response.status_code == status
    assert response.json()["error"] == error
    assert response.json()["error_description"].startswith("AADSTS")


@virtual
async def test_the_token_endpoint_takes_a_form_only(world: World) -> None:
    assert (await world.http.post(TOKEN_URL, json=GRANT)).status_code == 400
    assert (await world.http.get(TOKEN_URL)).status_code == 405
    body = b"grant_type=%ff"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await world.http.post(TOKEN_URL, content=body, headers=form)).status_code == 400


@virtual
async def test_a_request_slower_than_the_client_waits_is_lost_but_done(world: World) -> None:
    world.peer.faults = DynamicsFaults(latency_seconds=(40, 40))
    before = world.clock.now()
    with pytest.raises(httpx.ReadTimeout):
        await world.post("CustomersV3", CUSTOMER | {"CustomerAccount": "US-9"})
    assert world.clock.now() - before == timedelta(seconds=30)
    assert "US-9" not in [r["CustomerAccount"] for r in world.peer.records("CustomersV3")]
    await world.clock.sleep(11)
    assert "US-9" in [r["CustomerAccount"] for r in world.peer.records("CustomersV3")]


@virtual
async def test_nothing_is_where_nothing_is(world: World) -> None:
    for path in ("/", "/datax", "/api/data", "/other/oauth2/v2.0/token"):
        assert (await world.http.get(path)).status_code == 404


@virtual
async def test_a_request_too_large_is_refused(world: World) -> None:
    long = "PaymentId eq '" + "x" * 17_000 + "'"
    assert (await world.get("CustomerPaymentJournalLines", _filter=long)).status_code == 414
    big = b"x" * (16 * 1024 * 1024 + 1)
    assert (await world.http.post("/data/CustomersV3", content=big)).status_code == 413


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "MERGE"]
)
@virtual
async def test_a_method_that_does_not_fit_is_refused(world: World, method: str) -> None:
    keyed = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"
    url = "/data/CustomersV3" if method in ("PATCH", "DELETE") else keyed
    response = await world.http.request(method, url)
    assert response.status_code == (200 if method == "GET" else 405)


@virtual
async def test_a_caller_that_is_cancelled_does_not_stop_the_peer(world: World) -> None:
    world.peer.faults = DynamicsFaults(latency_seconds=(5, 5))
    writing = asyncio.create_task(world.post("CustomersV3", CUSTOMER | {"CustomerAccount": "C"}))
    await world.clock.sleep(1)
    writing.cancel()
    await world.clock.sleep(10)
    assert "C" in [row["CustomerAccount"] for row in world.peer.records("CustomersV3")]


async def test_a_server_that_knows_no_faults_gets_an_answer_that_never_ends() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await break_connection({"type": "http"}, send, PeerTimeout(committed=True))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"]
    with pytest.raises(PeerTimeout):
        await break_connection({"extensions": {EXTENSION: {}}}, send, PeerTimeout(committed=True))
    assert len(sent) == 2


@virtual
async def test_the_peer_starts_and_stops_with_its_server(world: World) -> None:
    asked = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        return asked.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    await world.peer.asgi({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    with pytest.raises(ValueError, match="HTTP only"):
        await world.peer.asgi({"type": "websocket"}, receive, send)
