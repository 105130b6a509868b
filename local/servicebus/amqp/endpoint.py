"""The listening end: what Azure's namespace is to an SDK, on the loopback."""

import asyncio

from local.servicebus.amqp.connection import Connection
from local.servicebus.broker import Broker

HOST = "127.0.0.1"
PORT = 5672  # what `UseDevelopmentEmulator=true` means where the endpoint names no port


class AmqpEndpoint:
    """Serves a broker over AMQP 1.0 without TLS, to whoever reaches the address.

    The broker outlives it: stop one and start another, and clients find every message again.
    """

    def __init__(self, broker: Broker, host: str = HOST, port: int = PORT) -> None:
        self._broker = broker
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, None] = {}

    @property
    def port(self) -> int:
        """Where it listens; after `start` with port 0, the one that was free."""
        return self._port

    @property
    def connection_string(self) -> str:
        """What an SDK connects with. The key is not checked."""
        return self.connection_string_at(self._port)

    def connection_string_at(self, port: int) -> str:
        """The same by way of another port, as of a proxy."""
        return (
            f"Endpoint=sb://{self._host}:{port};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=not-a-secret;UseDevelopmentEmulator=true"
        )

    async def start(self) -> None:
        """Listen. Raises `OSError` where the port is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut all connections, as when a broker restarts."""
        if self._server is None:
            return
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        self._server = None

    def cut(self) -> None:
        """Cut all connections; new ones are taken."""
        for connection in list(self._connections):
            connection.abort()

    def _connection(self) -> Connection:
        connection = Connection(self._broker, self._forget)
        self._connections[connection] = None
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
