"""The account itself: https://docs.stripe.com/api/accounts/retrieve."""

from local.stripe.core import ApiRoute, Call, Core
from shared.ports import Json


def _retrieve(core: Core, call: Call) -> Json:
    """The key's own account, or one that was stored through /_peer."""
    (id,) = call.ids
    return _own(core, call) if id == core.account else core.find("account", id)


def _own(core: Core, call: Call) -> Json:
    """The account of the key: https://docs.stripe.com/api/accounts/retrieve."""
    del call
    settings = core.settings
    dashboard = {"display_name": "Tieout", "timezone": settings.time_zone}
    return {
        "id": core.account,
        "object": "account",
        "default_currency": settings.default_currency,
        "settings": {"dashboard": dashboard},
    }


ROUTES = (
    ApiRoute("GET", "/v1/account", _own),
    ApiRoute("GET", "/v1/accounts/{}", _retrieve),
)
