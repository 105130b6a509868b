"""The timers' work: what no event announced, what waits, what its queue gave up.

Completeness of money rests on the list of balance transactions, because many types have no event.
A cursor moves only after the queue has the work. Each sweep is converge on more ids: doing it twice
changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared import telemetry
from shared.documents.payout import is_itemised
from shared.domain.partition import partition_of
from shared.domain.records import Ref
from shared.ports import Cell, DeadLetter, Insert, Json, Message, Operation, Replace, Row
from shared.registry import ENTITIES, entity_named
from shared.services.converge import Ports
from shared.services.dispatch import Dispatch, message_for
from shared.services.ingest import route
from shared.services.item import (
    FIND_SENDER,
    UNREADABLE,
    UnreadableItemError,
    read_item,
    unreadable_item,
)
from shared.services.items import Items, Outcome, home, item_of, places
from shared.services.links import LinkStore
from shared.services.paging import PAGES_MAX, Pages, next_cursor
from shared.services.reconcile import Reconcile
from shared.verdicts import Kind, Verdict

TABLE = "cursors"
SWEEP = "sweep"
UNDELIVERED_DAYS = 3  # as long as Stripe itself tries
PAYOUT_DAYS = 14  # how far back payouts are looked for that nobody announced
DEAD_LETTERS_MAX = 100  # a queue and run
RESENDS_MAX = 1_000  # a queue, partition and run
RESEND_AFTER_MIN = timedelta(minutes=5)
RESEND_AFTER_MAX = timedelta(hours=2)
RESEND_AGE_SHARE = 4  # what has waited for a day is not asked for every quarter of an hour


class Sweep:
    """What the timers call."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        links = LinkStore(ports.tables, ports.clock, ports.settings.lease_seconds)
        self._dispatch = Dispatch(links, ports.queue, ports.clock, ports.settings)
        self._items = Items(ports.tables, ports.clock)
        self._pages = Pages(ports.stripe, ports.clock, ports.chance)

    async def transactions(self) -> int:
        """Enqueue every balance transaction without lines since the cursor, with overlap.

        Returns how many were enqueued. Parked ones are left to the inbox.
        """
        started = self._ports.clock.now()
        row, since = await self._since("balance_transaction", started)
        sent, cursor = 0, ""
        for _ in range(PAGES_MAX):
            page = await self.transaction_page(int(since.timestamp()), cursor)
            sent += int(page["sent"])
            cursor = page["cursor"]
            if not cursor:
                await self._move("balance_transaction", row, started)
                telemetry.count("swept_transactions", sent)
                return sent
        raise RuntimeError(f"more than {PAGES_MAX} pages of balance transactions")

    async def transaction_page(self, since: int, cursor: str) -> Json:
        """One page of balance transactions created since a moment (seconds), newest first.

        Returns `{cursor, seen, sent, oldest}`: the next cursor (empty: that was the last page), how
        many were listed, how many enqueued, and the `created` of the last one.
        """
        page = await self._pages.one("balance_transaction", {"created[gte]": since}, cursor)
        refs = [Ref("balance_transaction", str(txn["id"])) for txn in page.data]
        missing = await self._dispatch.unsettled(refs)
        sent = await self._dispatch.send([ref for ref in missing if not await self._kept(ref)])
        return {
            "cursor": next_cursor(page),
            "seen": len(page.data),
            "sent": sent,
            "oldest": int(page.data[-1]["created"]) if page.data else since,
        }

    async def events(self) -> int:
        """Enqueue the events that never reached a worker: what makes a lost webhook harmless.

        Reads what Stripe could not deliver, and everything since the cursor with overlap, because
        an accepted delivery may have been lost too. Events older than Stripe keeps (30 days) are
        found through their transactions. Returns how many were enqueued.
        """
        started = self._ports.clock.now()
        row, since = await self._since("event", started)
        undelivered: dict[str, str | int] = {
            "delivery_success": "false",
            "created[gte]": int((started - timedelta(days=UNDELIVERED_DAYS)).timestamp()),
        }
        sent = 0
        everything: dict[str, str | int] = {"created[gte]": int(since.timestamp())}
        for params in (undelivered, everything):
            async for page in self._pages.all("event", params):
                sent += await self._enqueue_events(page)
        await self._move("event", row, started)
        telemetry.count("swept_events", sent)
        return sent

    async def _enqueue_events(self, events: Sequence[Json]) -> int:
        settings = self._ports.settings
        queues: dict[str, list[Message]] = {}
        for event in events:
            routed = route(event, settings)
            if routed is None:
                continue
            queue, partition, item = routed
            if await self._items.get(home(queue, item.object), item.id) is None:
                queues.setdefault(queue, []).append(item.message(partition))
        for queue, messages in queues.items():
            await self._ports.queue.send(queue, messages)
        return sum(len(messages) for messages in queues.values())

    async def _since(self, name: str, now: datetime) -> tuple[Row | None, datetime]:
        """The cursor's row, and the moment to read from."""
        settings = self._ports.settings
        row = await self._ports.tables.get(TABLE, SWEEP, name)
        if row is not None and isinstance(row.cells["through"], datetime):
            overlap = timedelta(hours=settings.sweep_overlap_hours)
            return row, min(row.cells["through"] - overlap, now)
        return row, now - timedelta(days=settings.sweep_first_days)

    async def _move(self, name: str, row: Row | None, through: datetime) -> None:
        """Move a cursor; the queue has everything up to `through`."""
        cells: dict[str, Cell] = {"through": through}
        operation: Operation = Insert(name, cells)
        if row is not None:
            operation = Replace(name, cells, row.etag)
        await self._ports.tables.transact(TABLE, SWEEP, [operation])

    async def _kept(self, ref: Ref) -> bool:
        """True for an object that is parked or waiting: another list has it."""
        row = await self._items.object(home(entity_named(ref.entity).queue, ref.id), ref.id)
        return row is not None and row.cells["status"] in (Kind.PARK.value, Kind.WAITING.value)

    async def payouts(self) -> int:
        """Converge payouts that can be itemised and are not tied out: their flow starts or runs."""
        since = self._ports.clock.now() - timedelta(days=PAYOUT_DAYS)
        reconcile = Reconcile(self._ports)
        sent = 0
        params: dict[str, str | int] = {"created[gte]": int(since.timestamp())}
        async for page in self._pages.all("payout", params):
            for payout in page:
                if is_itemised(payout) and not await reconcile.is_tied(str(payout["id"])):
                    await self._send_again(Ref("payout", str(payout["id"])))
                    sent += 1
        return sent

    async def _send_again(self, ref: Ref) -> None:
        """Send an object that may have been sent before: a new generation of its item."""
        partition = partition_of(ref.id, self._ports.settings.partitions)
        queue = entity_named(ref.entity).queue
        row = await self._items.get(home(queue, ref.id), ref.id)
        if row is None:
            message = message_for(ref, self._ports.settings.partitions)
        else:
            item = item_of(row)
            message = item.renewed(item.generation + 1).message(partition)
        await self._ports.queue.send(queue, [message])

    async def waiting(self) -> int:
        """Send waiting items again, each under a new generation; returns how many.

        The longer one has waited, the rarer: its counterpart's own event or timer comes first.
        """
        sent = 0
        now = self._ports.clock.now()
        partitions = self._ports.settings.partitions
        for queue, where in self._places():
            count = 0
            async for row in self._items.listed(where, Kind.WAITING):
                if not _is_due(row, now):
                    continue
                item = item_of(row)
                renewed = item.renewed(item.generation + 1)
                partition = partition_of(item.object, partitions)
                await self._ports.queue.send(queue, [renewed.message(partition)])
                count += 1
                if count == RESENDS_MAX:
                    break
            sent += count
        return sent

    async def dead_letters(self) -> int:
        """Park what the queues gave up; each is stored before it leaves its dead-letter queue."""
        drained = 0
        for queue in self._queues():

            async def keep(letter: DeadLetter, queue: str = queue) -> None:
                await self._park(queue, letter)

            drained += await self._ports.queue.drain_dead_letters(queue, keep, DEAD_LETTERS_MAX)
        return drained

    async def _park(self, queue: str, letter: DeadLetter) -> None:
        verdict = Verdict(
            Kind.PARK,
            cause="dead_letter",
            text=f"the queue gave the message up: {letter.reason}",
            remedy="Look for crashes in the log around this item, then retry it.",
        )
        try:
            item = read_item(letter.body)
        except UnreadableItemError as error:
            telemetry.fault("dead_letter_unreadable", error, queue=queue, message=letter.id)
            item = unreadable_item(queue, letter.id)
            verdict = replace(verdict, cause=UNREADABLE, remedy=FIND_SENDER)
        await self._items.store(queue, [Outcome(item, verdict)])

    def _queues(self) -> list[str]:
        return list(dict.fromkeys(entity.queue for entity in ENTITIES))

    def _places(self) -> list[tuple[str, str]]:
        return [(queue, where) for queue in self._queues() for where in places([queue])]


def _is_due(row: Row, now: datetime) -> bool:
    """Whether a waiting item is to be looked at again."""
    first, last = row.cells["first_seen_at"], row.cells["updated_at"]
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return True
    pause = (last - first) / RESEND_AGE_SHARE
    return now - last >= min(max(pause, RESEND_AFTER_MIN), RESEND_AFTER_MAX)
