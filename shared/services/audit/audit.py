"""The nightly audit: do our links and Dynamics say the same?

The audit only reads and enqueues: the queue function of an object that differs verifies and repairs
it. `PaymentId` is not unique in Dynamics, drafts can be deleted, and posting can move lines: the
audit finds that. A pass goes from today back, some days at a time; if one run has no time for all,
the next one continues.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from shared import telemetry
from shared.converge.maintenance import MaintenanceCommands
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.ports import (
    Cell,
    Clock,
    DynamicsGateway,
    Json,
    Lookup,
    Page,
    Random,
    Tables,
)
from shared.services.audit.spans import Span
from shared.settings import Settings
from shared.stores.active_books import ReadBooks
from shared.stores.item import ItemKind
from shared.stores.links import LinkStore
from shared.stores.paging import Pages, next_cursor
from shared.stores.places import SWEEP, Cursor
from shared.stores.retry import with_retries
from shared.stores.runs import Run, side_by_side
from shared.targets.entity_set import EntitySets

AUDIT, AUDIT_DAYS = "audit", 35
SPAN_DAYS_MAX = 7  # days of which the lines are in memory at once
QUIET_LINES_MAX = 5_000  # of a span; after more, the next one is a day
LANES = 24  # parts of a span that is not quiet; their transactions are read side by side
PAGES_AT_ONCE = 8
STRANGERS_AT_ONCE = 500  # objects
DONE = "-"  # instead of a cursor: the lane was read to its end


@dataclass(frozen=True, slots=True)
class Pass:
    """How far an audit is: the span of days under way, and what of it is done.

    `lanes`: for each Stripe account of `accounts`, for each part of the span's transactions, then
    for its payouts, the object that the next page follows. `after`: the last object that was
    compared because of its lines alone.
    """

    began: date
    first: date
    last: date
    lanes: tuple[str, ...]
    after: str = ""
    sent: int = 0
    accounts: tuple[str, ...] = (DEFAULT_ACCOUNT,)

    def account(self, number: int) -> str:
        """The alias of the account whose list a lane reads."""
        return self.accounts[number * len(self.accounts) // len(self.lanes)]

    def begun_again(self, accounts: tuple[str, ...], parts: int = 1) -> "Pass":
        """Its span from the start, for these accounts."""
        lanes = ("",) * ((parts + 1) * len(accounts))
        return replace(self, lanes=lanes, accounts=accounts, after="")

    @property
    def days(self) -> int:
        """The length of the span."""
        return (self.last - self.first).days + 1

    def cells(self) -> dict[str, Cell]:
        """The row that keeps it."""
        return {
            "began": self.began.isoformat(),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "lanes": json.dumps(self.lanes),
            "after": self.after,
            "sent": self.sent,
            "accounts": json.dumps(self.accounts),
        }


class Audit:
    """What the audit timers call. `pages`: the lists of each Stripe account, by its alias."""

    def __init__(
        self,
        *,
        pages: Mapping[str, Pages],
        dynamics: DynamicsGateway,
        tables: Tables,
        links: LinkStore,
        maintenance: MaintenanceCommands,
        entity_sets: EntitySets,
        clock: Clock,
        rng: Random,
        settings: Settings,
        books: ReadBooks,
    ) -> None:
        self._pages, self._dynamics, self._tables, self._links = pages, dynamics, tables, links
        self._maintenance, self._entity_sets = maintenance, entity_sets
        self._clock, self._rng, self._settings = clock, rng, settings
        self._books = books
        self._zone, self._accounts = ZoneInfo(settings.time_zone), tuple(pages)

    async def lines(self) -> int:
        """Enqueue a verification of every object of the last `AUDIT_DAYS` whose lines are not
        exactly where the links say. Goes on with a pass that is under way, or begins one.

        Returns how many were enqueued by this run. Raises `ExceptionGroup` at the end for companies
        and objects that could not be read.
        """
        return await self._work(begin=True)

    async def go_on(self) -> int:
        """Go on with a pass that is under way; nothing where there is none."""
        return await self._work(begin=False)

    async def _work(self, *, begin: bool) -> int:
        run = Run("audit_lines", self._clock)
        cursor = Cursor(self._tables, SWEEP, AUDIT)
        now = _pass_in(await cursor.read())
        if now is None and begin:
            today = self._clock.now().astimezone(self._zone).date()
            now = Pass(today, today, today, ()).begun_again(self._accounts)
            await cursor.keep(now.cells())
        sent = 0
        while now is not None and not run.is_over:
            before = now.sent
            reached, lines = await self._span(run, cursor, now)
            sent += reached.sent - before
            if lines is None:
                break
            now = _next_span(reached, lines)
            await cursor.keep({} if now is None else now.cells())
            if now is None:
                telemetry.event("audit_done", days=AUDIT_DAYS, suspects=reached.sent)
        telemetry.count("tieout.audit.suspects", sent)
        run.close()
        return sent

    async def _span(self, run: Run, cursor: Cursor, now: Pass) -> tuple[Pass, int | None]:
        """Go on with a span. Returns how far it came, and how many lines it has when it is done."""
        span = Span(
            now.first,
            now.last,
            run=run,
            links=self._links,
            companies=tuple((await self._books()).companies),
            lines=self._entity_sets.journal_lines,
            find=self._find,
        )
        await span.load()
        if now.accounts != self._accounts:  # the settings changed meanwhile
            now = now.begun_again(self._accounts)
        if span.lines > QUIET_LINES_MAX and not any(now.lanes):
            now = now.begun_again(self._accounts, LANES)
        while True:
            open_lanes = [n for n, after in enumerate(now.lanes) if after != DONE]
            if open_lanes:
                now = await self._round(span, now, open_lanes[:PAGES_AT_ONCE])
            else:
                ids = span.strangers(now.after)[:STRANGERS_AT_ONCE]
                if not ids:
                    return now, span.lines
                sent = await self._verify(await span.unknown(ids), "")
                now = replace(now, after=ids[-1], sent=now.sent + sent)
            await cursor.keep(now.cells())
            if run.is_over:
                return now, None

    async def _round(self, span: Span, now: Pass, numbers: list[int]) -> Pass:
        """The next page of some lanes, side by side."""
        pages = await side_by_side(numbers, lambda number: self._page(now, number))
        ids: dict[str, dict[str, None]] = {}
        for number, page in zip(numbers, pages, strict=True):
            listed = (str(item["id"]) for item in page.data)
            ids.setdefault(now.account(number), {}).update(dict.fromkeys(listed))
        sent = 0
        for account, part in ids.items():
            sent += await self._verify(await span.suspects(list(part)), account)
        lanes = list(now.lanes)
        for number, page in zip(numbers, pages, strict=True):
            lanes[number] = next_cursor(page) or DONE
        return replace(now, lanes=tuple(lanes), sent=now.sent + sent)

    async def _page(self, now: Pass, number: int) -> Page:
        lanes = len(now.lanes) // len(now.accounts)
        payouts, part = lanes - 1, number % lanes
        start, end = self._moment(now.first), self._moment(now.last + timedelta(days=1))
        entity = "payout"
        if part < payouts:
            entity = "balance_transaction"
            span = end - start
            start, end = (start + span * index // payouts for index in (part, part + 1))
        bounds: dict[str, str | int] = {"created[gte]": start, "created[lt]": end}
        return await self._pages[now.account(number)].one(entity, bounds, now.lanes[number])

    def _moment(self, day: date) -> int:
        return int(datetime.combine(day, time(), self._zone).timestamp())

    async def _verify(self, ids: list[str], account: str) -> int:
        return await self._maintenance.send(ids, ItemKind.VERIFY, "verify", account=account)

    async def _find(self, lookup: Lookup) -> list[Json]:
        read = partial(self._dynamics.find, lookup)
        return await with_retries(self._clock, self._rng, read)


def _next_span(done: Pass, lines: int) -> Pass | None:
    """The days before a span, more or fewer by its lines; None after the last."""
    end = done.began - timedelta(days=AUDIT_DAYS)
    last = done.first - timedelta(days=1)
    if last < end:
        return None
    days = 1
    if lines <= QUIET_LINES_MAX and done.last != done.began:  # today is not over
        days = min(2 * done.days, SPAN_DAYS_MAX)
    first = max(last - timedelta(days=days - 1), end)
    return Pass(done.began, first, last, (), sent=done.sent).begun_again(done.accounts)


def _pass_in(cells: Mapping[str, Cell]) -> Pass | None:
    if "began" not in cells:
        return None
    days = ("began", "first", "last")
    began, first, last = (date.fromisoformat(str(cells[name])) for name in days)
    lanes = tuple(json.loads(str(cells["lanes"])))
    accounts = tuple(json.loads(str(cells["accounts"])))
    return Pass(began, first, last, lanes, str(cells["after"]), int(str(cells["sent"])), accounts)
