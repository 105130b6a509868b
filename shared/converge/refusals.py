"""Why the posting job refuses a journal line, as far as entity sets of Dynamics tell.

The job's own reasons stand in a log that no entity set shows. What it most often stumbles over can
be read: a customer on hold, an account that is suspended or lacks a dimension, a period that is
closed in either company, an exchange rate that is missing. Each look asks for all lines together.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from shared import telemetry
from shared.converge.account_structures import AccountStructures, LedgerAccount
from shared.converge.accounts import HOLD, LINE_HOLDS
from shared.domain.books import Books
from shared.domain.journal import JournalKind
from shared.domain.values import Symbol
from shared.entities.customer import ACCOUNT, CUSTOMERS
from shared.errors import Parked, Refused
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.targets.entity_set import EntitySet
from shared.targets.finance import BATCH_NUMBER, PAYMENT_ID
from shared.targets.finance.display_values import segments_of

HOLDS = MappingProxyType(
    {
        JournalKind.CUSTOMER_PAYMENT: LINE_HOLDS,
        JournalKind.GENERAL: ("All",),
    }
)
BANK, CUSTOMER, LEDGER = "Bank", "Cust", "Ledger"
ACCESS = MappingProxyType(
    {
        JournalKind.CUSTOMER_PAYMENT: "CustAccessLevel",
        JournalKind.GENERAL: "LedgerAccessLevel",
    }
)
DATE_CHARS = 10


@dataclass(frozen=True, slots=True)
class LineSide:
    """The account or the offset account of a line: its company, type and number. `dimensions`: of
    ledger accounts, the segments behind the main account."""

    company: str
    type: str
    account: str
    dimensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line of a journal that is not posted, as Dynamics shows it."""

    key: str
    number: int
    batch: str
    company: str
    kind: JournalKind
    currency: str
    date: date
    sides: tuple[LineSide, ...]

    @property
    def companies(self) -> tuple[str, ...]:
        """The companies that the line is posted in."""
        return tuple(dict.fromkeys(side.company for side in self.sides))

    @property
    def customer(self) -> str:
        """The number of the customer's account; empty where no side is a customer."""
        return customer_of(self.sides)


SELECTED = (
    *("AccountType", "AccountDisplayValue", "OffsetAccountType", "OffsetAccountDisplayValue"),
    *("OffsetCompany", "CurrencyCode", "LineNumber", BATCH_NUMBER, PAYMENT_ID),
)


def customer_of(sides: Iterable[LineSide]) -> str:
    """The number of the customer's account; empty where no side is a customer."""
    return next((side.account for side in sides if side.type == CUSTOMER), "")


def sides_of(fields: Mapping[str, object], company: str, delimiter: str) -> tuple[LineSide, ...]:
    """Both sides of a line, from its fields as they are written or read."""
    found = []
    for prefix in ("", "Offset"):
        display = str(fields.get(f"{prefix}AccountDisplayValue") or "")
        kind = fields.get(f"{prefix}AccountType")
        name = kind.name if isinstance(kind, Symbol) else str(kind)
        place = str(fields.get("OffsetCompany") or company) if prefix else company
        if display:
            is_ledger = name == LEDGER
            account, *dimensions = segments_of(display, delimiter) if is_ledger else [display]
            own = company if place.casefold() == company else place
            found.append(LineSide(own, name, account, tuple(dimensions)))
    return tuple(found)


def draft_line(row: Json, company: str, entity_set: EntitySet, delimiter: str) -> DraftLine:
    """A line as it was read with `SELECTED` and the date field of its set."""
    if entity_set.journal is None:
        raise ValueError(f"{entity_set.name} has no journal lines")
    return DraftLine(
        key=str(row[PAYMENT_ID]),
        number=int(row["LineNumber"]),
        batch=str(row[BATCH_NUMBER]),
        company=company,
        kind=entity_set.journal,
        currency=str(row["CurrencyCode"]).upper(),
        date=date.fromisoformat(str(row[entity_set.date_field])[:DATE_CHARS]),
        sides=sides_of(row, company, delimiter),
    )


type Reason = tuple[bool, str, str]
"""Whether a customer is on hold, what is the matter, what to do."""


