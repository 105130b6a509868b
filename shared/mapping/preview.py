"""What a change of mapping would alter: the same documents rendered by two compiled mappings.

Pure. Objects come one at a time; what is kept are counts and a bounded list of records, so memory
does not grow with their number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from shared.domain.documents import Document
from shared.domain.records import Record
from shared.domain.values import Symbol, Value
from shared.errors import Parked
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target, render

LISTED_MAX = 1_000  # records of one group; all are counted
VALUE_CHARS_MAX = 200
PERSONAL = "(personal, not shown)"
UNKNOWN_ACCOUNT = "(its account)"
UNKNOWN_PARENT = MappingProxyType({"number": "(its number)"})


class PostingStatus(StrEnum):
    """What was written of a document, and so what a new rendering would do to its record."""

    FUTURE = "future"  # not written yet, or master data: the next write takes the new rendering
    DRAFT = "drafts"  # written or announced, and not known as posted: stays until it is reapplied
    POSTED = "posted"  # never changes


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it was desired last, what was written of it, and the keys in Dynamics of the
    record it belongs to, where it does."""

    document: Document
    posting_status: PostingStatus
    parent: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object with its last documents. `customers`: as in `Target`, where they are known."""

    id: str
    documents: tuple[StoredDocument, ...]
    customers: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that would be rendered otherwise; None where the field would be left out."""

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A record that would change, or (`rejected`, `accepted`) would park and did not, or the
    reverse. `reason`: of the parking."""

    object: str
    role: str
    template: str
    fields: tuple[FieldChange, ...] = ()
    rejected: bool = False
    accepted: bool = False
    reason: str = ""


@dataclass(slots=True)
class Group:
    """The records of one standing. `fields`: how many records change, by template and field."""

    unchanged: int = 0
    changed: int = 0
    rejected: int = 0
    accepted: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    listed: list[RecordChange] = field(default_factory=list)
    more: int = 0

    def add(self, change: RecordChange | None) -> None:
        """Count a record; None: nothing changes."""
        if change is None:
            self.unchanged += 1
            return
        self.rejected += change.rejected
        self.accepted += change.accepted
        self.changed += not (change.rejected or change.accepted)
        for difference in change.fields:
            name = f"{change.template}.{difference.field}"
            self.fields[name] = self.fields.get(name, 0) + 1
        if len(self.listed) < LISTED_MAX:
            self.listed.append(change)
        else:
            self.more += 1


class _Customers(dict[tuple[str, str], str]):
    """Customer accounts; a stand-in where one is not known, the same for both renderings."""

    def __missing__(self, key: tuple[str, str]) -> str:
        return UNKNOWN_ACCOUNT


class Comparison:
    """Spells documents by two mappings and counts what differs.

    `before` None: the mapping in force cannot be used, so that nothing is rendered by it. The
    mapping and the customers of `target` are not used.
    """

    def __init__(
        self, before: CompiledMapping | None, after: CompiledMapping, target: Target
    ) -> None:
        self._before, self._after, self._target = before, after, target
        self.objects = 0
        self.groups = {posting_status: Group() for posting_status in PostingStatus}

    def add(self, stored: StoredObject) -> None:
        """Compare the documents of one object."""
        self.objects += 1
        customers = _Customers(stored.customers)
        old, new = (
            None if mapping is None else replace(self._target, customers=customers, mapping=mapping)
            for mapping in (self._before, self._after)
        )
        for document in stored.documents:
            self.groups[document.posting_status].add(self._compare(stored.id, document, old, new))

    def counts(self) -> dict[str, int]:
        """The sums over all groups."""
        groups = self.groups.values()
        return {
            "objects": self.objects,
            "unchanged": sum(group.unchanged for group in groups),
            "changed": sum(group.changed for group in groups),
            "rejected": sum(group.rejected for group in groups),
            "accepted": sum(group.accepted for group in groups),
        }

    def _compare(
        self, id: str, stored: StoredDocument, before: Target | None, after: Target | None
    ) -> RecordChange | None:
        document = stored.document
        old, old_reason = _rendered(stored, before)
        new, new_reason = _rendered(stored, after)
        if old is not None and new is not None and old.fields == new.fields:
            return None
        change = RecordChange(id, document.role, document.template)
        if new is None:
            return replace(change, rejected=True, reason=new_reason) if old is not None else None
        if old is None:
            return replace(change, accepted=True, reason=old_reason)
        fields = tuple(self._differences(document.template, old.fields, new.fields))
        return replace(change, fields=fields) if fields else None

    def _differences(
        self, template: str, old: Mapping[str, Value], new: Mapping[str, Value]
    ) -> Iterator[FieldChange]:
        for name in sorted(dict.fromkeys([*old, *new])):
            before, after = _text(old.get(name)), _text(new.get(name))
            if before == after:
                continue
            if self._is_personal(template, name):
                before, after = (value if value is None else PERSONAL for value in (before, after))
            yield FieldChange(name, _cut(before), _cut(after))

    def _is_personal(self, template: str, name: str) -> bool:
        both = (self._before, self._after)
        return any(
            mapping is not None and name in mapping.templates[template].personal for mapping in both
        )


def _rendered(stored: StoredDocument, target: Target | None) -> tuple[Record | None, str]:
    """The record, or the reason why there is none. `target` None: its mapping cannot be used."""
    document = stored.document
    if target is None:
        return None, "the mapping in force cannot be used"
    if document.template not in target.mapping.templates:
        return None, f"no template {document.template}"
    try:
        parent = stored.parent or UNKNOWN_PARENT
        return render(document, target, parent), ""
    except Parked as error:
        return None, str(error)
    except (KeyError, TypeError, ValueError):
        return None, "the stored document is not one that these settings can render"


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return value.name if isinstance(value, Symbol) else str(value)


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}..."
