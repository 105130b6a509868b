import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusMessageBatch,
    ServiceBusReceivedMessage,
    exceptions,
)
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSender

from local.clock import LoopClock
from local.loop import run_virtual
from shared.clients.servicebus import (
    DRAIN_PAGE_MAX,
    DRAIN_SECONDS_MAX,
    ENQUEUE_SECONDS_MAX,
    ServiceBusQueue,
    build_message,
)
from shared.clients.servicebus_links import Receiver, Sender, ServiceBusLinks
from shared.errors import QueueUnavailable, Refused, StorageUnavailable
from shared.ports import DeadLetter, LetterNotKept, Message, Queue

START = datetime(2026, 11, 1, tzinfo=UTC)
BATCH_BYTES = 2_000
CONNECTION = (
    "Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=czM="
)


class FakeClock:
    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class FakeSender:
    """A sender that fails on purpose and notices when two coroutines use it at once."""

    def __init__(self, send: Callable[[], Awaitable[None]] | None = None) -> None:
        self.batches: list[list[ServiceBusMessage]] = []
        self.close_count = 0
        self.opened = 0
        self.is_busy = False
        self.interleaved = False
        self._send = send
        self.fail_close: Callable[[], Awaitable[None]] | None = None

    async def create_message_batch(self) -> ServiceBusMessageBatch:
        await self._step()
        self.opened += 1
        return ServiceBusMessageBatch(max_size_in_bytes=BATCH_BYTES)

    async def send_messages(self, message: ServiceBusMessageBatch) -> None:
        await self._step()
        if self._send is not None:
            await self._send()
        self.batches.append(list(message._messages))

    async def close(self) -> None:
        self.close_count += 1
        if self.fail_close is not None:
            await self.fail_close()

    async def _step(self) -> None:
        self.interleaved = self.interleaved or self.is_busy
        self.is_busy = True
        try:
            await asyncio.sleep(0)
        finally:
            self.is_busy = False

    def ids(self) -> list[list[str | None]]:
        return [[message.message_id for message in batch] for batch in self.batches]


class FakeReceiver:
    def __init__(self, waiting: list[ServiceBusReceivedMessage]) -> None:
        self.waiting = waiting
        self.completed: list[str | None] = []
        self.asked: list[int | None] = []
        self.is_closed = False
        self.fail_receive: Exception | None = None
        self.fail_complete: Exception | None = None

    async def receive_messages(
        self, max_message_count: int | None = 1, max_wait_time: float | None = None
    ) -> list[ServiceBusReceivedMessage]:
        assert max_message_count is not None
        assert max_wait_time
        if self.fail_receive:
            raise self.fail_receive
        self.asked.append(max_message_count)
        page, self.waiting = self.waiting[:max_message_count], self.waiting[max_message_count:]
        return page

    async def peek_messages(self, max_message_count: int = 1) -> list[ServiceBusReceivedMessage]:
        if self.fail_receive:
            raise self.fail_receive
        return self.waiting[:max_message_count]

    async def complete_message(self, message: ServiceBusReceivedMessage) -> None:
        if self.fail_complete:
            raise self.fail_complete
        self.completed.append(message.message_id)

    async def close(self) -> None:
        self.is_closed = True


class FakeLinks:
    """Hands out prepared senders, then fresh ones; `made` are all of them, by queue."""

    def __init__(self, *senders: FakeSender, receiver: FakeReceiver | None = None) -> None:
        self._prepared = list(senders)
        self._receiver = receiver
        self.made: list[tuple[str, FakeSender]] = []
        self.is_closed = False

    def sender(self, queue: str) -> Sender:
        sender = self._prepared.pop(0) if self._prepared else FakeSender()
        self.made.append((queue, sender))
        return sender

    def dead_letters(self, queue: str) -> Receiver:
        assert queue == "charge"
        assert self._receiver is not None
        return self._receiver

    async def close(self) -> None:
        self.is_closed = True


def queue_of(links: FakeLinks, **options: Any) -> ServiceBusQueue:
    return ServiceBusQueue(links, FakeClock(), **options)


def message(id_: str = "evt_1", session: str = "0", **more: Any) -> Message:
    return Message(id=id_, session=session, body=more.pop("body", {"event": id_}), **more)


