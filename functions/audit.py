"""The audit log, for people: who did what."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import azure.functions as func

from functions.access import guarded
from functions.bodies import BadRequest, text_in, whole_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError

if TYPE_CHECKING:
    from shared.stores.audit_log import AuditFilter

bp = func.Blueprint()


@bp.route("api/audit", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("audit")
async def audit_list(req: func.HttpRequest) -> func.HttpResponse:
    """`?who=&action=&object=&since=&until=&limit=&after=`: entries, newest first, and `after` for
    the next page (empty on the last one). Moments are ISO 8601, UTC where they name no zone."""
    from shared.stores.audit_log import LISTED_MAX

    try:
        after, limit = text_in(req.params, "after", ""), whole_in(req.params, "limit", LISTED_MAX)
        page = await bootstrap.app().audit_log().page(_filter(req), limit, after)
    except (BadRequest, ValueError) as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)
    return json_response(
        {"entries": [asdict(entry) for entry in page.entries], "after": page.after}
    )


def _filter(req: func.HttpRequest) -> "AuditFilter":
    """Raises `BadRequest`."""
    from shared.stores.audit_log import AuditedAction, AuditFilter

    actions = [action.value for action in AuditedAction]
    action = req.params.get("action", "")
    if action and action not in actions:
        raise BadRequest(f"action is one of {', '.join(actions)}")
    return AuditFilter(
        who=req.params.get("who", ""),
        action=action,
        object=req.params.get("object", ""),
        since=_moment(req, "since"),
        until=_moment(req, "until"),
    )


def _moment(req: func.HttpRequest, name: str) -> datetime | None:
    text = req.params.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{name} must be a moment like 2026-11-30T08:00:00Z") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
