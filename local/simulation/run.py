"""One run: a seeded month of business and misfortune, a quiet period, and the verdict."""

import asyncio
import gc
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local.clock import LoopClock
from local.loop import run_virtual
from local.simulation import oracle
from local.simulation.bookkeeper import Bookkeeper
from local.simulation.conditions import conditions_of
from local.simulation.correcting import Corrector
from local.simulation.environment import Environment, open_environment
from local.simulation.faults import Allowed, Injected, Injector
from local.simulation.invariants import (
    always,
    at_rest,
    doubled,
    overtaken,
    parked_ids,
    parked_rows,
    slow_to_heal,
)
from local.simulation.merchant import Merchant, beside, past
from local.simulation.operators import Doings, Operators
from local.simulation.orders import Counter
from local.simulation.resolving import Resolver
from local.simulation.subject import SHOWN_MAX, Violation, listed
from local.simulation.tax_documents import TaxDocuments
from local.simulation.timeline import Timeline
from local.simulation.verification import fixed_point, proof

DAYS = 30.0
GLANCE_SECONDS = 2 * 3_600.0  # between looks for doubled records
GLANCES_PER_CHECK = 6
GLANCES_PER_PROOF = 84
BOOK_FOR_GBP_SHARE = 0.7  # of the period, then the missing book is set up
QUIET_DAYS_MIN, QUIET_DAYS_MAX = 3, 14
CATCH_UP_SECONDS = 1_800.0
CATCH_UP_POLLS_MAX = 48
CATCH_UP_ASKS_MAX = 2_000  # six weeks of asking; seeds need a dozen
IDLE_SECONDS = 60.0
IDLE_POLLS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class SeedOutcome:
    """What came of a seed. `digest` is that of the timeline."""

    seed: int
    violations: tuple[Violation, ...]
    injected: tuple[Injected, ...]
    faults: Mapping[str, int]
    events: int
    sales: int
    entries: int
    parked: int
    healed: int
    days: float
    digest: str
    timeline: Timeline


class SeedRun:
    """The course of one seed."""

    def __init__(
        self, environment: Environment, merchants: Sequence[Merchant], bookkeeper: Bookkeeper
    ) -> None:
        self.environment, self.merchants, self.bookkeeper = environment, merchants, bookkeeper
        self.resolver = Resolver(
            environment.stripe,
            environment.dynamics,
            environment.tables,
            environment.ask,
            environment.history,
        )
        self.tax_documents = TaxDocuments(
            environment.subject, environment.ask, environment.timeline, environment.seed
        )
        self.corrector = Corrector(environment.subject, environment.ask, environment.seed)
        self.violations: list[Violation] = []
        self.ever_parked: dict[str, None] = {}
        self.still_parked: list[str] = []

    async def live(self, days: float) -> None:
        """The whole run. Stops at the first violation."""
        environment = self.environment
        if environment.conditions.fees_accrue:
            environment.serve(self.tax_documents.run(), "tax documents")
        posting = environment.serve(self.bookkeeper.run(), "posting job")
        meddling = [
            environment.serve(self.bookkeeper.meddle(), "bookkeeper"),
            environment.serve(environment.outages.run(environment.dynamics), "weather"),
            environment.serve(self._operators().run(), "people"),
        ]
        catching_up = environment.serve(self._catch_up(), "administrator")
        await self._business(days)
        if self.violations:
            return
        environment.timeline.note("world", "the quiet period begins")
        environment.calm()
        for each in meddling:
            each.cancel()
        await asyncio.gather(*meddling, return_exceptions=True)
        await environment.instances.calm()
        await catching_up
        await self._rest()
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        self.bookkeeper.post()
        self.still_parked = await parked_ids(environment.tables)
        self._report(await at_rest(environment.subject))
        self._report(await proof(environment, final=True))
        if not self.violations:
            self._report(await fixed_point(environment, self._idle))

    def _operators(self) -> Operators:
        environment = self.environment
        return Operators(
            environment.clock,
            environment.seed,
            injector=environment.injector,
            timeline=environment.timeline,
            broker=environment.broker,
            doings=Doings(
                ask=environment.ask,
                parked=lambda: parked_ids(environment.tables),
                resolve=self._resolve,
                correct=self.corrector.correct,
                repartition=environment.repartition,
                reroute=environment.reroute,
            ),
        )

    async def _resolve(self, rng: random.Random) -> str:
        return await self.resolver.resolve(await parked_rows(self.environment.tables), rng)

    async def _catch_up(self) -> None:
        """Backfill what was before the app was switched on, until it is done."""
        environment = self.environment
        days = int(environment.conditions.past_days) + 1
        if days == 1:
            return
        asked = False
        for _ in range(CATCH_UP_ASKS_MAX):
            if asked:
                return
            await environment.clock.sleep(CATCH_UP_SECONDS)
            progress = await environment.ask("backfill")
            if progress is not None and progress["status"] != "running":
                asked = await environment.ask("backfill", {"days": days}) is not None
                environment.timeline.note("administrator", f"backfill of {days} days: {asked}")
            if asked:
                asked = await self._is_done(days)
        if not asked:
            self._report([Violation("backfill_unfinished", f"{days} days are not done")])

    async def _is_done(self, days: int) -> bool:
        """Whether the backfill comes to its end."""
        for _ in range(CATCH_UP_POLLS_MAX):
            await self.environment.clock.sleep(CATCH_UP_SECONDS)
            progress = await self.environment.ask("backfill")
            if progress is not None and progress["status"] == "done":
                self.environment.timeline.note("administrator", f"{days} days are done")
                return True
        return False

    def _report(self, violations: list[Violation]) -> None:
        for violation in violations:
            self.environment.timeline.note("VIOLATION", f"{violation.invariant}: {violation.text}")
        self.violations += violations

    async def _business(self, days: float) -> None:
        """The merchant's period, looked at twice a day."""
        environment = self.environment
        business = environment.serve(self._merchants(), "merchants")
        began, glances, redeployed = environment.clock.now(), 0, False
        while not business.done():
            await asyncio.wait([business], timeout=GLANCE_SECONDS)
            glances += 1
            self._report(doubled(environment.subject))
            self._report(await overtaken(environment.subject))
            if glances % GLANCES_PER_CHECK == 0:
                await self._look()
            if self.violations:
                return
            share = (environment.clock.now() - began).total_seconds() / (days * 86_400)
            if not redeployed and share > BOOK_FOR_GBP_SHARE:
                environment.currencies = ("gbp",)
                environment.instances.redeploy(environment.settings())
                redeployed = True
            if glances % GLANCES_PER_PROOF == 0:
                self._report(await proof(environment, final=False))
        business.result()

    async def _merchants(self) -> None:
        await asyncio.gather(*(merchant.run() for merchant in self.merchants))

    async def _look(self) -> None:
        self._report(self._always())
        for id in await parked_ids(self.environment.tables):
            self.ever_parked[id] = None

    def _always(self) -> list[Violation]:
        shared = self.environment.instances.watch.shared[:SHOWN_MAX]
        found = [Violation("journal_shared", "; ".join(shared))] if shared else []
        found += listed("journal_taken_apart", self.environment.instances.watch.taken_apart)
        return found + always(self.environment.subject)

    async def _rest(self) -> None:
        """Time passes without faults, until nothing is left to happen or it takes too long."""
        calm_at = self.environment.clock.now()
        for day in range(QUIET_DAYS_MAX):
            await self.environment.clock.sleep(86_400)
            await self.corrector.settle()
            self._report(self._always())
            self._report(listed("good_line_waits", self.bookkeeper.holds.late))
            if not day:
                self._report(await slow_to_heal(self.environment.subject, calm_at))
            if self.violations:
                return
            parked = await parked_ids(self.environment.tables)
            if (
                day >= QUIET_DAYS_MIN
                and self.bookkeeper.holds.held is None
                and not self.tax_documents.due()
                and all(peer.exhausted() for peer in self.environment.subject.peers.values())
                and not await self._open()
            ):
                break
            self.ever_parked |= dict.fromkeys(parked)
        await self._idle()

    async def _open(self) -> bool:
        """Whether anything is still on its way: then another day may settle it."""
        return bool(await at_rest(self.environment.subject))

    async def _idle(self) -> None:
        for _ in range(IDLE_POLLS_MAX):
            if self.environment.is_idle():
                return
            await self.environment.clock.sleep(IDLE_SECONDS)
        self._report([Violation("never_idle", "the world does not come to rest")])


