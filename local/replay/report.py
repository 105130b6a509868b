"""The report of a replay: what became of events and objects, as figures and as an exit code."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local.replay.exported import Exported
from local.replay.inventory import Inventory
from local.replay.missing import Told
from local.replay.trace import Trace
from local.summary import TIED, Summary
from shared.outcomes import Kind

NOT_LISTED = "not listed"  # a payout whose transactions the files do not list
CLEAN, FAULTY, INCOMPLETE = 0, 1, 3  # exit codes; 2: nothing to replay


@dataclass(frozen=True, slots=True)
class ModeReport:
    """The replay of one mode: its events, and what no event led to."""

    livemode: bool
    traces: tuple[Trace, ...]
    summary: Summary
    unnamed: tuple[Mapping[str, Any], ...]
    told: Told

    @property
    def mode(self) -> str:
        """`live` or `test`."""
        return mode_name(self.told.exported)

    @property
    def is_clean(self) -> bool:
        """No event was refused, nothing is parked, every gap is zero, every payout whose members
        are known is tied out."""
        untied = [each for each in self.summary.payouts if each["status"] not in (TIED, NOT_LISTED)]
        refused = any(each.outcome == "refused" for each in self.traces)
        return not (untied or refused or self.summary.parked or any(self.summary.gaps))

    @property
    def waits(self) -> bool:
        """Whether something waits for what the files do not hold."""
        return any(each.kind == Kind.WAITING.value for each in self.summary.listed)


@dataclass(frozen=True, slots=True)
class Replay:
    """The report of a replay: one part for each mode that the files hold."""

    exported: Exported
    parts: tuple[ModeReport, ...]
    inventory: Inventory

    @property
    def is_clean(self) -> bool:
        """Every part of every file was understood, nothing is parked, every gap is zero."""
        return not self.exported.problems and all(part.is_clean for part in self.parts)

    @property
    def exit_code(self) -> int:
        """0; 1: something is wrong; 3: nothing is, but something waits or is missing."""
        if not self.is_clean:
            return FAULTY
        is_whole = not self.inventory.missing and not any(part.waits for part in self.parts)
        return CLEAN if is_whole else INCOMPLETE

    def figures(self) -> dict[str, Any]:
        """The whole report as JSON. `proof` and `summary` are those of the first part; `modes`
        has all. `records`: each record of Dynamics once, with the events that led to it."""
        return {
            "files": self.exported.files,
            "problems": [asdict(problem) for problem in self.exported.problems],
            "events": [
                {**_without_way(each), "livemode": part.livemode}
                for part in self.parts
                for each in part.traces
            ],
            "records": [record for part in self.parts for record in _records(part)],
            "records_without_event": [record for part in self.parts for record in part.unnamed],
            "proof": self.parts[0].summary.proof,
            "summary": self.parts[0].summary.figures(),
            "modes": {part.mode: part.summary.figures() for part in self.parts},
            "inventory": self.inventory.figures(),
            "exit_code": self.exit_code,
        }


def mode_name(exported: Exported) -> str:
    """`live` or `test`."""
    return "live" if exported.livemode else "test"


def _without_way(each: Trace) -> dict[str, Any]:
    return {name: value for name, value in asdict(each).items() if name != "delivered_as"}


def _records(part: ModeReport) -> list[dict[str, Any]]:
    """Every record of a part once, with the ids of the events that led to it."""
    found: dict[str, dict[str, Any]] = {}
    for each in part.traces:
        for record in each.records:
            name = identity(record)
            known = found.setdefault(name, {**record, "livemode": part.livemode, "events": []})
            if each.id not in known["events"]:
                known["events"].append(each.id)
    for record in part.unnamed:
        found[identity(record)] = {**record, "livemode": part.livemode, "events": []}
    return list(found.values())


def identity(record: Mapping[str, Any]) -> str:
    """What tells a record of Dynamics from all others."""
    return repr((record["entity_set"], record["key"]))
