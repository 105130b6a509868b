"""Storage, broker and durable client as they are on bad days. One set for all processes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from local.simulation.conditions import Conditions
from local.simulation.faults import Injector
from local.simulation.observers import QueueWatch
from local.simulation.outages import Outages
from shared.errors import FlowsUnavailable, QueueUnavailable, StorageUnavailable, TableConflict
from shared.ports import (
    QUERY_ROWS_MAX,
    Clock,
    DeadLetter,
    Flows,
    Json,
    Message,
    Operation,
    Queue,
    QueueCounts,
    Row,
    Tables,
)

AFTER_WINDOW_SECONDS = (60.0, 3_600.0)
SLOW_SECONDS = (0.01, 20.0)
PAYOUT_FLOW = "payout_flow"  # somebody starts a backfill anew, a payout the sweep


class FaultyTables:
    """Tables that conflict, fail to answer, take their time, or answer into the void."""

    def __init__(
        self,
        inner: Tables,
        injector: Injector,
        outages: Outages,
        clock: Clock,
        *,
        read_seconds: Callable[[], float],
        write_seconds: Callable[[], float],
    ) -> None:
        """`read_seconds`, `write_seconds`: how long the next read or write takes."""
        self._inner, self._injector, self._outages, self._clock = inner, injector, outages, clock
        self._read_seconds, self._write_seconds = read_seconds, write_seconds

    async def _reach(self, what: str) -> None:
        """On the way to the store; nothing was done yet."""
        if self._outages.is_away("table") or self._injector.strikes("table_unavailable", what):
            raise StorageUnavailable("simulated")
        if self._injector.strikes("table_slow", what):
            await self._clock.sleep(self._injector.size("table_slow", *SLOW_SECONDS))

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        """One row, or None."""
        await self._reach(f"get {table} {partition} {row}")
        await self._clock.sleep(self._read_seconds())
        return await self._inner.get(table, partition, row)

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
        await self._reach(f"query {table} {partition or ''}")
        await self._clock.sleep(self._read_seconds())
        return await self._inner.query(
            table, partition=partition, prefix=prefix, after=after, limit=limit
        )

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        """All or nothing."""
        what = f"{table} {partition}"
        if self._injector.strikes("table_conflict", what):
            raise TableConflict(f"{what} has changed (simulated)")
        if len(operations) > 1 and self._injector.strikes("table_transaction_refused", what):
            raise TableConflict(f"a row of the transaction on {what} has changed (simulated)")
        await self._reach(what)
        await self._clock.sleep(self._write_seconds())
        etags = await self._inner.transact(table, partition, operations)
        if self._injector.strikes("table_answer_lost", what):
            raise StorageUnavailable("simulated, after the write was done")
        return etags


class FaultyQueue:
    """A broker that refuses, forgets to answer, or delivers again after a week. `watch`: what it
    took."""

    def __init__(
        self,
        inner: Queue,
        injector: Injector,
        outages: Outages,
        clock: Clock,
        conditions: Conditions,
    ) -> None:
        self.watch = QueueWatch()
        self._inner, self._injector, self._outages, self._clock = inner, injector, outages, clock
        self._window = timedelta(seconds=conditions.duplicate_window_seconds)
        self._partitions = conditions.partitions
        self._copies = 0
        self._late: list[asyncio.Task[None]] = []

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Returns only when the broker holds all of them."""
        what = f"{queue} {messages[0].id if messages else ''}"
        if self._outages.is_away("queue") or self._injector.strikes("queue_unavailable", what):
            raise QueueUnavailable("simulated")
        await self._inner.send(queue, messages)
        self.watch.taken(messages)
        for message in messages:
            if self._injector.strikes("broker_duplicate", f"{queue} {message.id}"):
                self._again(queue, message)
            is_first = message.id == message.body["id"]  # copies of copies would multiply
            if is_first and self._injector.strikes("broker_elsewhere", f"{queue} {message.id}"):
                await self._inner.send(queue, [self._elsewhere(message)])
        if self._injector.strikes("queue_answer_lost", what):
            raise QueueUnavailable("simulated, after the broker took the messages")

    def _again(self, queue: str, message: Message) -> None:
        extra = self._injector.size("broker_duplicate", *AFTER_WINDOW_SECONDS)

        async def send() -> None:
            await self._clock.sleep(self._window.total_seconds() + extra)
            again = Message(message.id, message.session, message.body)
            await self._inner.send(queue, [again])

        self._late.append(asyncio.create_task(send(), name=f"duplicate of {message.id}"))

    def _elsewhere(self, message: Message) -> Message:
        """An item of its own for the same object in the next partition, as when two events of one
        object have different roots."""
        self._copies += 1
        id = f"{message.body['object']}_elsewhere_{self._copies}"
        body = {**message.body, "id": id, "generation": 0, "copy": 0, "attempt": 0}
        session = str((int(message.session) + 1) % self._partitions)
        return Message(id, session, body, message.scheduled_at)

    async def probe(self, queue: str) -> None:
        """Look for a queue."""
        if self._outages.is_away("queue"):
            raise QueueUnavailable("simulated")
        await self._inner.probe(queue)

    async def drain_dead_letters(
        self, queue: str, keep: Callable[[DeadLetter], Awaitable[None]], limit: int
    ) -> int:
        """Hand dead letters to `keep`."""
        if self._outages.is_away("queue"):
            raise QueueUnavailable("simulated")
        return await self._inner.drain_dead_letters(queue, keep, limit)

    async def counts(self) -> QueueCounts | None:
        """The depth of all queues."""
        return await self._inner.counts()


class FaultyFlows:
    """A durable client that does not always answer, and flows that end before their work is done.

    `end` ends an instance, as a deployment that changed its code does, or a person in the portal.
    """

    def __init__(self, inner: Flows, injector: Injector, end: Callable[[str], None]) -> None:
        self._inner, self._injector, self._end = inner, injector, end

    async def start(self, name: str, instance: str, input: Json) -> None:
        """Start, or poke when it runs."""
        if self._injector.strikes("flows_unavailable", instance):
            raise FlowsUnavailable("simulated")
        await self._inner.start(name, instance, input)
        if name == PAYOUT_FLOW and self._injector.strikes("flow_ends_early", instance):
            self._end(instance)

    async def poke(self, instance: str) -> None:
        """Wake a running instance."""
        await self._inner.poke(instance)

    async def status(self, instance: str) -> str | None:
        """The status of an instance."""
        return await self._inner.status(instance)

    async def purge(self, since: datetime, until: datetime) -> int:
        """Forget what has ended."""
        return await self._inner.purge(since, until)


class FaultyBroker:
    """`local.servicebus.BrokerFaults` drawn by the injector."""

    def __init__(self, injector: Injector) -> None:
        self._injector = injector

    def lock_ends_early(self, queue: str, session_id: str) -> bool:
        """The lock is lost at once, the receiver does not know."""
        return self._injector.strikes("broker_lock_lost", f"{queue} session {session_id}")

    def completion_is_lost(self, queue: str, message_id: str) -> bool:
        """The message stays and is delivered again."""
        return self._injector.strikes("broker_redelivery", f"{queue} {message_id}")
