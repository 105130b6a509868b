"""Deterministic fault simulation: whole months of the real app, seeded, with everything failing.

One seed is one run, to the last port call. See docs/reliability.md.
"""

from local.simulation.command import main, rates_named
from local.simulation.run import SeedOutcome, simulate

__all__ = ["SeedOutcome", "main", "rates_named", "simulate"]
