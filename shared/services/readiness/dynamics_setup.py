"""Does Dynamics have what the books and the mapping name? One read for each entity set and company.

Dynamics compares without case, our links do not: a name that it spells in another case is a
problem, too.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

from collections.abc import Iterator

from shared.domain.books import Books
from shared.entities.customer import CUSTOMERS
from shared.ports import Clock, DynamicsGateway
from shared.services.readiness.accounts import AccountsSetup
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.companies import CompanySetup, PeriodSetup
from shared.services.readiness.currencies import CurrencySetup
from shared.services.readiness.fee_invoices import FeeInvoiceSetup
from shared.services.readiness.named_by_mapping import MappedSetup, dimension_probe
from shared.services.readiness.reads import Reads
from shared.settings import Settings
from shared.stores.mappings import Mappings

CUSTOMER_ID = "customer id property"


class DynamicsSetup:
    """The probes of one look at what the books, of all Stripe accounts, the settings beside them
    and the mapping name."""

    def __init__(
        self,
        dynamics: DynamicsGateway,
        settings: Settings,
        mappings: Mappings,
        clock: Clock,
        books: Books,
    ) -> None:
        reads = Reads(dynamics, tuple(books.companies))
        self._reads, self._settings, self._books = reads, settings, books
        self._currencies = CurrencySetup(reads, books, mappings, clock)
        self._mapped = MappedSetup(reads, mappings, clock)
        self._dimensions = dimension_probe(dynamics, settings, mappings)
        self._of_company = (
            CompanySetup(reads, books, mappings),
            AccountsSetup(reads, settings, clock, books),
            self._currencies,
            self._mapped,
            FeeInvoiceSetup(reads, books, mappings),
            PeriodSetup(reads, books, settings, clock),
        )

    def probes(self) -> Iterator[Probe]:
        """All of them."""
        yield from self._named_by_settings()
        yield from self._mapped.shared_probes()
        yield self._dimensions
        yield from self.of_books()

    def of_books(self) -> Iterator[Probe]:
        """Those of what the books name, those of each company together."""
        yield from self._currencies.shared_probes()
        for company in self._books.companies:
            for part in self._of_company:
                yield from part.probes(company)

    def _named_by_settings(self) -> Iterator[Probe]:
        name = self._settings.customer_id_property

        async def customer_id() -> Problems:
            return {CUSTOMER_ID: await self._reads.refusal(CUSTOMERS, "", name)}

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
            company, select = self._books.default_company, (entity.account, entity.currency)
            text = await self._reads.refusal(entity.entity_set, company, *select, entity.amount)
            return {"ledger entity": text}

        remedy = "Publish the entity set, or correct TIEOUT_LEDGER_ENTITY."
        yield Probe({"ledger entity": remedy}, ledger_entity, group="Dynamics")
