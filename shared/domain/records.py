"""What travels through converge: documents, records, and what was written before.

A `Document` says what must exist, a `Record` how the target renders it. Both hold plain JSON-like
values, so that they can be stored and compared.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Any

from shared.domain.journal import JournalKind, Role

type Fact = str | int | bool | Sequence[Fact] | Mapping[str, Fact] | None


@dataclass(frozen=True, slots=True)
class Symbol:
    """An enum member as the target renders it: `Symbol("NoYes", "Yes")`."""

    enum: str
    name: str


type Value = str | int | Decimal | date | Symbol
"""A value of a field. A `date` has no time of day."""


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by entity and id; `company` narrows master data to one company."""

    entity: str
    id: str
    company: str = ""


class Change(StrEnum):
    """What may happen to a record after it was written.

    `FROZEN`: nothing, neither facts nor rendering; other amounts park. `OPEN`: it follows its
    facts (an order line that is not invoiced), never a new rendering alone. `FOLLOWS`: master data,
    which follows facts and rendering.
    """

    FROZEN = "frozen"
    OPEN = "open"
    FOLLOWS = "follows"


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that must exist in the target.

    `role` is unique within its object (`gross`, `customer~usmf`), `template` names the rendering,
    `key` is the business key in the target. `facts` (amounts, parties, accounts by role, dates)
    are frozen once written; `words` (texts, codes) may be rendered again while nothing is posted.
    `parent`: the role of the record it belongs to, whose number Dynamics gives; with `patches` it
    is no record of its own but a change of that one. `after`: roles that must be there first.
    `group`: documents of one group are written in one changeset. `found_first`: it may exist
    already, by its key, and is then taken over. `expects`: amounts (minor units of the facts'
    currency) that properties of the parent must show before this one is written. `adopts`: the
    keys of somebody else's record that becomes ours by a change; with `found_first` nothing of it
    is changed, it is only linked. `stands`: Dynamics shows an announced change of it: it is made.
    """

    role: str
    template: str
    company: str
    key: str
    facts: Mapping[str, Fact]
    words: Mapping[str, Fact] = field(default_factory=dict)
    journal: JournalKind | None = None
    period: str = ""
    change: Change = Change.FROZEN
    parent: str = ""
    patches: bool = False
    after: tuple[str, ...] = ()
    group: str = ""
    found_first: bool = False
    expects: Mapping[str, int] = field(default_factory=dict)
    adopts: Mapping[str, str] = field(default_factory=dict)
    stands: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """The roles that must be there before this one is written."""
        return (self.parent, *self.after) if self.parent else self.after

    @property
    def facts_hash(self) -> str:
        """SHA-256 of the facts, the key and the company."""
        return digest({"key": self.key, "company": self.company, "facts": self.facts})

    @property
    def clearing_minor(self) -> int:
        """What a line does to the clearing account, in minor units, debits positive."""
        offset = self.facts.get("offset")
        if not isinstance(offset, Mapping) or offset.get("role") != Role.CLEARING.value:
            return 0
        return -int(str(self.facts["amount_minor"]))


@dataclass(frozen=True, slots=True)
class Record:
    """A document as the target renders it: entity set, fields, and the field that holds its key.

    `within` narrows a look for the key to a part of the set (the lines of one order). `mapping` is
    the version of the mapping that rendered it.
    """

    document: Document
    entity_set: str
    key_field: str
    fields: Mapping[str, Value]
    within: Mapping[str, Value] = field(default_factory=dict)
    mapping: str = ""

    @property
    def fields_hash(self) -> str:
        """SHA-256 of the fields."""
        return digest({name: str(value) for name, value in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Link:
    """A record that exists in the target: its keys there, and what was written.

    `recreated` counts how often it was written again after somebody had deleted its draft.
    """

    keys: Mapping[str, str | int]
    record: Record
    recreated: int = 0

    @property
    def role(self) -> str:
        """The role of the document."""
        return self.record.document.role

    @property
    def company(self) -> str:
        """The company it is in."""
        return self.record.document.company


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was announced and has not been settled: it may have happened.

    It freezes `record`: what is written in the end is that, whatever the settings say by then.
    `at`: before this moment nobody may conclude that it failed.
    """

    journal: str
    at: str
    record: Record

    @property
    def role(self) -> str:
        """The role of the document."""
        return self.record.document.role


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person decided about a customer in a company: to link an account, or, without one,
    to create another. `id` tells one decision from the next; `shared`: the account has another
    Stripe customer already, whose id it keeps."""

    id: str
    company: str
    account: str = ""
    shared: bool = False


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, hexadecimal."""
    return sha256(canonical(value).encode()).hexdigest()


def plain_document(document: Document) -> dict[str, Any]:
    """A document as JSON, to be stored."""
    return asdict(document)


def document_of(plain: Mapping[str, Any]) -> Document:
    """The document that `plain_document` made JSON of."""
    journal = plain["journal"]
    return Document(
        **{
            **plain,
            "journal": None if journal is None else JournalKind(journal),
            "change": Change(plain["change"]),
            "after": tuple(plain["after"]),
        }
    )


def plain_record(record: Record) -> dict[str, Any]:
    """A record as JSON, to be stored: nothing of the kinds of its values is lost."""
    return {
        "document": plain_document(record.document),
        "entity_set": record.entity_set,
        "key_field": record.key_field,
        "fields": {name: _plain(value) for name, value in record.fields.items()},
        "within": {name: _plain(value) for name, value in record.within.items()},
        "mapping": record.mapping,
    }


def record_of(plain: Mapping[str, Any]) -> Record:
    """The record that `plain_record` made JSON of."""
    return Record(
        document_of(plain["document"]),
        plain["entity_set"],
        plain["key_field"],
        {name: _value(value) for name, value in plain["fields"].items()},
        {name: _value(value) for name, value in plain["within"].items()},
        plain["mapping"],
    )


def _plain(value: Value) -> str | int | dict[str, str]:
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case date():
            return {"date": value.isoformat()}
        case Symbol():
            return {"enum": value.enum, "name": value.name}
        case _:
            return value


def _value(plain: str | int | Mapping[str, str]) -> Value:
    if not isinstance(plain, Mapping):
        return plain
    if "decimal" in plain:
        return Decimal(plain["decimal"])
    if "date" in plain:
        return date.fromisoformat(plain["date"])
    return Symbol(plain["enum"], plain["name"])
