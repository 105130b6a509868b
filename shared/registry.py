"""The one table to read: which entities there are; each folder of `entities` tells its row.

The webhook's allow-list, the queue functions and the routing derive from `ENTITIES`. An event type
that no row names is answered with 202 and counted. https://docs.stripe.com/api/events/types
"""

from functools import cache

from shared.domain.codec import Codec
from shared.domain.documents import Document
from shared.entities.balance_transaction import BALANCE_TRANSACTION
from shared.entities.charge import CHARGE
from shared.entities.customer import CUSTOMER
from shared.entities.dispute import DISPUTE
from shared.entities.entity import Entity
from shared.entities.payout import PAYOUT
from shared.entities.price import PRICE
from shared.entities.product import PRODUCT
from shared.entities.refund import REFUND

ENTITIES: tuple[Entity, ...] = (
    CUSTOMER,
    CHARGE,
    REFUND,
    DISPUTE,
    BALANCE_TRANSACTION,
    PAYOUT,
    PRODUCT,
    PRICE,
)

KINDS: tuple[type[Document], ...] = tuple(
    dict.fromkeys(kind for entity in ENTITIES for kind in entity.documents)
)


@cache
def product_codec() -> Codec:
    """How the product's documents are stored; made once a process."""
    return Codec(KINDS)


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
