"""Runs what a request asks for: one operation, or the units of a batch, over (virtual) time."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.dynamics.odata.batch import Unit, UnitAnswer
from local.dynamics.odata.errors import Refusal
from local.dynamics.odata.service import RecordOperation, Service
from local.dynamics.odata.store import RecordStore
from local.dynamics.odata.wire import refused
from shared.ports import Clock


@dataclass(frozen=True, slots=True)
class Runner:
    """Executes units one after the other; each is a transaction of its own.

    A unit takes `seconds` between being understood and being committed. Whatever else is
    written to the same journal or order in that time makes it fail with an update conflict.
    """

    store: RecordStore
    service: Service
    clock: Clock

    async def run(
        self, units: Sequence[Unit], *, seconds: float, go_on: bool, meddle: bool = False
    ) -> list[UnitAnswer]:
        """The answers, up to and including the first failure unless `go_on`.

        `meddle`: another user writes to the journals and orders of each unit while it runs.
        """
        answers = []
        for unit in units:
            answer = await self._unit(unit, seconds / len(units), meddle=meddle)
            answers.append(answer)
            if answer.failed and not go_on:
                break
        return answers

    async def _unit(self, unit: Unit, seconds: float, *, meddle: bool) -> UnitAnswer:
        try:
            operations = [self.service.prepare(p.request, p.request.path) for p in unit.parts]
            await self.clock.sleep(seconds)
            if meddle:
                self._meddle(operations)
            with self.store.transaction():
                self.service.check_conflict(operations)
                responses = tuple([self.service.execute(operation) for operation in operations])
        except Refusal as refusal:
            responses = (refused(refusal),)
        return UnitAnswer(unit, responses)

    def _meddle(self, operations: Sequence[RecordOperation]) -> None:
        for operation in operations:
            for header, _ in operation.headers:
                self.store.update(header, {})
