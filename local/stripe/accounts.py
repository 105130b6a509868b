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
    currency = core.settings.default_currency
    return {"id": core.account, "object": "account", "default_currency": currency}


ROUTES = (
    ApiRoute("GET", "/v1/account", _own),
    ApiRoute("GET", "/v1/accounts/{}", _retrieve),
)
