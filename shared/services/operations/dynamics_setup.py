"""Does Dynamics have what the books name? One read for each entity set and company.

Dynamics compares without case, our links do not: a name that it spells in another case is a
problem, too.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from shared.converge.accounts import HOLD, NO_HOLDS
from shared.domain.books import Account, Books, PlacedBook
from shared.domain.journal import JournalKind
from shared.entities.customer import ACCOUNT, CUSTOMERS
from shared.errors import MappingUnusable, Refused
from shared.policy import OrderTax
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.services.operations.dimension_samples import dimension_probe
from shared.services.operations.readiness import Probe
from shared.services.operations.vendor_setup import fee_invoice_faults
from shared.settings import Settings
from shared.stores.mappings import Mappings
from shared.targets.finance.display_values import segments_of

COMPANY = "dataAreaId"
BANK, LEDGER = "Bank", "Ledger"
ACTIVE_BANK = "ActiveForAllTransactions"
JOURNAL_TYPES = MappingProxyType(
    {JournalKind.CUSTOMER_PAYMENT: "CustPayment", JournalKind.GENERAL: "Daily"}
)
METHODS = "payment_methods"  # the table of the mapping
GROUP_SETS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "sales_tax_groups": ("TaxGroups", "TaxGroupCode"),
        "item_sales_tax_groups": ("TaxItemGroups", "TaxItemGroupCode"),
    }
)
"""Tables of the mapping, and the sets and keys of what they name."""
JOURNAL_FLAGS = (
    ("IsApprovalActive", "needs an approval before posting"),
    ("IsWorkflowApprovalActive", "has an approval workflow"),
    ("IsFixedOffsetAccount", "has a fixed offset account"),
    ("DeleteLinesAfterPosting", "deletes its lines after posting"),
)
MAIN_ACCOUNT_FLAGS = (
    ("IsSuspended", "is suspended"),
    ("DoNotAllowManualEntry", "allows no manual entry"),
)

type Problems = Mapping[str, str]
type Wanted = Mapping[str, Sequence[str]]
"""Numbers of accounts, each with what the books use it for."""


@dataclass(frozen=True, slots=True)
class AccountUse:
    """What an account is used for, and the currency that it has to take. `is_proved`: it is a
    clearing account, which the proof reads."""

    what: str
    account: Account
    currency: str = ""
    is_proved: bool = False


class DynamicsSetup:
    """The probes of what the books, of all Stripe accounts, and the settings beside them name."""

    def __init__(
        self, dynamics: DynamicsGateway, settings: Settings, mappings: Mappings, books: Books
    ) -> None:
        self._dynamics = dynamics
        self._settings = settings
        self._books = books
        self._mappings = mappings

    def probes(self) -> Iterator[Probe]:
        """All probes, those of each company together."""
        name = self._settings.customer_id_property
        yield Probe(
            {
                "customer id property": f"Add the custom field {name} to customers in Dynamics and "
                f"enable it for {CUSTOMERS}, or correct TIEOUT_CUSTOMER_ID_PROPERTY."
            },
            self._customer_id,
        )
        yield Probe(
            {"currencies": "Create them in Dynamics, or correct currencies in the books."},
            self._currencies,
        )
        if self._settings.ledger_entity is not None:
            remedy = "Publish the entity set, or correct TIEOUT_LEDGER_ENTITY."
            yield Probe({"ledger entity": remedy}, self._ledger_entity)
        remedy = "Publish a policy with tax: codes or tax: lines (docs/mapping.md, Tax of orders)."
        yield Probe({"tax of orders": remedy}, self._tax_of_orders)
        yield dimension_probe(self._dynamics, self._settings, self._mappings)
        yield from self.of_books()

    def of_books(self) -> Iterator[Probe]:
        """The probes of what the books name, those of each company together."""
        for company in self._books.companies:
            yield from self._of_company(company)

    def _of_company(self, company: str) -> Iterator[Probe]:
        books = "correct the books"
        yield Probe(
            {f"company {company}": "Spell the company in the books as Dynamics does."},
            partial(self._company, company),
        )
        remedy = f"Correct the journal name in Dynamics (README.md, Prepare Dynamics), or {books}."
        yield Probe(
            {f"journal {company} {kind}": remedy for kind in JournalKind},
            partial(self._journals, company),
        )
        yield Probe(
            {f"one-time customer {company}": f"Create the customer in Dynamics, or {books}."},
            partial(self._one_time_customer, company),
        )
        yield Probe(
            {f"customer group {company}": f"Create the customer group in Dynamics, or {books}."},
            partial(self._customer_group, company),
        )
        yield Probe(
            {f"main accounts {company}": f"Create or open them in Dynamics, or {books}."},
            partial(self._main_accounts, company),
        )
        yield Probe(
            {f"bank accounts {company}": f"Create or activate them in Dynamics, or {books}."},
            partial(self._bank_accounts, company),
        )
        yield Probe(
            {
                f"payment methods {company}": "Create them in Dynamics or switch bridging off, or "
                "name others in a table payment_methods (docs/mapping.md)."
            },
            partial(self._payment_methods, company),
        )
        yield Probe(
            {
                f"sales tax groups {company}": "Create them in Dynamics, or name others in the "
                f"tables {' and '.join(GROUP_SETS)} (docs/mapping.md)."
            },
            partial(self._sales_tax_groups, company),
        )
        yield Probe(
            {f"fee invoices {company}": f"Set them up in Dynamics, or {books} (stripe_vendor)."},
            partial(self._fee_invoices, company),
        )

    async def _rows(
        self, entity_set: str, company: str, key: str, values: Iterable[str], *select: str
    ) -> dict[str, Json]:
        """The records of these keys, by the key in folded case."""
        wanted: list[Value] = list(dict.fromkeys(values))
        if not wanted:
            return {}
        lookup = Lookup(entity_set, company, any_of=(key, wanted), select=(key, *select))
        return {str(row[key]).casefold(): row for row in await self._dynamics.find(lookup)}

    async def _customer_id(self) -> Problems:
        name = self._settings.customer_id_property
        try:
            await self._dynamics.find(Lookup(CUSTOMERS, "", select=(name,), limit=1))
        except Refused as error:
            text = f"{CUSTOMERS} does not show the property {name}: {error}"
            return {"customer id property": text}
        return {}

    async def _currencies(self) -> Problems:
        codes = list(dict.fromkeys(placed.currency.upper() for placed in self._books.placed))
        rows = await self._rows("Currencies", "", "CurrencyCode", codes)
        missing = [code for code in codes if code.casefold() not in rows]
        text = f"Dynamics has no currency {', '.join(missing)}" if missing else ""
        return {"currencies": text}

    async def _ledger_entity(self) -> Problems:
        entity = self._settings.ledger_entity
        if entity is None:
            return {}
        select = (entity.account, entity.currency, entity.amount)
        company = self._books.default_company
        try:
            await self._dynamics.find(Lookup(entity.entity_set, company, select=select, limit=1))
        except Refused as error:
            text = f"{entity.entity_set} does not show {', '.join(select)}: {error}"
            return {"ledger entity": text}
        return {}

    async def _company(self, company: str) -> Problems:
        name = f"company {company}"
        if await self._ledger_of(company) is None:
            return {name: f"Dynamics has no company {company}, or hides it from our user"}
        rows = await self._dynamics.find(
            Lookup("JournalNames", company, select=(COMPANY,), limit=1)
        )
        rendered = str(rows[0][COMPANY]) if rows else company
        if rendered != company:
            return {name: f"the books say {company}, Dynamics spells it {rendered}"}
        return {}

    async def _ledger_of(self, company: str) -> Json | None:
        select = ("ChartOfAccounts",)
        rows = await self._rows("Ledgers", "", "LegalEntityId", [company], *select)
        return rows.get(company.casefold())

    async def _journals(self, company: str) -> Problems:
        journals = self._books.companies[company].journals
        flags = [flag for flag, _ in JOURNAL_FLAGS]
        names = [journals[kind] for kind in JournalKind]
        rows = await self._rows("JournalNames", company, "Name", names, "Type", *flags)
        problems = {}
        for kind in JournalKind:
            name = journals[kind]
            row = rows.get(name.casefold())
            what = f"the journal name {name}"
            if row is None:
                text = f"{what} does not exist in {company}"
            elif row["Type"] != JOURNAL_TYPES[kind]:
                text = f"{what} is not of type {JOURNAL_TYPES[kind]}"
            else:
                faults = [*_other_case(name, row["Name"]), *_set_flags(row, JOURNAL_FLAGS)]
                text = f"{what} {', '.join(faults)}" if faults else ""
            problems[f"journal {company} {kind}"] = text
        return problems

    async def _one_time_customer(self, company: str) -> Problems:
        account = self._books.companies[company].one_time_customer
        rows = await self._rows(CUSTOMERS, company, ACCOUNT, [account], HOLD)
        row = rows.get(account.casefold())
        if row is None:
            text = f"the customer {account} does not exist in {company}"
        else:
            faults = _other_case(account, row[ACCOUNT])
            if row[HOLD] not in NO_HOLDS:
                faults.append(f"is on hold ({row[HOLD]})")
            text = f"the customer {account} {', '.join(faults)}" if faults else ""
        return {f"one-time customer {company}": text}

    async def _customer_group(self, company: str) -> Problems:
        group, key = self._books.companies[company].customer_group, "CustomerGroupId"
        rows = await self._rows("CustomerGroups", company, key, [group])
        row = rows.get(group.casefold())
        faults = [f"does not exist in {company}"] if row is None else _other_case(group, row[key])
        text = f"the customer group {group} {', '.join(faults)}" if faults else ""
        return {f"customer group {company}": text}

    def _accounts(self, company: str, kind: str) -> Iterator[AccountUse]:
        """What each account of a kind is for."""
        for role, account in self._books.companies[company].accounts.items():
            if account.type == kind:
                yield AccountUse(str(role), account)
        for placed in self._placed_in(company):
            book, currency = placed.book, placed.currency.upper()
            places = [("clearing", book.clearing), ("bank", book.bank), *book.balances.items()]
            for what, account in places:
                if account.type == kind:
                    use = f"{placed.name} {what}"
                    yield AccountUse(use, account, currency, is_proved=what != "bank")

    def _placed_in(self, company: str) -> list[PlacedBook]:
        return [placed for placed in self._books.placed if placed.book.company == company]

    def _wanted_main_accounts(self, company: str) -> Wanted:
        """Main accounts by number: of a ledger account its first segment."""
        wanted: dict[str, list[str]] = {}
        for use in self._accounts(company, LEDGER):
            wanted.setdefault(self._main_account(use.account.id), []).append(use.what)
        for kind in (BANK, LEDGER):
            for use in self._accounts(company, kind):
                if use.is_proved and (posted := self._posts_to(use.account)) is not None:
                    wanted.setdefault(posted, []).append(f"{use.what} in the ledger")
        return wanted

    def _posts_to(self, clearing: Account) -> str | None:
        """The main account of a clearing account, as `TIEOUT_LEDGER_ENTITY` translates it."""
        entity = self._settings.ledger_entity
        return None if entity is None else entity.accounts.get(clearing.id)

    def _main_account(self, display: str) -> str:
        return segments_of(display, self._settings.dynamics_dimension_delimiter)[0]

    async def _main_accounts(self, company: str) -> Problems:
        name = f"main accounts {company}"
        ledger = await self._ledger_of(company)
        if ledger is None:
            return {name: f"{company} has no ledger, so no chart of accounts"}
        chart, key = str(ledger["ChartOfAccounts"]), "MainAccountId"
        wanted = self._wanted_main_accounts(company)
        values: list[Value] = list(wanted)
        flags = [flag for flag, _ in MAIN_ACCOUNT_FLAGS]
        rows = await self._dynamics.find(
            Lookup(
                "MainAccounts",
                "",
                {"ChartOfAccounts": chart},
                any_of=(key, values),
                select=(key, *flags),
            )
        )
        by_number = {str(row[key]).casefold(): row for row in rows}
        texts = []
        for number, uses in wanted.items():
            row = by_number.get(number.casefold())
            if row is None:
                faults = [f"does not exist in the chart of accounts {chart}"]
            else:
                faults = [*_other_case(number, row[key]), *_set_flags(row, MAIN_ACCOUNT_FLAGS)]
            texts += _about(number, uses, faults)
        return {name: "; ".join(texts)}

    async def _bank_accounts(self, company: str) -> Problems:
        key, display = "BankAccountId", "BankMainAccountIdDisplayValue"
        other = "AllowTransactionsInAdditionalCurrencies"
        uses = list(self._accounts(company, BANK))
        rows = await self._rows(
            *("BankAccounts", company, key, [use.account.id for use in uses]),
            *("BankAccountStatus", "CurrencyCode", other, display),
        )
        texts = []
        for use in uses:
            account, currency = use.account, use.currency
            row = rows.get(account.id.casefold())
            if row is None:
                faults = [f"does not exist in {company}"]
            else:
                faults = _other_case(account.id, row[key])
                if row["BankAccountStatus"] != ACTIVE_BANK:
                    faults.append(f"is not active ({row['BankAccountStatus']})")
                if currency not in ("", row["CurrencyCode"]) and row[other] != "Yes":
                    faults.append(f"is in {row['CurrencyCode']} and takes no {currency}")
                faults += self._of_ledger(use, str(row[display]))
            texts += _about(account.id, [use.what], faults)
        return {f"bank accounts {company}": "; ".join(texts)}

    def _of_ledger(self, use: AccountUse, display: str) -> list[str]:
        """A clearing account that posts elsewhere than the proof reads."""
        said = self._posts_to(use.account) if use.is_proved else None
        posted = self._main_account(display)
        if said is None or not posted or said.casefold() == posted.casefold():
            return []
        return [f"posts to main account {posted}, TIEOUT_LEDGER_ENTITY says {said}"]

    async def _tax_of_orders(self) -> Problems:
        """Orders need a choice of where their tax is computed."""
        try:
            policy = (await self._mappings.active()).policy
        except MappingUnusable:
            return {}  # the check `mapping` says so
        if not policy.has_orders or policy.tax is not None:
            return {}
        return {
            "tax of orders": "the policy makes orders and does not say where their tax comes from"
        }

    async def _sales_tax_groups(self, company: str) -> Problems:
        """Sales tax groups that the tables name where Dynamics computes the tax: without them there
        is none, silently."""
        try:
            mapping = await self._mappings.active()
        except MappingUnusable:
            return {}
        if mapping.policy.tax is not OrderTax.CODES:
            return {}
        faults = []
        for table, (entity_set, key) in GROUP_SETS.items():
            names = sorted(set(mapping.tables[table].values()))
            rows = await self._rows(entity_set, company, key, names)
            faults += [f"{name} ({table})" for name in names if name.casefold() not in rows]
            if not names:
                faults.append(f"row in table {table}")
        text = f"there is no {', no '.join(faults)}" if faults else ""
        return {f"sales tax groups {company}": text}

    async def _fee_invoices(self, company: str) -> Problems:
        try:
            policy = (await self._mappings.active()).policy
        except MappingUnusable:
            return {}  # the check `mapping` says so
        faults = await fee_invoice_faults(self._rows, policy, self._books, company)
        return {f"fee invoices {company}": faults}

    async def _payment_methods(self, company: str) -> Problems:
        """Methods of payment that the mapping names: a missing one refuses lines, bridging would
        post a receipt twice."""
        try:
            mapping = await self._mappings.active()
        except MappingUnusable:
            return {}  # the check `mapping` says so
        names = sorted(set(mapping.tables[METHODS].values()))
        bridging = "BridgingPostingEnabled"
        methods = await self._rows("CustomerPaymentMethods", company, "Name", names, bridging)
        rows = {name: methods.get(name.casefold()) for name in names}
        faults = [f"{name} does not exist" for name, row in rows.items() if row is None]
        faults += [
            f"{name} uses bridging" for name, row in rows.items() if row and row[bridging] == "Yes"
        ]
        text = "the method of payment " + ", ".join(faults) if faults else ""
        return {f"payment methods {company}": text}


def _other_case(ours: str, theirs: object) -> list[str]:
    return [] if ours == theirs else [f"is spelled {theirs} in Dynamics"]


def _set_flags(row: Json, flags: Iterable[tuple[str, str]]) -> list[str]:
    return [text for flag, text in flags if row.get(flag) == "Yes"]


def _about(number: str, uses: Sequence[str], faults: Sequence[str]) -> list[str]:
    return [f"{number} ({', '.join(uses)}) {', '.join(faults)}"] if faults else []
