"""A small app with one of each thing the local host must run."""
# mypy: disable-error-code="untyped-decorator, no-any-return, type-arg"

import asyncio
import json
import typing
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

WORLD: ContextVar[str] = ContextVar("WORLD", default="none")
LOG: ContextVar[list[Any]] = ContextVar("LOG")

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="items/{id:int}", methods=["GET", "PUT"])
async def item(req: func.HttpRequest) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "id": req.route_params.get("id"),
        "query": dict(req.params),
        "header": req.headers.get("X-Thing"),
        "body": req.get_body().decode(),
        "world": WORLD.get(),
    }
    return func.HttpResponse(json.dumps(seen), status_code=202, mimetype="application/json")


@app.route(route="items/latest", auth_level=func.AuthLevel.ANONYMOUS)
async def latest(req: func.HttpRequest) -> str:
    return "latest " + req.method


@app.route(route="files/{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def files(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"X-Path": req.route_params.get("path", "-")}
    return func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream", headers=headers)


@app.route(route="maybe/{id?}", auth_level=func.AuthLevel.ANONYMOUS)
async def maybe(req: func.HttpRequest) -> str:
    return req.route_params.get("id", "nothing")


@app.route(route="boom", auth_level=func.AuthLevel.ANONYMOUS)
async def boom(req: func.HttpRequest) -> str:
    raise RuntimeError(f"a secret {req.method}")


@app.route(route="slow", auth_level=func.AuthLevel.ANONYMOUS)
async def slow(req: func.HttpRequest) -> str:
    await asyncio.sleep(3600)
    return req.method


@app.route(route="client", auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def with_client(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    return client.create_check_status_response(req, "some-id")


@app.timer_trigger(schedule="%TICK%", arg_name="timer", use_monitor=True)
async def tick(timer: func.TimerRequest) -> None:
    LOG.get().append(["tick", timer.past_due])


@app.service_bus_queue_trigger(
    arg_name="messages",
    queue_name="%QUEUE%",
    connection="ServiceBus",
    is_sessions_enabled=True,
    cardinality="many",
)
async def work(messages: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    rows = [[m.message_id, m.session_id, m.delivery_count, m.get_body().decode()] for m in messages]
    LOG.get().append(["work", WORLD.get(), rows])
    await asyncio.sleep(10)
    for message in messages:
        if json.loads(message.get_body()).get("poison"):
            raise RuntimeError("poison")


@app.service_bus_queue_trigger(
    arg_name="message", queue_name="single", connection="ServiceBus", is_sessions_enabled=False
)
async def single(message: func.ServiceBusMessage) -> None:
    enqueued = message.enqueued_time_utc
    LOG.get().append(["single", message.message_id, enqueued.isoformat() if enqueued else None])


RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=3)


@app.orchestration_trigger(context_name="context")
def steps(context: df.DurableOrchestrationContext) -> Any:
    """Activity, retry, timer, sub-orchestration, fan-out, status."""
    given = context.get_input()
    doubled = yield context.call_activity("double", given["n"])
    context.set_custom_status({"doubled": doubled})
    flaky = yield context.call_activity_with_retry("flaky", RETRY, context.instance_id)
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=2))
    child = yield context.call_sub_orchestrator("child", {"n": 5})
    fan = yield context.task_all([context.call_activity("double", n) for n in range(5)])
    return {"doubled": doubled, "flaky": flaky, "child": child, "fan": fan}


@app.orchestration_trigger(context_name="context")
def child(context: df.DurableOrchestrationContext) -> Any:
    given = context.get_input()
    if given.get("fail"):
        raise ValueError("the child fails")
    return (yield context.call_activity("double", given["n"]))


@app.orchestration_trigger(context_name="context")
def parent_of_failure(context: df.DurableOrchestrationContext) -> Any:
    try:
        yield context.call_sub_orchestrator("child", {"fail": True})
    except Exception as error:
        return f"caught: {error}"


@app.orchestration_trigger(context_name="context")
def hopeless(context: df.DurableOrchestrationContext) -> Any:
    yield context.call_activity_with_retry("fails", RETRY, "x")


@app.orchestration_trigger(context_name="context")
def waits(context: df.DurableOrchestrationContext) -> Any:
    """The shape of a flow: look, then wait for a poke or a deadline, then look again."""
    given = context.get_input()
    state = yield context.call_activity("look", given)
    if state["done"] or given["rounds"] >= given.get("rounds_max", 10):
        return {"rounds": given["rounds"], "last": given.get("woken_by")}
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=given["days"]))
    poke = context.wait_for_external_event("poke")
    winner = yield context.task_any([timer, poke])
    if winner is poke:
        timer.cancel()
    woken_by = "poke" if winner is poke else "timer"
    context.continue_as_new({**given, "rounds": given["rounds"] + 1, "woken_by": woken_by})


@app.orchestration_trigger(context_name="context")
def waits_twice(context: df.DurableOrchestrationContext) -> Any:
    yield context.call_activity("look", context.get_input())
    yield context.wait_for_external_event("poke")
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    poke = context.wait_for_external_event("poke")
    winner = yield context.task_any([timer, poke])
    return "poke" if winner is poke else "timer"


@app.orchestration_trigger(context_name="context")
def long_wait(context: df.DurableOrchestrationContext) -> Any:
    yield context.create_timer(context.current_utc_datetime + timedelta(days=20))
    return context.current_utc_datetime.isoformat()


@app.orchestration_trigger(context_name="context")
def forgetful(context: df.DurableOrchestrationContext) -> Any:
    yield context.call_activity("no_such_activity", None)


@app.activity_trigger(input_name="n")
async def double(n: int) -> int:
    return n * 2


@app.activity_trigger(input_name="key")
async def flaky(key: str) -> str:
    LOG.get().append(["flaky", key])
    if len([row for row in LOG.get() if row == ["flaky", key]]) < 3:
        raise RuntimeError("not yet")
    return f"third time in {WORLD.get()}"


@app.activity_trigger(input_name="key")
async def fails(key: str) -> None:
    LOG.get().append(["fails", key])
    raise RuntimeError(f"never {key}")


@app.activity_trigger(input_name="given")
async def look(given: dict) -> dict:
    LOG.get().append(["look", given["rounds"]])
    await asyncio.sleep(given.get("look_seconds", 1))
    return {"done": given["rounds"] >= given["wanted"]}
