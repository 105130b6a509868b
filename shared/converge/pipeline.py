"""Converge: make Dynamics hold what it should hold for a batch of Stripe objects.

claim -> read -> decide -> plan -> write -> record, a module a stage. An event is only a hint that
an object may have changed; doing this twice does nothing the second time. Every error ends one
object, not the batch, and becomes its outcome by its type.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from shared import telemetry
from shared.converge.applying import Phases
from shared.converge.deciding import choose_drafts, context_of, decide, target_of
from shared.converge.masters import Masters
from shared.converge.ports import Ports
from shared.converge.reading import Reader
from shared.converge.recording import Recorder
from shared.converge.steps import each
from shared.converge.task import task_for
from shared.errors import TieoutError
from shared.outcomes import Outcome, outcome_of
from shared.stores.journals import Writer


class Converge:
    """The one way in which anything is written to Dynamics."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._reader = Reader.of(ports)

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
        with telemetry.span("converge", entity=entity_name, objects=tuple(wanted)):
            return await self._run(entity_name, wanted, writer, asked)

    async def _run(
        self,
        entity_name: str,
        wanted: Mapping[str, tuple[str, ...]],
        writer: Writer,
        asked: Mapping[str, Collection[str]],
    ) -> dict[str, Outcome]:
        ports, reader = self._ports, self._reader
        entity = ports.registry.named(entity_name)
        tasks = [task_for(id, found, asked.get(id, ())) for id, found in wanted.items()]
        try:
            mapping = await ports.mappings.active()
        except TieoutError as error:
            return dict.fromkeys(wanted, outcome_of(error))
        context = context_of(ports.settings, mapping, ports.clock.now())
        owner = writer.owner
        await each(tasks, lambda task: reader.claim_and_read(entity, task, owner, context))
        await decide(ports, entity, tasks, context)
        masters = Masters(
            reader.links,
            ports.settings.books,
            lambda customers: self.run("customer", customers, writer),
        )
        customers = await masters.find(tasks)
        await choose_drafts(ports, tasks)
        await each(tasks, lambda task: reader.origins.note(task, mapping.sha256))
        recorder = Recorder.of(ports, reader.links)
        target = target_of(ports.settings, mapping, customers)
        await Phases(ports, recorder.applier, target, writer).run(tasks)
        await recorder.record(tasks, context)
        return {task.id: task.outcome() for task in tasks}
