"""Links, announced writes and documents as cells of the table `links`, and back."""

import json

from shared.domain.codec import Codec
from shared.domain.documents import Document
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.domain.records import Intent, Link, canonical
from shared.ports import Cell, Row
from shared.stores.packing import pack, unpack


def link_cells(link: Link, codec: Codec) -> dict[str, Cell]:
    """Readable cells for people, and the record packed."""
    record = link.record
    return {
        "company": link.company,
        "entity_set": record.entity_set,
        "keys": canonical(dict(link.keys)),
        "clearing_minor": record.document.clearing_minor,
        "mapping": record.mapping,
        "recreated": link.recreated,
        **pack(codec.plain_record(record)),
    }


def link_of(row: Row, codec: Codec) -> Link:
    """The link in a row."""
    cells = row.cells
    return Link(
        keys=json.loads(str(cells["keys"])),
        record=codec.record_of(unpack(cells)),
        recreated=int(str(cells["recreated"])),
    )


def intent_cells(intent: Intent, codec: Codec) -> dict[str, Cell]:
    """What tells people which write is announced, and its record packed."""
    record = intent.record
    return {
        "company": record.document.company,
        "entity_set": record.entity_set,
        "key": record.document.key,
        "journal": intent.journal,
        "mapping": record.mapping,
        "at": intent.at,
        **pack(codec.plain_record(record)),
    }


def intent_of(row: Row, codec: Codec) -> Intent:
    """The announced write in a row."""
    cells = row.cells
    return Intent(str(cells["journal"]), str(cells["at"]), codec.record_of(unpack(cells)))


def account_in(row: Row) -> str:
    """The alias of the Stripe account of a row `document`; rows of old name none."""
    return str(row.cells.get("account") or DEFAULT_ACCOUNT)


def documents_in(row: Row, codec: Codec) -> tuple[Document, ...]:
    """The documents that a row `document` holds: what must exist, as last computed."""
    return tuple(codec.document_of(plain) for plain in unpack(row.cells))
