"""Asking a running app over HTTP. The key comes from the environment, never from the command."""

import os
from contextvars import ContextVar
from typing import Annotated, Any, NoReturn

import httpx
import typer

DEFAULT_URL = "http://127.0.0.1:7071"
URL_VARIABLE = "TIEOUT_URL"
KEY_VARIABLE = "TIEOUT_FUNCTION_KEY"
ROUTE_SECONDS_MAX = 600.0
FAILED = 2  # exit code
KEY_REFUSED = (401, 403)
NOT_FOUND = 404

AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON.")]
Url = Annotated[
    str,
    typer.Option(envvar=URL_VARIABLE, help="The address of the app, with or without /api."),
]

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
    base = address(url)
    key = os.environ.get(key_variable, "")
    answer = send(
        "GET" if body is None else "POST",
        f"{base}/api/{route}",
        json=body,
        headers={"x-functions-key": key},
    )
    reply = json_of(answer)
    if answer.status_code in KEY_REFUSED:
        given = f"refuses the key in {key_variable}" if key else "wants a function key"
        fail(
            f"{base} {given}: export {key_variable}=...   (Azure portal: the function app, "
            "Functions > App keys)"
        )
    if reply is None or (answer.status_code not in accept and "message" not in reply):
        _fail_unknown(base, route, answer)
    if answer.status_code not in accept:
        code = f" [{reply['code']}]" if "code" in reply else ""
        fail(f"{base}/api/{route} answered {answer.status_code}: {reply['message']}{code}")
    return reply


def address(url: str) -> str:
    """The address of an app as given, without `/api` at its end."""
    text = url.strip().rstrip("/")
    text = text.removesuffix("/api").rstrip("/")
    try:
        parts = httpx.URL(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.host)
    except httpx.InvalidURL:
        is_address = False
    if not is_address:
        fail(f"{url!r} is not an address of an app: write it as https://YOUR-APP.azurewebsites.net")
    return text


def option(url: str) -> str:
    """What a command to be pasted needs to reach the same app: ` --url ...`, or nothing."""
    known = (DEFAULT_URL, os.environ.get(URL_VARIABLE))
    return "" if url in known else f" --url {url}"


def send(method: str, url: str, **given: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
    """The answer to a request; ends the command with a sentence when nobody answers."""
    try:
        with httpx.Client(transport=transport.get(), timeout=ROUTE_SECONDS_MAX) as client:
            return client.request(method, url, **given)
    except httpx.ConnectError as error:
        fail(
            f"nothing answers at {url} ({error}). Is the app running there? Name another place "
            f"with --url or {URL_VARIABLE}; on this machine, tieout serve starts one"
        )
    except httpx.TimeoutException:
        fail(f"{url} gave no answer in time: look in the log of the app, then try again")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"{url} did not answer: {error}")


def json_of(answer: httpx.Response) -> dict[str, Any] | None:
    """The object that an answer holds; None where it holds none."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _fail_unknown(base: str, route: str, answer: httpx.Response) -> NoReturn:
    """End the command: the answer is not one of Tieout's."""
    if answer.status_code == NOT_FOUND:
        fail(
            f"{base} has no route /api/{route.partition('?')[0]}: is that the address of Tieout, "
            "and as new as this command (tieout --version)?"
        )
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    fail(
        f"{base} did not answer like Tieout (HTTP {answer.status_code}, {kind}): is that its "
        "address?"
    )


def fail(message: str) -> NoReturn:
    """End the command with a sentence."""
    typer.echo(message, err=True)
    raise typer.Exit(FAILED)
