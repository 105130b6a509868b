"""Comparing what we wrote with what Dynamics holds, object by object, and mending the difference.

A line that was moved ("post and transfer") gets its new place. A draft that somebody deleted is
written again, once. A line that was seen posted and is gone parks. Of a line that exists twice the
extra draft is deleted; an extra posted line parks. Only queue functions do this: they hold the
claim and the session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from shared.converge.plan import link_of
from shared.converge.posting_status import Batch, posted
from shared.converge.recovery import Finder, Key, Place, key_of, key_text, place_of
from shared.converge.stages import Failed, PlannedObject, RecordFinding, failing
from shared.domain.journal import JournalKind
from shared.domain.records import Link, Record
from shared.errors import Parked
from shared.ports import DynamicsGateway, Json, Lookup, Tables, Value
from shared.stores.journals import POSTED, TABLE, journal_key
from shared.targets.entity_set import EntitySets
from shared.targets.finance import BATCH_NUMBER, FINANCE


@dataclass(slots=True)
class _Comparison(RecordFinding):
    """An object whose records are compared: what is to be written again, and what is surplus."""

    recreate: list[Record] = field(default_factory=list)
    delete: list[tuple[Record, Mapping[str, Value]]] = field(default_factory=list)

    def compared(self) -> PlannedObject | Failed:
        """The object, and what has to be mended."""
        recreate, delete = tuple(self.recreate), tuple(self.delete)
        return self.result(replace(self.of.plan, recreate=recreate, delete=delete))


async def verify(
    dynamics: DynamicsGateway,
    tables: Tables,
    entity_sets: EntitySets,
    values: Sequence[PlannedObject],
) -> list[PlannedObject | Failed]:
    """Check `plan.verify` of every object; each gets its own errors."""
    findings = [_Comparison(value) for value in values]
    with failing(findings):
        await _verify(dynamics, tables, entity_sets, findings)
    return [finding.compared() for finding in findings]


async def _verify(
    dynamics: DynamicsGateway,
    tables: Tables,
    entity_sets: EntitySets,
    findings: Sequence[_Comparison],
) -> None:
    wanted = [
        (finding, record, link) for finding in findings for record, link in finding.of.plan.verify
    ]
    found, unknown = await _find(dynamics, [record for _, record, _ in wanted], entity_sets)
    is_posted: Mapping[Batch, bool] = {}
    try:
        is_posted = await posted(dynamics.find, _doubtful(found, entity_sets))
    except Exception as error:  # which of two lines is right cannot be told
        unknown |= {key: error for key, rows in found.items() if len(rows) > 1}
    for finding, record, link in wanted:
        if key_of(record) in unknown:
            finding.fail(unknown[key_of(record)])
            continue
        with failing([finding]):
            rows = found.get(key_of(record), [])
            intent = finding.of.intent(record.document.role)
            if intent is not None and intent.record.fields_hash == link.record.fields_hash:
                finding.over.append(intent.role)  # an earlier move: now it is known where it is
            if rows:
                keys = entity_sets[record.entity_set].keys
                _compare(finding, record, link, rows, is_posted, keys=keys)
            else:
                await _missing(tables, finding, record, link)


type Rows = Mapping[Key, list[Json]]
"""The records of each key."""


async def rows_of(dynamics: DynamicsGateway, records: Sequence[Record]) -> Rows:
    """All journal lines of each key, wherever they are. Raises the port's errors."""
    found, unknown = await _find(dynamics, records, FINANCE)
    for error in unknown.values():
        raise error
    return found


