"""The timers' work: what no event announced, what waits, what its queue gave up.

Completeness of money rests on the list of balance transactions, because many types have no event.
A cursor moves only after the queue has the work. Each sweep is converge on more ids: doing it twice
changes nothing.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial

from shared import telemetry
from shared.documents.payout import is_itemised
from shared.domain.partition import partition_of
from shared.domain.records import Ref
from shared.errors import Kind, Verdict
from shared.ports import DeadLetter, Insert, Json, Operation, Replace
from shared.registry import ENTITIES, entity_named
from shared.services.converge import Converge, Ports, message_for
from shared.services.item import Item, UnreadableItemError, read_item
from shared.services.items import Items, Outcome, item_of, place
from shared.services.patience import patiently
from shared.services.reconcile import Reconcile

TABLE = "cursors"
SWEEP = "sweep"
PAGE = 100
PAGES_MAX = 100_000
PAYOUT_DAYS = 14  # how far back payouts are looked for that nobody announced
DEAD_LETTERS_MAX = 100  # a queue and run
RESENDS_MAX = 1_000  # a queue, partition and run
WAIT_BEFORE_RESEND = timedelta(minutes=5)


class Sweep:
    """What the timers call."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._converge = Converge(ports)
        self._items = Items(ports.tables, ports.clock)

    async def transactions(self) -> int:
        """Enqueue every balance transaction without lines since the cursor, with overlap.

        Returns how many were enqueued. Parked ones are left to the inbox.
        """
        settings = self._ports.settings
        started = self._ports.clock.now()
        row = await self._ports.tables.get(TABLE, SWEEP, "balance_transaction")
        since = started - timedelta(days=settings.sweep_first_days)
        if row is not None and isinstance(row.cells["through"], datetime):
            overlap = timedelta(hours=settings.sweep_overlap_hours)
            since = min(row.cells["through"] - overlap, started)
        sent = 0
        params: dict[str, str | int] = {"created[gte]": int(since.timestamp())}
        async for page in self._pages("balance_transaction", params):
            refs = [Ref("balance_transaction", str(txn["id"])) for txn in page]
            missing = await self._converge.unsettled(refs)
            sent += await self._converge.send([ref for ref in missing if not await self._kept(ref)])
        cells = {"through": started}
        operation: Operation = Insert("balance_transaction", cells)
        if row is not None:
            operation = Replace("balance_transaction", cells, row.etag)
        await self._ports.tables.transact(TABLE, SWEEP, [operation])
        telemetry.count("swept_transactions", sent)
        return sent

    async def _kept(self, ref: Ref) -> bool:
        """True for an object that is parked or waiting: another list has it."""
        partition = partition_of(ref.id, self._ports.settings.partitions)
        row = await self._items.get(place(entity_named(ref.entity).queue, partition), ref.id)
        return row is not None and row.cells["status"] in (Kind.PARK.value, Kind.WAITING.value)

    async def payouts(self) -> int:
        """Converge payouts that can be itemised and are not tied out: their flow starts or runs."""
        since = self._ports.clock.now() - timedelta(days=PAYOUT_DAYS)
        reconcile = Reconcile(self._ports)
        sent = 0
        params: dict[str, str | int] = {"created[gte]": int(since.timestamp())}
        async for page in self._pages("payout", params):
            for payout in page:
                if is_itemised(payout) and not await reconcile.is_tied(str(payout["id"])):
                    await self._send_again(Ref("payout", str(payout["id"])))
                    sent += 1
        return sent

    async def _send_again(self, ref: Ref) -> None:
        """Send an object that may have been sent before: a new generation of its item."""
        partition = partition_of(ref.id, self._ports.settings.partitions)
        queue = entity_named(ref.entity).queue
        row = await self._items.get(place(queue, partition), ref.id)
        if row is None:
            message = message_for(ref, self._ports.settings.partitions)
        else:
            item = item_of(row)
            message = item.renewed(item.generation + 1).message(partition)
        await self._ports.queue.send(queue, [message])

    async def waiting(self) -> int:
        """Send waiting items again, each under a new generation; returns how many."""
        sent = 0
        now = self._ports.clock.now()
        for queue, partition in self._places():
            where = place(queue, partition)
            count = 0
            async for row in self._items.listed(where, Kind.WAITING):
                updated = row.cells["updated_at"]
                if isinstance(updated, datetime) and now - updated < WAIT_BEFORE_RESEND:
                    continue
                item = item_of(row)
                renewed = item.renewed(item.generation + 1)
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
            safe = "".join(char if char.isalnum() or char in "_-" else "_" for char in letter.id)
            item = Item(safe[:100] or "unnamed", "", queue, safe[:100] or "unnamed")
        partition = int(letter.session) if letter.session.isdigit() else 0
        await self._items.record(place(queue, partition), [Outcome(item, verdict)])

    async def _pages(
        self, entity: str, params: dict[str, str | int]
    ) -> AsyncIterator[tuple[Json, ...]]:
        cursor: dict[str, str | int] = {"limit": PAGE}
        for _ in range(PAGES_MAX):
            asked = {**params, **cursor}
            page = await patiently(
                self._ports.clock,
                self._ports.chance,
                partial(self._ports.stripe.page, entity, asked),
            )
            yield page.data
            if not page.has_more:
                return
            cursor = {"limit": PAGE, "starting_after": str(page.data[-1]["id"])}
        raise RuntimeError(f"more than {PAGES_MAX} pages of {entity}")

    def _queues(self) -> list[str]:
        return list(dict.fromkeys(entity.queue for entity in ENTITIES))

    def _places(self) -> list[tuple[str, int]]:
        partitions = range(self._ports.settings.partitions)
        return [(queue, partition) for queue in self._queues() for partition in partitions]
