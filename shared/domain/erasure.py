"""Taking a person out of documents and records: hashes in place of personal values. Pure.

The hash of a value is the same each time, so what was hashed when it was stored equals what is
hashed when it is read again, and nothing seems to have changed. It is bound to the customer: the
same name of two customers has two hashes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from hashlib import sha256
from typing import Any

from shared.domain.documents import Document, Follows, Frozen, fields_of
from shared.domain.records import Record
from shared.domain.values import Value

ERASED_TEXT = "(erased)"  # in place of what people wrote
HASH_PREFIX = "erased:"
HASH_CHARS = 24
TEXT_FIELDS = ("text", "description")  # of lines and headers: may repeat a personal text


@dataclass(frozen=True, slots=True)
class Eraser:
    """Takes one customer out of what is kept. `texts`: further personal texts, such as the
    description of a charge, which lines and records may repeat."""

    customer: str
    texts: Collection[str] = ()

    def hashed(self, text: str) -> str:
        """The hash of a text; nothing stays nothing, and a hash stays itself."""
        if not text or text.startswith(HASH_PREFIX):
            return text
        hexadecimal = sha256(f"{self.customer}\n{text}".encode()).hexdigest()
        return f"{HASH_PREFIX}{hexadecimal[:HASH_CHARS]}"

    def document(self, document: Document) -> Document:
        """The document without the person. One that follows Stripe does so no more: the account
        keeps what it has."""
        erased: Document = self._part(document)
        return replace(erased, later=Frozen()) if isinstance(erased.later, Follows) else erased

    def record(self, record: Record) -> Record:
        """The record without the person; its keys stay, so that it can be found."""
        document = self.document(record.document)
        if isinstance(document.later, Frozen) and isinstance(record.document.later, Follows):
            wanted = self._every_text
        elif document is not record.document or self.texts:
            wanted = self._personal_text
        else:
            return record
        kept = (record.key_field, *record.within)
        fields_kept = {
            name: value if name in kept else wanted(value) for name, value in record.fields.items()
        }
        return replace(record, document=document, fields=fields_kept)

    def _every_text(self, value: Value) -> Value:
        return self.hashed(value) if isinstance(value, str) else value

    def _personal_text(self, value: Value) -> Value:
        if not isinstance(value, str) or not value:
            return value
        shown = value.casefold()
        for text in self.texts:  # a field may hold the text whole, as a part, or cut
            if text and (text.casefold() in shown or text.casefold().startswith(shown)):
                return self.hashed(value)
        return value

    def _part(self, value: Any) -> Any:  # noqa: ANN401 - a part of a document, and the same again
        """A dataclass with its personal fields hashed, however deep they are."""
        marks = {one.name: one.mark for one in fields_of(type(value))}
        changes: dict[str, Any] = {}
        for one in fields(value):
            old = getattr(value, one.name)
            mark = marks.get(one.name)
            new = self._value(one.name, old, is_personal=mark is not None and mark.personal)
            if new is not old:
                changes[one.name] = new
        return replace(value, **changes) if changes else value

    def _value(self, name: str, value: Any, *, is_personal: bool = False) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            is_repeated = name in TEXT_FIELDS and value in self.texts
            return self.hashed(value) if is_personal or is_repeated else value
        if isinstance(value, tuple):
            parts = tuple(self._value(name, part) for part in value)
            same = all(new is old for new, old in zip(parts, value, strict=True))
            return value if same else parts
        if isinstance(value, Mapping) or not is_dataclass(value) or isinstance(value, type):
            return value
        return self._part(value)
