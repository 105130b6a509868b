"""A unit of work: the thin envelope that travels through the queues."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.domain.ids import copy_id, is_id
from shared.domain.partition import DEFAULT_ACCOUNT, session_of
from shared.ports import Message
from shared.registry import REGISTRY, Registry
from shared.stores.reception import Reception

UNREADABLE = "unreadable_message"  # the cause under which a message parks that names no object
FIND_SENDER = "Somebody else sends to our queue, or two versions of Tieout use it: find the sender."
COUNTER_MAX = 1_000_000_000
TYPE_CHARS_MAX = 100
UNREADABLE_CHARS_MAX = 100
NOT_RECEIVED = Reception()


class ItemKind(StrEnum):
    """What an item asks converge to do with its object: converge it, or a maintenance command."""

    CONVERGE = "converge"
    VERIFY = "verify"  # besides, compare what was written with Dynamics
    ISOLATE = "isolate"  # verify, and take lines out of journals that Dynamics does not post
    REAPPLY = "reapply"  # besides, render what is still a draft as the mapping says now


class UnreadableItemError(ValueError):
    """A message body that is not one of our envelopes."""


@dataclass(frozen=True, slots=True)
class Item:
    """An event (or an object that no event announced) on its way to converge.

    `id`: the event id, or the object id where there is no event. `type`: the event type; empty
    where no event led here, as for a command (`kind`).
    `generation` counts manual retries, sweeps and healings, `copy` the scheduled copies within
    one, `attempt` those that count towards the maximum. `account`: the alias of the Stripe account
    that has the object.
    """

    id: str
    type: str
    entity: str
    object: str
    generation: int = 0
    copy: int = 0
    attempt: int = 0
    kind: ItemKind = ItemKind.CONVERGE
    account: str = DEFAULT_ACCOUNT

    @property
    def is_command(self) -> bool:
        """Whether it is a maintenance command."""
        return self.kind is not ItemKind.CONVERGE

    @property
    def message_id(self) -> str:
        """Unique by generation and copy; the first one of an event is the event id itself."""
        if self.generation == 0 and self.copy == 0:
            return self.id
        return copy_id(self.id, self.generation, self.copy)

    def message(
        self,
        partition: int,
        scheduled_at: datetime | None = None,
        reception: Reception = NOT_RECEIVED,
    ) -> Message:
        """The message of this item for the session of its account's partition."""
        session, properties = session_of(self.account, partition), reception.properties()
        return Message(self.message_id, session, asdict(self), scheduled_at, properties)

    def again(self, counts: bool) -> "Item":
        """The next scheduled copy."""
        return replace(self, copy=self.copy + 1, attempt=self.attempt + (1 if counts else 0))

    def renewed(self, generation: int) -> "Item":
        """The first copy of a new generation: attempts start anew."""
        return replace(self, generation=generation, copy=0, attempt=0)


def _is_type(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TYPE_CHARS_MAX and value.isascii()


def _is_kind(value: object) -> bool:
    return isinstance(value, str) and value in [kind.value for kind in ItemKind]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of which no name stands twice: else nobody knows which of the two counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def read_item(body: bytes, registry: Registry = REGISTRY) -> Item:
    """The item in a message body. Raises `UnreadableItemError`, and nothing else: anybody may send
    to a queue."""
    try:
        value: Any = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # the latter: nested too deeply
        raise UnreadableItemError("the message is not JSON that Tieout can read") from error
    if not isinstance(value, dict) or set(value) != set(Item.__dataclass_fields__):
        raise UnreadableItemError("the message is not an envelope of Tieout")
    texts = (value["id"], value["entity"], value["object"])
    numbers = (value["generation"], value["copy"], value["attempt"])
    if not all(is_id(text) for text in texts) or not _is_type(value["type"]):
        raise UnreadableItemError("the envelope names no object")
    if not is_id(value["account"]):
        raise UnreadableItemError("the envelope names no Stripe account")
    if not _is_kind(value["kind"]):
        raise UnreadableItemError("the envelope is of a kind that this version does not know")
    if all(entity.name != value["entity"] for entity in registry.entities):
        raise UnreadableItemError("the envelope names an entity that this version does not know")
    if not all(type(number) is int and 0 <= number <= COUNTER_MAX for number in numbers):
        raise UnreadableItemError("the envelope's counters are not counters")
    return Item(**{**value, "kind": ItemKind(value["kind"])})


def unreadable_item(queue: str, message_id: str) -> Item:
    """The item under which a message is parked that is none of ours: named by its message id."""
    kept = "".join(char if char.isalnum() or char in "_-" else "_" for char in message_id)
    name = kept.encode("ascii", "replace").decode().replace("?", "_")[:UNREADABLE_CHARS_MAX]
    return Item(name or "unnamed", "", queue, name or "unnamed")
