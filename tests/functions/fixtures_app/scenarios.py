"""Plays scenes on the fixture app and prints what happened as JSON.

A process of its own, because the worker engine holds one app for each process:
`python -m tests.functions.fixtures_app.scenarios` prints `{scene: result}`.
"""

import asyncio
import contextvars
import json
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from local.clock import LoopClock
from local.host import FlowUnknown, Host, HostRefused, HubStore, InstanceRuns
from local.loop import run_virtual
from local.servicebus import Broker, QueueSettings
from local.servicebus.messages import Outgoing
from shared.clients.clock import SystemClock
from shared.ports import Clock

APP_DIR = Path(__file__).parent
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SETTINGS = {"TICK": "0 0 * * * *", "QUEUE": "work"}
QUEUES = (
    QueueSettings(
        "work",
        requires_session=True,
        requires_duplicate_detection=True,
        lock_seconds=300,
        max_delivery_count=3,
    ),
    QueueSettings("single", lock_seconds=60, max_delivery_count=3),
)


class Stage:
    """A host with everything around it, and the log its functions write."""

    def __init__(self, clock: Clock, world: str = "w1", **host: Any) -> None:
        self.clock = clock
        self.log: list[Any] = []
        self.broker = Broker(QUEUES, clock)
        self.store = HubStore()
        self.world = world
        self.options = host
        self.host = self.new_host()

    def new_host(self, **changes: Any) -> Host:
        options = {"settings": SETTINGS, **self.options, **changes}
        settings = options.pop("settings")
        self.host = Host(
            APP_DIR,
            settings,
            self.clock,
            self.broker,
            self.store,
            context=self.context(),
            **options,
        )
        return self.host

    def context(self) -> contextvars.Context:
        context = contextvars.copy_context()
        variables = sys.modules.get("function_app")
        if variables is not None:
            context.run(variables.WORLD.set, self.world)
            context.run(variables.LOG.set, self.log)
        return context

    async def __aenter__(self) -> "Stage":
        await self.host.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.host.stop()

    async def idle(self) -> None:
        while not self.host.idle():
            await self.clock.sleep(1)

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.host.asgi)
        return httpx.AsyncClient(transport=transport, base_url="http://app")

    def seconds(self) -> float:
        return (self.clock.now() - START).total_seconds()

    def about(self, instance: str) -> dict[str, Any]:
        known = self.store.instances[instance]
        return {
            "status": known.status,
            "output": known.output,
            "error": known.error,
            "custom_status": known.custom_status,
        }


type Scene = Callable[[Stage], Awaitable[Any]]


def shown(response: httpx.Response) -> list[Any]:
    return [response.status_code, response.text]


async def http(stage: Stage) -> Any:
    async with stage, stage.client() as client:
        return {
            "routed": (
                await client.put("/api/items/7?a=1&a=2&b=", content="hé", headers={"x-thing": "t"})
            ).json(),
            "status": (await client.get("/api/items/7")).status_code,
            "constraint": shown(await client.get("/api/items/seven")),
            "literal_wins": shown(await client.get("/api/items/latest")),
            "case": shown(await client.get("/API/Items/LATEST")),
            "method": [
                (response := await client.delete("/api/items/7")).status_code,
                response.headers["allow"],
            ],
            "unknown": shown(await client.get("/api/nothing")),
            "no_prefix": shown(await client.get("/items/7")),
            "too_long": shown(await client.get("/api/items/7/8")),
            "rest": [
                (response := await client.get("/api/files/a/b%2Fc/d")).headers["x-path"],
                response.content.hex(),
                response.headers["content-type"],
            ],
            "rest_empty": (await client.get("/api/files")).headers["x-path"],
            "optional": shown(await client.get("/api/maybe/5")),
            "optional_missing": shown(await client.get("/api/maybe")),
            "boom": shown(await client.get("/api/boom")),
            "failures": [[f.function, f.error] for f in stage.host.failures],
            "slow": shown(await client.get("/api/slow")),
            "slow_seconds": stage.seconds(),
            "head": [
                (response := await client.head("/api/items/latest")).status_code,
                response.text,
                response.headers["content-length"],
            ],
            "client": (await client.get("/api/client")).json()["id"],
        }


