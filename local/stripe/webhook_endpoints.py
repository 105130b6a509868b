"""Webhook endpoints as objects: https://docs.stripe.com/api/webhook_endpoints.

Kept, listed and changed as Stripe does. Events are delivered to the target of the peer alone, not
to the endpoints that are created here.
"""

import re
from urllib.parse import urlsplit

from local.stripe import forms
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError, invalid
from local.stripe.lists import PAGING, listing
from shared.ports import Json

TYPE = "webhook_endpoint"
ENDPOINTS_MAX = 16  # of an account and mode
ALL_EVENTS = "*"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_EVENT = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
_VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?")


def _url(value: object, param: str) -> str:
    text = str(forms.text(value, param) or "")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.",
            param,
            "url_invalid",
        )
    if not parts.hostname or parts.hostname in LOOPBACK:
        raise invalid(
            "Invalid URL: URL must be publicly accessible. Consider using a tool like the Stripe "
            "CLI to test webhooks locally: https://github.com/stripe/stripe-cli",
            param,
            "url_invalid",
        )
    return text


def _events(value: object, param: str) -> list[str]:
    found = forms.texts(value, param)
    for index, name in enumerate(found):
        if name != ALL_EVENTS and not _EVENT.fullmatch(name):
            raise invalid(f"Invalid {param}[{index}]: {name} is no event type", f"{param}[{index}]")
    return list(dict.fromkeys(found))


def _version(value: object, param: str) -> str:
    text = str(forms.text(value, param) or "")
    if not _VERSION.fullmatch(text):
        raise invalid(f"Invalid Stripe API version: {text}", param)
    return text


_WRITABLE: forms.Spec = {
    "description": forms.text,
    "enabled_events": _events,
    "metadata": forms.metadata,
    "url": _url,
}
_CREATE: forms.Spec = {**_WRITABLE, "api_version": _version, "connect": forms.boolean}
_UPDATE: forms.Spec = {**_WRITABLE, "disabled": forms.boolean}


def _https_where_live(core: Core, params: Json) -> None:
    if core.livemode and urlsplit(params.get("url", "https:")).scheme != "https":
        raise invalid("Invalid URL: live webhook URLs must be HTTPS.", "url", "url_invalid")


def _create(core: Core, call: Call) -> Json:
    params = call.params
    _https_where_live(core, params)
    if len(list(core.store.newest_first(TYPE))) >= ENDPOINTS_MAX:
        raise ApiError(400, f"You have reached the maximum of {ENDPOINTS_MAX} webhook endpoints.")
    endpoint: Json = {
        "id": core.ids.new("we"),
        "object": TYPE,
        "api_version": params.get("api_version"),
        "application": None,
        "created": core.now(),
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "livemode": core.livemode,
        "metadata": params.get("metadata", {}),
        "status": "enabled",
        "url": params["url"],
    }
    core.store.put(endpoint)
    return {**endpoint, "secret": core.ids.new("whsec")}  # shown this once


def _update(core: Core, call: Call) -> Json:
    endpoint = core.find(TYPE, call.ids[0])
    params = dict(call.params)
    _https_where_live(core, params)
    if "disabled" in params:
        params["status"] = "disabled" if params.pop("disabled") else "enabled"
    return core.edit(endpoint, params, None)


def _delete(core: Core, call: Call) -> Json:
    endpoint = core.find(TYPE, call.ids[0])
    core.store.remove(endpoint["id"])
    return {"id": endpoint["id"], "object": TYPE, "deleted": True}


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, TYPE, lambda _: True)


_PATH = "/v1/webhook_endpoints"
ROUTES = (
    ApiRoute("POST", _PATH, _create, _CREATE, ("url", "enabled_events")),
    ApiRoute("GET", _PATH, _list, PAGING),
    ApiRoute("GET", f"{_PATH}/{{}}", _retrieve),
    ApiRoute("POST", f"{_PATH}/{{}}", _update, _UPDATE),
    ApiRoute("DELETE", f"{_PATH}/{{}}", _delete),
)
