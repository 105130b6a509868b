"""How the documents of an entity are made: what converge needs beside the entity's row."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from shared.domain.documents import Document
from shared.entities.common.objects import Context, Desired, Json, Query, Snapshot
from shared.ports import StripeGateway


@dataclass(frozen=True, slots=True)
class FetchedObject:
    """What documents are computed from: the object, and further objects of Stripe by name."""

    object: Json
    related: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Making:
    """What an entity's documents are made by.

    `build` computes them, of the kinds in `documents`. `read` reads what else they need of Stripe,
    given the object; `queries_of` tells what must be known of Dynamics first.
    """

    build: Callable[[Snapshot, Context], Desired]
    read: Callable[[StripeGateway, Json, Context], Awaitable[FetchedObject]] | None = None
    queries_of: Callable[[Snapshot, Context], tuple[Query, ...]] | None = None
    documents: tuple[type[Document], ...] = ()
