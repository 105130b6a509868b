"""What the queues gave up: parked, or forwarded once more where it only passes through."""

from dataclasses import replace
from functools import partial

from shared import telemetry
from shared.errors import Unavailable
from shared.outcomes import Kind, Outcome
from shared.ports import Clock, DeadLetter, LetterNotKept, Queue
from shared.registry import INGRESS_QUEUE, Registry
from shared.services.ingest import Delivered, EventGridIngest
from shared.stores.item import (
    FIND_SENDER,
    UNREADABLE,
    UnreadableItemError,
    read_item,
    unreadable_item,
)
from shared.stores.items import ItemOutcome, Items
from shared.stores.runs import Run, side_by_side

DEAD_LETTERS_MAX = 100  # a queue and run
LETTER_ID_CHARS_MAX = 100  # of a foreign message, in a log


class DeadLetters:
    """The dead letters of all queues, which are of all Stripe accounts."""

    def __init__(
        self,
        queue: Queue,
        items: Items,
        clock: Clock,
        registry: Registry,
        *,
        event_grid: EventGridIngest,
    ) -> None:
        self._queue, self._items, self._clock = queue, items, clock
        self._registry, self._event_grid = registry, event_grid

    async def drain(self) -> int:
        """Park what the queues gave up; each is stored before it leaves its dead-letter queue.

        A letter that cannot be parked stays where it is, and those behind it are parked. Raises
        `ExceptionGroup` at the end for what stayed.
        """
        run = Run("drain_dead_letters", self._clock)

        async def drain(queue: str) -> int:
            keep = partial(self._keep, run, queue)
            limit = DEAD_LETTERS_MAX
            return await run.part(
                f"queue {queue}",
                lambda: self._queue.drain_dead_letters(queue, keep, limit),
                0,
            )

        # Each may take its two minutes: together they would outlast the function.
        drained = await side_by_side(self._registry.all_queues, drain)
        run.close()
        return sum(drained)

    async def _keep(self, run: Run, queue: str, letter: DeadLetter) -> None:
        """Raises `LetterNotKept` if the letter itself is at fault: the next ones are still kept."""
        try:
            await self._park(queue, letter)
        except Unavailable:
            raise  # the next letters would fare the same
        except Exception as error:
            run.failed(f"letter {letter.id[:LETTER_ID_CHARS_MAX]} of queue {queue}", error)
            raise LetterNotKept(letter.id) from error

    async def _park(self, queue: str, letter: DeadLetter) -> None:
        if queue == INGRESS_QUEUE:  # the queue of the entity was away for too long
            await self._event_grid.forward([Delivered(letter.id, letter.body, letter.properties)])
            return
        outcome = Outcome(
            Kind.PARK,
            cause="dead_letter",
            text=f"the queue gave up on the message: {letter.reason}",
            remedy="Look for crashes in the log around the time of this item, then retry it.",
        )
        try:
            item = read_item(letter.body, self._registry)
        except UnreadableItemError as error:
            telemetry.fault("dead_letter_unreadable", error, queue=queue, message=letter.id)
            item = unreadable_item(queue, letter.id)
            outcome = replace(outcome, cause=UNREADABLE, remedy=FIND_SENDER)
        await self._items.store(queue, [ItemOutcome(item, outcome)])
