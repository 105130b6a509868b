"""Replay: exported Stripe JSON through the real app, on virtual time, with nothing at risk.

Events are signed and delivered in the order they were made, objects stored with them (see
`chapters`); before a refund of what was sold, open orders are invoiced. Objects that no event
tells of are looked at, and so is every balance transaction that is named. Then the sweeps run, so
that what nothing announced is booked too. The report says for each event what became of it, and of
the files what was used and what is missing (see `inventory`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local import books
from local.clock import LoopClock
from local.dynamics import DynamicsSettings
from local.loop import run_virtual
from local.replay.chapters import Chapter, chapters, in_order
from local.replay.exported import Exported
from local.replay.inventory import inventory
from local.replay.missing import Told, unnamed_transactions
from local.replay.payout_members import Members, members_of
from local.replay.report import NOT_LISTED, ModeReport, Replay, identity, mode_name
from local.replay.trace import Trace, shown, trace
from local.replay.witness import Witness
from local.replay.words import Words
from local.stripe import PeerSettings
from local.summary import TIED, Summary, summarise
from local.world import Options, World, open_world
from shared.converge.dispatch import Dispatch
from shared.domain.records import Ref
from shared.entities.common.objects import Enqueue, unless_settled
from shared.stores.links import LinkStore

POLICY = Path(__file__).parent / "policy.yaml"  # orders of all sales that tell their lines
EVENTS_PER_DELIVERY = 50
SWEPT_DAYS = 3_650
INVOICE_ROUNDS = 2  # documents are posted, then the receipts and refunds that wait find them
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


def options(exported: Exported, witness: Witness) -> Options:
    """A world in the files' mode that has a book for each of their currencies."""
    return Options(
        livemode=exported.livemode,
        currencies=exported.currencies,
        documents=(POLICY.read_text(encoding="utf-8"),),
        stripe=PeerSettings(payouts=None),
        dynamics=DynamicsSettings(post_interval_seconds=3_600.0),
        settings={"sweep_first_days": SWEPT_DAYS},
        watch=witness.over,
    )


def run(exported: Exported, progress: Progress) -> Replay:
    """Replay everything, each mode in a world of its own."""
    modes = exported.modes

    def label(part: Exported) -> Progress:
        """Progress of one mode, under a name of its own where there are two."""
        if len(modes) == 1:
            return progress
        return lambda stage, done, total: progress(f"{mode_name(part)} {stage}", done, total)

    parts = tuple(_part(part, label(part)) for part in modes)
    return Replay(exported, parts, inventory(exported, [part.told for part in parts]))


def _part(exported: Exported, progress: Progress) -> ModeReport:
    """Replay one mode; the world's clock starts after the latest object."""
    latest = datetime.fromtimestamp(exported.latest_created, UTC)
    start = max(latest, EARLIEST) + timedelta(minutes=1)
    course = chapters(exported)
    members = members_of(exported)
    witness = Witness()

    async def main(clock: LoopClock) -> ModeReport:
        async with open_world(clock, options(exported, witness)) as world:
            for payout, listed in members.listed.items():
                world.stripe.control.name_members(payout, list(listed))
            answers = await _tell(world, course, progress)
            await _settle(world, unnamed_transactions(exported), members)
            traces = [
                await trace(world, event, answers[index])
                for index, event in enumerate(in_order(course))
            ]
            named = [record for each in traces for record in each.records]
            unnamed = tuple(_unnamed(world, named))
            words = Words(witness.lacked, exported.livemode)
            told = tuple(_told(each, exported, words) for each in traces)
            summary = _worded(await summarise(world), members, words)
            return ModeReport(
                exported.livemode,
                told,
                summary,
                unnamed,
                Told(exported, told, witness, members, summary.listed),
            )

    return run_virtual(main, start=start)


def _told(each: Trace, exported: Exported, words: Words) -> Trace:
    """A trace under the event's id in the files, its text and remedy told of files."""
    return replace(
        each,
        id=exported.event_ids.get(each.id, each.id),
        text=words.text(each.cause, each.text),
        remedy=words.remedy(each.cause, each.text, each.remedy),
    )


def _worded(summary: Summary, members: Members, words: Words) -> Summary:
    """The summary, told of files; payouts whose members are not listed are said to be so."""
    listed = tuple(
        replace(
            each,
            text=words.text(each.cause, each.text),
            remedy=words.remedy(each.cause, each.text, each.remedy),
        )
        for each in summary.listed
    )
    payouts = tuple(
        {**each, "status": NOT_LISTED} if each["payout"] in members.unknown else each
        for each in summary.payouts
    )
    return replace(summary, listed=listed, payouts=payouts)


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
        await _look_at(world, chapter.looked_at, number)
    return answers


def _dispatch(world: World) -> Dispatch:
    links = LinkStore(world.tables, world.clock, world.settings.lease_seconds)
    return Dispatch(links, world.app.queue, world.clock, world.settings, world.app.registry)


async def _look_at(world: World, objects: Mapping[str, str], chapter: int) -> None:
    """Converge objects, given as types by id, that no event of a chapter tells of."""
    wanted = [
        Enqueue(Ref(name, id), f"{id}-{chapter}", even_if_settled=True)
        for id, name in objects.items()
    ]
    await _dispatch(world).enqueue(wanted)


async def _settle(world: World, unnamed: Sequence[Ref], members: Members) -> None:
    """Wait for the events' work, then for what only the sweeps find, then for the posting.

    `unnamed`: transactions that objects name and the files lack: each is asked for, and parks.
    """
    await world.idle()
    await _dispatch(world).enqueue(unless_settled(*unnamed))
    for name in ("sweep_transactions", "sweep_payouts"):
        world.host.fire(name)
        await world.clock.sleep(REST_SECONDS)
        await world.idle()
    for _ in range(INVOICE_ROUNDS):
        world.dynamics.invoice_orders()
        world.dynamics.post_free_text_invoices()
        world.host.fire("sweep_waiting")
        await world.clock.sleep(REST_SECONDS)
        await world.idle()
    await _tie_outs(world, members)
    world.dynamics.post_journals()


async def _tie_outs(world: World, members: Members) -> None:
    """Give the flows of payouts time to see that their members are written by now."""
    for _ in range(LOOKS_MAX):
        payouts = (await world.get("payouts"))["payouts"]
        known = [each for each in payouts if each["payout"] not in members.unknown]
        if all(payout["status"] == TIED for payout in known):
            return
        await world.clock.sleep(LOOK_SECONDS)
        await world.idle()


def _unnamed(world: World, named: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Records of ours that no event of the files led to: the sweeps' work."""
    known = dict.fromkeys(identity(each) for each in named)
    found: list[Mapping[str, Any]] = []
    for entity_set, id_field in NAMED_BY.items():
        for record in world.dynamics.records(entity_set):
            written = shown(entity_set, record)
            is_ours = bool(record.get(id_field))
            if is_ours and identity(written) not in known:
                found.append(written)
    return found
