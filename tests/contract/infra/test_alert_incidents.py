"""Each alert over telemetry captured from the product: it fires on a small incident of its kind,
lived in the embedded world, and stays silent over some healthy days.

Azure would look at an alert again and again; so does `ever_fired`, as often as the rule says, and
every two hours where a window is days long. The healthy stretch, four days from a Thursday, is
lived once: no window is longer than two days, so a month repeats what these days show.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from local import demo
from local.clock import LoopClock
from local.loop import run_virtual
from local.shop import Shop
from local.world import Options, World, open_world
from tests.captured import DEAD_LETTERS, Capture, Captured
from tests.contract.infra.alert_rules import Alert, alerts, dead_letter_alert, duration
from tests.contract.infra.incidents import INCIDENTS, SELDOM, Story
from tests.world import START

ALERTS = alerts()
HEALTHY_DAYS = 4
A_DAY = timedelta(days=1)
type Fired = dict[str, list[tuple[Any, ...]]]


def lived(story: Story, options: Options) -> Captured:
    """What a world told while it lived a story."""

    async def main(clock: LoopClock) -> Captured:
        async with open_world(clock, options) as world:
            capture = Capture(world)
            await story(world)
            return capture.ended()

    return run_virtual(main, start=START)


def ever_fired(captured: Captured, without: Sequence[str] = ()) -> Fired:
    """For which values of its dimensions each alert fired at some look."""
    found = {name: _looks(alert, captured) for name, alert in ALERTS.items() if name not in without}
    found["dead-letters"] = _dead_letter_looks(captured)
    return {name: list(dict.fromkeys(keys)) for name, keys in found.items() if keys}


def _metrics_of(alert: Alert) -> list[str]:
    return re.findall(r'\bname == "([^"]+)"', alert.query)


def _looks(alert: Alert, captured: Captured) -> list[tuple[Any, ...]]:
    names = _metrics_of(alert)
    every = duration(alert.properties["evaluationFrequency"])
    window = alert.window
    if window > A_DAY and captured.until - captured.since > A_DAY:
        every = timedelta(hours=2)  # a look is dear, and a window holds many
    over_nothing: list[tuple[Any, ...]] | None = None  # most windows are empty
    fired: list[tuple[Any, ...]] = []
    for at in _moments(captured, every):
        tables = captured.tables(names, at, window)
        if any(tables.values()):
            fired += alert.fired(tables, at)
            continue
        if over_nothing is None:
            over_nothing = alert.fired({}, at)
        fired += over_nothing
    return fired


def _dead_letter_looks(captured: Captured) -> list[tuple[Any, ...]]:
    alert, fired = dead_letter_alert(), list[str]()
    assert alert.criterion["metricName"] == DEAD_LETTERS
    for at in _moments(captured, alert.every):
        if at - captured.since >= alert.window:
            depths = captured.dead_letters.items()
            fired += alert.fired({queue: t.window(at, alert.window) for queue, t in depths})
    return [(queue,) for queue in fired]


def _moments(captured: Captured, every: timedelta) -> list[datetime]:
    """When Azure looks; before its first timer a deployment has told nothing."""
    first = captured.since + timedelta(minutes=10)
    return [first + n * every for n in range(int((captured.until - first) / every) + 1)]


# --- a healthy stretch ----------------------------------------------------------------------


@pytest.fixture(scope="session")
def healthy() -> Captured:
    async def story(world: World) -> None:
        clock = cast("LoopClock", world.clock)
        await Shop(world.stripe, clock, 3).run(8, 30, HEALTHY_DAYS, lambda done: None)

    return lived(story, replace(demo.options(3), schedules={}))


def test_over_healthy_days_no_alert_fires(healthy: Captured) -> None:
    """With what ordinary days bring: duplicates, some 429s, lost answers, refunds, a payout."""
    assert ever_fired(healthy) == {}


# What nothing counts and no object waits for, as long as all is well.
TOLD_IN_TROUBLE = (
    *("tieout.parked.items", "tieout.parked.amount_minor"),
    *("tieout.webhook.refused", "tieout.fault.events"),
)


def test_the_healthy_days_tell_every_metric_that_an_alert_waits_for(healthy: Captured) -> None:
    """Else an alert is silent because its metric never comes."""
    asked = [name for alert in ALERTS.values() for name in _metrics_of(alert)]
    untold = [name for name in dict.fromkeys(asked) if name not in healthy.metrics]
    assert sorted(untold) == sorted(TOLD_IN_TROUBLE)


def test_every_alert_has_an_incident() -> None:
    named = {name for incident in INCIDENTS.values() for name in incident.fires}
    assert sorted(named) == sorted([*ALERTS, "dead-letters"])


@pytest.mark.parametrize("name", INCIDENTS)
def test_an_incident_fires_its_alert_and_no_other(name: str) -> None:
    incident = INCIDENTS[name]
    seldom = incident.options.schedules is SELDOM  # less often than the heartbeat wants
    captured = lived(incident.story, incident.options)
    fired = ever_fired(captured, without=["timer-heartbeat"] if seldom else [])
    assert fired == incident.fires
