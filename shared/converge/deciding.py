"""The stages that decide: what Dynamics is asked, which documents must exist, on which accounts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from shared.converge import accounts, queries
from shared.converge.drafts import find_drafts
from shared.converge.plan import unwanted
from shared.converge.ports import Ports
from shared.converge.steps import each, together
from shared.converge.task import Task, failing
from shared.entities.common.objects import Context
from shared.entities.entity import Entity
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target
from shared.settings import Settings


def context_of(settings: Settings, mapping: CompiledMapping, now: datetime) -> Context:
    """What documents are computed with at a moment."""
    id_property, items = settings.customer_id_property, mapping.tables.get("items", {})
    return Context(settings.books, settings.time_zone, mapping.policy, now, id_property, items)


def target_of(
    settings: Settings, mapping: CompiledMapping, customers: Mapping[tuple[str, str], str]
) -> Target:
    """What rendering may look up."""
    id_property, id_chars_max = settings.customer_id_property, settings.customer_id_chars_max
    return Target(settings.books, id_property, id_chars_max, customers, mapping)


async def decide(ports: Ports, entity: Entity, tasks: Sequence[Task], context: Context) -> None:
    """Ask Dynamics what the documents need to know, compute them, reserve the accounts."""
    with failing(tasks):
        await queries.queries_of(ports.dynamics, entity, tasks, context)
    for task in tasks:
        if task.going and task.snapshot is not None and task.claim is not None:
            with failing([task]):
                task.desired = entity.build(task.snapshot, context)
                unwanted(task.desired.documents, task.claim.links)
                task.pending = task.desired.documents
    await each(tasks, partial(accounts.reserve, ports.tables))


async def choose_drafts(ports: Ports, tasks: Sequence[Task]) -> None:
    """Which lines may be rendered again: none where Dynamics does not answer."""
    wanted = [task for task in tasks if task.going and task.reapply]
    await together(wanted, partial(find_drafts, ports.dynamics))
