"""Asking a running app over HTTP. The key comes from the environment, never from the command."""

import os
from contextvars import ContextVar
from typing import Annotated, Any

import httpx
import typer

DEFAULT_URL = "http://127.0.0.1:7071"
KEY_VARIABLE = "TIEOUT_FUNCTION_KEY"
ROUTE_SECONDS_MAX = 600.0
FAILED = 2  # exit code

AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON.")]
Url = Annotated[str, typer.Option(help="Where the app runs.")]

# None: the network. Tests answer themselves.
transport: ContextVar[httpx.BaseTransport | None] = ContextVar("transport", default=None)


def ask(
    url: str,
    route: str,
    accept: tuple[int, ...] = (200,),
    body: dict[str, Any] | None = None,
    key_variable: str = KEY_VARIABLE,
) -> dict[str, Any]:
    """The JSON answer of a route; ends the command with a sentence when there is none."""
    headers = {"x-functions-key": os.environ.get(key_variable, "")}
    try:
        with httpx.Client(transport=transport.get(), timeout=ROUTE_SECONDS_MAX) as client:
            method = "GET" if body is None else "POST"
            answer = client.request(method, f"{url}/api/{route}", json=body, headers=headers)
        refused = answer.status_code in (401, 403)
        found = None if refused else answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        typer.echo(f"{url} did not answer as Tieout does: {error}", err=True)
        raise typer.Exit(FAILED) from error
    if answer.status_code not in accept or not isinstance(found, dict):
        typer.echo(f"{url}/api/{route} answered {answer.status_code}: {found or ''}", err=True)
        if refused:
            typer.echo(f"put a function key into {key_variable}", err=True)
        raise typer.Exit(FAILED)
    return found
