"""Commands that ask a running app for its work: status, payouts, waiting."""

import json
from typing import Annotated, Any

import typer

from cli.remote import DEFAULT_URL, AsJson, Url, ask, option


def status(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app how much work is done, waits or is parked."""
    found = ask(url, "status")
    if not _is_json(found, as_json):
        from cli import work_pages as pages  # noqa: PLC0415 - a quick start for the others

        pages.status_page(found, option(url), pages.console())


def payouts(
    open_: Annotated[bool, typer.Option("--open", help="Only those not tied out yet.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Ask a running app which payouts are tied out, and what others lack."""
    found = ask(url, "payouts")
    if open_:
        rows = [each for each in found["payouts"] if each["status"] != "tied"]
        found = {**found, "payouts": rows}
    if not _is_json(found, as_json):
        from cli import work_pages as pages  # noqa: PLC0415 - as above

        pages.payouts_page(found, pages.console())


def waiting(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app what waits or is scheduled: since when, why, and until when."""
    found = ask(url, "waiting")
    if not _is_json(found, as_json):
        from cli import work_pages as pages  # noqa: PLC0415 - as above

        pages.waiting_page(found, pages.console())


def _is_json(found: dict[str, Any], as_json: bool) -> bool:
    """Print an answer as it is, where that is asked for."""
    if as_json:
        typer.echo(json.dumps(found))
    return as_json
