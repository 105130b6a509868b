"""People who correct what is written: they clear suspense, and take back posted fees.

A random stream of their own. An order is told to the history before it is given, because its lines
may be there before the answer is; one that was not stored is taken out again.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from local.simulation import correction_oracle
from local.simulation.history import RECLASS, OrderedCorrection
from local.simulation.subject import JudgedWorld
from shared.ports import Json

WHO, WHY = "Toni", "the controller's decision"
CORRECTED_MAX = 2  # of each kind at once
REPLACED_SHARE = 0.5

type Ask = Callable[[str, Json], Awaitable[Json | None]]


class Corrector:
    """The person. What was ordered is told to the history."""

    def __init__(self, subject: JudgedWorld, ask: Ask, seed: int) -> None:
        self._subject, self._ask = subject, ask
        self._rng = random.Random(f"corrections {seed}")  # noqa: S311 - a seeded world

    async def correct(self) -> str:
        """Order some corrections; tells which."""
        fees = self._some(correction_oracle.posted_fees(self._subject))
        suspended = self._some(correction_oracle.suspended(self._subject))
        told = [await self._order(self._reversal(key)) for key in fees]
        told += [await self._order(self._reclass(txn)) for txn in suspended]
        return ", ".join(told) or "nothing to correct"

    def _some(self, found: list[str]) -> list[str]:
        return self._rng.sample(found, min(len(found), CORRECTED_MAX))

    def _today(self) -> date:
        now = self._subject.clock.now().timestamp()
        return datetime.fromtimestamp(now, ZoneInfo(self._subject.time_zone)).date()

    def _reversal(self, key: str) -> OrderedCorrection:
        """Of fees that wait for their tax document nothing is taken back for good."""
        replaces = self._rng.random() < REPLACED_SHARE or self._subject.fees_accrue
        txn, _, line = key.partition(":")
        return OrderedCorrection(txn, line, self._today(), replaces=replaces)

    def _reclass(self, txn: str) -> OrderedCorrection:
        to = self._rng.choice(list(correction_oracle.ACCOUNTS))
        return OrderedCorrection(txn, RECLASS, self._today(), to=to)

    async def _order(self, correction: OrderedCorrection) -> str:
        corrections = self._subject.history.corrections
        corrections[correction.key] = correction
        body: Json = {"transaction": correction.transaction, "who": WHO, "why": WHY}
        body |= {"date": correction.date.isoformat()}
        if correction.line == RECLASS:
            answer = await self._ask("reclass", {**body, "to": correction.to})
        else:
            reversal: Json = {"line": correction.line, "replace": correction.replaces}
            answer = await self._ask("reverse", {**body, **reversal})
        if answer is not None:
            corrections[correction.key] = replace(correction, stands=True)
        elif not await self._is_stored(correction):
            del corrections[correction.key]
            return f"{correction.key} not ordered"
        replaced = " replaced" if correction.replaces else ""
        return f"{correction.key}{replaced} {correction.to}: {answer}"

    async def settle(self) -> None:
        """Order again what was not answered: what is stored may not have been queued, and the same
        order once more changes nothing else."""
        for each in list(self._subject.history.corrections.values()):
            if not each.stands:
                await self._order(each)

    async def _is_stored(self, correction: OrderedCorrection) -> bool:
        row = f"correction~{correction.key.partition(':')[2]}"
        found = await self._subject.tables.get("links", correction.transaction, row)
        return found is not None
