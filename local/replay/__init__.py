"""Replay: exported Stripe JSON through the real app, with a report of what became of it.

`read` reads the files, `run` replays them. The other names are what a page about it shows.
"""

from local.replay.files import read
from local.replay.inventory import Inventory, Unused
from local.replay.missing import Missing
from local.replay.replay import run
from local.replay.report import NOT_LISTED, ModeReport, Replay, identity
from local.replay.words import noun

__all__ = [
    "NOT_LISTED",
    "Inventory",
    "Missing",
    "ModeReport",
    "Replay",
    "Unused",
    "identity",
    "noun",
    "read",
    "run",
]
