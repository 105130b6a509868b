"""What Stripe says of an erased customer, as its documents may see it."""

from dataclasses import replace

from shared.domain.erasure import Eraser
from shared.entities.common.objects import Json, Snapshot, id_of, text

CUSTOMER_KEPT = ("id", "object", "deleted", "currency", "livemode", "created")


def without_person(snapshot: Snapshot) -> Snapshot:
    """The snapshot of an erased customer, or of a charge of one, without personal data.

    Of the customer nothing is left that names it; of a charge the description is hashed, as it is
    in what was stored.
    """
    impersonal = (
        _customer(snapshot.object) if snapshot.entity == "customer" else _charge(snapshot.object)
    )
    return replace(snapshot, object=impersonal, is_erased=True)


def _customer(customer: Json) -> Json:
    return {name: customer[name] for name in CUSTOMER_KEPT if name in customer}


def _charge(charge: Json) -> Json:
    eraser = Eraser(id_of(charge.get("customer")))
    return {**charge, "description": eraser.hashed(text(charge, "description"))}
