"""`DurableFlows` on the real durable client, over HTTP to a stand-in for the extension.

The stand-in answers as the extension's local RPC endpoint does: 202 for what runs, 200 for what has
ended, 404 for what never was, 409 for a start of what runs, 410 for an event to what has ended.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from azure.durable_functions import DurableOrchestrationClient
from azure.durable_functions.models.utils import http_utils

from functions.flows.client import DurableFlows
from shared.errors import FlowsUnavailable

INSTANCE = "payout-po_1"
INPUT = {"payout": "po_1"}
RUNNING = ("Running", "Pending", "ContinuedAsNew", "Suspended")
ENDED = ("Completed", "Failed", "Terminated", "Canceled")


@dataclass
class Extension:
    """Instances by id with their status; what was asked of it; how it fails.

    `races`: another worker starts the instance between a look and a start. `fails`: the paths
    (their first word) that answer 500.
    """

    instances: dict[str, str] = field(default_factory=dict)
    started: list[tuple[str, str, Any]] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    purges: list[dict[str, str]] = field(default_factory=list)
    races: bool = False
    fails: tuple[str, ...] = ()

    async def start(self, request: web.Request) -> web.Response:
        name, instance = request.match_info["name"], request.match_info["instance"]
        if "start" in self.fails:
            return web.json_response("the storage account is away", status=500)
        if self.races:
            self.instances[instance] = "Running"
        if self.instances.get(instance) in RUNNING:
            text = f"An Orchestration instance with the status Running already exists: {instance}"
            return web.json_response(text, status=409)
        self.instances[instance] = "Pending"
        # The package posts JSON text as a JSON string.
        self.started.append((name, instance, json.loads(await request.json())))
        return web.json_response({"id": instance}, status=202)

    async def status(self, request: web.Request) -> web.Response:
        instance = request.match_info["instance"]
        if "status" in self.fails:
            return web.json_response("away", status=503)
        status = self.instances.get(instance)
        if status is None:
            return web.Response(status=404)
        body = {"name": "payout_flow", "instanceId": instance, "runtimeStatus": status}
        return web.json_response(body, status=202 if status in RUNNING else 200)

    async def raise_event(self, request: web.Request) -> web.Response:
        instance = request.match_info["instance"]
        if "event" in self.fails:
            return web.Response(status=500)
        status = self.instances.get(instance)
        if status is None:
            return web.Response(status=404)
        if status not in RUNNING:
            return web.Response(status=410)
        self.events.append((instance, request.match_info["event"]))
        return web.Response(status=202)

    async def purge(self, request: web.Request) -> web.Response:
        self.purges.append(dict(request.query))
        if "purge" in self.fails:
            return web.Response(status=500)
        ended = [id for id, status in self.instances.items() if status in ENDED]
        for id in ended:
            del self.instances[id]
        if not ended:
            return web.Response(status=404)
        return web.json_response({"instancesDeleted": len(ended)})


@dataclass(frozen=True)
class Rig:
    extension: Extension
    flows: DurableFlows


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    extension = Extension()
    app = web.Application()
    app.router.add_post("/durabletask/orchestrators/{name}/{instance}", extension.start)
    app.router.add_get("/durabletask/instances/{instance}", extension.status)
    app.router.add_delete("/durabletask/instances/", extension.purge)
    path = "/durabletask/instances/{instance}/raiseEvent/{event}"
    app.router.add_post(path, extension.raise_event)
    async with TestServer(app) as server:
        binding = {
            "taskHubName": "Tieout",
            "creationUrls": {},
            "managementUrls": {},
            "baseUrl": "http://unused.invalid",
            "requiredQueryStringParameters": "",
            "rpcBaseUrl": str(server.make_url("/durabletask/")),
        }
        client = DurableOrchestrationClient(json.dumps(binding))
        yield Rig(extension, DurableFlows(client))
        # The package shares one HTTP session for a process, and each test has its own loop.
        await http_utils._close_session()


async def test_what_never_was_is_started(rig: Rig) -> None:
    await rig.flows.start("payout_flow", INSTANCE, INPUT)
    assert rig.extension.started == [("payout_flow", INSTANCE, INPUT)]
    assert rig.extension.events == []


@pytest.mark.parametrize("status", ENDED)
async def test_what_has_ended_is_started_again(rig: Rig, status: str) -> None:
    rig.extension.instances[INSTANCE] = status
    await rig.flows.start("payout_flow", INSTANCE, INPUT)
    assert rig.extension.started == [("payout_flow", INSTANCE, INPUT)]


@pytest.mark.parametrize("status", RUNNING)
async def test_what_runs_is_poked(rig: Rig, status: str) -> None:
    rig.extension.instances[INSTANCE] = status
    await rig.flows.start("payout_flow", INSTANCE, INPUT)
    assert rig.extension.started == []
    assert rig.extension.events == [(INSTANCE, "poke")]


async def test_a_start_that_another_worker_won_is_a_poke(rig: Rig) -> None:
    rig.extension.races = True
    await rig.flows.start("payout_flow", INSTANCE, INPUT)
    assert rig.extension.started == []
    assert rig.extension.events == [(INSTANCE, "poke")]


@pytest.mark.parametrize("status", ENDED)
async def test_poking_what_has_ended_does_nothing(rig: Rig, status: str) -> None:
    rig.extension.instances[INSTANCE] = status
    await rig.flows.poke(INSTANCE)
    assert rig.extension.events == []


async def test_poking_what_never_was_does_nothing(rig: Rig) -> None:
    await rig.flows.poke(INSTANCE)
    assert rig.extension.events == []


@pytest.mark.parametrize("status", [*RUNNING, *ENDED])
async def test_the_status_is_that_of_the_extension(rig: Rig, status: str) -> None:
    rig.extension.instances[INSTANCE] = status
    assert await rig.flows.status(INSTANCE) == status


async def test_what_never_was_has_no_status(rig: Rig) -> None:
    assert await rig.flows.status(INSTANCE) is None


async def test_a_start_that_fails_is_unavailable(rig: Rig) -> None:
    rig.extension.fails = ("start",)
    with pytest.raises(FlowsUnavailable, match="the storage account is away"):
        await rig.flows.start("payout_flow", INSTANCE, INPUT)


async def test_a_poke_that_fails_is_unavailable_while_the_flow_runs(rig: Rig) -> None:
    rig.extension.instances[INSTANCE] = "Running"
    rig.extension.fails = ("event",)
    with pytest.raises(FlowsUnavailable):
        await rig.flows.poke(INSTANCE)


@pytest.mark.parametrize("call", ["start", "poke", "status"])
async def test_an_extension_that_is_away_is_unavailable(rig: Rig, call: str) -> None:
    rig.extension.fails = ("start", "status", "event")
    arguments = ("payout_flow", INSTANCE, INPUT) if call == "start" else (INSTANCE,)
    with pytest.raises(FlowsUnavailable):
        await getattr(rig.flows, call)(*arguments)


async def test_a_host_that_does_not_answer_is_unavailable() -> None:
    binding = {"taskHubName": "T", "creationUrls": {}, "managementUrls": {}}
    url = "http://127.0.0.1:9/durabletask/"  # the discard port: nobody listens
    client = DurableOrchestrationClient(json.dumps(binding | {"rpcBaseUrl": url}))
    with pytest.raises(FlowsUnavailable):
        await DurableFlows(client).start("payout_flow", INSTANCE, INPUT)
    await http_utils._close_session()


SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 8, tzinfo=UTC)


async def test_ended_instances_of_a_time_are_purged_and_those_that_run_stay(rig: Rig) -> None:
    rig.extension.instances |= {status: status for status in (*ENDED, *RUNNING)}
    assert await rig.flows.purge(SINCE, UNTIL) == len(ENDED)
    (asked,) = rig.extension.purges
    assert sorted(asked["runtimeStatus"].split(",")) == sorted(ENDED)
    assert asked["createdTimeFrom"].startswith("2026-10-01T00:00:00")
    assert asked["createdTimeTo"].startswith("2026-10-08T00:00:00")


async def test_nothing_to_purge_is_no_error(rig: Rig) -> None:
    assert await rig.flows.purge(SINCE, UNTIL) == 0


async def test_a_purge_that_fails_is_told(rig: Rig) -> None:
    rig.extension.fails = ("purge",)
    with pytest.raises(FlowsUnavailable):
        await rig.flows.purge(SINCE, UNTIL)