async def _find(
    dynamics: DynamicsGateway, records: Sequence[Record], entity_sets: EntitySets
) -> tuple[Rows, dict[Key, Exception]]:
    """All records of each key, and the errors of the keys that could not be asked for."""
    groups: dict[Place, list[Record]] = {}
    for record in records:
        groups.setdefault(place_of(record), []).append(record)
    found: dict[Key, list[Json]] = {}
    unknown: dict[Key, Exception] = {}
    finder = Finder(dynamics)
    for place, group in groups.items():
        try:
            rows, failed = await finder.each(group, partial(_lookup, entity_sets))
            unknown |= {key_of(record): error for record, error in failed}
            for row in rows:
                key = place, key_text(row[group[0].key_field])
                found.setdefault(key, []).append(row)
        except Exception as error:  # an answer that nobody can read
            unknown |= {key_of(record): error for record in group}
    return found, unknown


def _lookup(entity_sets: EntitySets, records: list[Record]) -> Lookup:
    """The records of some keys, all of one place."""
    entity_set, company, within = place_of(records[0])
    key_field = records[0].key_field
    keys: list[Value] = [record.fields[key_field] for record in records]
    select = tuple(dict.fromkeys((key_field, *entity_sets[entity_set].keys)))
    return Lookup(entity_set, company, dict(within), any_of=(key_field, keys), select=select)


def _doubtful(found: Rows, entity_sets: EntitySets) -> list[Batch]:
    """The journals of lines that are there more than once."""
    return [
        (entity_set, company, str(row[BATCH_NUMBER]))
        for ((entity_set, company, _), _), rows in found.items()
        if entity_sets[entity_set].journal and len(rows) > 1
        for row in rows
    ]


def _compare(
    finding: _Comparison,
    record: Record,
    link: Link,
    rows: list[Json],
    posted: Mapping[Batch, bool],
    *,
    keys: tuple[str, ...],
) -> None:
    """One record should be there: keep the right one, delete or name the others."""
    company = record.document.company

    def is_posted(row: Json) -> bool:
        batch = str(row.get(BATCH_NUMBER, ""))
        return posted.get((record.entity_set, company, batch), False)

    linked = [link_of(record, _named(row, keys), link.recreated) for row in rows]
    kept = next((index for index, each in enumerate(linked) if each.keys == link.keys), None)
    if kept is None or (not is_posted(rows[kept]) and any(is_posted(row) for row in rows)):
        kept = next((index for index, row in enumerate(rows) if is_posted(row)), 0)
    if linked[kept].keys != link.keys:
        finding.links.append(linked[kept])
    for index, row in enumerate(rows):
        if index == kept:
            continue
        if record.document.journal is None or is_posted(row):
            where = " ".join(str(value) for value in _named(row, keys).values())
            finding.fail(
                Parked(
                    "duplicate_posted",
                    f"{record.document.key} is in {company} a second time: {where}",
                    "Reverse or merge the second one in Dynamics, then retry.",
                )
            )
        else:
            finding.delete.append((record, _named(row, keys)))


def keys_in(record: Record, row: Json) -> dict[str, Value]:
    """The keys that name a journal line's row in its entity set."""
    return _named(row, FINANCE[record.entity_set].keys)


def _named(row: Json, keys: tuple[str, ...]) -> dict[str, Value]:
    return {name: row[name] for name in keys}


async def _missing(tables: Tables, finding: _Comparison, record: Record, link: Link) -> None:
    document = record.document
    batch = str(link.keys.get(BATCH_NUMBER, ""))
    if document.journal is None:
        cause, text = "vanished", "the record is gone"
    elif await _was_posted(tables, document.company, document.journal, batch):
        cause, text = "vanished", f"the line was posted in journal {batch} and is gone"
    elif link.recreated:
        cause, text = "deleted_again", "its draft was deleted a second time"
    else:
        finding.recreate.append(record)
        return
    finding.fail(
        Parked(
            cause,
            f"{document.key} in {document.company}: {text}",
            "Find out who removed it; book it by hand, or retry once it may be written again.",
        )
    )


async def _was_posted(tables: Tables, company: str, kind: JournalKind, batch: str) -> bool:
    return await tables.get(TABLE, POSTED, journal_key(company, kind, batch)) is not None
