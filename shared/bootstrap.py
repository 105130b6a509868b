"""Putting the application together: the one place that knows ports and their implementations.

`build` opens no connection; the only files read are those of `shared/packaged.py`, once a
process. `app()` gives the App of the current context, else one built from the
environment at first use, and makes its telemetry that of the context. Worlds and tests call `use`;
production never does.

`receiving_app()` gives the part of it that receives events. The services and the mapping are
imported when `app()` is first called: on a cold start Stripe waits for its answer, and the webhook
needs neither.
"""

import functools
import os
import random
from contextvars import ContextVar, Token
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from shared import telemetry
from shared.clients.clock import SystemClock
from shared.connections import HTTP_SECONDS_MAX as HTTP_SECONDS_MAX
from shared.connections import RECEIVING_MAKERS, VENDOR_MAKERS, telemetry_of
from shared.connections import dynamics_gateway as dynamics_gateway
from shared.connections import stripe_gateway as stripe_gateway
from shared.entities.customer import CUSTOMERS
from shared.entities.entity import Entity
from shared.errors import SettingsRefused
from shared.ports import (
    Clock,
    Random,
    Tables,
)
from shared.receiving import ReceivingApp
from shared.registry import ENTITIES, INGRESS_QUEUE, Registry
from shared.services.ingest import Refusals
from shared.settings import Settings, from_environment
from shared.stores.doors import Doors
from shared.stripe_accounts import livemode_in
from shared.targets.entity_set import EntitySets
from shared.targets.finance import FINANCE
from shared.telemetry import NoTelemetry, Telemetry

if TYPE_CHECKING:
    from shared.app import App
    from shared.mapping.product import Product
    from shared.packaged import Templates
    from shared.stores.mappings import Mappings

COMPANY = "dataAreaId"
RECEIVING_PORTS = (*RECEIVING_MAKERS, "clock", "telemetry")
FURTHER_PORTS = (*VENDOR_MAKERS, "rng", "flows", "further_accounts")


_current: ContextVar[ReceivingApp] = ContextVar("tieout_app")


def use(app: ReceivingApp) -> Token[ReceivingApp]:
    """Make an App the one of this context, and its telemetry. For worlds and tests."""
    telemetry.use(app.telemetry)
    return _current.set(app)


def receiving_app() -> ReceivingApp:
    """What receives events: of the App of this context, else one from the environment, kept for
    the process's life.

    Raises `SettingsRefused` while the environment is incomplete.
    """
    found = _current.get(None)
    if found is None:
        telemetry.use(_telemetry_of_process())  # also where the settings are refused
        found = _receiving_of_process()
    telemetry.use(found.telemetry)
    return found


def app() -> "App":
    """The App of this context, else one from the environment, kept for the process's life.

    Raises `SettingsRefused` while the environment is incomplete.
    """
    from shared.app import App

    found = receiving_app()
    return found if isinstance(found, App) else _app_of_process()


def declared_livemode() -> bool | None:
    """The mode that the environment says, also while other settings are refused."""
    return livemode_in(os.environ)


@functools.cache
def _telemetry_of_process() -> Telemetry:
    return telemetry_of(os.environ)


@functools.cache
def _receiving_of_process() -> ReceivingApp:
    return build_receiving(from_environment(os.environ), telemetry=_telemetry_of_process())


@functools.cache
def _app_of_process() -> "App":
    return _completed(_receiving_of_process())


def mappings_of(
    settings: Settings,
    tables: Tables,
    clock: Clock,
    registry: Registry,
    templates: "Templates" = (),
) -> "Mappings":
    """The published mappings over this version's own templates. Raises `SettingsRefused`, and
    `MappingRefused` for templates that do not fit: those of others are compiled at once. Tests
    hold the product's own to its entities, so these may wait until a mapping is needed."""
    from shared.packaged import packaged_product
    from shared.stores.mapping_store import MappingStore
    from shared.stores.mappings import Mappings

    @functools.cache
    def product() -> "Product":
        reserved, delimiter = (
            (settings.customer_id_property,),
            settings.dynamics_dimension_delimiter,
        )
        made = packaged_product(reserved, registry, templates, delimiter)
        return replace(made, books=settings.books)

    if registry.entities is not ENTITIES or templates:
        product()
    return Mappings(MappingStore(tables), clock, product)


