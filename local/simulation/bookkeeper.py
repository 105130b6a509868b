"""What happens in Dynamics without the app: posting jobs, suspended accounts, closed periods."""

import random
from datetime import timedelta

from local.dynamics import DynamicsPeer, JournalResult
from local.simulation.customer_holds import CustomerHolds
from local.simulation.faults import Injector
from local.simulation.timeline import Timeline
from shared.ports import Clock

POST_HOURS = (2, 6, 12, 24)
SUSPENDED = ("618900", "132900", "110900", "130100", "154300")  # fees, disputes, transit, customers
SUSPENDED_HOURS = (1, 60)
CLOSED_DAYS = (1, 4)
COMPANIES = ("usmf", "demf")


class Bookkeeper:
    """Posts journals in a rhythm of its own, and gets in the way."""

    def __init__(
        self, peer: DynamicsPeer, clock: Clock, seed: int, *, injector: Injector, timeline: Timeline
    ) -> None:
        self._peer = peer
        self._clock = clock
        self._rng = random.Random(f"bookkeeper {seed}")  # noqa: S311 - a seeded world
        self._injector = injector
        self._timeline = timeline
        self.holds = CustomerHolds(peer, clock, seed, injector=injector, timeline=timeline)
        self._post_seconds = 3_600.0 * self._rng.choice(POST_HOURS)

    async def run(self) -> None:
        """Post journals, until cancelled."""
        while True:
            await self._clock.sleep(self._post_seconds)
            self.post()

    def post(self) -> list[JournalResult]:
        """One run of the batch jobs: orders become invoices, journals are posted."""
        documents, results = self._peer.run_jobs()
        for document in documents:
            what = f"as {document.number}" if document.posted else "refused"
            told = f"{document.entity_set} {document.company} {document.document} {what}"
            self._timeline.note("posting job", told)
        for result in results:
            told = f"posted {result.company} {result.journal}"
            if not result.posted:
                told = f"refused {result.company} {result.journal}: {'; '.join(result.reasons)}"
            elif result.moved_to:
                told += f", bad lines moved to {result.moved_to}"
            self._timeline.note("posting job", told)
        self.holds.ran()
        return results

    async def meddle(self) -> None:
        """Days of an office that suspends accounts and closes periods, until cancelled."""
        while True:
            await self._clock.sleep(self._rng.uniform(2, 6) * 86_400)
            if self._injector.strikes("period_closed", "last month and this"):
                await self._close()
            moves = self._injector.strikes("line_moved", "bad lines go to a new journal")
            if moves or self._injector.strikes("journal_refused", "bad lines refuse the journal"):
                await self._suspend(moves=moves)

    async def _close(self) -> None:
        now = self._clock.now()
        last = now.replace(day=1) - timedelta(days=1)
        months = ((last.year, last.month), (now.year, now.month))
        self._set_closed(months, reopen=False)
        try:
            await self._clock.sleep(self._rng.uniform(*CLOSED_DAYS) * 86_400)
        finally:
            self._set_closed(months, reopen=True)

    def _set_closed(self, months: tuple[tuple[int, int], ...], *, reopen: bool) -> None:
        for company in COMPANIES:
            for year, month in months:
                self._peer.close_period(company, year, month, reopen=reopen)
        self._timeline.note("bookkeeper", f"{'opens' if reopen else 'closes'} {months}")

    async def _suspend(self, *, moves: bool) -> None:
        account = self._rng.choice(SUSPENDED)
        self._peer.settings.post_and_transfer = moves
        self._peer.suspend_account(account)
        self._timeline.note("bookkeeper", f"suspends {account}")
        try:
            await self._clock.sleep(self._rng.uniform(*SUSPENDED_HOURS) * 3_600)
            self.post()
        finally:
            self._peer.suspend_account(account, resume=True)
            self._peer.settings.post_and_transfer = False
            self._timeline.note("bookkeeper", f"resumes {account}")
