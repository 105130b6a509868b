"""The `tieout` command.

`demo`, `serve` and `replay` run the embedded world on this machine, `mapping` reads files; the
other commands ask a running app. The world is imported only by the commands that need it.
"""

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import simplejson
import typer

from cli.audit import audit
from cli.books import books
from cli.corrections import reclass, reverse
from cli.customers import customers
from cli.entry import options, run
from cli.erase import erase
from cli.fees import fees
from cli.inbox import inbox
from cli.mapping import mapping
from cli.probe import probe
from cli.ready_page import ready_lines
from cli.remote import DEFAULT_URL, AsJson, Url, ask
from cli.setup import setup
from cli.work import disputes, payouts, status, waiting
from cli.world import world as peers

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Book Stripe into Dynamics 365, to the cent.",
)

POLL_SECONDS = 1.0


def _quiet() -> None:
    """The embedded world meets faults on purpose; their stack traces are not news."""
    logging.basicConfig(level=logging.ERROR)
    for name in ("azure.functions", "azure_functions_runtime", "tieout", "tieout.host"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="The number that fixes the run.")] = 1,
    customers: Annotated[int, typer.Option(min=1, max=10_000)] = 40,
    charges: Annotated[int, typer.Option(min=1, max=100_000)] = 400,
    days: Annotated[int, typer.Option(min=1, max=366)] = 30,
    as_json: AsJson = False,
) -> None:
    """A seeded month of a shop, from Stripe into Dynamics 365, ending in the tie-out."""
    from cli import pages
    from local import demo as world

    _quiet()
    started = time.monotonic()
    with pages.bars() as show:
        result = world.run(show, seed, customers, charges, days)
    seconds = time.monotonic() - started
    summary = result.summary
    if as_json:
        typer.echo(json.dumps({**summary.figures(), "digest": summary.digest()}))
    else:
        pages.demo_page(result, seconds, pages.console())
    if not summary.is_clean:
        raise typer.Exit(1)


@app.command()
def serve(
    *,
    app_port: Annotated[int, typer.Option(min=1, max=65_535)] = 7071,
    stripe_port: Annotated[int, typer.Option(min=1, max=65_535)] = 12111,
    dynamics_port: Annotated[int, typer.Option(min=1, max=65_535)] = 7365,
    seed: Annotated[int, typer.Option(help="The number that fixes ids and delays.")] = 1,
    post_seconds: Annotated[
        float,
        typer.Option(min=1, max=604_800, help="Seconds between runs of Dynamics' batch jobs."),
    ] = 60,
    peers_only: Annotated[
        bool, typer.Option(help="Without the app: Stripe, Dynamics, Service Bus and Azurite.")
    ] = False,
    bus_port: Annotated[
        int, typer.Option(min=1, max=65_535, help="With --peers-only: Service Bus, over AMQP.")
    ] = 5672,
    storage_port: Annotated[
        int, typer.Option(min=1, max=65_533, help="With --peers-only: Azurite, and the next two.")
    ] = 10_000,
) -> None:
    """The embedded world on local ports, for curl, the Stripe CLI and your own code.

    With a long --post-seconds, Dynamics posts and invoices by tieout world job alone. With
    --peers-only you start the app yourself, on the Azure Functions host (func start).
    """
    from local import serve as world

    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    ports = world.ServePorts(app_port, stripe_port, dynamics_port)
    if peers_only:
        from local import peers

        chosen = peers.PeerPorts(ports, bus_port, storage_port)
        problem = peers.run(chosen, seed, typer.echo, post_seconds)
    else:
        problem = world.run(ports, seed, typer.echo, post_seconds)
    if problem:
        typer.echo(problem, err=True)
        raise typer.Exit(1)


