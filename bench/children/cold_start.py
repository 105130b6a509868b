"""One cold start, in a process of its own (`bench.coldstart`): index an app, answer a webhook.

Arguments: the folder of the app, the checkout, a file with the request, and a file for the names of
the libraries' modules that were loaded ("" for none). Prints the status of the answer as soon as it
is there, with the processor time until then. Microsoft's engine and the local host's front do what
the platform does; neither loads anything of the application.
"""

import asyncio
import contextvars
import importlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any


class _DiscardingQueue:
    """A queue that takes everything at once."""

    async def send(self, queue: str, messages: object) -> None:
        del queue, messages


def _use_production(environment: dict[str, str]) -> None:
    """All that the first request makes in production, but the queue itself."""
    bootstrap = importlib.import_module("shared.bootstrap")
    settings = importlib.import_module("shared.settings").from_environment(environment)
    bootstrap.use(replace(bootstrap.build(settings), queue=_DiscardingQueue()))


async def _ask(front: Any, request: dict[str, Any]) -> int:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request["body"].encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/api/webhooks/stripe",
        "raw_path": b"/api/webhooks/stripe",
        "query_string": b"",
        "headers": [(b"host", b"app"), (b"stripe-signature", request["signature"].encode())],
        "server": ("app", 80),
    }
    await front(scope, receive, send)
    return statuses[0]


async def _start(home: Path, checkout: Path, request: dict[str, Any]) -> int:
    package = ModuleType("local.host")  # without what its door loads: parts of the application
    package.__path__ = [str(checkout / "local" / "host")]
    sys.modules["local.host"] = package
    engine = await importlib.import_module("local.host.engine").Engine.start(home, {})
    if request["environment"]:
        _use_production(request["environment"])
    context = contextvars.copy_context()
    invoker = importlib.import_module("local.host.invoker").Invoker(engine, context, 60.0, "hub")
    front = importlib.import_module("local.host.http").HttpFront(
        engine.functions, invoker, route_prefix="api", function_key=None, fire=lambda name: False
    )
    return await _ask(front, request)


def _libraries(places: list[str]) -> list[str]:
    """The modules of the libraries, in the order in which they were loaded."""
    return [
        name
        for name, module in sys.modules.items()
        if (spec := getattr(module, "__spec__", None)) is not None
        and spec.name == name
        and str(spec.origin or "").startswith(tuple(places))
    ]


def main() -> None:
    """Print status and processor time, then write down what was loaded."""
    home, checkout, request, modules = sys.argv[1:5]
    given = json.loads(Path(request).read_text(encoding="utf-8"))
    status = asyncio.run(_start(Path(home), Path(checkout), given))
    print(status, time.process_time(), flush=True)
    if modules:
        found = _libraries([place for place in sys.path if place.endswith("site-packages")])
        Path(modules).write_text("\n".join(found), encoding="utf-8")


if __name__ == "__main__":
    main()
