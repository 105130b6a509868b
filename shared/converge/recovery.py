"""Looking for records whose write is uncertain, before anything is written again.

Lines: by (company, batch, PaymentId) first, then by PaymentId and date without the batch, because
"post and transfer" moves lines. Customers: by the field that holds the Stripe id. Lines of price
journals: posted ones have become prices in force.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from shared.converge.plan import differs, found_link, link_of
from shared.converge.stages import NO_ANSWER, Failed, Plan, PlannedObject, RecordFinding, failing
from shared.domain.documents import Frozen, LinkExisting
from shared.domain.records import Link, Record
from shared.errors import Overtaken, Parked
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.targets.entity_set import EntitySet, EntitySets, PostedAs
from shared.targets.finance import BATCH_NUMBER, FINANCE

LOOKUP_KEYS_MAX = 20  # keys in one request: the address has a length limit

type Place = tuple[str, str, tuple[tuple[str, Value], ...]]
"""Entity set, company, and the part of the set that the key is unique in."""
type Key = tuple[Place, str]
"""Where a record is looked for, and its key."""
type Found = dict[Key, list[Json]]


type Pair = tuple[RecordFinding, Record]


@dataclass(slots=True)
class Finder:
    """Finds many records in few requests, for one step of converge.

    A system that does not answer is not asked again: each time may take a minute, and the lock of
    the batch lasts five.
    """

    dynamics: DynamicsGateway
    entity_sets: EntitySets = FINANCE
    silent: Exception | None = None

    async def each[T](
        self, wanted: Sequence[T], lookup_of: Callable[[list[T]], Lookup]
    ) -> tuple[list[Json], list[tuple[T, Exception]]]:
        """The records of all that is wanted, `LOOKUP_KEYS_MAX` in a request, and the error of each
        that could not be asked for.

        What makes a request impossible is asked for alone, so that it fails nothing else.
        """
        rows: list[Json] = []
        failed: list[tuple[T, Exception]] = []
        for start in range(0, len(wanted), LOOKUP_KEYS_MAX):
            part = list(wanted[start : start + LOOKUP_KEYS_MAX])
            if self.silent is not None:
                failed += [(each, self.silent) for each in part]
                continue
            try:
                rows += await self.dynamics.find(lookup_of(part))
            except NO_ANSWER as error:
                self.silent = error
                failed += [(each, error) for each in part]
            except Exception as error:
                if len(part) == 1:
                    failed.append((part[0], error))
                for each in part if len(part) > 1 else ():
                    found, errors = await self.each([each], lookup_of)
                    rows += found
                    failed += errors
        return rows, failed


async def recover(
    dynamics: DynamicsGateway, entity_sets: EntitySets, values: Sequence[PlannedObject]
) -> list[PlannedObject | Failed]:
    """Find the records of `plan.recover`; found ones become links, the others stay to be created.

    Each object gets its own error: a record that occurs more than once, or that could not be asked
    for.
    """
    findings = [RecordFinding(value) for value in values]
    with failing(findings):
        await _recover(dynamics, entity_sets, findings)
    return [finding.result(_left(finding)) for finding in findings]


def _left(finding: RecordFinding) -> Plan:
    """The plan, of which only what was not found is to be created."""
    plan = finding.of.plan
    missing = [record for record in plan.recover if record.document.role not in finding.over]
    return replace(plan, recover=tuple(missing))


async def _recover(
    dynamics: DynamicsGateway, entity_sets: EntitySets, findings: Sequence[RecordFinding]
) -> None:
    wanted: list[Pair] = []
    for finding in findings:
        for record in finding.of.plan.recover:
            action = record.document.action
            if isinstance(action, LinkExisting):
                with failing([finding]):
                    finding.linked(link_of(record, action.keys))
            else:
                wanted.append((finding, record))
    finder = Finder(dynamics, entity_sets)
    missing = await _by_journal(finder, wanted)
    found: Found = {}
    for place, group in _grouped(missing).items():
        await _find(finder, found, place, group)
    for finding, record in missing:
        with failing([finding]):
            rows = found.get(key_of(record), [])
            row = entity_sets[record.entity_set]
            if rows or row.posted_as is None:
                _take(finding, record, rows, row)
            elif finding.going and await _is_posted(dynamics, record, row.posted_as):
                told = _announced(finding, record)
                finding.linked(link_of(told, told.fields))


async def _find(
    finder: Finder, found: Found, place: Place, group: list[Pair], journal: str = ""
) -> None:
    """Add the records of a group to `found`; objects of what cannot be asked for fail."""

    def lookup_of(part: list[Pair]) -> Lookup:
        records = [record for _, record in part]
        return _lookup(records, finder.entity_sets[records[0].entity_set], journal)

    rows, failed = await finder.each(group, lookup_of)
    for (finding, _), error in failed:
        finding.fail(error)
    with failing([finding for finding, _ in group]):
        _collect(found, place, group[0][1].key_field, rows)


async def _is_posted(dynamics: DynamicsGateway, record: Record, posted_as: PostedAs) -> bool:
    """Whether a record that left its set is found where posting brings it."""
    first, *others = names = posted_as.shared_fields
    value = {first: record.fields[first]}
    lookup = Lookup(posted_as.entity_set, record.document.company, value, select=names)
    rows = await dynamics.find(lookup)
    return any(all(_equal(row[name], record.fields[name]) for name in others) for row in rows)


def _equal(one: object, other: object) -> bool:
    """Numbers are equal however many places they show."""
    if isinstance(one, str) or isinstance(other, str):
        return str(one).casefold() == str(other).casefold()
    return one == other


def place_of(record: Record) -> Place:
    """Where the key of a record is looked for."""
    return record.entity_set, record.document.company, tuple(sorted(record.within.items()))


def key_text(value: object) -> str:
    """A key as text: Dynamics gives whole numbers as decimals."""
    return value if isinstance(value, str) else str(int(str(value).split(".", maxsplit=1)[0]))


def key_of(record: Record) -> Key:
    """Where a record is looked for, and its key."""
    return place_of(record), record.document.key


def _grouped(wanted: Iterable[Pair]) -> dict[Place, list[Pair]]:
    groups: dict[Place, list[Pair]] = {}
    for finding, record in wanted:
        groups.setdefault(place_of(record), []).append((finding, record))
    return groups


def _collect(found: Found, place: Place, key_field: str, rows: list[Json]) -> None:
    for row in rows:
        found.setdefault((place, key_text(row[key_field])), []).append(row)


def _lookup(records: list[Record], row: EntitySet, journal: str = "") -> Lookup:
    first = records[0]
    key_field, company = first.key_field, first.document.company
    keys: list[Value] = [record.fields[key_field] for record in records]
    select = (key_field, *row.keys)
    if journal:
        inside: dict[str, Value] = {BATCH_NUMBER: journal}
        return Lookup(first.entity_set, company, inside, (key_field, keys), select=select)
    bounds = _dates(records, row.date_field)
    return Lookup(
        first.entity_set,
        company,
        first.within,
        (key_field, keys),
        at_least={name: low for name, (low, _) in bounds.items()},
        at_most={name: high for name, (_, high) in bounds.items()},
        select=tuple(dict.fromkeys(select)),
    )


def _dates(records: list[Record], name: str) -> dict[str, tuple[Value, Value]]:
    """The first and the last date of records of one set; nothing where the set has none."""
    if not name:
        return {}
    by_text = {str(record.fields[name]): record.fields[name] for record in records}
    return {name: (by_text[min(by_text)], by_text[max(by_text)])}


async def _by_journal(finder: Finder, wanted: list[Pair]) -> list[Pair]:
    """Look in the journals that the intents name; returns what was not found there."""
    journals: dict[tuple[Place, str], list[Pair]] = {}
    rest = []
    for finding, record in wanted:
        intent = finding.of.intent(record.document.role)
        if intent is None or not intent.journal:
            rest.append((finding, record))
        else:
            journals.setdefault((place_of(record), intent.journal), []).append((finding, record))
    for (place, journal), group in journals.items():
        found: Found = {}
        await _find(finder, found, place, group, journal)
        for finding, record in group:
            rows = found.get(key_of(record), [])
            if rows:
                with failing([finding]):
                    _take(finding, record, rows, finder.entity_sets[record.entity_set])
            elif finding.going:
                rest.append((finding, record))
    return rest


def _take(finding: RecordFinding, record: Record, rows: list[Json], row: EntitySet) -> None:
    document = record.document
    if len(rows) > 1:
        cause = "duplicate_customer" if document.journal is None else "duplicate_line"
        finding.fail(
            Parked(
                cause,
                f"{document.key} occurs {len(rows)} times in {record.entity_set} of "
                f"{document.company}",
                "Delete or reverse the extra records in Dynamics, then retry.",
            )
        )
    elif rows:
        link: Link = found_link(_announced(finding, record), rows[0], row)
        finding.linked(link)
        if differs(record, link) and not isinstance(document.later, Frozen):
            finding.fail(Overtaken("dynamics", f"{document.key} stands as it was once announced"))


def _announced(finding: RecordFinding, record: Record) -> Record:
    """What stands there is what was announced, though something else is wanted by now."""
    intent = finding.of.intent(record.document.role)
    return record if intent is None else intent.record
