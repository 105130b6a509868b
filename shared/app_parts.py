"""The ports of the application, and the stores over them.

The stores, and what sends objects to their queues, are put together here alone; `shared/app.py`
gives each service the parts that it uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from shared.converge.dispatch import Dispatch
from shared.converge.fiscal_periods import FiscalPeriods, KeptPeriods
from shared.converge.maintenance import MaintenanceCommands
from shared.domain.books import Books
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.ports import DynamicsGateway, Flows, Random, StripeGateway
from shared.receiving import ReceivingApp
from shared.services.publishing import Recent
from shared.stores.active_books import BooksInForce
from shared.stores.audit_log import AuditLog
from shared.stores.items import Items
from shared.stores.journals import Journals
from shared.stores.links import LinkStore
from shared.stores.mappings import Mappings
from shared.stores.paging import Pages


@dataclass(frozen=True, slots=True, kw_only=True)
class AppParts(ReceivingApp):
    """All ports. `flows` is None where the host gives a durable client with each call.

    `stripe` is the default account's; `further_accounts` has those of the others by alias. What
    belongs to one account (its webhook, its flows, its books) is made by `of(alias)`.
    """

    stripe: StripeGateway
    dynamics: DynamicsGateway
    rng: Random
    mappings: Mappings
    flows: Flows | None = None
    further_accounts: Mapping[str, StripeGateway] = field(default_factory=dict)
    kept_periods: KeptPeriods = field(default_factory=KeptPeriods)

    def of(self, alias: str) -> Self:
        """The application as one Stripe account has it: its gateway, its settings. Raises KeyError
        for an alias that the settings do not name."""
        stripe = self.stripe if alias == DEFAULT_ACCOUNT else self.further_accounts[alias]
        return replace(self, settings=self.settings.of(alias), stripe=stripe)

    def _each_account(self) -> dict[str, Self]:
        return {alias: self.of(alias) for alias in self.settings.stripe_aliases}

    def _periods(self) -> FiscalPeriods:
        return FiscalPeriods(self.dynamics, self.clock, self.kept_periods)

    def _items(self) -> Items:
        return Items(self.tables, self.clock)

    def _links(self) -> LinkStore:
        settings, codec = self.settings, self.registry.codec
        lease_seconds, account = settings.lease_seconds, settings.stripe_alias
        return LinkStore(self.tables, self.clock, lease_seconds, codec, account)

    def _journals(self, books: Books) -> Journals:
        ports = (self.tables, self.dynamics, self.clock, self.rng)
        return Journals(*ports, self.settings, books=books)

    def _pages(self) -> Pages:
        return Pages(self.stripe, self.clock, self.rng)

    def _dispatch(self) -> Dispatch:
        return Dispatch(self._links(), self.queue, self.clock, self.settings, self.registry)

    def _maintenance(self) -> MaintenanceCommands:
        return MaintenanceCommands(self.queue, self._items(), self.settings, self.registry)

    def _recent(self) -> Recent:
        return Recent(self.tables, self.registry.codec)

    def audit_log(self) -> AuditLog:
        """Who did what."""
        return AuditLog(self.tables, self.clock)

    def _books(self) -> BooksInForce:
        return BooksInForce(self.settings, self.mappings)
