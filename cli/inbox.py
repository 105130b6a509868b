"""The commands of `tieout inbox`: what is parked, try it again, or settle it by hand."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any
from urllib.parse import quote

import typer

from cli.remote import DEFAULT_URL, FAILED, AsJson, Url, ask
from shared.domain.money import from_decimal

inbox = typer.Typer(no_args_is_help=True, help="Parked items of a running app.")


@inbox.command("list")
def inbox_list(
    cause: Annotated[str, typer.Option(help="Only this cause.")] = "",
    resolved: Annotated[
        bool,
        typer.Option("--resolved", help="Show the items that people resolved by hand instead."),
    ] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """What is parked, why, and what to do; exit 1 when there is anything."""
    status = "&status=resolved" if resolved else ""
    answer = ask(url, f"inbox?cause={quote(cause)}{status}")
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        from cli import pages

        pages.inbox_page(answer, pages.console(), resolved=resolved)
    if answer["items"] and not resolved:
        raise typer.Exit(1)


@inbox.command("retry")
def inbox_retry(
    ids: Annotated[list[str] | None, typer.Argument(help="The items to retry.")] = None,
    cause: Annotated[str, typer.Option(help="Or all items of a cause.")] = "",
    who: Annotated[str, typer.Option(help="Who decided; required for resolved items.")] = "",
    url: Url = DEFAULT_URL,
) -> None:
    """Converge parked or resolved items again."""
    body: dict[str, Any] = {"ids": ids} if ids else {"cause": cause}
    answer = ask(url, "inbox/retry", (202, 400), body | ({"who": who} if who else {}))
    _refused(answer)
    _done(answer["sent"], "sent", ids or ())


@inbox.command("resolve")
def inbox_resolve(
    ids: Annotated[list[str], typer.Argument(help="The items that a person settled by hand.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept for ever.")],
    who: Annotated[str, typer.Option(help="Who decided; kept for ever.")],
    company: Annotated[str, typer.Option(help="Money: the company that booked it.")] = "",
    voucher: Annotated[str, typer.Option(help="Money: its voucher there.")] = "",
    amount: Annotated[str, typer.Option(help="Money: its amount in Stripe, as 12.34.")] = "",
    currency: Annotated[
        str, typer.Option(help="Currency of the amount; by default the item's.")
    ] = "",
    not_to_book: Annotated[
        bool, typer.Option("--not-to-book", help="Money: it is not to be booked at all.")
    ] = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Take items out of the inbox for good: Tieout leaves them alone until you retry them."""
    body: dict[str, Any] = {"ids": ids, "reason": reason, "who": who}
    if not_to_book:
        body["not_to_book"] = True
    body |= {name: text for name, text in (("company", company), ("voucher", voucher)) if text}
    if amount:
        currency = currency or _currency_of(ids, ask(url, "inbox"))
        body["amount_minor"] = _minor(amount, currency)
    if currency:
        body["currency"] = currency.lower()
    answer = ask(url, "inbox/resolve", (200, 400, 409), body)
    _refused(answer)
    for refusal in answer.get("refused", ()):
        typer.echo(f"{refusal['id']}: {refusal['reason']}", err=True)
    _done(answer["resolved"], "resolved", ids)


def _currency_of(ids: Sequence[str], answer: Mapping[str, Any]) -> str:
    """The currency of the one item. Ends the command when it is not known."""
    known = {
        str(item["currency"])
        for item in answer["items"]
        if item["id"] in ids or any(event["id"] in ids for event in item["events"])
    }
    if len(known) != 1 or known == {""}:
        typer.echo("the currency of the amount is unknown: add --currency", err=True)
        raise typer.Exit(FAILED)
    return known.pop()


def _minor(amount: str, currency: str) -> int:
    """An amount in minor units. Ends the command when it is none."""
    try:
        return from_decimal(Decimal(amount), currency.lower()).minor
    except (ValueError, InvalidOperation) as error:
        typer.echo(f"--amount {amount}: write it as 12.34 ({error})", err=True)
        raise typer.Exit(FAILED) from error


def _refused(answer: Mapping[str, Any]) -> None:
    """End the command with the app's sentence when it refused the request."""
    if "message" in answer:
        typer.echo(answer["message"], err=True)
        raise typer.Exit(FAILED)


def _done(count: int, done: str, ids: Sequence[str]) -> None:
    """Say how many; exit 1 when it was not done to all that were named."""
    typer.echo(f"{count} {done}")
    missing = len(dict.fromkeys(ids)) - count
    if missing > 0:
        typer.echo(f"{missing} of those named: not parked, or nothing to converge", err=True)
        raise typer.Exit(1)
