"""The command `tieout setup`."""

import asyncio
import json
import sys
from contextvars import ContextVar
from typing import Annotated, Any

import httpx
import typer

from cli.remote import DEFAULT_URL, AsJson, Url, address, ask, fail
from cli.setup import page
from cli.setup.endpoint import EndpointAction, WantedEndpoint, url_problem
from cli.setup.failure import SetupFailed
from cli.setup.steps import (
    DEFAULT_ACCOUNT,
    Facts,
    SetupReport,
    StepState,
    account_of,
    check_key,
    check_prerequisites,
    livemode_wanted,
    set_up_endpoint,
    wanted_endpoint,
)
from cli.setup.stripe import STRIPE_URL, Pause, StripeWebhooks
from cli.setup.vault import KeyVault, TokenSource, azure_token
from shared.version import VERSION

LEFT_TO_DO = 1  # exit code
PUBLIC_ADDRESS = "Give the public address of the app with --url."

# None: the network. Tests answer themselves.
outside: ContextVar[httpx.AsyncBaseTransport | None] = ContextVar("outside", default=None)
login: ContextVar[TokenSource] = ContextVar("login", default=azure_token)
pause: ContextVar[Pause] = ContextVar("pause", default=asyncio.sleep)


def setup(
    *,
    account: Annotated[
        str, typer.Option(help="Alias of a Stripe account of TIEOUT_STRIPE_ACCOUNTS.")
    ] = DEFAULT_ACCOUNT,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")
    ] = False,
    vault: Annotated[
        str,
        typer.Option(
            envvar="TIEOUT_VAULT_NAME",
            help="The Key Vault that the app reads: the signing secret goes there, with your "
            "Azure login. Without it the secret is printed, once.",
        ),
    ] = "",
    who: Annotated[str, typer.Option(help="Who sets it up; kept in the audit log.")] = "",
    stripe_url: Annotated[
        str, typer.Option(help="Another address of the Stripe API (a local peer).")
    ] = STRIPE_URL,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Set up Stripe for a deployed app: permissions, webhook endpoint, signing secret, readiness.

    Your own Stripe key is read from standard input (or asked for) and kept nowhere; it may write
    webhook endpoints. The app's own key never may.

    Exit codes: 0 the app is ready; 1 something is left to do; 2 it could not be done.
    """
    report = SetupReport(dry_run=dry_run)
    base = address(url)
    ask(url, "health")
    facts = ask(url, "setup")
    problem = ""
    mode = facts["livemode"] is True
    try:
        known = account_of(facts, account)
        mode = livemode_wanted(facts, known) is True
        check_prerequisites(report, facts, known, VERSION)
        wanted = wanted_endpoint(facts, base, _alias(account))
        key = _key_for(report, wanted.url)
        if key:
            _check(report, key, facts, known)
            id = "" if known is None else str(known["account_id"])
            asyncio.run(_at_stripe(report, key, wanted, id, vault=vault, stripe_url=stripe_url))
            _note(report, url, account, who)
    except SetupFailed as error:
        problem = str(error)
    _print(report, facts, url, mode=mode, as_json=as_json, problem=problem)


def _alias(account: str) -> str:
    from shared.stripe_accounts import check_alias

    if account == DEFAULT_ACCOUNT:
        return account
    try:
        return check_alias(account)
    except ValueError as error:
        raise SetupFailed(f"--account {error}") from None


def _key_for(report: SetupReport, webhook_url: str) -> str:
    """The person's key; empty where a dry run is not to ask Stripe. Raises `SetupFailed`."""
    unreachable = url_problem(webhook_url)
    if unreachable and not report.dry_run:
        raise SetupFailed(f"{unreachable}. {PUBLIC_ADDRESS}")
    if unreachable:
        report.fail("endpoint", unreachable, PUBLIC_ADDRESS)
        return ""
    key = _key(needed=not report.dry_run)
    if not key:
        report.note("endpoint", f"{webhook_url}: without a key it was not compared with Stripe")
    return key


