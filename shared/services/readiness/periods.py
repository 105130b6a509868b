"""Which days Dynamics has closed, of the companies whose `closed_through` follows it."""

from collections.abc import Iterator
from functools import partial
from zoneinfo import ZoneInfo

from shared.converge.fiscal_periods import FiscalPeriods
from shared.domain.books import Books
from shared.domain.closed_days import FOLLOW, FollowedDays, Module
from shared.ports import Clock
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.reads import Reads
from shared.settings import Settings

MODULES = (Module.LEDGER, Module.CUSTOMERS)


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
