"""The account itself: https://docs.stripe.com/api/accounts/retrieve."""

from local.stripe.core import ApiRoute, Call, Core
from shared.ports import Json


def _retrieve(core: Core, call: Call) -> Json:
    """The key's own account, or one that was stored through /_peer."""
    (id,) = call.ids
    if id == core.account:
        return {"id": id, "object": "account", "default_currency": core.settings.default_currency}
    return core.find("account", id)


ROUTES = (ApiRoute("GET", "/v1/accounts/{}", _retrieve),)
