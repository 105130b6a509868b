"""The inbox of parked items, for support: list, groups, retry, resolve."""

from dataclasses import asdict
from itertools import islice

import azure.durable_functions as df
import azure.functions as func

from functions.bodies import BadRequest, json_body
from functions.flows.client import DurableFlows
from functions.outcomes import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError
from shared.services.inbox import RETRIES_MAX, Inbox, Parked

bp = df.Blueprint()

LISTED_MAX = 1_000


@bp.route("inbox", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def inbox_list(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Parked objects, at most `LISTED_MAX`, and the groups by cause; `?cause=` narrows."""
    inbox = bootstrap.app().inbox(DurableFlows(client))
    try:
        items = [item async for item in inbox.each(req.params.get("cause", ""))]
        groups = await inbox.groups()
    except TieoutError as error:
        return refused(error)
    body = {
        "items": [asdict(item) for item in islice(items, LISTED_MAX)],
        "more": max(len(items) - LISTED_MAX, 0),
        "groups": [asdict(group) for group in groups],
    }
    return json_response(body)


@bp.route("inbox/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def inbox_retry(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Body `{"ids": [...]}` or `{"cause": "..."}`: converge these again. -> `{"sent": n}`"""
    inbox = bootstrap.app().inbox(DurableFlows(client))
    try:
        chosen = await _chosen(inbox, req)
        return json_response({"sent": await inbox.retry(chosen)}, 202)
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)


@bp.route("inbox/resolve", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def inbox_resolve(
    req: func.HttpRequest, client: df.DurableOrchestrationClient
) -> func.HttpResponse:
    """Body `{"ids": [...], "reason": "...", "who": "..."}`: a person decided, `{"resolved": n}`."""
    inbox = bootstrap.app().inbox(DurableFlows(client))
    try:
        chosen = await _chosen(inbox, req)
        body = json_body(req)
        done = await inbox.resolve(chosen, str(body.get("reason", "")), str(body.get("who", "")))
        return json_response({"resolved": done})
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)


async def _chosen(inbox: Inbox, req: func.HttpRequest) -> list[Parked]:
    """The items that the body names. Raises `BadRequest`."""
    body = json_body(req)
    ids, cause = body.get("ids"), body.get("cause")
    if isinstance(cause, str) and cause and ids is None:
        return [item async for item in inbox.each(cause)]
    if not isinstance(ids, list) or not ids or not all(isinstance(id, str) for id in ids):
        raise BadRequest("the body must hold ids (a list of texts) or cause (a text)")
    if len(ids) > RETRIES_MAX:
        raise BadRequest(f"at most {RETRIES_MAX} ids in one request")
    wanted = dict.fromkeys(ids)
    return [item async for item in inbox.each() if item.is_named(wanted)]
