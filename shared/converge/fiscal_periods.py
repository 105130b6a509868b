"""Which days Dynamics has closed, for the companies whose `closed_through` follows it.

`LedgerFiscalPeriods` tells the status of each period in a ledger and the access of each module to
it, `FiscalPeriods` the days. A day is open where an operating period that holds it is `Open` and
the module's access is not `None`; `User`, a group of users, counts as open: no entity set tells
whether our user is in it. Another status or kind of period, and a day of no period, is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType

from shared.domain.books import Books
from shared.domain.closed_days import FOLLOW, FollowedDays, Module, Period
from shared.entities.common.objects import Context
from shared.entities.entity import Entity
from shared.errors import Refused, limit_reached
from shared.ports import Clock, DynamicsGateway, Json, Lookup

FRESH_SECONDS = 60
PERIODS_MAX = 5_000  # of a calendar, and of a ledger
DATE_CHARS = 10
ACCESS = MappingProxyType(
    {
        Module.LEDGER: "LedgerAccessLevel",
        Module.CUSTOMERS: "CustAccessLevel",
        Module.VENDORS: "VendAccessLevel",
    }
)


type ReadFollowed = Callable[[Books], Awaitable[Mapping[str, FollowedDays]]]
"""Reads the closed days of companies that follow Dynamics; `FiscalPeriods.days`."""


@dataclass(slots=True)
class KeptPeriods:
    """What was read last, of the companies that follow Dynamics, and when."""

    days: Mapping[str, FollowedDays] = field(default_factory=dict)
    read_at: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one reads, the others wait


@dataclass(frozen=True, slots=True)
class FiscalPeriods:
    """Reads the fiscal periods, at most once in `FRESH_SECONDS`. `kept`: by one instance of the
    application."""

    dynamics: DynamicsGateway
    clock: Clock
    kept: KeptPeriods = field(default_factory=KeptPeriods)

    async def into(self, entity: Entity, context: Context) -> Context:
        """What the documents of an entity are computed with, with the closed days where they may
        ask for them. Raises what `days` raises."""
        if not entity.making().is_dated:
            return context
        return replace(context, followed=await self.days(context.books))

    async def days(self, books: Books) -> Mapping[str, FollowedDays]:
        """The closed days of each company that follows Dynamics. Raises the port's errors, and
        `Parked` for more periods than `PERIODS_MAX`: what cannot be read is not known."""
        names = following(books)
        if not names:
            return {}
        async with self.kept.lock:
            now = self.clock.now()
            if not self._is_fresh(names, now):
                self.kept.days = await self._read(names)
                self.kept.read_at = now
            return self.kept.days

    def _is_fresh(self, names: Sequence[str], now: datetime) -> bool:
        read_at = self.kept.read_at
        if read_at is None or any(name not in self.kept.days for name in names):
            return False
        return timedelta() <= now - read_at < timedelta(seconds=FRESH_SECONDS)

    async def _read(self, names: Sequence[str]) -> dict[str, FollowedDays]:
        ledgers = await self.dynamics.find(
            Lookup(
                "Ledgers",
                "",
                any_of=("LegalEntityId", list(names)),
                select=("LegalEntityId", "FiscalCalendar"),
            )
        )
        calendars = {
            str(row["LegalEntityId"]).casefold(): str(row["FiscalCalendar"]) for row in ledgers
        }
        periods: dict[str, list[Json]] = {}
        found: dict[str, FollowedDays] = {}
        for name in names:
            if name.casefold() not in calendars:
                raise Refused("dynamics", f"company {name} has no ledger that we see")
            calendar = calendars[name.casefold()]
            if calendar not in periods:
                periods[calendar] = await self._periods(calendar)
            found[name] = _open_periods(periods[calendar], await self._states(name, calendar))
        return found

    async def _periods(self, calendar: str) -> list[Json]:
        select = ("FiscalYear", "PeriodName", "StartDate", "EndDate", "Type")
        return await self._all(Lookup("FiscalPeriods", "", {"Calendar": calendar}, select=select))

    async def _states(self, company: str, calendar: str) -> list[Json]:
        equals = {"LegalEntityId": company, "Calendar": calendar}
        select = ("YearName", "PeriodName", "PeriodStatus", *ACCESS.values())
        return await self._all(Lookup("LedgerFiscalPeriods", "", equals, select=select))

    async def _all(self, lookup: Lookup) -> list[Json]:
        rows = await self.dynamics.find(replace(lookup, limit=PERIODS_MAX + 1))
        if len(rows) > PERIODS_MAX:
            where = " ".join(str(value) for value in lookup.equals.values())
            raise limit_reached(
                f"{lookup.entity_set} has more than {PERIODS_MAX} periods of {where}"
            )
        return rows


def following(books: Books) -> list[str]:
    """The companies whose closed days follow Dynamics."""
    return [name for name, each in books.companies.items() if each.closed_through == FOLLOW]


def _open_periods(periods: Sequence[Json], states: Sequence[Json]) -> FollowedDays:
    by_key = {
        (str(row["YearName"]), str(row["PeriodName"])): row
        for row in states
        if row["PeriodStatus"] == "Open"
    }
    found: dict[Module, list[Period]] = {module: [] for module in ACCESS}
    for row in periods:
        state = by_key.get((str(row["FiscalYear"]), str(row["PeriodName"])))
        if state is None or row["Type"] != "Operating":
            continue
        period = Period(_day(row["StartDate"]), _day(row["EndDate"]))
        for module, access in ACCESS.items():
            if state[access] != "None":
                found[module].append(period)
    return FollowedDays({module: tuple(each) for module, each in found.items()})


def _day(value: object) -> date:
    return date.fromisoformat(str(value)[:DATE_CHARS])
