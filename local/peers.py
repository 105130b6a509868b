"""All that the application needs around it, and not the application: for `func start`."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

import httpx

from local import azurite, books
from local.dynamics import DynamicsPeer
from local.serve import (
    HOST,
    POSTED_EVERY_SECONDS,
    ServePorts,
    Unstartable,
    listen,
    options,
    run_until_stopped,
)
from local.servicebus import Broker, amqp, load_queues
from local.stripe import StripePeer, WebhookTarget
from local.world import ROOT
from shared import bootstrap
from shared.clients.clock import SystemClock

BUS_PORT = 5672  # what UseDevelopmentEmulator=true means where the endpoint names no port


@dataclass(frozen=True, slots=True)
class PeerPorts:
    """Of both peers and the app to come, of Service Bus, and the first of Azurite's three."""

    serve: ServePorts = field(default_factory=ServePorts)
    bus: int = BUS_PORT
    storage: int = azurite.PORT


def settings_of(ports: PeerPorts) -> Mapping[str, str]:
    """The settings of the app that name its peers; with default ports, those of
    `local.settings.sample.json`."""
    dynamics = f"http://{HOST}:{ports.serve.dynamics}"
    bus = HOST if ports.bus == BUS_PORT else f"{HOST}:{ports.bus}"
    storage = azurite.connection_string(ports.storage)
    return {
        "AzureWebJobsStorage": storage,
        "STRIPE_BASE_URL": f"http://{HOST}:{ports.serve.stripe}",
        "DYNAMICS_URL": dynamics,
        "DYNAMICS_TOKEN_URL": f"{dynamics}/local/oauth2/v2.0/token",
        "TIEOUT_TABLES_CONNECTION": storage,
        "ServiceBusConnection": (
            f"Endpoint=sb://{bus};SharedAccessKeyName=RootManageSharedAccessKey;"
            "SharedAccessKey=not-a-secret;UseDevelopmentEmulator=true"
        ),
    }


def banner(ports: PeerPorts, queues: int, storage: str) -> str:
    """Where the peers are, and how the app is started."""
    app = f"http://{HOST}:{ports.serve.app}/api/webhooks/stripe"
    chosen = settings_of(ports)
    same = chosen == settings_of(PeerPorts())
    change = "  # its settings are right as they are" if same else "  # then change these values:"
    lines = json.dumps(chosen, indent=4).strip("{}\n")
    return f"""
  Stripe       http://{HOST}:{ports.serve.stripe}/v1, key {books.STRIPE_API_KEY}
               events go to {app}
  Dynamics     http://{HOST}:{ports.serve.dynamics}/data
  Service Bus  {HOST}:{ports.bus}, AMQP 1.0 without TLS, {queues} queues
  Storage      {storage}

  Start the app in another terminal, with Azure Functions Core Tools 4 (nobody has tried that yet):

    cp local.settings.sample.json local.settings.json{change}
    . .venv/bin/activate && func start --port {ports.serve.app}

{lines}

  Ctrl+C stops the peers; nothing is kept."""


async def _storage(port: int, stack: AsyncExitStack) -> str:
    """Start Azurite, or say what there is instead."""
    place = f"{HOST}:{port} to {port + azurite.PORTS - 1}"
    if await azurite.is_up(port):
        return f"{place}: something listens there already, and is left as it is"
    if reason := azurite.missing():
        return f"MISSING. Start Azurite yourself on {place}: here, {reason}"
    try:
        await azurite.start(port, stack)
    except azurite.AzuriteFailed as error:
        raise Unstartable(str(error)) from error
    return f"Azurite on {place}"


async def _bus(broker: Broker, port: int, stack: AsyncExitStack) -> None:
    if reason := amqp.missing():
        raise Unstartable(reason)
    from local.servicebus.amqp.endpoint import AmqpEndpoint  # noqa: PLC0415 - needs proton

    endpoint = AmqpEndpoint(broker, HOST, port)
    try:
        await endpoint.start()
    except OSError:
        raise Unstartable(
            f"port {port} is taken: choose another one (tieout serve --help)"
        ) from None
    stack.push_async_callback(endpoint.stop)


async def _start(ports: PeerPorts, seed: int, post_seconds: float, stack: AsyncExitStack) -> str:
    """Start peers, broker and storage until the stack closes; returns the banner."""
    wanted, clock = options(ports.serve, seed, post_seconds), SystemClock()
    broker = Broker(load_queues(ROOT / "infra" / "queues.json"), clock)
    await _bus(broker, ports.bus, stack)
    client = httpx.AsyncClient(timeout=bootstrap.HTTP_SECONDS_MAX)
    stack.push_async_callback(client.aclose)
    dynamics = DynamicsPeer(
        clock,
        random.Random(f"dynamics {seed}"),  # noqa: S311 - a seeded world
        host=wanted.addresses.dynamics,
        client_id=books.DYNAMICS_CLIENT_ID,
        client_secret=books.DYNAMICS_CLIENT_SECRET,
        settings=wanted.dynamics,
    )
    stripe = StripePeer(
        clock,
        random.Random(f"stripe {seed}"),  # noqa: S311 - a seeded world
        webhook=WebhookTarget(f"{wanted.addresses.app}/api/webhooks/stripe", client),
        signing_secrets=books.SIGNING_SECRETS,
        api_key=books.STRIPE_API_KEY,
        settings=wanted.stripe,
    )
    await listen(stripe.asgi, ports.serve.stripe, stack)
    await listen(dynamics.asgi, ports.serve.dynamics, stack)
    storage = await _storage(ports.storage, stack)
    stripe.start()
    stack.push_async_callback(stripe.stop)
    posting = asyncio.create_task(dynamics.run(), name="dynamics post journals")
    stack.callback(posting.cancel)
    return banner(ports, len(broker.queues), storage)


def run(
    ports: PeerPorts,
    seed: int,
    say: Callable[[str], None],
    post_seconds: float = POSTED_EVERY_SECONDS,
) -> str:
    """Serve until interrupted. Returns why it could not start, else empty text."""
    return run_until_stopped(partial(_start, ports, seed, post_seconds), say)
