"""Who does what now, seen from outside the processes: what the judge cannot read from state."""

from collections.abc import Iterable, Sequence

from local.simulation.process import Process
from local.simulation.timeline import Timeline
from shared.ports import Message


class JournalWatch:
    """Who writes to which journal now. `shared`: journals two wrote to at once."""

    def __init__(self, timeline: Timeline) -> None:
        self.shared: list[str] = []
        self._timeline = timeline
        self._writers: dict[str, dict[int, Process]] = {}
        self._count = 0

    def enter(self, journals: Iterable[str], process: Process) -> int:
        """A process begins to write; returns the number to leave with."""
        self._count += 1
        for journal in journals:
            writers = self._writers.setdefault(journal, {})
            for other in writers.values():
                if other.moves:
                    self.shared.append(f"{journal} by {other.name} and {process.name}")
                    self._timeline.note("watch", f"two write to {self.shared[-1]}")
            writers[self._count] = process
        return self._count

    def leave(self, journals: Iterable[str], number: int) -> None:
        """It has its answer."""
        for journal in journals:
            del self._writers[journal][number]


class QueueWatch:
    """What the broker was ever given: `items` and `objects` by id. It keeps what it took."""

    def __init__(self) -> None:
        self.items: dict[str, None] = {}
        self.objects: dict[str, None] = {}

    def taken(self, messages: Sequence[Message]) -> None:
        """The broker holds these now."""
        for message in messages:
            self.items[str(message.body["id"])] = None
            self.objects[str(message.body["object"])] = None
