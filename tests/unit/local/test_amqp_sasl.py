"""The server's side of SASL, byte by byte."""

import struct

import pytest

from local.servicebus.amqp.sasl import FRAME_BYTES_MAX, MECHANISMS, SaslRefused, SaslServer

SASL = b"AMQP\x03\x01\x00\x00"
PLAIN = b"AMQP\x00\x01\x00\x00"
OUTCOME_OK = bytes.fromhex("0000001002010000005344c003015000")


def init(mechanism: bytes) -> bytes:
    fields = bytes([0xA3, len(mechanism)]) + mechanism
    body = b"\x00\x53\x41\xc0" + bytes([len(fields) + 1, 1]) + fields
    return struct.pack(">IBBH", 8 + len(body), 2, 1, 0) + body


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_any_mechanism_lets_the_client_in(mechanism: bytes) -> None:
    sasl = SaslServer()
    answer, rest = sasl.feed(SASL)
    assert answer.startswith(SASL)
    assert mechanism in answer
    assert rest == b""
    assert sasl.feed(init(mechanism)) == (OUTCOME_OK, b"")
    assert sasl.feed(PLAIN) == (b"", PLAIN)


def test_the_list_of_mechanisms_is_an_array_of_symbols() -> None:
    answer, _ = SaslServer().feed(SASL)
    frame = answer[len(SASL) :]
    assert struct.unpack_from(">IBBH", frame) == (len(frame), 2, 1, 0)
    assert frame[8:12] == b"\x00\x53\x40\xc0"
    assert frame[12] == len(frame) - 13
    assert (frame[13], frame[14], frame[15]) == (1, 0xE0, len(frame) - 16)
    assert (frame[16], frame[17]) == (len(MECHANISMS), 0xA3)


def test_bytes_may_come_in_any_pieces() -> None:
    sasl = SaslServer()
    answers, rests = b"", b""
    for byte in SASL + init(b"ANONYMOUS") + PLAIN + b"frames":
        answer, rest = sasl.feed(bytes([byte]))
        answers += answer
        rests += rest
    assert answers.startswith(SASL)
    assert answers.endswith(OUTCOME_OK)
    assert rests == PLAIN + b"frames"


def test_all_bytes_may_come_at_once() -> None:
    answer, rest = SaslServer().feed(SASL + init(b"PLAIN") + PLAIN + b"frames")
    assert answer.endswith(OUTCOME_OK)
    assert rest == PLAIN + b"frames"


def test_a_client_may_do_without_sasl() -> None:
    assert SaslServer().feed(PLAIN + b"frames") == (b"", PLAIN + b"frames")


@pytest.mark.parametrize(
    "greeting", [b"GET / HT", b"AMQP\x02\x01\x00\x00", b"AMQP\x00\x00\x09\x01"]
)
def test_whoever_speaks_something_else_is_refused(greeting: bytes) -> None:
    with pytest.raises(SaslRefused, match="is not AMQP"):
        SaslServer().feed(greeting)


def test_an_endless_frame_is_refused() -> None:
    sasl = SaslServer()
    sasl.feed(SASL)
    with pytest.raises(SaslRefused, match=str(FRAME_BYTES_MAX)):
        sasl.feed(struct.pack(">I", FRAME_BYTES_MAX + 1))
