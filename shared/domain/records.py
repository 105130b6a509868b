"""Records: documents as the target shows them, and what was written before."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from shared.domain.documents import Document
from shared.domain.values import Value


@dataclass(frozen=True, slots=True)
class Ref:
    """An object by entity and id; `company` narrows master data to one company."""

    entity: str
    id: str
    company: str = ""


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
