"""The app on Microsoft's own worker engine, `azure-functions-runtime`, in this process.

The engine imports `function_app.py`, indexes it exactly as on Azure and runs its functions. It
keeps what it indexed in module globals, so a process hosts one app; that app may be started
again and again, by several hosts at once.
"""

import asyncio
import contextvars
import importlib
import json
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure.functions._durable_functions import df_loads
from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum

from local.host.config import HostRefused

APP_MODULE = "function_app"
TRIGGERS = (
    "httpTrigger",
    "timerTrigger",
    "serviceBusTrigger",
    "orchestrationTrigger",
    "activityTrigger",
)
DATE_FORMATS_KEPT_MAX = 64
"""The worker tries up to a dozen formats for each moment of a message. Python keeps five compiled;
with more in use it would compile them again for each message."""
type Binding = Mapping[str, Any]
type Inputs = Sequence[tuple[str, Datum]]


class IndexRefused(HostRefused):
    """The engine refuses the app, as it would on Azure; the text is the engine's own."""


@dataclass(frozen=True, slots=True)
class Function:
    """An indexed function: its trigger, the durable client inputs, and whether it returns."""

    name: str
    id: str
    trigger: Binding
    clients: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type of the trigger, such as `httpTrigger`."""
        return str(self.trigger["type"])

    @property
    def parameter(self) -> str:
        """The parameter that takes the trigger."""
        return str(self.trigger["name"])


@dataclass(frozen=True, slots=True)
class InvocationOutcome:
    """How an invocation ended. `error`: what the app raised, as text, empty when all is well."""

    result: Datum | None
    error: str
    trace: str

    @property
    def ok(self) -> bool:
        """Whether the function returned."""
        return not self.error


class Engine:
    """An indexed app. Make one with `Engine.start`."""

    def __init__(self, functions: tuple[Function, ...]) -> None:
        self.functions = functions

    @classmethod
    async def start(cls, app_dir: Path, environment: Mapping[str, str]) -> "Engine":
        """Import and index the app of a directory, or find it indexed already.

        `environment` is laid over `os.environ` while the app is imported, which is the only
        time the engine itself reads it, and taken back afterwards. Raises `IndexRefused` with
        the engine's message, and `HostRefused` when this process runs another app or the app
        uses what the local host does not support.
        """
        if not _is_imported(app_dir) or not handle_event._metadata_result:
            await _index(app_dir, environment)
        metadata = await handle_event.functions_metadata_request(None)
        functions = tuple(_function(row) for row in metadata.function_metadata_results or ())
        if not functions:
            raise IndexRefused(f"the app in {app_dir} has no functions")
        return cls(functions)

    async def invoke(
        self,
        function: Function,
        inputs: Inputs,
        metadata: Mapping[str, Datum],
        *,
        invocation_id: str,
        context: contextvars.Context,
        timeout_seconds: float | None,
    ) -> InvocationOutcome:
        """Run a function once in a copy of `context`. Never raises for an error of the app."""
        call = native_invocation.invocation_request_native(
            invocation_id, function.id, list(inputs), dict(metadata)
        )
        task = asyncio.create_task(
            call, name=f"{function.name} {invocation_id}", context=context.copy()
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                ok, result, _, error, trace = await task
        except TimeoutError:
            text = f"Timeout value of {timeout_seconds} s was exceeded by function {function.name}"
            return InvocationOutcome(None, text, "")
        return InvocationOutcome(
            result, "" if ok else error or "failed without a word", trace or ""
        )

    def user_function(self, function: Function) -> Any:  # noqa: ANN401 - whatever was decorated
        """What the engine registered for a function: for orchestrators, durable's handle."""
        return handle_event._functions.get_function(function.id).func


def text_datum(value: str) -> Datum:
    """A Datum of text."""
    return Datum(value, "string")


def json_datum(value: object) -> Datum:
    """A Datum of JSON text made from a plain value."""
    return Datum(json.dumps(value), "json")


def _is_imported(app_dir: Path) -> bool:
    home = app_dir.resolve()
    if not (home / f"{APP_MODULE}.py").is_file():
        raise HostRefused(f"there is no {APP_MODULE}.py in {home}")
    module = sys.modules.get(APP_MODULE)
    if module is None:
        return False
    other = Path(module.__file__ or "").resolve().parent
    if other != home:
        raise HostRefused(
            f"this process already runs the app in {other}; one process hosts one app"
        )
    return True


async def _index(app_dir: Path, environment: Mapping[str, str]) -> None:
    importlib.import_module("_strptime").__dict__["_CACHE_MAX_SIZE"] = DATE_FORMATS_KEPT_MAX
    if str(app_dir) not in sys.path:
        sys.path.insert(0, str(app_dir))
    request = SimpleNamespace(
        request=SimpleNamespace(
            worker_init_request=SimpleNamespace(
                capabilities={}, function_app_directory=str(app_dir)
            )
        ),
        properties={"host": "127.0.0.1", "protos": _protos()},
    )
    with warnings.catch_warnings():
        # Durable advises once per process to name the type of what it decodes, whatever the app
        # does; said here it neither fails a test nor an activity that runs first.
        warnings.simplefilter("ignore", DeprecationWarning)
        df_loads("null")
    with _laid_over(environment):
        response = await handle_event.worker_init_request(request)
    if response.result.status != _StatusResult.Success:
        raise IndexRefused(response.result.exception.message)


@contextmanager
def _laid_over(environment: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _function(row: Any) -> Function:  # noqa: ANN401 - the engine's own record
    bindings = [json.loads(text) for text in row.raw_bindings]
    (trigger,) = [binding for binding in bindings if binding["type"].endswith("Trigger")]
    if trigger["type"] not in TRIGGERS:
        raise HostRefused(f"{row.name}: the local host does not know {trigger['type']}")
    is_orchestrator = trigger["type"] == "orchestrationTrigger"
    if not is_orchestrator and not handle_event._functions.get_function(row.function_id).is_async:
        raise HostRefused(
            f"{row.name} is a plain def: it would run on a thread, which has no place beside "
            "virtual time; write it as async def"
        )
    clients: list[str] = []
    for binding in bindings:
        if binding["type"] == "durableClient":
            clients.append(binding["name"])
        elif binding is not trigger and binding["name"] != "$return":
            raise HostRefused(f"{row.name}: the local host does not know binding {binding['type']}")
    return Function(row.name, row.function_id, trigger, tuple(clients))


class _StatusResult(SimpleNamespace):
    Failure = 0
    Success = 1


class _BindingInfo(SimpleNamespace):
    undefined = 0
    out = 1
    inout = 2


# `in` is a keyword, so it cannot be spelled in the class body.
setattr(_BindingInfo, "in", 0)


def _protos() -> SimpleNamespace:
    """Stand-ins for the worker's protobuf messages: the engine only fills and reads them."""
    plain = (
        "RpcException",
        "WorkerInitResponse",
        "WorkerMetadata",
        "FunctionMetadataResponse",
        "RpcFunctionMetadata",
        "RpcRetryOptions",
    )
    return SimpleNamespace(
        StatusResult=_StatusResult,
        BindingInfo=_BindingInfo,
        **dict.fromkeys(plain, SimpleNamespace),
    )