def raising(error: Exception) -> Callable[[], Awaitable[None]]:
    async def send() -> None:
        raise error

    return send


def received(
    id_: str, body: bytes = b"{}", reason: str = "MaxDeliveryCountExceeded"
) -> ServiceBusReceivedMessage:
    """A dead letter as the SDK decodes it from the wire."""
    sent = ServiceBusMessage(
        body,
        message_id=id_,
        session_id="3",
        application_properties={
            "DeadLetterReason": reason,
            "DeadLetterErrorDescription": "tried 10 times",
            "tieout_account": "shop-eu",
        },
    )
    return ServiceBusReceivedMessage.from_bytes(_encoded(sent))


def _encoded(sent: ServiceBusMessage) -> bytes:
    from azure.servicebus._pyamqp._encode import encode_payload

    batch = ServiceBusMessageBatch()
    batch.add_message(sent)
    (added,) = batch._messages
    return bytes(encode_payload(bytearray(), added._message))


# --- messages -------------------------------------------------------------------------------


def test_a_message_carries_id_session_body_and_type() -> None:
    built = build_message(message("evt_1", "3", body={"b": "Zoë", "a": [1, None]}))
    assert built.message_id == "evt_1"
    assert built.session_id == "3"
    assert built.content_type == "application/json"
    assert b"".join(built.body) == '{"a":[1,null],"b":"Zoë"}'.encode()
    assert built.scheduled_enqueue_time_utc is None


def test_a_schedule_is_a_property_in_utc() -> None:
    at = datetime(2026, 11, 1, 13, 30, tzinfo=timezone(timedelta(hours=1)))
    built = build_message(message(scheduled_at=at))
    assert built.scheduled_enqueue_time_utc == datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
    assert built.message_id == "evt_1"


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (message(""), "a message id has 1 to 128"),
        (message("x" * 129), "a message id has 1 to 128"),
        (message(session=""), "a session id has 1 to 128"),
        (message(session="x" * 129), "a session id has 1 to 128"),
        (message(body={"a": Decimal(1)}), "evt_1: the body is not JSON"),
        (message(body={"a": float("nan")}), "evt_1: the body is not JSON"),
        (message(body={"a": "\ud800"}), "evt_1: the body is not JSON"),
        (message(scheduled_at=datetime(2026, 1, 1)), "has no time zone"),  # noqa: DTZ001
    ],
)
async def test_a_message_that_can_never_be_sent_is_refused(bad: Message, text: str) -> None:
    links = FakeLinks()
    with pytest.raises(Refused, match=text):
        await queue_of(links).send("charge", [message("evt_0"), bad])
    assert links.made == []


# --- sending --------------------------------------------------------------------------------


async def test_messages_of_one_session_share_a_batch_in_their_order() -> None:
    links = FakeLinks(sender := FakeSender())
    sent = [message("a", "0"), message("b", "1"), message("c", "0"), message("d", "1")]
    await queue_of(links).send("charge", sent)
    assert sender.ids() == [["a", "c"], ["b", "d"]]


async def test_what_does_not_fit_a_batch_goes_into_the_next() -> None:
    links = FakeLinks(sender := FakeSender())
    sent = [message(str(n), body={"text": "x" * 500}) for n in range(7)]
    await queue_of(links).send("charge", sent)
    assert [id_ for batch in sender.ids() for id_ in batch] == [str(n) for n in range(7)]
    assert len(sender.batches) == 3


async def test_an_over_size_message_stops_all_and_keeps_the_sender() -> None:
    links = FakeLinks(sender := FakeSender())
    queue = queue_of(links)
    large = message("large", body={"text": "x" * BATCH_BYTES})
    for messages in ([large], [message("a"), large], [message("b", "1"), large]):
        with pytest.raises(Refused, match="message large is too large"):
            await queue.send("charge", messages)
    assert sender.batches == []
    await queue.send("charge", [message("c")])
    assert sender.ids() == [["c"]]
    assert sender.close_count == 0


async def test_sending_nothing_opens_nothing() -> None:
    links = FakeLinks()
    await queue_of(links).send("charge", [])
    assert links.made == []


async def test_each_queue_has_a_sender_of_its_own() -> None:
    links = FakeLinks()
    queue = queue_of(links)
    for name in ("charge", "payout", "charge"):
        await queue.send(name, [message()])
    assert [name for name, _ in links.made] == ["charge", "payout"]


