"""The values that converge hands from stage to stage, and how a stage runs over many objects.

    WantedObject -> ClaimedObject -> ReadObject -> DecidedObject
        -> PlannedObject -> WrittenObject (once a phase) -> RecordedObject

A stage takes the value of the one before and returns the next. What goes wrong with one object is a
value, too: `Failed`, with the last value that the object reached. No stage takes it further, and
recording releases its claim.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from shared import telemetry
from shared.domain.documents import Document
from shared.domain.records import Intent, Link, Record
from shared.domain.values import Value
from shared.entities.common.objects import Desired, Snapshot
from shared.errors import CredentialsRefused, Throttled, TieoutError, Unavailable
from shared.outcomes import Outcome
from shared.stores.links import Claim

CONCURRENCY_MAX = 16  # port calls of one step under way at once
NO_ANSWER = (Throttled, Unavailable, CredentialsRefused)  # asking in another way is no use


# --- the values -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantedObject:
    """An object to converge. `companies`: for master data, those that need it."""

    id: str
    companies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimedObject:
    """An object under our claim, the handle of its rows in `links`: each write under it changes
    its ETag and its intents."""

    claim: Claim
    companies: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The object's id."""
        return self.claim.id


@dataclass(frozen=True, slots=True)
class ReadObject:
    """Its current state, read after it was claimed."""

    claim: Claim
    snapshot: Snapshot

    @property
    def id(self) -> str:
        """The object's id."""
        return self.claim.id


@dataclass(frozen=True, slots=True)
class DecidedObject(ReadObject):
    """What must exist for it. `drafts`: the roles of journal lines that may be rendered again."""

    desired: Desired
    drafts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What this run knows of an object's records. `links`: made or mended in this run; `over`:
    roles whose announced write is settled; `uncertain`: those whose announcement stays."""

    links: tuple[Link, ...] = ()
    over: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenObject(DecidedObject):
    """What was written so far. `pending`: documents that no phase has planned yet."""

    pending: tuple[Document, ...] = ()
    progress: Progress = Progress()

    @property
    def links(self) -> dict[str, Link]:
        """The links by role, made in this run or before."""
        return {**self.claim.links, **{link.role: link for link in self.progress.links}}

    def intent(self, role: str) -> Intent | None:
        """What was announced of a role, where its end is not known."""
        return self.claim.intents.get(role)


@dataclass(frozen=True, slots=True)
class LineMove:
    """A line that leaves its journal. `part`: which of the open journals of its day it goes to."""

    record: Record
    link: Link
    part: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen for one object in one phase.

    `recover` first, then `create` what was not found, and `update` records with the link they have;
    `verify` compares written ones with Dynamics. That adds what to `recreate`, the keys of surplus
    records to `delete`, and lines to `move` out of refused journals.
    """

    create: tuple[Record, ...] = ()
    recover: tuple[Record, ...] = ()
    update: tuple[tuple[Record, Link], ...] = ()
    verify: tuple[tuple[Record, Link], ...] = ()
    recreate: tuple[Record, ...] = ()
    delete: tuple[tuple[Record, Mapping[str, Value]], ...] = ()
    move: tuple[LineMove, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when Dynamics holds everything already."""
        return self == Plan()

    @property
    def created(self) -> tuple[Record, ...]:
        """What is to be created: planned, looked for and not found, or deleted by somebody."""
        return (*self.create, *self.recover, *self.recreate)


@dataclass(frozen=True, slots=True)
class PlannedObject(WrittenObject):
    """What the next phase writes of it."""

    plan: Plan = Plan()


type Reached = WantedObject | ClaimedObject | ReadObject
"""A value that an object reached."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An object that goes no further. `at`: the last value that it reached."""

    at: Reached
    error: Exception

    @property
    def id(self) -> str:
        """The object's id."""
        return self.at.id


@dataclass(frozen=True, slots=True)
class RecordedObject:
    """An object whose claim is released, and its outcome."""

    id: str
    outcome: Outcome


def begun(decided: DecidedObject) -> WrittenObject:
    """A decided object before its first phase: nothing is written, everything is pending."""
    documents = decided.desired.documents
    return WrittenObject(
        decided.claim, decided.snapshot, decided.desired, decided.drafts, documents
    )


def failed(value: Reached | Failed, error: Exception) -> Failed:
    """The object with its error. The first one decides: a later one never hides an uncertain
    write."""
    if not isinstance(error, TieoutError):
        telemetry.fault("converge_failed", error, object=value.id)
    return value if isinstance(value, Failed) else Failed(value, error)


def still_open(claim: Claim, progress: Progress, safe_at: datetime) -> list[Intent]:
    """The intents of uncertain writes, with the moment from which looking is safe."""
    known = [claim.intents.get(role) for role in progress.uncertain]
    return [replace(intent, at=safe_at.isoformat()) for intent in known if intent is not None]


# --- what one step finds out ----------------------------------------------------------------


@dataclass(slots=True)
class Finding[T: Reached]:
    """One object within one step that works on many at once, until the step ends."""

    of: T
    error: Exception | None = None

    @property
    def id(self) -> str:
        """The object's id."""
        return self.of.id

    @property
    def going(self) -> bool:
        """True while nothing went wrong."""
        return self.error is None

    def fail(self, error: Exception) -> None:
        """The first error decides."""
        if self.error is None:
            self.error = failed(self.of, error).error


@dataclass(slots=True)
class RecordFinding(Finding[PlannedObject]):
    """With what the step found out about the object's records."""

    links: list[Link] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)

    def linked(self, link: Link) -> None:
        """A record is there as its link says: no write of it is open any more."""
        self.links.append(link)
        self.over.append(link.role)

    def result(self, plan: Plan) -> PlannedObject | Failed:
        """The object after the step, with what is left of its plan."""
        old = self.of.progress
        progress = Progress(
            (*old.links, *self.links),
            (*old.over, *self.over),
            (*old.uncertain, *self.uncertain),
        )
        value = replace(self.of, progress=progress, plan=plan)
        return value if self.error is None else Failed(value, self.error)