@dataclass(slots=True)
class PostingRefusals:
    """Looks for the causes of lines. `delimiter`: of display values. `held`: the customers on hold
    that it came across, by company and account."""

    dynamics: DynamicsGateway
    books: Books
    delimiter: str
    held: list[tuple[str, str]] = field(default_factory=list)
    _ledgers: dict[str, Json] = field(default_factory=dict)

    async def of(self, lines: Sequence[DraftLine]) -> dict[str, Parked]:
        """The known cause of each line that has one, by key. Raises the port's errors; an entity
        set that Dynamics does not show tells no cause."""
        looks: tuple[Callable[[Sequence[DraftLine]], Awaitable[dict[str, Reason]]], ...] = (
            self._customers,
            self._accounts,
            self._dimensions,
            self._periods,
            self._rates,
        )
        reasons: dict[str, Reason] = {}
        for look in looks:
            left = [line for line in lines if line.key not in reasons]
            try:
                reasons |= await look(left) if left else {}
            except Refused as error:
                telemetry.event("refusal_unknown", look=look.__name__, error=str(error))
        by_key = {line.key: line for line in lines}
        return {key: _parked(by_key[key], reason) for key, reason in reasons.items()}

    async def _rows(
        self,
        entity_set: str,
        company: str,
        key: str,
        values: Iterable[str],
        *select: str,
        equals: Mapping[str, Value] = MappingProxyType({}),
    ) -> dict[str, Json]:
        """The records of these keys, by the key in folded case."""
        wanted: list[Value] = list(dict.fromkeys(values))
        lookup = Lookup(entity_set, company, equals, any_of=(key, wanted), select=(key, *select))
        rows = await self.dynamics.find(lookup)
        return {str(row[key]).casefold(): row for row in rows}

    async def _customers(self, lines: Sequence[DraftLine]) -> dict[str, Reason]:
        found: dict[str, Reason] = {}
        for company, accounts in _by_company(lines, CUSTOMER).items():
            rows = await self._rows(CUSTOMERS, company, ACCOUNT, accounts, HOLD)
            for line, side in _sides(lines, CUSTOMER, company):
                row = rows.get(side.account.casefold())
                what = f"customer {side.account}"
                if row is None:
                    found[line.key] = (
                        False,
                        f"{what} does not exist in {company} any more",
                        "Give the line an account that exists, in Dynamics",
                    )
                elif row[HOLD] in HOLDS[line.kind]:
                    self.held.append((company, str(row[ACCOUNT])))
                    text = f"{what} is on hold ({row[HOLD]}) in {company}"
                    found[line.key] = (True, text, "Take the account off hold in Dynamics")
        return found

    async def _accounts(self, lines: Sequence[DraftLine]) -> dict[str, Reason]:
        faults: dict[LineSide, str] = {}
        banks = "BankAccountStatus", "BankMainAccountIdDisplayValue"
        main_accounts: dict[LineSide, str] = {
            side: side.account for _, side in _sides(lines, LEDGER)
        }
        for company, accounts in _by_company(lines, BANK).items():
            rows = await self._rows("BankAccounts", company, "BankAccountId", accounts, *banks)
            for _, side in _sides(lines, BANK, company):
                row = rows.get(side.account.casefold())
                if row is None or row["BankAccountStatus"] != "ActiveForAllTransactions":
                    faults[side] = f"bank account {side.account} of {company} is not active"
                else:
                    display = str(row["BankMainAccountIdDisplayValue"])
                    main_accounts[side] = segments_of(display, self.delimiter)[0]
        faults |= await self._main_accounts(main_accounts)
        remedy = "Open the account in Dynamics"
        return {
            line.key: (False, faults[side], remedy)
            for line in lines
            for side in reversed(line.sides)
            if side in faults
        }

    async def _dimensions(self, lines: Sequence[DraftLine]) -> dict[str, Reason]:
        accounts = {
            side: LedgerAccount(side.company, side.account, side.dimensions)
            for _, side in _sides(lines, LEDGER)
        }
        missing = await AccountStructures(self.dynamics, self.delimiter).missing(accounts.values())
        remedy = "Fill it on the line in Dynamics, map it (docs/mapping.md, Financial dimensions)"
        return {
            line.key: (
                False,
                f"account {side.account} of {side.company} needs the dimension "
                f"{', '.join(missing[accounts[side]])}",
                remedy,
            )
            for line in lines
            for side in reversed(line.sides)
            if side in accounts and accounts[side] in missing
        }

    async def _main_accounts(self, wanted: Mapping[LineSide, str]) -> dict[LineSide, str]:
        found: dict[LineSide, str] = {}
        flags = "IsSuspended", "DoNotAllowManualEntry"
        for company in dict.fromkeys(side.company for side in wanted):
            ledger = await self._ledger(company)
            numbers = {side: number for side, number in wanted.items() if side.company == company}
            chart = {"ChartOfAccounts": str(ledger["ChartOfAccounts"])}
            rows = await self._rows(
                *("MainAccounts", "", "MainAccountId", numbers.values(), *flags), equals=chart
            )
            for side, number in numbers.items():
                row = rows.get(number.casefold())
                what = f"account {number} of {company}"
                if row is None:
                    found[side] = f"{what} does not exist"
                elif row["IsSuspended"] == "Yes":
                    found[side] = f"{what} is suspended"
                elif side.type == LEDGER and row["DoNotAllowManualEntry"] == "Yes":
                    found[side] = f"{what} allows no manual entry"
        return found

    async def _ledger(self, company: str) -> Json:
        if company not in self._ledgers:
            select = ("ChartOfAccounts", "FiscalCalendar", "AccountingCurrency", "ExchangeRateType")
            rows = await self._rows("Ledgers", "", "LegalEntityId", [company], *select)
            if company.casefold() not in rows:
                raise Refused("dynamics", f"company {company} has no ledger that we see")
            self._ledgers[company] = rows[company.casefold()]
        return self._ledgers[company]

    async def _periods(self, lines: Sequence[DraftLine]) -> dict[str, Reason]:
        found: dict[str, Reason] = {}
        places = dict.fromkeys(
            (company, line.date, line.kind) for line in lines for company in line.companies
        )
        for company, day, kind in places:
            if not await self._is_open(company, day, kind):
                text = f"the period of {day} is not open in {company}"
                remedy = f"Open the period of {day} in {company}"
                found |= {
                    line.key: (False, text, remedy)
                    for line in lines
                    if company in line.companies and (line.date, line.kind) == (day, kind)
                }
        return found

    async def _is_open(self, company: str, day: date, kind: JournalKind) -> bool:
        known = self.books.companies.get(company)
        typed = None if known is None else known.closed_through
        if isinstance(typed, date) and day <= typed:
            return False
        calendar = str((await self._ledger(company))["FiscalCalendar"])
        lookup = Lookup(
            "FiscalPeriods",
            "",
            {"Calendar": calendar},
            at_most={"StartDate": day},
            at_least={"EndDate": day},
            select=("FiscalYear", "PeriodName"),
        )
        for period in await self.dynamics.find(lookup):
            equals: dict[str, Value] = {
                "Calendar": calendar,
                "YearName": str(period["FiscalYear"]),
                "PeriodName": str(period["PeriodName"]),
                "LegalEntityId": company,
            }
            select = ("PeriodStatus", ACCESS[kind])
            states = await self.dynamics.find(
                Lookup("LedgerFiscalPeriods", "", equals, select=select)
            )
            if any(row["PeriodStatus"] == "Open" and row[ACCESS[kind]] != "None" for row in states):
                return True
        return False

    async def _rates(self, lines: Sequence[DraftLine]) -> dict[str, Reason]:
        found: dict[str, Reason] = {}
        places = dict.fromkeys(
            (company, line.currency, line.date) for line in lines for company in line.companies
        )
        for company, currency, day in places:
            own = str((await self._ledger(company))["AccountingCurrency"])
            if currency == own or await self._has_rate(company, currency, own, day):
                continue
            text = f"{company} has no exchange rate from {currency} to {own} on {day}"
            remedy = f"Enter the exchange rate from {currency} to {own}"
            found |= {
                line.key: (False, text, remedy)
                for line in lines
                if company in line.companies and (line.currency, line.date) == (currency, day)
            }
        return found

    async def _has_rate(self, company: str, currency: str, own: str, day: date) -> bool:
        rate_type = str((await self._ledger(company))["ExchangeRateType"])
        return await has_rate(self.dynamics, rate_type, currency, own, day)


