"""The server's side of SASL: everybody on the loopback may come in.

Proton knows no MSSBCBS, the mechanism that the .NET SDK (and so the Functions host) asks for; the
exchange is two frames. https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-security-v1.0-os.html
"""

import struct
from enum import Enum, auto

MECHANISMS = (b"MSSBCBS", b"ANONYMOUS", b"PLAIN", b"EXTERNAL")
FRAME_BYTES_MAX = 4096

_PLAIN_HEADER = b"AMQP\x00\x01\x00\x00"
_SASL_HEADER = b"AMQP\x03\x01\x00\x00"
_SASL_FRAME = 1
_OUTCOME_OK = b"\x00\x53\x44\xc0\x03\x01\x50\x00"


class SaslRefused(ValueError):
    """The peer does not speak AMQP 1.0, or asks for TLS, which the loopback does without."""


class _Waits(Enum):
    HEADER = auto()
    INIT = auto()
    NOTHING = auto()


class SaslServer:
    """Takes the bytes of a new connection until the peer is in."""

    def __init__(self) -> None:
        self._waits = _Waits.HEADER
        self._data = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Bytes to answer, and bytes that belong to AMQP proper. Raises `SaslRefused`."""
        if self._waits is _Waits.NOTHING:
            return b"", data
        self._data += data
        answer = b""
        if self._waits is _Waits.HEADER and len(self._data) >= len(_SASL_HEADER):
            header = self._take(len(_SASL_HEADER))
            if header == _PLAIN_HEADER:
                return b"", header + self._rest()
            if header != _SASL_HEADER:
                raise SaslRefused(f"the peer began with {header!r}, which is not AMQP 1.0")
            self._waits = _Waits.INIT
            answer += _SASL_HEADER + _frame(_mechanisms())
        if self._waits is _Waits.INIT and len(self._data) >= 4:  # noqa: PLR2004 - the size field
            (size,) = struct.unpack_from(">I", self._data)
            if size > FRAME_BYTES_MAX:
                raise SaslRefused(f"a SASL frame of {size} bytes; at most {FRAME_BYTES_MAX}")
            if len(self._data) >= size:
                self._take(size)
                return answer + _frame(_OUTCOME_OK), self._rest()
        return answer, b""

    def _take(self, count: int) -> bytes:
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def _rest(self) -> bytes:
        self._waits = _Waits.NOTHING
        return self._take(len(self._data))


def _frame(body: bytes) -> bytes:
    return struct.pack(">IBBH", 8 + len(body), 2, _SASL_FRAME, 0) + body


def _mechanisms() -> bytes:
    """`sasl-mechanisms`: a list of one field, an array of symbols."""
    items = b"".join(bytes([len(name)]) + name for name in MECHANISMS)
    array = bytes([len(MECHANISMS), 0xA3]) + items
    fields = bytes([0xE0, len(array)]) + array
    return b"\x00\x53\x40\xc0" + bytes([1 + len(fields), 1]) + fields
