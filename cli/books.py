"""`tieout books`: a first draft of the books from what Dynamics has.

It asks Dynamics itself, because the app does not start before it has books. The connection comes
from the same variables as the app's.
"""

import asyncio
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cli.remote import FAILED

VARIABLES = ("DYNAMICS_URL", "DYNAMICS_TOKEN_URL", "DYNAMICS_CLIENT_ID", "DYNAMICS_CLIENT_SECRET")

books = typer.Typer(no_args_is_help=True, help="The books: companies, accounts, currencies.")

# None: the network. Tests answer themselves.
transport: ContextVar[httpx.AsyncBaseTransport | None] = ContextVar("dynamics", default=None)


@books.callback()
def _commands() -> None:
    """The books: companies, accounts, currencies."""


@books.command("init")
def init(
    company: Annotated[
        list[str], typer.Option("--company", help="A legal entity; several times for several.")
    ],
    into: Annotated[Path, typer.Option(help="The file to write.")] = Path("books.yaml"),
) -> None:
    """Write a commented draft of the books, with suggestions and blanks marked "?".

    DYNAMICS_URL, DYNAMICS_TOKEN_URL, DYNAMICS_CLIENT_ID and DYNAMICS_CLIENT_SECRET say where
    Dynamics is and who asks. Nothing is changed there.
    """
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise _failed(f"missing: {', '.join(missing)} (README.md, Configure)")
    if into.exists():
        raise _failed(f"{into} is there already: name another file with --into")
    from shared.errors import TieoutError
    from shared.services.operations import DraftRefused

    try:
        text = asyncio.run(_draft(company))
    except (DraftRefused, TieoutError) as error:
        raise _failed(str(error)) from None
    try:
        with into.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _failed(f"{into}: {error.strerror}") from None
    typer.echo(f'{into}: fill in every "?", then: tieout mapping validate {into}')


async def _draft(companies: list[str]) -> str:
    from shared.clients.clock import SystemClock
    from shared.connections import HTTP_SECONDS_MAX, dynamics_client
    from shared.services.operations import draft

    url, token_url, client_id, secret = (os.environ[name] for name in VARIABLES)
    async with httpx.AsyncClient(transport=transport.get(), timeout=HTTP_SECONDS_MAX) as http:
        gateway = dynamics_client(
            url.rstrip("/"), (token_url, client_id, secret), http, SystemClock()
        )
        return await draft(gateway, companies)


def _failed(text: str) -> typer.Exit:
    typer.echo(text, err=True)
    return typer.Exit(FAILED)