async def _past(environment: Environment, days: float) -> Merchant:
    """The business that was there before the app; what follows a sale may come later."""
    before = environment.conditions.past_days
    merchant = Merchant(
        environment.stripe,
        environment.clock,
        environment.seed,
        injector=environment.injector,
        timeline=environment.timeline,
        days=before + days,
        trade=past(before),
    )
    environment.serve(merchant.run(), "former merchant")
    await environment.clock.sleep(before * 86_400)
    return merchant


def freeze_imports() -> None:
    """For a process that only simulates: spares the collector the walk through all modules."""
    gc.freeze()


def simulate(
    seed: int,
    *,
    days: float = DAYS,
    rates: Mapping[str, float] | None = None,
    allowed: Allowed | None = None,
) -> SeedOutcome:
    """Run one seed. `rates` replace those drawn from it; `allowed` leaves faults out."""

    async def main(clock: LoopClock) -> SeedOutcome:
        timeline = Timeline(clock)
        injector = Injector(seed, timeline, rates=rates, allowed=allowed)
        conditions = conditions_of(seed)
        former: list[Merchant] = []

        async def before(environment: Environment) -> None:
            if conditions.past_days:
                former.append(await _past(environment, days))

        async with open_environment(clock, seed, injector, timeline, before=before) as environment:
            counter = Counter(environment.stripe, seed) if environment.conditions.orders else None
            parts: dict[str, Any] = {"injector": injector, "timeline": timeline, "days": days}
            merchants = [Merchant(environment.stripe, clock, seed, counter=counter, **parts)]
            if environment.second is not None:
                second = Merchant(environment.second, clock, seed, trade=beside(days), **parts)
                merchants.append(second)
            bookkeeper = Bookkeeper(
                environment.dynamics, clock, seed, injector=injector, timeline=timeline
            )
            run = SeedRun(environment, merchants, bookkeeper)
            began = clock.now()
            await run.live(days)
            parked = [id for id in run.ever_parked if id in run.still_parked]
            return SeedOutcome(
                seed=seed,
                violations=tuple(run.violations),
                injected=tuple(injector.injected),
                faults=injector.counts(),
                events=len(environment.subject.all_objects("event")),
                sales=sum(each.sales for each in (*merchants, *former)),
                entries=sum(map(len, oracle.booked(environment.dynamics).values())),
                parked=len(run.still_parked),
                healed=len(run.ever_parked) - len(parked),
                days=(clock.now() - began).total_seconds() / 86_400,
                digest=timeline.digest,
                timeline=timeline,
            )

    conditions = conditions_of(seed)
    start = conditions.start - timedelta(days=conditions.past_days)
    return run_virtual(main, start=start)
