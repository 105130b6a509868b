"""Currencies of the books, and the exchange rates that their companies need."""

import asyncio
from collections.abc import Iterator
from functools import partial

from shared.converge.refusals import has_rate
from shared.domain.books import Books
from shared.errors import MappingUnusable
from shared.ports import Clock
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.reads import Reads
from shared.stores.mappings import Mappings

RATES_MAX = 50  # that are asked for, of one company


class CurrencySetup:
    """The probes of the currencies that the books of all Stripe accounts name."""

    def __init__(self, reads: Reads, books: Books, mappings: Mappings, clock: Clock) -> None:
        self._reads, self._books, self._mappings, self._clock = reads, books, mappings, clock

    def shared_probes(self) -> Iterator[Probe]:
        """What belongs to no company."""
        yield Probe(
            {"currencies": "Create them in Dynamics, or correct currencies in the books."},
            self._currencies,
            group="Dynamics",
        )

    def probes(self, company: str) -> Iterator[Probe]:
        """Those of one company."""
        notes = dict[str, str]()
        yield Probe(
            {f"accounting currency {company}": "Correct accounting_currency in the books."},
            partial(self._accounting, company),
            group=f"Company {company}",
        )
        yield Probe(
            {
                f"exchange rates {company}": "Enter them in General ledger > Currencies > Currency "
                "exchange rates, or import them there daily."
            },
            partial(self._rates, company, notes),
            notes,
            group=f"Company {company}",
        )

    async def _currencies(self) -> Problems:
        codes = list(dict.fromkeys(placed.currency.upper() for placed in self._books.placed))
        rows = await self._reads.rows("Currencies", "", "CurrencyCode", codes)
        missing = [code for code in codes if code.casefold() not in rows]
        text = f"Dynamics has no currency {', '.join(missing)}" if missing else ""
        return {"currencies": text}

    async def _accounting(self, company: str) -> Problems:
        name = f"accounting currency {company}"
        named = self._books.companies[company].accounting_currency
        ledger = await self._reads.ledger(company)
        own = "" if ledger is None else str(ledger["AccountingCurrency"]).lower()
        if named in ("", own):
            return {name: ""}
        has = f"its ledger {own}" if own else "it has no ledger"
        return {name: f"the books say {named}, {has}"}

    async def _rates(self, company: str, notes: dict[str, str]) -> Problems:
        name = f"exchange rates {company}"
        ledger = await self._reads.ledger(company)
        if ledger is None:
            return {name: f"{company} has no ledger, so no accounting currency"}
        own, other = str(ledger["AccountingCurrency"]), str(ledger["ReportingCurrency"])
        kind = str(ledger["ExchangeRateType"])
        kind_of_other = str(ledger["ReportingCurrencyExchangeRateType"]) or kind
        used = await self._used(company)
        pairs = [(kind, code, own) for code in used if code != own]
        if other:
            pairs += [(kind_of_other, code, other) for code in (*used, own) if code != other]
        pairs = list(dict.fromkeys(pairs))
        if len(pairs) > RATES_MAX:
            notes[name] = f"looked for {RATES_MAX} rates of {len(pairs)}"
        looked_for, today = pairs[:RATES_MAX], self._clock.now().date()
        found = await asyncio.gather(
            *(has_rate(self._reads.dynamics, *pair, today) for pair in looked_for)
        )
        missing = [
            f"from {source} to {target} of type {kind}"
            for (kind, source, target), there in zip(looked_for, found, strict=True)
            if not there
        ]
        return {name: f"no exchange rate {', none '.join(missing)}" if missing else ""}

    async def _used(self, company: str) -> list[str]:
        """The currencies of a company's lines: of its books, and of the sales that routes give it.
        That a charge may be in any other currency is not in the books."""
        placed = self._books.placed
        used = [each.currency for each in placed if each.book.company == company]
        try:
            routes = (await self._mappings.active()).policy.routes
        except MappingUnusable:
            routes = ()
        for rule in routes:
            if rule.company == company:
                used += rule.when.currency or [each.currency for each in placed]
        return [code.upper() for code in dict.fromkeys(used)]
