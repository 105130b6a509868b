"""Converge: make Dynamics hold what it should hold for a batch of Stripe objects.

claim -> read -> decide -> plan -> write -> record, a module a stage (`stages.py` has the values
between them). An event is only a hint that an object may have changed; doing this twice does
nothing the second time. Every error ends one object, not the batch, and becomes its outcome by its
type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from shared import telemetry
from shared.converge.active_rules import ActiveRules, target_of
from shared.converge.commands import Commands
from shared.converge.deciding import Decider
from shared.converge.masters import Masters
from shared.converge.reading import Reader
from shared.converge.recording import Recorder
from shared.converge.stages import WantedObject, each, onward, onward_each
from shared.errors import TieoutError
from shared.outcomes import Outcome, outcome_of
from shared.stores.item import ItemKind
from shared.stores.journals import Writer


@dataclass(frozen=True, slots=True)
class Converge:
    """The one way in which anything is written to Dynamics."""

    rules: ActiveRules
    reader: Reader
    decider: Decider
    commands: Commands
    recorder: Recorder

    async def run(
        self,
        entity_name: str,
        wanted: Mapping[str, tuple[str, ...]],
        writer: Writer,
        kind: ItemKind = ItemKind.CONVERGE,
    ) -> dict[str, Outcome]:
        """Converge objects of one entity: ids, and for master data the companies that need them.

        `kind`: what is asked of all of them. Returns one outcome an id; raises nothing of its own.
        """
        with telemetry.span("converge", entity=entity_name, objects=tuple(wanted)):
            return await self._run(entity_name, wanted, writer, kind)

    async def _run(
        self,
        entity_name: str,
        wanted: Mapping[str, tuple[str, ...]],
        writer: Writer,
        kind: ItemKind,
    ) -> dict[str, Outcome]:
        entity, reader, settings = self.rules.entity(entity_name), self.reader, self.rules.settings
        try:
            mapping, context = await self.rules.active()
        except TieoutError as error:
            return dict.fromkeys(wanted, outcome_of(error))
        objects = [WantedObject(id, companies) for id, companies in wanted.items()]
        claimed = await each(objects, partial(reader.claim, writer.owner))
        read = await onward_each(claimed, partial(reader.read, entity, context))
        decided = await onward(read, partial(self.decider.decide, entity, context))
        masters = Masters(
            reader.links,
            context.books,
            lambda customers: self.run("customer", customers, writer),
        )
        ready = await onward(decided, masters.find)
        noted = await onward_each(ready, partial(reader.origins.note, mapping.sha256))
        target = target_of(settings, mapping, masters.accounts)
        written = await onward(noted, partial(self.commands.run, kind, target, writer))
        listed = await each(written, reader.disputes.note)
        recorded = await self.recorder.record(listed, context)
        return {result.id: result.outcome for result in recorded}
