"""What of an object can be written now: an order's lines need the number of its header first.

A document is ready when every record it needs is there and is not changed in the same phase.
"""

from datetime import datetime

from shared.converge.plan import Plan, difference, frozen, link_of, merged
from shared.converge.task import Task
from shared.domain.documents import Document, Open
from shared.errors import limit_reached
from shared.mapping.finance import Target, render, rerender

PHASES_MAX = 5


def plan_phase(task: Task, target: Target, now: datetime) -> None:
    """The plan of the task's next phase; what is not ready stays pending.

    Raises `Parked`, `UncertainWrite`, and RuntimeError for documents that never get ready.
    """
    claim = task.claim
    if claim is None:
        raise RuntimeError(f"{task.id} is planned without a claim")
    links = task.links
    plans: list[Plan] = []
    touched: dict[str, None] = {}
    rest = []
    for document in task.pending:
        if any(role not in links or role in touched for role in document.needs):
            rest.append(document)
            continue
        record = frozen(document, links, claim.intents)
        if record is not None and document.role in task.drafts:
            record = rerender(record, document, target, claim.intents.get(document.role))
        if record is None:
            parent = links[document.parent].keys if document.parent else {}
            record = render(document, target, parent)
        if _is_applied(document) and document.role in links and document.role in claim.intents:
            old = links[document.role]
            task.linked(link_of(record, old.keys, old.recreated))
            task.records.append(record)
            continue
        plan = difference(
            [record], links, claim.intents, now, verify=task.verify, drafts=task.drafts
        )
        task.records.append(record)
        plans.append(plan)
        if plan.create or plan.recover or plan.update:
            touched[document.role] = None
    if rest and not touched:
        raise RuntimeError(f"{rest[0].role} of {task.id} needs what nobody writes")
    task.pending, task.plan = tuple(rest), merged(plans)


def _is_applied(document: Document) -> bool:
    """Whether Dynamics shows an announced change already."""
    return isinstance(document.later, Open) and document.later.applied


def not_whole(task: Task) -> Exception:
    """The error of an object that is not whole after all phases."""
    text = f"{task.id} is not written whole after {PHASES_MAX} phases"
    return limit_reached(f"{text}; what is written stays")
