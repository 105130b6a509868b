"""What each company needs: its journal names, its customer set-up, intercompany accounts, and a
fiscal period that is open, where the books follow Dynamics."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfo

from shared.converge.accounts import HOLD, NO_HOLDS
from shared.converge.fiscal_periods import FiscalPeriods
from shared.domain.books import Books
from shared.domain.closed_days import FOLLOW, FollowedDays, Module
from shared.domain.journal import JournalKind
from shared.entities.customer import ACCOUNT, CUSTOMERS
from shared.errors import MappingUnusable, Refused
from shared.policy import Approvals, RouteRule
from shared.ports import Clock, Json, Lookup
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.reads import Reads, other_case, set_flags
from shared.settings import Settings
from shared.stores.mappings import Mappings

COMPANY = "dataAreaId"
MODULES = (Module.LEDGER, Module.CUSTOMERS)
JOURNAL_TYPES = MappingProxyType(
    {JournalKind.CUSTOMER_PAYMENT: "CustPayment", JournalKind.GENERAL: "Daily"}
)
APPROVALS = ("needs an approval before posting", "has an approval workflow")
JOURNAL_FLAGS = (
    ("IsApprovalActive", APPROVALS[0]),
    ("IsWorkflowApprovalActive", APPROVALS[1]),
    ("IsFixedOffsetAccount", "has a fixed offset account"),
    ("DeleteLinesAfterPosting", "deletes its lines after posting"),
)
NEW_VOUCHER, ONE_VOUCHER, BY_BALANCE = "NewVoucher", "OneVoucher", "BalanceSheet"
SET_UP_BY_HAND = "General ledger > Posting setup > Intercompany accounting"
INTERCOMPANY = "LedgerInterCompanyAccounts"
FROM_COMPANY, TO_COMPANY = "OriginatingLegalEntityId", "DestinationLegalEntityId"
INTERCOMPANY_ACCOUNTS = (
    "OriginatingDebitAccountDisplayValue",
    "OriginatingCreditAccountDisplayValue",
    "DestinationDebitAccountDisplayValue",
    "DestinationCreditAccountDisplayValue",
)


class CompanySetup:
    """The probes of what `companies` in the books names, accounts apart."""

    def __init__(self, reads: Reads, books: Books, mappings: Mappings) -> None:
        self._reads, self._books, self._mappings = reads, books, mappings

    def probes(self, company: str) -> Iterator[Probe]:
        """Those of one company."""
        books, group = "correct the books", f"Company {company}"
        yield Probe(
            {f"company {company}": "Spell the company in the books as Dynamics does."},
            partial(self._company, company),
            group=group,
        )
        yield self._journal_probe(company, group)
        yield Probe(
            {f"one-time customer {company}": f"Create the customer in Dynamics, or {books}."},
            partial(self._one_time_customer, company),
            group=group,
        )
        yield Probe(
            {f"customer group {company}": f"Create the customer group in Dynamics, or {books}."},
            partial(self._customer_group, company),
            group=group,
        )
        if len(self._books.companies) > 1:
            by_hand = dict[str, str]()
            remedy = (
                f"Enter both companies and their accounts in {SET_UP_BY_HAND}, the company that "
                "sells as originating company, or correct routes in the policy."
            )
            yield Probe(
                {f"intercompany {company}": remedy},
                partial(self._intercompany, company, by_hand),
                by_hand=by_hand,
                group=group,
            )

    def _journal_probe(self, company: str, group: str) -> Probe:
        remedy = (
            "Correct the journal name in Dynamics (README.md, Prepare Dynamics), or correct the "
            "books."
        )
        vouchers = f"vouchers {company}"
        by_balance = (
            "Set New voucher to In connection with balance on the journal name (General ledger > "
            "Journal setup > Journal names)."
        )
        notes, by_hand = dict[str, str](), dict[str, str]()
        return Probe(
            {**{f"journal {company} {kind}": remedy for kind in JournalKind}, vouchers: by_balance},
            partial(self._journals, company, notes, by_hand),
            notes,
            by_hand,
            group=group,
        )

    async def _company(self, company: str) -> Problems:
        name = f"company {company}"
        if await self._reads.ledger(company) is None:
            return {name: f"Dynamics has no company {company}, or hides it from our user"}
        rows = await self._reads.dynamics.find(
            Lookup("JournalNames", company, select=(COMPANY,), limit=1)
        )
        rendered = str(rows[0][COMPANY]) if rows else company
        if rendered != company:
            return {name: f"the books say {company}, Dynamics spells it {rendered}"}
        return {}

    async def _journals(
        self, company: str, notes: dict[str, str], by_hand: dict[str, str]
    ) -> Problems:
        """`notes`: the names whose journals a person approves, as the policy allows."""
        journals = self._books.companies[company].journals
        flags = [flag for flag, _ in JOURNAL_FLAGS]
        approvals = Approvals()
        with suppress(MappingUnusable):  # the check `mapping` says so
            approvals = (await self._mappings.active()).policy.approvals
        names = [journals[kind] for kind in JournalKind]
        select = ("Type", NEW_VOUCHER, *flags)
        rows = await self._reads.rows("JournalNames", company, "Name", names, *select)
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
                approver = approvals.of(kind)
                faults = [*other_case(name, row["Name"]), *set_flags(row, JOURNAL_FLAGS)]
                allowed = [each for each in faults if approver and each in APPROVALS]
                faults = [each for each in faults if each not in allowed]
                text = f"{what} {', '.join(faults)}" if faults else ""
                why = f"{', '.join(allowed)}; drafts wait until {approver} approves them"
                notes[f"journal {company} {kind}"] = f"{what} {why}" if allowed else ""
            problems[f"journal {company} {kind}"] = text
        vouchers = f"vouchers {company}"
        problems[vouchers] = _one_voucher(rows.values())
        by_hand[vouchers] = _by_hand(rows.values())
        return problems

    async def _one_time_customer(self, company: str) -> Problems:
        account = self._books.companies[company].one_time_customer
        rows = await self._reads.rows(CUSTOMERS, company, ACCOUNT, [account], HOLD)
        row = rows.get(account.casefold())
        if row is None:
            text = f"the customer {account} does not exist in {company}"
        else:
            faults = other_case(account, row[ACCOUNT])
            if row[HOLD] not in NO_HOLDS:
                faults.append(f"is on hold ({row[HOLD]})")
            text = f"the customer {account} {', '.join(faults)}" if faults else ""
        return {f"one-time customer {company}": text}

    async def _customer_group(self, company: str) -> Problems:
        group, key = self._books.companies[company].customer_group, "CustomerGroupId"
        rows = await self._reads.rows("CustomerGroups", company, key, [group])
        row = rows.get(group.casefold())
        faults = [f"does not exist in {company}"] if row is None else other_case(group, row[key])
        text = f"the customer group {group} {', '.join(faults)}" if faults else ""
        return {f"customer group {company}": text}

    async def _intercompany(self, company: str, by_hand: dict[str, str]) -> Problems:
        """A line of a company that sells has the owner's clearing account as its offset."""
        name = f"intercompany {company}"
        try:
            routes = (await self._mappings.active()).policy.routes
        except MappingUnusable:
            return {}  # the check `mapping` says so
        owners = list(
            dict.fromkeys(
                owner
                for rule in routes
                if rule.company == company
                for owner in owners_of(rule, self._books)
                if owner != company
            )
        )
        try:
            rows = await self._reads.rows(
                *(INTERCOMPANY, "", TO_COMPANY, owners, *INTERCOMPANY_ACCOUNTS),
                equals={FROM_COMPANY: company},
            )
        except Refused as error:
            where = f"{SET_UP_BY_HAND}, from {company} to {', '.join(owners)}"
            by_hand[name] = f"cannot be read by OData ({error}): check by hand: {where}"
            return {}
        texts = []
        for owner in owners:
            row = rows.get(owner.casefold())
            if row is None:
                texts.append(f"there are no intercompany accounts from {company} to {owner}")
                continue
            empty = [each for each in INTERCOMPANY_ACCOUNTS if not row[each]]
            if empty:
                texts.append(f"from {company} to {owner}, {', '.join(empty)} is empty")
        return {name: "; ".join(texts)}


