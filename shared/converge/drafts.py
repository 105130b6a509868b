"""Which lines are drafts that may be rendered again: not posted, and where their links say."""

from collections.abc import Sequence
from dataclasses import replace

from shared.converge.plan import link_of
from shared.converge.posting_status import Batch, posted
from shared.converge.recovery import key_of
from shared.converge.task import Task
from shared.converge.verification import Rows, keys_in, rows_of
from shared.domain.records import Link
from shared.errors import UncertainWrite
from shared.ports import DynamicsGateway
from shared.targets.finance import BATCH_NUMBER


async def find_drafts(dynamics: DynamicsGateway, tasks: Sequence[Task]) -> None:
    """Note the drafts of the tasks that reapply the mapping. Raises the port's errors.

    A line that was moved or deleted is never changed by its old place, where another one may stand
    by now: its object is verified instead, and comes again.
    """
    wanted = [task for task in tasks if task.going and task.reapply]
    lines = {id(task): _lines(task) for task in wanted}
    every = [link for found in lines.values() for link in found]
    rows = await rows_of(dynamics, [link.record for link in every])
    is_posted = await posted(dynamics, [_batch(link) for link in every])
    for task in wanted:
        if all(_is_there(link, rows) for link in lines[id(task)]):
            found = [link for link in lines[id(task)] if is_posted.get(_batch(link)) is False]
            task.drafts += [link.role for link in found]
        else:
            task.verify = True
            reason = UncertainWrite(f"{task.id}: a line is not where it was written")
            task.desired = replace(task.desired, unfinished=reason)


def _lines(task: Task) -> list[Link]:
    links = task.claim.links.values() if task.claim else ()
    return [link for link in links if link.record.document.journal is not None]


def _batch(link: Link) -> Batch:
    return link.record.entity_set, link.company, str(link.keys[BATCH_NUMBER])


def _is_there(link: Link, rows: Rows) -> bool:
    record = link.record
    found = rows.get(key_of(record), [])
    return [link_of(record, keys_in(record, row)).keys for row in found] == [link.keys]
