"""Who did what: the audit log, in the table `audit`.

Partition `log`; the row key falls with time, so the newest entries come first. The service that
does something for a person adds the entry after its checks and before its work, so nothing is done
without one. An entry may therefore stand for work that failed; its objects tell how it ended. No
code of the product deletes an entry, or changes anything of one but its reason, which the erasure
of a customer takes out.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import cast

from shared.domain.erasure import ERASED_TEXT
from shared.errors import TableConflict
from shared.ports import Cell, Clock, Insert, Replace, Row, Tables
from shared.stores.packing import pack, unpack
from shared.stores.paging import row_pages
from shared.stores.runs import Run

TABLE, LOG = "audit", "log"
KEY_CALLER = "key"  # who has a function key and declared no name
WHO_CHARS_MAX = 120
WHY_CHARS_MAX = 500
SAME_MOMENT_MAX = 100  # entries of one microsecond
LISTED_MAX = 200  # entries of one page
ROWS_READ_MAX = 5_000  # rows that one page looks through for those that its filter wants
_KEY = re.compile(r"[0-9]{18}(~[0-9]{3})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEY_DIGITS = 18  # microseconds of the year 9999 have as many
_KEY_MAX = 10**_KEY_DIGITS - 1

type Detail = Mapping[str, str | int]


class AuditedAction(StrEnum):
    """What is put on record."""

    RETRY = "retry"
    RESOLVE = "resolve"
    ACCEPT = "accept"
    SUBMIT = "submit"
    PREVIEW = "preview"
    PUBLISH = "publish"
    ROLLBACK = "rollback"
    REAPPLY = "reapply"
    BACKFILL = "backfill"
    ERASE = "erase"
    PURGE = "purge"
    SETUP = "setup"
    PROBE = "probe"
    RECLASS = "reclass"
    REVERSE = "reverse"
    CONFIRM_FEES = "confirm_fees"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `who`: the name that App Service authentication gave, or `key (declared: NAME)`;
    `objects`: the ids it is about; `detail`: what else the action needs to be understood."""

    at: datetime
    who: str
    action: str
    why: str
    objects: tuple[str, ...]
    detail: Detail


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted: empty fields want all. `since` and `until` are inclusive."""

    who: str = ""
    action: str = ""
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def wants(self, entry: AuditEntry) -> bool:
        """Whether an entry passes, its moment aside."""
        return (
            self.who in ("", entry.who)
            and self.action in ("", entry.action)
            and (not self.object or self.object in entry.objects)
        )


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, newest first; `after` begins the next page, empty when there is none. A page may
    have few entries, or none, and still be followed by others: `ROWS_READ_MAX`."""

    entries: tuple[AuditEntry, ...]
    after: str


class AuditLog:
    """Adds entries and reads them."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables, self._clock = tables, clock

    async def add(
        self,
        who: str,
        action: AuditedAction,
        objects: Sequence[str] = (),
        why: str = "",
        detail: Detail = MappingProxyType({}),
    ) -> None:
        """Put on record who does what. Raises `TableConflict` and `StorageUnavailable`."""
        at = self._clock.now()
        cells: dict[str, Cell] = {
            "at": at,
            "who": (who.strip() or KEY_CALLER)[:WHO_CHARS_MAX],
            "action": action.value,
            "why": why[:WHY_CHARS_MAX],
            "count": len(objects),
            **pack({"objects": list(objects), "detail": dict(detail)}),
        }
        for number in range(SAME_MOMENT_MAX):
            key = f"{_falling(at)}~{number:03}"
            try:
                await self._tables.transact(TABLE, LOG, [Insert(key, cells)])
            except TableConflict:
                row = await self._tables.get(TABLE, LOG, key)
                if row is None or dict(row.cells) != cells:
                    continue  # another entry of this moment; else ours, whose answer was lost
            return
        raise TableConflict(f"more than {SAME_MOMENT_MAX} entries of the audit log at {at}")

    async def page(
        self, wanted: AuditFilter, limit: int = LISTED_MAX, after: str = ""
    ) -> AuditPage:
        """Up to `limit` entries, newest first. Raises ValueError for a limit out of range, or an
        `after` that no page gave."""
        if after and not _KEY.fullmatch(after):
            raise ValueError("after must be what the page before gave")
        if not 1 <= limit <= LISTED_MAX:
            raise ValueError(f"limit must be a whole number from 1 to {LISTED_MAX}")
        if not after and wanted.until is not None:
            after = _falling(wanted.until)
        first = (LOG, after) if after else None
        entries: list[AuditEntry] = []
        seen = 0
        async for rows in row_pages(self._tables, TABLE, LOG, after=first):
            for row in rows:
                entry = _entry_of(row)
                if wanted.since is not None and entry.at < wanted.since:
                    return AuditPage(tuple(entries), "")
                seen += 1
                if wanted.wants(entry):
                    entries.append(entry)
                if len(entries) == limit or seen == ROWS_READ_MAX:
                    return AuditPage(tuple(entries), row.row)
        return AuditPage(tuple(entries), "")

    async def erase(self, objects: Collection[str], run: Run) -> bool:
        """Take out the reason of every entry about any of these objects; of erasures it stays.
        False when the run was over, or an entry changed, before all were looked at. Raises
        `StorageUnavailable`."""
        async for rows in row_pages(self._tables, TABLE, LOG):
            if run.is_over:
                return False
            for row in rows:
                entry = _entry_of(row)
                is_about = any(id in objects for id in entry.objects)
                is_kept = entry.action == AuditedAction.ERASE or entry.why in ("", ERASED_TEXT)
                if not is_about or is_kept:
                    continue
                cells = {**row.cells, "why": ERASED_TEXT}
                try:
                    await self._tables.transact(TABLE, LOG, [Replace(row.row, cells, row.etag)])
                except TableConflict:
                    return False
        return True


def _falling(at: datetime) -> str:
    """A key that sorts later moments first."""
    return f"{_KEY_MAX - max((at - _EPOCH) // _MICROSECOND, 0):0{_KEY_DIGITS}}"


def _entry_of(row: Row) -> AuditEntry:
    cells = row.cells
    at, packed = cells["at"], cast("Mapping[str, object]", unpack(cells))
    if not isinstance(at, datetime):
        raise TypeError(f"{row.row} of the audit log has no moment")
    objects = cast("Sequence[str]", packed["objects"])
    who, action, why = (str(cells[name]) for name in ("who", "action", "why"))
    return AuditEntry(at, who, action, why, tuple(objects), cast("Detail", packed["detail"]))
