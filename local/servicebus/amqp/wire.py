"""What all ends of links share: conditions, refusals, settlement."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import proton

from local.servicebus.messages import BODY_BYTES_MAX

CREDIT = 500  # messages that a sender may have under way on one link
MESSAGE_BYTES_MAX = BODY_BYTES_MAX
ENDLESS_BYTES = 16 * MESSAGE_BYTES_MAX  # read so far of a message that has not ended

TIMEOUT = "com.microsoft:timeout"
MESSAGE_LOCK_LOST = "com.microsoft:message-lock-lost"
SESSION_LOCK_LOST = "com.microsoft:session-lock-lost"
SESSION_TAKEN = "com.microsoft:session-cannot-be-locked"
ARGUMENT_ERROR = "com.microsoft:argument-error"
TOO_LARGE = "amqp:link:message-size-exceeded"
NOT_FOUND = "amqp:not-found"
NOT_ALLOWED = "amqp:not-allowed"
NOT_IMPLEMENTED = "amqp:not-implemented"


class Wire(Protocol):
    """What a link needs of its connection."""

    def flush(self) -> None:
        """Send what proton has ready."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something as long as the connection lives; an error ends the connection."""


class LinkEnd(Protocol):
    """The endpoint's end of one link. Proton's events come as calls."""

    def opened(self) -> None:
        """The client has attached."""

    def flowed(self) -> None:
        """The client has changed the credit."""

    def delivered(self, delivery: proton.Delivery) -> None:
        """A message, or news about one."""

    def closed(self) -> None:
        """The link is gone, or its connection."""


def refuse(link: proton.Link, condition: str, text: str) -> None:
    """Close a link with an error. Where its attach is unanswered, answer without source and target
    first, so that the client does not take the link for open."""
    if not is_open(link):
        link.source.type = link.target.type = proton.Terminus.UNSPECIFIED
        link.open()
    link.condition = _condition(condition, text)
    link.close()


def is_open(link: proton.Link) -> bool:
    """Whether the endpoint has accepted the link and has not closed it."""
    return bool(link.state & proton.Endpoint.LOCAL_ACTIVE)


def _condition(name: str, text: str) -> proton.Condition:
    """An error; the Python SDK reads its third field without looking whether there is one."""
    return proton.Condition(name, text, {proton.symbol("text"): text})


def accept(link: proton.Link) -> None:
    """Answer an attach with what the client asked for."""
    link.source.copy(link.remote_source)
    link.target.copy(link.remote_target)
    link.snd_settle_mode = link.remote_snd_settle_mode
    link.rcv_settle_mode = link.remote_rcv_settle_mode
    link.max_message_size = MESSAGE_BYTES_MAX


def payload_of(link: proton.Link, delivery: proton.Delivery) -> bytes | None:
    """The bytes of a message that has arrived whole. None while more is to come, and for a message
    that is too large, which is rejected; one that does not end closes its link."""
    size = delivery.pending
    if delivery.partial or delivery.aborted:
        if size > ENDLESS_BYTES:
            refuse(link, TOO_LARGE, f"a message of more than {ENDLESS_BYTES} bytes was not read on")
        return None
    data = bytes(link.recv(size)) if size else b""
    link.advance()
    if size <= MESSAGE_BYTES_MAX:
        return data
    text = f"the message has {size} bytes; the limit of the Standard tier is {MESSAGE_BYTES_MAX}"
    settle(delivery, proton.Delivery.REJECTED, TOO_LARGE, text)
    return None


def settle(
    delivery: proton.Delivery, state: int, condition: str | None = None, text: str = ""
) -> None:
    """Tell the peer what became of a message."""
    if condition is not None:
        delivery.local.condition = _condition(condition, text)
    delivery.update(state)
    delivery.settle()
