"""Microsoft's SDK for Service Bus, unmodified, finds in the embedded broker what it finds in Azure.

What the application needs of it is in test_queue.py; here is what a Functions host or a colleague's
script may use besides.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
import pytest_asyncio
from azure.servicebus import ServiceBusMessage, ServiceBusReceiveMode
from azure.servicebus._common.mgmt_handlers import default as mgmt_default
from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
    SessionCannotBeLockedError,
)

from local.servicebus.amqp.sasl import MECHANISMS
from local.servicebus.messages import BODY_BYTES_MAX, Outgoing
from tests.queues import COME_SECONDS, OVER_AMQP, SdkRig, WiredCase, all_at_once, forward, ready

pytestmark = [*OVER_AMQP]


def message(id: str, session: str | None = "0", body: bytes = b"{}") -> ServiceBusMessage:
    return ServiceBusMessage(body, message_id=id, session_id=session)


def sender(rig: SdkRig, queue: str = "work") -> ServiceBusSender:
    return rig.client.get_queue_sender(queue)


def plain(
    rig: SdkRig, mode: ServiceBusReceiveMode = ServiceBusReceiveMode.PEEK_LOCK
) -> ServiceBusReceiver:
    return rig.client.get_queue_receiver("plain", receive_mode=mode)


async def a_scheduled_message_can_be_cancelled(rig: SdkRig) -> None:
    later = rig.broker.clock.now() + timedelta(hours=1)
    async with sender(rig) as link:
        numbers = await link.schedule_messages([message("a"), message("b")], later)
        assert rig.broker.depth("work").scheduled == 2
        await link.cancel_scheduled_messages(numbers[0])
        assert rig.broker.depth("work").scheduled == 1
        with pytest.raises(MessageNotFoundError):
            await link.cancel_scheduled_messages(numbers)
    forward(rig.broker, 3600)
    assert ready(rig.broker) == ["b"]


async def a_message_arrives_with_all_that_its_sender_wrote(rig: SdkRig) -> None:
    written = ServiceBusMessage(
        b"body",
        message_id="a",
        application_properties={"number": 7, "flag": True, "text": "Zoë"},
        content_type="text/plain",
        correlation_id="c",
        subject="s",
        to="t",
        reply_to="r",
        time_to_live=timedelta(hours=2),
    )
    several = AmqpAnnotatedMessage(data_body=[b"one", b"two"])
    value = AmqpAnnotatedMessage(value_body={"a": 1})
    async with sender(rig, "plain") as link, plain(rig) as receiver:
        await link.send_messages(written)
        await link.send_messages(several)
        await link.send_messages(value)
        first, second, third = await receiver.receive_messages(3, COME_SECONDS)
    assert b"".join(first.body) == b"body"
    assert first.application_properties == {b"number": 7, b"flag": True, b"text": "Zoë".encode()}
    assert (first.content_type, first.correlation_id, first.subject) == ("text/plain", "c", "s")
    assert (first.to, first.reply_to, first.time_to_live) == ("t", "r", timedelta(hours=2))
    assert list(second.body) == [b"one", b"two"]
    assert third.body == {b"a": 1}
    assert (first.sequence_number, first.delivery_count, first.dead_letter_source) == (1, 0, None)
    (stored,) = rig.broker.entity("plain").browse(1, 1, None)
    assert first.enqueued_time_utc is not None
    assert abs(first.enqueued_time_utc - stored.enqueued_at) < timedelta(milliseconds=1)


async def a_message_expires_when_its_sender_said_so(rig: SdkRig) -> None:
    async with sender(rig) as link:
        await link.send_messages(
            ServiceBusMessage(
                b"{}", message_id="a", session_id="0", time_to_live=timedelta(hours=1)
            )
        )
    forward(rig.broker, 3000)
    assert rig.broker.depth("work").ready == 1
    forward(rig.broker, 600)
    assert (rig.broker.depth("work").ready, rig.broker.depth("work").dead) == (0, 1)


async def a_peek_shows_ready_and_locked_messages_and_takes_none(rig: SdkRig) -> None:
    async with sender(rig) as link:
        await link.send_messages([message("a"), message("b")])
    async with rig.client.get_queue_receiver("work", session_id="0") as receiver:
        (held,) = await receiver.receive_messages(1, COME_SECONDS)
        peeked = await receiver.peek_messages(5, sequence_number=1)
        assert [shown.message_id for shown in peeked] == ["a", "b"]
        assert await receiver.peek_messages(5, sequence_number=3) == []
        await receiver.complete_message(held)
    assert rig.broker.entity("work").counts() == (1, 0, 0)


async def the_state_of_a_session_outlives_its_consumer(rig: SdkRig) -> None:
    async with rig.client.get_queue_receiver("work", session_id="0") as receiver:
        assert await receiver.session.get_state() is None
        await receiver.session.set_state(b"so far")
    async with rig.client.get_queue_receiver("work", session_id="0") as receiver:
        assert await receiver.session.get_state() == b"so far"
        await receiver.session.set_state(None)
        assert await receiver.session.get_state() is None


async def a_session_that_somebody_holds_cannot_be_had(rig: SdkRig) -> None:
    async with rig.client.get_queue_receiver("work", session_id="0"):
        with pytest.raises(SessionCannotBeLockedError):
            await rig.client.get_queue_receiver("work", session_id="0").__aenter__()


async def a_consumer_that_waits_gets_a_session_and_a_message_when_they_come(rig: SdkRig) -> None:
    waiting = asyncio.create_task(rig.accept())
    await asyncio.sleep(1)
    async with sender(rig) as link:
        await link.send_messages(message("a"))
        session = await waiting
        assert session is not None
        (first,) = await session.receive(1)
        receiving = asyncio.create_task(session.receive(1))
        await asyncio.sleep(0.3)
        await link.send_messages(message("b"))
        (second,) = await receiving
    assert (session.id, first.id, second.id) == ("0", "a", "b")


async def a_consumer_dead_letters_with_its_own_reason(rig: SdkRig) -> None:
    async with sender(rig) as link:
        await link.send_messages(message("a", body=b"poison"))
    async with rig.client.get_queue_receiver("work", session_id="0") as receiver:
        (held,) = await receiver.receive_messages(1, COME_SECONDS)
        await receiver.dead_letter_message(held, reason="Poison", error_description="no way")
    async with rig.dead_letters() as receiver:
        (dead,) = await receiver.peek_messages(1)
        assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("Poison", "no way")
        (dead,) = await receiver.receive_messages(1, COME_SECONDS)
        assert (dead.session_id, b"".join(dead.body)) == ("0", b"poison")
        assert dead.dead_letter_source == "work"
        await receiver.complete_message(dead)
    assert rig.broker.depth("work").dead == 0


async def a_lock_of_one_message_is_renewed_and_lost(rig: SdkRig) -> None:
    async with sender(rig, "plain") as link, plain(rig) as receiver:
        await link.send_messages([message("a", None), message("b", None)])
        first, second = await receiver.receive_messages(2, COME_SECONDS)
        forward(rig.broker, 50)
        assert second.locked_until_utc is not None
        assert await receiver.renew_message_lock(first) > second.locked_until_utc
        forward(rig.broker, 50)
        await receiver.complete_message(first)
        with pytest.raises(MessageLockLostError):
            await receiver.complete_message(second)
        with pytest.raises(MessageLockLostError):
            await receiver.renew_message_lock(second)
        (again,) = await receiver.receive_messages(1, COME_SECONDS)
        assert (again.message_id, again.delivery_count) == ("b", 1)


async def messages_that_a_consumer_never_looked_at_come_back_uncounted(rig: SdkRig) -> None:
    async with sender(rig, "plain") as link:
        await link.send_messages([message(name, None) for name in "abc"])
    async with rig.client.get_queue_receiver("plain", prefetch_count=3) as receiver:
        (held,) = await receiver.receive_messages(1, COME_SECONDS)
        await receiver.complete_message(held)
        assert rig.broker.entity("plain").counts() == (0, 2, 0)
    for _ in range(100):  # the SDK does not wait until it is heard
        if rig.broker.entity("plain").counts() == (2, 0, 0):
            break
        await asyncio.sleep(0.02)
    assert [stored.failures for stored in rig.broker.peek("plain")] == [0, 0]


async def a_receiver_may_take_without_settling(rig: SdkRig) -> None:
    async with (
        sender(rig, "plain") as link,
        plain(rig, ServiceBusReceiveMode.RECEIVE_AND_DELETE) as receiver,
    ):
        await link.send_messages(message("a", None))
        (taken,) = await receiver.receive_messages(1, COME_SECONDS)
    assert taken.message_id == "a"
    assert rig.broker.entity("plain").counts() == (0, 0, 0)


async def a_message_is_settled_over_another_connection_after_a_cut(rig: SdkRig) -> None:
    text = rig.endpoint.connection_string
    async with (
        sender(rig, "plain") as link,
        ServiceBusClient.from_connection_string(text, retry_backoff_factor=0.1) as patient,
        patient.get_queue_receiver("plain") as receiver,
    ):
        await link.send_messages([message("a", None), message("b", None)])
        first, second = await receiver.receive_messages(2, COME_SECONDS)
        rig.endpoint.cut()
        await receiver.complete_message(first)
        await receiver.dead_letter_message(second, reason="Late")
    assert rig.broker.entity("plain").counts() == (0, 0, 0)
    assert rig.broker.depth("plain").dead == 1


async def a_queue_that_does_not_exist_is_named(rig: SdkRig) -> None:
    with pytest.raises(MessagingEntityNotFoundError, match="nowhere"):
        await sender(rig, "nowhere").send_messages(message("a"))
    with pytest.raises(MessagingEntityNotFoundError, match="nowhere"):
        await rig.client.get_queue_receiver("nowhere").receive_messages(1, COME_SECONDS)


async def receivers_must_fit_their_queue(rig: SdkRig) -> None:
    with pytest.raises(ServiceBusError, match="needs session"):
        await rig.client.get_queue_receiver("work").receive_messages(1, COME_SECONDS)
    with pytest.raises(ServiceBusError, match="takes no session"):
        await rig.client.get_queue_receiver("plain", session_id="0").__aenter__()


async def what_the_broker_refuses_is_told_to_the_sender(rig: SdkRig) -> None:
    async with sender(rig) as link:
        with pytest.raises(MessageSizeExceededError):
            await link.send_messages(message("a", body=b"x" * BODY_BYTES_MAX))
        with pytest.raises(ServiceBusError, match="SessionId was not set"):
            await link.send_messages(message("a", None))
        await link.send_messages(message("a"))
    assert ready(rig.broker) == ["a"]


async def deferring_is_refused_and_the_message_comes_again(rig: SdkRig) -> None:
    async with sender(rig, "plain") as link, plain(rig) as receiver:
        await link.send_messages(message("a", None))
        (held,) = await receiver.receive_messages(1, COME_SECONDS)
        with pytest.raises(ServiceBusError, match="defers no message"):
            await receiver.defer_message(held)
        (again,) = await receiver.receive_messages(1, COME_SECONDS)
        assert again.message_id == "a"


async def a_message_that_was_sent_in_process_arrives_too(rig: SdkRig) -> None:
    rig.broker.send("work", [Outgoing("a", b'{"n":1}', "0")])
    session = await rig.accept()
    assert session is not None
    (held,) = await session.receive(1)
    assert (held.id, held.body) == ("a", b'{"n":1}')


async def a_client_that_speaks_something_else_harms_nobody(rig: SdkRig) -> None:
    for greeting in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"AMQP\x02\x01\x00\x00",
        b"AMQP\x00\x01\x00\x00garbage!",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.endpoint.port)
        writer.write(greeting)
        async with asyncio.timeout(COME_SECONDS):
            try:
                while await reader.read(1000):
                    pass
            except ConnectionResetError:
                pass
        writer.close()
    async with sender(rig) as link:
        await link.send_messages(message("a"))


async def the_mechanism_of_the_functions_host_is_offered(rig: SdkRig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.endpoint.port)
    writer.write(b"AMQP\x03\x01\x00\x00")
    offer = await reader.readexactly(8 + 8)
    offer += await reader.readexactly(int.from_bytes(offer[8:12]) - 8)
    assert all(name in offer for name in MECHANISMS)
    assert b"MSSBCBS" in MECHANISMS
    writer.close()


async def a_client_that_wants_heartbeats_gets_them(rig: SdkRig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.endpoint.port)
    idle_ms = 200
    fields = b"\xa1\x01c" + b"\x40" * 3 + b"\x70" + idle_ms.to_bytes(4)
    body = b"\x00\x53\x10\xc0" + bytes([len(fields) + 1, 5]) + fields
    writer.write(b"AMQP\x00\x01\x00\x00" + (8 + len(body)).to_bytes(4) + b"\x02\x00\x00\x00" + body)
    assert await reader.readexactly(8) == b"AMQP\x00\x01\x00\x00"
    size = int.from_bytes(await reader.readexactly(4))
    await reader.readexactly(size - 4)  # the open frame
    heartbeat = bytes.fromhex("0000000802000000")
    async with asyncio.timeout(COME_SECONDS):
        assert await reader.readexactly(16) == heartbeat * 2
    writer.close()


async def a_request_that_makes_no_sense_is_answered(rig: SdkRig) -> None:
    async with plain(rig) as receiver:
        with pytest.raises(ServiceBusError, match="does not know the operation"):
            await receiver._mgmt_request_response(b"com.microsoft:dance", {}, mgmt_default)
        for body in ({}, {"lock-tokens": ["no token"], "disposition-status": "completed"}):
            with pytest.raises(ServiceBusError, match="update-disposition"):
                await receiver._mgmt_request_response(
                    b"com.microsoft:update-disposition", body, mgmt_default
                )


CASES: tuple[WiredCase, ...] = (
    a_scheduled_message_can_be_cancelled,
    a_message_arrives_with_all_that_its_sender_wrote,
    a_message_expires_when_its_sender_said_so,
    a_peek_shows_ready_and_locked_messages_and_takes_none,
    the_state_of_a_session_outlives_its_consumer,
    a_session_that_somebody_holds_cannot_be_had,
    a_consumer_that_waits_gets_a_session_and_a_message_when_they_come,
    a_consumer_dead_letters_with_its_own_reason,
    a_lock_of_one_message_is_renewed_and_lost,
    messages_that_a_consumer_never_looked_at_come_back_uncounted,
    a_receiver_may_take_without_settling,
    a_message_is_settled_over_another_connection_after_a_cut,
    a_queue_that_does_not_exist_is_named,
    receivers_must_fit_their_queue,
    what_the_broker_refuses_is_told_to_the_sender,
    deferring_is_refused_and_the_message_comes_again,
    a_message_that_was_sent_in_process_arrives_too,
    a_client_that_speaks_something_else_harms_nobody,
    the_mechanism_of_the_functions_host_is_offered,
    a_client_that_wants_heartbeats_gets_them,
    a_request_that_makes_no_sense_is_answered,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    request: pytest.FixtureRequest,
) -> AsyncIterator[Mapping[str, asyncio.Task[None]]]:
    async with all_at_once(CASES, request) as tasks:
        yield tasks


@pytest.mark.parametrize("name", [case.__name__ for case in CASES])
async def test_over_amqp(name: str, running: Mapping[str, asyncio.Task[None]]) -> None:
    await running[name]
