"""The open disputes, and those that are over while money stands on `disputes`. Table `disputes`.

Partition `listed`: a row for each dispute that a person has to look at; it goes when the dispute is
over and nothing stands. Partition `closed`: when Tieout first saw a dispute closed, which dates its
loss where Stripe does not keep the event any more.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.domain.records import canonical
from shared.entities.common.disputing import is_final
from shared.entities.common.objects import MOMENT_MAX, Snapshot, id_of, text
from shared.entities.dispute.making import standing
from shared.errors import TableConflict
from shared.ports import Cell, Delete, Insert, Put, Row, Tables
from shared.stores.paging import rows

TABLE, LISTED, CLOSED = "disputes", "listed", "closed"
LISTED_MAX = 1_000  # shown at once


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on `disputes` in a company, in minor units."""

    company: str
    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class DisputeListing:
    """A dispute on the list. `amount_minor` of `currency`: what is disputed; `due_by`: until when
    evidence counts, empty where Stripe does not say; `stands`: on the account by company and
    currency; `account`: the alias of its Stripe account."""

    dispute: str
    charge: str
    status: str
    reason: str
    amount_minor: int
    currency: str
    due_by: str
    stands: tuple[Standing, ...]
    account: str
    at: str


async def first_seen_closed(tables: Tables, dispute: str, now: datetime) -> datetime:
    """When a dispute was first seen closed: now, where it never was."""
    row = await tables.get(TABLE, CLOSED, dispute)
    if row is None:
        try:
            await tables.transact(TABLE, CLOSED, [Insert(dispute, {"at": now})])
        except TableConflict:
            row = await tables.get(TABLE, CLOSED, dispute)
    at = row.cells["at"] if row is not None else now
    return at if isinstance(at, datetime) else now


async def note(tables: Tables, snapshot: Snapshot, account: str, now: datetime) -> None:
    """Put a dispute on the list, or take it off. `snapshot`: with the lines that it has by now."""
    dispute, stands = snapshot.object, standing(snapshot)
    listed = await tables.get(TABLE, LISTED, snapshot.id)
    if is_final(dispute) and not any(part.amount for part in stands):
        if listed is not None:
            await tables.transact(TABLE, LISTED, [Delete(snapshot.id)])
        return
    amount, currency = dispute.get("amount"), text(dispute, "currency")
    cells: dict[str, Cell] = {
        "charge": id_of(dispute.get("charge")),
        "status": text(dispute, "status"),
        "reason": text(dispute, "reason"),
        "amount_minor": amount if type(amount) is int else 0,
        "currency": currency,
        "due_by": _due_by(dispute),
        "stands": canonical(
            [
                [part.company, part.amount.currency, part.amount.minor]
                for part in stands
                if part.amount
            ]
        ),
        "account": account,
        "at": now,
    }
    await tables.transact(TABLE, LISTED, [Put(snapshot.id, cells)])


def _due_by(dispute: Mapping[str, object]) -> str:
    details = dispute.get("evidence_details")
    seconds = details.get("due_by") if isinstance(details, Mapping) else None
    if type(seconds) is not int or not 0 <= seconds <= MOMENT_MAX:
        return ""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


class DisputeList:
    """The list, for people: those due first at the front. Memory is bounded by `LISTED_MAX`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def page(self) -> tuple[list[DisputeListing], int]:
        """The first `LISTED_MAX` disputes on the list, and how many more there are."""
        listings: list[DisputeListing] = []
        more = 0
        async for row in rows(self._tables, TABLE, LISTED):
            if len(listings) == LISTED_MAX:
                more += 1
                continue
            listings.append(_listing(row))
        return sorted(listings, key=lambda each: (each.due_by or "~", each.dispute)), more


def _listing(row: Row) -> DisputeListing:
    cells = row.cells
    return DisputeListing(
        row.row,
        str(cells["charge"]),
        str(cells["status"]),
        str(cells["reason"]),
        int(str(cells["amount_minor"])),
        str(cells["currency"]),
        str(cells["due_by"]),
        tuple(Standing(*part) for part in json.loads(str(cells["stands"]))),
        str(cells["account"]),
        str(cells["at"]),
    )
