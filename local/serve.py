"""The real driver: the world behind sockets, for curl, the Stripe CLI and a browser."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import uvicorn

from local.dynamics import DynamicsSettings
from local.publishing import embedded
from local.stripe import FEES_WITH_EUR_TAX, PayoutSchedule, PeerSettings
from local.transport import Asgi
from local.world import Addresses, Options, World, open_world
from shared.clients.clock import SystemClock

HOST = "127.0.0.1"
POSTED_EVERY_SECONDS = 60.0
START_POLL_SECONDS = 0.02
START_SECONDS_MAX = 15.0


@dataclass(frozen=True, slots=True)
class ServePorts:
    """Of the app, the Stripe peer and the Dynamics peer."""

    app: int = 7071
    stripe: int = 12111
    dynamics: int = 7365


def options(ports: ServePorts, seed: int, post_seconds: float = POSTED_EVERY_SECONDS) -> Options:
    """A patient person's world: things settle within a second; the batch jobs of Dynamics run every
    `post_seconds`."""
    return Options(
        seed=seed,
        documents=embedded(),
        addresses=Addresses(
            app=f"http://{HOST}:{ports.app}",
            stripe=f"http://{HOST}:{ports.stripe}",
            dynamics=f"http://{HOST}:{ports.dynamics}",
        ),
        stripe=PeerSettings(
            fees=FEES_WITH_EUR_TAX,
            settle_delay_seconds=(0.1, 0.5),
            payouts=PayoutSchedule(),
        ),
        dynamics=DynamicsSettings(
            open_reads=True,
            post_interval_seconds=post_seconds,
            link_host=f"http://{HOST}:{ports.dynamics}",
        ),
        settings={"gather_seconds": 1},
        sockets=True,
    )


class Unstartable(RuntimeError):
    """A port is taken, or a server died before it listened."""


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    def install_signal_handlers(self) -> None:
        """Nothing: one handler stops the whole world."""


async def listen(app: Asgi, port: int, stack: AsyncExitStack) -> None:
    """Serve an application until the stack closes. Raises `Unstartable`."""
    config = uvicorn.Config(
        app, host=HOST, port=port, log_level="error", lifespan="off", access_log=False
    )
    server = _Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup()
    except SystemExit:
        raise Unstartable(
            f"port {port} is taken: choose another one (tieout serve --help)"
        ) from None
    task = asyncio.create_task(server.main_loop(), name=f"server on {port}")

    async def end() -> None:
        server.should_exit = True
        await task
        await server.shutdown()

    stack.push_async_callback(end)


def banner(ports: ServePorts) -> str:
    """What to try."""
    app, stripe, dynamics = (
        f"http://{HOST}:{port}" for port in (ports.app, ports.stripe, ports.dynamics)
    )
    return f"""
  app          {app}/api/status   (also /api/health, /api/ready, /api/proof, /api/payouts)
  Stripe       {stripe}/v1        key sk_test_tieoutlocal
  Dynamics     {dynamics}/data    reads are open; function keys are not checked here

  try:  curl {stripe}/v1/customers -u sk_test_tieoutlocal: -d name=Ada -d email=ada@example.com
        curl '{dynamics}/data/CustomersV3?$filter=OrganizationName%20eq%20%27Ada%27'
        stripe trigger charge.refunded --api-base {stripe} --api-key sk_test_tieoutlocal
        tieout status, tieout waiting, tieout world --help   (jobs of Dynamics, timers, faults)

  Ctrl+C stops it; nothing is kept."""


def run_until_stopped(
    start: Callable[[AsyncExitStack], Awaitable[str]], say: Callable[[str], None]
) -> str:
    """Start something, say the banner that it gives, and wait to be interrupted.

    Returns why it could not start, else empty text.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            say(await start(stack))
            await stop.wait()
            say("stopping")

    try:
        asyncio.run(main())
    except Unstartable as error:
        return str(error)
    return ""


def run(
    ports: ServePorts,
    seed: int,
    say: Callable[[str], None],
    post_seconds: float = POSTED_EVERY_SECONDS,
) -> str:
    """Serve until interrupted. Returns why it could not start, else empty text."""

    async def start(stack: AsyncExitStack) -> str:
        world: World = await stack.enter_async_context(
            open_world(SystemClock(), options(ports, seed, post_seconds))
        )
        for app, port in (
            (world.host.asgi, ports.app),
            (world.stripe.asgi, ports.stripe),
            (world.dynamics.asgi, ports.dynamics),
        ):
            await listen(app, port, stack)
        return banner(ports)

    return run_until_stopped(start, say)