async def test_fifty_concurrent_sends_share_one_sender_and_do_not_interleave() -> None:
    links = FakeLinks(sender := FakeSender())
    queue = queue_of(links)
    await asyncio.gather(*(queue.send("charge", [message(f"evt_{n}")]) for n in range(50)))
    assert len(links.made) == 1
    assert not sender.interleaved
    assert sender.ids() == [[f"evt_{n}"] for n in range(50)]


SDK_ERRORS: list[Exception] = [
    exceptions.ServiceBusError("general"),
    exceptions.ServiceBusConnectionError(),
    exceptions.ServiceBusAuthenticationError(),
    exceptions.ServiceBusAuthorizationError(),
    exceptions.OperationTimeoutError(),
    exceptions.MessagingEntityNotFoundError(),
    exceptions.MessagingEntityDisabledError(),
    exceptions.ServiceBusQuotaExceededError(),
    exceptions.ServiceBusServerBusyError(),
    exceptions.ServiceBusCommunicationError(),
    exceptions.SessionLockLostError(),
    ClientAuthenticationError("no token"),
    ValueError("The handler has already been shutdown."),
    AttributeError("'NoneType' object has no attribute 'send'"),
    ConnectionResetError("reset"),
    TimeoutError("slow"),
]


@pytest.mark.parametrize("error", SDK_ERRORS, ids=lambda error: type(error).__name__)
async def test_whatever_the_sdk_raises_the_queue_is_unavailable(error: Exception) -> None:
    links = FakeLinks(broken := FakeSender(raising(error)), good := FakeSender())
    queue = queue_of(links)
    with pytest.raises(QueueUnavailable, match=f"charge: {type(error).__name__}"):
        await queue.send("charge", [message("a")])
    assert broken.close_count == 1
    await queue.send("charge", [message("b")])
    assert good.ids() == [["b"]]
    assert broken.batches == []


async def test_a_batch_that_the_broker_finds_too_large_is_refused() -> None:
    links = FakeLinks(FakeSender(raising(exceptions.MessageSizeExceededError())))
    with pytest.raises(Refused, match="takes no batch of this size"):
        await queue_of(links).send("charge", [message()])


async def test_a_sender_that_cannot_be_made_is_unavailable_and_tried_again() -> None:
    class Once(FakeLinks):
        def sender(self, queue: str) -> Sender:
            if not self.made:
                self.made.append((queue, FakeSender()))
                raise ValueError("The queue name provided does not match the EntityPath")
            return super().sender(queue)

    links = Once()
    queue = queue_of(links)
    with pytest.raises(QueueUnavailable, match="EntityPath"):
        await queue.send("charge", [message()])
    await queue.send("charge", [message()])
    assert links.made[1][1].ids() == [["evt_1"]]


async def test_a_detached_link_is_dropped_and_the_next_send_opens_another() -> None:
    detached = exceptions.ServiceBusError("The link is force detached")
    links = FakeLinks(broken := FakeSender(raising(detached)))
    broken.fail_close = raising(exceptions.ServiceBusConnectionError())
    queue = queue_of(links)
    with pytest.raises(QueueUnavailable, match="force detached"):
        await queue.send("charge", [message("a")])
    await queue.send("charge", [message("b")])
    assert [name for name, _ in links.made] == ["charge", "charge"]
    assert links.made[1][1].ids() == [["b"]]


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_sender_that_hangs_is_given_up_in_time() -> None:
    links = FakeLinks(hanging := FakeSender(never), good := FakeSender())
    hanging.fail_close = never
    queue = queue_of(links, enqueue_seconds_max=0.02, close_seconds_max=0.02)
    with pytest.raises(QueueUnavailable, match=r"charge: no answer within 0\.02 s"):
        await queue.send("charge", [message("a")])
    assert hanging.close_count == 1
    await queue.send("charge", [message("b")])
    assert good.ids() == [["b"]]


