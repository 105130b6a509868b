"""Putting the application together: the one place that knows ports and their implementations.

`build` opens no connection; the only files read are those of `shared/packaged.py`, once a
process. `app()` gives the App of the current context, else one built from the
environment at first use. Worlds and tests call `use`; production never does.
"""

import functools
import os
import random
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import httpx

from shared.clients.clock import SystemClock
from shared.documents.customer_matching import CUSTOMERS
from shared.errors import SettingsRefused
from shared.packaged import packaged_metadata, packaged_product
from shared.ports import (
    Chance,
    Clock,
    DynamicsGateway,
    Flows,
    Queue,
    Signatures,
    StripeGateway,
    Tables,
)
from shared.services.audit import Audit
from shared.services.backfill import Backfill
from shared.services.converge import Ports
from shared.services.customers import Customers
from shared.services.errands import Errands
from shared.services.health import Health
from shared.services.inbox import Inbox
from shared.services.ingest import Ingest
from shared.services.items import Items
from shared.services.mapping_store import MappingStore
from shared.services.mappings import Mappings
from shared.services.plan import KEYS
from shared.services.proof import Prover
from shared.services.publish import Publish
from shared.services.published import Published
from shared.services.reapply import Reapply
from shared.services.receipts import ReceiptList
from shared.services.recent import Recent
from shared.services.reconcile import Reconcile
from shared.services.resolve import Accepted, Resolve
from shared.services.sweep import Sweep
from shared.services.waiting import WaitingList
from shared.services.work import Work
from shared.settings import Settings, from_environment

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

HTTP_SECONDS_MAX = 60.0
COMPANY = "dataAreaId"


@dataclass(frozen=True, slots=True)
class App:
    """All ports. `flows` is None where the host gives a durable client with each call."""

    settings: Settings
    stripe: StripeGateway
    dynamics: DynamicsGateway
    tables: Tables
    queue: Queue
    clock: Clock
    chance: Chance
    signatures: Signatures
    mappings: Mappings
    flows: Flows | None = None

    def ports(self, flows: Flows) -> Ports:
        """The ports of converge; `flows` serves where the App has none of its own."""
        return Ports(
            self.stripe,
            self.dynamics,
            self.tables,
            self.queue,
            self.flows or flows,
            self.clock,
            self.chance,
            self.settings,
            self.mappings,
        )

    def ingest(self) -> Ingest:
        """The webhook's service."""
        return Ingest(self.settings, self.signatures, self.queue, self.tables, self.clock)

    def prover(self) -> Prover:
        """The clearing proof."""
        by_hand = Accepted(self.tables, self.clock, self.settings).transactions
        ports = (self.stripe, self.dynamics, self.settings, self.clock, self.chance)
        return Prover(*ports, resolved=by_hand)

    def work(self, flows: Flows) -> Work:
        """What the queue functions call."""
        return Work(self.ports(flows))

    def sweep(self, flows: Flows) -> Sweep:
        """What the timers call."""
        return Sweep(self.ports(flows))

    def reconcile(self, flows: Flows) -> Reconcile:
        """What the activities of the payout flow call."""
        return Reconcile(self.ports(flows))

    def audit(self, flows: Flows) -> Audit:
        """The nightly comparison with Dynamics."""
        return Audit(self.ports(flows))

    def backfill(self, flows: Flows) -> Backfill:
        """The first run over an account's past."""
        return Backfill(self.ports(flows))

    def inbox(self, flows: Flows) -> Inbox:
        """The inbox of parked items."""
        return Inbox(self.ports(flows))

    def resolve(self, flows: Flows) -> Resolve:
        """Taking parked objects out of the inbox by hand."""
        return Resolve(self.ports(flows))

    def receipts(self) -> ReceiptList:
        """Receipts that no invoice took, wholly or in part."""
        return ReceiptList(self.tables)

    def waiting(self, flows: Flows) -> WaitingList:
        """What waits, and what is scheduled to be tried again."""
        return WaitingList(self.ports(flows))

    def customers(self, flows: Flows) -> Customers:
        """Decisions about customers."""
        return Customers(self.ports(flows))

    def publish(self) -> Publish:
        """Submitting, previewing and publishing mappings."""
        recent = Recent(self.tables).objects
        return Publish(self.mappings, self.settings, self.clock, recent, self.dynamics)

    def reapply(self) -> Reapply:
        """Spelling drafts as the active mapping says."""
        errands = Errands(self.queue, Items(self.tables, self.clock), self.settings)
        return Reapply(self.mappings.store, Recent(self.tables).objects, errands, self.clock)

    def published(self) -> Published:
        """What of mappings is and was published."""
        return Published(self.mappings)

    def health(self, flows: Flows) -> Health:
        """Readiness and counters."""
        return Health(self.ports(flows))


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


