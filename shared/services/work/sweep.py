"""The timers' work: objects that no event announced, and waiting items.

The list of balance transactions makes money complete, because many types have no event; the payouts
that these transactions name make the bank side complete. A cursor moves only after the queue has
the work. Each sweep is converge on more ids: doing it twice changes nothing. If one run has no time
for all, the next one continues (`shared/stores/runs.py`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from shared import telemetry
from shared.converge.dispatch import Dispatch, message_for
from shared.domain.partition import named, partition_of
from shared.domain.records import Ref
from shared.entities.payout.making import FLOW, instance_of, is_itemised, payout_of
from shared.outcomes import Kind
from shared.ports import (
    Clock,
    Flows,
    Json,
    Message,
    Page,
    Queue,
    Row,
    Tables,
)
from shared.registry import Registry
from shared.services.ingest import route
from shared.settings import Settings
from shared.stores.item import Item
from shared.stores.items import TABLE as ITEMS
from shared.stores.items import Items, home, item_of, places
from shared.stores.links import LinkStore
from shared.stores.paging import Pages, next_cursor
from shared.stores.places import SWEEP, Cursor, Place, Window, Windows
from shared.stores.runs import Run, side_by_side
from shared.stores.tie_outs import OPEN, TIEOUTS, expect, is_noted
from shared.stores.tie_outs import TABLE as PAYOUTS

UNDELIVERED_DAYS = 3  # as long as Stripe itself tries
EVENT_DAYS_MAX = 29  # Stripe keeps events for 30
PAYOUT_DAYS = 14  # payouts of which Stripe's own list is read; older ones by their transactions
RESENDS_PAGE = 100  # waiting items looked at together, and sent in one request
RESEND_AFTER_MIN = timedelta(minutes=5)
RESEND_AFTER_MAX = timedelta(hours=2)
RESEND_AGE_SHARE = 4  # what has waited for a day is not asked for every quarter of an hour


class Sweep:
    """What the timers call, for one Stripe account (`AccountSweeps` has all). What waits is of all
    accounts."""

    def __init__(
        self,
        *,
        pages: Pages,
        queue: Queue,
        flows: Flows,
        tables: Tables,
        links: LinkStore,
        items: Items,
        dispatch: Dispatch,
        clock: Clock,
        settings: Settings,
        registry: Registry,
    ) -> None:
        self._pages, self._queue, self._flows = pages, queue, flows
        self._tables, self._links, self._items = tables, links, items
        self._dispatch, self._clock = dispatch, clock
        self._settings, self._registry = settings, registry
        self._windows, self._account = Windows(tables, clock), settings.stripe_alias

    def _run(self, timer: str) -> Run:
        return Run(timer, self._clock)

    def _named(self, list_name: str) -> str:
        """The name under which the place in a list of this account is kept."""
        return named(self._account, list_name)

    # --- balance transactions ---------------------------------------------------------------

    async def transactions(self) -> int:
        """Enqueue every balance transaction without lines since the cursor, with overlap, and the
        payouts that they name.

        Returns how many were enqueued. Parked ones are left to the inbox. Raises `ExceptionGroup`
        at the end for pages that could not be handed on.
        """
        run = self._run("sweep_transactions")
        sent = await self._windows.walk(
            run,
            self._named("balance_transaction"),
            self._since,
            lambda window: self._page("balance_transaction", window),
            self._enqueue_transactions,
        )
        telemetry.count("tieout.sweep.transactions", sent, account=self._account)
        run.close()
        return sent

    async def _page(
        self, entity: str, window: Window, params: dict[str, str | int] | None = None
    ) -> Page:
        asked = {**(params or {}), "created[gte]": window.since}
        return await self._pages.one(entity, asked, window.after)

    async def _enqueue_transactions(self, txns: Sequence[Json]) -> int:
        """Send those transactions, and those of their payouts, that are not written completely."""
        refs = [Ref("balance_transaction", str(txn["id"])) for txn in txns]
        refs += [Ref("payout", id) for txn in txns if (id := payout_of(txn))]
        missing = await self._dispatch.unsettled(refs)
        kept = await side_by_side(missing, self._kept)
        return await self._dispatch.send(
            [ref for ref, is_kept in zip(missing, kept, strict=True) if not is_kept]
        )

    async def transaction_page(self, since: int, cursor: str) -> Json:
        """One page of balance transactions created since a moment (seconds), newest first.

        Returns `{cursor, seen, sent, oldest}`: the next cursor (empty: that was the last page), how
        many were listed, how many objects enqueued, and the `created` of the last one.
        """
        page = await self._pages.one("balance_transaction", {"created[gte]": since}, cursor)
        return {
            "cursor": next_cursor(page),
            "seen": len(page.data),
            "sent": await self._enqueue_transactions(page.data),
            "oldest": int(page.data[-1]["created"]) if page.data else since,
        }

    def _since(self, through: datetime | None, now: datetime) -> datetime:
        """The moment to read from."""
        settings = self._settings
        if through is None:
            return now - timedelta(days=settings.sweep_first_days)
        return min(through - timedelta(hours=settings.sweep_overlap_hours), now)

    async def _kept(self, ref: Ref) -> bool:
        """True for an object that is parked or waiting: another list has it."""
        row = await self._items.object(home(self._registry.named(ref.entity).queue, ref.id), ref.id)
        return row is not None and row.cells["status"] in (Kind.PARK.value, Kind.WAITING.value)

    # --- events -----------------------------------------------------------------------------

    async def events(self) -> int:
        """Enqueue the events that never reached a worker: what makes a lost webhook harmless.

        Reads what Stripe could not deliver, and everything since the cursor with overlap, because
        an accepted delivery may have been lost too. Events older than Stripe keeps (30 days) are
        found through their transactions. Returns how many were enqueued. Raises `ExceptionGroup`
        at the end for queues that did not take theirs.
        """
        run = self._run("sweep_events")
        hand_on = partial(self._enqueue_events, run)
        undelivered: dict[str, str | int] = {"delivery_success": "false"}
        sent = await self._windows.walk(
            run,
            self._named("event_undelivered"),
            lambda _through, now: now - timedelta(days=UNDELIVERED_DAYS),
            lambda window: self._page("event", window, undelivered),
            hand_on,
        )
        sent += await self._windows.walk(
            run,
            self._named("event"),
            self._event_since,
            lambda window: self._page("event", window),
            hand_on,
        )
        telemetry.count("tieout.sweep.events", sent, account=self._account)
        run.close()
        return sent

    def _event_since(self, through: datetime | None, now: datetime) -> datetime:
        return max(self._since(through, now), now - timedelta(days=EVENT_DAYS_MAX))

    async def _enqueue_events(self, run: Run, events: Sequence[Json]) -> int:
        settings = self._settings
        registry = self._registry
        routes = [route(event, settings, registry) for event in events]
        routed = [event_route for event_route in routes if event_route is not None]

        async def is_known(event_route: tuple[str, int, Item]) -> bool:
            queue, _, item = event_route
            return await self._items.get(home(queue, item.object), item.id) is not None

        queues: dict[str, list[Message]] = {}
        known = await side_by_side(routed, is_known)
        for (queue, partition, item), is_there in zip(routed, known, strict=True):
            if not is_there:
                queues.setdefault(queue, []).append(item.message(partition))
        sent = 0
        for queue, messages in queues.items():
            sent += await run.part(f"queue {queue}", partial(self._send, queue, messages), 0)
        return sent

    async def _send(self, queue: str, messages: Sequence[Message]) -> int:
        await self._queue.send(queue, messages)
        return len(messages)

    # --- payouts ----------------------------------------------------------------------------

    async def payouts(self) -> int:
        """Converge payouts that are not complete, or not tied out: their flow starts or goes on.

        Reads Stripe's list of the last `PAYOUT_DAYS`, and every tie-out that is open, of any age.
        Nothing is written of a payout that a person resolved, but its members have to tie out, too:
        its flow starts from here. Returns how many were enqueued.
        """
        run = self._run("sweep_payouts")
        sent = await self._windows.walk(
            run,
            self._named("payout"),
            lambda _through, now: now - timedelta(days=PAYOUT_DAYS),
            lambda window: self._page("payout", window),
            self._enqueue_payouts,
        )
        place = Place(self._tables, self._named("open_tie_outs"))
        async for page in place.pages(run, PAYOUTS, TIEOUTS):
            ids = [row.row for row in page if self._is_open(row)]
            sent += await run.part("open tie-outs", partial(self._take_up, ids), 0)
        run.close()
        return sent

    async def _enqueue_payouts(self, payouts: Sequence[Json]) -> int:
        """Those of a page that are not complete; open tie-outs have a list of their own."""
        refs = [Ref("payout", str(payout["id"])) for payout in payouts]
        unsettled = await self._dispatch.unsettled(refs)
        itemised = {str(payout["id"]): payout for payout in payouts if is_itemised(payout)}
        noted = await side_by_side(list(itemised), partial(is_noted, self._tables))
        unnoted = [id for id, is_there in zip(itemised, noted, strict=True) if not is_there]
        resolved = await self._resolved(unnoted)
        for id in resolved:  # taken up with the open ones
            await expect(self._tables, itemised[id], self._clock.now(), self._account)
        wanted = dict.fromkeys([*(ref.id for ref in unsettled), *unnoted])
        return await self._send_again([id for id in wanted if id not in resolved])

    async def _take_up(self, ids: Sequence[str]) -> int:
        """Send payouts whose tie-out is open, or start the flow of those that are resolved."""
        resolved = await self._resolved(ids)
        sent = await self._send_again([id for id in ids if id not in resolved])
        for id in resolved:
            await self._flows.start(FLOW, instance_of(id), {"payout": id, "account": self._account})
        return sent

    def _is_open(self, row: Row) -> bool:
        """Whether it is an open tie-out of this account."""
        return row.cells["status"] == OPEN and row.cells["account"] == self._account

    async def _resolved(self, ids: Sequence[str]) -> list[str]:
        """Those that a person settled by hand."""
        resolutions = await side_by_side(ids, self._links.resolution)
        return [
            id for id, resolution in zip(ids, resolutions, strict=True) if resolution is not None
        ]

    async def _send_again(self, ids: Sequence[str]) -> int:
        """Send payouts that may have been sent before, each as a new generation of its item;
        parked and waiting ones are left to their lists."""
        queue = self._registry.named("payout").queue

        async def message(id: str) -> Message | None:
            if await self._kept(Ref("payout", id)):
                return None
            partition = partition_of(id, self._settings.partitions)
            row = await self._items.get(home(queue, id), id)
            if row is None:
                return message_for(Ref("payout", id), self._settings)
            item = item_of(row)
            return item.renewed(item.generation + 1).message(partition)

        candidates = await side_by_side(ids, message)
        messages = [candidate for candidate in candidates if candidate is not None]
        if messages:
            await self._queue.send(queue, messages)
        return len(messages)

    # --- waiting items and dead letters -----------------------------------------------------

    async def waiting(self) -> int:
        """Send waiting items again, each under a new generation; returns how many.

        The longer one has waited, the rarer: its counterpart's own event or timer comes first.
        If a run ends before all are sent, the next run begins where this one stopped.
        """
        run = self._run("sweep_waiting")
        places = self._places()
        cursor = Cursor(self._tables, SWEEP, "waiting")
        begun = str((await cursor.read()).get("place", ""))
        first = next((n for n, (_, where) in enumerate(places) if where == begun), 0)
        sent = 0
        for queue, where in places[first:] + places[:first]:
            sent += await run.part(where, partial(self._resend, run, queue, where), 0)
            if run.is_over:
                await cursor.keep({"place": where})
                break
        run.close()
        return sent

    async def _resend(self, run: Run, queue: str, where: str) -> int:
        now, partitions = self._clock.now(), self._settings.partitions
        sent = 0
        pages = Place(self._tables, f"waiting~{where}").pages(
            run, ITEMS, where, f"{Kind.WAITING.value}~", RESENDS_PAGE
        )
        async for page in pages:
            items = [item_of(row) for row in page if _is_due(row, now)]
            messages = [
                item.renewed(item.generation + 1).message(partition_of(item.object, partitions))
                for item in items
            ]
            if messages:
                await self._queue.send(queue, messages)
            sent += len(messages)
        return sent

    def _places(self) -> list[tuple[str, str]]:
        return [(queue, where) for queue in self._registry.queues for where in places([queue])]


def _is_due(row: Row, now: datetime) -> bool:
    """Whether a waiting item is to be looked at again."""
    due = next_look_at(row)
    return due is None or now >= due


def next_look_at(row: Row) -> datetime | None:
    """When a waiting item is to be looked at again; None: at once."""
    first, last = row.cells["first_seen_at"], row.cells["updated_at"]
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return None
    pause = (last - first) / RESEND_AGE_SHARE
    return last + min(max(pause, RESEND_AFTER_MIN), RESEND_AFTER_MAX)
