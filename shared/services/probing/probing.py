"""`tieout probe`: each rule in turn, its drafts taken back before the next one begins."""

import logging
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from shared import telemetry
from shared.domain.books import Books
from shared.errors import TieoutError
from shared.ports import Clock, DynamicsGateway, Random
from shared.services.probing.drafts import LeftBehind, ProbeDrafts
from shared.services.probing.rules import PROBES, UNKNOWN, ProbeAnswer, ProbeContext, RuleProbe
from shared.settings import Settings
from shared.stores.active_books import ReadBooks
from shared.stores.audit_log import AuditedAction, AuditLog

TOKEN_BITS = 40


class ProbingRefused(TieoutError):
    """The probe would write where it must not. The text says what to do."""


@dataclass(frozen=True, slots=True)
class ProbingReport:
    """What Dynamics answered in a company, and what was left behind there."""

    company: str
    token: str
    answers: tuple[ProbeAnswer, ...]
    left_behind: tuple[LeftBehind, ...]


class Probing:
    """Writes, reads and deletes drafts in one company; posts nothing."""

    def __init__(
        self,
        dynamics: DynamicsGateway,
        clock: Clock,
        rng: Random,
        settings: Settings,
        audit_log: AuditLog,
        *,
        books: ReadBooks,
    ) -> None:
        self._dynamics, self._clock, self._rng = dynamics, clock, rng
        self._settings, self._audit_log, self._books = settings, audit_log, books

    async def run(self, company: str, classification: str = "", who: str = "") -> ProbingReport:
        """Probe every rule, on record. Raises `ProbingRefused` before anything is written, and as
        `Mappings.active` does."""
        books = await self._books()
        self._check(company, books)
        await self._audit_log.add(who, AuditedAction.PROBE, detail={"company": company})
        token = f"tieout-probe-{self._rng.getrandbits(TOKEN_BITS):010x}"
        zone = ZoneInfo(self._settings.time_zone)
        today = self._clock.now().astimezone(zone).date()
        context = ProbeContext(self._settings, books, company, today, token, classification)
        answers: list[ProbeAnswer] = []
        left: list[LeftBehind] = []
        for rule, probe in PROBES:
            drafts = ProbeDrafts(self._dynamics, self._clock, company)
            try:
                answers.append(await _answer(rule, probe, drafts, context))
            finally:
                left += await drafts.remove()
        return ProbingReport(company, token, tuple(answers), tuple(left))

    def _check(self, company: str, books: Books) -> None:
        if self._settings.stripe_livemode:
            raise ProbingRefused(
                "this app books live payments: probe with the app of a sandbox (STRIPE_LIVEMODE "
                "false), whose Dynamics is set up like this one"
            )
        if company not in books.companies:
            names = ", ".join(books.companies)
            raise ProbingRefused(f"the books have no company {company[:20]!r}; they have {names}")


async def _answer(
    rule: str, probe: RuleProbe, drafts: ProbeDrafts, context: ProbeContext
) -> ProbeAnswer:
    try:
        return await probe(drafts, context)
    except TieoutError as error:
        return ProbeAnswer(rule, UNKNOWN, f"it could not be asked: {error}")
    except Exception as error:  # an answer of another shape: said, and cleaned up after
        telemetry.event("probe_failed", logging.WARNING, check=rule, error=type(error).__name__)
        text = f"the answer was not understood: {type(error).__name__}"
        return ProbeAnswer(rule, UNKNOWN, text)
