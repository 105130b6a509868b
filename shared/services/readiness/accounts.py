"""Accounts that the books name: main accounts, bank accounts, and what clearing is posted to."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared.domain.books import Account, Books
from shared.domain.journal import Role
from shared.errors import Refused
from shared.ports import Clock, Json
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.reads import Reads, about, inactive, other_case, set_flags
from shared.settings import Settings
from shared.targets.finance.display_values import segments_of

BANK, LEDGER = "Bank", "Ledger"
ACTIVE_BANK = "ActiveForAllTransactions"
BANK_ID, BANK_MAIN = "BankAccountId", "BankMainAccountIdDisplayValue"
BANK_CURRENCY, ANY_CURRENCY = "CurrencyCode", "AllowTransactionsInAdditionalCurrencies"
MAIN, REVALUED = "MainAccountId", "ForeignCurrencyRevaluation"
OF_COMPANY = "MainAccountLegalEntities"
SUSPENDED = ("IsSuspended", "is suspended")
NO_ENTRY = ("DoNotAllowManualEntry", "allows no manual entry")
LIFETIME = ("ActiveFrom", "ActiveTo")
BANKS_MAX = 100  # other bank accounts on the main account of a clearing account

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


class AccountsSetup:
    """The probes of the accounts by role, of clearing and of banks, of all Stripe accounts."""

    def __init__(self, reads: Reads, settings: Settings, clock: Clock, books: Books) -> None:
        self._reads, self._settings, self._clock = reads, settings, clock
        self._books = books

    def probes(self, company: str) -> Iterator[Probe]:
        """Those of one company."""
        group, books = f"Company {company}", "correct the books"
        main, revaluation = f"main accounts {company}", f"revaluation {company}"
        by_hand = dict[str, str]()
        yield Probe(
            {
                main: f"Create or open them in Dynamics, or {books}.",
                revaluation: "Switch Foreign currency revaluation off on the main account (General "
                "ledger > Chart of accounts > Accounts > Main accounts).",
            },
            partial(self._main_accounts, company, by_hand),
            by_hand=by_hand,
            group=group,
        )
        yield Probe(
            {
                f"bank accounts {company}": f"Create or activate them in Dynamics, or {books}.",
                f"clearing accounts {company}": "Give the clearing account a main account of its "
                f"own in Dynamics (Cash and bank management > Bank accounts), or {books}.",
            },
            partial(self._bank_accounts, company),
            group=group,
        )

    def _uses(self, company: str) -> Iterator[AccountUse]:
        """What each account is for."""
        for role, account in self._books.companies[company].accounts.items():
            yield AccountUse(str(role), account)
        for placed in self._books.placed:
            book, currency = placed.book, placed.currency.upper()
            if book.company != company:
                continue
            places = [("clearing", book.clearing), ("bank", book.bank), *book.balances.items()]
            for what, account in places:
                use = f"{placed.name} {what}"
                yield AccountUse(use, account, currency, is_proved=what != "bank")

    def _wanted_main_accounts(self, company: str) -> Wanted:
        """Main accounts by number: of a ledger account its first segment."""
        wanted: dict[str, list[str]] = {}
        uses = list(self._uses(company))
        for use in uses:
            if use.account.type == LEDGER:
                wanted.setdefault(self._main_account(use.account.id), []).append(use.what)
        for use in uses:
            if use.is_proved and (posted := self._posts_to(use.account)) is not None:
                wanted.setdefault(posted, []).append(f"{use.what} in the ledger")
        return wanted

    def _posts_to(self, clearing: Account) -> str | None:
        """The main account of a clearing account, as `TIEOUT_LEDGER_ENTITY` translates it."""
        entity = self._settings.ledger_entity
        return None if entity is None else entity.accounts.get(clearing.id)

    def _main_account(self, display: str) -> str:
        return segments_of(display, self._settings.dynamics_dimension_delimiter)[0]

    async def _states(
        self, company: str, chart: str, numbers: Iterable[str]
    ) -> tuple[dict[str, Json], dict[str, Json], str]:
        """Main accounts by number, what the company has set of them itself, and why the latter
        cannot be read, if so."""
        wanted = list(numbers)
        of_chart = {"ChartOfAccounts": chart}
        flags = (SUSPENDED[0], NO_ENTRY[0])
        rows, own = await asyncio.gather(
            self._reads.rows(
                *("MainAccounts", "", MAIN, wanted, *flags, REVALUED, *LIFETIME), equals=of_chart
            ),
            self._reads.rows(
                *(OF_COMPANY, "", MAIN, wanted, *flags, *LIFETIME),
                equals={**of_chart, "LegalEntityId": company},
            ),
            return_exceptions=True,
        )
        if isinstance(rows, BaseException):
            raise rows
        if isinstance(own, Refused):
            return rows, {}, str(own)
        if isinstance(own, BaseException):
            raise own
        return rows, own, ""

    def _faults(self, row: Json, own: Json | None, *flags: tuple[str, str]) -> list[str]:
        """What speaks against posting to a main account, in its chart or in the company alone."""
        today = self._clock.now().date()
        faults = [*set_flags(row, flags), *inactive(row, today)]
        for fault in [*set_flags(own, flags), *inactive(own, today)] if own else ():
            if fault not in faults:
                faults.append(f"{fault} in this company")
        return faults

    async def _main_accounts(self, company: str, by_hand: dict[str, str]) -> Problems:
        name = f"main accounts {company}"
        ledger = await self._reads.ledger(company)
        if ledger is None:
            return {name: f"{company} has no ledger, so no chart of accounts"}
        chart, wanted = str(ledger["ChartOfAccounts"]), self._wanted_main_accounts(company)
        rows, own, unread = await self._states(company, chart, wanted)
        if unread:
            by_hand[name] = (
                f"what {company} has set of main accounts itself cannot be read by OData ({unread})"
                ": check by hand: Main accounts, Legal entity overrides: none is suspended"
            )
        texts, revalued = [], []
        for number, uses in wanted.items():
            row = rows.get(number.casefold())
            if row is None:
                texts += about(number, uses, [f"does not exist in the chart of accounts {chart}"])
                continue
            faults = self._faults(row, own.get(number.casefold()), SUSPENDED, NO_ENTRY)
            texts += about(number, uses, [*other_case(number, row[MAIN]), *faults])
            if Role.FX_TRANSIT in uses and row[REVALUED] == "Yes":
                revalued += about(number, uses, ["is under foreign currency revaluation"])
        return {name: "; ".join(texts), f"revaluation {company}": "; ".join(revalued)}

    async def _bank_accounts(self, company: str) -> Problems:
        uses = [use for use in self._uses(company) if use.account.type == BANK]
        rows = await self._reads.rows(
            *("BankAccounts", company, BANK_ID, [use.account.id for use in uses]),
            *("BankAccountStatus", BANK_CURRENCY, ANY_CURRENCY, BANK_MAIN, *LIFETIME),
        )
        behind = await self._behind(company, rows.values())
        texts = []
        for use in uses:
            account, currency = use.account, use.currency
            row = rows.get(account.id.casefold())
            if row is None:
                texts += about(account.id, [use.what], [f"does not exist in {company}"])
                continue
            faults = other_case(account.id, row[BANK_ID])
            if row["BankAccountStatus"] != ACTIVE_BANK:
                faults.append(f"is not active ({row['BankAccountStatus']})")
            faults += inactive(row, self._clock.now().date())
            if currency not in ("", row[BANK_CURRENCY]) and row[ANY_CURRENCY] != "Yes":
                faults.append(f"is in {row[BANK_CURRENCY]} and takes no {currency}")
            main = self._main_account(str(row[BANK_MAIN]))
            faults += [f"posts to main account {main}, which {each}" for each in behind[main]]
            faults += self._of_ledger(use, main)
            texts += about(account.id, [use.what], faults)
        return {
            f"bank accounts {company}": "; ".join(texts),
            f"clearing accounts {company}": "; ".join(await self._shared(company, rows)),
        }

    async def _behind(self, company: str, banks: Iterable[Json]) -> dict[str, list[str]]:
        """What speaks against the main accounts that bank accounts post to. Whether they take
        manual entries does not matter: no line names them."""
        numbers = list(dict.fromkeys(self._main_account(str(row[BANK_MAIN])) for row in banks))
        ledger = await self._reads.ledger(company) if numbers else None
        if ledger is None:
            return {number: [] for number in numbers}
        rows, own, _ = await self._states(company, str(ledger["ChartOfAccounts"]), numbers)
        return {
            number: self._faults(row, own.get(number.casefold()), SUSPENDED)
            if (row := rows.get(number.casefold()))
            else []
            for number in numbers
        }

    def _of_ledger(self, use: AccountUse, posted: str) -> list[str]:
        """A clearing account that posts elsewhere than the proof reads."""
        said = self._posts_to(use.account) if use.is_proved else None
        if said is None or not posted or said.casefold() == posted.casefold():
            return []
        return [f"posts to main account {posted}, TIEOUT_LEDGER_ENTITY says {said}"]

    async def _shared(self, company: str, banks: Mapping[str, Json]) -> list[str]:
        """Clearing accounts whose main account holds something else, too: nobody could prove its
        balance. Clearing accounts of other currencies may share it: the proof tells currencies
        apart."""

        def display_of(account: Account) -> str:
            if account.type == LEDGER:
                return account.id
            return str(banks.get(account.id.casefold(), {}).get(BANK_MAIN, ""))

        uses = [(use, display_of(use.account)) for use in self._uses(company)]
        clearing = [(use, display) for use, display in uses if use.is_proved]
        others = await self._reads.records(
            *("BankAccounts", company, BANK_MAIN, [display for _, display in clearing if display]),
            *(BANK_ID, BANK_CURRENCY, ANY_CURRENCY),
            limit=BANKS_MAX,
        )
        texts = []
        for use, display in clearing:
            main = self._main_account(display)
            also = [
                other.what
                for other, held in uses
                if main and self._main_account(held).casefold() == main.casefold()
                if other is not use and not (other.is_proved and other.currency != use.currency)
            ]
            also += [
                f"bank account {row[BANK_ID]}"
                for row in others
                if row[BANK_MAIN] == display
                and str(row[BANK_ID]).casefold() not in banks
                and (row[BANK_CURRENCY] == use.currency or row[ANY_CURRENCY] == "Yes")
            ]
            if also:
                fault = f"shares main account {main} with {', '.join(also)}"
                texts += about(use.account.id, [use.what], [fault])
        return texts
