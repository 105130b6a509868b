"""Cuts an encoded AMQP message into its sections, without looking into them.

Proton keeps one data section of a message; a batch has one for each of its messages, and what a
sender encoded must reach the receiver byte for byte.
https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html#section-message-format
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = 0x70
PROPERTIES = 0x73
DATA = 0x75
FOOTER = 0x78

_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_SMALL_SIZES = (0xA, 0xC, 0xE)
_LARGE_SIZES = (0xB, 0xD, 0xF)
_DESCRIBED = 0
_SMALL_ULONG = 0x53
_ULONG = 0x80
_BINARY = {0xA0: 2, 0xB0: 5}  # bytes of constructor and size


class NotAMessage(ValueError):
    """The bytes are not the sections of an AMQP message."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its code, all its bytes, and the bytes of its value's encoding."""

    code: int
    encoded: bytes
    value: bytes

    def binary(self) -> bytes:
        """The content of a data section. Raises `NotAMessage`."""
        start = _BINARY.get(self.value[0])
        if start is None:
            raise NotAMessage("a data section holds something else than binary")
        return self.value[start:]


def sections(data: bytes) -> tuple[Section, ...]:
    """The sections in their order. Raises `NotAMessage`."""
    try:
        return tuple(_cut(data))
    except (IndexError, struct.error) as error:
        raise NotAMessage("the message ends in the middle of a section") from error


def _cut(data: bytes) -> Iterator[Section]:
    at = 0
    while at < len(data):
        if data[at] != _DESCRIBED:
            raise NotAMessage(f"byte {at} is {data[at]:#x} and begins no section")
        if data[at + 1] == _SMALL_ULONG:
            code, start = data[at + 2], at + 3
        elif data[at + 1] == _ULONG:
            (code,), start = struct.unpack_from(">Q", data, at + 2), at + 10
        else:
            raise NotAMessage(f"a section is described by a {data[at + 1]:#x}")
        if not HEADER <= code <= FOOTER:
            raise NotAMessage(f"there is no section {code:#x}")
        end = start + _length(data, start)
        if end > len(data):
            raise NotAMessage("the message ends in the middle of a section")
        yield Section(code, data[at:end], data[start:end])
        at = end


def _length(data: bytes, at: int) -> int:
    """Of one encoded value, its constructor included."""
    kind = data[at] >> 4
    if kind in _FIXED_WIDTHS:
        return 1 + _FIXED_WIDTHS[kind]
    if kind in _SMALL_SIZES:
        return 2 + data[at + 1]
    if kind in _LARGE_SIZES:
        (size,) = struct.unpack_from(">I", data, at + 1)
        return 5 + int(size)
    raise NotAMessage(f"no AMQP type has the code {data[at]:#x}")
