"""Documents and records as JSON, and back: how they are stored.

One pydantic adapter for each kind of document. A stored document names its template and the
version of this format.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.domain.documents import Document
from shared.domain.records import Record
from shared.domain.values import Symbol, Value

VERSION = 1


class StoredDocumentError(ValueError):
    """A stored document cannot be read by this version of Tieout."""


class Codec:
    """Encodes and decodes the kinds of documents that it was made for."""

    def __init__(self, kinds: Iterable[type[Document]]) -> None:
        self._adapters = {kind.template: TypeAdapter(kind) for kind in kinds}

    def plain_document(self, document: Document) -> dict[str, Any]:
        """A document as JSON. Raises KeyError for a kind that the codec was not made for."""
        value = self._adapters[document.template].dump_python(document, mode="json")
        return {"template": document.template, "version": VERSION, "value": value}

    def document_of(self, plain: Mapping[str, Any]) -> Document:
        """The document that `plain_document` made JSON of. Raises `StoredDocumentError`."""
        adapter = self._adapters.get(str(plain.get("template")))
        if adapter is None or plain.get("version") != VERSION:
            what = f"{plain.get('template')}, version {plain.get('version')}"
            raise StoredDocumentError(f"this version of Tieout cannot read a stored {what}")
        try:
            return adapter.validate_python(plain["value"])
        except ValidationError as error:
            places = ", ".join(str(each["loc"]) for each in error.errors(include_input=False))
            text = f"a stored {plain['template']} is damaged at {places}"
            raise StoredDocumentError(text) from None

    def plain_record(self, record: Record) -> dict[str, Any]:
        """A record as JSON; nothing of the kinds of its values is lost."""
        return {
            "document": self.plain_document(record.document),
            "entity_set": record.entity_set,
            "key_field": record.key_field,
            "fields": {name: _plain(value) for name, value in record.fields.items()},
            "within": {name: _plain(value) for name, value in record.within.items()},
            "mapping": record.mapping,
        }

    def record_of(self, plain: Mapping[str, Any]) -> Record:
        """The record that `plain_record` made JSON of. Raises `StoredDocumentError`."""
        return Record(
            self.document_of(plain["document"]),
            plain["entity_set"],
            plain["key_field"],
            {name: _value(value) for name, value in plain["fields"].items()},
            {name: _value(value) for name, value in plain["within"].items()},
            plain["mapping"],
        )


@cache
def codec_of(kinds: tuple[type[Document], ...]) -> Codec:
    """The codec of these kinds, made once a process: the adapters take time."""
    return Codec(kinds)


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
