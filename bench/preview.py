"""A preview of 10,000 objects: over a floor, as a rate, and what it keeps in memory.

The floor reads the same stored documents and renders them twice by hand, comparing field by field;
both run interleaved in one process on the same rows. Table storage is made up page by page, so that
the peak counts what the preview keeps: times and ids, and the few objects whose turn it is.
"""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Coroutine, Sequence
from dataclasses import replace

from bench.by_hand import by_hand
from bench.sales import customers_of, documents_of
from local import books
from shared.domain.documents import Document
from shared.domain.records import Record
from shared.mapping.compiler import CompiledMapping
from shared.mapping.finance import Target
from shared.mapping.loader import load
from shared.mapping.preview import Comparison, PostingStatus
from shared.packaged import packaged_mapping, packaged_product
from shared.ports import QUERY_ROWS_MAX, Cell, Operation, Row
from shared.registry import REGISTRY
from shared.services.publishing import Recent
from shared.settings import Settings
from shared.stores import links
from shared.stores.link_cells import documents_in
from shared.stores.packing import pack

OBJECTS = 10_000
FEW = 1_000
ROUND_OBJECTS = 500
ROUNDS = 7
TARGET_RATIO = 3.0
BYTES_MAX = 512  # of one more object that is wanted: its time and id
KINDS = 40  # of sales: their rows repeat
CANDIDATE = """
kind: table
name: payment_methods
rows: {credit: CARD, debit: CARD, prepaid: CARD, apple_pay: APPLE, google_pay: STRWALLET}
"""


class _Links:
    """The table `links` with so many objects, made up a page at a time."""

    def __init__(self, packed: Sequence[dict[str, Cell]], objects: int) -> None:
        self._packed, self._objects = packed, objects

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        del table, partition, row
        return None

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = QUERY_ROWS_MAX,
    ) -> list[Row]:
        del table, prefix
        if partition is not None:
            return [self._row(int(partition.removeprefix("ch_")))]
        first = int(after[0].removeprefix("ch_")) + 1 if after else 0
        return [self._row(number) for number in range(first, min(first + limit, self._objects))]

    def _row(self, number: int) -> Row:
        stored = self._packed[number % KINDS]
        # Storage gives texts of its own for each row.
        cells = {
            name: (text + " ")[:-1] if isinstance(text, str) else text
            for name, text in stored.items()
        }
        cells |= {"at": f"2026-11-01T00:00:{number:06}", "settled": True}
        return Row(f"ch_{number:08}", links.DOCUMENT, cells, "")

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        raise AssertionError(f"a preview writes nothing to {table} {partition} {operations}")


async def _preview(
    tables: _Links, limit: int, before: CompiledMapping, target: Target
) -> Comparison:
    comparison = Comparison(before, target.mapping, target)
    async for stored in Recent(tables, REGISTRY.codec).objects(limit):
        comparison.add(stored)
    return comparison


def _plain(document: Document, target: Target) -> Record:
    return by_hand(document, target, "(its number)")


async def _floor(tables: _Links, before: CompiledMapping, target: Target) -> int:
    """How many records change, by hand."""
    old, changed = replace(target, mapping=before), 0
    for row in await tables.query(links.TABLE):
        for document in documents_in(row, REGISTRY.codec):
            one, two = _plain(document, old).fields, _plain(document, target).fields
            changed += any(one[name] != two[name] for name in one)
    return changed


def seconds(work: Coroutine[None, None, object]) -> float:
    """Seconds until it is done."""
    started = time.perf_counter()
    asyncio.run(work)
    return time.perf_counter() - started


def peak_bytes(limit: int, tables: _Links, before: CompiledMapping, target: Target) -> int:
    """What a preview of so many objects holds at most."""
    gc.collect()
    tracemalloc.start()
    asyncio.run(_preview(tables, limit, before, target))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def _stored(settings: Settings) -> list[dict[str, Cell]]:
    return [
        pack([REGISTRY.codec.plain_document(each) for each in documents_of(number, settings.books)])
        for number in range(KINDS)
    ]


def main() -> None:
    """Print the figures."""
    settings = books.settings(stripe_url="", dynamics_url="https://example.invalid")
    before = packaged_mapping()
    after = packaged_product().compile([load("candidate", CANDIDATE)])
    target = Target(settings.books, settings.customer_id_property, 255, customers_of(KINDS), after)
    packed = _stored(settings)
    few, all_ = _Links(packed, ROUND_OBJECTS), _Links(packed, OBJECTS)
    found = asyncio.run(_preview(few, ROUND_OBJECTS, before, target))
    if found.groups[PostingStatus.FUTURE].changed != asyncio.run(_floor(few, before, target)):
        raise AssertionError("the preview and the floor count other changes")
    pairs = [
        (
            seconds(_preview(few, ROUND_OBJECTS, before, target)),
            seconds(_floor(few, before, target)),
        )
        for _ in range(ROUNDS)
    ]
    preview, floor = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    whole = seconds(_preview(all_, OBJECTS, before, target))
    small, large = (peak_bytes(limit, all_, before, target) for limit in (FEW, OBJECTS))
    each = (large - small) / (OBJECTS - FEW)
    print(
        f"a preview of {OBJECTS} objects of 6 records: {OBJECTS / whole:.0f} objects a second; "
        f"over reading and rendering them by hand, best of {ROUNDS} interleaved rounds of "
        f"{ROUND_OBJECTS}"
    )
    print(f"preview ratio={preview / floor:.2f} target<={TARGET_RATIO:g}")
    print(
        f"peak memory of {FEW} wanted of {OBJECTS}: {small / 1e6:.1f} MB, of all: "
        f"{large / 1e6:.1f} MB; an object takes {len(str(packed[0]['packed00']))} characters packed"
    )
    print(f"preview_memory bytes_an_object={each:.0f} target<={BYTES_MAX}")


if __name__ == "__main__":
    main()
