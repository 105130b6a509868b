"""The numbers of customer debits: one number goes to one line, though two are decided at once.

Dynamics shows a number only when its line is written. Table `debits`: partition = company, row = a
hash of the number.
"""

from dataclasses import replace

from shared.converge.stages import DecidedObject
from shared.domain.documents import Document
from shared.domain.ids import short_hash
from shared.entities.common.debits import own_number
from shared.entities.common.journal_lines import GeneralLine
from shared.errors import TableConflict
from shared.ports import Insert, Tables

TABLE = "debits"
HASH_CHARS = 32


async def reserve(tables: Tables, value: DecidedObject) -> DecidedObject:
    """Take the numbers of new debits; one that another line took first is replaced by the number
    after the Stripe id."""
    given = value.desired.documents
    documents = tuple([await _reserved(tables, value, document) for document in given])
    if documents == tuple(given):
        return value
    return replace(value, desired=replace(value.desired, documents=documents))


async def _reserved(tables: Tables, value: DecidedObject, document: Document) -> Document:
    if not isinstance(document, GeneralLine) or document.role in value.claim.links:
        return document
    if not document.invoice:
        return document
    # Numbers may hold signs that keys of tables may not.
    row = short_hash(document.invoice.casefold(), HASH_CHARS)
    try:
        cells = {"number": document.invoice, "line": document.key}
        await tables.transact(TABLE, document.company, [Insert(row, cells)])
    except TableConflict:
        kept = await tables.get(TABLE, document.company, row)
        if kept is None or kept.cells["line"] != document.key:
            return replace(document, invoice=own_number(value.id, document.role))
    return document
