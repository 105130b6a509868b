"""Which journals are posted by now, and which ones does the posting job refuse?

A journal is refused when the job passed it over: one of the same name is posted whose last line is
younger (`shared/stores/journals.py`). No clock decides that: while nothing is posted, nothing is
refused, and the alert on the age of unposted lines tells that the job stands still. Journals of a
name with approval are never taken apart, because an approver may work out of order.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import batched

from shared import telemetry
from shared.converge import isolation
from shared.converge.accounts import HOLD, LINE_HOLDS
from shared.converge.maintenance import MaintenanceCommands
from shared.converge.posting_status import posted
from shared.converge.recovery import LOOKUP_KEYS_MAX
from shared.converge.refusals import PostingRefusals
from shared.domain.journal import JournalKind
from shared.entities.customer import ACCOUNT, CUSTOMERS
from shared.ports import Clock, Delete, DynamicsGateway, Json, Lookup, Put, Random, Row, Tables
from shared.services.audit.spans import LOOKS_AT_ONCE
from shared.settings import Settings
from shared.stores.active_books import ReadBooks
from shared.stores.holds import Holds
from shared.stores.item import ItemKind
from shared.stores.journals import POSTED, TABLE, UNPOSTED, close, note_posted, passed_over
from shared.stores.mappings import Mappings
from shared.stores.places import Place
from shared.stores.retry import with_retries
from shared.stores.runs import Run, side_by_side
from shared.stores.unposted import Unposted
from shared.targets.entity_set import EntitySets

JOURNALS_PAGE = 100  # unposted journals that are looked at together
APPROVALS = ("IsApprovalActive", "IsWorkflowApprovalActive")


class PostingWatch:
    """What the timer `watch_journals` calls."""

    def __init__(
        self,
        *,
        dynamics: DynamicsGateway,
        tables: Tables,
        maintenance: MaintenanceCommands,
        entity_sets: EntitySets,
        clock: Clock,
        rng: Random,
        settings: Settings,
        books: ReadBooks,
        mappings: Mappings,
    ) -> None:
        self._mappings = mappings
        self._dynamics, self._tables, self._maintenance = dynamics, tables, maintenance
        self._entity_sets, self._clock, self._rng = entity_sets, clock, rng
        self._settings, self._books, self._holds = settings, books, Holds(tables)

    async def run(self) -> int:
        """Note which journals are posted by now, and isolate what keeps refused ones from posting.

        Returns how many are not posted. Raises `ExceptionGroup` at the end for the companies and
        journals that could not be looked at.
        """
        run = Run("watch_journals", self._clock)
        await run.part("customers on hold", self._release, None)
        waiting = 0
        place = Place(self._tables, "unposted_journals")
        async for page in place.pages(run, TABLE, UNPOSTED, size=JOURNALS_PAGE):
            waiting += await self._watch(run, page)
        place = Place(self._tables, "refused_journals")
        async for page in place.pages(run, TABLE, UNPOSTED, size=JOURNALS_PAGE):
            for row in page:
                await run.part(f"journal {row.row}", partial(self._judge, row), None)
        run.close()
        return waiting

    async def _release(self) -> None:
        """Forget the customers that are on hold no more."""
        by_company: dict[str, list[str]] = {}
        for company, account in await self._holds.known():
            by_company.setdefault(company, []).append(account)
        for company, accounts in by_company.items():
            lookup = Lookup(
                CUSTOMERS, company, any_of=(ACCOUNT, list(accounts)), select=(ACCOUNT, HOLD)
            )
            rows = await self._find(lookup)
            held = {str(row[ACCOUNT]): None for row in rows if row[HOLD] in LINE_HOLDS}
            free = [(company, account) for account in accounts if account not in held]
            await self._holds.forget(free)

    async def _watch(self, run: Run, rows: Sequence[Row]) -> int:
        """Returns how many of some unposted journals are not posted."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            company, kind, _ = row.row.split("~", maxsplit=2)
            groups.setdefault((company, kind), []).append(row)
        parts = [
            (company, kind, part)
            for (company, kind), group in groups.items()
            for part in batched(group, LOOKUP_KEYS_MAX, strict=False)
        ]

        async def note(part: tuple[str, str, tuple[Row, ...]]) -> int:
            company, kind, group = part
            name = f"{kind} journals of {company}"
            return await run.part(name, lambda: self._note(company, kind, group), 0)

        count = sum(await side_by_side(parts, note, LOOKS_AT_ONCE))
        return len(rows) - count

    async def _note(self, company: str, kind: str, rows: Sequence[Row]) -> int:
        entity_set = self._entity_sets.of_journal(JournalKind(kind)).name
        by_batch = {(entity_set, company, row.row.split("~", maxsplit=2)[2]): row for row in rows}
        count = 0
        for batch, is_posted in (await posted(self._find, by_batch)).items():
            if is_posted:
                row = by_batch[batch]
                landed_at = await Unposted(self._tables, self._clock).landed_at(row.row)
                await note_posted(self._tables, row, landed_at)
                cells = {**row.cells, "seen_posted_at": self._clock.now()}
                await self._tables.transact(TABLE, POSTED, [Put(row.row, cells)])
                await self._tables.transact(TABLE, UNPOSTED, [Delete(row.row)])
                count += 1
        return count

    async def _judge(self, row: Row) -> None:
        """Isolate what is bad in a journal that the posting job passed over since it was isolated
        last."""
        lease = timedelta(seconds=self._settings.lease_seconds)
        isolated_at = row.cells.get(isolation.ISOLATED_AT)
        opened_at = row.cells["opened_at"]
        since = isolated_at if isinstance(isolated_at, datetime) else opened_at
        if not isinstance(since, datetime):
            raise TypeError(f"row {row.row} of {UNPOSTED} says no moment")
        if not await passed_over(self._tables, row, lease, since):
            return
        if await self._tables.get(TABLE, POSTED, row.row) is not None:
            return
        company, kind, batch = row.row.split("~", maxsplit=2)
        if await self._needs_approval(company, str(row.cells["name"])):
            approver = (await self._mappings.active()).policy.approvals.of(JournalKind(kind))
            who = approver or "nobody that the policy names"
            telemetry.event("journal_not_approved", company=company, journal=batch, approver=who)
            return
        if await close(self._tables, row):  # else the next run looks again
            await self._isolate(company, JournalKind(kind), batch, row)

    async def _needs_approval(self, company: str, name: str) -> bool:
        lookup = Lookup("JournalNames", company, {"Name": name}, select=("Name", *APPROVALS))
        rows = await self._find(lookup)
        return any(row[flag] == "Yes" for row in rows for flag in APPROVALS)

    async def _isolate(self, company: str, kind: JournalKind, batch: str, row: Row) -> None:
        entity_set = self._entity_sets.of_journal(kind)
        delimiter = self._settings.dynamics_dimension_delimiter
        read = partial(isolation.lines_in, self._dynamics, entity_set, company, batch, delimiter)
        lines = await with_retries(self._clock, self._rng, read)
        if not lines:
            await self._tables.transact(TABLE, UNPOSTED, [Delete(row.row)])
            return
        refusals = PostingRefusals(self._dynamics, await self._books(), delimiter)
        causes = await with_retries(self._clock, self._rng, partial(refusals.of, lines))
        await self._holds.note(refusals.held)
        mode = isolation.mode_of(lines, causes)
        telemetry.event(
            "journal_refused", logging.WARNING, company=company, journal=batch, mode=mode.value
        )
        await isolation.mark(self._tables, row, mode, self._clock.now())
        ids = isolation.objects_of([line.key for line in lines])
        await self._maintenance.send(ids, ItemKind.ISOLATE, "isolate")

    async def _find(self, lookup: Lookup) -> list[Json]:
        return await with_retries(self._clock, self._rng, partial(self._dynamics.find, lookup))
