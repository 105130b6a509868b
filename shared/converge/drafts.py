"""Which lines are drafts that may be rendered again: not posted, and where their links say."""

from collections.abc import Sequence
from dataclasses import replace

from shared.converge.plan import link_of
from shared.converge.posting_status import Batch, posted
from shared.converge.recovery import key_of
from shared.converge.stages import DecidedObject
from shared.converge.verification import Rows, keys_in, rows_of
from shared.domain.records import Link
from shared.errors import UncertainWrite
from shared.ports import DynamicsGateway
from shared.targets.finance import BATCH_NUMBER


class Misplaced(UncertainWrite):
    """A line is not where it was written. It is never changed by its old place, where another one
    may stand by now: its object is verified instead, and comes again."""


def is_misplaced(value: DecidedObject) -> bool:
    """Whether `find_drafts` missed a line of the object."""
    return isinstance(value.desired.unfinished, Misplaced)


async def find_drafts(
    dynamics: DynamicsGateway, values: Sequence[DecidedObject]
) -> list[DecidedObject]:
    """The objects with the roles of their drafts, or unfinished because a line is `Misplaced`.
    Raises the port's errors."""
    lines = {value.id: _lines(value) for value in values}
    every = [link for links in lines.values() for link in links]
    rows = await rows_of(dynamics, [link.record for link in every])
    is_posted = await posted(dynamics.find, [_batch(link) for link in every])
    results = []
    for value in values:
        if all(_is_there(link, rows) for link in lines[value.id]):
            drafts = [link.role for link in lines[value.id] if is_posted.get(_batch(link)) is False]
            results.append(replace(value, drafts=tuple(drafts)))
        else:
            reason = Misplaced(f"{value.id}: a line is not where it was written")
            results.append(replace(value, desired=replace(value.desired, unfinished=reason)))
    return results


def _lines(value: DecidedObject) -> list[Link]:
    links = value.claim.links.values()
    return [link for link in links if link.record.document.journal is not None]


def _batch(link: Link) -> Batch:
    return link.record.entity_set, link.company, str(link.keys[BATCH_NUMBER])


def _is_there(link: Link, rows: Rows) -> bool:
    record = link.record
    places = [link_of(record, keys_in(record, row)).keys for row in rows.get(key_of(record), [])]
    return places == [link.keys]