def _check_customer_id_property(name: str, entity_sets: EntitySets) -> None:
    """A field that the templates render, or a key, cannot hold the Stripe id, too."""
    row = entity_sets[CUSTOMERS]
    taken = (*row.keys, COMPANY, *row.fields)
    if name.casefold() in {each.casefold() for each in taken}:
        reason = f"must be a field of its own: {name} of {CUSTOMERS} holds something else"
        raise SettingsRefused([f"TIEOUT_CUSTOMER_ID_PROPERTY {reason}"])


def build(
    settings: Settings,
    entities: tuple[Entity, ...] = ENTITIES,
    *,
    templates: "Templates" = (),
    entity_sets: EntitySets = FINANCE,
    **overrides: Any,  # noqa: ANN401 - ports by name
) -> "App":
    """An App of the production clients, any of them replaced by name. Opens no connection.

    `entities`: what it converges. `templates`: the rendering of those that are not the product's,
    beside the product's own. `entity_sets`: where all of them are written.
    """
    unknown = [name for name in overrides if name not in (*RECEIVING_PORTS, *FURTHER_PORTS)]
    if unknown:
        raise TypeError(f"no such ports: {', '.join(unknown)}")
    ports = {name: port for name, port in overrides.items() if name in RECEIVING_PORTS}
    receiving = build_receiving(settings, entities, entity_sets=entity_sets, **ports)
    further = {name: port for name, port in overrides.items() if name in FURTHER_PORTS}
    return _completed(receiving, templates, **further)


def build_receiving(
    settings: Settings,
    entities: tuple[Entity, ...] = ENTITIES,
    *,
    entity_sets: EntitySets = FINANCE,
    **overrides: Any,  # noqa: ANN401 - ports by name
) -> ReceivingApp:
    """The part of `build` that receives events; `overrides`: ports of `RECEIVING_PORTS`."""
    ingress = (INGRESS_QUEUE,) if "event_grid" in settings.doors else ()
    registry = Registry(entities, entity_sets, ingress)
    _check_customer_id_property(settings.customer_id_property, registry.entity_sets)
    clock: Clock = overrides.get("clock") or SystemClock()
    parts: dict[str, Any] = {
        name: overrides[name] if name in overrides else make(settings, clock)
        for name, make in RECEIVING_MAKERS.items()
    }
    return ReceivingApp(
        settings=settings,
        clock=clock,
        registry=registry,
        refusals=Refusals(clock),
        doors=Doors(parts["tables"], clock),
        telemetry=overrides.get("telemetry") or NoTelemetry(),
        **parts,
    )


def _completed(
    receiving: ReceivingApp,
    templates: "Templates" = (),
    **overrides: Any,  # noqa: ANN401 - ports by name
) -> "App":
    """The App around the part that receives; `overrides`: ports of `FURTHER_PORTS`."""
    from shared.app import App

    settings, clock = receiving.settings, receiving.clock
    rng: Random = overrides.get("rng") or random.SystemRandom()
    parts: dict[str, Any] = {
        name: overrides[name] if name in overrides else make(settings, clock, rng)
        for name, make in VENDOR_MAKERS.items()
    }
    accounts = overrides.get("further_accounts")
    if accounts is None:
        accounts = {
            account.alias: VENDOR_MAKERS["stripe"](settings.of(account.alias), clock, rng)
            for account in settings.stripe_accounts
        }
    return App(
        **{port.name: getattr(receiving, port.name) for port in fields(receiving)},
        **parts,
        rng=rng,
        mappings=mappings_of(settings, receiving.tables, clock, receiving.registry, templates),
        flows=overrides.get("flows"),
        further_accounts=accounts,
    )
