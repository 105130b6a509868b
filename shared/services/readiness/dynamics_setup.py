"""Does Dynamics have what the books and the mapping name? One read for each entity set and company.

Dynamics compares without case, our links do not: a name that it spells in another case is a
problem, too.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

from collections.abc import Iterator

from shared.entities.customer import CUSTOMERS
from shared.ports import Clock, DynamicsGateway
from shared.services.readiness.accounts import AccountsSetup
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.companies import CompanySetup
from shared.services.readiness.currencies import CurrencySetup
from shared.services.readiness.named_by_mapping import MappedSetup
from shared.services.readiness.reads import Reads
from shared.settings import Settings
from shared.stores.mappings import Mappings

CUSTOMER_ID = "customer id property"


class DynamicsSetup:
    """The probes of what `TIEOUT_BOOKS` and the settings beside it name."""

    def __init__(
        self, dynamics: DynamicsGateway, settings: Settings, mappings: Mappings, clock: Clock
    ) -> None:
        self._dynamics, self._settings = dynamics, settings
        self._mappings, self._clock = mappings, clock

    def probes(self) -> Iterator[Probe]:
        """All probes of one look, those of each company together."""
        books, mappings, clock = self._settings.books, self._mappings, self._clock
        reads = Reads(self._dynamics, tuple(books.companies))
        companies = CompanySetup(reads, books, mappings)
        currencies = CurrencySetup(reads, books, mappings, clock)
        mapped = MappedSetup(reads, mappings, clock)
        accounts = AccountsSetup(reads, self._settings, clock)
        yield from self._named_by_settings(reads)
        yield from mapped.shared_probes()
        yield from currencies.shared_probes()
        for company in books.companies:
            for part in (companies, accounts, currencies, mapped):
                yield from part.probes(company)

    def _named_by_settings(self, reads: Reads) -> Iterator[Probe]:
        name = self._settings.customer_id_property

        async def customer_id() -> Problems:
            return {CUSTOMER_ID: await reads.refusal(CUSTOMERS, "", name)}

        yield Probe(
            {
                CUSTOMER_ID: f"Add the custom field {name} to customers in Dynamics and "
                f"enable it for {CUSTOMERS}, or correct TIEOUT_CUSTOMER_ID_PROPERTY."
            },
            customer_id,
            by_hand={
                CUSTOMER_ID: f"the length of {name} cannot be read by OData: check by hand: it "
                "takes 30 characters or more"
            },
            group="Dynamics",
        )
        entity = self._settings.ledger_entity
        if entity is None:
            return

        async def ledger_entity() -> Problems:
            company = next(iter(self._settings.books.currencies.values())).company
            select = (entity.account, entity.currency, entity.amount)
            return {"ledger entity": await reads.refusal(entity.entity_set, company, *select)}

        remedy = "Publish the entity set, or correct TIEOUT_LEDGER_ENTITY."
        yield Probe({"ledger entity": remedy}, ledger_entity, group="Dynamics")
