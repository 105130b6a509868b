"""The queues' side: batches of work, sweeps that find what events missed, backfills."""

from shared.services.work.account_sweeps import AccountSweeps
from shared.services.work.backfill import Backfill, looked_at
from shared.services.work.dead_letters import DeadLetters
from shared.services.work.sweep import Sweep, next_look_at
from shared.services.work.work import Received, Work

__all__ = (
    "AccountSweeps",
    "Backfill",
    "DeadLetters",
    "Received",
    "Sweep",
    "Work",
    "looked_at",
    "next_look_at",
)
