"""Correcting what is written: clear suspense, take back a posted line."""

from collections.abc import Awaitable, Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError

if TYPE_CHECKING:
    from shared.services.inbox import CorrectionRequest, Ordered

bp = func.Blueprint()


@bp.route("api/reclass", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("reclass")
async def reclass(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"transaction", "to": role, "who", "why"}`, perhaps `"date": "2026-11-05"`: clear what
    the transaction has on suspense. 202 `{"key", "written", "sent"}`; 409 says why not."""
    return await _answer(_reclass(req))


@bp.route("api/reverse", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("reverse")
async def reverse(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"transaction", "line": "fee", "who", "why"}`, perhaps `"replace": true` and `"date"`:
    take back a posted line. 202 `{"key", "written", "sent"}`; 409 says why not."""
    return await _answer(_reverse(req))


async def _reclass(req: func.HttpRequest) -> "Ordered":
    body = json_body(req)
    request = _request(req, body)
    return await bootstrap.app().correct().reclass(request, text_in(body, "to"))


async def _reverse(req: func.HttpRequest) -> "Ordered":
    body = json_body(req)
    replaces = body.get("replace", False)
    if type(replaces) is not bool:
        raise BadRequest("replace must be true or false")
    request, line = _request(req, body), text_in(body, "line", "gross")
    return await bootstrap.app().correct().reverse(request, line, replaces=replaces)


async def _answer(ordering: "Awaitable[Ordered]") -> func.HttpResponse:
    from shared.services.inbox import CorrectionRefused

    try:
        return json_response(asdict(await ordering), 202)
    except CorrectionRefused as error:
        return error_response(409, "correction_refused", str(error))
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)


def _request(req: func.HttpRequest, body: Mapping[str, Any]) -> "CorrectionRequest":
    """Raises `BadRequest`."""
    from shared.services.inbox import CorrectionRequest

    day = text_in(body, "date", "")
    try:
        dated = date.fromisoformat(day) if day else None
    except ValueError:
        raise BadRequest("date must be a day, such as 2026-11-05") from None
    who, why = who_in(req, body), text_in(body, "why")
    return CorrectionRequest(text_in(body, "transaction"), who, why.strip(), dated)
