"""Tax rates: https://docs.stripe.com/api/tax_rates. Their percentage never changes."""

from decimal import Decimal

from local.stripe import forms, nested
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError, invalid, missing
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

DISPLAY_NAME_CHARS_MAX = 50
AUTOMATIC = "Tax by Stripe Tax"  # describes the rates that no request made

_WRITABLE: forms.Spec = {
    "active": forms.boolean,
    "country": nested.country,
    "description": forms.text,
    "display_name": nested.limited(DISPLAY_NAME_CHARS_MAX),
    "jurisdiction": nested.limited(DISPLAY_NAME_CHARS_MAX),
    "metadata": forms.metadata,
    "state": forms.text,
    "tax_type": forms.text,
}
_CREATE: forms.Spec = {**_WRITABLE, "inclusive": forms.boolean, "percentage": nested.percent}


def _new(core: Core, params: Json) -> Json:
    rate: Json = {
        "id": core.ids.new("txr"),
        "object": "tax_rate",
        "active": True,
        "country": None,
        "created": core.now(),
        "description": None,
        "display_name": None,
        "effective_percentage": params["percentage"],
        "flat_amount": None,
        "inclusive": params["inclusive"],
        "jurisdiction": None,
        "jurisdiction_level": None,
        "livemode": core.livemode,
        "percentage": params["percentage"],
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    }
    rate |= params | {"metadata": merged({}, params.get("metadata", {}))}
    return core.store.put(rate)


def automatic(core: Core, percentage: Decimal, *, inclusive: bool) -> Json:
    """The archived rate by which Stripe Tax charges this percentage; made once."""
    for rate in core.store.newest_first("tax_rate"):
        if (rate.get("description"), rate["percentage"], rate["inclusive"]) == (
            AUTOMATIC,
            percentage,
            inclusive,
        ):
            return rate
    return _new(
        core,
        {
            "active": False,
            "description": AUTOMATIC,
            "display_name": "VAT",
            "inclusive": inclusive,
            "percentage": percentage,
            "tax_type": "vat",
        },
    )


def automatic_rates(core: Core, behavior: str) -> tuple[Json, ...]:
    """What Stripe Tax charges on a price of this tax behavior."""
    percentage = core.settings.automatic_tax_percentage
    if percentage is None:
        raise ApiError(
            400,
            "You must have a valid head office address to enable automatic tax calculation in "
            "test mode. Visit https://dashboard.stripe.com/test/settings/tax to update it.",
        )
    return (automatic(core, percentage, inclusive=behavior == "inclusive"),)


def of_ids(core: Core, ids: list[str], param: str) -> list[Json]:
    """The tax rates a request names. Raises `ApiError` for unknown and archived ones."""
    found = []
    for index, id in enumerate(ids):
        rate = core.store.get(id)
        if rate is None or rate["object"] != "tax_rate":
            raise missing("tax rate", id, f"{param}[{index}]", status=400)
        if not rate["active"]:
            text = f"The tax rate {id} is archived and cannot be used."
            raise invalid(text, f"{param}[{index}]")
        found.append(rate)
    return found


def _create(core: Core, call: Call) -> Json:
    rate = _new(core, call.params)
    core.events.emit("tax_rate.created", rate)
    return rate


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("tax_rate", call.ids[0])


def _update(core: Core, call: Call) -> Json:
    return core.edit(core.find("tax_rate", call.ids[0]), call.params, "tax_rate.updated")


def _list(core: Core, call: Call) -> Json:
    return listing(core, call, "tax_rate", equal_to(call.params, "active", "inclusive"))


ROUTES = (
    ApiRoute(
        "POST", "/v1/tax_rates", _create, _CREATE, ("display_name", "inclusive", "percentage")
    ),
    ApiRoute(
        "GET",
        "/v1/tax_rates",
        _list,
        {**PAGING, "active": forms.boolean, "inclusive": forms.boolean},
    ),
    ApiRoute("GET", "/v1/tax_rates/{}", _retrieve),
    ApiRoute("POST", "/v1/tax_rates/{}", _update, _WRITABLE),
)
