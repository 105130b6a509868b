"""Converge: make Dynamics hold what it should hold for a batch of Stripe objects.

claim -> fetch the current state -> desired documents -> difference -> look -> announce -> write ->
settle. An event is only a hint that an object may have changed; doing this twice does nothing the
second time. Every error ends one object, not the batch, and becomes its outcome by its type.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType

from shared.converge import accounts, queries, recovery, snapshots, verification
from shared.converge.dispatch import Dispatch
from shared.converge.drafts import find_drafts
from shared.converge.isolation import plan_moves
from shared.converge.origins import Origins
from shared.converge.phases import PHASES_MAX, plan_phase
from shared.converge.plan import unwanted
from shared.converge.task import Task, failing, task_for
from shared.converge.writing import Applier
from shared.domain.records import Link, Ref
from shared.entities.common.objects import Context
from shared.entities.customer import role_of
from shared.entities.entity import Entity
from shared.errors import TieoutError, limit_reached
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target
from shared.outcomes import RESOLVED_CAUSE, Kind, Outcome, outcome_of
from shared.ports import (
    Clock,
    DynamicsGateway,
    Flows,
    Queue,
    Random,
    StripeGateway,
    Tables,
)
from shared.registry import Registry
from shared.settings import Settings
from shared.stores import receipts, resolutions, tie_outs
from shared.stores.journals import Journals, Writer
from shared.stores.links import LinkStore
from shared.stores.mappings import Mappings

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
    rng: Random
    settings: Settings
    mappings: Mappings
    registry: Registry

    def links(self) -> LinkStore:
        """The store of what was written, for the documents of the registry."""
        lease_seconds = self.settings.lease_seconds
        return LinkStore(self.tables, self.clock, lease_seconds, self.registry.codec)


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
    except recovery.NO_ANSWER as error:
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
            except recovery.NO_ANSWER as error:
                for each in tasks[at:]:
                    each.fail(error)
                return


class Converge:
    """The one way in which anything is written to Dynamics."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        settings = ports.settings
        self._links = ports.links()
        lease_seconds = settings.lease_seconds
        self._origins = Origins(ports.tables, self._links, ports.clock, lease_seconds)
        self._dispatch = Dispatch(self._links, ports.queue, ports.clock, settings, ports.registry)

    async def run(
        self,
        entity_name: str,
        wanted: Mapping[str, tuple[str, ...]],
        writer: Writer,
        asked: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> dict[str, Outcome]:
        """Converge objects of one entity: ids, and for master data the companies that need them.

        `asked`: what else is to be done with an object, by item types (`item.VERIFY`...).
        Returns one outcome an id; raises nothing of its own.
        """
        entity = self._ports.registry.named(entity_name)
        tasks = [task_for(id, found, asked.get(id, ())) for id, found in wanted.items()]
        try:
            mapping = await self._ports.mappings.active()
        except TieoutError as error:
            return dict.fromkeys(wanted, outcome_of(error))
        context = context_of(self._ports.settings, mapping, self._ports.clock.now())
        await self._each(tasks, lambda task: self._claim_and_fetch(entity, task, writer, context))
        with failing(tasks):
            await queries.queries_of(self._ports.dynamics, entity, tasks, context)
        self._build(entity, tasks, context)
        await self._each(tasks, lambda task: accounts.reserve(self._ports.tables, task))
        customers = await self._masters(tasks, writer)
        await self._drafts(tasks)
        await self._each(tasks, lambda task: self._origins.note(task, mapping.sha256))
        await self._apply(tasks, self._target(mapping, customers), writer)
        await self._each(tasks, lambda task: accounts.note(self._ports.stripe, task, context))
        await self._follow_up(tasks)
        return {task.id: task.outcome() for task in tasks}

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
        claim = task.claim = await self._links.claim(task.id, writer.owner)
        resolutions.respect(claim.resolution)
        fetched = await snapshots.fetch(
            self._ports.stripe,
            entity,
            task.id,
            context,
            links=dict(claim.links),
            intents=dict(claim.intents),
            choices=dict(claim.choices),
            companies=task.companies,
            was_settled=claim.settled,
        )
        task.snapshot = await self._origins.read(fetched, context)

    def _build(self, entity: Entity, tasks: Sequence[Task], context: Context) -> None:
        for task in tasks:
            if task.going and task.snapshot is not None and task.claim is not None:
                with failing([task]):
                    task.desired = entity.build(task.snapshot, context)
                    unwanted(task.desired.documents, task.claim.links)
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
            outcomes = await self.run("customer", wanted, writer)
            for ref in needed:
                if ref.id in missing and ref.company in missing[ref.id]:
                    try:
                        await self._after_inline(ref, outcomes[ref.id], found, errors)
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
        outcome: Outcome,
        found: dict[tuple[str, str], str],
        errors: dict[Ref, Exception],
    ) -> None:
        if outcome.kind is Kind.SKIP and outcome.cause != RESOLVED_CAUSE:
            company = self._ports.settings.books.companies[ref.company]
            found[ref.id, ref.company] = company.one_time_customer
            return
        account = await self._account(ref, errors)
        if account is not None:
            found[ref.id, ref.company] = account
        elif ref not in errors:
            errors[ref] = resolutions.no_account(ref, outcome)

    async def _drafts(self, tasks: Sequence[Task]) -> None:
        """Which lines may be rendered again; without an answer nothing of them is."""
        wanted = [task for task in tasks if task.going and task.reapply]
        await _together(wanted, partial(find_drafts, self._ports.dynamics))

    async def _apply(self, tasks: Sequence[Task], target: Target, writer: Writer) -> None:
        """Plan and write, phase by phase, what has all it needs; then settle every claim."""
        ports = self._ports
        settings = ports.settings
        journals = Journals(ports.tables, ports.dynamics, ports.clock, ports.rng, settings)
        sets = ports.registry.entity_sets
        applier = Applier(ports.dynamics, journals, self._links, ports.clock, settings, sets)
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
        claim = [task for task in tasks if task.claim is not None]
        await self._each(claim, lambda task: self._settle(task, applier))

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
        ports, sets = self._ports, self._ports.registry.entity_sets
        with failing(going):
            await recovery.recover(ports.dynamics, going, sets)
        with failing(going):
            await verification.verify(ports.dynamics, ports.tables, going, sets)
        moving = [task for task in going if task.isolation]
        await _one_by_one(moving, partial(plan_moves, ports.dynamics, ports.tables))
        with failing(going):
            await queries.expect(ports.dynamics, going)
        await applier.apply(going, writer)
        with failing([task for task in going if not task.going]):
            await accounts.explain(ports.dynamics, going, customers)

    async def _settle(self, task: Task, applier: Applier) -> None:
        claim = task.claim
        if claim is None:
            return
        if task.going and task.desired.listed is not None:
            now = self._ports.clock.now()
            with failing([task]):  # not settled, but what is written is linked
                await receipts.note(self._ports.tables, task.id, task.desired.listed, now)
        whole = task.going and task.desired.unfinished is None
        complete = task.desired.documents if whole else None
        open_intents = applier.still_open(task)
        if task.new_links or task.over or open_intents or (whole and not claim.settled):
            await self._links.settle(claim, task.new_links, task.over, open_intents, complete)
        else:
            await self._links.release(claim)

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
