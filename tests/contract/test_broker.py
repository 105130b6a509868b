"""The broker keeps the rules of Service Bus that the application stands on."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.clock import LoopClock
from local.loop import run_virtual
from local.servicebus import Broker, LocalQueue, QueueSettings, SessionReceiver
from local.servicebus.messages import (
    BODY_BYTES_MAX,
    LockLost,
    MessageRefused,
    MessageUnknown,
    Outgoing,
    QueueUnknown,
)
from shared.ports import DeadLetter, LetterNotKept, Message, QueueCounts

START = datetime(2026, 3, 1, tzinfo=UTC)
SESSIONS = QueueSettings(
    "work",
    requires_session=True,
    requires_duplicate_detection=True,
    duplicate_window_seconds=3600,
    lock_seconds=300,
    max_delivery_count=3,
    dead_letters_expired=True,
    time_to_live_seconds=14 * 86_400,
)
PLAIN = QueueSettings("plain", lock_seconds=60, max_delivery_count=2)
type Scene = Callable[[Broker, LoopClock], Coroutine[Any, Any, None]]


def play(scene: Scene, **broker: Any) -> None:
    async def main(clock: LoopClock) -> None:
        await scene(Broker([SESSIONS, PLAIN], clock, **broker), clock)

    run_virtual(main, start=START)


def send(broker: Broker, *ids: str, session: str = "0", at: datetime | None = None) -> int:
    return broker.send("work", [Outgoing(id, id.encode(), session, at) for id in ids])


async def accept(broker: Broker, wait_seconds: float = 0) -> SessionReceiver:
    receiver = await broker.accept_session("work", wait_seconds)
    assert receiver is not None
    return receiver


async def ids_of(receiver: SessionReceiver, count: int = 100, wait_seconds: float = 0) -> list[str]:
    found = await receiver.receive(count, wait_seconds)
    return [delivery.message.message_id for delivery in found]


def test_messages_of_a_session_come_in_the_order_of_sending() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "c", "a", "b")
        assert await ids_of(await accept(broker)) == ["c", "a", "b"]

    play(scene)


def test_a_batch_holds_at_most_what_was_asked_for() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, *"abcde")
        receiver = await accept(broker)
        assert [await ids_of(receiver, 2) for _ in range(4)] == [
            ["a", "b"],
            ["c", "d"],
            ["e"],
            [],
        ]

    play(scene)


def test_a_batch_comes_from_one_session() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a", session="1")
        send(broker, "b", session="2")
        receiver = await accept(broker)
        assert (receiver.session_id, await ids_of(receiver)) == ("1", ["a"])

    play(scene)


def test_a_session_has_one_holder() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a")
        await accept(broker)
        send(broker, "b")
        assert await broker.accept_session("work", 10) is None

    play(scene)


def test_sessions_are_served_in_turn() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        for number in range(3):
            send(broker, *(f"{session}{number}" for session in "a"), session="a")
        send(broker, "b0", session="b")
        send(broker, "c0", session="c")
        served = []
        for _ in range(5):
            receiver = await accept(broker)
            (delivery,) = await receiver.receive(1, 0)
            receiver.complete(delivery)
            served.append(delivery.message.message_id)
            receiver.close()
        assert served == ["a0", "b0", "c0", "a1", "a2"]

    play(scene)


def test_a_waiting_receiver_gets_a_session_the_moment_it_has_work() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        waiting = asyncio.create_task(broker.accept_session("work"))
        await clock.sleep(1000)
        send(broker, "a")
        receiver = await waiting
        assert receiver is not None
        assert clock.now() == START + timedelta(seconds=1000)

    play(scene)


def test_a_receiver_gets_a_message_that_comes_while_it_waits() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        await ids_of(receiver)
        asyncio.get_running_loop().call_later(5, send, broker, "b")
        assert await ids_of(receiver, wait_seconds=60) == ["b"]
        assert clock.now() == START + timedelta(seconds=5)

    play(scene)


def test_a_receiver_waits_no_longer_than_told() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        await ids_of(receiver)
        assert await ids_of(receiver, wait_seconds=7) == []
        assert clock.now() == START + timedelta(seconds=7)

    play(scene)


def test_a_completed_message_is_gone() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(1, 0)
        receiver.complete(delivery)
        receiver.close()
        await clock.sleep(1000)
        assert broker.depth("work").ready + broker.depth("work").locked == 0
        with pytest.raises(LockLost):
            receiver.complete(delivery)

    play(scene)


def test_an_abandoned_message_is_back_at_once_in_its_old_place() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a", "b", "c")
        receiver = await accept(broker)
        first, second = await receiver.receive(2, 0)
        receiver.abandon(second)
        receiver.abandon(first)
        again = await receiver.receive(3, 0)
        assert [(d.message.message_id, d.delivery_count) for d in again] == [
            ("a", 2),
            ("b", 2),
            ("c", 1),
        ]
        assert clock.now() == START

    play(scene)


def test_a_message_is_dead_lettered_after_its_last_delivery() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "poison", "fine")
        receiver = await accept(broker)
        counts = []
        for _ in range(3):
            (delivery,) = await receiver.receive(1, 0)
            counts.append(delivery.delivery_count)
            receiver.abandon(delivery)
        assert counts == [1, 2, 3]
        assert await ids_of(receiver) == ["fine"]
        (dead,) = broker.peek("work/$DeadLetterQueue")
        assert (dead.message_id, dead.dead_letter_reason) == ("poison", "MaxDeliveryCountExceeded")
        assert "after 3 delivery attempts" in dead.dead_letter_text

    play(scene)


def test_a_lock_that_ends_gives_the_messages_back_with_a_delivery_spent() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(1, 0)
        await clock.sleep(299)
        assert await broker.accept_session("work", 0) is None
        await clock.sleep(1)
        (again,) = await (await accept(broker)).receive(1, 0)
        assert again.delivery_count == 2
        for late in (receiver.complete, receiver.abandon):
            with pytest.raises(LockLost):
                late(delivery)
        with pytest.raises(LockLost, match="session 0"):
            await receiver.receive(1, 0)
        with pytest.raises(LockLost):
            receiver.renew_session()

    play(scene)


def test_someone_waiting_gets_the_session_when_its_lock_ends() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        await (await accept(broker)).receive(1, 0)
        assert await broker.accept_session("work") is not None
        assert clock.now() == START + timedelta(seconds=300)

    play(scene)


def test_a_renewed_session_keeps_its_messages() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(1, 0)
        for _ in range(4):
            await clock.sleep(200)
            receiver.renew_session()
        await clock.sleep(299)
        receiver.complete(delivery)

    play(scene)


def test_closing_a_session_frees_it_and_spends_no_delivery() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a", "b")
        receiver = await accept(broker)
        await receiver.receive(1, 0)
        receiver.close()
        found = await (await accept(broker)).receive(9, 0)
        assert [(d.message.message_id, d.delivery_count) for d in found] == [("a", 1), ("b", 1)]

    play(scene)


def test_closing_a_session_twice_does_not_disturb_the_next_holder() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a")
        first = await accept(broker)
        first.close()
        second = await accept(broker)
        (delivery,) = await second.receive(1, 0)
        first.close()
        second.complete(delivery)

    play(scene)


def test_a_repeated_message_id_is_dropped_within_the_window() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        assert send(broker, "a") == 1
        assert send(broker, "a", "b", "a") == 1
        assert send(broker, "a", session="other") == 0
        await clock.sleep(3599)
        assert send(broker, "a") == 0
        await clock.sleep(1)
        assert send(broker, "a") == 1

    play(scene)


def test_a_completed_message_is_still_remembered_as_a_duplicate() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(1, 0)
        receiver.complete(delivery)
        assert send(broker, "a") == 0

    play(scene)


def test_a_scheduled_copy_under_a_used_id_is_dropped() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        assert send(broker, "a", at=clock.now() + timedelta(minutes=5)) == 0
        assert broker.depth("work").scheduled == 0

    play(scene)


def test_a_scheduled_message_comes_at_its_moment() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        later = clock.now() + timedelta(minutes=5)
        send(broker, "later", at=later)
        send(broker, "sooner", at=clock.now() + timedelta(minutes=1), session="1")
        assert broker.depth("work").scheduled == 2
        assert await broker.accept_session("work", 59) is None
        assert (await accept(broker, 1)).session_id == "1"
        assert (await accept(broker, 3600)).session_id == "0"
        assert clock.now() == later

    play(scene)


def test_a_moment_in_the_past_means_now() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a", at=clock.now() - timedelta(days=1))
        assert await ids_of(await accept(broker)) == ["a"]

    play(scene)


def test_a_message_that_comes_late_is_dead_lettered_when_it_expires() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        await clock.sleep(14 * 86_400)
        assert await broker.accept_session("work", 0) is None
        (dead,) = broker.peek("work/$DeadLetterQueue")
        assert dead.dead_letter_reason == "TTLExpiredException"

    play(scene)


def test_a_locked_message_does_not_expire_in_the_hands_of_its_receiver() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        await clock.sleep(14 * 86_400 - 10)
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(1, 0)
        await clock.sleep(60)
        receiver.complete(delivery)
        assert broker.depth("work").dead == 0

    play(scene)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Outgoing("a", b"", None), "SessionId was not set"),
        (Outgoing("", b"", "0"), "MessageId has 1 to 128"),
        (Outgoing("x" * 129, b"", "0"), "MessageId has 1 to 128"),
        (Outgoing("a", b"", "x" * 129), "SessionId has at most 128"),
        (Outgoing("a", b"x" * (BODY_BYTES_MAX + 1), "0"), "takes at most 262144"),
    ],
)
def test_a_message_the_broker_refuses_takes_its_whole_send_along(
    message: Outgoing, text: str
) -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        with pytest.raises(MessageRefused, match=text):
            broker.send("work", [Outgoing("fine", b"", "0"), message])
        assert broker.depth("work").ready == 0

    play(scene)


def test_an_unknown_queue_is_refused_by_name() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        with pytest.raises(QueueUnknown, match="no queue 'wrok'; there are work, plain"):
            broker.send("wrok", [])

    play(scene)


def test_receivers_fit_their_queue() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        with pytest.raises(MessageRefused, match="has no sessions"):
            await broker.accept_session("plain")
        with pytest.raises(MessageRefused, match="needs a session receiver"):
            broker.receiver("work")

    play(scene)


def test_without_sessions_each_message_has_a_lock_of_its_own() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        broker.send("plain", [Outgoing(id, b"") for id in ("a", "a", "b")])
        receiver = broker.receiver("plain")
        first, second, third = await receiver.receive(10, 0)
        await clock.sleep(40)
        receiver.renew(second)
        receiver.complete(third)
        await clock.sleep(30)
        (again,) = await broker.receiver("plain").receive(10, 0)
        assert (again.message, again.delivery_count) == (first.message.failed(), 2)
        receiver.complete(second)
        with pytest.raises(LockLost):
            receiver.renew(first)

    play(scene)


def test_a_receiver_can_dead_letter_a_message_itself() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a")
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(1, 0)
        receiver.dead_letter(delivery, "Nonsense", "no such event")
        assert broker.depth("work").dead == 1

    play(scene)


@dataclass
class Faults:
    """Loses the first of each."""

    locks: list[str] = field(default_factory=list)
    completions: list[str] = field(default_factory=list)

    def lock_ends_early(self, queue: str, session_id: str) -> bool:
        self.locks.append(f"{queue} {session_id}")
        return len(self.locks) == 1

    def completion_is_lost(self, queue: str, message_id: str) -> bool:
        self.completions.append(f"{queue} {message_id}")
        return len(self.completions) == 1


def test_a_lock_lost_by_fault_lets_two_receivers_hold_the_same_message() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        first = await accept(broker)
        (lost,) = await first.receive(1, 0)
        second = await accept(broker)
        (delivery,) = await second.receive(1, 0)
        assert delivery.message.message_id == lost.message.message_id
        with pytest.raises(LockLost):
            first.complete(lost)
        second.complete(delivery)
        assert clock.now() == START

    play(scene, faults=Faults())


def test_a_lost_completion_delivers_the_message_again() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        del clock
        send(broker, "a")
        (await accept(broker)).close()
        faults = broker.faults
        assert isinstance(faults, Faults)
        faults.locks.append("none of these")
        receiver = await accept(broker)
        counts = []
        for _ in range(2):
            (delivery,) = await receiver.receive(1, 0)
            receiver.complete(delivery)
            counts.append(delivery.delivery_count)
        assert counts == [1, 2]
        assert await ids_of(receiver) == []

    play(scene, faults=Faults())


def test_no_message_is_lost_or_kept_for_ever_by_random_receivers() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        rng = random.Random(5)
        done: list[str] = []
        sent = [f"m{n}" for n in range(200)]
        for id in sent:
            at = clock.now() + timedelta(seconds=rng.randrange(-50, 500))
            send(broker, id, session=str(rng.randrange(5)), at=at)

        async def work() -> None:
            while receiver := await broker.accept_session("work", 1000):
                try:
                    while batch := await receiver.receive(rng.randrange(1, 9), 1):
                        await clock.sleep(rng.choice([0, 1, 400]) if rng.random() < 0.2 else 0)
                        for delivery in batch:
                            receiver.complete(delivery)
                            done.append(delivery.message.message_id)
                except LockLost:
                    continue
                receiver.close()

        await asyncio.gather(*(work() for _ in range(3)))
        dead = [message.message_id for message in broker.peek("work/$DeadLetterQueue")]
        assert sorted(done + dead) == sorted(sent)
        assert len(done) > 150

    play(scene)


def test_a_scheduled_message_is_cancelled_by_its_number() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        later = clock.now() + timedelta(hours=1)
        numbers = broker.schedule("work", [Outgoing(id, b"", "0", later) for id in "ab"])
        with pytest.raises(MessageUnknown):
            broker.cancel("work", [numbers[0], 99])
        broker.cancel("work", numbers[:1])
        await clock.sleep(3600)
        assert [message.message_id for message in broker.peek("work")] == ["b"]
        with pytest.raises(MessageUnknown):
            broker.cancel("work", numbers[1:])

    play(scene)


def test_a_scheduled_repetition_gets_a_number_and_is_dropped() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        send(broker, "a")
        (number,) = broker.schedule("work", [Outgoing("a", b"", "0", clock.now())])
        assert number > 0
        assert broker.depth("work").ready == 1

    play(scene)


def test_a_session_is_had_by_name_with_messages_or_without() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a", session="1")
        named = broker.lock_session("work", "1")
        empty = broker.lock_session("work", "2")
        assert named is not None
        assert empty is not None
        assert (await ids_of(named), await ids_of(empty)) == (["a"], [])
        assert broker.lock_session("work", "1") is None
        send(broker, "b", session="2")
        assert await broker.accept_session("work", 0) is None
        assert await ids_of(empty) == ["b"]
        with pytest.raises(MessageRefused):
            broker.lock_session("plain", "1")

    play(scene)


def test_the_note_of_a_session_belongs_to_its_holder() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        first = broker.lock_session("work", "1")
        assert first is not None
        first.note_state(b"so far")
        await clock.sleep(SESSIONS.lock_seconds)
        for call in (first.state, lambda: first.note_state(None), first.renew_session):
            with pytest.raises(LockLost):
                call()
        second = broker.lock_session("work", "1")
        assert second is not None
        assert second.state() == b"so far"
        second.note_state(None)
        assert second.state() is None

    play(scene)


def test_a_released_message_comes_back_and_counts_no_delivery() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        broker.send("plain", [Outgoing("a", b"")])
        receiver = broker.receiver("plain")
        for _ in range(5):
            (delivery,) = await receiver.receive(1, 0)
            assert delivery.delivery_count == 1
            receiver.release(delivery)

    play(scene)


def test_a_lock_token_names_its_delivery_while_the_lock_holds() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        broker.send("plain", [Outgoing("a", b"")])
        receiver = broker.receiver("plain")
        (delivery,) = await receiver.receive(1, 0)
        assert receiver.delivery_of(delivery.token) == delivery
        await clock.sleep(PLAIN.lock_seconds)
        with pytest.raises(LockLost):
            receiver.delivery_of(delivery.token)

    play(scene)


def test_a_message_may_live_shorter_than_its_queue_allows_and_not_longer() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        for id, seconds in (("short", 60), ("long", 90 * 86_400)):
            broker.send("work", [Outgoing(id, b"", "0", time_to_live_seconds=seconds)])
        await clock.sleep(60)
        assert [message.message_id for message in broker.peek("work")] == ["long"]
        await clock.sleep(14 * 86_400)
        assert broker.depth("work").dead == 2

    play(scene)


def test_browsing_shows_ready_and_locked_messages_in_sequence() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        send(broker, "a", "b", session="1")
        send(broker, "c", session="2")
        receiver = await accept(broker)
        await receiver.receive(1, 0)
        entity = broker.entity("work")
        shown = [entity.browse(1, 9, None), entity.browse(1, 2, None), entity.browse(2, 9, "1")]
        assert [[message.message_id for message in some] for some in shown] == [
            ["a", "b", "c"],
            ["a", "b"],
            ["b"],
        ]
        assert entity.counts() == (2, 1, 0)

    play(scene)


def test_the_queue_port_sends_schedules_and_counts() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        queue = LocalQueue(broker)
        later = clock.now() + timedelta(hours=1)
        await queue.send("work", [Message("a", "0", {"id": "évt"}), Message("b", "0", {}, later)])
        receiver = await accept(broker)
        (delivery,) = await receiver.receive(9, 0)
        assert delivery.message.body == '{"id":"évt"}'.encode()
        assert await queue.counts() == QueueCounts(queued=0, in_flight=1, scheduled=1)
        receiver.abandon(delivery)
        assert await queue.counts() == QueueCounts(queued=1, in_flight=0, scheduled=1)

    play(scene)


async def bury(broker: Broker, *ids: str) -> None:
    send(broker, *ids)
    receiver = await accept(broker)
    for delivery in await receiver.receive(100, 0):
        receiver.dead_letter(delivery, "Test", f"no {delivery.message.message_id}")
    receiver.close()


def test_dead_letters_are_handed_over_in_order_and_then_gone() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        await bury(broker, "a", "b", "c")
        kept: list[DeadLetter] = []

        async def keep(letter: DeadLetter) -> None:
            kept.append(letter)

        queue = LocalQueue(broker)
        assert await queue.drain_dead_letters("work", keep, limit=2) == 2
        assert await queue.drain_dead_letters("work", keep, limit=2) == 1
        assert await queue.drain_dead_letters("work", keep, limit=2) == 0
        assert kept[0] == DeadLetter("a", "0", b"a", "Test: no a")
        assert [letter.id for letter in kept] == ["a", "b", "c"]

    play(scene)


def test_a_dead_letter_that_cannot_be_kept_stays() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        await bury(broker, "a", "b")

        async def refuse(letter: DeadLetter) -> None:
            raise ConnectionError(letter.id)

        with pytest.raises(ConnectionError, match="a"):
            await LocalQueue(broker).drain_dead_letters("work", refuse, limit=5)
        assert broker.depth("work").dead == 2

    play(scene)


def test_a_dead_letter_that_is_not_kept_stays_and_the_next_ones_are_handed_over() -> None:
    async def scene(broker: Broker, _clock: LoopClock) -> None:
        await bury(broker, "a", "b", "c")
        handed: list[str] = []

        async def keep(letter: DeadLetter) -> None:
            handed.append(letter.id)
            if letter.id == "a":
                raise LetterNotKept(letter.id)

        queue = LocalQueue(broker)
        assert await queue.drain_dead_letters("work", keep, limit=9) == 2
        assert (handed, broker.depth("work").dead) == (["a", "b", "c"], 1)
        assert await queue.drain_dead_letters("work", keep, limit=9) == 0
        assert handed[3:] == ["a"]

    play(scene)


def test_two_drains_at_once_do_not_share_a_dead_letter() -> None:
    async def scene(broker: Broker, clock: LoopClock) -> None:
        await bury(broker, *"abcdef")
        kept: list[str] = []

        async def keep(letter: DeadLetter) -> None:
            await clock.sleep(1)
            kept.append(letter.id)

        queue = LocalQueue(broker)
        counts = await asyncio.gather(
            *(queue.drain_dead_letters("work", keep, limit=9) for _ in range(2))
        )
        assert (sorted(kept), sum(counts)) == (list("abcdef"), 6)

    play(scene)
