"""One client's connection: bytes to proton, proton's events to the ends of links."""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any

import proton

from local.servicebus.amqp.management import Management, accept_token
from local.servicebus.amqp.queues import QueueInput, QueueOutput
from local.servicebus.amqp.requests import Replies, Requests
from local.servicebus.amqp.sasl import SaslRefused, SaslServer
from local.servicebus.amqp.wire import LinkEnd, is_open
from local.servicebus.broker import Broker, SessionReceiver

CONTAINER = "tieout"
FRAME_BYTES_MAX = 65_536
CBS = "$cbs"
MANAGEMENT_SUFFIX = "/$management"

_SCHEME_AND_HOST = re.compile(r"^[a-z]+://[^/]*/")
_LOG = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """Speaks AMQP 1.0 with one client. Everything happens in the loop; proton only computes."""

    def __init__(self, broker: Broker, ended: Callable[["Connection"], None]) -> None:
        self._broker = broker
        self._ended = ended
        self._sasl = SaslServer()
        self._socket: asyncio.Transport | None = None
        self._ends: dict[proton.Link, LinkEnd] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._tick: asyncio.TimerHandle | None = None
        self._collector = proton.Collector()
        self._connection = proton.Connection()
        self._connection.collect(self._collector)
        self._transport = proton.Transport(proton.Transport.SERVER)
        self._transport.max_frame_size = FRAME_BYTES_MAX
        self._transport.bind(self._connection)

    # --- asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy
        self._socket = transport

    def data_received(self, data: bytes) -> None:
        """Hand over what came, and send what that led to."""
        if self._socket is None:
            return
        try:
            answer, rest = self._sasl.feed(data)
        except SaslRefused as error:
            _LOG.warning("an AMQP client was refused: %s", error)
            self.abort()
            return
        if answer:
            self._socket.write(answer)
        try:
            while rest:
                count = min(self._transport.capacity(), len(rest))
                if count <= 0:
                    break
                self._transport.push(rest[:count])
                rest = rest[count:]
                self._dispatch()
        except proton.ProtonException as error:
            _LOG.warning("an AMQP client broke the protocol: %s", error)
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the sessions that the client held."""
        del exc
        self._socket = None
        if self._tick is not None:
            self._tick.cancel()
        for end in self._ends.values():
            end.closed()
        self._ends.clear()
        for task in self._tasks:
            task.cancel()
        self._transport.unbind()
        self._connection.free()
        self._ended(self)

    def abort(self) -> None:
        """Cut the connection, as a broker that dies does."""
        if self._socket is not None:
            self._socket.abort()

    # --- for the ends of links ---

    def flush(self) -> None:
        """Send what proton has ready, and see to the next heartbeat."""
        if self._socket is None:
            return
        self._dispatch()
        pending = self._transport.pending()
        while pending > 0:
            self._socket.write(bytes(self._transport.peek(pending)))
            self._transport.pop(pending)
            self._dispatch()
            pending = self._transport.pending()
        if pending < 0:
            if self._transport.condition is not None:
                _LOG.info("an AMQP connection ends: %s", self._transport.condition)
            self._socket.close()
            return
        loop = asyncio.get_running_loop()
        if self._tick is not None:
            self._tick.cancel()
        due = self._transport.tick(loop.time())
        self._tick = loop.call_at(due, self.flush) if due else None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something as long as the connection lives; an error ends the connection."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("the AMQP endpoint failed and cuts a connection", exc_info=error)
            self.abort()

    # --- proton ---

    def _dispatch(self) -> None:
        while (event := self._collector.peek()) is not None:
            self._handle(event)
            self._collector.pop()

    def _handle(self, event: proton.Event) -> None:
        kind = event.type
        if kind == proton.Event.CONNECTION_REMOTE_OPEN:
            self._connection.container = CONTAINER
            self._connection.open()
        elif kind == proton.Event.SESSION_REMOTE_OPEN:
            event.session.open()
        elif kind == proton.Event.LINK_REMOTE_OPEN:
            self._attach(event.link)
        elif kind == proton.Event.LINK_FLOW and self._is_live(event.link):
            self._ends[event.link].flowed()
        elif kind == proton.Event.DELIVERY and self._is_live(event.link):
            self._ends[event.link].delivered(event.delivery)
        elif kind in (proton.Event.LINK_REMOTE_CLOSE, proton.Event.LINK_REMOTE_DETACH):
            self._detach(event.link)
        elif kind == proton.Event.SESSION_REMOTE_CLOSE:
            for link in [link for link in self._ends if link.session == event.session]:
                self._detach(link)
            event.session.close()
        elif kind == proton.Event.CONNECTION_REMOTE_CLOSE:
            self._connection.close()

    def _is_live(self, link: proton.Link) -> bool:
        return link in self._ends and is_open(link)

    def _attach(self, link: proton.Link) -> None:
        end = self._end_of(link)
        self._ends[link] = end
        end.opened()

    def _end_of(self, link: proton.Link) -> LinkEnd:
        terminus = link.remote_source if link.is_sender else link.remote_target
        node = _SCHEME_AND_HOST.sub("", terminus.address or "").removeprefix("/")
        if node == CBS or node.endswith(MANAGEMENT_SUFFIX):
            if link.is_sender:
                return Replies(link)
            queue = node.removesuffix(MANAGEMENT_SUFFIX)
            answer = (
                accept_token if node == CBS else Management(self._broker, queue, self._session_of)
            )
            return Requests(link, answer, self._reply_to(link))
        if link.is_sender:
            return QueueOutput(self._broker, self, link, node)
        return QueueInput(self._broker, link, node)

    def _detach(self, link: proton.Link) -> None:
        end = self._ends.pop(link, None)
        if end is not None:
            end.closed()
        link.close()

    def _session_of(self, session_id: str) -> SessionReceiver | None:
        for end in self._ends.values():
            if isinstance(end, QueueOutput) and end.session is not None:
                session = end.session
                if session.session_id == session_id:
                    return session
        return None

    def _reply_to(
        self, request_link: proton.Link
    ) -> Callable[[proton.Message, proton.Message], None]:
        def reply(request: proton.Message, answer: proton.Message) -> None:
            for end in self._ends.values():
                if isinstance(end, Replies) and end.matches(request_link, request.reply_to):
                    end.send(answer)
                    return
            _LOG.warning("an AMQP request got no answer: its client opened no link for it")

        return reply
