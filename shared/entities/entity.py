"""What a folder of `entities` tells about its Stripe object: its row.

A row says what arrives and where it goes. On a cold start Stripe waits for that, so a row imports
nothing of the documents: `making` does, when converge first asks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.entities.common.reference import id_of

if TYPE_CHECKING:
    from shared.entities.making import Making


@dataclass(frozen=True, slots=True)
class Entity:
    """A Stripe object type that converge knows.

    `queue` carries its work; `object` is the `object` field Stripe puts into it. `event_types` lead
    to it. `making` loads how its documents are made. `expand` names what the fetch expands.
    `parts`: other objects whose events lead here, with their field that names ours. `deletion`: the
    event type by which Stripe tells that an object is deleted, where retrieving one that is deleted
    answers `resource_missing`.
    """

    name: str
    queue: str
    object: str
    event_types: tuple[str, ...]
    making: "Callable[[], Making]"
    expand: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    deletion: str = ""

    def id_in(self, found: Mapping[str, Any]) -> str:
        """The id of our object in the object of an event; empty where it names none."""
        for part, name in self.parts:
            if found.get("object") == part:
                return id_of(found.get(name))
        return id_of(found)
