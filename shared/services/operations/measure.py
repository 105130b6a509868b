"""Recording how things stand: the gauges of `shared/metrics.py`, every five minutes.

Only our own tables are read, and of them sums, not objects: one row for each place of a queue, the
journals that are not posted, the tie-outs, a few single rows. Work grows with the unposted journals
and the payouts, up to named limits, and not with events, objects or transactions.

The proof reads both vendors to their end; so a timer of its own makes it, once a night, and its
result is a row here.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from shared import telemetry
from shared.converge.isolation import REFUSED
from shared.domain.clearing import ACCEPTED, NOT_WRITTEN, Proof
from shared.domain.partition import named
from shared.ports import Cell, Clock, Delete, Put, Row, Tables
from shared.services.ingest import INGEST
from shared.services.operations.silence import rhythm_in
from shared.services.reconciliation import ProofsByAccount
from shared.services.work import looked_at
from shared.stores.active_books import ReadBooks
from shared.stores.items import Items, places
from shared.stores.journals import TABLE as JOURNALS
from shared.stores.journals import UNPOSTED
from shared.stores.paging import first_rows
from shared.stores.places import TABLE as CURSORS
from shared.stores.places import Cursor
from shared.stores.runs import Run
from shared.stores.tie_outs import OPEN, TIEOUTS
from shared.stores.tie_outs import TABLE as PAYOUTS
from shared.stores.unposted import Unposted, UnpostedAmounts

MEASURE, PROOF, SILENCE = "measure", "proof", "silence"
JOURNALS_MAX = 5_000  # unposted ones that are looked at in one run
TIE_OUTS_MAX = 10_000  # 27 years of daily payouts
CURRENCIES_MAX = 200
PAYOUT_FLOW, BACKFILL_FLOW = "payout_flow", "backfill_flow"
EXPECTED = (NOT_WRITTEN, ACCEPTED)  # differences that other metrics tell of, or a person accepted

type MakeProofs = Callable[[], Awaitable[ProofsByAccount]]


class Measure:
    """Records the gauges, and makes the nightly proof."""

    def __init__(
        self,
        *,
        items: Items,
        unposted: Unposted,
        tables: Tables,
        clock: Clock,
        prove: MakeProofs,
        queues: Sequence[str],
        books: ReadBooks,
    ) -> None:
        self._items, self._unposted, self._tables = items, unposted, tables
        self._clock, self._make_proofs = clock, prove
        self._places = places([*queues, INGEST])
        self._books = books

    async def run(self) -> int:
        """Record all gauges; returns how many parts could be read. Raises `ExceptionGroup` at the
        end for the others."""
        run = Run(MEASURE, self._clock)
        parts: dict[str, Callable[[], Awaitable[int]]] = {
            "inbox and silence": self._inbox,
            "journals": self._journals,
            "tie-outs": self._tie_outs,
            "backfill": self._backfill,
            "proof": self._proof,
        }
        done = sum([await run.part(name, part, 0) for name, part in parts.items()])
        run.close()
        return done

    async def prove(self) -> int:
        """Make the proofs of all Stripe accounts and keep what they cannot explain, by currency
        (other balances: `usd-issuing`; other accounts: `shop-eu~usd`); returns how many. Raises as
        `Prover.prove` does, with several accounts at the end and for all that failed: a proof that
        cannot be made is a run that fails, and keeps no other account's from being told."""
        gaps: dict[str, int] = {}
        failed: dict[str, Exception] = {}
        for alias, proofs in (await self._make_proofs()).items():
            if isinstance(proofs, Exception):
                failed[alias] = proofs
                continue
            for currency, proof in proofs.named.items():
                gaps[named(alias, currency)] = unexplained_minor(proof)
        now = self._clock.now()
        for currency, gap_minor in gaps.items():
            cells: dict[str, Cell] = {"gap_minor": str(gap_minor), "proved_at": now}
            await self._tables.transact(CURSORS, PROOF, [Put(currency, cells)])
        if failed:
            names = ", ".join(failed)
            raise ExceptionGroup(f"no proof of {names}", list(failed.values()))
        for row in await self._rows(CURSORS, PROOF, CURRENCIES_MAX):
            if row.row not in gaps:  # a currency that the books gave up, or another account has
                await self._tables.transact(CURSORS, PROOF, [Delete(row.row, row.etag)])
        return len(gaps)

    async def _inbox(self) -> int:
        rollup = await self._items.rollup(self._places)
        for cause, items in rollup.parked.items():
            telemetry.gauge("tieout.parked.items", items, cause=cause)
        for currency, minor in rollup.stake_minor.items():
            telemetry.gauge("tieout.parked.amount_minor", minor, currency=currency)
        now, cursor = self._clock.now(), Cursor(self._tables, SILENCE, SILENCE)
        known = rhythm_in(await cursor.read(), now)
        seen = known.seen(rollup.received_at)
        if seen is not known or not known.weeks:
            await cursor.keep(seen.cells())
        telemetry.gauge("tieout.silence.ratio", seen.ratio(now))
        return 1

    async def _journals(self) -> int:
        rows = await self._rows(JOURNALS, UNPOSTED, JOURNALS_MAX)
        amounts = await self._unposted.listed(JOURNALS_MAX)
        if len(rows) < JOURNALS_MAX:
            amounts = await self._settle(amounts, {row.row: None for row in rows})
        now, books = self._clock.now(), await self._books()
        currencies = list(dict.fromkeys(placed.currency for placed in books.placed))
        for company in books.companies:
            held = [journal for journal in amounts if journal.company == company]
            oldest = max((now - journal.since for journal in held), default=timedelta(0))
            telemetry.gauge("tieout.unposted.oldest_hours", _in_hours(oldest), company=company)
            for currency in currencies:
                minor = sum(sum(journal.sums.get(currency, ())) for journal in held)
                telemetry.gauge(
                    "tieout.unposted.amount_minor", minor, company=company, currency=currency
                )
            refused = [row for row in rows if _is_of(row, company) and row.cells.get(REFUSED)]
            telemetry.gauge("tieout.journal.refused", len(refused), company=company)
        return 1

    async def _settle(
        self, amounts: Sequence[UnpostedAmounts], unposted: dict[str, None]
    ) -> list[UnpostedAmounts]:
        """Count what is posted by now, and forget it; returns the rest."""
        left = []
        for journal in amounts:
            if journal.key in unposted:
                left.append(journal)
                continue
            is_posted = await self._unposted.is_posted(journal)
            await self._unposted.drop(journal)
            for currency, (came, went) in journal.sums.items() if is_posted else ():
                for minor in (came, -went):
                    telemetry.money("tieout.money.posted_minor", minor, currency=currency)
        return left

    async def _tie_outs(self) -> int:
        rows = await self._rows(PAYOUTS, TIEOUTS, TIE_OUTS_MAX)
        still_open = [row for row in rows if row.cells["status"] == OPEN]
        telemetry.gauge("tieout.payout.open_items", len(still_open))
        oldest = self._longest_since(still_open, "noted_at")
        telemetry.gauge("tieout.payout.oldest_open_hours", oldest)
        idle = self._longest_since(still_open, "at")
        telemetry.gauge("tieout.flow.idle_hours", idle, flow=PAYOUT_FLOW)
        return 1

    async def _backfill(self) -> int:
        at = await looked_at(self._tables)
        idle = 0.0 if at is None else _in_hours(self._clock.now() - at)
        telemetry.gauge("tieout.flow.idle_hours", idle, flow=BACKFILL_FLOW)
        return 1

    async def _proof(self) -> int:
        for row in await self._rows(CURSORS, PROOF, CURRENCIES_MAX):
            gap_minor = int(str(row.cells["gap_minor"]))
            telemetry.gauge("tieout.proof.gap_minor", gap_minor, currency=row.row)
        return 1

    async def _rows(self, table: str, partition: str, limit: int) -> list[Row]:
        rows = await first_rows(self._tables, table, partition, limit)
        if len(rows) == limit:
            what = f"{table} {partition}"
            telemetry.event("measure_limit_reached", logging.ERROR, what=what, limit=limit)
        return rows

    def _longest_since(self, rows: Sequence[Row], name: str) -> float:
        """The hours since the earliest of these moments; 0 where there is none."""
        moments = [row.cells.get(name) for row in rows]
        now = self._clock.now()
        return max(
            (_in_hours(now - moment) for moment in moments if isinstance(moment, datetime)),
            default=0.0,
        )


def unexplained_minor(proof: Proof) -> int:
    """What of a proof's gap nobody works on and nobody accepted: absolute amounts, so that two
    faults of opposite signs are not none."""
    surprising = [each for each in proof.differences if each.kind not in EXPECTED]
    return abs(proof.unexplained.minor) + sum(abs(each.amount.minor) for each in surprising)


def _is_of(row: Row, company: str) -> bool:
    return row.row.partition("~")[0] == company


def _in_hours(span: timedelta) -> float:
    return span / timedelta(hours=1)
