"""What is examined, and how a finding is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.dynamics import DynamicsPeer
from local.servicebus import Broker
from local.simulation.history import History
from local.simulation.observers import JournalWatch, LetterWatch, QueueWatch
from local.simulation.oracle import SECOND
from local.stripe import StripePeer
from local.tables import MemoryTables
from shared.ports import Clock

SHOWN_MAX = 5  # findings named in one violation


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be. `invariant` is a closed word."""

    invariant: str
    text: str


@dataclass(frozen=True, slots=True)
class JudgedWorld:
    """The parts that are examined. `second`: the second Stripe account. `given`: what the broker
    was ever given; `letters`: how long it keeps what it gave up; `journals`: who wrote to which.
    `fees_accrue`: fees wait for Stripe's tax document."""

    stripe: StripePeer
    dynamics: DynamicsPeer
    broker: Broker
    tables: MemoryTables
    given: QueueWatch
    letters: LetterWatch
    journals: JournalWatch
    history: History
    overlap_hours: int
    clock: Clock
    retention_days: int
    time_zone: str
    orders: bool = False
    fees_accrue: bool = False
    second: StripePeer | None = None

    @property
    def peers(self) -> dict[str, StripePeer]:
        """The Stripe accounts by alias."""
        return {"default": self.stripe} | ({SECOND: self.second} if self.second else {})

    def all_objects(self, kind: str) -> list[dict[str, Any]]:
        """The objects of a kind of all Stripe accounts."""
        return [found for peer in self.peers.values() for found in peer.objects(kind)]

    @property
    def purged_before(self) -> datetime:
        """Of what is older the app may have forgotten that it is done."""
        return self.clock.now() - timedelta(days=self.retention_days)


def listed(invariant: str, findings: Sequence[str]) -> list[Violation]:
    """One violation that names the first findings, or none."""
    if not findings:
        return []
    more = f" and {len(findings) - SHOWN_MAX} more" if len(findings) > SHOWN_MAX else ""
    return [Violation(invariant, "; ".join(findings[:SHOWN_MAX]) + more)]
