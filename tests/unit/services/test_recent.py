from collections.abc import Sequence
from dataclasses import replace

import pytest

from local.tables import MemoryTables
from shared.domain.journal import JournalKind
from shared.domain.records import Change, Document, Record
from shared.mapping.finance import render
from shared.mapping.preview import Standing, StoredObject
from shared.ports import QUERY_ROWS_MAX, Put
from shared.services.journals import POSTED, TABLE, journal_key
from shared.services.links import LinkStore
from shared.services.plan import intent_of, link_of
from shared.services.recent import Recent
from tests.unit.mapping.test_finance import TARGET, line, person
from tests.unit.services.fakes import ManualClock


class Shelf:
    def __init__(self) -> None:
        self.tables, self.clock = MemoryTables(), ManualClock()
        self.store = LinkStore(self.tables, self.clock, 600)

    async def write(self, id: str, *documents: Document, batch: str = "B1") -> None:
        """Store documents with links to a journal; without a batch nothing was written."""
        records = [render(document, TARGET) for document in documents]
        held = await self.store.claim(id, "one")
        keys = {"JournalBatchNumber": batch, "LineNumber": 1}
        links = [link_of(record, _keys(record, keys)) for record in records if batch]
        await self.store.settle(held, links, [], [], documents)
        self.clock.advance(1)

    async def announce(self, id: str, document: Document) -> None:
        """Announce the record of a document; nobody knows whether it was written."""
        held = await self.store.claim(id, "one")
        intent = intent_of(render(document, TARGET), "B1", self.clock.now())
        await self.store.intend(held, [intent], [document])

    async def recent(self, limit: int = 100) -> list[StoredObject]:
        return [each async for each in Recent(self.tables).objects(limit)]


def _keys(record: Record, keys: dict[str, object]) -> dict[str, object]:
    return keys if record.document.journal else {"CustomerAccount": "US-001"}


async def test_the_newest_objects_come_first_and_no_more_than_are_wanted() -> None:
    shelf = Shelf()
    for id in ("txn_3", "txn_1", "po_2", "cus_1"):
        await shelf.write(id, person() if id == "cus_1" else line())
    found = await shelf.recent()
    assert [each.id for each in found] == ["cus_1", "po_2", "txn_1", "txn_3"]
    assert [each.id for each in await shelf.recent(2)] == ["cus_1", "po_2"]
    await shelf.write("txn_3", line())
    assert [each.id for each in await shelf.recent(1)] == ["txn_3"]


async def test_documents_come_back_as_they_were() -> None:
    shelf = Shelf()
    document = line(account={"role": "customer", "customer": "cus_1"})
    other = replace(person(), role="customer~usmf")
    await shelf.write("txn_1", document, replace(document, role="fee", journal=None))
    await shelf.write("cus_1", other)
    customer, transaction = await shelf.recent()
    assert [each.document for each in customer.documents] == [other]
    assert [each.document for each in transaction.documents] == [
        document,
        replace(document, role="fee", journal=None),
    ]
    assert transaction.documents[0].document.journal is JournalKind.GENERAL
    assert transaction.customers == {("cus_1", "usmf"): "US-001"}


async def test_what_was_written_decides_the_group() -> None:
    shelf = Shelf()
    await shelf.write("txn_1", line(), batch="")
    await shelf.write("txn_2", line(), batch="B1")
    await shelf.write("txn_3", line(), batch="B2")
    await shelf.write("cus_1", replace(person(), change=Change.FOLLOWS))
    await shelf.announce("txn_4", line())
    await shelf.write("ch_5", replace(line(), journal=None, change=Change.OPEN))
    key = journal_key("usmf", JournalKind.GENERAL, "B2")
    await shelf.tables.transact(TABLE, POSTED, [Put(key, {})])
    found = {each.id: each.documents[0].standing for each in await shelf.recent()}
    assert found == {
        "txn_1": Standing.FUTURE,
        "txn_2": Standing.DRAFT,
        "txn_3": Standing.POSTED,
        "cus_1": Standing.FUTURE,
        "txn_4": Standing.DRAFT,
        "ch_5": Standing.DRAFT,
    }


async def test_a_document_comes_with_the_keys_of_the_record_it_belongs_to() -> None:
    shelf = Shelf()
    fee = replace(line(), role="fee", parent="gross")
    await shelf.write("txn_1", line(), fee)
    await shelf.write("txn_2", replace(fee, parent="none"))
    lonely, whole = await shelf.recent()
    assert [each.parent for each in whole.documents] == [
        {},
        {"JournalBatchNumber": "B1", "LineNumber": 1},
    ]
    assert [each.parent for each in lonely.documents] == [{}]


async def test_a_customer_of_another_company_is_known_by_that_company() -> None:
    shelf = Shelf()
    part = {"role": "customer", "customer": "cus_1", "company": "demf"}
    target = replace(TARGET, customers={("cus_1", "demf"): "DE-001"})
    record = render(line(offset=part), target)
    held = await shelf.store.claim("txn_1", "one")
    link = link_of(record, {"JournalBatchNumber": "B1", "LineNumber": 1})
    await shelf.store.settle(held, [link], [], [], [record.document])
    (found,) = await shelf.recent()
    assert found.customers == {("cus_1", "demf"): "DE-001"}


async def test_an_object_without_documents_is_passed_over() -> None:
    shelf = Shelf()
    await shelf.store.claim("txn_0", "one")
    assert await shelf.recent() == []
    await shelf.write("txn_1", line())
    await shelf.store.claim("txn_2", "one")
    assert [each.id for each in await shelf.recent()] == ["txn_1"]


@pytest.mark.parametrize("count", [QUERY_ROWS_MAX // 3, QUERY_ROWS_MAX // 3 + 1, 700])
async def test_objects_are_whole_where_pages_end(count: int) -> None:
    shelf = Shelf()
    cells: Sequence[Document] = (line(),)
    await shelf.write("txn_a", *cells)
    template = await shelf.tables.query("links", partition="txn_a")
    for number in range(count):
        puts = [Put(row.row, row.cells) for row in template]
        await shelf.tables.transact("links", f"txn_b{number:04}", puts)
    found = await shelf.recent(10_000)
    assert len(found) == count + 1
    assert [each.documents[0].standing for each in found] == [Standing.DRAFT] * len(found)


async def test_an_object_of_more_rows_than_a_page_is_whole() -> None:
    shelf = Shelf()
    count = QUERY_ROWS_MAX + 20
    await shelf.write("ch_1", *(replace(line(), role=f"line_{n:04}") for n in range(count)))
    (found,) = await shelf.recent()
    assert [each.standing for each in found.documents] == [Standing.DRAFT] * count
