"""The commands of `tieout customers`: decide which Dynamics account a parked customer has."""

from typing import Annotated
from urllib.parse import quote

import typer

from cli.remote import DEFAULT_URL, FAILED, Url, ask

customers = typer.Typer(no_args_is_help=True, help="Customers of a running app.")


@customers.command()
def accept(
    customer: Annotated[str, typer.Argument(help="The Stripe customer: cus_...")],
    *,
    company: Annotated[str, typer.Option(help="The company in Dynamics.")],
    who: Annotated[str, typer.Option(help="Who decided; kept.")],
    why: Annotated[str, typer.Option(help="Why; kept.")],
    account: Annotated[str, typer.Option(help="Its account there.")] = "",
    new: Annotated[bool, typer.Option("--new", help="It has no account: create one.")] = False,
    shared: Annotated[
        bool,
        typer.Option("--shared", help="Link the account even if another Stripe customer has it."),
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Link a Stripe customer to an account, or have one created; what waited is tried again."""
    if bool(account) == new:
        typer.echo("give either --account or --new", err=True)
        raise typer.Exit(FAILED)
    body = {"company": company, "account": account, "new": new, "shared": shared}
    body |= {"who": who, "why": why}
    decision = ask(url, f"customers/{quote(customer, safe='')}/accept", (202, 409), body)
    if "sent" not in decision:
        typer.echo(decision["message"], err=True)
        raise typer.Exit(FAILED)
    typer.echo(f"{decision['sent']} sent")
