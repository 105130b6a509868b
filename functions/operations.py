"""What people and monitors ask: health, status, the clearing proof, the tie-outs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import azure.durable_functions as df
import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in
from functions.flows.client import DurableFlows
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.domain.ids import line_key
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.errors import TieoutError
from shared.version import VERSION

if TYPE_CHECKING:
    from shared.domain.clearing import Difference, Proof
    from shared.domain.corrections import NamedCorrection
    from shared.services.reconciliation import Proofs

bp = df.Blueprint()


@bp.route("api/health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Alive: the process answers, with its version. Says nothing about others."""
    del req
    return json_response({"status": "alive", "version": VERSION})


@bp.route("api/ready", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@guarded("ready")
async def ready(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Ready: settings, every system, and what the books name, each with problem and remedy;
    `books`: which are in force."""
    del req
    try:
        health = bootstrap.app().health(DurableFlows(client))
        checks, books = await health.ready(), await health.books()
    except TieoutError as error:
        return refused(error)
    problems = [check for check in checks if check.problem and not check.advice]
    body = {
        "status": "not ready" if problems else "ready",
        "books": books,
        "checks": [asdict(check) for check in checks],
    }
    return json_response(body, 503 if problems else 200)


@bp.route("api/status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@guarded("status")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Counts of messages and items."""
    del req
    try:
        return json_response(await bootstrap.app().health(DurableFlows(client)).status())
    except TieoutError as error:
        return refused(error)


@bp.route("api/payouts", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("payouts")
async def payouts(req: func.HttpRequest) -> func.HttpResponse:
    """The tie-outs of all payouts."""
    del req
    try:
        tie_outs = await bootstrap.app().reconcile().tie_outs()
    except TieoutError as error:
        return refused(error)
    return json_response({"payouts": [dict(row) for row in tie_outs]})


@bp.route("api/proof", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("proof")
async def proof(req: func.HttpRequest) -> func.HttpResponse:
    """The clearing proof of every currency, with its exceptions; `balances`: those of other
    balances of Stripe (issuing, ...); `accounts`: those of further accounts by alias, each as the
    default account's. `problem`: why an account has no proof, where there are several."""
    from shared.services.reconciliation import prove_each

    del req
    try:
        by_account = await prove_each(bootstrap.app().provers())
    except TieoutError as error:
        return refused(error)
    found = {alias: _proofs(proofs) for alias, proofs in by_account.items()}
    return json_response({**found.pop(DEFAULT_ACCOUNT), "accounts": found})


def _proofs(proofs: "Proofs | TieoutError") -> dict[str, object]:
    if isinstance(proofs, TieoutError):
        return {"scope": "", "currencies": {}, "balances": [], "problem": str(proofs)}
    currencies = {
        name: _proof(proof_of_currency) | {"has_book": name not in proofs.without_book}
        for name, proof_of_currency in proofs.by_currency.items()
    }
    balances = [
        {
            "currency": currency,
            "balance_type": kind,
            "has_account": (currency, kind) not in proofs.no_account,
            **_proof(proof_of_balance),
        }
        for (currency, kind), proof_of_balance in proofs.by_balance.items()
    ]
    return {
        "scope": proofs.scope,
        "currencies": currencies,
        "balances": balances,
        "not_proved": proofs.not_proved,
    }


def _proof(proof: "Proof") -> dict[str, object]:
    return {
        "balance_minor": proof.balance.minor,
        "posted_minor": proof.posted.minor,
        "draft_minor": proof.draft.minor,
        "gap_minor": proof.gap.minor,
        "unexplained_minor": proof.unexplained.minor,
        "transactions": proof.transactions,
        "by_hand_minor": proof.by_hand.minor,
        "differences": [_difference(difference) for difference in proof.differences],
        "corrections": [_correction(named) for named in proof.corrections],
    }


def _correction(named: "NamedCorrection") -> dict[str, object]:
    order = named.correction
    return {
        "kind": order.kind,
        "keys": [line_key(named.transaction, role) for role in order.roles],
        "company": order.company,
        "amount_minor": order.amount.minor,
        "to": order.to or "",
        "date": order.date,
        "who": order.who,
        "why": order.why,
        "at": order.at,
        "written": named.written,
    }


def _difference(difference: "Difference") -> dict[str, object]:
    body: dict[str, object] = {
        "kind": difference.kind,
        "id": difference.id,
        "amount_minor": difference.amount.minor,
    }
    accepted = difference.resolution
    if accepted is not None:
        body["accepted"] = asdict(accepted)
    return body


@bp.route("api/receipts", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("receipts")
async def receipts(req: func.HttpRequest) -> func.HttpResponse:
    """Receipts on account and unapplied ones: booked, and worth a look at month end."""
    del req
    try:
        page = await bootstrap.app().receipts().page()
    except TieoutError as error:
        return refused(error)
    return json_response(asdict(page))


@bp.route("api/disputes", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("disputes")
async def disputes(req: func.HttpRequest) -> func.HttpResponse:
    """Open disputes, and those that are over while money of them stands on `disputes`."""
    del req
    try:
        listed, more = await bootstrap.app().disputes().page()
    except TieoutError as error:
        return refused(error)
    return json_response({"disputes": [asdict(dispute) for dispute in listed], "more": more})


@bp.route("api/waiting", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("waiting")
async def waiting(req: func.HttpRequest) -> func.HttpResponse:
    """What waits for a counterpart, and what is scheduled to be tried again."""
    del req
    try:
        pending, more = await bootstrap.app().waiting().page()
    except TieoutError as error:
        return refused(error)
    return json_response({"items": [asdict(item) for item in pending], "more": more})


@bp.route("api/backfill", methods=["GET", "POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@guarded("backfill")
async def backfill(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """POST `{"days": n, "who": ...}` starts it (202), GET tells how far it is; `account` (in the
    body or the query): the alias of another Stripe account."""
    try:
        app = bootstrap.app()
        body = req.params if req.method == "GET" else json_body(req)
        account = text_in(body, "account", DEFAULT_ACCOUNT)
        if account not in app.settings.stripe_aliases:
            return error_response(404, "unknown_account", "no Stripe account has this alias")
        service = app.of(account).backfill(DurableFlows(client))
        if req.method == "GET":
            return json_response(await service.progress())
        return json_response(await service.start(_days(body), who_in(req, body, "")), 202)
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)


def _days(body: Mapping[str, Any]) -> int:
    days = body.get("days")
    if type(days) is not int:
        raise BadRequest('the body must be {"days": a whole number}')
    return days
