"""The webhook: anonymous, because Stripe signs. https://docs.stripe.com/webhooks"""

import azure.functions as func

from functions.failures import without_text
from functions.responses import error_response, refused
from shared import bootstrap
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.errors import TieoutError

bp = func.Blueprint()


@bp.route("api/webhooks/stripe", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@without_text
async def stripe_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """202 accepted or skipped, 400 bad signature or malformed, 410 closed, 413 too large, 503 not
    now."""
    return await _receive(req, DEFAULT_ACCOUNT)


@bp.route("api/webhooks/stripe/{alias}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@without_text
async def stripe_account_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """The same for a further account of `TIEOUT_STRIPE_ACCOUNTS`; 404 for an unknown alias."""
    return await _receive(req, req.route_params.get("alias", ""))


async def _receive(req: func.HttpRequest, alias: str) -> func.HttpResponse:
    try:
        app = bootstrap.receiving_app()
        if alias not in app.settings.stripe_aliases:
            app.refusals.note("unknown_account", "unknown", "webhook")
            return error_response(404, "unknown_account", "no Stripe account has this alias")
        ingest = app.of(alias).ingest()
        answer = await ingest.receive(req.get_body(), req.headers.get("Stripe-Signature"))
    except TieoutError as error:
        return refused(error)
    return error_response(answer.status, answer.code, answer.message)
