"""Who does what now, seen from outside the processes: what the judge cannot read from state."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from local.servicebus import DEAD_LETTER_SUFFIX, Broker
from local.simulation.process import Process
from local.simulation.timeline import Timeline
from shared.ports import Clock, Message

LETTERS_STAY_MAX = timedelta(hours=36)  # more than a dozen drains


class JournalWatch:
    """Who writes to which journal now. `shared`: journals two wrote to at once; `written`: all that
    anybody ever wrote to, as company and batch; `taken_apart`: lines that left a journal for
    another one though the posting job did not pass it over."""

    def __init__(self, timeline: Timeline, may_leave: Callable[[str, str, str], bool]) -> None:
        self.shared: list[str] = []
        self.taken_apart: list[str] = []
        self._may_leave = may_leave
        self.written: dict[str, None] = {}
        self._timeline = timeline
        self._writers: dict[str, dict[int, Process]] = {}
        self._count = 0

    def enter(self, journals: Iterable[str], process: Process) -> int:
        """A process begins to write; returns the number to leave with."""
        self._count += 1
        for journal in journals:
            self.written[journal] = None
            writers = self._writers.setdefault(journal, {})
            for other in writers.values():
                if other.moves:
                    self.shared.append(f"{journal} by {other.name} and {process.name}")
                    self._timeline.note("watch", f"two write to {self.shared[-1]}")
            writers[self._count] = process
        return self._count

    def moved(self, entity_set: str, company: str, batch: str, key: str) -> None:
        """A line is about to leave a journal for another one."""
        if not self._may_leave(entity_set, company, batch):
            self.taken_apart.append(f"{key} leaves {company} {batch}")

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


class LetterWatch:
    """How long dead letters stay once faults have stopped (`is_on`): a drain that its store fails
    leaves them to the next one. `look` notes those that are there now."""

    def __init__(self, clock: Clock) -> None:
        self.is_on = False
        self._clock = clock
        self._since: dict[tuple[str, int], datetime] = {}

    def look(self, broker: Broker) -> None:
        """Note what is there; what left is forgotten."""
        now = self._clock.now()
        there = {
            (queue.name, letter.sequence_number): None
            for queue in broker.queues
            for letter in broker.peek(queue.name + DEAD_LETTER_SUFFIX)
        }
        self._since = {key: self._since.get(key, now) for key in there}

    def left(self, broker: Broker) -> list[str]:
        """Letters that stayed longer than a drain may leave them."""
        if not self.is_on:
            return []
        self.look(broker)
        now = self._clock.now()
        return [
            f"letter {number} of {queue} since {since}"
            for (queue, number), since in self._since.items()
            if now - since > LETTERS_STAY_MAX
        ]
