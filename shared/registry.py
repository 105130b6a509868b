"""The list of entities; each folder of `entities` defines its row.

The webhook's allow-list, the queue functions and the routing derive from `ENTITIES`. An event type
that no row names is answered with 202 and counted. https://docs.stripe.com/api/events/types
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.entities.balance_transaction import BALANCE_TRANSACTION
from shared.entities.charge import CHARGE
from shared.entities.customer import CUSTOMER
from shared.entities.dispute import DISPUTE
from shared.entities.entity import Entity
from shared.entities.payout import PAYOUT
from shared.entities.price import PRICE
from shared.entities.product import PRODUCT
from shared.entities.refund import REFUND
from shared.targets.entity_set import EntitySets
from shared.targets.finance import FINANCE

if TYPE_CHECKING:
    from shared.domain.codec import Codec
    from shared.domain.documents import Document

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


INGRESS_QUEUE = "ingress"
"""Where Event Grid delivers to: no sessions, because a delivery property cannot hash."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The entities of an application, the entity sets they are written to, and what derives from
    them. `bootstrap.build` makes the application's; services read no other. `ingress`: the queues
    from which events are forwarded to those of the entities."""

    entities: tuple[Entity, ...]
    entity_sets: EntitySets
    ingress: tuple[str, ...] = ()

    def named(self, name: str) -> Entity:
        """The entity of a name. Raises KeyError: names come from our own messages."""
        for entity in self.entities:
            if entity.name == name:
                return entity
        raise KeyError(name)

    def of_event(self, event_type: str) -> Entity | None:
        """The entity an event type leads to, or None when it is not on the list."""
        for entity in self.entities:
            if event_type in entity.event_types:
                return entity
        return None

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that carry the entities' work, each once."""
        return tuple(dict.fromkeys(entity.queue for entity in self.entities))

    @property
    def all_queues(self) -> tuple[str, ...]:
        """The queues that may hold dead letters or have parked items."""
        return (*self.queues, *self.ingress)

    @property
    def kinds(self) -> "tuple[type[Document], ...]":
        """The kinds of documents that the entities can ask for, each once."""
        makings = [entity.making() for entity in self.entities]
        return tuple(dict.fromkeys(kind for making in makings for kind in making.documents))

    @property
    def codec(self) -> "Codec":
        """How documents of these kinds are stored."""
        from shared.domain.codec import codec_of

        return codec_of(self.kinds)


REGISTRY = Registry(ENTITIES, FINANCE)
"""The product's own."""