@app.command()
def replay(
    paths: Annotated[
        list[Path], typer.Argument(help="JSON or JSON lines (not CSV): files or folders of them.")
    ],
    report: Annotated[
        Path | None, typer.Option(help="Write the whole report to this file, as JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send exported Stripe events and objects through the embedded world; nothing leaves it.

    The report ends with an inventory: what was read, used and not used, and what is missing, with
    the command that exports it.

    Exit codes: 0 everything is booked and tied out; 1 something is parked, not understood, or a
    gap; 2 nothing to replay, or wrong usage; 3 nothing is wrong, but something waits or is missing.
    """
    from cli import pages
    from cli.replay_page import replay_page
    from local import replay as world
    from local.replay import read

    _quiet()
    if report is not None and (problem := _unwritable(report)):
        typer.echo(f"the report cannot be written to {report}: {problem}", err=True)
        raise typer.Exit(2)
    exported = read(paths, report)
    if not exported.events and not exported.objects:
        for unread in exported.problems:
            typer.echo(f"{unread.where}: {unread.reason}", err=True)
        for file in exported.unread:
            typer.echo(f"{file.where}: {file.reason}", err=True)
        for thin in exported.thin:
            typer.echo(f"{thin.where}: {thin.id} is a thin event, without its object", err=True)
        typer.echo("no Stripe event or object found", err=True)
        raise typer.Exit(2)
    with pages.bars() as show:
        result = world.run(exported, show)
    text = simplejson.dumps(result.figures(), indent=2, use_decimal=True)
    if report is not None:
        report.write_text(text + "\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        replay_page(result, pages.console())
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _unwritable(path: Path) -> str:
    """Why a file cannot be written; empty where it can. Leaves no file behind."""
    was_there = path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if not was_there:
            path.unlink()
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


@app.command()
def simulate(
    *,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 200,
    first: Annotated[int, typer.Option(min=0, help="The first seed.")] = 1,
    step: Annotated[
        int, typer.Option(min=1, help="From seed to seed; 5 from 5 on: those with Event Grid.")
    ] = 1,
    seed: Annotated[int | None, typer.Option(help="Only this seed, with its timeline.")] = None,
    timeline: Annotated[Path | None, typer.Option(help="Folder for timelines.")] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    days: Annotated[
        float, typer.Option(min=1, max=366, help="Days of business for each seed.")
    ] = 30,
    rate: Annotated[
        list[str] | None, typer.Option(help="KIND=SHARE: the rate of a kind of fault, 0 to 1.")
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Only the faults of --rate.")] = False,
    minimise: Annotated[
        bool, typer.Option(help="Find which faults a failure needs, with up to 40 more runs.")
    ] = True,
) -> None:
    """Live through simulated months with every fault on; exit 1 when an invariant breaks."""
    from local import simulation

    _quiet()
    try:
        rates = simulation.rates_named(rate or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--rate") from None
    raise typer.Exit(
        simulation.main(
            *(seeds, first, seed, timeline, jobs),
            step=step,
            days=days,
            rates=rates,
            only=only,
            shrinks=minimise,
        )
    )


@app.command()
def proof(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app for its clearing proof; exit 1 when a balance has a gap."""
    proofs = ask(url, "proof")
    if as_json:
        typer.echo(json.dumps(proofs))
    else:
        from cli import pages

        pages.proof_page(proofs, pages.console())
    accounts = [proofs, *proofs.get("accounts", {}).values()]
    gaps = [
        part
        for account in accounts
        for part in (*account["currencies"].values(), *account.get("balances", ()))
        if part["gap_minor"]
    ]
    if gaps or any(account.get("not_proved") or account.get("problem") for account in accounts):
        raise typer.Exit(1)


@app.command()
def ready(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app whether it is ready, and what to look at by hand; exit 1 with the reasons
    when it is not."""
    answer = ask(url, "ready", accept=(200, 503))
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        if "books" in answer:
            typer.echo(_in_force(answer["books"]))
        for line in ready_lines(answer):
            typer.echo(line)
    if answer.get("status") != "ready":
        raise typer.Exit(1)


def _in_force(books: Mapping[str, str]) -> str:
    """Which books are in force, in words."""
    if not books["source"]:
        return "books: not known while the active mapping cannot be read"
    if not books["document"]:
        return f"books in force: the first value, {books['source']}; none are published"
    return f"books in force: {books['document']}, published in set {books['set'][:12]}"


@app.command()
def receipts(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """Ask a running app for receipts that no invoice took, wholly or in part."""
    answer = ask(url, "receipts")
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        from cli import pages

        pages.receipts_page(answer, pages.console())


@app.command()
def backfill(
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How far back.")] = 30,
    account: Annotated[
        str, typer.Option(help="Alias of a Stripe account of TIEOUT_STRIPE_ACCOUNTS.")
    ] = "",
    who: Annotated[str, typer.Option(help="Who wants it; kept in the audit log.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Let a running app book an account's past; shows the progress until it is done."""
    from cli import pages

    named = {name: text for name, text in (("account", account), ("who", who)) if text}
    route = f"backfill?account={quote(account)}" if account else "backfill"
    progress = ask(url, "backfill", (202,), {"days": days, **named})
    with pages.bars() as show:
        while progress["status"] == "running":
            show("backfill", progress["percent"], 100)
            time.sleep(POLL_SECONDS)
            progress = ask(url, route)
        show("backfill", progress["percent"], 100)
    if as_json:
        typer.echo(json.dumps(progress))
    else:
        typer.echo(f"{progress['seen']} transactions read, {progress['sent']} sent to be booked")
    if progress["status"] == "stopped":
        typer.echo(
            "The backfill stopped before its end. Start it again; it books nothing twice.", err=True
        )
        raise typer.Exit(1)


app.callback()(options)
for _name, _command in (
    *(("status", status), ("payouts", payouts), ("waiting", waiting)),
    *(("disputes", disputes), ("reclass", reclass), ("reverse", reverse)),
    *(("audit", audit), ("erase", erase), ("setup", setup), ("probe", probe)),
):
    app.command(_name)(_command)
app.add_typer(inbox, name="inbox")
app.add_typer(mapping, name="mapping")
app.add_typer(books, name="books")
app.add_typer(customers, name="customers")
app.add_typer(fees, name="fees")
app.add_typer(peers, name="world")


def main() -> None:
    """The entry point of the console script."""
    run(app)
