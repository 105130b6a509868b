"""The endpoint's end of links for requests and their answers.

https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response
"""

from collections.abc import Callable

import proton

from local.servicebus.amqp.wire import ARGUMENT_ERROR, CREDIT, accept, payload_of, settle

type Answerer = Callable[[proton.Message], proton.Message]


class Requests:
    """A client sends requests; each is answered over the link that the client named."""

    def __init__(
        self,
        link: proton.Link,
        answer: Answerer,
        reply: Callable[[proton.Message, proton.Message], None],
    ) -> None:
        self._link = link
        self._answer = answer
        self._reply = reply

    def opened(self) -> None:
        """Let the client ask."""
        accept(self._link)
        self._link.open()
        self._link.flow(CREDIT)

    def flowed(self) -> None:
        """Nothing: the client has nothing to give credit for."""

    def delivered(self, delivery: proton.Delivery) -> None:
        """Answer one request."""
        data = payload_of(self._link, delivery)
        if data is None:
            return
        request = proton.Message()
        try:
            request.decode(data)
        except proton.ProtonException as error:
            settle(delivery, proton.Delivery.REJECTED, ARGUMENT_ERROR, str(error))
            return
        settle(delivery, proton.Delivery.ACCEPTED)
        answer = self._answer(request)
        answer.correlation_id = request.id
        self._reply(request, answer)
        self._link.flow(CREDIT - self._link.credit)

    def closed(self) -> None:
        """Nothing is held."""


class Replies:
    """A client receives the answers to its requests."""

    def __init__(self, link: proton.Link) -> None:
        self._link = link
        self._waiting: list[bytes] = []  # until the client gives credit

    def matches(self, request_link: proton.Link, reply_to: str | None) -> bool:
        """Whether answers to this request leave over this link: the client names its own address,
        or that of the node."""
        mine = self._link
        if reply_to is not None and mine.remote_target.address == reply_to:
            return bool(mine.session == request_link.session)
        return bool(
            mine.session == request_link.session
            and mine.remote_source.address == request_link.remote_target.address
        )

    def opened(self) -> None:
        """Let the client listen."""
        accept(self._link)
        self._link.open()

    def send(self, answer: proton.Message) -> None:
        """Send an answer as soon as the client has given credit."""
        self._waiting.append(bytes(answer.encode()))
        self.flowed()

    def flowed(self) -> None:
        """Send what waited for credit."""
        while self._waiting and self._link.credit > 0:
            transfer = self._link.delivery(self._link.delivery_tag())
            self._link.stream(self._waiting.pop(0))
            self._link.advance()
            transfer.settle()
        if self._link.drain_mode:
            self._link.drained()

    def delivered(self, delivery: proton.Delivery) -> None:
        """Nothing: answers are settled when they are sent."""

    def closed(self) -> None:
        """Nothing is held."""