def _key(*, needed: bool) -> str:
    """The person's key. Raises `SetupFailed`."""
    if sys.stdin.isatty():
        why = "not shown, not kept" if needed else "not shown, not kept; empty: ask the app alone"
        asked = typer.prompt(
            f"Your Stripe key ({why})", default="", hide_input=True, show_default=False, err=True
        )
        key = str(asked)
    else:
        key = sys.stdin.readline()
    key = key.strip()
    if not key and needed:
        raise SetupFailed(
            "no Stripe key came: run tieout setup at a terminal, or write the key to its standard "
            "input (tieout setup < FILE). It must be allowed to write webhook endpoints"
        )
    return key


def _check(report: SetupReport, key: str, facts: Facts, account: Facts | None) -> None:
    """Raises `SetupFailed`."""
    from pydantic import SecretStr

    from shared.stripe_accounts import check_api_key, livemode_of

    try:
        check_api_key(SecretStr(key))
    except ValueError as error:
        raise SetupFailed(f"your Stripe key {error}") from None
    wanted = livemode_wanted(facts, account)
    mode = "live" if check_key(key, wanted, livemode_of) else "test"
    if wanted is None:
        report.note("mode", f"your key is of {mode} payments; the app does not say its mode yet")
    else:
        report.ok("mode", f"{mode} payments")


async def _at_stripe(
    report: SetupReport,
    key: str,
    wanted: WantedEndpoint,
    account_id: str,
    *,
    vault: str,
    stripe_url: str,
) -> None:
    from shared.addresses import check_address

    try:
        check_address(stripe_url)  # the key goes there
    except ValueError as error:
        raise SetupFailed(f"--stripe-url {error}") from None
    async with httpx.AsyncClient(transport=outside.get()) as http:
        stripe = StripeWebhooks(http, key, wanted.api_version, url=stripe_url, pause=pause.get())
        store = KeyVault(http, vault, login.get()) if vault else None
        await set_up_endpoint(report, stripe, store, wanted, account_id)


def _note(report: SetupReport, url: str, account: str, who: str) -> None:
    """Have the app put on record what was changed; it cannot before its settings are complete."""
    plan = report.plan
    if plan is None or report.dry_run or plan.action is EndpointAction.KEEP:
        return
    changes = "; ".join(plan.changes)
    body = {"who": who, "account": account, "endpoint": report.endpoint_id, "changes": changes}
    try:
        noted = ask(url, "setup", (200, 400, 503), body).get("noted") is True
    except typer.Exit:
        noted = False
    if noted:
        report.ok("audit log", "what was changed is on record")
    else:
        report.note("audit log", "the app cannot put it on record yet")


def _print(
    report: SetupReport, facts: dict[str, Any], url: str, *, mode: bool, as_json: bool, problem: str
) -> None:
    """Everything, and the exit code. The signing secret is out before the app is asked again."""
    if not as_json:
        for line in page.permission_lines(facts["permissions"], livemode=mode):
            typer.echo(line)
        typer.echo("")
        for line in page.step_lines(report.steps):
            typer.echo(line)
        if report.signing_secret:
            typer.echo(f"\nsigning secret: {report.signing_secret}\n")
    if problem and not as_json:
        fail(problem)
    ready = _ready(url)
    if as_json:
        found = page.as_json(report, facts, ready, livemode=mode)
        typer.echo(json.dumps({**found, "problem": problem} if problem else found))
        if problem:
            fail(problem)
    else:
        typer.echo("The app says:")
        for line in page.step_lines(page.checks_as_steps(ready)):
            typer.echo(line)
        for line in page.restart_lines(report):
            typer.echo(line)
        typer.echo(page.summary(report, ready))
    has_failed = any(step.state is StepState.FAIL for step in report.steps)
    if has_failed or ready.get("status") != "ready":
        raise typer.Exit(LEFT_TO_DO)


def _ready(url: str) -> dict[str, Any]:
    """The answer of `/api/ready`; empty, with a sentence on standard error, where there is none."""
    try:
        return ask(url, "ready", accept=(200, 503))
    except typer.Exit:
        return {}
