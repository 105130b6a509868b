"""AMQP messages to what the broker holds, and back."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import (
    ServiceBusMessage,
    ServiceBusMessageBatch,
    ServiceBusReceivedMessage,
)
from azure.servicebus._pyamqp._encode import encode_payload
from azure.servicebus._pyamqp.message import BatchMessage, Message, Properties
from azure.servicebus.amqp import AmqpAnnotatedMessage, AmqpMessageProperties

from local.servicebus.messages import MessageRefused, Outgoing, Stored
from tests.queues import require_amqp

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def amqp() -> None:
    require_amqp()


def outgoing_of(data: bytes) -> tuple[Outgoing, ...]:
    from local.servicebus.amqp import messages

    return messages.outgoing_of(data)


def delivered(message: Stored, source: str | None = None) -> ServiceBusReceivedMessage:
    from local.servicebus.amqp.messages import Locked, encoded

    data = encoded(message, source, Locked("0" * 31 + "7", LATER))
    return ServiceBusReceivedMessage.from_bytes(data)


def by_the_sdk(message: ServiceBusMessage | AmqpAnnotatedMessage) -> bytes:
    batch = ServiceBusMessageBatch()
    batch.add_message(message)
    (added,) = batch._messages
    return bytes(encode_payload(bytearray(), added._message))


def stored(encoded: bytes = b"", **more: object) -> Stored:
    return Stored(5, "a", "s", b"{}", NOW, encoded=encoded, **more)  # type: ignore[arg-type]


def test_a_message_is_read_as_its_sender_meant_it() -> None:
    data = by_the_sdk(
        ServiceBusMessage(
            b"{}",
            message_id="a",
            session_id="s",
            scheduled_enqueue_time_utc=LATER,
            time_to_live=timedelta(minutes=5),
        )
    )
    (read,) = outgoing_of(data)
    at = LATER.replace(microsecond=123_000)  # AMQP counts milliseconds
    assert read == Outgoing("a", b"{}", "s", at, 300.0, data)


def test_a_message_without_id_gets_one() -> None:
    data = bytes(encode_payload(bytearray(), Message(data=[b"{}"])))
    (first,), (second,) = outgoing_of(data), outgoing_of(data)
    assert first.message_id
    assert first.message_id != second.message_id


def test_a_batch_is_unpacked_in_order() -> None:
    inner = [by_the_sdk(ServiceBusMessage(b"{}", message_id=name)) for name in "ab"]
    output = bytearray()
    encode_payload(output, BatchMessage(*Message(data=inner)))
    assert [read.message_id for read in outgoing_of(bytes(output))] == ["a", "b"]


def test_bodies_that_only_look_a_little_like_messages_are_bodies() -> None:
    for body in (b"", b"\x00", b"\x00Su", b'{"a":1}'):
        (read,) = outgoing_of(by_the_sdk(ServiceBusMessage(body, message_id="a")))
        assert (read.message_id, read.body) == ("a", body)


def test_a_body_of_another_kind_is_kept_as_text() -> None:
    output = bytearray()
    encode_payload(output, Message(value="text", properties=Properties(message_id="a")))
    (read,) = outgoing_of(bytes(output))
    assert read.body == b"text"


@pytest.mark.parametrize(
    "data",
    [
        b'{"id":"evt"}',
        b"\x00\x53\x75\xa0\x05cut",
        b"\x00\x53\x75\x45",  # a data section that holds a list
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(MessageRefused, match="not an AMQP message"):
        outgoing_of(data)


def test_a_receiver_learns_what_the_broker_knows() -> None:
    got = delivered(stored(by_the_sdk(ServiceBusMessage(b"x", message_id="a")), failures=2))
    assert (got.message_id, got.sequence_number, got.delivery_count) == ("a", 5, 2)
    assert got.enqueued_time_utc == NOW.replace(microsecond=123_000)
    assert got.locked_until_utc == LATER.replace(microsecond=123_000)
    assert (got.dead_letter_reason, got.dead_letter_source) == (None, None)


def test_a_message_sent_in_process_is_encoded_as_our_client_would() -> None:
    got = delivered(stored())
    assert (got.message_id, got.session_id, got.content_type) == ("a", "s", "application/json")
    assert b"".join(got.body) == b"{}"


def test_a_dead_letter_tells_why_and_keeps_the_properties_of_its_sender() -> None:
    sent = AmqpAnnotatedMessage(
        data_body=[b"one", b"two"],
        properties=AmqpMessageProperties(message_id="a", correlation_id="c", subject="s"),
        application_properties={"mine": 1},
    )
    dead = stored(by_the_sdk(sent), dead_letter_reason="Poison", dead_letter_text="no way")
    got = delivered(dead, "work")
    assert (got.dead_letter_reason, got.dead_letter_error_description) == ("Poison", "no way")
    assert (got.dead_letter_source, got.correlation_id, got.subject) == ("work", "c", "s")
    assert got.application_properties is not None
    assert got.application_properties[b"mine"] == 1
    assert list(got.body) == [b"one", b"two"]
