"""Replay: exported Stripe JSON through the real app, on virtual time, with nothing at risk.

Events are signed and delivered in the order they were made, objects stored with them
(`local.chapters`); before a refund of what was sold, open orders are invoiced. Then the sweeps
run, so that what no event announced is booked too. The report says for each event what became of
it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local import books
from local.chapters import Chapter, chapters, in_order
from local.clock import LoopClock
from local.dynamics.settings import Settings as DynamicsSettings
from local.files import Exported
from local.loop import run_virtual
from local.publishing import replayed
from local.stripe import PeerSettings
from local.summary import Summary, summarise
from local.trace import Trace, shown, trace
from local.world import Options, World, open_world
from shared.documents.common import Again
from shared.domain.records import Ref
from shared.services.dispatch import Dispatch
from shared.services.links import LinkStore

EVENTS_PER_DELIVERY = 50
SWEPT_DAYS = 3_650
INVOICE_ROUNDS = 2  # orders are invoiced, then the receipts that wait for it find it
REST_SECONDS = 120.0
LOOK_SECONDS = 360.0  # longer than a payout's flow waits before it looks again
LOOKS_MAX = 6  # for members that were written late
EARLIEST = datetime(2011, 1, 1, tzinfo=UTC)
NAMED_BY = {
    "CustomersV3": books.CUSTOMER_ID_PROPERTY,
    "CustomerPaymentJournalLines": "PaymentId",
    "LedgerJournalLines": "PaymentId",
    "SalesOrderHeadersV2": "CustomersOrderReference",
    "SalesOrderLinesV3": "SalesOrderNumber",
    "CDSFreeTextInvoiceHeaders": "ExternalInvoiceId",
    "CDSFreeTextInvoiceLines": "ExternalInvoiceId",
}
"""The field of each set that is filled in records of ours."""

type Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Part:
    """The replay of one mode: its events, and what no event led to."""

    livemode: bool
    traces: tuple[Trace, ...]
    summary: Summary
    unnamed: tuple[Mapping[str, Any], ...]

    @property
    def mode(self) -> str:
        """`live` or `test`."""
        return "live" if self.livemode else "test"


@dataclass(frozen=True, slots=True)
class Replay:
    """The report of a replay: one part for each mode that the files hold."""

    exported: Exported
    parts: tuple[Part, ...]

    @property
    def is_clean(self) -> bool:
        """Every part of every file was understood, nothing is parked, every gap is zero."""
        return not self.exported.problems and all(part.summary.is_clean for part in self.parts)

    def figures(self) -> dict[str, Any]:
        """The whole report as JSON. `proof` and `summary` are those of the first part; `modes`
        has all."""
        return {
            "files": self.exported.files,
            "problems": [asdict(problem) for problem in self.exported.problems],
            "events": [
                {**asdict(each), "livemode": part.livemode}
                for part in self.parts
                for each in part.traces
            ],
            "records_without_event": [record for part in self.parts for record in part.unnamed],
            "proof": self.parts[0].summary.proof,
            "summary": self.parts[0].summary.figures(),
            "modes": {part.mode: part.summary.figures() for part in self.parts},
        }


def options(exported: Exported) -> Options:
    """A world in the files' mode that has a book for each of their currencies."""
    return Options(
        livemode=exported.livemode,
        currencies=exported.currencies,
        documents=replayed(),
        stripe=PeerSettings(payouts=None),
        dynamics=DynamicsSettings(post_interval_seconds=3_600.0),
        settings={"sweep_first_days": SWEPT_DAYS},
    )


def run(exported: Exported, progress: Progress) -> Replay:
    """Replay everything, each mode in a world of its own."""
    return Replay(exported, tuple(_part(part, progress) for part in exported.modes))


def _part(exported: Exported, progress: Progress) -> Part:
    """Replay one mode; the world's clock starts after the latest object."""
    latest = datetime.fromtimestamp(exported.latest_created, UTC)
    start = max(latest, EARLIEST) + timedelta(minutes=1)
    course = chapters(exported)

    async def main(clock: LoopClock) -> Part:
        async with open_world(clock, options(exported)) as world:
            answers = await _tell(world, course, progress)
            await _settle(world)
            traces = [
                await trace(world, event, answers[index])
                for index, event in enumerate(in_order(course))
            ]
            named = [record for each in traces for record in each.records]
            unnamed = tuple(_unnamed(world, named))
            return Part(exported.livemode, tuple(traces), await summarise(world), unnamed)

    return run_virtual(main, start=start)


async def _tell(
    world: World, course: Sequence[Chapter], progress: Progress
) -> list[Mapping[str, Any]]:
    """Chapter after chapter. Returns the webhook's answer to each event."""
    answers: list[Mapping[str, Any]] = []
    objects = sum(len(chapter.objects) for chapter in course)
    events = len(in_order(course))
    stored = 0
    for number, chapter in enumerate(course):
        if number:
            await world.idle()
            world.dynamics.invoice_orders()
        if chapter.objects:
            world.stripe.control.store_objects(chapter.objects)
            stored += len(chapter.objects)
            progress("objects", stored, objects)
        for start in range(0, len(chapter.events), EVENTS_PER_DELIVERY):
            part = chapter.events[start : start + EVENTS_PER_DELIVERY]
            report = await world.stripe.control.deliver_events(part)
            answers += report["delivered"]
            progress("events", len(answers), events)
        await _look_at(world, list(chapter.charges), number)
    return answers


async def _look_at(world: World, charges: Sequence[str], chapter: int) -> None:
    """Converge charges that no event of a chapter tells of."""
    links = LinkStore(world.tables, world.clock, world.settings.lease_seconds)
    dispatch = Dispatch(links, world.app.queue, world.clock, world.settings)
    await dispatch.again([Again(Ref("charge", id), f"{id}-{chapter}") for id in charges])


async def _settle(world: World) -> None:
    """Wait for the events' work, then for what only the sweeps find, then for the posting."""
    await world.idle()
    for name in ("sweep_transactions", "sweep_payouts"):
        world.host.fire(name)
        await world.clock.sleep(REST_SECONDS)
        await world.idle()
    for _ in range(INVOICE_ROUNDS):
        world.dynamics.invoice_orders()
        world.host.fire("sweep_waiting")
        await world.clock.sleep(REST_SECONDS)
        await world.idle()
    await _tie_outs(world)
    world.dynamics.post_journals()


async def _tie_outs(world: World) -> None:
    """Give the flows of payouts time to see that their members are written by now."""
    for _ in range(LOOKS_MAX):
        payouts = (await world.get("payouts"))["payouts"]
        if all(payout["status"] == "tied" for payout in payouts):
            return
        await world.clock.sleep(LOOK_SECONDS)
        await world.idle()


def _unnamed(world: World, named: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Records of ours that no event of the files led to: the sweeps' work."""
    known = dict.fromkeys(str(each["key"]) for each in named)
    found: list[Mapping[str, Any]] = []
    for entity_set, id_field in NAMED_BY.items():
        for record in world.dynamics.records(entity_set):
            written = shown(entity_set, record)
            is_ours = bool(record.get(id_field))
            if is_ours and str(written["key"]) not in known:
                found.append(written)
    return found
