"""`tieout audit`: who did what in a running app."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from cli.remote import DEFAULT_URL, AsJson, Url, ask

OBJECTS_SHOWN = 3


def audit(
    *,
    who: Annotated[str, typer.Option(help="Only of this name, as the log shows it.")] = "",
    action: Annotated[str, typer.Option(help="Only this action: retry, publish, ...")] = "",
    object_: Annotated[
        str, typer.Option("--object", help="Only about this id: txn_..., cus_...")
    ] = "",
    since: Annotated[str, typer.Option(help="From this moment: 2026-11-30.")] = "",
    until: Annotated[str, typer.Option(help="Up to this moment.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Entries of a page.")] = 50,
    after: Annotated[str, typer.Option(help="Where the page before ended.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Who did what: retries, resolutions, decisions, mappings, backfills; newest first."""
    asked = {"who": who, "action": action, "object": object_, "since": since, "until": until}
    asked |= {"limit": str(limit), "after": after}
    answer = ask(url, f"audit?{urlencode({name: text for name, text in asked.items() if text})}")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for entry in answer["entries"]:
        typer.echo(line_of(entry))
    if answer["after"]:
        typer.echo(f"there are older entries: add --after {answer['after']}", err=True)
    elif not answer["entries"]:
        typer.echo("no entries", err=True)


def line_of(entry: Mapping[str, Any]) -> str:
    """An entry in one line."""
    objects = entry["objects"]
    named = ", ".join(objects[:OBJECTS_SHOWN])
    more = len(objects) - OBJECTS_SHOWN
    detail = " ".join(f"{name}={value}" for name, value in entry["detail"].items())
    parts = (
        f"{entry['at'][:19]}  {entry['who']}  {entry['action']}",
        f"{named} and {more} more" if more > 0 else named,
        detail,
        entry["why"],
    )
    return "  ".join(part for part in parts if part)
