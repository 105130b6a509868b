"""The person who confirms Stripe's tax documents, once a month is over.

The totals are those that Stripe charged, be they more or less than the app shows. A random stream
of their own. The person asks until the app lists the document: an answer may be lost, and the fees
of a month may not be there yet.
"""

import random
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from local.simulation import fee_oracle
from local.simulation.history import TaxDocument
from local.simulation.subject import JudgedWorld
from local.simulation.timeline import Timeline
from shared.ports import Json

PAUSE_SECONDS = (3_600.0, 12 * 3_600.0)
WHO, WHY = "Robin", "the tax document of Stripe"

type Ask = Callable[[str, Json | None], Awaitable[Json | None]]


class TaxDocuments:
    """The person. What was confirmed is told to the history."""

    def __init__(self, subject: JudgedWorld, ask: Ask, timeline: Timeline, seed: int) -> None:
        self._subject, self._ask, self._timeline = subject, ask, timeline
        self._rng = random.Random(f"tax documents {seed}")  # noqa: S311 - a seeded world

    async def run(self) -> None:
        """Confirm what is due, until cancelled."""
        while True:
            await self._subject.clock.sleep(self._rng.uniform(*PAUSE_SECONDS))
            for document in self.due():
                await self._confirm(document)

    def due(self) -> list[TaxDocument]:
        """The documents of months that are over and not confirmed yet."""
        if not self._subject.fees_accrue:
            return []
        now = datetime.fromtimestamp(
            self._subject.clock.now().timestamp(), ZoneInfo(self._subject.time_zone)
        )
        sums = fee_oracle.by_month(self._subject)
        return [
            TaxDocument(month, company, currency, f"{month}-{company}-{currency}", total)
            for (month, company, currency), total in sums.items()
            if month < f"{now:%Y-%m}" and total > 0
            if f"{month}-{company}-{currency}" not in self._subject.history.tax_documents
        ]

    async def _confirm(self, document: TaxDocument) -> None:
        listed = await self._ask(f"fees?month={document.month}", None)
        if listed is None:
            return
        stored = {each["number"]: int(each["total_minor"]) for each in listed["documents"]}
        if document.number in stored:
            self._note(document, stored[document.number])
            return
        body: Json = {
            "month": document.month,
            "company": document.company,
            "currency": document.currency,
            "number": document.number,
            "date": _last_day(document.month).isoformat(),
            "total_minor": document.total_minor,
            "allow_excess": True,
            "who": WHO,
            "why": WHY,
        }
        answer = await self._ask("fees", body)
        self._timeline.note("people", f"tax document {document.number}: {answer}")
        if answer is not None:
            self._note(document, document.total_minor)

    def _note(self, document: TaxDocument, total_minor: int) -> None:
        confirmed = TaxDocument(
            document.month, document.company, document.currency, document.number, total_minor
        )
        self._subject.history.tax_documents[document.number] = confirmed


def _last_day(month: str) -> date:
    later = date.fromisoformat(f"{month}-01") + timedelta(days=31)
    return later.replace(day=1) - timedelta(days=1)
