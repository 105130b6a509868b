"""What Stripe says of an erased customer, as its documents may see it."""

from dataclasses import replace

from shared.domain.erasure import Eraser
from shared.entities.common.objects import Context, Json, Snapshot, id_of, text
from shared.entities.common.origin import charge_of

CUSTOMER_KEPT = ("id", "object", "deleted", "currency", "livemode", "created")
PERSONAL = ("description", "metadata")  # the fields of journal lines that may tell of a person


def told_of(snapshot: Snapshot, context: Context) -> str:
    """The customer of whom the documents may tell: of journal lines that of their charge, where the
    mapping reads personal fields. Empty for nobody."""
    own = id_of(snapshot.object.get("customer"))
    asked = any(path.split(".", maxsplit=1)[0] in PERSONAL for path in context.reads)
    return own or (id_of(charge_of(snapshot).get("customer")) if asked else "")


def without_person(snapshot: Snapshot) -> Snapshot:
    """The snapshot of an erased customer, of a charge of one, or of what follows such a charge,
    without personal data.

    Of the customer nothing is left that names it; of a charge the description is hashed, as it is
    in what was stored. What is computed then carries no metadata (`sale_attributes`).
    """
    found, related = snapshot.object, dict(snapshot.related)
    if snapshot.entity == "customer":
        found = _customer(found)
    elif "charge" in related:
        related["charge"] = _charge(related["charge"])
    else:
        found = _charge(found)
    return replace(snapshot, object=found, related=related, is_erased=True)


def _customer(customer: Json) -> Json:
    return {name: customer[name] for name in CUSTOMER_KEPT if name in customer}


def _charge(charge: Json) -> Json:
    eraser = Eraser(id_of(charge.get("customer")))
    return {**charge, "description": eraser.hashed(text(charge, "description"))}