class PeriodSetup:
    """The probes of fiscal periods. They read afresh; what converge keeps may be a minute old."""

    def __init__(self, reads: Reads, books: Books, settings: Settings, clock: Clock) -> None:
        self._periods, self._books = FiscalPeriods(reads.dynamics, clock), books
        self._zone, self._clock = ZoneInfo(settings.time_zone), clock

    def probes(self, company: str) -> Iterator[Probe]:
        """That of one company; it asks nothing where the company does not follow."""
        name, notes = f"closed days {company}", dict[str, str]()
        remedy = (
            "Open the period of today in Dynamics (General ledger > Ledger setup > Ledger "
            "calendars): its status, and the access to the modules. Or type the last closed day "
            "(closed_through in the books)."
        )
        yield Probe(
            {name: remedy},
            partial(self._closed, company, name, notes),
            notes,
            advice=(name,),
            group=f"Company {company}",
        )

    async def _closed(self, company: str, name: str, notes: dict[str, str]) -> Problems:
        typed = self._books.companies[company].closed_through
        if typed != FOLLOW:
            notes[name] = f"the books have closed all through {typed}" if typed else ""
            return {}
        days = (await self._periods.days(self._books))[company]
        notes[name] = f"Dynamics has closed {_said(days)}"
        today = self._clock.now().astimezone(self._zone).date()
        shut = [module for module in MODULES if days.cut_off(today, module) is None]
        text = f"today, {today}, is closed in {company} (module {' and '.join(shut)})"
        return {name: text if shut else ""}


def _said(days: FollowedDays) -> str:
    """The closed days of the modules, said once where they are the same."""
    texts = [days.closed(module) for module in MODULES]
    if len(set(texts)) == 1:
        return texts[0]
    return "; ".join(
        f"module {module}: {text}" for module, text in zip(MODULES, texts, strict=True)
    )


def owners_of(rule: RouteRule, books: Books) -> list[str]:
    """The companies that may own the clearing account of sales that a rule routes, of whichever
    Stripe account. A charge in a currency without a book is settled in any of its account."""
    owners: list[str] = []
    for alias in dict.fromkeys(placed.account for placed in books.placed):
        own = books.of(alias).currencies
        charged = rule.when.currency
        settled = charged if charged and all(each in own for each in charged) else own
        owners += [own[currency].company for currency in settled]
    return list(dict.fromkeys(owners))


def _one_voucher(rows: Iterable[Json]) -> str:
    """With one voucher for all lines, Dynamics posts a whole journal or none of it, and nobody can
    tell which line of a voucher pays which invoice."""
    names = [str(row["Name"]) for row in rows if row[NEW_VOUCHER] == ONE_VOUCHER]
    return f"{' and '.join(names)} put all lines on one voucher" if names else ""


def _by_hand(rows: Iterable[Json]) -> str:
    names = [str(row["Name"]) for row in rows if row[NEW_VOUCHER] not in (ONE_VOUCHER, BY_BALANCE)]
    if not names:
        return ""
    return (
        f"New voucher of {' and '.join(names)} is Manual, and what Dynamics does then cannot be "
        "read by OData: check by hand: whether each line of a draft has a voucher of its own, or "
        "set In connection with balance"
    )
