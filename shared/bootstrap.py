"""Putting the application together: the one place that knows ports and their implementations.

`build` opens no connection; the only files read are those of `shared/packaged.py`, once a
process. `app()` gives the App of the current context, else one built from the
environment at first use. Worlds and tests call `use`; production never does.
"""

import functools
import os
import random
from contextvars import ContextVar, Token
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx

from shared.app import App
from shared.clients.clock import SystemClock
from shared.entities.customer import CUSTOMERS
from shared.entities.entity import Entity
from shared.errors import SettingsRefused
from shared.packaged import Templates, packaged_product
from shared.ports import (
    Clock,
    DynamicsGateway,
    Queue,
    Random,
    Signatures,
    StripeGateway,
    Tables,
)
from shared.registry import ENTITIES, REGISTRY, Registry
from shared.settings import Settings, from_environment
from shared.stores.mapping_store import MappingStore
from shared.stores.mappings import Mappings
from shared.targets.entity_set import EntitySets
from shared.targets.finance import FINANCE

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

__all__ = ("App", "app", "build", "use")

HTTP_SECONDS_MAX = 60.0
COMPANY = "dataAreaId"


_current: ContextVar[App] = ContextVar("tieout_app")


def use(app: App) -> Token[App]:
    """Make an App the one of this context. For worlds and tests."""
    return _current.set(app)


def app() -> App:
    """The App of this context, else one from the environment, kept for the process's life.

    Raises `SettingsRefused` while the environment is incomplete.
    """
    found = _current.get(None)
    if found is None:
        found = _from_process()
    return found


@functools.cache
def _from_process() -> App:
    return build(from_environment(os.environ))


def mappings_of(
    settings: Settings,
    tables: Tables,
    clock: Clock,
    registry: Registry = REGISTRY,
    templates: Templates = (),
) -> Mappings:
    """The published mappings over this version's own templates. Raises `SettingsRefused`."""
    _check_customer_id_property(settings.customer_id_property)
    product = packaged_product((settings.customer_id_property,), registry, templates)
    return Mappings(MappingStore(tables), clock, replace(product, books=settings.books))


def _check_customer_id_property(name: str) -> None:
    """A field that the templates render, or a key, cannot hold the Stripe id, too."""
    row = FINANCE[CUSTOMERS]
    taken = (*row.keys, COMPANY, *row.fields)
    if name.casefold() in {each.casefold() for each in taken}:
        reason = f"must be a field of its own: {name} of {CUSTOMERS} holds something else"
        raise SettingsRefused([f"TIEOUT_CUSTOMER_ID_PROPERTY {reason}"])


def build(
    settings: Settings,
    entities: tuple[Entity, ...] = ENTITIES,
    *,
    templates: Templates = (),
    entity_sets: EntitySets = FINANCE,
    **overrides: Any,  # noqa: ANN401 - ports by name
) -> App:
    """An App of the production clients, any of them replaced by name. Opens no connection.

    `entities`: what it converges. `templates`: the rendering of those that are not the product's,
    beside the product's own. `entity_sets`: where all of them are written.
    """
    registry = Registry(entities, entity_sets)
    clock: Clock = overrides.get("clock") or SystemClock()
    rng: Random = overrides.get("rng") or random.SystemRandom()
    parts: dict[str, Any] = {
        name: overrides[name] if name in overrides else make(settings, clock, rng)
        for name, make in MAKERS.items()
    }
    mappings = mappings_of(settings, parts["tables"], clock, registry, templates)
    made = App(
        settings=settings, clock=clock, rng=rng, mappings=mappings, registry=registry, **parts
    )
    unknown = [name for name in overrides if name not in (*MAKERS, "clock", "rng", "flows")]
    if unknown:
        raise TypeError(f"no such ports: {', '.join(unknown)}")
    return replace(made, flows=overrides.get("flows"))


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=HTTP_SECONDS_MAX)


def _credential(settings: Settings) -> "AsyncTokenCredential":
    from shared.clients.credentials import azure_credential  # noqa: PLC0415 - cold start

    return azure_credential(settings.managed_identity_client_id or None)


def _stripe(settings: Settings, clock: Clock, rng: Random) -> StripeGateway:
    return stripe_gateway(settings, _http(), clock, rng)


def stripe_gateway(
    settings: Settings, http: httpx.AsyncClient, clock: Clock, rng: Random
) -> StripeGateway:
    """The Stripe client over a given transport."""
    from shared.clients.stripe.gateway import StripeApi  # noqa: PLC0415 - cold start

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
    from shared.clients.dynamics.auth import (  # noqa: PLC0415 - cold start
        ClientCredentials,
        IdentityToken,
        TokenSource,
    )
    from shared.clients.dynamics.finance import FinanceGateway  # noqa: PLC0415
    from shared.clients.dynamics.transport import DynamicsHttp  # noqa: PLC0415

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


def _tables(settings: Settings, clock: Clock, rng: Random) -> Tables:
    from shared.clients.tables import AzureTables  # noqa: PLC0415 - cold start

    del clock, rng
    if settings.tables_connection is not None:
        return AzureTables(connection_string=settings.tables_connection.get_secret_value())
    return AzureTables(endpoint=settings.tables_endpoint, credential=_credential(settings))


def _queue(settings: Settings, clock: Clock, rng: Random) -> Queue:
    from shared.clients.servicebus import ServiceBusQueue  # noqa: PLC0415 - cold start
    from shared.clients.servicebus_links import ServiceBusLinks  # noqa: PLC0415

    del rng
    if settings.service_bus_connection is not None:
        connection = settings.service_bus_connection.get_secret_value()
        return ServiceBusQueue(ServiceBusLinks(connection_string=connection), clock)
    links = ServiceBusLinks(
        namespace=settings.service_bus_namespace, credential=_credential(settings)
    )
    return ServiceBusQueue(links, clock)


def _signatures(settings: Settings, clock: Clock, rng: Random) -> Signatures:
    from shared.clients.stripe.signatures import StripeSignatures  # noqa: PLC0415 - cold start

    del settings, clock, rng
    return StripeSignatures()


MAKERS = MappingProxyType(
    {
        "stripe": _stripe,
        "dynamics": _dynamics,
        "tables": _tables,
        "queue": _queue,
        "signatures": _signatures,
    }
)
