"""Running apps for tests of commands: the real routes over tables in process, without a network."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import azure.functions as func
import httpx
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import DEFAULT_URL, transport
from functions import mappings
from local.tables import MemoryTables
from shared import bootstrap
from shared.app import App
from tests.unit.services.fakes import (
    FakeDynamics,
    FakeStripe,
    ManualClock,
    RecordingQueue,
    settings,
)

ROUTES = MappingProxyType(
    {
        ("GET", "/api/mappings"): mappings.mappings_list,
        ("POST", "/api/mappings"): mappings.mappings_submit,
        ("GET", "/api/mappings/history"): mappings.mappings_history,
        ("GET", "/api/mappings/show"): mappings.mappings_show,
        ("GET", "/api/mappings/diff"): mappings.mappings_diff,
        ("POST", "/api/mappings/preview"): mappings.mappings_preview,
        ("POST", "/api/mappings/publish"): mappings.mappings_publish,
        ("POST", "/api/mappings/rollback"): mappings.mappings_rollback,
        ("POST", "/api/mappings/reapply"): mappings.mappings_reapply,
    }
)


def request(method: str, path: str, body: bytes = b"", **params: str) -> func.HttpRequest:
    """A request as the worker gives it to a function."""
    return func.HttpRequest(method=method, url=path, params=params, body=body)


@dataclass
class Apps:
    """Apps by address. `keys`: the function key that each was asked with, in order."""

    apps: dict[str, App] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    key: str = ""  # that is wanted; empty: none

    def add(self, url: str = DEFAULT_URL, **changes: Any) -> App:
        """One more app, with its own tables."""
        self.apps[url] = bootstrap.build(
            settings(**changes),
            tables=MemoryTables(),
            clock=ManualClock(),
            stripe=FakeStripe(),
            dynamics=FakeDynamics(),
            queue=RecordingQueue(),
            signatures=None,
        )
        return self.apps[url]

    def answer(self, asked: httpx.Request) -> httpx.Response:
        """The answer of the app that is asked."""
        url = f"{asked.url.scheme}://{asked.url.host}:{asked.url.port}"
        if url not in self.apps:
            raise httpx.ConnectError("nobody listens")
        key = asked.headers["x-functions-key"]
        self.asked.append((url, asked.url.path, key))
        if self.key not in ("", key):
            return httpx.Response(401)
        function = ROUTES.get((asked.method, asked.url.path))
        if function is None:
            return httpx.Response(404)
        req = request(asked.method, str(asked.url), asked.content, **dict(asked.url.params.items()))
        token = bootstrap.use(self.apps[url])
        try:
            found: func.HttpResponse = asyncio.run(function(req))
        finally:
            bootstrap._current.reset(token)
        return httpx.Response(found.status_code, content=found.get_body())


@contextmanager
def running(*urls: str) -> Iterator[Apps]:
    """Apps at these addresses, or one at the default."""
    apps = Apps()
    for url in urls or (DEFAULT_URL,):
        apps.add(url)
    token = transport.set(httpx.MockTransport(apps.answer))
    try:
        yield apps
    finally:
        transport.reset(token)


def run(*arguments: object) -> Result:
    """A mapping command."""
    return CliRunner().invoke(command, ["mapping", *(str(each) for each in arguments)])
