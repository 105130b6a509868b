"""The Dynamics peer: faults on demand, and the routes that switch them on."""

import json
import random
from typing import Any

import httpx
import pytest

from local.dynamics import DynamicsFaults
from local.loop import run_virtual
from tests.contract.test_dynamics_peer_rig import (
    CUSTOMER,
    RECEIPT,
    START,
    World,
    changeset,
    infolog,
    multipart,
    operation,
    refusal,
    statuses,
    virtual,
)

CONTROL = "http://127.0.0.1:7365/_peer"
LINES = "CustomerPaymentJournalLines"
GOOD = operation("POST", "CustomersV3", CUSTOMER)


def customers(world: World) -> int:
    """Customers made by the test."""
    return len(world.peer.records("CustomersV3", "usmf")) - 4


@virtual
async def test_a_throttled_request_says_when_to_come_back(world: World) -> None:
    world.peer.faults = DynamicsFaults(throttle=1, retry_after_seconds=17)
    response = await world.post("CustomersV3", CUSTOMER)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "17"
    assert "due to system experiencing high resource utilization." in refusal(response)
    assert customers(world) == 0


@virtual
async def test_a_server_error_and_a_gateways_page_come_before_anything_is_done(
    world: World,
) -> None:
    world.peer.faults = DynamicsFaults(server_error=1)
    response = await world.post("CustomersV3", CUSTOMER)
    assert response.status_code == 500
    assert "AxODataWriteException" not in response.text
    world.peer.faults = DynamicsFaults(html_error=1)
    response = await world.post("CustomersV3", CUSTOMER)
    assert response.status_code == 502
    assert response.headers["content-type"] == "text/html"
    assert response.text.startswith("<html>")
    assert customers(world) == 0


@virtual
async def test_an_answer_lost_after_the_commit_looks_like_one_of_two_failures(
    world: World,
) -> None:
    world.peer.faults = DynamicsFaults(error_after_commit=1)
    seen = []
    for _ in range(12):
        try:
            seen.append(str((await world.post("CustomersV3", CUSTOMER)).status_code))
        except httpx.ReadTimeout:
            seen.append("time-out")
    assert customers(world) == 12, "all of them are done"
    assert sorted(dict.fromkeys(seen)) == ["500", "time-out"]


@virtual
async def test_a_time_out_before_the_commit_takes_the_clients_patience(world: World) -> None:
    world.peer.faults = DynamicsFaults(timeout_before_commit=1)
    before = world.clock.now()
    with pytest.raises(httpx.ReadTimeout):
        await world.post("CustomersV3", CUSTOMER)
    assert (world.clock.now() - before).total_seconds() == 30
    await world.clock.sleep(1_000)
    assert customers(world) == 0


@virtual
async def test_a_late_commit_lands_after_the_client_gave_up(world: World) -> None:
    world.peer.faults = DynamicsFaults(late_commit=1, late_commit_seconds=50)
    with pytest.raises(httpx.ReadTimeout):
        await world.post("CustomersV3", CUSTOMER)
    assert customers(world) == 0
    await world.clock.sleep(21)
    assert customers(world) == 1


@virtual
async def test_a_batch_can_break_off_in_the_middle(world: World) -> None:
    world.peer.faults = DynamicsFaults(drop_mid_batch=1)
    done = []
    for _ in range(8):
        before = customers(world)
        with pytest.raises(httpx.RemoteProtocolError):
            await world.batch(multipart([GOOD, changeset([GOOD, GOOD]), GOOD]))
        done.append(customers(world) - before)
    assert set(done) <= {0, 1, 3, 4}, "changesets stay whole"
    assert len(set(done)) > 1


@virtual
async def test_a_batch_answer_can_be_cut(world: World) -> None:
    whole = await world.batch(multipart([GOOD, GOOD, GOOD]))
    world.peer.faults = DynamicsFaults(truncate_batch=1)
    cut = await world.batch(multipart([GOOD, GOOD, GOOD]))
    assert cut.status_code == 200
    assert len(cut.content) < len(whole.content)
    assert not cut.text.endswith("--\r\n")
    assert customers(world) == 6


@virtual
async def test_reads_are_spared_by_faults_of_writes(world: World) -> None:
    world.peer.faults = DynamicsFaults(error_after_commit=1, late_commit=1, drop_mid_batch=1)
    assert (await world.get("Currencies")).status_code == 200


@virtual
async def test_latency_lies_between_its_bounds(world: World) -> None:
    world.peer.faults = DynamicsFaults(latency_seconds=(1, 3))
    times = []
    for _ in range(10):
        before = world.clock.now()
        await world.get("Currencies", _top="1")
        times.append((world.clock.now() - before).total_seconds())
    assert all(1 <= seconds <= 3 for seconds in times)
    assert len(set(times)) > 1


