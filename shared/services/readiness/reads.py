"""Reads of the checks: records by key, and the ledgers of all companies, which are read once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.errors import Refused
from shared.ports import DynamicsGateway, Json, Lookup, Value

DATE_CHARS = 10
EMPTY_DATE = date(1900, 1, 1)
LEDGER_PROPERTIES = (
    *("ChartOfAccounts", "AccountingCurrency", "ReportingCurrency"),
    *("ExchangeRateType", "ReportingCurrencyExchangeRateType"),
)


@dataclass(slots=True)
class Reads:
    """What the probes of one look at Dynamics share. `companies`: those of the books."""

    dynamics: DynamicsGateway
    companies: Sequence[str]
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ledgers: Mapping[str, Json] | None = None

    async def rows(
        self,
        entity_set: str,
        company: str,
        key: str,
        values: Iterable[str],
        *select: str,
        equals: Mapping[str, Value] | None = None,
    ) -> dict[str, Json]:
        """The records of these keys, by the key in folded case. No key: nothing is asked."""
        found = await self.records(entity_set, company, key, values, *select, equals=equals)
        return {str(row[key]).casefold(): row for row in found}

    async def records(
        self,
        entity_set: str,
        company: str,
        key: str,
        values: Iterable[str],
        *select: str,
        equals: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[Json]:
        """All records whose property `key` has one of these values."""
        wanted: list[Value] = list(dict.fromkeys(values))
        if not wanted:
            return []
        lookup = Lookup(
            entity_set,
            company,
            equals or {},
            any_of=(key, wanted),
            select=(key, *select),
            limit=limit,
        )
        return await self.dynamics.find(lookup)

    async def ledger(self, company: str) -> Json | None:
        """The ledger of a company. Whoever comes first reads those of all."""
        async with self._lock:
            if self._ledgers is None:
                self._ledgers = await self.rows(
                    "Ledgers", "", "LegalEntityId", self.companies, *LEDGER_PROPERTIES
                )
        return self._ledgers.get(company.casefold())

    async def refusal(self, entity_set: str, company: str, *select: str) -> str:
        """Why Dynamics does not show these properties; empty where it does."""
        try:
            await self.dynamics.find(Lookup(entity_set, company, select=select, limit=1))
        except Refused as error:
            names = ", ".join(select)
            return f"{entity_set} does not show {names}: {error}"
        return ""


def other_case(ours: str, theirs: object) -> list[str]:
    """Dynamics compares without case, our links do not."""
    return [] if ours == theirs else [f"is spelled {theirs} in Dynamics"]


def set_flags(row: Json, flags: Iterable[tuple[str, str]]) -> list[str]:
    """The texts of the flags that are set."""
    return [text for flag, text in flags if row.get(flag) == "Yes"]


def about(number: str, uses: Sequence[str], faults: Sequence[str]) -> list[str]:
    """What is wrong with an account, and what the books use it for."""
    return [f"{number} ({', '.join(uses)}) {', '.join(faults)}"] if faults else []


def inactive(row: Json, today: date) -> list[str]:
    """Whether a record is for another time than today."""
    start, end = (_day(row[name]) for name in ("ActiveFrom", "ActiveTo"))
    faults = [f"is active from {start} only"] if start > max(today, EMPTY_DATE) else []
    return [*faults, f"is active until {end} only"] if EMPTY_DATE < end < today else faults


def _day(value: object) -> date:
    return date.fromisoformat(str(value)[:DATE_CHARS])
