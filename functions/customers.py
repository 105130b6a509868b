"""Customers: which Dynamics account a Stripe customer has, and erasing one."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError

if TYPE_CHECKING:
    from shared.services.operations import AccountDecision

bp = func.Blueprint()


@bp.route("api/customers/{id}/accept", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("customers/{id}/accept")
async def customer_accept(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"company", "account" or "new": true, "who", "why"}`, and `"shared": true` for an
    account that another Stripe customer has: 202 `{"sent": n}`; 409 says why not."""
    from shared.services.operations import ChoiceRefused

    try:
        decision = _decision(req)
        sent = await bootstrap.app().customers().accept(decision)
    except BadRequest as error:
        return error_response(400, "malformed", str(error))
    except ChoiceRefused as error:
        return error_response(409, "choice_refused", str(error))
    except TieoutError as error:
        return refused(error)
    return json_response({"sent": sent}, 202)


def _decision(req: func.HttpRequest) -> "AccountDecision":
    """Raises `BadRequest`."""
    from shared.services.operations import AccountDecision

    body = json_body(req)
    account, new, shared = text_in(body, "account", ""), body.get("new"), body.get("shared")
    if new not in (None, True, False) or shared not in (None, True, False):
        raise BadRequest("new and shared must be true or false")
    if bool(account) == bool(new):
        raise BadRequest("give either account or new, not both")
    return AccountDecision(
        customer=req.route_params.get("id", ""),
        company=text_in(body, "company"),
        account=account,
        who=who_in(req, body),
        why=text_in(body, "why"),
        shared=bool(shared),
    )


@bp.route("api/customers/{id}/erase", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("customers/{id}/erase")
async def customer_erase(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"who", "why"}`: 200 with what was erased; 202 when something is left, which another
    call erases; 409 says why nothing was."""
    from shared.services.privacy import EraseRefused

    try:
        body = json_body(req)
        customer, who = req.route_params.get("id", ""), who_in(req, body)
        erased = await bootstrap.app().erase().run(customer, who, text_in(body, "why"))
    except BadRequest as error:
        return error_response(400, "malformed", str(error))
    except EraseRefused as error:
        return error_response(409, "erase_refused", str(error))
    except TieoutError as error:
        return refused(error)
    return json_response(asdict(erased), 200 if erased.is_complete else 202)
