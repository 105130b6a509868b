"""The progress of a backfill is that of its flow, not only of what was noted last."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from shared.errors import FlowsUnavailable
from shared.ports import Json
from tests.unit.services.fakes import rig


@dataclass
class Flows:
    """Flows of which the test says how they are."""

    state: str | None = None
    refuses: bool = False
    started: list[str] = field(default_factory=list)

    async def start(self, name: str, instance: str, input: Json) -> None:
        del name, input
        if self.refuses:
            raise FlowsUnavailable("the task hub does not answer")
        self.started.append(instance)
        self.state = "Pending"

    async def status(self, instance: str) -> str | None:
        del instance
        return self.state

    async def poke(self, instance: str) -> None:
        raise AssertionError(f"nobody pokes {instance} from here")

    async def purge(self, since: datetime, until: datetime) -> int:
        raise AssertionError(f"nobody purges {since} to {until} from here")


async def test_a_backfill_whose_flow_cannot_be_started_is_stopped_and_starts_again() -> None:
    flows = Flows(refuses=True)
    backfill = replace(rig().app, flows=None).backfill(flows)
    with pytest.raises(FlowsUnavailable):
        await backfill.start(30)
    assert (await backfill.progress())["status"] == "stopped"
    flows.refuses = False
    assert (await backfill.start(30))["status"] == "running"
    assert (await backfill.progress())["status"] == "running"
    assert flows.started == ["backfill"]


@pytest.mark.parametrize("state", ["Failed", "Terminated", "Canceled", None])
async def test_a_backfill_whose_flow_gave_up_is_stopped_and_starts_again(state: str | None) -> None:
    flows = Flows()
    backfill = replace(rig().app, flows=None).backfill(flows)
    await backfill.start(30)
    flows.state = state
    assert (await backfill.progress())["status"] == "stopped"
    await backfill.start(30)
    assert flows.started == ["backfill", "backfill"]


@pytest.mark.parametrize("state", ["Pending", "Running", "ContinuedAsNew"])
async def test_a_backfill_that_is_under_way_is_not_started_twice(state: str) -> None:
    flows = Flows()
    backfill = replace(rig().app, flows=None).backfill(flows)
    await backfill.start(30)
    flows.state = state
    assert (await backfill.start(60))["status"] == "running"
    assert flows.started == ["backfill"]


async def test_a_backfill_that_ends_while_it_is_asked_for_is_done() -> None:
    class Ending(Flows):
        async def status(self, instance: str) -> str | None:
            del instance
            await backfill.page({"since": 0, "cursor": "", "seen": 0, "sent": 0})
            return "Completed"

    backfill = replace(rig().app, flows=None).backfill(Ending())
    await backfill.start(30)
    assert (await backfill.progress())["status"] == "done"
