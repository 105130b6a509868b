"""One object on its way through converge, and the small steps that only concern itself."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shared import telemetry
from shared.converge.plan import Plan
from shared.domain.documents import Document
from shared.domain.money import is_currency
from shared.domain.records import Intent, Link, Record, Value
from shared.entities.common.objects import Desired, Snapshot
from shared.errors import TieoutError
from shared.outcomes import Kind, Outcome, outcome_of
from shared.stores.item import ItemKind
from shared.stores.links import Claim

AMOUNT_BOUND = 1 << 63  # of a table cell


@dataclass(slots=True)
class Task:
    """State of one object during a run. `error` ends it; the claim is released all the same.

    `verify`: compare what was written with Dynamics; `isolate`: besides, leave refused journals;
    `reapply`: render what is a draft still (`drafts`, roles) as the mapping says now.
    `pending`: documents that are not planned yet; `records`: those that are, rendered.
    """

    id: str
    companies: tuple[str, ...] = ()
    verify: bool = False
    isolation: bool = False
    reapply: bool = False
    claim: Claim | None = None
    snapshot: Snapshot | None = None
    desired: Desired = field(default_factory=Desired)
    pending: tuple[Document, ...] = ()
    records: list[Record] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    new_links: list[Link] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    recreate: list[Record] = field(default_factory=list)
    delete: list[tuple[Record, Mapping[str, Value]]] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)
    move: list[tuple[Record, Link]] = field(default_factory=list)
    error: Exception | None = None

    @property
    def going(self) -> bool:
        """True while nothing went wrong."""
        return self.error is None

    @property
    def links(self) -> dict[str, Link]:
        """The links by role, made in this run or before."""
        known = self.claim.links if self.claim is not None else {}
        return {**known, **{link.role: link for link in self.new_links}}

    def intent(self, role: str) -> Intent | None:
        """What was announced of a role before this run, where its end is not known."""
        return self.claim.intents.get(role) if self.claim is not None else None

    def linked(self, link: Link) -> None:
        """A record is there as its link says: no write of it is open any more."""
        self.new_links.append(link)
        self.over.append(link.role)

    def fail(self, error: Exception) -> None:
        """The first error decides; an uncertain write is never hidden by a later one."""
        if not isinstance(error, TieoutError):
            telemetry.fault("converge_failed", error, object=self.id)
        if self.error is None:
            self.error = error

    def outcome(self) -> Outcome:
        """The outcome of the object, with the money at stake where the snapshot tells."""
        desired = self.desired
        error = self.error or desired.unfinished or desired.parked or desired.waiting
        if error is None:
            return Outcome(Kind.DONE)
        source = self.snapshot.object if self.snapshot is not None else {}
        amount, currency = source.get("amount"), source.get("currency")
        if type(amount) is not int or abs(amount) >= AMOUNT_BOUND or not is_currency(currency):
            return outcome_of(error)
        return replace(outcome_of(error), amount_minor=amount, currency=str(currency))


@contextmanager
def failing(tasks: Iterable[Task]) -> Iterator[None]:
    """What goes wrong inside fails these tasks, the ones that it concerns, and goes no further."""
    try:
        yield
    except Exception as error:
        for task in tasks:
            task.fail(error)


def task_for(id: str, companies: tuple[str, ...], asked: Collection[ItemKind]) -> Task:
    """The task of an object. `asked`: kinds of items; what was written is compared with Dynamics
    (`VERIFY`), leaves refused journals besides (`ISOLATE`), or is rendered again (`REAPPLY`)."""
    isolation = ItemKind.ISOLATE in asked
    verify = isolation or ItemKind.VERIFY in asked
    return Task(id, companies, verify, isolation, ItemKind.REAPPLY in asked)