def test_those_behind_a_hanging_sender_are_bounded_too_and_leave_it_alone() -> None:
    # On virtual time: all begin at one moment, so all limits end at one moment.
    async def main(clock: LoopClock) -> tuple[list[BaseException | None], datetime]:
        queue = queue_of(links)
        results = await asyncio.gather(
            *(queue.send("charge", [message(f"evt_{n}")]) for n in range(50)),
            return_exceptions=True,
        )
        return results, clock.now()

    links = FakeLinks(hanging := FakeSender(never))
    start = datetime(2026, 10, 1, tzinfo=UTC)
    results, ended_at = run_virtual(main, start=start)
    assert {type(result) for result in results} == {QueueUnavailable}
    assert ended_at - start <= timedelta(seconds=ENQUEUE_SECONDS_MAX + 1)
    assert hanging.close_count == 1


OPEN_SECONDS = 0.5  # what opening a link costs
SEND_SECONDS = 0.005
STALL_SECONDS = 9


class StallingLinks:
    """Links of a broker that stalls once, from the 20th send on, for `STALL_SECONDS`."""

    def __init__(self) -> None:
        self.made = 0
        self.accepted: list[str | None] = []
        self._stalled_until = 0.0

    def sender(self, queue: str) -> Sender:
        self.made += 1
        return StallingSender(self)

    def dead_letters(self, queue: str) -> Receiver:
        raise AssertionError(f"nobody drains {queue} here")

    async def close(self) -> None:
        """Nothing is shared."""

    async def answer(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if len(self.accepted) == 20 and not self._stalled_until:
            self._stalled_until = now + STALL_SECONDS
        await asyncio.sleep(max(self._stalled_until - now, seconds))


class StallingSender:
    """A sender whose first batch opens the link."""

    def __init__(self, links: StallingLinks) -> None:
        self._links = links
        self._is_open = False

    async def create_message_batch(self) -> ServiceBusMessageBatch:
        if not self._is_open:
            await self._links.answer(OPEN_SECONDS)
            self._is_open = True
        return ServiceBusMessageBatch(max_size_in_bytes=BATCH_BYTES)

    async def send_messages(self, message: ServiceBusMessageBatch) -> None:
        await self._links.answer(SEND_SECONDS)
        self._links.accepted += [each.message_id for each in message._messages]

    async def close(self) -> None:
        """Closes at once."""


@pytest.mark.parametrize("sends_per_second", [2.5, 10])
def test_a_sender_recovers_from_a_stall_though_sends_go_on(sends_per_second: float) -> None:
    count = int(60 * sends_per_second)

    async def main(clock: LoopClock) -> list[BaseException | None]:
        queue = ServiceBusQueue(links, clock)

        async def send(number: int) -> None:
            await clock.sleep(number / sends_per_second)
            began = clock.now()
            try:
                await queue.send("charge", [message(f"evt_{number}")])
            finally:
                assert (clock.now() - began).total_seconds() <= ENQUEUE_SECONDS_MAX + 0.001

        return await asyncio.gather(*map(send, range(count)), return_exceptions=True)

    links = StallingLinks()
    results = run_virtual(main, start=START)
    failed = [number for number, result in enumerate(results) if result is not None]
    assert {type(results[number]) for number in failed} == {QueueUnavailable}
    stalled_at = 20 / sends_per_second
    assert failed[-1] / sends_per_second <= stalled_at + STALL_SECONDS
    assert set(links.accepted) == {f"evt_{n}" for n in range(count) if n not in failed}
    assert links.made == 2


def test_a_send_that_waited_too_long_for_its_turn_is_refused_before_it_touches_the_link() -> None:
    async def main(clock: LoopClock) -> tuple[str, float]:
        queue = ServiceBusQueue(links, clock)
        first = asyncio.create_task(queue.send("charge", [message("a")]))
        await clock.sleep(1)
        with pytest.raises(QueueUnavailable) as caught:
            await queue.send("charge", [message("b")])
        seconds = (clock.now() - START).total_seconds()
        with pytest.raises(QueueUnavailable, match="no answer within 8 s"):
            await first
        return str(caught.value), seconds

    links = FakeLinks(FakeSender(never))
    text, seconds = run_virtual(main, start=START)
    assert "charge: nothing was sent: earlier sends kept the queue's link for 4 s" in text
    assert seconds == pytest.approx(5)
    assert len(links.made) == 1


async def test_a_caller_that_is_cancelled_drops_the_sender() -> None:
    links = FakeLinks(hanging := FakeSender(never))
    queue = queue_of(links)
    task = asyncio.create_task(queue.send("charge", [message("a")]))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hanging.close_count == 1
    await queue.send("charge", [message("b")])
    assert links.made[1][1].ids() == [["b"]]


# --- dead letters ---------------------------------------------------------------------------


async def test_dead_letters_are_kept_and_then_completed() -> None:
    receiver = FakeReceiver([received("a", b'{"n":1}'), received("b", b"\xff")])
    kept: list[tuple[DeadLetter, list[str | None]]] = []

    async def keep(letter: DeadLetter) -> None:
        kept.append((letter, list(receiver.completed)))

    done = await queue_of(FakeLinks(receiver=receiver)).drain_dead_letters("charge", keep, 10)
    assert done == 2
    reason = "MaxDeliveryCountExceeded: tried 10 times"
    properties = {"tieout_account": "shop-eu"}
    assert kept == [
        (DeadLetter("a", "3", b'{"n":1}', reason, properties), []),
        (DeadLetter("b", "3", b"\xff", reason, properties), ["a"]),
    ]
    assert receiver.completed == ["a", "b"]
    assert receiver.is_closed


async def test_a_letter_that_cannot_be_kept_is_not_completed() -> None:
    receiver = FakeReceiver([received("a"), received("b")])

    async def keep(letter: DeadLetter) -> None:
        raise StorageUnavailable("down")

    with pytest.raises(StorageUnavailable):
        await queue_of(FakeLinks(receiver=receiver)).drain_dead_letters("charge", keep, 10)
    assert receiver.completed == []
    assert receiver.is_closed


async def test_a_letter_that_is_left_is_not_completed_and_the_next_are_kept() -> None:
    receiver = FakeReceiver([received(f"m{n}") for n in range(DRAIN_PAGE_MAX + 2)])

    async def keep(letter: DeadLetter) -> None:
        if letter.id in ("m0", "m20"):
            raise LetterNotKept(letter.id)

    done = await queue_of(FakeLinks(receiver=receiver)).drain_dead_letters("charge", keep, 100)
    assert done == DRAIN_PAGE_MAX
    assert receiver.completed == [f"m{n}" for n in range(22) if n not in (0, 20)]
    assert receiver.is_closed


async def keep_nothing(letter: DeadLetter) -> None:
    """Accept a letter."""


@pytest.mark.parametrize(("limit", "asked"), [(0, []), (1, [1]), (25, [DRAIN_PAGE_MAX, 5])])
async def test_no_more_letters_are_taken_than_asked_for(limit: int, asked: list[int]) -> None:
    receiver = FakeReceiver([received(f"m{n}") for n in range(30)])
    queue = queue_of(FakeLinks(receiver=receiver))
    assert await queue.drain_dead_letters("charge", keep_nothing, limit) == limit
    assert receiver.asked == asked
    assert len(receiver.waiting) == 30 - limit


async def test_a_slow_drain_stops_before_locks_end() -> None:
    receiver = FakeReceiver([received(f"m{n}") for n in range(100)])
    clock = FakeClock()
    queue = ServiceBusQueue(FakeLinks(receiver=receiver), clock)

    async def slow(letter: DeadLetter) -> None:
        await clock.sleep(DRAIN_SECONDS_MAX / DRAIN_PAGE_MAX / 2)

    assert await queue.drain_dead_letters("charge", slow, 100) == 2 * DRAIN_PAGE_MAX


@pytest.mark.parametrize("step", ["receive", "complete"])
@pytest.mark.parametrize(
    "error", [exceptions.ServiceBusConnectionError(), exceptions.MessageLockLostError()]
)
async def test_a_failing_drain_is_unavailable_and_closes_its_link(
    step: str, error: Exception
) -> None:
    receiver = FakeReceiver([received("a")])
    setattr(receiver, f"fail_{step}", error)
    with pytest.raises(QueueUnavailable, match=type(error).__name__):
        await queue_of(FakeLinks(receiver=receiver)).drain_dead_letters("charge", keep_nothing, 5)
    assert receiver.is_closed


async def test_a_letter_that_is_no_data_is_kept_as_text() -> None:
    from azure.servicebus.amqp import AmqpAnnotatedMessage

    batch = ServiceBusMessageBatch()
    batch.add_message(AmqpAnnotatedMessage(value_body={"a": 1}))
    from azure.servicebus._pyamqp._encode import encode_payload

    encoded = bytes(encode_payload(bytearray(), batch._messages[0]._message))
    kept: list[DeadLetter] = []

    async def keep(letter: DeadLetter) -> None:
        kept.append(letter)

    receiver = FakeReceiver([ServiceBusReceivedMessage.from_bytes(encoded)])
    await queue_of(FakeLinks(receiver=receiver)).drain_dead_letters("charge", keep, 5)
    assert (kept[0].id, kept[0].session, kept[0].reason) == ("", "", "")
    assert b"a" in kept[0].body


# --- life -----------------------------------------------------------------------------------


async def test_closing_closes_every_sender_and_what_they_share() -> None:
    links = FakeLinks(a := FakeSender(), b := FakeSender())
    a.fail_close = never
    queue = queue_of(links, close_seconds_max=0.01)
    await queue.send("charge", [message()])
    await queue.send("payout", [message()])
    await queue.close()
    assert (a.close_count, b.close_count, links.is_closed) == (1, 1, True)


async def test_the_broker_does_not_tell_its_depth() -> None:
    queue: Queue = queue_of(FakeLinks())
    assert await queue.counts() is None


async def test_links_of_azure_are_made_without_connecting() -> None:
    links = ServiceBusLinks(connection_string=CONNECTION)
    sender, receiver = links.sender("charge"), links.dead_letters("charge")
    assert isinstance(sender, ServiceBusSender)
    assert sender.entity_name == "charge"
    assert isinstance(receiver, ServiceBusReceiver)
    assert receiver.entity_path == "charge/$DeadLetterQueue"
    await links.close()


# Cancelled while it opens a connection, the SDK leaves the socket to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning")
async def test_a_peer_that_accepts_and_stays_silent_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = f"{CONNECTION.replace('example.servicebus.windows.net/', f'127.0.0.1:{port}')}"
        links = ServiceBusLinks(connection_string=f"{connection};UseDevelopmentEmulator=true;")
        queue = ServiceBusQueue(links, FakeClock(), enqueue_seconds_max=0.2)
        with pytest.raises(QueueUnavailable, match=r"no answer within 0\.2 s"):
            await queue.send("charge", [message()])
        await queue.close()
        gc.collect()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"namespace": "x.servicebus.windows.net"},
        {"connection_string": CONNECTION, "namespace": "x"},
    ],
)
def test_links_need_one_way_to_sign_in(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a connection string, or a namespace and a credential"):
        ServiceBusLinks(**options)  # type: ignore[arg-type]


def test_a_body_reads_back_as_it_was() -> None:
    body = {"event": "evt_1", "generation": 0, "attempt": 1}
    assert json.loads(b"".join(build_message(message(body=body)).body)) == body


def test_a_probe_opens_both_links_of_a_queue_and_sends_and_takes_nothing() -> None:
    receiver = FakeReceiver([])
    links = FakeLinks(receiver=receiver)

    async def main(clock: LoopClock) -> None:
        await ServiceBusQueue(links, clock).probe("charge")

    run_virtual(main, start=START)
    ((queue, sender),) = links.made
    assert (queue, sender.opened, sender.batches, sender.close_count) == ("charge", 1, [], 1)
    assert (receiver.asked, receiver.completed, receiver.is_closed) == ([], [], True)


def test_a_probe_names_the_queue_that_cannot_be_reached() -> None:
    receiver = FakeReceiver([])
    receiver.fail_receive = exceptions.MessagingEntityNotFoundError(message="not found")

    async def main(clock: LoopClock) -> None:
        await ServiceBusQueue(FakeLinks(receiver=receiver), clock).probe("charge")

    with pytest.raises(QueueUnavailable, match="charge: MessagingEntityNotFoundError"):
        run_virtual(main, start=START)
    assert receiver.is_closed


def test_a_probe_of_a_silent_broker_ends() -> None:
    class Silent(FakeSender):
        async def create_message_batch(self) -> ServiceBusMessageBatch:
            await asyncio.Event().wait()
            raise AssertionError("never")

    sender = Silent()

    async def main(clock: LoopClock) -> None:
        await ServiceBusQueue(FakeLinks(sender), clock).probe("charge")

    with pytest.raises(QueueUnavailable, match="charge: no answer within 20 s"):
        run_virtual(main, start=START)
    assert sender.close_count == 1
