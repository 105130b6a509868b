"""Putting the application together: the one place that knows ports and their implementations.

`build` opens no connection; the only files read are those of `shared/packaged.py`, once a
process. `app()` gives the App of the current context, else one built from the
environment at first use, and makes its telemetry that of the context. Worlds and tests call `use`;
production never does.
"""

import functools
import os
import random
from contextvars import ContextVar, Token
from dataclasses import replace
from typing import Any

from shared import telemetry
from shared.app import App as App
from shared.clients.clock import SystemClock
from shared.connections import HTTP_SECONDS_MAX as HTTP_SECONDS_MAX
from shared.connections import MAKERS, telemetry_of
from shared.connections import dynamics_gateway as dynamics_gateway
from shared.connections import stripe_gateway as stripe_gateway
from shared.entities.customer import CUSTOMERS
from shared.entities.entity import Entity
from shared.errors import SettingsRefused
from shared.mapping.product import Product
from shared.packaged import Templates, packaged_product
from shared.ports import (
    Clock,
    Random,
    Tables,
)
from shared.registry import ENTITIES, INGRESS_QUEUE, Registry
from shared.settings import Settings, from_environment
from shared.stores.doors import Doors
from shared.stores.mapping_store import MappingStore
from shared.stores.mappings import Mappings
from shared.targets.entity_set import EntitySets
from shared.targets.finance import FINANCE
from shared.telemetry import NoTelemetry, Telemetry

COMPANY = "dataAreaId"


_current: ContextVar[App] = ContextVar("tieout_app")


def use(app: App) -> Token[App]:
    """Make an App the one of this context, and its telemetry. For worlds and tests."""
    telemetry.use(app.telemetry)
    return _current.set(app)


def app() -> App:
    """The App of this context, else one from the environment, kept for the process's life.

    Raises `SettingsRefused` while the environment is incomplete.
    """
    found = _current.get(None)
    if found is None:
        telemetry.use(_telemetry_of_process())  # also where the settings are refused
        found = _from_process()
    telemetry.use(found.telemetry)
    return found


@functools.cache
def _telemetry_of_process() -> Telemetry:
    return telemetry_of(os.environ)


@functools.cache
def _from_process() -> App:
    return build(from_environment(os.environ), telemetry=_telemetry_of_process())


def mappings_of(
    settings: Settings,
    tables: Tables,
    clock: Clock,
    registry: Registry,
    templates: Templates = (),
) -> Mappings:
    """The published mappings over this version's own templates. Raises `SettingsRefused`, and
    `MappingRefused` for templates that do not fit: those of others are compiled at once. Tests
    hold the product's own to its entities, so these may wait until a mapping is needed."""
    _check_customer_id_property(settings.customer_id_property, registry.entity_sets)

    @functools.cache
    def product() -> Product:
        made = packaged_product((settings.customer_id_property,), registry, templates)
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
    templates: Templates = (),
    entity_sets: EntitySets = FINANCE,
    **overrides: Any,  # noqa: ANN401 - ports by name
) -> App:
    """An App of the production clients, any of them replaced by name. Opens no connection.

    `entities`: what it converges. `templates`: the rendering of those that are not the product's,
    beside the product's own. `entity_sets`: where all of them are written.
    """
    ingress = (INGRESS_QUEUE,) if "event_grid" in settings.doors else ()
    registry = Registry(entities, entity_sets, ingress)
    clock: Clock = overrides.get("clock") or SystemClock()
    rng: Random = overrides.get("rng") or random.SystemRandom()
    parts: dict[str, Any] = {
        name: overrides[name] if name in overrides else make(settings, clock, rng)
        for name, make in MAKERS.items()
    }
    further = overrides.get("further_accounts")
    if further is None:
        further = {
            account.alias: MAKERS["stripe"](settings.of(account.alias), clock, rng)
            for account in settings.stripe_accounts
        }
    mappings = mappings_of(settings, parts["tables"], clock, registry, templates)
    made = App(
        settings=settings,
        clock=clock,
        rng=rng,
        mappings=mappings,
        registry=registry,
        doors=Doors(parts["tables"], clock),
        further_accounts=further,
        telemetry=overrides.get("telemetry") or NoTelemetry(),
        **parts,
    )
    known = (*MAKERS, "clock", "rng", "flows", "further_accounts", "telemetry")
    unknown = [name for name in overrides if name not in known]
    if unknown:
        raise TypeError(f"no such ports: {', '.join(unknown)}")
    return replace(made, flows=overrides.get("flows"))
