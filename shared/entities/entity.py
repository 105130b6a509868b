"""What a folder of `entities` tells about its Stripe object: its row."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.domain.documents import Document
from shared.entities.common.objects import Context, Desired, Json, Query, Snapshot, id_of
from shared.ports import StripeGateway


@dataclass(frozen=True, slots=True)
class FetchedObject:
    """What documents are computed from: the object, and further objects of Stripe by name."""

    object: Json
    related: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entity:
    """A Stripe object type that converge knows.

    `queue` carries its work; `object` is the `object` field Stripe puts into it. `event_types` lead
    to it. `build` computes its documents, of the kinds in `documents`. `expand` names what the
    fetch expands; `read` reads what else its documents need of Stripe, given the object;
    `queries_of` tells what it must know of Dynamics first. `parts`: other objects
    whose events lead here, with their field that names ours. `deletion`: the event type by which
    Stripe tells that an object is deleted, where retrieving one that is deleted answers
    `resource_missing`. `is_confirmed`: no object of Stripe, but what a person confirmed.
    """

    name: str
    queue: str
    object: str
    event_types: tuple[str, ...]
    build: Callable[[Snapshot, Context], Desired]
    expand: tuple[str, ...] = ()
    read: Callable[[StripeGateway, Json, Context], Awaitable[FetchedObject]] | None = None
    queries_of: Callable[[Snapshot, Context], tuple[Query, ...]] | None = None
    parts: tuple[tuple[str, str], ...] = ()
    deletion: str = ""
    documents: tuple[type[Document], ...] = ()
    is_confirmed: bool = False

    def id_in(self, found: Mapping[str, Any]) -> str:
        """The id of our object in the object of an event; empty where it names none."""
        for part, name in self.parts:
            if found.get("object") == part:
                return id_of(found.get(name))
        return id_of(found)
