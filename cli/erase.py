"""`tieout erase`: take a person out of what a running app has stored."""

import json
from typing import Annotated
from urllib.parse import quote

import typer

from cli.remote import DEFAULT_URL, FAILED, AsJson, Url, ask


def erase(
    customer: Annotated[str, typer.Argument(help="The Stripe customer: cus_...")],
    *,
    who: Annotated[str, typer.Option(help="Who decided; kept in the audit log.")],
    why: Annotated[str, typer.Option(help="Why, without the person's name; kept.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Take a customer's personal data out of Tieout's tables; exit 1 while something is left.

    Stripe and Dynamics keep theirs: redact the customer there too.
    """
    route = f"customers/{quote(customer, safe='')}/erase"
    answer = ask(url, route, (200, 202, 409), {"who": who, "why": why})
    if "customer" not in answer:
        typer.echo(answer["message"], err=True)
        raise typer.Exit(FAILED)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        typer.echo(
            f"{answer['customer']}: {answer['rows']} records and {answer['items']} items said "
            f"something personal; {answer['charges']} charges were looked at"
        )
    if not answer["is_complete"]:
        named = ", ".join(answer["busy"])
        typer.echo(f"not all of it yet, these were busy: {named}. Ask again in a minute", err=True)
        raise typer.Exit(1)
