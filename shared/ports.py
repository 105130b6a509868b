"""The seams of the application: what services need, and nothing about who provides it.

Production implementations live in `shared/clients`, the embedded world's in `local`. Every
port call may raise the errors of `shared/errors.py` and no vendor's exception.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from shared.domain.values import Symbol as Symbol
from shared.domain.values import Value as Value

type Json = dict[str, Any]
type Cell = str | int | bool | datetime
"""A value of a table property. Integers up to 2**63 - 1; text up to `CELL_CHARS_MAX`."""

CELL_CHARS_MAX = 32_000  # a table property holds 64 KiB of UTF-16
ENTITY_BYTES_MAX = 1024 * 1024  # one row with its keys and the names of its cells
TRANSACTION_OPERATIONS_MAX = 100  # entity-group transaction
TRANSACTION_BYTES_MAX = 4 * 1024 * 1024  # the request that carries one
QUERY_ROWS_MAX = 1_000  # one page of a table query


class Clock(Protocol):
    """Time as the application sees it."""

    def now(self) -> datetime:
        """The current moment, aware, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait; on virtual time this costs nothing."""


class Random(Protocol):
    """Randomness: `random.Random` seeded by a world, `random.SystemRandom` in production."""

    def random(self) -> float:
        """A float in [0, 1)."""

    def getrandbits(self, k: int, /) -> int:
        """`k` random bits."""


# --- Stripe ---------------------------------------------------------------------------------


class Signatures(Protocol):
    """Checks the `Stripe-Signature` header."""

    def verify(self, payload: bytes, header: str, secrets: Sequence[str]) -> datetime:
        """The signed moment. Raises `SignatureRefused` when no secret matches.

        The age of the signature is the caller's to judge, on the application's clock.
        """


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a Stripe list: raw objects, newest first."""

    data: tuple[Json, ...]
    has_more: bool


