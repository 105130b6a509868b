"""Documents: what must exist in the target, one frozen dataclass for each kind.

A kind is a subclass of `Document`. The fields that a mapping may read are annotated with `Fact` or
`Attribute` and a sentence for people; the catalogue of the mapping language is derived from them.
Facts (amounts, parties, accounts, dates) are frozen once written. Attributes (texts, codes) may be
rendered again while nothing is posted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, Literal, get_type_hints

from shared.domain.journal import JournalKind, Role
from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class Fact:
    """Marks a field that a mapping may read and that is frozen once written."""

    text: str
    personal: bool = False


@dataclass(frozen=True, slots=True)
class Attribute:
    """Marks a field that only concerns rendering. `personal`: its value never appears in an
    error."""

    text: str
    personal: bool = False


# --- what shall happen to the record --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Create:
    """Create the record."""

    kind: Literal["create"] = "create"


@dataclass(frozen=True, slots=True)
class CreateOrFind:
    """The record may exist already: take over the one that has the key, else create it."""

    kind: Literal["create_or_find"] = "create_or_find"


@dataclass(frozen=True, slots=True)
class Patch:
    """Change a record that exists: the parent's, or the one that `keys` name, which becomes ours
    by the change."""

    keys: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["patch"] = "patch"


@dataclass(frozen=True, slots=True)
class LinkExisting:
    """Link the record that `keys` name and change nothing of it."""

    keys: Mapping[str, str]
    kind: Literal["link_existing"] = "link_existing"


type Action = Create | CreateOrFind | Patch | LinkExisting


# --- what may happen to it later ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frozen:
    """Nothing: the record never changes, and other amounts park."""

    kind: Literal["frozen"] = "frozen"


@dataclass(frozen=True, slots=True)
class Open:
    """It follows its facts (a line of an order that is not invoiced), never a new rendering alone.

    `landed`: Dynamics already shows the change that was announced, be it wanted by now or not.
    """

    landed: bool = False
    kind: Literal["open"] = "open"


@dataclass(frozen=True, slots=True)
class Follows:
    """Master data: it follows facts and rendering."""

    kind: Literal["follows"] = "follows"


type Later = Frozen | Open | Follows


# --- parts of documents ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AccountRole:
    """One side of a journal line: an account by role.

    `customer`: the Stripe customer where the role is `CUSTOMER`; empty for the one-time customer.
    `company`: the company of the account; empty for that of the document. `account`: the customer
    account that the sale was written on, where it was. `balance`: of clearing, the balance type
    that has an account of its own; empty for the payments balance.
    """

    role: Role
    customer: str = ""
    company: str = ""
    account: str = ""
    balance: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """The customer that a document is made out to. `customer`: the Stripe id; empty for the
    one-time customer. `account`: the account in Dynamics that the sale was written on, where it
    was."""

    customer: str = ""
    account: str = ""


# --- the document ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One record that must exist in the target.

    `role` is unique within the Stripe object (`gross`, `customer~usmf`). A record that has to begin
    as another document than it ends comes twice, in this order. `key` is the business key in the
    target. `parent`: the role of the record that this one belongs to, whose number Dynamics gives.
    `after`: roles that must exist first. `group`: documents of one group are written in one
    changeset. `expects`: amounts that properties of the parent must show before this document is
    written. `decision`: the id of the decision of a person that it carries out.

    Of a kind: `template` names it and its rendering; `journal` is set for journal lines;
    `belongs_to` says in words what its parent is, where it has one.
    """

    template: ClassVar[str]
    journal: ClassVar[JournalKind | None] = None
    belongs_to: ClassVar[str] = ""

    role: str
    company: str
    key: str
    action: Action = Create()
    later: Later = Frozen()
    parent: str = ""
    after: tuple[str, ...] = ()
    group: str = ""
    expects: Mapping[str, Money] = field(default_factory=dict)
    decision: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The roles that must exist before this document is written."""
        return (self.parent, *self.after) if self.parent else self.after

    @property
    def period(self) -> str:
        """The posting period of a journal line, `2026-11`; empty for anything else."""
        return ""

    @property
    def clearing_minor(self) -> int:
        """What the record does to the clearing account, in minor units, debits positive."""
        return 0

    @property
    def clearing(self) -> Money | None:
        """The same with its currency; None for what leaves clearing alone."""
        return None


BASE_FIELDS = tuple(each.name for each in fields(Document))


@dataclass(frozen=True, slots=True)
class DocumentField:
    """A field of a kind of document. `mark`: None where no mapping may read it."""

    name: str
    type: object
    mark: Fact | Attribute | None


def is_parents_patch(document: Document) -> bool:
    """Whether a document is no record of its own, but a change of its parent."""
    return isinstance(document.action, Patch) and not document.action.keys


def fields_of(kind: type) -> tuple[DocumentField, ...]:
    """The fields that a kind adds to `Document`, in their order."""
    return _fields_of(kind)


@cache
def _fields_of(kind: type) -> tuple[DocumentField, ...]:
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for each in fields(kind):
        if each.name in BASE_FIELDS:
            continue
        hint = hints[each.name]
        marks = getattr(hint, "__metadata__", ())
        mark = next((mark for mark in marks if isinstance(mark, Fact | Attribute)), None)
        found.append(DocumentField(each.name, getattr(hint, "__origin__", hint), mark))
    return tuple(found)


def facts_of(document: Document) -> dict[str, Any]:
    """The facts of a document by name: everything its kind adds but attributes."""
    return {
        each.name: getattr(document, each.name)
        for each in fields_of(type(document))
        if not isinstance(each.mark, Attribute)
    }


def attributes_of(document: Document) -> dict[str, Any]:
    """The attributes of a document by name."""
    return {
        each.name: getattr(document, each.name)
        for each in fields_of(type(document))
        if isinstance(each.mark, Attribute)
    }


def has_same_facts(one: Document, other: Document) -> bool:
    """Whether two documents of one record say the same but for attributes."""
    same_place = (one.key, one.company, one.decision) == (other.key, other.company, other.decision)
    return type(one) is type(other) and same_place and facts_of(one) == facts_of(other)
