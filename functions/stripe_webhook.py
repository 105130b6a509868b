"""The webhook: anonymous, because Stripe signs. https://docs.stripe.com/webhooks"""

import azure.functions as func

from functions.responses import error_response, refused
from shared import bootstrap
from shared.errors import TieoutError

bp = func.Blueprint()


@bp.route("webhooks/stripe", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def stripe_webhook(req: func.HttpRequest) -> func.HttpResponse:
    """202 accepted or skipped, 400 bad signature or malformed, 410 closed, 413 too large, 503 not
    now."""
    try:
        ingest = bootstrap.app().ingest()
        answer = await ingest.receive(req.get_body(), req.headers.get("Stripe-Signature"))
    except TieoutError as error:
        return refused(error)
    return error_response(answer.status, answer.code, answer.message)
