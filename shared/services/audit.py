"""The nightly audit: do our links and Dynamics say the same? And which journals are posted?

The audit reads and enqueues: what differs is verified, and mended, by the queue function of its
object. `PaymentId` is not unique in Dynamics, drafts can be deleted, and posting can move lines:
this is where that shows.
"""

import logging
from datetime import datetime, timedelta
from functools import partial

from shared import telemetry
from shared.domain.journal import JournalKind
from shared.domain.records import Link
from shared.ports import Cell, Delete, Json, Lookup, Put, Row, Value
from shared.services import apart
from shared.services.converge import Ports
from shared.services.errands import Errands
from shared.services.item import APART, VERIFY
from shared.services.items import Items
from shared.services.journals import HEADERS, POSTED, TABLE, UNPOSTED
from shared.services.links import LinkStore
from shared.services.looking import LOOK_KEYS_MAX
from shared.services.paging import Pages
from shared.services.patience import patiently
from shared.services.standing import KINDS

AUDIT_DAYS = 35
JOURNALS_MAX = 1_000  # looked at in one run
LINE_SETS = (
    ("CustomerPaymentJournalLines", "TransactionDate"),
    ("LedgerJournalLines", "TransDate"),
)

type Places = dict[str, list[tuple[str, int]]]
"""Where each key is: company and PaymentId -> (batch, line number)."""


class Audit:
    """What the audit timers call."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        items = Items(ports.tables, ports.clock)
        self._errands = Errands(ports.queue, items, ports.settings)
        self._pages = Pages(ports.stripe, ports.clock, ports.chance)
        self._links = LinkStore(ports.tables, ports.clock, ports.settings.lease_seconds)

    async def lines(self) -> int:
        """Enqueue a verification of every object of the last `AUDIT_DAYS` whose lines are not
        exactly where the links say. Returns how many. Memory grows with the lines of the period."""
        since = self._ports.clock.now() - timedelta(days=AUDIT_DAYS)
        places = await self._places(since)
        suspects = dict.fromkeys(
            key.split("~", maxsplit=1)[1].split(":", maxsplit=1)[0]
            for key, found in places.items()
            if len(found) > 1
        )
        for entity in ("balance_transaction", "payout"):
            async for page in self._pages.all(entity, {"created[gte]": int(since.timestamp())}):
                for id in [str(item["id"]) for item in page]:
                    links = (await self._links.links(id)).values()
                    if any(self._differs(link, places, id) for link in links):
                        suspects[id] = None
        sent = await self._errands.send(suspects, VERIFY, "verify")
        telemetry.count("audit_suspects", sent)
        return sent

    async def _places(self, since: datetime) -> Places:
        places: Places = {}
        for company in self._ports.settings.books.companies:
            for entity_set, date_field in LINE_SETS:
                lookup = Lookup(
                    entity_set,
                    company,
                    at_least={date_field: since.date() - timedelta(days=1)},
                    select=("PaymentId", "JournalBatchNumber", "LineNumber"),
                )
                for row in await self._find(lookup):
                    key = f"{company}~{row['PaymentId']}"
                    place_ = (str(row["JournalBatchNumber"]), int(row["LineNumber"]))
                    places.setdefault(key, []).append(place_)
        return places

    def _differs(self, link: Link, places: Places, id: str) -> bool:
        """True when the line is not where the link says. Lines dated before the period are not
        read, so a link of which nothing is found is verified rather than judged."""
        if "JournalBatchNumber" not in link.keys:
            return False
        found = places.get(f"{link.company}~{id}:{link.role}", [])
        wanted = (str(link.keys["JournalBatchNumber"]), int(link.keys["LineNumber"]))
        return found != [wanted]

    async def journals(self) -> int:
        """Note which journals are posted by now, and set apart what holds the others up.

        Returns how many are not posted.
        """
        rows = await self._ports.tables.query(TABLE, partition=UNPOSTED, limit=JOURNALS_MAX)
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            company, kind, _ = row.row.split("~", maxsplit=2)
            groups.setdefault((company, kind), []).append(row)
        posted = 0
        for (company, kind), group in groups.items():
            for start in range(0, len(group), LOOK_KEYS_MAX):
                posted += await self._note(company, kind, group[start : start + LOOK_KEYS_MAX])
        for (company, kind), group in groups.items():
            for row in group:
                if self._is_overdue(row):
                    await self._set_apart(company, JournalKind(kind), row)
        return len(rows) - posted

    def _is_overdue(self, row: Row) -> bool:
        """True when the posting job had time enough for a journal and did not post it."""
        since = row.cells["opened_at"]
        wait = timedelta(hours=self._ports.settings.posting_wait_hours)
        return isinstance(since, datetime) and self._ports.clock.now() - since > wait

    async def _set_apart(self, company: str, kind: JournalKind, row: Row) -> None:
        """Half of an overdue journal's objects leave it, or its only one parks."""
        if await self._ports.tables.get(TABLE, POSTED, row.row) is not None:
            return
        entity_set = next(name for name, found in KINDS.items() if found is kind)
        batch = row.row.split("~", maxsplit=2)[2]
        read = partial(apart.keys_in, self._ports.dynamics, entity_set, company, batch)
        keys = await patiently(self._ports.clock, self._ports.chance, read)
        ids = apart.objects_of(keys)
        if not ids:
            await self._ports.tables.transact(TABLE, UNPOSTED, [Delete(row.row)])
            return
        telemetry.event("journal_overdue", logging.WARNING, company=company, journal=batch)
        rounds = int(str(row.cells.get("rounds", 0)))
        cells: dict[str, Cell] = {"opened_at": self._ports.clock.now(), "rounds": rounds + 1}
        await apart.mark(self._ports.tables, row, cells)
        # Dynamics may refuse to move a bad line, so the halves take turns.
        middle = len(ids) // 2
        half = ids[middle:] if rounds % 2 == 0 or len(ids) == 1 else ids[:middle]
        await self._errands.send(half, APART, "apart")

    async def _note(self, company: str, kind: str, rows: list[Row]) -> int:
        by_batch = {row.row.split("~", maxsplit=2)[2]: row for row in rows}
        values: list[Value] = list(by_batch)
        lookup = Lookup(
            HEADERS[JournalKind(kind)],
            company,
            any_of=("JournalBatchNumber", values),
            select=("JournalBatchNumber", "IsPosted"),
        )
        posted = 0
        for found in await self._find(lookup):
            row = by_batch.get(str(found["JournalBatchNumber"]))
            if row is not None and found["IsPosted"] == "Yes":
                cells = {**row.cells, "seen_posted_at": self._ports.clock.now()}
                await self._ports.tables.transact(TABLE, POSTED, [Put(row.row, cells)])
                await self._ports.tables.transact(TABLE, UNPOSTED, [Delete(row.row)])
                posted += 1
        return posted

    async def _find(self, lookup: Lookup) -> list[Json]:
        return await patiently(
            self._ports.clock, self._ports.chance, partial(self._ports.dynamics.find, lookup)
        )
