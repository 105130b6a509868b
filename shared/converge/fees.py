"""Accrued fees on the list that Stripe's tax document is compared with."""

from shared.converge.stages import Failed, WrittenObject
from shared.entities.common.journal_lines import JournalLine
from shared.ports import Tables
from shared.stores import fees


async def note(tables: Tables, result: WrittenObject | Failed) -> WrittenObject | Failed:
    """List the fee lines of an object that are written, whatever became of the rest. Raises the
    errors of the storage port."""
    value = result.at if isinstance(result, Failed) else result
    if isinstance(value, WrittenObject):
        documents = (link.record.document for link in value.links.values())
        lines = [line for line in documents if isinstance(line, JournalLine)]
        await fees.note(tables, [line for line in lines if fees.is_accrued(line)])
    return result
