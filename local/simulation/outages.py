"""What befalls everybody at once: systems that are away for a while, tokens that end."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from local.dynamics import DynamicsPeer
from local.simulation.faults import Injector
from local.simulation.timeline import Timeline
from shared.ports import Clock

MINUTE, HOUR = 60.0, 3_600.0
OUTAGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "queue": (1 * MINUTE, 20 * MINUTE),
        "table": (1 * MINUTE, 20 * MINUTE),
        "stripe": (5 * MINUTE, 3 * HOUR),
        "dynamics": (10 * MINUTE, 8 * HOUR),
    }
)
"""How long each system is away."""


STEP_SECONDS_MAX = 5 * HOUR


class Outages:
    """Tells which systems are away."""

    def __init__(self, clock: Clock, seed: int, injector: Injector, timeline: Timeline) -> None:
        self._clock = clock
        self._rng = random.Random(f"weather {seed}")  # noqa: S311 - a seeded world
        self._injector = injector
        self._timeline = timeline
        self._until: dict[str, datetime] = {}

    def is_away(self, system: str) -> bool:
        """Whether a system (a key of `OUTAGES`) does not answer now. In quiet times all do."""
        until = self._until.get(system)
        return until is not None and self._injector.is_active and self._clock.now() < until

    async def run(self, dynamics: DynamicsPeer) -> None:
        """Let it happen, one kind after the other, until cancelled."""
        while True:
            for system in OUTAGES:
                await self._clock.sleep(self._rng.uniform(0, STEP_SECONDS_MAX))
                if self._injector.strikes(f"{system}_outage"):
                    self._begin(system)
            await self._clock.sleep(self._rng.uniform(0, STEP_SECONDS_MAX))
            if self._injector.strikes("dynamics_token_revoked"):
                dynamics.tokens.revoke_all()

    def _begin(self, system: str) -> None:
        seconds = self._injector.size(f"{system}_outage", *OUTAGES[system])
        self._until[system] = self._clock.now() + timedelta(seconds=seconds)
        self._timeline.note("weather", f"{system} is away for {seconds:.0f} s")