async def keys(stage: Stage) -> Any:
    stage.new_host(function_key="s3cret")
    async with stage, stage.client() as client:
        return {
            "none": (await client.get("/api/items/7")).status_code,
            "wrong": (await client.get("/api/items/7?code=guess")).status_code,
            "query": (await client.get("/api/items/7?code=s3cret")).status_code,
            "header": (
                await client.get("/api/items/7", headers={"x-functions-key": "s3cret"})
            ).status_code,
            "anonymous": (await client.get("/api/items/latest")).status_code,
            "admin": (await client.post("/admin/functions/tick")).status_code,
        }


async def admin(stage: Stage) -> Any:
    async with stage, stage.client() as client:
        statuses = [
            (await client.post("/admin/functions/TICK", json={})).status_code,
            (await client.post("/admin/functions/nothing")).status_code,
            (await client.get("/admin/functions/tick")).status_code,
        ]
        await stage.idle()
        return {"statuses": statuses, "log": stage.log, "seconds": stage.seconds()}


async def timer(stage: Stage) -> Any:
    async with stage:
        await stage.clock.sleep(3.5 * 3600)
        await stage.host.stop()
        regular = len(stage.log)
        await stage.clock.sleep(5 * 3600)
        stage.new_host()
        await stage.host.start()
        await stage.clock.sleep(1800)
    return {"regular": stage.log[:regular], "after_downtime": stage.log[regular:]}


async def batches(stage: Stage) -> Any:
    async with stage:
        for n in range(5):
            stage.broker.send("work", [Outgoing(f"m{n}", b'{"n":%d}' % n, "s1")])
        stage.broker.send("work", [Outgoing("other", b"{}", "s2"), Outgoing("m1", b"{}", "s1")])
        not_idle = stage.host.idle()
        await stage.idle()
        return {"log": stage.log, "seconds": stage.seconds(), "was_idle": not_idle}


async def two_instances(stage: Stage) -> Any:
    stage.new_host(instances=2)
    async with stage:
        for session in ("s1", "s2", "s1"):
            stage.broker.send("work", [Outgoing(f"m{len(stage.log)}{session}", b"{}", session)])
        await stage.clock.sleep(5)
        running = len(stage.log)
        await stage.idle()
        return {"at_once": running, "batches": len(stage.log)}


async def poison(stage: Stage) -> Any:
    async with stage:
        stage.broker.send(
            "work", [Outgoing("bad", b'{"poison":true}', "s"), Outgoing("good", b"{}", "s")]
        )
        await stage.idle()
        return {
            "counts": [[row[2] for row in rows] for _, _, rows in stage.log],
            "dead": [m.message_id for m in stage.broker.peek("work/$DeadLetterQueue")],
            "seconds": stage.seconds(),
        }


async def one_by_one(stage: Stage) -> Any:
    async with stage:
        stage.broker.send("single", [Outgoing("a", b"1"), Outgoing("b", b"2")])
        await stage.idle()
        return stage.log


async def steps(stage: Stage) -> Any:
    async with stage:
        await stage.host.flows.start("steps", "st", {"n": 21})
        await stage.idle()
        halfway = stage.about("st")
        while not stage.store.instances["st"].is_final:
            await stage.clock.sleep(60)
        return {
            "halfway": halfway,
            "end": stage.about("st"),
            "tries": stage.log.count(["flaky", "st"]),
            "hours": stage.seconds() // 3600,
            "children": [id for id in stage.store.instances if id != "st"],
        }


async def failures(stage: Stage) -> Any:
    async with stage:
        for name in ("parent_of_failure", "hopeless", "forgetful"):
            await stage.host.flows.start(name, name, {})
        await stage.clock.sleep(3600)
        try:
            await stage.host.flows.start("nothing", "n", {})
        except FlowUnknown as error:
            unknown = str(error)
        found = {name: stage.about(name) for name in stage.store.instances if ":" not in name}
        return {**found, "unknown": unknown, "tries": stage.log.count(["fails", "x"])}


