import logging
import random

import pytest

from local.tables import MemoryTables
from shared.domain.records import digest
from shared.errors import MappingUnusable, StorageUnavailable
from shared.mapping.compiler import CompiledMapping
from shared.mapping.loader import Loaded
from shared.mapping.product import Product
from shared.outcomes import Kind, outcome_of
from shared.ports import Delete, Row
from shared.stores.mapping_store import (
    ACTIVE,
    DOCUMENT,
    PRODUCT_ALONE,
    SET,
    TABLE,
    VERSION,
    MappingStore,
    StoredSet,
)
from shared.stores.mappings import MAPPING_FRESH_SECONDS, VERSIONS_KEPT, Mappings
from tests.unit.services.publishing import USES, Shelf, product_with, stamped


class MoodyTables(MemoryTables):
    """Tables that count reads and may be down."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.down = ""  # the partition that does not answer

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        self.reads.append(partition)
        if self.down in (partition, "all"):
            raise StorageUnavailable("timeout")
        return await super().get(table, partition, row)


def stamp(mapping: CompiledMapping) -> object:
    return mapping.templates["general_line"].constants.get("Document")


async def test_the_product_is_made_once_and_when_it_is_first_needed() -> None:
    shelf = Shelf()
    made: list[Product] = []

    def make() -> Product:
        made.append(shelf.product)
        return shelf.product

    mappings = Mappings(shelf.store, shelf.clock, make)
    assert made == []
    await mappings.active()
    assert await mappings.compiled(PRODUCT_ALONE) is shelf.product.alone
    assert made == [shelf.product]


async def test_without_a_pointer_the_product_is_alone() -> None:
    shelf = Shelf()
    found = await shelf.mappings.active()
    assert found is shelf.product.alone
    version = await shelf.store.version(found.sha256)
    assert version is not None
    assert (version.set, version.product) == ((await shelf.store.pointer()).set, found.sha256)
    assert version.documents == found.documents


async def test_what_is_published_is_used_within_the_time_that_is_promised() -> None:
    shelf = Shelf()
    await shelf.mappings.active()
    change = await shelf.publish(stamped("A"))
    shelf.clock.advance(MAPPING_FRESH_SECONDS - 1)
    assert stamp(await shelf.mappings.active()) is None
    shelf.clock.advance(1)
    found = await shelf.mappings.active()
    assert stamp(found) == "A"
    version = await shelf.store.version(found.sha256)
    assert version is not None
    assert (version.set, version.product) == (change.set, shelf.product.alone.sha256)
    assert version.documents == found.documents
    await shelf.publisher.rollback("Ada", "undo")
    shelf.clock.advance(MAPPING_FRESH_SECONDS)
    assert await shelf.mappings.active() is shelf.product.alone


async def test_the_pointer_is_read_once_in_that_time_and_nothing_else() -> None:
    tables = MoodyTables()
    await Shelf(tables).publish(stamped("A"))
    shelf = Shelf(tables)
    tables.reads.clear()
    for _ in range(5):
        await shelf.mappings.active()
    assert tables.reads == [ACTIVE, SET, DOCUMENT, VERSION]
    tables.reads.clear()
    shelf.clock.advance(MAPPING_FRESH_SECONDS)
    await shelf.mappings.active()
    assert tables.reads == [ACTIVE]


@pytest.mark.parametrize("down", ["all", ACTIVE, SET, DOCUMENT, VERSION])
async def test_when_storage_fails_the_last_version_stays_and_the_log_says_so(
    down: str, caplog: pytest.LogCaptureFixture
) -> None:
    tables = MoodyTables()
    other, shelf = Shelf(tables), Shelf(tables)
    await other.publish(stamped("A"))
    assert stamp(await shelf.mappings.active()) == "A"
    await other.publish(stamped("B"))
    tables.down = down
    shelf.clock.advance(MAPPING_FRESH_SECONDS)
    with caplog.at_level(logging.ERROR, "tieout"):
        assert stamp(await shelf.mappings.active()) == "A"
    assert "mapping_refresh_failed" in caplog.text
    tables.down = ""
    shelf.clock.advance(MAPPING_FRESH_SECONDS)
    assert stamp(await shelf.mappings.active()) == "B"


async def test_while_nothing_is_known_storage_is_asked_again_at_once() -> None:
    tables = MoodyTables()
    await Shelf(tables).publish(stamped("A"))
    shelf = Shelf(tables)
    tables.down = "all"
    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            await shelf.mappings.active()
    tables.down = ""
    assert stamp(await shelf.mappings.active()) == "A"


async def test_a_set_that_does_not_compile_here_is_never_replaced_by_a_guess() -> None:
    old = Shelf()
    await old.publish(stamped("A"))
    await old.publish(USES)
    new = Shelf(old.tables, old.clock, product_with("line_text", "line_words"))
    for _ in range(2):
        with pytest.raises(MappingUnusable, match="no rule 'line_text'") as caught:
            await new.mappings.active()
        outcome = outcome_of(caught.value)
        assert (outcome.kind, outcome.counts, outcome.cause) == (
            Kind.RETRY,
            True,
            "mapping_unusable",
        )
        new.clock.advance(MAPPING_FRESH_SECONDS)
    await new.publisher.rollback("Ada", "undo")
    assert stamp(await new.mappings.active()) == "A"


async def test_an_instance_that_cannot_use_a_new_set_stops_although_it_knows_an_older_one() -> None:
    old = Shelf()
    new = Shelf(old.tables, old.clock, product_with("line_text", "line_words"))
    await old.publish(stamped("A"))
    assert stamp(await new.mappings.active()) == "A"
    await old.publish(USES)
    new.clock.advance(MAPPING_FRESH_SECONDS)
    with pytest.raises(MappingUnusable):
        await new.mappings.active()


async def test_a_pointer_to_what_is_not_stored_stops_the_work() -> None:
    shelf = Shelf()
    change = await shelf.publish(stamped("A"))
    await shelf.tables.transact(TABLE, SET, [Delete(change.set)])
    fresh = Shelf(shelf.tables)
    with pytest.raises(MappingUnusable, match="is not stored"):
        await fresh.mappings.active()


async def test_few_compiled_versions_are_kept() -> None:
    shelf = Shelf()
    sets = [(await shelf.submit(stamped(f"A{n}"))).set for n in range(VERSIONS_KEPT + 2)]
    found = [await shelf.mappings.compiled(each) for each in sets]
    assert len(shelf.mappings._kept) == VERSIONS_KEPT
    assert await shelf.mappings.compiled(sets[-1]) is found[-1]
    assert await shelf.mappings.compiled(sets[0]) is not found[0]


async def test_a_clock_that_was_set_back_does_not_stop_the_looking() -> None:
    shelf = Shelf()
    await shelf.mappings.active()
    await shelf.publish(stamped("A"))
    shelf.clock.advance(-86_400)
    assert stamp(await shelf.mappings.active()) == "A"


async def test_a_users_table_takes_the_place_of_the_products() -> None:
    table = "kind: table\nname: kinds\nrows: {charge: SALE}\n"
    product = product_with(
        "fields:\n  # Shown in the journal and on the account's",
        "fields:\n  Document: {from: category, do: "
        "[{lookup: {table: kinds, miss: OTHER}}]}\n  # Shown in the journal and on the account's",
        table,
    )
    shelf = Shelf(product=product)
    ours = table.replace("SALE", "VERKAUF")
    await shelf.publish(ours)
    found = await shelf.mappings.active()
    document = dict(found.templates["general_line"].fields)["Document"]
    assert document({"category": "charge"}) == "VERKAUF"
    assert found.sha256 != product.alone.sha256
    assert list(found.documents).count("table kinds") == 1
    assert shelf.product.compile(()) is product.alone
    assert product.alone.documents["table kinds"] != found.documents["table kinds"]


async def test_large_documents_are_kept_in_requests_that_storage_takes() -> None:
    store = MappingStore(MemoryTables())
    trees = [{"rows": random.Random(number).randbytes(300_000).hex()} for number in range(12)]
    documents = [Loaded(f"table t{n}", tree, digest(tree)) for n, tree in enumerate(trees)]
    found = StoredSet("a" * 64, {each.where: each.sha256 for each in documents})
    await store.keep(found, documents)
    assert [dict(each.tree) for each in await store.documents(found)] == trees
