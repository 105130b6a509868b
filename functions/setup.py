"""What `tieout setup` asks and reports: permissions, events and address of a Stripe account."""

from dataclasses import asdict

import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import SettingsRefused, TieoutError

bp = func.Blueprint()


@bp.route("api/setup", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("setup")
async def setup(req: func.HttpRequest) -> func.HttpResponse:
    """What to set up at Stripe; answers as well while the settings are not complete."""
    from shared.services.setup import setup_before_settings

    del req
    try:
        wanted = await bootstrap.app().webhook_setup()
    except SettingsRefused as error:
        wanted = setup_before_settings(bootstrap.declared_livemode(), error)
    except TieoutError as error:
        return refused(error)
    return json_response(asdict(wanted))


@bp.route("api/setup", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("setup")
async def setup_note(req: func.HttpRequest) -> func.HttpResponse:
    """`{"who", "account", "endpoint", "changes"}`: what a person changed at Stripe, on record."""
    from shared.services.setup import SetupNote

    try:
        body = json_body(req)
        note = SetupNote(*(text_in(body, name) for name in ("account", "endpoint", "changes")))
        await bootstrap.app().note_setup(who_in(req, body, ""), note)
    except (BadRequest, ValueError) as error:
        return error_response(400, "malformed", str(error))
    except TieoutError as error:
        return refused(error)
    return json_response({"noted": True})
