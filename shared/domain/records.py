"""What travels through converge: documents, records, and what was written before.

A `Document` says what must exist, a `Record` how the target spells it. Both hold plain JSON-like
values, so that they can be stored and compared.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from hashlib import sha256

from shared.domain.journal import JournalKind

type Fact = str | int | bool | Sequence[Fact] | Mapping[str, Fact] | None


@dataclass(frozen=True, slots=True)
class Symbol:
    """An enum member as the target spells it: `Symbol("NoYes", "Yes")`."""

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


@dataclass(frozen=True, slots=True)
class Document:
    """One thing that must exist in the target.

    `role` is unique within its object (`gross`, `customer~usmf`), `template` names the spelling,
    `key` is the business key in the target. `facts` (amounts, parties, accounts by role, dates)
    are frozen once written; `words` (texts, codes) may be spelled anew while nothing is posted.
    """

    role: str
    template: str
    company: str
    key: str
    facts: Mapping[str, Fact]
    words: Mapping[str, Fact] = field(default_factory=dict)
    journal: JournalKind | None = None
    period: str = ""

    @property
    def facts_hash(self) -> str:
        """SHA-256 of the facts, the key and the company."""
        return digest({"key": self.key, "company": self.company, "facts": self.facts})


@dataclass(frozen=True, slots=True)
class Record:
    """A document as the target spells it: entity set, fields, and the field that holds its key."""

    document: Document
    entity_set: str
    key_field: str
    fields: Mapping[str, Value]

    @property
    def spelling_hash(self) -> str:
        """SHA-256 of the fields."""
        return digest({name: str(value) for name, value in self.fields.items()})


@dataclass(frozen=True, slots=True)
class Link:
    """A record that exists in the target: its keys there, and the hashes of what was written.

    `recreated` counts how often it was written again after somebody had deleted its draft.
    """

    role: str
    entity_set: str
    company: str
    keys: Mapping[str, str | int]
    facts_hash: str
    spelling_hash: str
    clearing_minor: int = 0
    recreated: int = 0


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was announced and has not been settled: it may have happened."""

    role: str
    entity_set: str
    company: str
    key_field: str
    key: str
    journal: str
    facts_hash: str
    spelling_hash: str
    clearing_minor: int
    at: str


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON, hexadecimal."""
    return sha256(canonical(value).encode()).hexdigest()
