"""Every port of the app, bound to the life of the process that calls it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from local.servicebus import Bus, Receives, ReceivesSession
from local.servicebus.entity import BrokerEntity
from local.servicebus.messages import Delivery, Depth, LockLost
from local.simulation.faults import Injector
from local.simulation.observers import JournalWatch
from local.simulation.process import Process
from local.simulation.timeline import Timeline
from shared.ports import (
    QUERY_ROWS_MAX,
    DeadLetter,
    DynamicsGateway,
    Flows,
    Json,
    Lookup,
    Message,
    Operation,
    Page,
    Queue,
    QueueCounts,
    Row,
    StripeGateway,
    Tables,
    Write,
    WriteFailed,
    Written,
)


class InstrumentedTables:
    """`shared.ports.Tables`. Reads are crash points, but are not told to the timeline."""

    def __init__(self, process: Process, inner: Tables, timeline: Timeline) -> None:
        self._process, self._inner, self._timeline = process, inner, timeline

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        """One row, or None."""
        return await self._process.through(
            "tables.get", lambda: self._inner.get(table, partition, row)
        )

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = QUERY_ROWS_MAX,
    ) -> list[Row]:
        """Rows in order."""
        return await self._process.through(
            "tables.query",
            lambda: self._inner.query(
                table, partition=partition, prefix=prefix, after=after, limit=limit
            ),
        )

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        """All or nothing."""
        rows = " ".join(f"{type(each).__name__}:{each.row}" for each in operations[:6])
        self._timeline.note(self._process.name, f"tables.transact {table} {partition} {rows}")
        return await self._process.through(
            f"tables.transact {table}", lambda: self._inner.transact(table, partition, operations)
        )


class InstrumentedQueue:
    """`shared.ports.Queue`."""

    def __init__(self, process: Process, inner: Queue, timeline: Timeline) -> None:
        self._process, self._inner, self._timeline = process, inner, timeline

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Returns only when the broker holds all of them."""
        ids = " ".join(message.id for message in messages)
        self._timeline.note(self._process.name, f"queue.send {queue} {ids}")
        await self._process.through("queue.send", lambda: self._inner.send(queue, messages))

    async def probe(self, queue: str) -> None:
        """Look for a queue."""
        await self._process.through("queue.probe", lambda: self._inner.probe(queue))

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        """Hand dead letters to `keep`."""

        async def kept(letter: DeadLetter) -> None:
            self._timeline.note(self._process.name, f"dead letter {queue} {letter.id}")
            await keep(letter)
            await self._process.cross("after dead letter kept")

        return await self._process.through(
            "queue.drain_dead_letters", lambda: self._inner.drain_dead_letters(queue, kept, limit)
        )

    async def counts(self) -> QueueCounts | None:
        """The depth of all queues."""
        return await self._process.through("queue.counts", self._inner.counts)


class InstrumentedFlows:
    """`shared.ports.Flows`."""

    def __init__(self, process: Process, inner: Flows, timeline: Timeline) -> None:
        self._process, self._inner, self._timeline = process, inner, timeline

    async def start(self, name: str, instance: str, input: Json) -> None:
        """Start, or poke when it runs."""
        self._timeline.note(self._process.name, f"flows.start {instance}")
        await self._process.through("flows.start", lambda: self._inner.start(name, instance, input))

    async def poke(self, instance: str) -> None:
        """Wake a running instance."""
        self._timeline.note(self._process.name, f"flows.poke {instance}")
        await self._process.through("flows.poke", lambda: self._inner.poke(instance))

    async def status(self, instance: str) -> str | None:
        """The status of an instance."""
        return await self._process.through("flows.status", lambda: self._inner.status(instance))

    async def purge(self, since: datetime, until: datetime) -> int:
        """Forget what has ended."""
        self._timeline.note(self._process.name, f"flows.purge {since} {until}")
        return await self._process.through("flows.purge", lambda: self._inner.purge(since, until))


