"""The production clients behind the ports, made from the settings. Nothing connects here.

The clients are imported where they are made: an application that replaces one (a world does) does
not wait for its SDK to load.
"""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx

from shared.ports import Clock, DynamicsGateway, Queue, Random, Signatures, StripeGateway, Tables
from shared.settings import Settings
from shared.telemetry import NoTelemetry, Telemetry

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

HTTP_SECONDS_MAX = 60.0
EXPORT_SETTING = "APPLICATIONINSIGHTS_CONNECTION_STRING"
TALKATIVE = ("httpx", "stripe")  # they log whole addresses, and a filter may hold an e-mail


def telemetry_of(environment: Mapping[str, str]) -> Telemetry:
    """OpenTelemetry where there is somebody to export to, else log lines."""
    if not environment.get(EXPORT_SETTING):
        return NoTelemetry()
    from shared.clients.open_telemetry import OpenTelemetry

    return OpenTelemetry()


def _quieten() -> None:
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=HTTP_SECONDS_MAX)


def _credential(settings: Settings) -> "AsyncTokenCredential":
    from shared.clients.credentials import azure_credential

    return azure_credential(settings.managed_identity_client_id or None)


def _stripe(settings: Settings, clock: Clock, rng: Random) -> StripeGateway:
    return stripe_gateway(settings, _http(), clock, rng)


def stripe_gateway(
    settings: Settings, http: httpx.AsyncClient, clock: Clock, rng: Random
) -> StripeGateway:
    """The Stripe client over a given transport."""
    from shared.clients.stripe.gateway import StripeApi

    _quieten()
    return StripeApi(
        settings.stripe_api_key.get_secret_value(),
        http,
        clock,
        rng,
        base_url=settings.stripe_base_url or None,
        requests_per_second=settings.stripe_requests_per_second,
    )


def _dynamics(settings: Settings, clock: Clock, rng: Random) -> DynamicsGateway:
    del rng
    return dynamics_gateway(settings, _http(), clock)


def dynamics_gateway(settings: Settings, http: httpx.AsyncClient, clock: Clock) -> DynamicsGateway:
    """The Dynamics client over a given transport."""
    from shared.clients.dynamics.auth import (
        ClientCredentials,
        IdentityToken,
        TokenSource,
    )
    from shared.clients.dynamics.finance import FinanceGateway
    from shared.clients.dynamics.transport import DynamicsHttp

    _quieten()
    scope = f"{settings.dynamics_url}/.default"
    tokens: TokenSource
    if settings.dynamics_client_secret is not None:
        tokens = ClientCredentials(
            settings.dynamics_token_url,
            settings.dynamics_client_id,
            settings.dynamics_client_secret.get_secret_value(),
            scope,
            http=http,
            clock=clock,
        )
    else:
        tokens = IdentityToken(lambda: _credential(settings), scope)
    transport = DynamicsHttp(settings.dynamics_url, tokens, http, clock)
    return FinanceGateway(transport, clock, delimiter=settings.dynamics_dimension_delimiter)


def dynamics_client(
    url: str, secret: tuple[str, str, str], http: httpx.AsyncClient, clock: Clock
) -> DynamicsGateway:
    """The Dynamics client of who has no settings yet. `secret`: token address, client id, client
    secret."""
    from shared.clients.dynamics.auth import ClientCredentials
    from shared.clients.dynamics.finance import FinanceGateway
    from shared.clients.dynamics.transport import DynamicsHttp

    _quieten()
    tokens = ClientCredentials(*secret, f"{url}/.default", http=http, clock=clock)
    return FinanceGateway(DynamicsHttp(url, tokens, http, clock), clock, delimiter="-")


def _tables(settings: Settings, clock: Clock) -> Tables:
    from shared.clients.tables import AzureTables

    del clock
    if settings.tables_connection is not None:
        return AzureTables(connection_string=settings.tables_connection.get_secret_value())
    return AzureTables(endpoint=settings.tables_endpoint, credential=_credential(settings))


def _queue(settings: Settings, clock: Clock) -> Queue:
    from shared.clients.servicebus import ServiceBusQueue
    from shared.clients.servicebus_links import ServiceBusLinks

    if settings.service_bus_connection is not None:
        connection = settings.service_bus_connection.get_secret_value()
        return ServiceBusQueue(ServiceBusLinks(connection_string=connection), clock)
    links = ServiceBusLinks(
        namespace=settings.service_bus_namespace, credential=_credential(settings)
    )
    return ServiceBusQueue(links, clock)


def _signatures(settings: Settings, clock: Clock) -> Signatures:
    from shared.clients.stripe.signatures import StripeSignatures

    del settings, clock
    return StripeSignatures()


RECEIVING_MAKERS = MappingProxyType({"tables": _tables, "queue": _queue, "signatures": _signatures})
"""By port: of what receives events."""

VENDOR_MAKERS = MappingProxyType({"stripe": _stripe, "dynamics": _dynamics})
"""By port: of what asks the vendors."""
