"""The one table to read: which event types lead to which entity, and what builds its documents.

The webhook's allow-list, the queue functions and the routing derive from `ENTITIES`. An event type
that no row names is answered with 202 and counted. https://docs.stripe.com/api/events/types
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.documents import balance_transaction, customer, payments, payout, price, product, sale
from shared.documents.common import Context, Desired, Question, Snapshot, id_of


@dataclass(frozen=True, slots=True)
class Entity:
    """A Stripe object type that converge knows.

    `queue` carries its work; `object` is the `object` field Stripe puts into it; `build` computes
    its documents; `expand` names what the fetch expands; `ask` what it must know of Dynamics first.
    `parts`: other objects whose events lead here, with their field that names ours. `deletion`: the
    event type by which Stripe tells that an object is deleted, where retrieving one that is deleted
    answers `resource_missing`.
    """

    name: str
    queue: str
    object: str
    event_types: tuple[str, ...]
    build: Callable[[Snapshot, Context], Desired]
    expand: tuple[str, ...] = ()
    ask: Callable[[Snapshot, Context], tuple[Question, ...]] | None = None
    parts: tuple[tuple[str, str], ...] = ()
    deletion: str = ""

    def id_in(self, found: Mapping[str, Any]) -> str:
        """The id of our object in the object of an event; empty where it names none."""
        for part, field in self.parts:
            if found.get("object") == part:
                return id_of(found.get(field))
        return id_of(found)


ENTITIES: tuple[Entity, ...] = (
    Entity(
        "customer",
        "customer",
        "customer",
        (
            *("customer.created", "customer.updated", "customer.deleted"),
            *("customer.tax_id.created", "customer.tax_id.updated", "customer.tax_id.deleted"),
        ),
        customer.build,
        ("tax_ids",),
        customer.questions,
        (("tax_id", "customer"),),
    ),
    Entity(
        "charge",
        "charge",
        "charge",
        (
            *("charge.succeeded", "charge.captured", "charge.updated", "charge.refunded"),
            *("charge.failed", "charge.pending", "charge.expired"),
        ),
        payments.charge,
        ("refunds", "refunds.data.balance_transaction"),
        sale.questions,
    ),
    Entity(
        "refund",
        "refund",
        "refund",
        ("refund.created", "refund.updated", "refund.failed", "charge.refund.updated"),
        payments.refund,
        ("charge",),
    ),
    Entity(
        "dispute",
        "dispute",
        "dispute",
        (
            *("charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"),
            *("charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"),
        ),
        payments.dispute,
    ),
    Entity(
        "balance_transaction",
        "balance_transaction",
        "balance_transaction",
        (),
        balance_transaction.build,
        ("source",),
        balance_transaction.questions,
    ),
    Entity(
        "payout",
        "payout",
        "payout",
        (
            *("payout.created", "payout.updated", "payout.paid", "payout.failed"),
            *("payout.canceled", "payout.reconciliation_completed"),
        ),
        payout.build,
        ("failure_balance_transaction",),
    ),
    # Stripe deletes products and prices only where nothing was sold by them: no event is needed,
    # but an earlier event may arrive when the object is gone.
    Entity(
        "product",
        "catalogue",
        "product",
        ("product.created", "product.updated"),
        product.build,
        (),
        product.questions,
        deletion="product.deleted",
    ),
    Entity(
        "price",
        "catalogue",
        "price",
        ("price.created", "price.updated"),
        price.build,
        ("product", "currency_options", "tiers"),
        price.questions,
        deletion="price.deleted",
    ),
)


def entity_named(name: str) -> Entity:
    """The entity of a name. Raises KeyError: names come from our own messages."""
    for entity in ENTITIES:
        if entity.name == name:
            return entity
    raise KeyError(name)


def entity_of_event(event_type: str) -> Entity | None:
    """The entity an event type leads to, or None when it is not on the list."""
    for entity in ENTITIES:
        if event_type in entity.event_types:
            return entity
    return None
