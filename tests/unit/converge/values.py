"""The values between the stages of converge, for tests that start in the middle."""

from collections.abc import Iterable, Sequence

from shared.converge.stages import (
    DecidedObject,
    Failed,
    Plan,
    PlannedObject,
    Progress,
    WrittenObject,
)
from shared.domain.documents import Document
from shared.domain.records import Intent, Link
from shared.entities.common.objects import Desired, Snapshot
from shared.stores.links import Claim
from tests.unit.services.fakes import START


def claim(id: str = "ch_1", links: Iterable[Link] = (), intents: Iterable[Intent] = ()) -> Claim:
    """A claim on an object, with what is known of it."""
    return Claim(
        id,
        "one",
        "etag",
        START,
        links={link.role: link for link in links},
        intents={intent.role: intent for intent in intents},
    )


def decided(
    held: Claim | None = None,
    documents: Sequence[Document] = (),
    *,
    desired: Desired | None = None,
    snapshot: Snapshot | None = None,
    drafts: Sequence[str] = (),
) -> DecidedObject:
    """A decided object under a claim."""
    held = held or claim()
    return DecidedObject(
        held,
        snapshot or Snapshot("charge", held.id, {"id": held.id}),
        desired or Desired(tuple(documents)),
        tuple(drafts),
    )


def written(value: DecidedObject, progress: Progress | None = None) -> WrittenObject:
    """The object after phases that wrote all of it."""
    progress = progress or Progress()
    return WrittenObject(value.claim, value.snapshot, value.desired, value.drafts, (), progress)


def planned(
    held: Claim | None = None,
    plan: Plan | None = None,
    *,
    links: Sequence[Link] = (),
    drafts: Sequence[str] = (),
    documents: Sequence[Document] = (),
) -> PlannedObject:
    """An object with a plan. `links`: made by earlier phases."""
    value = decided(held, documents, drafts=drafts)
    return PlannedObject(
        value.claim,
        value.snapshot,
        value.desired,
        value.drafts,
        (),
        Progress(tuple(links)),
        plan or Plan(),
    )


def error_of(result: object) -> Exception | None:
    """Why an object failed; None for one that did not."""
    return result.error if isinstance(result, Failed) else None


def going[T](result: T | Failed) -> T:
    """The value of an object that did not fail."""
    assert not isinstance(result, Failed), result.error
    return result


def progress_of(result: object) -> Progress:
    """What is known of the records of an object, failed or not."""
    value = result.at if isinstance(result, Failed) else result
    assert isinstance(value, WrittenObject)
    return value.progress