async def flow(stage: Stage) -> Any:
    given = {"rounds": 0, "wanted": 3, "days": 30}
    looks: list[Any] = []
    woken_by: list[Any] = []

    async def rest(seconds: float) -> None:
        await stage.clock.sleep(seconds)
        looks.append([row[1] for row in stage.log if row[0] == "look"])
        text = stage.store.instances["w"].input
        woken_by.append(json.loads(text or "{}").get("woken_by"))

    async with stage:
        flows = stage.host.flows
        await flows.poke("w")
        missing = await flows.status("w")
        await flows.start("waits", "w", given)
        await rest(40)
        waiting = [await flows.status("w"), stage.host.idle()]
        await flows.start("waits", "w", {"rounds": 99})
        await rest(40)
        await rest(30 * 86_400)
        await flows.poke("w")
        await stage.clock.sleep(40)
        end = stage.about("w")
        await flows.poke("w")
        await flows.start("waits", "w", {**given, "wanted": 0})
        await stage.idle()
        return {
            "missing": missing,
            "waiting": waiting,
            "looks": looks,
            "woken_by": woken_by,
            "end": end,
            "replaced": stage.about("w"),
            "history": len(stage.store.instances["w"].history),
        }


async def early_poke(stage: Stage) -> Any:
    """A poke while the flow looks, before it waits."""
    async with stage:
        flows = stage.host.flows
        await flows.start("waits", "w", {"rounds": 0, "wanted": 1, "days": 9, "look_seconds": 30})
        await stage.clock.sleep(5)
        await flows.poke("w")
        await flows.poke("w")
        await stage.clock.sleep(600)
        return {**stage.about("w"), "looks": stage.log}


async def early_event(stage: Stage) -> Any:
    async with stage:
        for name, seconds in (("early", 5), ("late", 40)):
            start = stage.seconds()
            given = {"rounds": 0, "wanted": 0, "look_seconds": 30}
            await stage.host.flows.start("waits_twice", name, given)
            await stage.clock.sleep(start + seconds - stage.seconds())
            await stage.host.flows.poke(name)
            await stage.clock.sleep(2 * 3600)
        return [stage.about(name)["output"] for name in ("early", "late")]


async def long_timer(stage: Stage) -> Any:
    async with stage:
        await stage.host.flows.start("long_wait", "l", {})
        await stage.clock.sleep(20 * 86_400 - 1)
        before = await stage.host.flows.status("l")
        await stage.clock.sleep(2)
        legs = [e["EventType"] for e in stage.store.instances["l"].history].count(10)
        return {"before": before, "end": stage.about("l")["output"], "legs": legs}


async def restart(stage: Stage) -> Any:
    async with stage:
        await stage.host.flows.start(
            "waits", "w", {"rounds": 0, "wanted": 1, "days": 1, "look_seconds": 30}
        )
        await stage.clock.sleep(10)
        await stage.host.stop()
        begun = len(stage.log)
        stage.new_host()
        await stage.host.start()
        await stage.clock.sleep(60)
        again = len(stage.log)
        await stage.host.stop()
        await stage.clock.sleep(3 * 86_400)
        stage.new_host()
        await stage.host.flows.poke("w")
        await stage.host.start()
        await stage.clock.sleep(35)
        return {"begun": begun, "again": again, "looks": stage.log, "end": stage.about("w")}


async def conflict(stage: Stage) -> Any:
    async with stage:
        stage.host.hub.start("child", "c", {"n": 1})
        try:
            stage.host.hub.start("child", "c", {"n": 2})
        except InstanceRuns as error:
            return str(error)
    return "no conflict"