async def has_rate(
    dynamics: DynamicsGateway, rate_type: str, currency: str, own: str, day: date
) -> bool:
    """Whether Dynamics has a rate between two currencies that begins on a day or before."""
    for source, target in ((currency, own), (own, currency)):  # Dynamics inverts a rate
        equals: dict[str, Value] = {
            "RateTypeName": rate_type,
            "FromCurrency": source,
            "ToCurrency": target,
        }
        lookup = Lookup("ExchangeRates", "", equals, at_most={"StartDate": day}, limit=1)
        if await dynamics.find(lookup):
            return True
    return False


def _sides(
    lines: Sequence[DraftLine], kind: str, company: str = ""
) -> Iterable[tuple[DraftLine, LineSide]]:
    for line in lines:
        for side in line.sides:
            if side.type == kind and company in ("", side.company):
                yield line, side


def _by_company(lines: Sequence[DraftLine], kind: str) -> dict[str, list[str]]:
    """The numbers of accounts of a kind, by company."""
    found: dict[str, dict[str, None]] = {}
    for _, side in _sides(lines, kind):
        found.setdefault(side.company, {})[side.account] = None
    return {company: list(accounts) for company, accounts in found.items()}


def _parked(line: DraftLine, reason: Reason) -> Parked:
    is_hold, why, remedy = reason
    batch = line.batch
    text = f"{line.key} stands in journal {batch} of {line.company}, which is not posted: {why}"
    remedy = f"{remedy} and post journal {batch}. Healing then retries the item, or you retry it."
    if is_hold:
        return Parked("customer_blocked", text, remedy)
    return Parked("posting_refused", text, remedy)
