"""The commands `tieout reclass` and `tieout reverse`: what a person orders about written lines."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.remote import DEFAULT_URL, FAILED, Url, ask

Transaction = Annotated[str, typer.Argument(help="The balance transaction: txn_...")]
Who = Annotated[str, typer.Option(help="Who decided; kept.")]
Why = Annotated[str, typer.Option(help="Why; kept.")]
Day = Annotated[str, typer.Option("--date", help="Accounting date, as 2026-11-05; today if empty.")]


def reclass(
    transaction: Transaction,
    *,
    to: Annotated[str, typer.Option(help="The role of the account that it belongs to.")],
    who: Who,
    why: Why,
    day: Day = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Clear what a transaction has on suspense against the account of a role."""
    _order(url, "reclass", {"transaction": transaction, "to": to, "who": who, "why": why}, day)


def reverse(
    transaction: Transaction,
    *,
    line: Annotated[str, typer.Option(help="Which line of it: gross, fee, fee_tax, ...")] = "gross",
    who: Who,
    why: Why,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write the line again, by today's rules.")
    ] = False,
    day: Day = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Take back a posted line of a transaction, with or without a replacement."""
    body = {"transaction": transaction, "line": line, "who": who, "why": why, "replace": replace}
    _order(url, "reverse", body, day)


def _order(url: str, route: str, body: Mapping[str, Any], day: str) -> None:
    answer = ask(url, route, (202, 400, 409), {**body, **({"date": day} if day else {})})
    if "key" not in answer:
        typer.echo(answer["message"], err=True)
        raise typer.Exit(FAILED)
    state = "is written" if answer["written"] else "is ordered; tieout proof names it"
    typer.echo(f"{answer['key']} {state}")
