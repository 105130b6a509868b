"""One run: a seeded month of business and misfortune, a quiet period, and the verdict."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import simplejson

from local.clock import LoopClock
from local.loop import run_virtual
from local.servicebus.messages import Outgoing
from local.simulation import oracle
from local.simulation.bookkeeper import Bookkeeper
from local.simulation.conditions import conditions_of
from local.simulation.environment import Environment, open_environment
from local.simulation.faults import Allowed, Injected, Injector
from local.simulation.invariants import (
    SHOWN_MAX,
    Violation,
    always,
    at_rest,
    doubled,
    overtaken,
    parked_ids,
)
from local.simulation.merchant import Merchant
from local.simulation.operators import Operators
from local.simulation.orders import Counter
from local.simulation.timeline import Timeline
from shared.domain.partition import partition_of
from shared.domain.records import digest
from shared.registry import ENTITIES, entity_named
from shared.stores.item import Item

DAYS = 30.0
GLANCE_SECONDS = 2 * 3_600.0  # between looks for doubled records
GLANCES_PER_CHECK = 6
GLANCES_PER_PROOF = 84
BOOK_FOR_GBP_SHARE = 0.7  # of the period, then the missing book is set up
QUIET_DAYS_MIN, QUIET_DAYS_MAX = 5, 20
IDLE_SECONDS = 60.0
IDLE_POLLS_MAX = 10_000
ALL_AGAIN = 1_000_000  # generation of the items that converge everything once more
RECORD_SETS = (
    *("CustomersV3", "CustomerPaymentJournalHeaders", "CustomerPaymentJournalLines"),
    *("LedgerJournalHeaders", "LedgerJournalLines", "SalesOrderHeadersV2", "SalesOrderLinesV3"),
    *("CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"),
    *("ReleasedProductsV2", "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
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


class Run:
    """The course of one seed."""

    def __init__(
        self, environment: Environment, merchant: Merchant, bookkeeper: Bookkeeper
    ) -> None:
        self.environment, self.merchant, self.bookkeeper = environment, merchant, bookkeeper
        self.violations: list[Violation] = []
        self.ever_parked: dict[str, None] = {}
        self.still_parked: list[str] = []

    async def live(self, days: float) -> None:
        """The whole run. Stops at the first violation."""
        environment = self.environment
        posting = environment.serve(self.bookkeeper.run(), "posting job")
        meddling = [
            environment.serve(self.bookkeeper.meddle(), "bookkeeper"),
            environment.serve(environment.outages.run(environment.dynamics), "weather"),
            environment.serve(self._operators().run(), "people"),
        ]
        await self._business(days)
        if self.violations:
            return
        environment.timeline.note("world", "the quiet period begins")
        environment.calm()
        for each in meddling:
            each.cancel()
        await asyncio.gather(*meddling, return_exceptions=True)
        await environment.instances.calm()
        await self._rest()
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)
        self.bookkeeper.post()
        self.still_parked = await parked_ids(environment.tables)
        self._report(await at_rest(environment.subject))
        self._report(await self._proof(final=True))
        if not self.violations:
            self._report(await self._fixed_point())

    def _operators(self) -> Operators:
        environment = self.environment
        return Operators(
            environment.clock,
            environment.seed,
            injector=environment.injector,
            timeline=environment.timeline,
            broker=environment.broker,
            ask=environment.ask,
            parked=lambda: parked_ids(environment.tables),
        )

    def _report(self, violations: list[Violation]) -> None:
        for violation in violations:
            self.environment.timeline.note("VIOLATION", f"{violation.invariant}: {violation.text}")
        self.violations += violations

    async def _business(self, days: float) -> None:
        """The merchant's period, looked at twice a day."""
        environment = self.environment
        business = environment.serve(self.merchant.run(), "merchant")
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
                environment.instances.redeploy(environment.settings("gbp"))
                redeployed = True
            if glances % GLANCES_PER_PROOF == 0:
                self._report(await self._proof(final=False))
        business.result()

    async def _look(self) -> None:
        self._report(self._always())
        for id in await parked_ids(self.environment.tables):
            self.ever_parked[id] = None

    def _always(self) -> list[Violation]:
        shared = self.environment.instances.watch.shared[:SHOWN_MAX]
        found = [Violation("journal_shared", "; ".join(shared))] if shared else []
        return found + always(self.environment.subject)

    async def _rest(self) -> None:
        """Time passes without faults, until nothing is left to happen or it takes too long."""
        for day in range(QUIET_DAYS_MAX):
            await self.environment.clock.sleep(86_400)
            self._report(self._always())
            if self.violations:
                return
            parked = await parked_ids(self.environment.tables)
            if (
                day >= QUIET_DAYS_MIN
                and self.environment.stripe.exhausted()
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

    async def _proof(self, *, final: bool) -> list[Violation]:
        """The product's own proof: its exceptions add up, and at the end it agrees with ours."""
        answer = await self.environment.ask("proof")
        if answer is None:
            return [Violation("no_proof", "/api/proof does not answer 200")] if final else []
        found = []
        currencies: Mapping[str, Mapping[str, Any]] = answer["currencies"]
        for name, proof in currencies.items():
            if proof["unexplained_minor"]:
                found.append(Violation("gap_unexplained", f"{name}: {proof}"))
        if not final:
            return found
        ledger = self.environment.dynamics.ledger()
        balance = oracle.stripe_balance(self.environment.stripe)
        posted = oracle.clearing_balance(ledger.posted)
        drafts = oracle.clearing_balance(ledger.drafts)
        for name, proof in currencies.items():
            ours = (balance.get(name, 0), posted.get(name, 0), drafts.get(name, 0))
            theirs = (proof["balance_minor"], proof["posted_minor"], proof["draft_minor"])
            if ours != theirs or proof["gap_minor"]:
                found.append(Violation("proof_disagrees", f"{name}: {theirs}, plain sums {ours}"))
        missing = [name for name, amount in balance.items() if amount and name not in currencies]
        found += [Violation("proof_disagrees", f"no proof of {name}") for name in missing]
        return found

    async def _fixed_point(self) -> list[Violation]:
        """Converging everything once more changes nothing."""
        before = self._records()
        for entity in ENTITIES:
            for found in self.environment.stripe.objects(entity.object):
                id = str(found["id"])
                item = Item(id, "", entity.name, id, generation=ALL_AGAIN)
                self._send(item)
        await self.environment.clock.sleep(3_600)
        await self._idle()
        after = self._records()
        changed = [name for name in RECORD_SETS if before[name] != after[name]]
        moved = Violation("no_fixed_point", f"changed by converging again: {changed}")
        return ([moved] if changed else []) + await at_rest(self.environment.subject)

    def _send(self, item: Item) -> None:
        partitions = self.environment.settings().partitions
        message = item.message(partition_of(item.object, partitions))
        body: str = simplejson.dumps(message.body)
        outgoing = Outgoing(message.id, body.encode(), message.session)
        self.environment.broker.send(entity_named(item.entity).queue, [outgoing])

    def _records(self) -> dict[str, str]:
        return {
            name: digest([repr(row) for row in self.environment.dynamics.records(name)])
            for name in RECORD_SETS
        }


def simulate(
    seed: int,
    *,
    days: float = DAYS,
    rates: Mapping[str, float] | None = None,
    allowed: Allowed | None = None,
) -> Outcome:
    """Run one seed. `rates` replace those drawn from it; `allowed` leaves faults out."""

    async def main(clock: LoopClock) -> Outcome:
        timeline = Timeline(clock)
        injector = Injector(seed, timeline, rates=rates, allowed=allowed)
        async with open_environment(clock, seed, injector, timeline) as environment:
            counter = Counter(environment.stripe, seed) if environment.conditions.orders else None
            merchant = Merchant(
                environment.stripe,
                clock,
                seed,
                injector=injector,
                timeline=timeline,
                days=days,
                counter=counter,
            )
            bookkeeper = Bookkeeper(
                environment.dynamics, clock, seed, injector=injector, timeline=timeline
            )
            run = Run(environment, merchant, bookkeeper)
            began = clock.now()
            await run.live(days)
            parked = [id for id in run.ever_parked if id in run.still_parked]
            return Outcome(
                seed=seed,
                violations=tuple(run.violations),
                injected=tuple(injector.injected),
                faults=injector.counts(),
                events=len(environment.stripe.objects("event")),
                sales=merchant.sales,
                entries=sum(map(len, oracle.booked(environment.dynamics).values())),
                parked=len(run.still_parked),
                healed=len(run.ever_parked) - len(parked),
                days=(clock.now() - began).total_seconds() / 86_400,
                digest=timeline.digest,
                timeline=timeline,
            )

    return run_virtual(main, start=conditions_of(seed).start)
