"""Which journals are posted by now, as Dynamics says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from shared.domain.journal import JournalKind
from shared.errors import UncertainWrite
from shared.ports import DynamicsGateway, Lookup, Value
from shared.services.journals import HEADERS
from shared.services.looking import LOOK_KEYS_MAX
from shared.services.task import Task

KINDS: Mapping[str, JournalKind] = MappingProxyType(
    {
        "CustomerPaymentJournalLines": JournalKind.CUSTOMER_PAYMENT,
        "LedgerJournalLines": JournalKind.GENERAL,
    }
)
BATCH = "JournalBatchNumber"

type Batch = tuple[str, str, str]
"""A journal by entity set of its lines, company, number."""


async def posted(dynamics: DynamicsGateway, batches: Sequence[Batch]) -> dict[Batch, bool]:
    """Whether each of the journals is posted; those that are gone are left out."""
    wanted: dict[tuple[str, str], dict[str, None]] = {}
    for entity_set, company, batch in batches:
        wanted.setdefault((entity_set, company), {})[batch] = None
    found: dict[Batch, bool] = {}
    for (entity_set, company), names in wanted.items():
        values: list[Value] = list(names)
        for start in range(0, len(values), LOOK_KEYS_MAX):
            lookup = Lookup(
                HEADERS[KINDS[entity_set]],
                company,
                any_of=(BATCH, values[start : start + LOOK_KEYS_MAX]),
                select=(BATCH, "IsPosted"),
            )
            for row in await dynamics.find(lookup):
                found[entity_set, company, str(row[BATCH])] = row["IsPosted"] == "Yes"
    return found


async def find_drafts(dynamics: DynamicsGateway, tasks: Sequence[Task]) -> None:
    """Note which lines of the tasks that reapply the mapping are drafts still. Raises the port's
    errors.

    Such a task verifies, too: a line may have been moved. One whose last change is uncertain is
    only verified, and comes again.
    """
    lines: list[tuple[Task, str, Batch]] = []
    for task in tasks:
        if not task.going or not task.reapply or task.held is None:
            continue
        for role, link in task.held.links.items():
            entity_set = link.record.entity_set
            if entity_set not in KINDS:
                continue
            if role in task.held.intents:
                reason = UncertainWrite(f"{link.record.document.key}: its last change is uncertain")
                task.desired = replace(task.desired, unfinished=reason)
            else:
                lines.append((task, role, (entity_set, link.company, str(link.keys[BATCH]))))
    is_posted = await posted(dynamics, [batch for _, _, batch in lines])
    for task, role, batch in lines:
        if is_posted.get(batch) is False:
            task.drafts.append(role)
