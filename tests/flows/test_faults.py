"""Small months under faults: nothing twice, nothing missing, every difference zero."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from local.dynamics import DynamicsFaults, DynamicsSettings
from local.stripe import StripeFaults
from local.world import World
from tests.flows.month import DELIVERY, all_is_well, month, options
from tests.world import (
    MINUTE,
    live,
)

FAULTS: dict[str, tuple[Sequence[str], DynamicsFaults, StripeFaults]] = {
    "answers lost after the work is done": (
        ("error_after_commit",),
        DynamicsFaults(error_after_commit=0.2),
        StripeFaults(delivery=DELIVERY),
    ),
    "work done long after the answer is lost": (
        ("late_commit",),
        DynamicsFaults(late_commit=0.15, late_commit_seconds=90, error_after_commit=0.1),
        StripeFaults(delivery=DELIVERY),
    ),
    "batches cut in the middle": (
        ("drop_mid_batch", "truncate_batch"),
        DynamicsFaults(drop_mid_batch=0.15, truncate_batch=0.15),
        StripeFaults(delivery=DELIVERY),
    ),
    "a vendor that is busy": (
        ("throttle", "server_error", "html_error", "timeout_before_commit"),
        DynamicsFaults(
            throttle=0.1, server_error=0.05, html_error=0.05, timeout_before_commit=0.05
        ),
        StripeFaults(rate_limit=0.1, server_error=0.05, latency_seconds=3, delivery=DELIVERY),
    ),
    "all of it": (
        ("throttle", "error_after_commit"),
        DynamicsFaults(
            latency_seconds=(0.1, 8.0),
            throttle=0.05,
            server_error=0.03,
            error_after_commit=0.1,
            late_commit=0.03,
            drop_mid_batch=0.05,
            truncate_batch=0.05,
        ),
        StripeFaults(rate_limit=0.05, server_error=0.02, timeout=0.02, delivery=DELIVERY),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_month_under_faults_ends_whole_and_single(name: str) -> None:
    met, dynamics, stripe = FAULTS[name]

    async def story(world: World) -> None:
        await month(world)
        for fault in met:
            assert world.dynamics.requests[f"fault_{fault}"] > 0
        await all_is_well(world)

    live(story, options(1, dynamics, stripe))


@pytest.mark.parametrize("seed", [2, 4])
def test_a_posting_job_that_comes_every_minute_stops_nothing(seed: int) -> None:
    async def story(world: World) -> None:
        await month(world)
        await all_is_well(world)
        assert [result.reasons for result in world.dynamics.infolog() if result.reasons] == []

    given = options(seed, DynamicsFaults(error_after_commit=0.2), StripeFaults(delivery=DELIVERY))
    live(story, replace(given, dynamics=DynamicsSettings(post_interval_seconds=MINUTE)))
