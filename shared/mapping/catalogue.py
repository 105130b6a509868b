"""What templates may read: the fields of computed documents, derived from their types.

Documents decide what must exist and compute it from Stripe objects; a template reads these fields
and no others, so a mistyped path is refused when the mapping is checked, not in production.
`scope_of` gives a template the values of one document under the same paths.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from shared.domain.documents import AccountRole, Attribute, Document, Fact, Party, fields_of
from shared.domain.ids import reference_of
from shared.domain.money import Money
from shared.mapping.problems import RuleRefused, shown

TEXT, INTEGER, DECIMAL, DATE = "text", "integer", "decimal", "date"


@dataclass(frozen=True, slots=True)
class Source:
    """A field of a document.

    `kind`: text, integer, decimal or date.
    `personal`: its value never appears in an error. `text`: what it is, for people.
    """

    kind: str = TEXT
    personal: bool = False
    text: str = ""


type Sources = Mapping[str, Source]

COMMON: Sources = MappingProxyType(
    {
        "document.key": Source(text="its key in Dynamics"),
        "document.reference": Source(text="a short form of its key that PaymentReference holds"),
        "document.role": Source(text="what it is of its Stripe object: gross, fee, order, ..."),
        "document.company": Source(text="the company (dataAreaId) that it is written in"),
        "company.customer_group": Source(text="the customer group of that company in the books"),
    }
)
PLAIN = MappingProxyType({str: TEXT, int: INTEGER, Decimal: DECIMAL, date: DATE})
ANY_NAME = "*"  # the last part of a path where each name is one, as of metadata


def sources_of(kind: type[Document]) -> dict[str, Source]:
    """What a mapping may read of a kind of document, by path."""
    sources = dict(COMMON)
    for field in fields_of(kind):
        if field.mark is not None:
            sources |= _sources(field.name, field.type, field.mark)
    if kind.belongs_to:
        sources["parent.number"] = Source(text=f"the number of {kind.belongs_to} in Dynamics")
    return sources


def catalogue_of(kinds: Iterable[type[Document]]) -> dict[str, Sources]:
    """What a mapping may read, by template and path. Raises ValueError where two kinds share a
    template."""
    catalogue: dict[str, Sources] = {}
    for kind in kinds:
        if kind.template in catalogue:
            raise ValueError(f"two kinds of documents have the template {kind.template}")
        catalogue[kind.template] = sources_of(kind)
    return catalogue


def _sources(path: str, type_: object, mark: Fact | Attribute) -> dict[str, Source]:
    """The paths of one field. Raises TypeError for a type that no mapping can read."""
    text, personal = mark.text, mark.personal
    if type_ is Money:
        return {
            f"{path}.minor": Source(INTEGER, personal, text=f"{text}, in minor units"),
            f"{path}.currency": Source(text=f"{text}: its currency, lower case"),
        }
    if type_ is AccountRole:
        return {
            f"{path}.type": Source(text=f"{text}: Cust, Bank or Ledger"),
            f"{path}.id": Source(text=f"{text}: its number"),
            f"{path}.company": Source(text=f"{text}: its company, only if it is another one"),
        }
    if type_ is Party:
        return {f"{path}.account": Source(text=f"{text}: the account in Dynamics")}
    if isinstance(type_, type) and type_ in PLAIN:
        return {path: Source(PLAIN[type_], personal, text=text)}
    if get_origin(type_) is Mapping:
        return {f"{path}.{ANY_NAME}": Source(TEXT, personal, text=text)}
    part = _dataclass_in(type_)
    if part is None:
        raise TypeError(f"{path} is of a type that no mapping can read: {type_}")
    sources: dict[str, Source] = {}
    hints = get_type_hints(part, include_extras=True)
    for field in fields(part):
        hint = hints[field.name]
        marks = getattr(hint, "__metadata__", ())
        inner = next((one for one in marks if isinstance(one, Fact | Attribute)), None)
        told = type(mark)(f"{text}: {field.name if inner is None else inner.text}", personal)
        if inner is not None and inner.personal:
            told = type(mark)(told.text, personal=True)
        sources |= _sources(f"{path}.{field.name}", getattr(hint, "__origin__", hint), told)
    return sources


def _dataclass_in(type_: object) -> type | None:
    """The dataclass of a field that holds one, or one or None."""
    options = get_args(type_) if isinstance(type_, UnionType) else (type_,)
    classes = [option for option in options if isinstance(option, type) and is_dataclass(option)]
    return classes[0] if len(classes) == 1 else None


def source_at(sources: Sources, path: str) -> Source:
    """The field at a path. Raises `RuleRefused` for one that no document has."""
    source = sources.get(path) or sources.get(f"{path.rpartition('.')[0]}.{ANY_NAME}")
    if source is None:
        near = [name for name in sources if name.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f"; did you mean {near[0]}?" if near else ""
        raise RuleRefused(f"no field {shown(path)} in these documents{hint}", path)
    return source


# --- the values of one document -------------------------------------------------------------

type Read = Callable[[Any], Any]


def scope_of(document: Document) -> dict[str, Any]:
    """What templates read of a document; accounts and parents are added by who renders it."""
    scope: dict[str, Any] = {
        "document": {
            "key": document.key,
            "reference": reference_of(document.key),
            "role": document.role,
            "company": document.company,
        }
    }
    kind: type = type(document)
    plain, parts = _readers(kind)
    for name in plain:
        scope[name] = getattr(document, name)
    for name, read in parts:
        scope[name] = read(getattr(document, name))
    return scope


@cache
def _readers(kind: type) -> tuple[tuple[str, ...], tuple[tuple[str, Read], ...]]:
    """The fields that are read as they are, and those that are taken apart."""
    marked = [field for field in fields_of(kind) if field.mark is not None]
    read = [
        (field.name, _reader(field.type))
        for field in marked
        if field.type not in (AccountRole, Party)
    ]
    plain = tuple(name for name, reader in read if reader is None)
    return plain, tuple((name, reader) for name, reader in read if reader is not None)


def _reader(type_: object) -> Read | None:
    if type_ is Money:
        return lambda value: {"minor": value.minor, "currency": value.currency}
    part = _dataclass_in(type_)
    if part is None:
        return None
    names = tuple(field.name for field in fields(part))
    return lambda value: {} if value is None else {name: getattr(value, name) for name in names}
