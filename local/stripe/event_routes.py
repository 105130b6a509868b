"""Events: https://docs.stripe.com/api/events, kept in lists for 30 days."""

from local.stripe import forms
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError
from local.stripe.lists import PAGING, listing
from shared.ports import Json

RETENTION_SECONDS = 30 * 86_400
TYPES_MAX = 20


def _list(core: Core, call: Call) -> Json:
    params = call.params
    types = params.get("types")
    if types is not None and params.get("type"):
        raise ApiError(400, "You may only specify one of these parameters: type, types.")
    if types is not None and len(types) > TYPES_MAX:
        raise ApiError(400, f"You may pass at most {TYPES_MAX} types.", param="types")
    since = core.now() - RETENTION_SECONDS
    one, delivered = params.get("type"), params.get("delivery_success")

    def keep(event: Json) -> bool:
        return (
            event["created"] >= since
            and (one is None or _matches(event["type"], one))
            and (types is None or event["type"] in types)
            and (delivered is None or delivered == (event["pending_webhooks"] == 0))
        )

    return listing(core, call, "event", keep)


def _matches(type: str, wanted: str) -> bool:
    """`charge.*` names a group."""
    return type.startswith(wanted[:-1]) if wanted.endswith(".*") else type == wanted


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("event", call.ids[0])


def _retry(core: Core, call: Call) -> Json:
    event = core.find("event", call.ids[0])
    core.resend(event)
    return event


ROUTES = (
    ApiRoute(
        "GET",
        "/v1/events",
        _list,
        {
            **PAGING,
            "delivery_success": forms.boolean,
            "type": forms.text,
            "types": forms.texts,
        },
    ),
    ApiRoute("GET", "/v1/events/{}", _retrieve),
    ApiRoute(
        "POST",
        "/v1/events/{}/retry",
        _retry,
        {
            "account": forms.text,
            "for_stripecli": forms.boolean,
            "webhook_endpoint": forms.text,
        },
    ),
)