def mappings_of(settings: Settings, tables: Tables, clock: Clock) -> Mappings:
    """The published mappings over this version's own templates. Raises `SettingsRefused`."""
    _check_customer_id_property(settings.customer_id_property)
    product = replace(packaged_product((settings.customer_id_property,)), books=settings.books)
    return Mappings(MappingStore(tables), clock, product)


def _check_customer_id_property(name: str) -> None:
    """A field that the templates spell, or a key, cannot hold the Stripe id, too."""
    taken = (*KEYS[CUSTOMERS], COMPANY, *packaged_metadata().sets[CUSTOMERS].fields)
    if name.casefold() in {each.casefold() for each in taken}:
        reason = f"must be a field of its own: {name} of {CUSTOMERS} holds something else"
        raise SettingsRefused([f"TIEOUT_CUSTOMER_ID_PROPERTY {reason}"])


def build(settings: Settings, **overrides: Any) -> App:  # noqa: ANN401 - ports by name
    """An App of the production clients, any of them replaced by name. Opens no connection."""
    clock: Clock = overrides.get("clock") or SystemClock()
    chance: Chance = overrides.get("chance") or random.SystemRandom()
    parts: dict[str, Any] = {
        name: overrides[name] if name in overrides else make(settings, clock, chance)
        for name, make in MAKERS.items()
    }
    mappings = mappings_of(settings, parts["tables"], clock)
    made = App(settings=settings, clock=clock, chance=chance, mappings=mappings, **parts)
    unknown = [name for name in overrides if name not in (*MAKERS, "clock", "chance", "flows")]
    if unknown:
        raise TypeError(f"no such ports: {', '.join(unknown)}")
    return replace(made, flows=overrides.get("flows"))


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=HTTP_SECONDS_MAX)


def _credential(settings: Settings) -> "AsyncTokenCredential":
    from shared.clients.credentials import azure_credential  # noqa: PLC0415 - cold start

    return azure_credential(settings.managed_identity_client_id or None)


def _stripe(settings: Settings, clock: Clock, chance: Chance) -> StripeGateway:
    return stripe_gateway(settings, _http(), clock, chance)


def stripe_gateway(
    settings: Settings, http: httpx.AsyncClient, clock: Clock, chance: Chance
) -> StripeGateway:
    """The Stripe client over a given transport."""
    from shared.clients.stripe.gateway import StripeApi  # noqa: PLC0415 - cold start

    return StripeApi(
        settings.stripe_api_key.get_secret_value(),
        http,
        clock,
        chance,
        base_url=settings.stripe_base_url or None,
        requests_per_second=settings.stripe_requests_per_second,
    )


def _dynamics(settings: Settings, clock: Clock, chance: Chance) -> DynamicsGateway:
    del chance
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


def _tables(settings: Settings, clock: Clock, chance: Chance) -> Tables:
    from shared.clients.tables import AzureTables  # noqa: PLC0415 - cold start

    del clock, chance
    if settings.tables_connection is not None:
        return AzureTables(connection_string=settings.tables_connection.get_secret_value())
    return AzureTables(endpoint=settings.tables_endpoint, credential=_credential(settings))


def _queue(settings: Settings, clock: Clock, chance: Chance) -> Queue:
    from shared.clients.servicebus import ServiceBusQueue  # noqa: PLC0415 - cold start
    from shared.clients.servicebus_links import ServiceBusLinks  # noqa: PLC0415

    del chance
    if settings.service_bus_connection is not None:
        connection = settings.service_bus_connection.get_secret_value()
        return ServiceBusQueue(ServiceBusLinks(connection_string=connection), clock)
    links = ServiceBusLinks(
        namespace=settings.service_bus_namespace, credential=_credential(settings)
    )
    return ServiceBusQueue(links, clock)


def _signatures(settings: Settings, clock: Clock, chance: Chance) -> Signatures:
    from shared.clients.stripe.signatures import StripeSignatures  # noqa: PLC0415 - cold start

    del settings, clock, chance
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