async def two_worlds(stage: Stage) -> Any:
    other = Stage(stage.clock, world="w2")
    async with stage, other, stage.client() as one, other.client() as two:
        for n, place in enumerate((stage, other)):
            place.broker.send("work", [Outgoing(f"m{n}", b"{}", "s")])
            await place.host.flows.start("steps", "st", {"n": n})
        seen = [(await c.get("/api/items/1")).json()["world"] for c in (one, two)]
        await stage.clock.sleep(3 * 3600)
        return {
            "http": seen,
            "queue": [
                [row[1] for row in place.log if row[0] == "work"] for place in (stage, other)
            ],
            "flows": [place.about("st")["output"]["flaky"] for place in (stage, other)],
        }


async def disabled(stage: Stage) -> Any:
    off = {f"AzureWebJobs.{name}.Disabled": "true" for name in ("work", "latest", "tick")}
    stage.new_host(settings={**SETTINGS, **off})
    async with stage, stage.client() as client:
        stage.broker.send("work", [Outgoing("m", b"{}", "s")])
        await stage.clock.sleep(7200)
        return {
            "log": stage.log,
            "status": (await client.get("/api/items/latest")).status_code,
            "ready": stage.broker.depth("work").ready,
        }


async def refusals(stage: Stage) -> Any:
    found = {}
    changes: dict[str, dict[str, str]] = {
        "setting": {"QUEUE": "work"},
        "schedule": {**SETTINGS, "TICK": "0 */5 * * *"},
        "queue": {**SETTINGS, "QUEUE": "nowhere"},
        "sessions": {**SETTINGS, "QUEUE": "single"},
    }
    for name, settings in changes.items():
        try:
            await stage.new_host(settings=settings).start()
        except HostRefused as error:
            found[name] = str(error)
    async with stage.client() as client:
        found["down"] = str((await client.get("/api/items/latest")).status_code)
    stage.new_host()
    async with stage:
        try:
            await stage.host.start()
        except HostRefused as error:
            found["twice"] = str(error)
    return found


async def same(stage: Stage) -> Any:
    stage.new_host(instances=2)
    async with stage:
        for n in range(30):
            stage.broker.send("work", [Outgoing(f"m{n}", b"{}", f"s{n % 4}")])
            await stage.host.flows.start("steps", f"st{n}", {"n": n})
        await stage.clock.sleep(3 * 3600)
    return [*stage.log, stage.seconds()]


async def real_time() -> Any:
    stage = Stage(SystemClock())
    async with stage:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            config = uvicorn.Config(stage.host.asgi, log_level="error", lifespan="on")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listener]))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=url) as client:
                for _ in range(500):
                    await asyncio.sleep(0.01)
                    if server.started:
                        break
                answer = shown(await client.get("/api/items/latest"))
                stage.broker.send("single", [Outgoing("a", b"1")])
                await stage.host.flows.start("child", "c", {"n": 4})
                for _ in range(100):
                    await asyncio.sleep(0.01)
                    if stage.host.idle():
                        break
            server.should_exit = True
            await serving
    return {"answer": answer, "log": stage.log[0][:2], "flow": stage.about("c")}


SCENES: tuple[Scene, ...] = (
    refusals, http, keys, admin, timer, batches, two_instances, poison, one_by_one, steps,
    failures, flow, early_poke, early_event, long_timer, restart, conflict, two_worlds, disabled,
)  # fmt: skip


def play(scene: Scene) -> Any:
    async def main(clock: LoopClock) -> Any:
        return await scene(Stage(clock))

    return run_virtual(main, start=START)


def main() -> None:
    logging.getLogger("azure.functions").setLevel(logging.CRITICAL)
    logging.getLogger("azure.functions").propagate = False
    # The app is imported once without being run, so that its variables are there.
    run_virtual(_index, start=START)
    found = {scene.__name__: play(scene) for scene in SCENES}
    found["same"] = [play(same), play(same)]
    found["real_time"] = asyncio.run(real_time())
    print(json.dumps(found))  # noqa: T201


async def _index(clock: LoopClock) -> None:
    await clock.sleep(timedelta(days=1).total_seconds())
    async with Stage(clock):
        pass


if __name__ == "__main__":
    main()
