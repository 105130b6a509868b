"""What each provider of `shared.ports.Queue` must do: in process, and the real SDK over AMQP."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import pytest
import pytest_asyncio

from local.servicebus.messages import BODY_BYTES_MAX, MessageRefused
from shared.clients.clock import SystemClock
from shared.clients.servicebus import ServiceBusQueue
from shared.clients.servicebus_links import ServiceBusLinks
from shared.errors import QueueUnavailable, Refused
from shared.ports import DeadLetter, LetterNotKept, Message
from tests.queues import (
    LOCK_SECONDS,
    NONE_SECONDS,
    OVER_AMQP,
    SEND_SECONDS_MAX,
    WINDOW_SECONDS,
    LocalRig,
    Lost,
    Received,
    Rig,
    SdkRig,
    Session,
    WiredCase,
    all_at_once,
    cutting_once_after,
    forward,
    ready,
)

pytestmark = [*OVER_AMQP]
AWAY_SECONDS = 4.0
PROPERTIES = {"tieout_account": "shop-eu"}


def message(id: str, session: str = "0", **body: str) -> Message:
    return Message(id, session, dict(body), properties=PROPERTIES)


async def accepted(rig: Rig) -> Session:
    session = await rig.accept()
    assert session is not None
    return session


def ids(messages: list[Received]) -> list[str]:
    return [received.id for received in messages]


async def bury(rig: Rig, *names: str) -> None:
    """Let a queue give up messages whose consumer fails each time."""
    await rig.queue.send("work", [message(name) for name in names])
    for _ in range(2):
        session = await accepted(rig)
        for received in await session.receive(len(names)):
            await session.abandon(received)
        await session.close()


async def a_session_keeps_the_order_of_sending_and_every_byte(rig: Rig) -> None:
    await rig.queue.send("work", [message("c", name="Zoë 😀"), message("a"), message("b")])
    session = await accepted(rig)
    first, second, third = await session.receive(3)
    assert (session.id, ids([first, second, third])) == ("0", ["c", "a", "b"])
    assert first.body == '{"name":"Zoë 😀"}'.encode()
    assert (first.deliveries, second.deliveries, third.deliveries) == (0, 0, 0)


async def sessions_of_one_send_are_kept_apart(rig: Rig) -> None:
    await rig.queue.send("work", [message("a1", "a"), message("b1", "b"), message("a2", "a")])
    served = {}
    for _ in range(2):
        session = await accepted(rig)
        served[session.id] = ids(await session.receive(2 if session.id == "a" else 1))
    assert served == {"a": ["a1", "a2"], "b": ["b1"]}


async def a_send_of_more_than_one_batch_arrives_whole_and_in_order(rig: Rig) -> None:
    names = [f"{number:04}" for number in range(1200)]
    await rig.queue.send("work", [message(name, text="x" * 300) for name in names])
    assert rig.broker.depth("work").ready == 1200
    assert ready(rig.broker) == names


async def a_scheduled_copy_comes_at_its_moment(rig: Rig) -> None:
    later = rig.broker.clock.now() + timedelta(hours=1)
    await rig.queue.send("work", [Message("a:0.1", "0", {"n": 1}, later), message("now", "1")])
    session = await accepted(rig)
    (now,) = await session.receive(1)
    assert (session.id, now.id) == ("1", "now")
    assert rig.broker.entity("work").counts() == (0, 1, 1)
    forward(rig.broker, LOCK_SECONDS - 100)
    await session.complete(now)
    await session.close()
    forward(rig.broker, 3600)
    later_session = await accepted(rig)
    (copy,) = await later_session.receive(1)
    assert (later_session.id, copy.id, copy.body) == ("0", "a:0.1", b'{"n":1}')
    await later_session.complete(copy)
    assert rig.broker.entity("work").counts() == (0, 0, 0)


async def a_repeated_id_is_dropped_within_the_window_and_taken_after_it(rig: Rig) -> None:
    later = rig.broker.clock.now() + timedelta(minutes=1)
    await rig.queue.send("work", [message("a", text="first")])
    await rig.queue.send("work", [message("a", text="again"), message("b")])
    await rig.queue.send("work", [Message("b", "0", {}, later)])  # a scheduled copy is no exception
    assert rig.broker.entity("work").counts() == (2, 0, 0)
    forward(rig.broker, WINDOW_SECONDS)
    await rig.queue.send("work", [message("a", text="later")])
    assert [stored.body for stored in rig.broker.peek("work")] == [
        b'{"text":"first"}',
        b"{}",
        b'{"text":"later"}',
    ]


async def what_is_settled_after_the_lock_ended_is_refused_and_comes_again(rig: Rig) -> None:
    await rig.queue.send("work", [message("a"), message("b")])
    session = await accepted(rig)
    first, second = await session.receive(2)
    await session.complete(first)
    forward(rig.broker, LOCK_SECONDS)
    with pytest.raises(Lost):
        await session.complete(second)
    (again,) = await (await accepted(rig)).receive(1)
    assert (again.id, again.deliveries) == ("b", 1)


async def a_renewed_session_is_kept(rig: Rig) -> None:
    await rig.queue.send("work", [message("a")])
    session = await accepted(rig)
    (held,) = await session.receive(1)
    forward(rig.broker, LOCK_SECONDS - 100)
    await session.renew()
    forward(rig.broker, LOCK_SECONDS - 100)
    await session.complete(held)
    assert rig.broker.entity("work").counts() == (0, 0, 0)


async def a_session_whose_lock_ended_cannot_be_renewed(rig: Rig) -> None:
    await rig.queue.send("work", [message("a")])
    session = await accepted(rig)
    forward(rig.broker, LOCK_SECONDS)
    with pytest.raises(Lost):
        await session.renew()


async def a_session_has_one_consumer_until_that_closes_it(rig: Rig) -> None:
    await rig.queue.send("work", [message("a")])
    session = await accepted(rig)
    assert ids(await session.receive(1)) == ["a"]
    assert await rig.accept(NONE_SECONDS) is None
    await session.close()
    (again,) = await (await accepted(rig)).receive(1)
    assert (again.id, again.deliveries) == ("a", 0)


async def dead_letters_are_drained_in_order_and_then_gone(rig: Rig) -> None:
    await bury(rig, "a", "b")
    kept: list[DeadLetter] = []

    async def keep(letter: DeadLetter) -> None:
        kept.append(letter)

    assert await rig.queue.drain_dead_letters("work", keep, limit=2) == 2
    text = "MaxDeliveryCountExceeded: Message could not be consumed after 2 delivery attempts."
    assert kept == [
        DeadLetter("a", "0", b"{}", text, PROPERTIES),
        DeadLetter("b", "0", b"{}", text, PROPERTIES),
    ]
    assert rig.broker.depth("work").dead == 0


async def a_dead_letter_that_is_not_kept_comes_again(rig: Rig) -> None:
    await bury(rig, "a", "b")
    handed: list[str] = []

    async def keep(letter: DeadLetter) -> None:
        handed.append(letter.id)
        if handed == ["a"]:
            raise LetterNotKept(letter.id)

    assert await rig.queue.drain_dead_letters("work", keep, limit=1) == 1
    forward(rig.broker, LOCK_SECONDS)
    assert await rig.queue.drain_dead_letters("work", keep, limit=1) == 1
    assert handed == ["a", "b", "a"]
    assert rig.broker.depth("work").dead == 0


async def a_message_of_nearly_256_kb_arrives_whole(rig: Rig) -> None:
    text = "x" * (BODY_BYTES_MAX - 1000)
    await rig.queue.send("work", [message("large", text=text)])
    (large,) = await (await accepted(rig)).receive(1)
    assert large.body == b'{"text":"' + text.encode() + b'"}'


async def a_message_of_more_than_256_kb_is_refused_and_takes_its_send_along(rig: Rig) -> None:
    with pytest.raises((Refused, MessageRefused)):
        await rig.queue.send("work", [message("a"), message("b", text="x" * BODY_BYTES_MAX)])
    assert rig.broker.depth("work").ready == 0
    await rig.queue.send("work", [message("a")])
    assert rig.broker.depth("work").ready == 1


async def a_probe_tells_whether_a_queue_is_there(rig: Rig) -> None:
    await rig.queue.probe("work")
    with pytest.raises(QueueUnavailable, match="nowhere"):
        await rig.queue.probe("nowhere")


async def a_broker_that_dies_before_it_answers_leads_to_no_second_message(
    rig: SdkRig,
) -> None:
    cuts = []

    def die() -> None:
        cuts.append("cut")
        rig.endpoint.cut()

    rig.broker.after_send = die
    await rig.queue.send("work", [message("a")])  # the SDK sends again, under the same id
    assert cuts == ["cut"]
    assert ready(rig.broker) == ["a"]
    await rig.queue.send("work", [message("b")])
    assert ready(rig.broker) == ["a", "b"]


async def a_message_that_was_cut_in_the_middle_arrives_once(rig: SdkRig) -> None:
    text = "x" * 200_000
    async with cutting_once_after(100_000, rig.endpoint.port) as port:
        links = ServiceBusLinks(connection_string=rig.endpoint.connection_string_at(port))
        queue = ServiceBusQueue(links, SystemClock(), enqueue_seconds_max=SEND_SECONDS_MAX)
        try:
            await queue.send("work", [message("a", text=text)])
        finally:
            await queue.close()
    (whole,) = rig.broker.peek("work")
    assert whole.body == b'{"text":"' + text.encode() + b'"}'


async def a_send_waits_out_a_restart_of_the_broker(rig: SdkRig) -> None:
    await rig.queue.send("work", [message("a")])
    await rig.endpoint.stop()
    sending = asyncio.create_task(rig.queue.send("work", [message("b")]))
    await asyncio.sleep(0.1)
    await rig.endpoint.start()
    await sending
    assert ready(rig.broker) == ["a", "b"]


async def a_broker_that_stays_away_makes_the_queue_unavailable(rig: SdkRig) -> None:
    links = ServiceBusLinks(connection_string=rig.endpoint.connection_string)
    queue = ServiceBusQueue(links, SystemClock(), enqueue_seconds_max=AWAY_SECONDS)
    try:
        await queue.send("work", [message("a")])
        await rig.endpoint.stop()
        with pytest.raises(QueueUnavailable, match="work"):
            await queue.send("work", [message("b")])
        await rig.endpoint.start()
        await queue.send("work", [message("b")])
        assert ready(rig.broker) == ["a", "b"]
    finally:
        await queue.close()


async def a_consumer_whose_broker_restarts_gets_its_messages_again(rig: SdkRig) -> None:
    await rig.queue.send("work", [message("a")])
    session = await accepted(rig)
    assert ids(await session.receive(1)) == ["a"]
    await rig.restart()
    (again,) = await (await accepted(rig)).receive(1)
    assert (again.id, again.deliveries) == ("a", 0)


type Case = Callable[[Rig], Awaitable[None]]

CASES: tuple[Case, ...] = (
    a_session_keeps_the_order_of_sending_and_every_byte,
    sessions_of_one_send_are_kept_apart,
    a_send_of_more_than_one_batch_arrives_whole_and_in_order,
    a_scheduled_copy_comes_at_its_moment,
    a_repeated_id_is_dropped_within_the_window_and_taken_after_it,
    what_is_settled_after_the_lock_ended_is_refused_and_comes_again,
    a_renewed_session_is_kept,
    a_session_whose_lock_ended_cannot_be_renewed,
    a_session_has_one_consumer_until_that_closes_it,
    dead_letters_are_drained_in_order_and_then_gone,
    a_dead_letter_that_is_not_kept_comes_again,
    a_message_of_nearly_256_kb_arrives_whole,
    a_message_of_more_than_256_kb_is_refused_and_takes_its_send_along,
    a_probe_tells_whether_a_queue_is_there,
)
WIRED_CASES: tuple[WiredCase, ...] = (
    a_broker_that_dies_before_it_answers_leads_to_no_second_message,
    a_message_that_was_cut_in_the_middle_arrives_once,
    a_send_waits_out_a_restart_of_the_broker,
    a_broker_that_stays_away_makes_the_queue_unavailable,
    a_consumer_whose_broker_restarts_gets_its_messages_again,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    request: pytest.FixtureRequest,
) -> AsyncIterator[Mapping[str, asyncio.Task[None]]]:
    async with all_at_once((*CASES, *WIRED_CASES), request) as tasks:
        yield tasks


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_in_process(case: Case) -> None:
    await case(LocalRig())


@pytest.mark.parametrize("name", [case.__name__ for case in (*CASES, *WIRED_CASES)])
async def test_over_amqp(name: str, running: Mapping[str, asyncio.Task[None]]) -> None:
    await running[name]
