"""`tieout world`: what a person does to the peers of a running `tieout serve`.

Thin: each command is a control route of a peer (`local/stripe/control.py`,
`local/dynamics/control.py`), or the route by which the Functions host runs a timer.
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.remote import DEFAULT_URL, FAILED, Url, address, fail, json_of, send

DEFAULT_STRIPE, DEFAULT_DYNAMICS = "http://127.0.0.1:12111", "http://127.0.0.1:7365"
ACCEPTED = (200, 202)
DELIVERY = "delivery."

Stripe = Annotated[str, typer.Option(envvar="TIEOUT_STRIPE_PEER", help="The Stripe peer.")]
Dynamics = Annotated[str, typer.Option(envvar="TIEOUT_DYNAMICS_PEER", help="The Dynamics peer.")]
Company = Annotated[str, typer.Option(help="Only this company.")]
File = Annotated[Path, typer.Argument(help="A JSON file with one object, or a list of them.")]

world = typer.Typer(
    no_args_is_help=True, help="The peers of a running tieout serve: jobs, faults, what people do."
)


class Job(StrEnum):
    """The batch jobs of the Dynamics peer."""

    ALL = "all"
    POST_JOURNALS = "post-journals"
    INVOICE_ORDERS = "invoice-orders"
    POST_FREE_TEXT_INVOICES = "post-free-text-invoices"
    INVOICE_RETURNS = "invoice-returns"
    POST_PRICE_JOURNALS = "post-price-journals"


class Peer(StrEnum):
    """Who has faults."""

    STRIPE = "stripe"
    DYNAMICS = "dynamics"


@world.command()
def state(stripe: Stripe = DEFAULT_STRIPE, dynamics: Dynamics = DEFAULT_DYNAMICS) -> None:
    """What the peers hold and were asked so far."""
    _show({"stripe": _call(stripe, "GET", "state"), "dynamics": _call(dynamics, "GET", "requests")})


@world.command()
def job(
    name: Annotated[
        Job, typer.Argument(help="The job; `all` runs each job once, as a night does.")
    ],
    company: Company = "",
    dynamics: Dynamics = DEFAULT_DYNAMICS,
) -> None:
    """Run a batch job of Dynamics now: what it posted or invoiced, and what it refused."""
    if name is Job.ALL and company:
        fail("all jobs run for all companies: name one job to choose a company")
    route = "run_jobs" if name is Job.ALL else name.replace("-", "_")
    _show(_call(dynamics, "POST", route, {"company": company} if company else {}))


@world.command()
def timer(
    name: Annotated[str, typer.Argument(help="sweep_waiting, watch_journals, heal_parked, ...")],
    url: Url = DEFAULT_URL,
) -> None:
    """Run a timer of the app now; it works in the background."""
    answer = send("POST", f"{address(url)}/admin/functions/{name}", json={"input": ""})
    if answer.status_code not in ACCEPTED:
        fail(f"the app has no timer {name} (HTTP {answer.status_code}): see docs/operations.md")
    typer.echo(f"{name} runs")


@world.command()
def faults(
    peer: Annotated[Peer, typer.Argument(help="Whose faults.")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            help="NAME=NUMBER, such as throttle=0.2. Without any, the faults are shown."
        ),
    ] = None,
    *,
    off: Annotated[bool, typer.Option("--off", help="Switch all off first.")] = False,
    stripe: Stripe = DEFAULT_STRIPE,
    dynamics: Dynamics = DEFAULT_DYNAMICS,
) -> None:
    """Show the faults of a peer, or change those that are named; the others stay."""
    where = stripe if peer is Peer.STRIPE else dynamics
    answer = _call(where, "GET", "faults")
    if off or changes:
        base = _off(answer) if off else answer
        answer = _call(where, "POST", "faults", _changed(base, changes or ()))
    _show(answer)


@world.command("close-period")
def close_period(
    company: Annotated[str, typer.Argument(help="The company.")],
    month: Annotated[str, typer.Argument(help="YYYY-MM")],
    *,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again.")] = False,
    dynamics: Dynamics = DEFAULT_DYNAMICS,
) -> None:
    """Close a month for posting in Dynamics, or open it again."""
    year, _, number = month.partition("-")
    if not (year.isdigit() and number.isdigit()):
        fail(f"{month} is not a month: write it as 2026-10")
    body = {"company": company, "year": int(year), "month": int(number), "open": reopen}
    _show(_call(dynamics, "POST", "close_period", body))


@world.command("block-customer")
def block_customer(
    company: Annotated[str, typer.Argument(help="The company.")],
    account: Annotated[str, typer.Argument(help="The customer's account.")],
    status: Annotated[
        str, typer.Argument(help="All, Invoice, ...; No takes the customer off hold.")
    ],
    dynamics: Dynamics = DEFAULT_DYNAMICS,
) -> None:
    """Put a customer on hold in Dynamics."""
    body = {"company": company, "account": account, "status": status}
    _show(_call(dynamics, "POST", "block_customer", body))


@world.command("merge-customers")
def merge_customers(
    company: Annotated[str, typer.Argument(help="The company.")],
    loser: Annotated[str, typer.Argument(help="The account that is merged away.")],
    winner: Annotated[str, typer.Argument(help="The account that stays.")],
    dynamics: Dynamics = DEFAULT_DYNAMICS,
) -> None:
    """Merge two customers in Dynamics."""
    body = {"company": company, "loser": loser, "winner": winner}
    _show(_call(dynamics, "POST", "merge_customers", body))


@world.command()
def store(file: File, stripe: Stripe = DEFAULT_STRIPE) -> None:
    """Put Stripe objects into the Stripe peer, as their current state."""
    _show(_call(stripe, "POST", "objects", _read(file)))


@world.command()
def deliver(file: File, stripe: Stripe = DEFAULT_STRIPE) -> None:
    """Let the Stripe peer sign Stripe events and deliver them to the app, each once."""
    _show(_call(stripe, "POST", "events", _read(file)))


def _call(peer: str, method: str, route: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """The answer of a control route; a refusal ends the command."""
    given = {} if body is None else {"json": body}
    where = f"{address(peer)}/_peer/{route}"
    answer = send(method, where, **given)
    reply = json_of(answer)
    if reply is None:
        fail(f"{where} answered {answer.status_code}: is that a peer of `tieout serve`?")
    value = reply.get("value", reply)
    if answer.status_code not in ACCEPTED:
        error = value.get("error", value) if isinstance(value, dict) else value
        fail(f"refused: {error.get('message', error) if isinstance(error, dict) else error}")
    return value


def _changed(faults: dict[str, Any], changes: list[str] | tuple[()]) -> dict[str, Any]:
    """Faults with NAME=NUMBER; `delivery.NAME` for the inner ones of Stripe."""
    made = {**faults, "delivery": {**faults["delivery"]}} if "delivery" in faults else {**faults}
    for change in changes:
        name, _, text = change.partition("=")
        try:
            value = json.loads(text)
        except ValueError:
            fail(f"{change}: write it as throttle=0.2")
        if name.startswith(DELIVERY) and "delivery" in made:
            made["delivery"][name.removeprefix(DELIVERY)] = value
        else:
            made[name] = value
    return made


def _off(faults: dict[str, Any]) -> dict[str, Any]:
    """No fault: rates are 0; the numbers that only say how long one takes stay."""
    made: dict[str, Any] = {}
    for name, value in faults.items():
        if isinstance(value, dict):
            made[name] = _off(value)
        elif isinstance(value, list):
            made[name] = [0.0 for _ in value]
        else:
            made[name] = value if name in DURATIONS else 0
    return made


DURATIONS = ("timeout_seconds", "retry_after_seconds", "late_commit_seconds")


def _read(file: Path) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        typer.echo(f"{file} cannot be read as JSON: {error}", err=True)
        raise typer.Exit(FAILED) from None


def _show(answer: object) -> None:
    typer.echo(json.dumps(answer, indent=2))
