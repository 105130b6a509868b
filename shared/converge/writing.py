"""Applying plans: reserve journal places, announce, write in few requests, keep what is certain.

Order is what makes a write single: the intents of an object are stored before its request is sent,
the request is not sent after the intents' window, and an answer that is lost leaves the intent open
with the moment from which looking is safe.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from shared import telemetry
from shared.converge.journal_targets import JournalTargets, moved_to, placed
from shared.converge.plan import intent_of, link_of
from shared.converge.stages import (
    Failed,
    LineMove,
    PlannedObject,
    RecordFinding,
    WrittenObject,
    failing,
)
from shared.domain.documents import Open, Patch
from shared.domain.records import Intent, Link, Record
from shared.errors import (
    DuplicateKey,
    JournalPosted,
    Overtaken,
    Refused,
    UncertainWrite,
    UpdateConflict,
)
from shared.ports import Clock, DynamicsGateway, Value, Write, WriteFailed, Written
from shared.settings import Settings
from shared.stores.journals import Journals, JournalTarget, Slot, Writer
from shared.stores.links import LinkStore
from shared.targets.finance import BATCH_NUMBER, FINANCE, EntitySets

OPERATIONS = MappingProxyType({"POST": "create", "PATCH": "update", "DELETE": "delete"})
WRITES_MAX = 100  # of one apply: whole objects, so that an object stays in one $batch


@dataclass(slots=True)
class Pending:
    """One write of one object, with the place it got. `recovered`: an earlier write of the record
    was uncertain, and the recovery that came first in this run did not find it."""

    finding: RecordFinding
    record: Record
    write: Write
    journal: str = ""
    target: JournalTarget | None = None
    recovered: bool = False


@dataclass(slots=True)
class Applier:
    """Writes the plans of a batch of objects."""

    dynamics: DynamicsGateway
    journals: Journals
    links: LinkStore
    clock: Clock
    settings: Settings
    entity_sets: EntitySets = FINANCE
    used: dict[JournalTarget, None] = field(default_factory=dict)
    targets: JournalTargets = field(init=False)

    def __post_init__(self) -> None:
        delimiter = self.settings.dynamics_dimension_delimiter
        self.targets = JournalTargets(self.journals.holds, delimiter)

    async def apply(
        self, writer: Writer, values: Sequence[PlannedObject]
    ) -> list[WrittenObject | Failed]:
        """Write the plans of the objects; each gets its links or its error."""
        findings = [RecordFinding(value) for value in values]
        with failing(findings):
            await self.targets.look([value.plan for value in values])
            await self._apply(findings, writer)
        return [finding.result(finding.of.plan) for finding in findings]

    async def _apply(self, findings: Sequence[RecordFinding], writer: Writer) -> None:
        places = await self._places(findings, writer)
        pending: list[list[Pending]] = []
        for finding in findings:
            with failing([finding]):
                writes = self._writes(finding, places) if finding.going else []
                if writes:
                    pending.append(writes)
        for chunk in _by_whole_objects(pending):
            with failing([writes[0].finding for writes in chunk]):
                await self._write(chunk, writer)

    async def _places(
        self, findings: Sequence[RecordFinding], writer: Writer
    ) -> dict[JournalTarget, list[Slot]]:
        """Reserve journal slots for every line to create. A journal that cannot be had fails the
        objects that need it."""
        needed: dict[JournalTarget, list[RecordFinding]] = {}
        for finding in findings:
            for target in self.targets.of_plan(finding.of.plan):
                needed.setdefault(target, []).append(finding)
        places: dict[JournalTarget, list[Slot]] = {}
        for target, wanting in needed.items():
            try:
                places[target] = await self.journals.reserve(target, len(wanting), writer)
            except Exception as error:
                for finding in wanting:
                    finding.fail(error)
            else:
                self.used[target] = None
        return places

    def _writes(
        self, finding: RecordFinding, places: Mapping[JournalTarget, list[Slot]]
    ) -> list[Pending]:
        writes = []
        value, plan = finding.of, finding.of.plan
        for record in plan.created:
            target = self.targets.of(record)
            fields = dict(record.fields)
            journal = ""
            if target is not None:
                slot = places[target].pop(0)
                journal = slot.batch
                fields |= placed(target.kind, slot)
            document = record.document
            group = f"{value.id}:{document.group or record.entity_set}"
            grouped = group if target or document.group else None
            write = Write("POST", record.entity_set, document.company, fields, group=grouped)
            if isinstance(document.action, Patch):
                named: dict[str, Value] = dict(document.action.keys)
                named = named or dict(value.links[document.parent].keys)
                write = Write("PATCH", record.entity_set, document.company, fields, named)
            writes.append(Pending(finding, record, write, journal, target))
        for move in plan.move:
            writes += _move(finding, move, places)
        for record, keys in plan.delete:
            write = Write("DELETE", record.entity_set, record.document.company, key=keys)
            writes.append(Pending(finding, record, write))
        for record, link in plan.update:
            writes.append(_change(finding, record, link))
        return writes

    async def _write(self, chunk: list[list[Pending]], writer: Writer) -> None:
        window = timedelta(seconds=self.settings.write_seconds_max)
        not_after = self.clock.now() + window
        safe_at = not_after + timedelta(seconds=self.settings.write_settle_seconds)
        announced: list[Pending] = []
        for writes in chunk:
            finding = writes[0].finding
            intents = [
                intent_of(each.record, each.journal, safe_at)
                for each in writes
                if each.write.method != "DELETE"
            ]
            with failing([finding]):
                await self._announce(finding.of, intents, writes)
                announced += writes
        if not announced:
            return
        results = await self.dynamics.apply([each.write for each in announced], not_after)
        for each, result in zip(announced, results, strict=True):
            with failing([each.finding]):  # its announcement stays: the record is looked for
                await self._keep(each, result, writer)

    async def _announce(
        self, value: PlannedObject, intents: Sequence[Intent], writes: Sequence[Pending]
    ) -> None:
        for each in writes:
            each.recovered = each.record.document.role in value.claim.intents
        documents, links = value.desired.final, value.progress.links
        await self.links.intend(value.claim, intents, documents, links)

    async def _keep(self, each: Pending, result: Written | WriteFailed, writer: Writer) -> None:
        """What the answer to one write means for its object: a link, or an error and what becomes
        of the announcement. In a changeset a deletion leaves it to the write that creates.
        """
        finding, role = each.finding, each.record.document.role
        deletes = each.write.method == "DELETE"
        if isinstance(result, Written):
            operation = OPERATIONS[each.write.method]
            entity_set = each.write.entity_set
            telemetry.count("tieout.document.writes", entity_set=entity_set, operation=operation)
            if not deletes:
                keys = result.fields or each.write.key
                named = {name: keys[name] for name in self.entity_sets[each.record.entity_set].keys}
                again = each.record in finding.of.plan.recreate
                finding.linked(link_of(each.record, named, 1 if again else 0))
            return
        error = self._meaning(each, result.error)
        finding.fail(error)
        if deletes:
            return
        collided = isinstance(result.error, DuplicateKey) and each.write.method == "POST"
        is_open = collided or isinstance(error, UncertainWrite | UpdateConflict)
        (finding.uncertain if is_open else finding.over).append(role)
        collided_again = collided and each.recovered
        leaves = isinstance(error, JournalPosted | UpdateConflict) or collided_again
        if leaves and each.target is not None:
            await self.journals.retire(each.target, each.journal, writer)

    def _meaning(self, each: Pending, error: Exception) -> Exception:
        """The error of a write, where the write says more than the answer.

        A record of the key exists: perhaps our own, for a request may be sent again on its way.
        So it is looked for first. It is not ours when a look found nothing and the key is taken
        all the same. A place in a journal may be taken by somebody else's line: the next try gets
        another place.
        """
        settle = self.settings.write_settle_seconds
        changes = each.write.method == "PATCH"
        if isinstance(error, DuplicateKey) and not changes:
            final = each.recovered and each.target is None
            return error if final else UncertainWrite(str(error), settle)
        if isinstance(error, Refused) and changes:
            # What is open may have been closed since it was read.
            is_open = isinstance(each.record.document.later, Open)
            return Overtaken(error.system, error.text) if is_open else error
        if isinstance(error, UncertainWrite):
            return UncertainWrite(str(error), settle)
        return error

    async def leave(self, writer: Writer) -> None:
        """Give back the leases of the journals that were used. One that cannot be given back
        runs out by itself."""
        for target in self.used:
            try:
                await self.journals.release(target, writer)
            except Exception as error:
                name = type(error).__name__
                telemetry.event("journal_lease_kept", company=target.company, error=name)
        self.used.clear()


def _change(finding: RecordFinding, record: Record, link: Link) -> Pending:
    """A change of a record that is there: all it says but its keys and its place."""
    kept = (record.key_field, *record.within)
    fields = {name: value for name, value in record.fields.items() if name not in kept}
    value = finding.of
    if record.document.role in value.drafts:  # what a person changed in a draft stays
        intent = value.intent(record.document.role)
        perhaps = [link.record.fields, intent.record.fields if intent else link.record.fields]
        fields = {
            name: value
            for name, value in fields.items()
            if any(value != old.get(name) for old in perhaps)
        }
    key: dict[str, Value] = dict(link.keys)
    document = record.document
    group = f"{value.id}:{document.group}" if document.group else None
    write = Write("PATCH", record.entity_set, document.company, fields, key, group)
    return Pending(finding, record, write, str(key.get(BATCH_NUMBER, "")))


def _move(
    finding: RecordFinding, move: LineMove, places: Mapping[JournalTarget, list[Slot]]
) -> list[Pending]:
    """A line leaves its journal for a fresh one, in one changeset."""
    record, link, target = move.record, move.link, moved_to(move)
    slot = places[target].pop(0)
    company, group = link.company, f"{finding.id}:{link.role}:move"
    old: dict[str, Value] = dict(link.keys)
    fields = {**record.fields, **placed(target.kind, slot)}
    delete = Write("DELETE", record.entity_set, company, key=old, group=group)
    create = Write("POST", record.entity_set, company, fields, group=group)
    return [
        Pending(finding, record, delete),
        Pending(finding, record, create, slot.batch, target),
    ]


def _by_whole_objects(pending: list[list[Pending]]) -> list[list[list[Pending]]]:
    chunks: list[list[list[Pending]]] = []
    size = WRITES_MAX + 1
    for writes in pending:
        if size + len(writes) > WRITES_MAX:
            chunks.append([])
            size = 0
        chunks[-1].append(writes)
        size += len(writes)
    return chunks
