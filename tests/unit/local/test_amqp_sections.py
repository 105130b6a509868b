"""An encoded message is cut into its sections without being understood."""

import struct
from typing import Any

import pytest
from azure.servicebus._pyamqp._encode import encode_payload
from azure.servicebus._pyamqp.message import Header, Message, Properties
from hypothesis import given
from hypothesis import strategies as st

from local.servicebus.amqp.sections import DATA, HEADER, PROPERTIES, NotAMessage, sections

MESSAGE_ANNOTATIONS, APPLICATION_PROPERTIES, VALUE = 0x72, 0x74, 0x77


def by_the_sdk(**parts: Any) -> bytes:
    output = bytearray()
    encode_payload(output, Message(**parts))
    return bytes(output)


def test_what_the_sdk_encodes_is_cut_where_it_ends() -> None:
    data = by_the_sdk(
        header=Header(durable=True, delivery_count=3),
        message_annotations={b"x-opt-a": 1},
        properties=Properties(message_id="a", group_id="s"),
        application_properties={"flag": True, "text": "x" * 300},
        data=[b"one", b"x" * 300],
    )
    cut = sections(data)
    assert [part.code for part in cut] == [
        HEADER,
        MESSAGE_ANNOTATIONS,
        PROPERTIES,
        APPLICATION_PROPERTIES,
        DATA,
        DATA,
    ]
    assert b"".join(part.encoded for part in cut) == data
    assert [part.binary() for part in cut[-2:]] == [b"one", b"x" * 300]


@pytest.mark.parametrize(
    "value",
    [
        *(
            "40",
            "41",
            "42",
            "43",
            "44",
            "45",
            "50ff",
            "5401",
            "5500",
            "5601",
            "60ffff",
            "70" + "00" * 4,
        ),
        *("80" + "00" * 8, "94" + "00" * 16, "98" + "00" * 16, "a00161", "b00000000161", "a10161"),
        *("c0020141", "d00000000500000001" + "41", "e00201" + "41", "f0000000050000000141"),
    ],
)
def test_each_width_of_value_is_skipped(value: str) -> None:
    encoded = bytes.fromhex(value)
    data = bytes([0, 0x53, VALUE]) + encoded
    assert [part.value for part in sections(data + data)] == [encoded, encoded]


def test_a_section_may_be_described_by_a_long_code() -> None:
    (part,) = sections(b"\x00\x80" + struct.pack(">Q", DATA) + b"\xa0\x01x")
    assert (part.code, part.binary()) == (DATA, b"x")


def test_nothing_has_no_sections() -> None:
    assert sections(b"") == ()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"id":"evt"}', "begins no section"),
        (b"\x00\x53\x29\x45", "no section 0x29"),
        (b"\x00\xa1\x01a\x45", "described by"),
        (b"\x00\x53\x75\x30\x00", "no AMQP type"),
        (b"\x00\x53\x75\xa0\x05abc", "in the middle"),
        (b"\x00\x53\x75\xb0\x00\x00", "in the middle"),
        (b"\x00\x53", "in the middle"),
        (b"\x00\x53\x75", "in the middle"),
        (b"\x00\x80\x00\x00", "in the middle"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(NotAMessage, match=text):
        sections(data)


def test_a_data_section_of_something_else_than_binary_has_no_content() -> None:
    (part,) = sections(b"\x00\x53\x75\x45")
    with pytest.raises(NotAMessage, match="binary"):
        part.binary()


@given(st.binary(max_size=200))
def test_any_bytes_are_cut_completely_or_refused(data: bytes) -> None:
    try:
        cut = sections(data)
    except NotAMessage:
        return
    assert b"".join(part.encoded for part in cut) == data
