"""The counter of a place in the table `events`: sums that change in the transaction of their rows.
So a look at all of them costs one read a place, however many objects there are.

Cells: a count for each kind; `parked_<cause>`; `stake_<currency>`, the absolute amounts at stake of
parked objects, as text, because a sum of them may be longer than a cell's number; `received_at`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.money import is_currency
from shared.outcomes import Kind
from shared.ports import Cell, Row
from shared.stores.item_rows import COUNTED

PARKED, STAKE, RECEIVED_AT = "parked_", "stake_", "received_at"
OTHER = "other"  # a cause that is no word which names a cell
_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True, slots=True)
class Rollup:
    """Parked objects by cause, their amounts at stake in minor units by currency (0 where there
    were some once), and when the webhook last received an event of which something became."""

    parked: Mapping[str, int]
    stake_minor: Mapping[str, int]
    received_at: datetime | None


def count_in(row: Row | None, kind: Kind) -> int:
    """How many objects came to this, as a counter says."""
    value = row.cells.get(kind.value, 0) if row is not None else 0
    return value if isinstance(value, int) else 0


def moved(
    counter: Row | None,
    counted: Mapping[Kind, int],
    parked: Iterable[tuple[Mapping[str, Cell], int]],
    received_at: datetime | None,
) -> dict[str, Cell]:
    """The cells of a counter after a change. `parked`: rows of objects, each with its sign."""
    cells: dict[str, Cell] = dict(counter.cells) if counter is not None else {}
    for kind in COUNTED:
        cells[kind.value] = count_in(counter, kind) + counted.get(kind, 0)
    for row, sign in parked:
        cause = str(row["cause"])
        name = PARKED + (cause if _WORD.fullmatch(cause) else OTHER)
        cells[name] = int(str(cells.get(name, 0))) + sign
        currency = str(row["currency"])
        if is_currency(currency):
            name = STAKE + currency
            stake = abs(int(str(row["amount_minor"])))
            cells[name] = str(int(str(cells.get(name, 0))) + sign * stake)
    known = cells.get(RECEIVED_AT)
    if received_at is not None and not (isinstance(known, datetime) and known >= received_at):
        cells[RECEIVED_AT] = received_at
    return cells


def summed(counters: Sequence[Row]) -> Rollup:
    """What the counters of several places say together. What was parked before there were such sums
    may leave one below zero; that counts as none."""
    moments = [row.cells.get(RECEIVED_AT) for row in counters]
    return Rollup(
        _sums(counters, PARKED),
        _sums(counters, STAKE),
        max((moment for moment in moments if isinstance(moment, datetime)), default=None),
    )


def _sums(counters: Sequence[Row], prefix: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in counters:
        for name, value in row.cells.items():
            if name.startswith(prefix):
                key = name.removeprefix(prefix)
                found[key] = found.get(key, 0) + int(str(value))
    return {key: max(0, found[key]) for key in sorted(found)}
