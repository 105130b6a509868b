"""Stripe's fees: what of a month waits for its tax document, and the confirmation of one."""

import re
from collections.abc import Mapping
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
    from shared.services.inbox import FeeDocumentRequest

bp = func.Blueprint()

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@bp.route("api/fees", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("fees")
async def fees(req: func.HttpRequest) -> func.HttpResponse:
    """Fees of a month (`?month=2026-10`) by company, currency and kind, the tax documents that
    were confirmed, and what they differ by."""
    month = req.params.get("month", "")
    if not MONTH.fullmatch(month):
        return error_response(400, "malformed", "month must be a month, such as 2026-10")
    try:
        found = await bootstrap.app().fees().of(month)
    except TieoutError as error:
        return refused(error)
    return json_response(
        {
            "month": month,
            "fees": [asdict(part) for part in found.fees],
            "documents": [asdict(document) for document in found.documents],
            "differences": [asdict(difference) for difference in found.differences],
        }
    )


@bp.route("api/fees", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("fees")
async def fees_confirm(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"month", "company", "currency", "number", "date", "total_minor", "who", "why"}`,
    perhaps `"tax_minor"`, `"post_on"` and `"allow_excess"`: confirm a tax document. 202 with what
    it differs by; 409 says why not."""
    from shared.services.inbox import FeeDocumentRefused

    try:
        confirmed = await bootstrap.app().fees().confirm(_request(req, json_body(req)))
        return json_response(asdict(confirmed), 202)
    except FeeDocumentRefused as error:
        return error_response(409, "fee_document_refused", str(error))
    except ValueError as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)


def _request(req: func.HttpRequest, body: Mapping[str, Any]) -> "FeeDocumentRequest":
    """Raises `BadRequest`."""
    from shared.services.inbox import FeeDocumentRequest

    allows_excess = body.get("allow_excess", False)
    if type(allows_excess) is not bool:
        raise BadRequest("allow_excess must be true or false")
    return FeeDocumentRequest(
        month=text_in(body, "month"),
        company=text_in(body, "company"),
        currency=text_in(body, "currency"),
        number=text_in(body, "number"),
        day=_day(body, "date"),
        total_minor=_minor(body, "total_minor"),
        who=who_in(req, body),
        why=text_in(body, "why").strip(),
        tax_minor=_minor(body, "tax_minor", 0),
        post_on=_day(body, "post_on") if "post_on" in body else None,
        allows_excess=allows_excess,
    )


def _day(body: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(text_in(body, name))
    except ValueError:
        raise BadRequest(f"{name} must be a day, such as 2026-10-31") from None


def _minor(body: Mapping[str, Any], name: str, default: int | None = None) -> int:
    value = body.get(name, default)
    if type(value) is not int:
        raise BadRequest(f"{name} must be a whole number of minor units")
    return value