class StripeGateway(Protocol):
    """The Stripe API, as plain JSON objects of the pinned API version."""

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        """One object of an entity (`customer`, `balance_transaction`, `payout`, ...).

        Raises `ObjectMissing` for `resource_missing`, else the errors of `shared/errors.py`.
        """

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        """One page of the list of an entity; `params` are Stripe's own (`limit`, `payout`,
        `starting_after`, `created[gte]`, ...), and the parent of a list inside an object
        (`checkout.session.line_item` takes `session`)."""

    async def balance(self) -> Json:
        """The balance of the account: `available[]`, `pending[]`, ..."""

    async def note(
        self, entity: str, id: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> Json:
        """Set metadata of one object, keys that are not named stay; returns the object.

        Doing it twice does no harm, so a lost answer is `Unavailable`. A restricted key that may
        not write is `CredentialsRefused`."""


# --- Dynamics 365 ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Write:
    """One change of one Dynamics record.

    `company` is the `dataAreaId`; `key` names the record for PATCH and DELETE (without the
    company); writes of one `group` are atomic (one changeset), `None` stands alone.
    """

    method: Literal["POST", "PATCH", "DELETE"]
    entity_set: str
    company: str
    fields: Mapping[str, Value] = field(default_factory=dict)
    key: Mapping[str, Value] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The write is done. `fields`: the record as Dynamics returned it (empty after PATCH)."""

    fields: Json


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """The write is not done, or nobody can know: then `error` is an `UncertainWrite`."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Lookup:
    """A read of one entity set in one company (`company=""`: a global set).

    `equals` are AND-ed; `any_of` is one field against several values (OR); `at_least` and
    `at_most` bound fields. `select` empty = all properties. `limit`: at most so many records.
    """

    entity_set: str
    company: str
    equals: Mapping[str, Value] = field(default_factory=dict)
    any_of: tuple[str, Sequence[Value]] | None = None
    at_least: Mapping[str, Value] = field(default_factory=dict)
    at_most: Mapping[str, Value] = field(default_factory=dict)
    select: Sequence[str] = ()
    limit: int | None = None


class DynamicsGateway(Protocol):
    """Reads and writes of Dynamics 365 in its own names."""

    async def apply(
        self, writes: Sequence[Write], not_after: datetime
    ) -> list[Written | WriteFailed]:
        """Write through `$batch`, in order; one result a write, never an exception.

        Nothing is sent once `not_after` has passed (the caller's claim may be over): such
        writes fail as `LeaseOver`, which is certain. Where the answer of a sent write is lost
        the result is `WriteFailed(UncertainWrite)`.
        """

    async def find(self, lookup: Lookup) -> list[Json]:
        """All matching records, every page followed, up to the lookup's limit. Numbers are int or
        `Decimal`, accounts un-escaped. Raises `shared.errors`."""


# --- Storage --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A stored table entity."""

    partition: str
    row: str
    cells: Mapping[str, Cell]
    etag: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Create a row; a row of this key must not exist."""

    row: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace all cells of a row that still has this ETag."""

    row: str
    cells: Mapping[str, Cell]
    etag: str


@dataclass(frozen=True, slots=True)
class Put:
    """Create or replace a row without a condition."""

    row: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row; with an ETag only while it is unchanged. A missing row is a conflict."""

    row: str
    etag: str | None = None


type Operation = Insert | Replace | Put | Delete


class Tables(Protocol):
    """Table storage: rows by (partition, row), ETags, entity-group transactions.

    Keys must not hold `/ \\ # ?` or control characters. An operation whose condition fails
    raises `TableConflict`; nothing of its transaction remains. Anything passing raises
    `StorageUnavailable`.
    """

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        """One row, or None."""

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = QUERY_ROWS_MAX,
    ) -> list[Row]:
        """Rows in the order of (partition, row), at most `limit`.

        `partition` None reads the whole table; `prefix` is of the row key (needs a
        partition); `after` is the last (partition, row) of the page before.
        """

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        """All or nothing, at most `TRANSACTION_OPERATIONS_MAX` operations on distinct rows of
        one partition. Returns the new ETags (empty text after a delete)."""


# --- Queues and flows -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send: `id` feeds duplicate detection, `session` is the partition. `properties`:
    what stands beside the body (application properties), for telemetry alone."""

    id: str
    session: str
    body: Json
    scheduled_at: datetime | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that its queue gave up. `properties`: its application properties."""

    id: str
    session: str
    body: bytes
    reason: str
    properties: Mapping[str, object] = field(default_factory=dict)


class LetterNotKept(Exception):
    """What `keep` raises for a dead letter that stays in its queue; the next ones are handed on."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Messages of all queues: ready or locked, and scheduled for later."""

    queued: int
    in_flight: int
    scheduled: int


class Queue(Protocol):
    """The broker."""

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Returns only when the broker holds all of them. Raises `QueueUnavailable`."""

    async def probe(self, queue: str) -> None:
        """Reach a queue as a sender and as a receiver of its dead letters; nothing is sent or
        taken. Raises `QueueUnavailable` where it is not there, or our role does not allow it."""

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        """Hand dead letters to `keep`, completing each after it returned, until `limit` are done.

        One for which it raises `LetterNotKept` stays for a later drain; the next is handed on.
        Whatever else it raises ends the drain."""

    async def counts(self) -> QueueCounts | None:
        """The depth of all queues, or None where the broker does not tell."""


class Flows(Protocol):
    """Durable orchestrations, keyed by instance id."""

    async def start(self, name: str, instance: str, input: Json) -> None:
        """Start, or poke when it runs. Raises `FlowsUnavailable`."""

    async def poke(self, instance: str) -> None:
        """Wake a running instance; nothing happens when there is none."""

    async def status(self, instance: str) -> str | None:
        """`Running`, `Completed`, `Failed`, ... or None."""

    async def purge(self, since: datetime, until: datetime) -> int:
        """Forget the instances that began in this time and have ended; returns how many. Raises
        `FlowsUnavailable`."""
