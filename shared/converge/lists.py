"""The lists that people work on: receipts that no invoice took, and accrued fees, with which
Stripe's tax document is compared."""

from shared.converge.stages import Failed, WrittenObject
from shared.entities.common.journal_lines import JournalLine
from shared.ports import Clock, Tables
from shared.stores import fees, receipts


async def note(
    tables: Tables, clock: Clock, result: WrittenObject | Failed
) -> WrittenObject | Failed:
    """List the fee lines of an object that are written, whatever became of the rest, and its
    receipt: without its place on the list an object is not settled, but what is written is linked.
    Raises the errors of the storage port."""
    value = result.at if isinstance(result, Failed) else result
    if isinstance(value, WrittenObject):
        documents = (link.record.document for link in value.links.values())
        lines = [line for line in documents if isinstance(line, JournalLine)]
        await fees.note(tables, [line for line in lines if fees.is_accrued(line)])
    if isinstance(result, WrittenObject) and result.desired.listed is not None:
        await receipts.note(tables, result.id, result.desired.listed, clock.now())
    return result
