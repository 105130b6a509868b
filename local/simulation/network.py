"""The network between one process and the vendors, with what can happen on the way."""

from collections.abc import Callable, Mapping

import httpx

from local.simulation.faults import Injector
from local.simulation.outages import Outages
from local.simulation.process import Process
from shared.ports import Clock

STALE_SECONDS = 30.0  # a connection that idled so long in the middle of sending is gone
MAINTENANCE = b"<html><body><h1>The service is unavailable</h1></body></html>"


class Network:
    """What all connections share. `seconds`: how long the next request to a vendor is on its way,
    besides what the peer itself takes."""

    def __init__(
        self,
        injector: Injector,
        outages: Outages,
        clock: Clock,
        seconds: Mapping[str, Callable[[], float]],
    ) -> None:
        self._injector, self._outages, self._clock = injector, outages, clock
        self._seconds = seconds

    async def before(self, name: str, request: httpx.Request) -> httpx.Response | None:
        """An answer that is not the peer's, or None; raises what a client sees."""
        if name in self._seconds:
            await self._clock.sleep(self._seconds[name]())
        what = f"{name} {request.method}"
        if self._outages.is_away(name):
            return httpx.Response(503, content=MAINTENANCE, request=request)
        if self._injector.strikes("connection_refused", what):
            raise httpx.ConnectError("refused (simulated)", request=request)
        return None

    def after(self, name: str, request: httpx.Request) -> None:
        """Raises when the answer is lost on its way back."""
        if self._injector.strikes("connection_reset", f"{name} {request.method}"):
            raise httpx.ReadError("reset by peer (simulated)", request=request)


class InstrumentedTransport(httpx.AsyncBaseTransport):
    """The process's connections to one vendor. What a frozen process had not sent is never sent:
    meanwhile its connection is gone. (Else a request could leave long after the lease was
    checked.)"""

    def __init__(
        self, process: Process, inner: httpx.AsyncBaseTransport, name: str, network: Network
    ) -> None:
        self._process, self._inner, self._name, self._network = process, inner, name, network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        began = self._process.clock.now()
        await self._process.cross(f"before {self._name} request")
        if (self._process.clock.now() - began).total_seconds() > STALE_SECONDS:
            raise httpx.WriteError("the connection was closed meanwhile", request=request)
        instead = await self._network.before(self._name, request)
        if instead is not None:
            return instead
        try:
            answer = await self._inner.handle_async_request(request)
        finally:
            if not self._process.moves:
                await self._process.hold()
        await self._process.cross(f"after {self._name} request")
        self._network.after(self._name, request)
        return answer