@virtual
async def test_faults_are_switched_by_a_route(world: World) -> None:
    body = {"throttle": 0.25, "latency_seconds": [0.1, 0.2]}
    response = await world.http.post(f"{CONTROL}/faults", json=body)
    assert response.status_code == 200
    assert response.json()["value"]["throttle"] == 0.25
    assert world.peer.faults == DynamicsFaults(throttle=0.25, latency_seconds=(0.1, 0.2))
    await world.http.post(f"{CONTROL}/faults", json={})
    assert world.peer.faults == DynamicsFaults()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"throttle": 1.5}, "throttle"),
        ({"throttle": -0.1}, "throttle"),
        ({"throttle": "often"}, "throttle"),
        ({"thottle": 0.1}, "thottle"),
        ({"latency_seconds": [2, 1]}, "must not exceed"),
        ({"latency_seconds": 1}, "latency_seconds"),
        ({"late_commit_seconds": 1e9}, "late_commit_seconds"),
        ([], "not a JSON object"),
    ],
)
@virtual
async def test_faults_that_make_no_sense_are_refused(world: World, body: Any, text: str) -> None:
    response = await world.http.post(f"{CONTROL}/faults", json=body)
    assert response.status_code == 400
    assert text in response.json()["value"]["error"]
    assert world.peer.faults == DynamicsFaults()


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("GET", "post_journals", {}),
        ("POST", "nothing", {}),
        ("POST", "post_journals", {"company": "xxxx"}),
        ("POST", "post_journals", {"companies": "usmf"}),
        ("POST", "close_period", {"company": "usmf", "year": 2026, "month": 13}),
        ("POST", "close_period", {"company": "usmf"}),
        ("POST", "close_period", {"company": "xxxx", "year": 2026, "month": 1}),
    ],
)
@virtual
async def test_a_control_request_that_makes_no_sense_is_refused(
    world: World, method: str, route: str, body: dict[str, Any]
) -> None:
    response = await world.http.request(method, f"{CONTROL}/{route}", json=body)
    assert response.status_code in (400, 404)
    assert response.json()["value"]["error"]


@virtual
async def test_requests_are_counted_by_kind(world: World) -> None:
    await world.get("Currencies")
    await world.batch(multipart([GOOD, changeset([GOOD, GOOD])]))
    counts = (await world.http.get(f"{CONTROL}/requests")).json()["value"]
    assert counts == {
        "batch": 1,
        "changeset": 1,
        "control": 1,
        "get": 1,
        "operation_post": 3,
        "token": 1,
    }


def test_the_same_seed_gives_the_same_run() -> None:
    def run(seed: int) -> list[str]:
        seen: list[str] = []

        async def main(clock: Any) -> None:
            world = World(clock, seed)
            await world.sign_in()
            world.peer.faults = DynamicsFaults(
                throttle=0.2, error_after_commit=0.3, latency_seconds=(0.1, 2.0)
            )
            for _ in range(20):
                try:
                    response = await world.batch(multipart([GOOD]))
                    seen.append(f"{response.status_code} {statuses(response)} {clock.now()}")
                except httpx.ReadTimeout:
                    seen.append(f"time-out {clock.now()}")

        run_virtual(main, start=START)
        return seen

    seed = random.Random(5).getrandbits(16)
    assert run(seed) == run(seed)
    assert run(seed) != run(seed + 1)


@virtual
async def test_the_faults_that_are_set_can_be_read(world: World) -> None:
    await world.http.post(f"{CONTROL}/faults", json={"throttle": 0.25})
    response = await world.http.get(f"{CONTROL}/faults")
    assert response.status_code == 200
    assert response.json()["value"]["throttle"] == 0.25


@virtual
async def test_a_repeat_of_a_lost_answer_hears_that_the_record_exists(world: World) -> None:
    batch = await world.journal()
    world.peer.faults = DynamicsFaults(key_taken=1)
    response = await world.post(LINES, {**RECEIPT, "JournalBatchNumber": batch})
    assert response.status_code == world.peer.settings.failure_status
    assert "The record already exists." in infolog(response)
    assert len(world.peer.records(LINES)) == 1, "it is there"


@virtual
async def test_a_key_that_dynamics_gives_is_never_taken(world: World) -> None:
    world.peer.faults = DynamicsFaults(key_taken=1)
    assert (await world.post("CustomersV3", CUSTOMER)).status_code == 201
    assert customers(world) == 1


@virtual
async def test_a_refusal_may_hold_half_a_surrogate_pair(world: World) -> None:
    world.peer.faults = DynamicsFaults(broken_text=1)
    response = await world.post("CustomersV3", {**CUSTOMER, "CustomerGroupId": "none"})
    assert "\ud83d" in response.json()["error"]["innererror"]["message"]
    assert customers(world) == 0


@virtual
async def test_half_a_surrogate_pair_in_a_payload_is_refused_and_a_whole_one_is_not(
    world: World,
) -> None:
    body = json.dumps({**CUSTOMER, "OrganizationName": "Ada \ud83d"})
    response = await world.http.post("/data/CustomersV3", content=body)
    assert response.status_code == 400
    assert "no valid Unicode" in refusal(response)
    whole = {**CUSTOMER, "OrganizationName": "Ada 😀"}
    assert (await world.post("CustomersV3", whole)).status_code == 201
