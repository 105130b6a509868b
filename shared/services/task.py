"""One object on its way through converge, and the small steps that only concern itself."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shared import telemetry
from shared.documents.common import Desired, Snapshot
from shared.domain.money import is_currency
from shared.domain.records import Document, Link, Record, Value
from shared.errors import TieoutError
from shared.services.item import APART, REAPPLY, VERIFY
from shared.services.links import Held
from shared.services.plan import Plan
from shared.verdicts import Kind, Verdict, verdict_of

AMOUNT_BOUND = 1 << 63  # of a table cell


@dataclass(slots=True)
class Task:
    """State of one object during a run. `error` ends it; the claim is released all the same.

    `verify`: compare what was written with Dynamics; `apart`: besides, leave refused journals;
    `reapply`: spell what is a draft still (`drafts`, roles) as the mapping says now.
    `pending`: documents that are not planned yet; `records`: those that are, spelled.
    """

    id: str
    companies: tuple[str, ...] = ()
    verify: bool = False
    apart: bool = False
    reapply: bool = False
    held: Held | None = None
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

    def link(self, role: str) -> Link:
        """The link of a role, made in this run or before. Raises KeyError."""
        known = self.held.links if self.held is not None else {}
        return next((each for each in self.new_links if each.role == role), None) or known[role]

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

    def verdict(self) -> Verdict:
        """The outcome of the object, with the money at stake where the snapshot tells."""
        desired = self.desired
        error = self.error or desired.unfinished or desired.parked or desired.waiting
        if error is None:
            return Verdict(Kind.DONE)
        source = self.snapshot.object if self.snapshot is not None else {}
        amount, currency = source.get("amount"), source.get("currency")
        if type(amount) is not int or abs(amount) >= AMOUNT_BOUND or not is_currency(currency):
            return verdict_of(error)
        return replace(verdict_of(error), amount_minor=amount, currency=str(currency))


@contextmanager
def failing(tasks: Iterable[Task]) -> Iterator[None]:
    """What goes wrong inside fails these tasks, the ones that it concerns, and goes no further."""
    try:
        yield
    except Exception as error:
        for task in tasks:
            task.fail(error)


def task_for(id: str, companies: tuple[str, ...], asked: Collection[str]) -> Task:
    """The task of an object. `asked`: item types; what was written of it is compared with Dynamics
    (`VERIFY`), leaves refused journals besides (`APART`), or is spelled anew (`REAPPLY`)."""
    apart = APART in asked
    return Task(id, companies, apart or VERIFY in asked, apart, REAPPLY in asked)
