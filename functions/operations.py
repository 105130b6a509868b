"""What people and monitors ask: health, status, the clearing proof, the tie-outs."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body
from functions.flows.client import DurableFlows
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.domain.clearing import Difference, Proof
from shared.errors import TieoutError

bp = df.Blueprint()


@bp.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """Alive: the process answers. Says nothing about others."""
    del req
    return json_response({"status": "alive"})


@bp.route("ready", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@guarded("ready")
async def ready(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Ready: settings, every system, and what the books name, each with problem and remedy."""
    del req
    try:
        checks = await bootstrap.app().health(DurableFlows(client)).ready()
    except TieoutError as error:
        return refused(error)
    problems = [check for check in checks if check.problem]
    body = {
        "status": "not ready" if problems else "ready",
        "checks": [asdict(check) for check in checks],
    }
    return json_response(body, 503 if problems else 200)


@bp.route("status", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@guarded("status")
async def status(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Counts of messages and items."""
    del req
    try:
        return json_response(await bootstrap.app().health(DurableFlows(client)).status())
    except TieoutError as error:
        return refused(error)


@bp.route("payouts", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("payouts")
async def payouts(req: func.HttpRequest) -> func.HttpResponse:
    """The tie-outs of all payouts."""
    del req
    try:
        found = await bootstrap.app().reconcile().tie_outs()
    except TieoutError as error:
        return refused(error)
    return json_response({"payouts": [dict(row) for row in found]})


@bp.route("proof", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("proof")
async def proof(req: func.HttpRequest) -> func.HttpResponse:
    """The clearing proof of every currency, with its exceptions."""
    del req
    try:
        proofs = await bootstrap.app().prover().prove()
    except TieoutError as error:
        return refused(error)
    currencies = {
        name: _proof(each) | {"has_book": name not in proofs.without_book}
        for name, each in proofs.by_currency.items()
    }
    return json_response(
        {"scope": proofs.scope, "currencies": currencies, "not_proved": proofs.not_proved}
    )


def _proof(proof: Proof) -> dict[str, object]:
    return {
        "balance_minor": proof.balance.minor,
        "posted_minor": proof.posted.minor,
        "draft_minor": proof.draft.minor,
        "gap_minor": proof.gap.minor,
        "unexplained_minor": proof.unexplained.minor,
        "transactions": proof.transactions,
        "by_hand_minor": proof.by_hand.minor,
        "differences": [_difference(each) for each in proof.differences],
    }


def _difference(difference: Difference) -> dict[str, object]:
    found: dict[str, object] = {
        "kind": difference.kind,
        "id": difference.id,
        "amount_minor": difference.amount.minor,
    }
    accepted = difference.resolution
    if accepted is not None:
        found["accepted"] = asdict(accepted)
    return found


@bp.route("receipts", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("receipts")
async def receipts(req: func.HttpRequest) -> func.HttpResponse:
    """Receipts on account and unapplied ones: booked, and worth a look at month end."""
    del req
    try:
        found, more = await bootstrap.app().receipts().page()
    except TieoutError as error:
        return refused(error)
    return json_response({"receipts": [asdict(each) for each in found], "more": more})


@bp.route("waiting", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("waiting")
async def waiting(req: func.HttpRequest) -> func.HttpResponse:
    """What waits for a counterpart, and what is scheduled to be tried again."""
    del req
    try:
        found, more = await bootstrap.app().waiting().page()
    except TieoutError as error:
        return refused(error)
    return json_response({"items": [asdict(each) for each in found], "more": more})


@bp.route("backfill", methods=["GET", "POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
@guarded("backfill")
async def backfill(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """POST `{"days": n, "who": ...}` starts it (202), GET tells how far it is."""
    try:
        service = bootstrap.app().backfill(DurableFlows(client))
        if req.method == "GET":
            return json_response(await service.progress())
        body = json_body(req)
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