@contextmanager
def failing[T: Reached](findings: Iterable[Finding[T]]) -> Iterator[None]:
    """What goes wrong inside fails these objects, which it concerns, and goes no further."""
    try:
        yield
    except Exception as error:
        for finding in findings:
            finding.fail(error)


# --- a stage over many objects --------------------------------------------------------------


async def onward[A: Reached, B: Reached](
    results: Sequence[A | Failed],
    stage: Callable[[Sequence[A]], Awaitable[Sequence[B | Failed]]],
) -> list[B | Failed]:
    """The next stage of what goes; what failed stays as it is, in its place. An error that is no
    object's own fails them all."""
    going = [result for result in results if not isinstance(result, Failed)]
    try:
        reached = iter(await stage(going))
    except Exception as error:
        reached = iter([failed(value, error) for value in going])
    return [result if isinstance(result, Failed) else next(reached) for result in results]


async def each[A: Reached | Failed, B: Reached | Failed](
    values: Sequence[A], step: Callable[[A], Awaitable[B]]
) -> list[B | Failed]:
    """A step of every object, a few at once; an error fails its object."""
    limit = asyncio.Semaphore(CONCURRENCY_MAX)

    async def guarded(value: A) -> B | Failed:
        async with limit:
            try:
                return await step(value)
            except Exception as error:
                return failed(value, error)

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(guarded(value)) for value in values]
    return [task.result() for task in running]


async def onward_each[A: Reached, B: Reached](
    results: Sequence[A | Failed], step: Callable[[A], Awaitable[B]]
) -> list[B | Failed]:
    """The next stage of what goes, object by object."""
    return await onward(results, partial(each, step=step))


async def together[A: Reached | Failed, B: Reached | Failed](
    values: Sequence[A], step: Callable[[Sequence[A]], Awaitable[Sequence[B]]]
) -> list[B | Failed]:
    """A step of many objects at once, which may be done twice; where one of them makes it
    impossible, each does it alone. A system that does not answer fails them all."""
    try:
        return list(await step(values))
    except NO_ANSWER as error:
        return [failed(value, error) for value in values]
    except Exception:  # whose it is shows when each does it alone
        return await one_by_one(values, step)


async def one_by_one[A: Reached | Failed, B: Reached | Failed](
    values: Sequence[A], step: Callable[[Sequence[A]], Awaitable[Sequence[B]]]
) -> list[B | Failed]:
    """A step of each object alone; a system that does not answer is not asked for the others."""
    results: list[B | Failed] = []
    for value in values:
        try:
            results += await step([value])
        except NO_ANSWER as error:
            return [*results, *(failed(left, error) for left in values[len(results) :])]
        except Exception as error:
            results.append(failed(value, error))
    return results
