"""Converge: make Dynamics hold what it should hold for a batch of Stripe objects.

claim -> fetch the current state -> desired documents -> difference -> look -> announce -> write ->
settle. An event is only a hint that an object may have changed; doing this twice does nothing the
second time. Every error ends one object, not the batch, and becomes its verdict by its type.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType

from shared.documents.common import Context
from shared.documents.customer import role_of
from shared.domain.records import Link, Ref
from shared.errors import TieoutError, limit_reached
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target
from shared.ports import (
    Chance,
    Clock,
    DynamicsGateway,
    Flows,
    Queue,
    StripeGateway,
    Tables,
)
from shared.registry import Entity, entity_named
from shared.services import (
    accounts,
    asking,
    checking,
    looking,
    receipts,
    resolutions,
    snapshots,
    tie_outs,
)
from shared.services.apart import plan_moves
from shared.services.dispatch import Dispatch
from shared.services.drafts import find_drafts
from shared.services.journals import Journals, Writer
from shared.services.links import LinkStore
from shared.services.mappings import Mappings
from shared.services.origins import Origins
from shared.services.phases import PHASES_MAX, plan_phase
from shared.services.plan import unwanted
from shared.services.task import Task, failing, task_for
from shared.services.writing import Applier
from shared.settings import Settings
from shared.verdicts import RESOLVED_CAUSE, Kind, Verdict, verdict_of

CONCURRENCY_MAX = 16  # port calls of one step under way at once

type Accounts = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Ports:
    """What converge needs."""

    stripe: StripeGateway
    dynamics: DynamicsGateway
    tables: Tables
    queue: Queue
    flows: Flows
    clock: Clock
    chance: Chance
    settings: Settings
    mappings: Mappings


def context_of(settings: Settings, mapping: CompiledMapping, now: datetime) -> Context:
    """What documents are computed with at a moment."""
    id_property, items = settings.customer_id_property, mapping.tables.get("items", {})
    return Context(settings.books, settings.time_zone, mapping.policy, now, id_property, items)


async def _together(
    tasks: Sequence[Task], step: Callable[[Sequence[Task]], Awaitable[None]]
) -> None:
    """A step of many tasks at once, which may be done twice; where one of them makes it
    impossible, each does it alone. A system that does not answer fails them all."""
    try:
        await step(tasks)
    except looking.NO_ANSWER as error:
        for task in tasks:
            task.fail(error)
    except Exception:  # whose it is shows when each does it alone
        await _one_by_one(tasks, step)


async def _one_by_one(
    tasks: Sequence[Task], step: Callable[[Sequence[Task]], Awaitable[None]]
) -> None:
    """A step of each task alone; a system that does not answer is not asked for the others."""
    for at, task in enumerate(tasks):
        with failing([task]):
            try:
                await step([task])
            except looking.NO_ANSWER as error:
                for each in tasks[at:]:
                    each.fail(error)
                return


class Converge:
    """The one way in which anything is written to Dynamics."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        settings = ports.settings
        self._links = LinkStore(ports.tables, ports.clock, settings.lease_seconds)
        lease_seconds = settings.lease_seconds
        self._origins = Origins(ports.tables, self._links, ports.clock, lease_seconds)
        self._dispatch = Dispatch(self._links, ports.queue, ports.clock, settings)

    async def run(
        self,
        entity_name: str,
        wanted: Mapping[str, tuple[str, ...]],
        writer: Writer,
        asked: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> dict[str, Verdict]:
        """Converge objects of one entity: ids, and for master data the companies that need them.

        `asked`: what else is to be done with an object, by item types (`item.VERIFY`...).
        Returns one verdict an id; raises nothing of its own.
        """
        entity = entity_named(entity_name)
        tasks = [task_for(id, found, asked.get(id, ())) for id, found in wanted.items()]
        try:
            mapping = await self._ports.mappings.active()
        except TieoutError as error:
            return dict.fromkeys(wanted, verdict_of(error))
        context = context_of(self._ports.settings, mapping, self._ports.clock.now())
        await self._each(tasks, lambda task: self._claim_and_fetch(entity, task, writer, context))
        with failing(tasks):
            await asking.ask(self._ports.dynamics, entity, tasks, context)
        self._build(entity, tasks, context)
        await self._each(tasks, lambda task: accounts.reserve(self._ports.tables, task))
        customers = await self._masters(tasks, writer)
        await self._drafts(tasks)
        await self._each(tasks, lambda task: self._origins.note(task, mapping.sha256))
        await self._apply(tasks, self._target(mapping, customers), writer)
        await self._each(tasks, lambda task: accounts.note(self._ports.stripe, task, context))
        await self._follow_up(tasks)
        return {task.id: task.verdict() for task in tasks}

    def _target(self, mapping: CompiledMapping, customers: Accounts) -> Target:
        settings = self._ports.settings
        id_property, id_chars_max = settings.customer_id_property, settings.customer_id_chars_max
        return Target(settings.books, id_property, id_chars_max, customers, mapping)

    async def _each(self, tasks: Iterable[Task], step: Callable[[Task], Awaitable[None]]) -> None:
        """One step of every task, a few at once; an error ends its task."""
        limit = asyncio.Semaphore(CONCURRENCY_MAX)

        async def guarded(task: Task) -> None:
            async with limit:
                with failing([task]):
                    await step(task)

        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(guarded(task))

    async def _claim_and_fetch(
        self, entity: Entity, task: Task, writer: Writer, context: Context
    ) -> None:
        held = task.held = await self._links.claim(task.id, writer.owner)
        resolutions.respect(held.resolution)
        fetched = await snapshots.fetch(
            self._ports.stripe,
            entity,
            task.id,
            context,
            links=dict(held.links),
            intents=dict(held.intents),
            choices=dict(held.choices),
            companies=task.companies,
            was_settled=held.settled,
        )
        task.snapshot = await self._origins.read(fetched, context)

    def _build(self, entity: Entity, tasks: Sequence[Task], context: Context) -> None:
        for task in tasks:
            if task.going and task.snapshot is not None and task.held is not None:
                with failing([task]):
                    task.desired = entity.build(task.snapshot, context)
                    unwanted(task.desired.documents, task.held.links)
                    task.pending = task.desired.documents

    async def _masters(self, tasks: Sequence[Task], writer: Writer) -> dict[tuple[str, str], str]:
        """Customer found by (customer, company); missing ones are converged first, inline.

        A customer deleted in Stripe that was never written has no master data any more: its lines
        go to the one-time customer.
        """
        needed = dict.fromkeys(ref for task in tasks if task.going for ref in task.desired.masters)
        found: dict[tuple[str, str], str] = {}
        errors: dict[Ref, Exception] = {}
        missing: dict[str, list[str]] = {}
        for ref in needed:
            account = await self._account(ref, errors)
            if account is not None:
                found[ref.id, ref.company] = account
            elif ref not in errors:
                missing.setdefault(ref.id, []).append(ref.company)
        if missing:
            wanted = {id: tuple(companies) for id, companies in missing.items()}
            verdicts = await self.run("customer", wanted, writer)
            for ref in needed:
                if ref.id in missing and ref.company in missing[ref.id]:
                    try:
                        await self._after_inline(ref, verdicts[ref.id], found, errors)
                    except Exception as error:
                        errors[ref] = error
        for task in tasks:
            for ref in task.desired.masters:
                if ref in errors:
                    task.fail(errors[ref])
        return found

    async def _account(self, ref: Ref, errors: dict[Ref, Exception]) -> str | None:
        try:
            links = await self._links.links(ref.id)
            link: Link | None = links.get(role_of(ref.company))
            return None if link is None else str(link.keys["CustomerAccount"])
        except Exception as error:
            errors[ref] = error
            return None

    async def _after_inline(
        self,
        ref: Ref,
        verdict: Verdict,
        found: dict[tuple[str, str], str],
        errors: dict[Ref, Exception],
    ) -> None:
        if verdict.kind is Kind.SKIP and verdict.cause != RESOLVED_CAUSE:
            company = self._ports.settings.books.companies[ref.company]
            found[ref.id, ref.company] = company.one_time_customer
            return
        account = await self._account(ref, errors)
        if account is not None:
            found[ref.id, ref.company] = account
        elif ref not in errors:
            errors[ref] = resolutions.no_account(ref, verdict)

    async def _drafts(self, tasks: Sequence[Task]) -> None:
        """Which lines may be spelled anew; without an answer nothing of them is."""
        wanted = [task for task in tasks if task.going and task.reapply]
        await _together(wanted, partial(find_drafts, self._ports.dynamics))

    async def _apply(self, tasks: Sequence[Task], target: Target, writer: Writer) -> None:
        """Plan and write, phase by phase, what has all it needs; then settle every claim."""
        ports = self._ports
        settings = ports.settings
        journals = Journals(ports.tables, ports.dynamics, ports.clock, ports.chance, settings)
        applier = Applier(ports.dynamics, journals, self._links, ports.clock, settings)
        for phase in range(PHASES_MAX + 1):
            self._plan(tasks, target)
            going = [task for task in tasks if task.going and not task.plan.is_empty]
            if not going:
                break
            if phase < PHASES_MAX:
                await self._write(going, applier, writer, target.customers)
                continue
            for task in going:
                text = f"{task.id} is not written whole after {PHASES_MAX} phases"
                task.fail(limit_reached(f"{text}; what is written stays"))
        await applier.leave(writer)
        held = [task for task in tasks if task.held is not None]
        await self._each(held, lambda task: self._settle(task, applier))

    def _plan(self, tasks: Sequence[Task], target: Target) -> None:
        now = self._ports.clock.now()
        for task in tasks:
            with failing([task]):
                if task.going:
                    plan_phase(task, target, now)

    async def _write(
        self, going: Sequence[Task], applier: Applier, writer: Writer, customers: Accounts
    ) -> None:
        """One phase. Each step fails the tasks that it concerns, and what is written stays so."""
        ports = self._ports
        with failing(going):
            await looking.look(ports.dynamics, going)
        with failing(going):
            await checking.check(ports.dynamics, ports.tables, going)
        moving = [task for task in going if task.apart]
        await _one_by_one(moving, partial(plan_moves, ports.dynamics, ports.tables))
        with failing(going):
            await asking.expect(ports.dynamics, going)
        await applier.apply(going, writer)
        with failing([task for task in going if not task.going]):
            await accounts.explain(ports.dynamics, going, customers)

    async def _settle(self, task: Task, applier: Applier) -> None:
        held = task.held
        if held is None:
            return
        if task.going and task.desired.listed is not None:
            now = self._ports.clock.now()
            with failing([task]):  # not settled, but what is written is linked
                await receipts.note(self._ports.tables, task.id, task.desired.listed, now)
        whole = task.going and task.desired.unfinished is None
        complete = task.desired.documents if whole else None
        open_intents = applier.still_open(task)
        if task.new_links or task.over or open_intents or (whole and not held.settled):
            await self._links.settle(held, task.new_links, task.over, open_intents, complete)
        else:
            await self._links.release(held)

    async def _follow_up(self, tasks: Sequence[Task]) -> None:
        """Hand on what other objects have to do: their transactions, a durable flow.

        Money does not wait for a commercial document that could not be written.
        """

        async def hand_on(some: Sequence[Task]) -> None:
            await self._dispatch.enqueue([ref for task in some for ref in task.desired.money])
            await self._dispatch.again([each for task in some for each in task.desired.again])

        await _together(
            [task for task in tasks if task.desired.money or task.desired.again], hand_on
        )

        async def start(task: Task) -> None:
            for flow in task.desired.flows:
                if task.snapshot is not None:
                    now = self._ports.clock.now()
                    await tie_outs.expect(self._ports.tables, task.snapshot.object, now)
                await self._ports.flows.start(flow.name, flow.instance, dict(flow.input))

        await self._each([task for task in tasks if task.going], start)
