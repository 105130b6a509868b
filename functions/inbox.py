"""The inbox of parked objects, for support: list, groups, retry, resolve."""

from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError
from shared.outcomes import Kind

if TYPE_CHECKING:
    from shared.services.inbox import Decision, Inbox, ParkedItem

bp = func.Blueprint()

LISTED_MAX = 1_000
STATUSES = (Kind.PARK.value, Kind.RESOLVED.value)


@bp.route("api/inbox", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("inbox")
async def inbox_list(req: func.HttpRequest) -> func.HttpResponse:
    """Parked objects, at most `LISTED_MAX`, and the groups by cause; `?cause=` narrows,
    `?status=resolved` lists those that people took out."""
    inbox = bootstrap.app().inbox()
    try:
        kind = _kind(req.params.get("status", Kind.PARK.value))
        items = [item async for item in inbox.each(req.params.get("cause", ""), kind)]
        groups = await inbox.groups(kind)
    except BadRequest as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)
    body = {
        "items": [asdict(item) for item in islice(items, LISTED_MAX)],
        "more": max(len(items) - LISTED_MAX, 0),
        "groups": [asdict(group) for group in groups],
    }
    return json_response(body)


@bp.route("api/inbox/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("inbox/retry")
async def inbox_retry(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"ids": [...]}` or `{"cause": "..."}`: converge these again. -> `{"sent": n}`

    Ids of resolved objects need `"who"`: the resolution is taken back."""
    inbox = bootstrap.app().inbox()
    try:
        body = json_body(req)
        chosen = await _chosen(inbox, body, Kind.PARK)
        if "ids" in body:
            chosen += await _chosen(inbox, body, Kind.RESOLVED)
        sent = await inbox.retry_by(who_in(req, body, ""), chosen)
        return json_response({"sent": sent}, 202)
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)


@bp.route("api/inbox/resolve", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("inbox/resolve")
async def inbox_resolve(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"ids": [...], "reason": "...", "who": "..."}`: a person settled these by hand.

    Money needs `"company"`, `"voucher"`, `"amount_minor"`, `"currency"`, or `"not_to_book": true`.
    -> `{"resolved": n, "refused": [{"id", "reason"}]}`; 409 when all of them were refused."""
    from shared.services.inbox import ResolutionRefused

    app = bootstrap.app()
    try:
        body = json_body(req)
        decision = _decision(req, body)
        chosen = await _chosen(app.inbox(), body, Kind.PARK)
        result = await app.resolve().run(chosen, decision)
    except ResolutionRefused as error:
        return error_response(400, "resolution_refused", str(error))
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)
    return json_response(asdict(result), 409 if result.refused and not result.resolved else 200)


def _kind(status: str) -> Kind:
    if status not in STATUSES:
        raise BadRequest(f"status must be one of {', '.join(STATUSES)}")
    return Kind(status)


def _decision(req: func.HttpRequest, body: Mapping[str, Any]) -> "Decision":
    """Raises `BadRequest`."""
    from shared.services.inbox import Decision

    amount_minor, not_to_book = body.get("amount_minor"), body.get("not_to_book")
    if amount_minor is not None and type(amount_minor) is not int:
        raise BadRequest("amount_minor must be a whole number of minor units")
    if not_to_book not in (None, True, False):
        raise BadRequest("not_to_book must be true or false")
    return Decision(
        who=who_in(req, body, ""),
        why=text_in(body, "reason", ""),
        company=text_in(body, "company", ""),
        voucher=text_in(body, "voucher", ""),
        amount_minor=amount_minor,
        currency=text_in(body, "currency", ""),
        not_to_book=bool(not_to_book),
    )


async def _chosen(inbox: "Inbox", body: Mapping[str, Any], kind: Kind) -> "list[ParkedItem]":
    """The items that the body names. Raises `BadRequest`."""
    from shared.services.inbox import RETRIES_MAX

    ids, cause = body.get("ids"), body.get("cause")
    if isinstance(cause, str) and cause and ids is None:
        return [item async for item in inbox.each(cause, kind)]
    if not isinstance(ids, list) or not ids or not all(isinstance(id, str) for id in ids):
        raise BadRequest("the body must hold ids (a list of texts) or cause (a text)")
    if len(ids) > RETRIES_MAX:
        raise BadRequest(f"at most {RETRIES_MAX} ids in one request")
    wanted = dict.fromkeys(ids)
    return [item async for item in inbox.each(kind=kind) if item.is_named(wanted)]
