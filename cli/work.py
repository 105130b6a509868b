"""Commands that ask a running app for its work: status, payouts, disputes, waiting."""

import json
from typing import Annotated, Any

import typer

from cli.remote import DEFAULT_URL, AsJson, Url, ask, option


def status(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app how much work is done, waits or is parked."""
    answer = ask(url, "status")
    if not _is_json(answer, as_json):
        from cli import work_pages as pages

        pages.status_page(answer, option(url), pages.console())


def payouts(
    open_: Annotated[bool, typer.Option("--open", help="Only those not tied out yet.")] = False,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Ask a running app which payouts are tied out, and what others lack."""
    answer = ask(url, "payouts")
    if open_:
        rows = [payout for payout in answer["payouts"] if payout["status"] != "tied"]
        answer = {**answer, "payouts": rows}
    if not _is_json(answer, as_json):
        from cli import work_pages as pages

        pages.payouts_page(answer, pages.console())


def disputes(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app for open disputes: amount, deadline, and what stands on the account."""
    answer = ask(url, "disputes")
    if not _is_json(answer, as_json):
        from cli import work_pages as pages

        pages.disputes_page(answer, pages.console())


def waiting(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app what waits or is scheduled: since when, why, and until when."""
    answer = ask(url, "waiting")
    if not _is_json(answer, as_json):
        from cli import work_pages as pages

        pages.waiting_page(answer, pages.console())


def _is_json(answer: dict[str, Any], as_json: bool) -> bool:
    """Print an answer as it is, where that is asked for."""
    if as_json:
        typer.echo(json.dumps(answer))
    return as_json