class InstrumentedStripe:
    """`shared.ports.StripeGateway`."""

    def __init__(self, process: Process, inner: StripeGateway, timeline: Timeline) -> None:
        self._process, self._inner, self._timeline = process, inner, timeline

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        """One object."""
        self._timeline.note(self._process.name, f"stripe.retrieve {entity} {id}")
        return await self._process.through(
            "stripe.retrieve", lambda: self._inner.retrieve(entity, id, expand)
        )

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        """One page of a list."""
        return await self._process.through("stripe.page", lambda: self._inner.page(entity, params))

    async def balance(self) -> Json:
        """The balance."""
        return await self._process.through("stripe.balance", self._inner.balance)

    async def note(
        self, entity: str, id: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> Json:
        """Set metadata of one object."""
        given = (entity, id, metadata, idempotency_key)
        return await self._process.through("stripe.note", lambda: self._inner.note(*given))


class InstrumentedDynamics:
    """`shared.ports.DynamicsGateway`."""

    def __init__(
        self, process: Process, inner: DynamicsGateway, timeline: Timeline, watch: JournalWatch
    ) -> None:
        self._process, self._inner, self._timeline = process, inner, timeline
        self._watch = watch

    async def apply(
        self, writes: Sequence[Write], not_after: datetime
    ) -> list[Written | WriteFailed]:
        """Write; one result a write."""
        for write in writes:
            self._timeline.note(self._process.name, f"dynamics.apply {_told(write)}")
        named = (f"{w.company} {w.fields.get('JournalBatchNumber', '')}" for w in writes)
        journals = [name for name in dict.fromkeys(named) if not name.endswith(" ")]

        created = [write.group for write in writes if write.method == "POST"]
        for write in writes:
            if write.method == "DELETE" and write.group and write.group in created:
                batch = str(write.key["JournalBatchNumber"])
                self._watch.moved(write.entity_set, write.company, batch, str(write.group))

        async def apply() -> list[Written | WriteFailed]:
            number = self._watch.enter(journals, self._process)
            try:
                return await self._inner.apply(writes, not_after)
            finally:
                self._watch.leave(journals, number)

        results = await self._process.through("dynamics.apply", apply)
        for result in results:
            if isinstance(result, WriteFailed):
                self._timeline.note(self._process.name, f"  failed: {type(result.error).__name__}")
        return results

    async def find(self, lookup: Lookup) -> list[Json]:
        """All matching records."""
        rows = await self._process.through("dynamics.find", lambda: self._inner.find(lookup))
        wanted = lookup.any_of[1] if lookup.any_of else ()
        self._timeline.note(
            self._process.name, f"dynamics.find {lookup.entity_set} {list(wanted)[:5]}: {len(rows)}"
        )
        return rows


def _told(write: Write) -> str:
    names = ("JournalBatchNumber", "PaymentId", "DebitAmount", "CreditAmount", "JournalName")
    fields = {**write.key, **write.fields}
    shown = " ".join(f"{fields[name]}" for name in names if fields.get(name))
    return f"{write.method} {write.entity_set} {write.company} {shown}"


class InstrumentedBus:
    """The broker as the host of one process uses it."""

    def __init__(self, process: Process, inner: Bus, injector: Injector) -> None:
        self._process, self._inner, self._injector = process, inner, injector

    async def accept_session(
        self, queue: str, wait_seconds: float | None = None
    ) -> ReceivesSession | None:
        """The next free session."""
        session = await self._process.wait(self._inner.accept_session(queue, wait_seconds))
        if session is None:
            return None

        def is_small() -> bool:
            """Whether the rest of what is there stays for the next batch."""
            left = self._inner.depth(queue).ready
            return left > 0 and self._injector.strikes(
                "broker_small_batch", f"{queue}, {left} left"
            )

        return _LivedSession(self._process, session, is_small)

    def receiver(self, queue: str) -> Receives:
        """A receiver of a queue without sessions."""
        return _LivedReceiver(self._process, self._inner.receiver(queue))

    def depth(self, queue: str) -> Depth:
        """The messages of a queue."""
        return self._inner.depth(queue)

    def entity(self, queue: str) -> BrokerEntity:
        """The queue itself."""
        return self._inner.entity(queue)


class _LivedReceiver:
    """A queue without sessions in the hands of one process. A dead one settles nothing."""

    def __init__(self, process: Process, inner: Receives) -> None:
        self._process, self._inner = process, inner

    async def receive(self, count_max: int, wait_seconds: float | None) -> tuple[Delivery, ...]:
        """What is there."""
        return await self._process.wait(self._inner.receive(count_max, wait_seconds))

    def complete(self, delivery: Delivery) -> None:
        if not self._process.is_dead:
            self._inner.complete(delivery)

    def abandon(self, delivery: Delivery) -> None:
        if not self._process.is_dead:
            self._inner.abandon(delivery)


class _LivedSession(_LivedReceiver):
    """A session in the hands of one process. A dead one settles and frees nothing."""

    def __init__(
        self, process: Process, inner: ReceivesSession, is_small: Callable[[], bool]
    ) -> None:
        super().__init__(process, inner)
        self._session, self._is_small = inner, is_small

    async def receive(self, count_max: int, wait_seconds: float | None) -> tuple[Delivery, ...]:
        """One message, then what else is there by then."""
        first = await self._process.wait(self._inner.receive(1, wait_seconds))
        if not first or count_max == 1 or self._is_small():
            return first
        try:
            rest = await self._process.wait(self._inner.receive(count_max - 1, 0.0))
        except LockLost:  # the host learns of it when it settles the first
            return first
        return (*first, *rest)

    def close(self) -> None:
        if not self._process.is_dead:
            self._session.close()
