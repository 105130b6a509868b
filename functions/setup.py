"""What `tieout setup` asks: which permissions, events and address a Stripe account needs."""

from dataclasses import asdict

import azure.functions as func

from functions.responses import json_response, refused
from shared import bootstrap
from shared.errors import SettingsRefused, TieoutError
from shared.services.operations import setup_before_settings

bp = func.Blueprint()


@bp.route("api/setup", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def setup(req: func.HttpRequest) -> func.HttpResponse:
    """What to set up at Stripe; answers as well while the settings are not complete."""
    del req
    try:
        wanted = await bootstrap.app().webhook_setup()
    except SettingsRefused as error:
        wanted = setup_before_settings(bootstrap.declared_livemode(), error)
    except TieoutError as error:
        return refused(error)
    return json_response(asdict(wanted))
