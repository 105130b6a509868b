"""How a charge was paid. https://docs.stripe.com/api/charges/object#charge_object-payment_method_details"""

from collections.abc import Mapping
from typing import Any

from shared.entities.common.journal_lines import PaymentMethod
from shared.entities.common.objects import Json, text


def _part(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A nested object; empty where the field is anything else."""
    found = source.get(name)
    return found if isinstance(found, Mapping) else {}


def method_of(charge: Json) -> PaymentMethod:
    """How the customer paid: type, brand, funding and wallet; empty where it is not known."""
    details = _part(charge, "payment_method_details")
    kind = text(details, "type")
    sub = _part(details, kind)
    if not kind:  # before 2018 a charge showed its `source`: a card, or a source of some type
        sub = _part(charge, "source")
        kind = text(sub, "type") or text(sub, "object")
    wallet = _part(sub, "wallet")
    return PaymentMethod(
        type=kind,
        brand=text(sub, "brand").lower(),
        funding=text(sub, "funding"),
        wallet=text(wallet, "type"),
    )
