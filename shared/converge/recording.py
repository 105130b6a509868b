"""The last stages: record what was written, release the claim, hand on what others have to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.converge import accounts, measures
from shared.converge.dispatch import Dispatch
from shared.converge.ports import Ports
from shared.converge.steps import each, together
from shared.converge.task import Task, failing
from shared.converge.writing import Applier
from shared.entities.common.objects import Context
from shared.stores import receipts, tie_outs
from shared.stores.journals import Journals
from shared.stores.links import LinkStore


@dataclass(frozen=True, slots=True)
class Recorder:
    """Settles the claims of tasks after the writes of an applier, and hands on."""

    ports: Ports
    links: LinkStore
    dispatch: Dispatch
    applier: Applier

    @classmethod
    def of(cls, ports: Ports, links: LinkStore) -> "Recorder":
        """A recorder for one run, and its applier."""
        clock, settings, registry = ports.clock, ports.settings, ports.registry
        journals = Journals(ports.tables, ports.dynamics, clock, ports.rng, settings)
        applier = Applier(ports.dynamics, journals, links, clock, settings, registry.entity_sets)
        dispatch = Dispatch(links, ports.queue, clock, settings, registry)
        return cls(ports, links, dispatch, applier)

    async def record(self, tasks: Sequence[Task], context: Context) -> None:
        """Settle what is claimed, note new accounts at Stripe, hand on what others have to do."""
        await each([task for task in tasks if task.claim is not None], self._settle)
        await measures.note_unposted(self.ports.tables, self.ports.clock, tasks)
        await each(tasks, lambda task: accounts.note(self.ports.stripe, task, context))
        await self._hand_on(tasks)

    async def _settle(self, task: Task) -> None:
        """Store the links that were made, and release the claim."""
        claim = task.claim
        if claim is None:
            return
        if task.going and task.desired.listed is not None:
            now = self.ports.clock.now()
            with failing([task]):  # not settled, but what is written is linked
                await receipts.note(self.ports.tables, task.id, task.desired.listed, now)
        whole = task.going and task.desired.unfinished is None
        complete = task.desired.documents if whole else None
        open_intents = self.applier.still_open(task)
        if task.new_links or task.over or open_intents or (whole and not claim.settled):
            await self.links.settle(claim, task.new_links, task.over, open_intents, complete)
            if complete is not None and not claim.settled:
                measures.written(task)
        else:
            await self.links.release(claim)

    async def _hand_on(self, tasks: Sequence[Task]) -> None:
        """Hand on what other objects have to do: their transactions, a durable flow.

        Money does not wait for a commercial document that could not be written.
        """
        leading = [task for task in tasks if task.desired.money or task.desired.again]
        await together(leading, self._enqueue)
        await each([task for task in tasks if task.going], self._start)

    async def _enqueue(self, tasks: Sequence[Task]) -> None:
        await self.dispatch.enqueue([ref for task in tasks for ref in task.desired.money])
        await self.dispatch.again([again for task in tasks for again in task.desired.again])

    async def _start(self, task: Task) -> None:
        for flow in task.desired.flows:
            if task.snapshot is not None:
                now = self.ports.clock.now()
                await tie_outs.expect(self.ports.tables, task.snapshot.object, now)
            await self.ports.flows.start(flow.name, flow.instance, dict(flow.input))
