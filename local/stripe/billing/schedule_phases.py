"""Phases of a subscription schedule: https://docs.stripe.com/api/subscription_schedules/object."""

from collections.abc import Sequence

from local.stripe.billing import periods, pricing
from local.stripe.core import Core, merged
from local.stripe.errors import invalid, missing_parameter
from shared.ports import Json


def described(core: Core, given: Sequence[Json], start: int) -> list[Json]:
    """The phases a request describes, one after the other. Raises `ApiError`."""
    if not given:
        raise missing_parameter("phases")
    found = []
    for index, each in enumerate(given):
        param = f"phases[{index}]"
        items = [
            _item(core, item, f"{param}[items][{n}]")
            for n, item in enumerate(each.get("items") or [])
        ]
        if not items:
            raise missing_parameter(f"{param}[items]")
        end = _end(core, each, items, start)
        if end <= start:
            raise invalid("A phase must end after it starts.", f"{param}[end_date]")
        price = core.find("price", items[0]["price"])
        nothing = (
            "application_fee_percent automatic_tax billing_cycle_anchor billing_thresholds "
            "collection_method default_payment_method description invoice_settings on_behalf_of "
            "transfer_data trial_end"
        )
        found.append(
            {
                **dict.fromkeys(nothing.split()),
                "add_invoice_items": [],
                "currency": price["currency"],
                "default_tax_rates": [],
                "discounts": [],
                "end_date": end,
                "items": items,
                "metadata": merged({}, each.get("metadata", {})),
                "proration_behavior": each.get("proration_behavior", "create_prorations"),
                "start_date": start,
                "trial": None,
            }
            | {
                name: each[name]
                for name in ("collection_method", "default_payment_method", "description")
                if each.get(name) is not None
            }
        )
        start = end
    return found


def _item(core: Core, given: Json, param: str) -> Json:
    price = pricing.usable(core, given, param, "recurring")
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": {},
        "plan": price["id"],
        "price": price["id"],
        "quantity": given.get("quantity", 1),
        "tax_rates": [],
    }


def _end(core: Core, given: Json, items: Sequence[Json], start: int) -> int:
    recurring = core.find("price", items[0]["price"])["recurring"]
    if given.get("end_date") is not None:
        return int(given["end_date"])
    duration = given.get("duration")
    if duration is not None:
        return periods.moved(start, duration["interval"], duration.get("interval_count", 1))
    count = (given.get("iterations") or 1) * recurring["interval_count"]
    return periods.moved(start, recurring["interval"], count)
