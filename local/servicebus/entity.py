"""One queue: ready, locked and scheduled messages, sessions, and the rules between them.

Nothing here waits or runs by itself. Every call first brings the queue up to the present
(`_advance`): due messages become ready, ended locks give their messages back, expired messages
leave. `next_change_at` says when that would next alter anything, so receivers can sleep till
then. Rules: https://learn.microsoft.com/azure/service-bus-messaging/message-sessions and
.../duplicate-detection, .../service-bus-dead-letter-queues, .../message-sequencing.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from local.servicebus.messages import (
    Delivery,
    Lock,
    LockLost,
    MessageUnknown,
    Outgoing,
    Stored,
)
from local.servicebus.settings import QueueSettings
from shared.ports import Clock

REASON_DELIVERIES = "MaxDeliveryCountExceeded"
REASON_EXPIRED = "TTLExpiredException"


@dataclass(slots=True)
class _Held:
    """A locked message; the lock is its session's, or its own in a queue without sessions."""

    message: Stored
    lock: Lock


@dataclass(slots=True)
class _Session:
    """Ready messages of one session, a heap of sequence numbers, and its lock."""

    ready: list[int] = field(default_factory=list)
    lock: Lock | None = None


class BrokerEntity:
    """A queue, or the dead-letter queue of one. `bury(message, reason, text)` takes what the
    queue gives up; None: such messages are dropped (a dead-letter queue keeps for ever)."""

    def __init__(
        self,
        settings: QueueSettings,
        clock: Clock,
        bury: Callable[[Stored, str, str], None] | None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._bury = bury
        self._messages: dict[int, Stored] = {}  # ready ones, by sequence number
        self._sessions: dict[str, _Session] = {}
        self._turns: dict[str, None] = {}  # unlocked sessions with ready messages, oldest first
        self._held: dict[str, _Held] = {}
        self._states: dict[str, bytes] = {}  # of sessions
        self._scheduled: list[tuple[datetime, int, Outgoing]] = []
        self._expiries: list[tuple[datetime, int]] = []
        self._locks_end_at: datetime | None = None  # no lock ends earlier than this
        self._seen: dict[str, datetime] = {}  # message ids within the window, oldest first
        self._numbers = 0

    # --- sending ---

    def add(self, message: Outgoing) -> bool:
        """Take a message, or drop it as a duplicate; tells whether it was taken."""
        now = self._advance()
        if not self._is_new(message, now):
            return False
        if message.scheduled_at is not None and message.scheduled_at > now:
            heapq.heappush(self._scheduled, (message.scheduled_at, self._number(), message))
        else:
            self._enqueue(message, now)
        return True

    def schedule(self, message: Outgoing, at: datetime) -> int:
        """Take a message for `at`, even if that is now, or drop it as a duplicate; returns the
        number under which it can be cancelled until then."""
        now = self._advance()
        number = self._number()
        if self._is_new(message, now):
            heapq.heappush(self._scheduled, (at, number, message))
        return number

    def cancel(self, numbers: Sequence[int]) -> None:
        """Drop scheduled messages, all or none. Raises `MessageUnknown`."""
        self._advance()
        held = [number for _, number, _ in self._scheduled]
        for number in numbers:
            if number not in held:
                raise MessageUnknown(
                    f"queue {self.settings.name} holds no scheduled message {number}"
                )
        self._scheduled = [row for row in self._scheduled if row[1] not in numbers]
        heapq.heapify(self._scheduled)

    def take_over(self, message: Stored, reason: str, text: str) -> None:
        """Take a message another queue gave up (for a dead-letter queue)."""
        self._make_ready(
            replace(
                message,
                sequence_number=self._number(),
                expires_at=None,
                dead_letter_reason=reason,
                dead_letter_text=text,
            )
        )

    # --- sessions ---

    def lock_next_session(self) -> tuple[str, Lock] | None:
        """Lock the session that has waited longest, if any is free and has messages."""
        now = self._advance()
        for session_id in self._turns:
            del self._turns[session_id]
            lock = self._new_lock(now)
            self._sessions[session_id].lock = lock
            return session_id, lock
        return None

    def lock_session(self, session_id: str) -> Lock | None:
        """Lock this session, with messages or without; None while somebody else holds it."""
        now = self._advance()
        session = self._sessions.setdefault(session_id, _Session())
        if session.lock is not None:
            return None
        self._turns.pop(session_id, None)
        session.lock = self._new_lock(now)
        return session.lock

    def state_of(self, session_id: str) -> bytes | None:
        """What a receiver noted about a session."""
        return self._states.get(session_id)

    def note_state(self, session_id: str, state: bytes | None) -> None:
        """Keep a receiver's note about a session until another one, or None, replaces it."""
        self._states.pop(session_id, None)
        if state is not None:
            self._states[session_id] = state

    def owns(self, session_id: str, lock: Lock) -> bool:
        """Whether this very lock still holds the session."""
        self._advance()
        session = self._sessions.get(session_id)
        return session is not None and session.lock is lock

    def unlock_session(self, session_id: str, lock: Lock) -> None:
        """Close a session; its unsettled messages return and count no delivery."""
        if self.owns(session_id, lock):
            self._release_session(session_id, failed=False)

    # --- receiving and settling ---

    def receive(self, session_id: str, count_max: int, lock: Lock | None = None) -> list[Delivery]:
        """Lock up to `count_max` messages in sequence; `lock` is the session's, None makes one
        for each message (a queue without sessions, whose `session_id` is empty)."""
        now = self._advance()
        session = self._sessions.get(session_id)
        found: list[Delivery] = []
        while session and len(found) < count_max:
            self._drop_stale(session)
            if not session.ready:
                break
            message = self._messages.pop(heapq.heappop(session.ready))
            held = _Held(message, lock or self._new_lock(now))
            token = f"{self._number():032x}"
            self._held[token] = held
            found.append(Delivery(message, token, held.lock, message.failures + 1))
        if session is not None:
            self._forget_if_empty(session_id)
        return found

    def complete(self, delivery: Delivery) -> None:
        """Remove a message for good. Raises `LockLost`."""
        self._settle(delivery)

    def abandon(self, delivery: Delivery) -> None:
        """Give a message back at once, one delivery spent. Raises `LockLost`."""
        self._return(self._settle(delivery).failed())

    def dead_letter(self, delivery: Delivery, reason: str, text: str) -> None:
        """Move a message to the dead-letter queue. Raises `LockLost`."""
        self._give_up(self._settle(delivery), reason, text)

    def release(self, delivery: Delivery) -> None:
        """Give back a message that nobody looked at; counts no delivery. Raises `LockLost`."""
        self._return(self._settle(delivery))

    def delivery_of(self, token: str) -> Delivery:
        """The delivery that holds a lock token. Raises `LockLost`."""
        self._advance()
        held = self._held.get(token)
        if held is None:
            raise LockLost(f"queue {self.settings.name} holds no lock {token}")
        return Delivery(held.message, token, held.lock, held.message.failures + 1)

    def renew(self, lock: Lock) -> None:
        """Lengthen a lock that still holds; the caller has checked that."""
        lock.until = self._clock.now() + timedelta(seconds=self.settings.lock_seconds)

    def end_locks(self, deliveries: Sequence[Delivery]) -> None:
        """Let the locks of these deliveries be over, as after a lost connection."""
        now = self._clock.now()
        for delivery in deliveries:
            delivery.lock.until = now
        self._locks_end_at = now

    def holds(self, delivery: Delivery) -> bool:
        """Whether a delivered message is still locked by this delivery."""
        self._advance()
        return delivery.token in self._held

    # --- looking ---

    def counts(self) -> tuple[int, int, int]:
        """Messages ready, locked and scheduled."""
        self._advance()
        return len(self._messages), len(self._held), len(self._scheduled)

    def peek(self) -> list[Stored]:
        """Ready messages in sequence, unlocked and unchanged."""
        self._advance()
        return [self._messages[number] for number in sorted(self._messages)]

    def browse(self, first: int, count_max: int, session_id: str | None) -> list[Stored]:
        """Up to `count_max` messages from a sequence number on, ready or locked, unchanged."""
        self._advance()
        here = [*self._messages.values(), *(held.message for held in self._held.values())]
        wanted = [
            message
            for message in here
            if message.sequence_number >= first
            and (session_id is None or self._session_of(message) == session_id)
        ]
        return sorted(wanted, key=lambda message: message.sequence_number)[:count_max]

    def next_change_at(self) -> datetime | None:
        """When time alone will next change this queue."""
        while self._expiries and self._expiries[0][1] not in self._messages:
            heapq.heappop(self._expiries)  # settled, or locked and listed again on its return
        moments = [heap[0][0] for heap in (self._scheduled, self._expiries) if heap]
        if self._locks_end_at is not None:
            moments.append(self._locks_end_at)
        return min(moments, default=None)

    # --- inside ---

    def _advance(self) -> datetime:
        now = self._clock.now()
        window = timedelta(seconds=self.settings.duplicate_window_seconds)
        while self._seen and next(iter(self._seen.values())) + window <= now:
            del self._seen[next(iter(self._seen))]
        if self._locks_end_at is not None and self._locks_end_at <= now:
            self._end_due_locks(now)
        while self._scheduled and self._scheduled[0][0] <= now:
            at, _, message = heapq.heappop(self._scheduled)
            self._enqueue(message, at)
        while self._expiries and self._expiries[0][0] <= now:
            self._expire(heapq.heappop(self._expiries)[1])
        return now

    def _end_due_locks(self, now: datetime) -> None:
        ended = [name for name, s in self._sessions.items() if s.lock and s.lock.until <= now]
        for session_id in ended:
            self._release_session(session_id, failed=True)
        for token in [token for token, held in self._held.items() if held.lock.until <= now]:
            self._return(self._held.pop(token).message.failed())
        left = [session.lock.until for session in self._sessions.values() if session.lock]
        left += [held.lock.until for held in self._held.values()]
        self._locks_end_at = min(left, default=None)

    def _new_lock(self, now: datetime) -> Lock:
        lock = Lock(now + timedelta(seconds=self.settings.lock_seconds))
        if self._locks_end_at is None or lock.until < self._locks_end_at:
            self._locks_end_at = lock.until
        return lock

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _is_new(self, message: Outgoing, now: datetime) -> bool:
        if self.settings.requires_duplicate_detection:
            if message.message_id in self._seen:
                return False
            self._seen[message.message_id] = now
        return True

    def _enqueue(self, message: Outgoing, at: datetime) -> None:
        lives = (self.settings.time_to_live_seconds, message.time_to_live_seconds)
        life = min((seconds for seconds in lives if seconds is not None), default=None)
        self._make_ready(
            Stored(
                sequence_number=self._number(),
                message_id=message.message_id,
                session_id=message.session_id,
                body=message.body,
                enqueued_at=at,
                expires_at=None if life is None else at + timedelta(seconds=life),
                properties=message.properties,
                encoded=message.encoded,
            )
        )

    def _make_ready(self, message: Stored) -> None:
        session_id = self._session_of(message)
        session = self._sessions.setdefault(session_id, _Session())
        self._messages[message.sequence_number] = message
        heapq.heappush(session.ready, message.sequence_number)
        if message.expires_at is not None:
            heapq.heappush(self._expiries, (message.expires_at, message.sequence_number))
        if session.lock is None:
            self._turns.setdefault(session_id)

    def _session_of(self, message: Stored) -> str:
        return (message.session_id or "") if self.settings.requires_session else ""

    def _settle(self, delivery: Delivery) -> Stored:
        self._advance()
        held = self._held.pop(delivery.token, None)
        if held is None:
            raise LockLost(
                f"the lock of message {delivery.message.message_id} in queue "
                f"{self.settings.name} has ended"
            )
        return held.message

    def _release_session(self, session_id: str, *, failed: bool) -> None:
        session = self._sessions[session_id]
        lock, session.lock = session.lock, None
        for token in [token for token, held in self._held.items() if held.lock is lock]:
            message = self._held.pop(token).message
            self._return(message.failed() if failed else message)
        self._drop_stale(session)
        if session.ready:
            self._turns.setdefault(session_id)
        self._forget_if_empty(session_id)

    def _return(self, message: Stored) -> None:
        if message.failures >= self.settings.max_delivery_count and self._bury is not None:
            self._give_up(
                message,
                REASON_DELIVERIES,
                f"Message could not be consumed after {message.failures} delivery attempts.",
            )
        else:
            self._make_ready(message)

    def _give_up(self, message: Stored, reason: str, text: str) -> None:
        if self._bury is not None:
            self._bury(message, reason, text)

    def _expire(self, number: int) -> None:
        message = self._messages.pop(number, None)
        if message is None:
            return  # settled, or locked: then it expires when it comes back
        session_id = self._session_of(message)
        self._drop_stale(self._sessions[session_id])
        self._forget_if_empty(session_id)
        if self.settings.dead_letters_expired:
            text = "The message expired and was dead lettered."
            self._give_up(message, REASON_EXPIRED, text)

    def _drop_stale(self, session: _Session) -> None:
        while session.ready and session.ready[0] not in self._messages:
            heapq.heappop(session.ready)

    def _forget_if_empty(self, session_id: str) -> None:
        session = self._sessions[session_id]
        if not session.ready:
            self._turns.pop(session_id, None)
            if session.lock is None:
                del self._sessions[session_id]
