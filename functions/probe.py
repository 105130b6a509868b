"""`tieout probe`: how the Dynamics of this app behaves, tried with drafts in a sandbox company."""

from dataclasses import asdict

import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError

bp = func.Blueprint()


@bp.route("api/probe", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("probe")
async def probe(req: func.HttpRequest) -> func.HttpResponse:
    """`{"company", "classification", "who"}`: the answer to each rule, and what was left behind."""
    from shared.services.probing import ProbingRefused

    try:
        body = json_body(req)
        company, code = text_in(body, "company"), text_in(body, "classification", "")
        report = await bootstrap.app().probing().run(company, code, who_in(req, body, ""))
    except BadRequest as error:
        return error_response(400, "malformed", str(error))
    except ProbingRefused as error:
        return error_response(409, "not_a_sandbox", str(error))
    except TieoutError as error:
        return refused(error)
    return json_response(asdict(report))
