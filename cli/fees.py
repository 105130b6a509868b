"""The commands of `tieout fees`: what of a month waits for Stripe's tax document, and confirming
one."""

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.remote import DEFAULT_URL, FAILED, AsJson, Url, ask, fail
from shared.domain.money import from_decimal

fees = typer.Typer(no_args_is_help=True, help="Fees and Stripe's tax documents.")


@fees.command("show")
def fees_show(
    month: Annotated[str, typer.Argument(help="The month of the tax document, as 2026-10.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Ask a running app for the fees of a month, its tax documents, and what they differ by."""
    answer = ask(url, f"fees?month={quote(month)}")
    if as_json:
        typer.echo(json.dumps(answer))
        return
    from cli import work_pages as pages

    pages.fees_page(answer, pages.console())


@fees.command("confirm")
def fees_confirm(
    month: Annotated[str, typer.Argument(help="The month of the fees, as 2026-10.")],
    *,
    company: Annotated[str, typer.Option(help="The company that it is made out to.")],
    currency: Annotated[str, typer.Option(help="Its currency, as eur.")],
    number: Annotated[str, typer.Option(help="Its number; at most 20 characters.")],
    date: Annotated[str, typer.Option(help="Its date, as 2026-10-31.")],
    total: Annotated[str, typer.Option(help="Its total with tax, as 1234.56.")],
    tax: Annotated[str, typer.Option(help="The tax on it; 0 for a reverse charge.")] = "0",
    post_on: Annotated[
        str, typer.Option(help="Accounting date, where it is not the document's.")
    ] = "",
    allow_excess: Annotated[
        bool, typer.Option("--allow-excess", help="It may be of more than was accrued.")
    ] = False,
    who: Annotated[str, typer.Option(help="Who confirms; kept.")],
    why: Annotated[str, typer.Option(help="Why; kept.")] = "Stripe's tax document",
    url: Url = DEFAULT_URL,
) -> None:
    """Confirm a tax document of Stripe: it becomes a vendor invoice and is settled."""
    currency = currency.lower()
    body: dict[str, Any] = {
        "month": month,
        "company": company,
        "currency": currency,
        "number": number,
        "date": date,
        "total_minor": _minor("total", total, currency),
        "tax_minor": _minor("tax", tax, currency),
        "who": who,
        "why": why,
    }
    if post_on:
        body["post_on"] = post_on
    if allow_excess:
        body["allow_excess"] = True
    answer = ask(url, "fees", (202, 400, 409), body)
    if "id" not in answer:
        typer.echo(answer["message"], err=True)
        raise typer.Exit(FAILED)
    from cli import work_pages as pages

    typer.echo(f"{answer['id']} is {'booked' if answer['written'] else 'confirmed'}")
    typer.echo(pages.fee_difference(answer["difference"]))
    if answer["remedy"]:
        typer.echo(answer["remedy"])


def _minor(name: str, amount: str, currency: str) -> int:
    """An amount in minor units; ends the command for what is none."""
    try:
        return from_decimal(Decimal(amount), currency).minor
    except (InvalidOperation, ValueError):
        fail(f"{amount!r} is not an amount of {currency.upper()}: write --{name} as 1234.56")
