"""Looking for records whose write is uncertain, before anything is written again.

Lines: by (company, batch, PaymentId) first, then by PaymentId and date without the batch, because
"post and transfer" moves lines. Customers: by the field that holds the Stripe id.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from shared.domain.records import Link, Record
from shared.errors import Parked
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.services.plan import KEYS, found_link
from shared.services.task import Task

LOOK_KEYS_MAX = 20  # keys in one request: the address has a length limit


async def look(dynamics: DynamicsGateway, tasks: Sequence[Task]) -> None:
    """Find the records of `plan.look`; found ones become links, the others stay to be created.

    Each task gets its own error when its record occurs more than once. Raises the port's errors,
    which concern all tasks.
    """
    wanted = [(task, record) for task in tasks if task.going for record in task.plan.look]
    missing = await _by_journal(dynamics, wanted)
    found: dict[tuple[str, str, str], list[Json]] = {}
    for (entity_set, company), group in _grouped(missing):
        for chunk in _chunks([record for _, record in group]):
            rows = await dynamics.find(_lookup(entity_set, company, chunk))
            _collect(found, entity_set, company, chunk[0].key_field, rows)
    for task, record in missing:
        _take(task, record, found.get(_key(record), []))


def _key(record: Record) -> tuple[str, str, str]:
    return record.entity_set, record.document.company, record.document.key


def _grouped(
    wanted: Iterable[tuple[Task, Record]],
) -> list[tuple[tuple[str, str], list[tuple[Task, Record]]]]:
    def place(item: tuple[Task, Record]) -> tuple[str, str]:
        return item[1].entity_set, item[1].document.company

    ordered = sorted(wanted, key=place)
    return [(key, list(group)) for key, group in groupby(ordered, key=place)]


def _chunks(records: list[Record]) -> list[list[Record]]:
    return [
        records[start : start + LOOK_KEYS_MAX] for start in range(0, len(records), LOOK_KEYS_MAX)
    ]


def _collect(
    found: dict[tuple[str, str, str], list[Json]],
    entity_set: str,
    company: str,
    key_field: str,
    rows: list[Json],
) -> None:
    for row in rows:
        found.setdefault((entity_set, company, str(row[key_field])), []).append(row)


def _lookup(entity_set: str, company: str, records: list[Record], journal: str = "") -> Lookup:
    key_field = records[0].key_field
    keys: list[Value] = [record.document.key for record in records]
    select = (key_field, *KEYS[entity_set])
    if journal:
        return Lookup(
            entity_set, company, {"JournalBatchNumber": journal}, (key_field, keys), select=select
        )
    bounds = _dates(records)
    return Lookup(
        entity_set,
        company,
        any_of=(key_field, keys),
        at_least={name: low for name, (low, _) in bounds.items()},
        at_most={name: high for name, (_, high) in bounds.items()},
        select=select,
    )


def _dates(records: list[Record]) -> dict[str, tuple[Value, Value]]:
    for name in ("TransactionDate", "TransDate"):
        days = sorted(str(record.fields[name]) for record in records if name in record.fields)
        if days:
            by_text = {str(record.fields[name]): record.fields[name] for record in records}
            return {name: (by_text[days[0]], by_text[days[-1]])}
    return {}


async def _by_journal(
    dynamics: DynamicsGateway, wanted: list[tuple[Task, Record]]
) -> list[tuple[Task, Record]]:
    """Look in the journals that the intents name; returns what was not found there."""
    journals: dict[tuple[str, str, str], list[tuple[Task, Record]]] = {}
    rest = []
    for task, record in wanted:
        intent = task.held.intents.get(record.document.role) if task.held else None
        if intent is None or not intent.journal:
            rest.append((task, record))
        else:
            place = (record.entity_set, record.document.company, intent.journal)
            journals.setdefault(place, []).append((task, record))
    for (entity_set, company, journal), group in journals.items():
        found: dict[tuple[str, str, str], list[Json]] = {}
        for chunk in _chunks([record for _, record in group]):
            rows = await dynamics.find(_lookup(entity_set, company, chunk, journal))
            _collect(found, entity_set, company, chunk[0].key_field, rows)
        for task, record in group:
            rows = found.get(_key(record), [])
            if rows:
                _take(task, record, rows)
            else:
                rest.append((task, record))
    return rest


def _take(task: Task, record: Record, rows: list[Json]) -> None:
    document = record.document
    if len(rows) > 1:
        cause = "duplicate_customer" if document.journal is None else "duplicate_line"
        task.fail(
            Parked(
                cause,
                f"{document.key} occurs {len(rows)} times in {record.entity_set} of "
                f"{document.company}",
                "Delete or reverse the extra records in Dynamics, then retry.",
            )
        )
    elif rows:
        link: Link = found_link(record, rows[0])
        task.new_links.append(link)
        task.over.append(document.role)
