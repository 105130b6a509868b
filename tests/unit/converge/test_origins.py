"""Where what follows a sale goes: read from our links, decided once, by whoever comes first."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from local.tables import MemoryTables
from shared.converge.origins import DECISIONS_MAX
from shared.domain.records import Link
from shared.errors import Refused, UncertainWrite
from shared.mapping.compiler import CompiledMapping
from shared.outcomes import Kind
from shared.packaged import packaged_mapping, packaged_product
from shared.policy import Policy
from shared.ports import QUERY_ROWS_MAX, Cell, Json, Operation, Put, Row
from shared.stores.journals import Writer
from shared.stores.links import ORIGIN_PREFIX, LinkStore
from shared.stores.mapping_store import MappingStore
from shared.stores.mappings import Mappings
from tests.unit.entities.objects import charge, customer, plain_txn, refund, txn
from tests.unit.services.fakes import Rig, rig

WRITER = Writer("ledger", "0", "one")
LEASE_SECONDS = 600
ELSEWHERE = Policy.model_validate({"routes": [{"company": "demf"}]})
HERE = Policy()

RECEIPT, FIRST, SECOND, FAILED = "txn_1", "txn_re_1", "txn_re_2", "txn_re_1_back"


class Chosen(Mappings):
    """The product's mapping with a policy that the test changes."""

    policy = HERE

    async def active(self) -> CompiledMapping:
        return replace(packaged_mapping(), policy=self.policy)


def refund_txn(id: str, amount: int, refunded: str, category: str = "refund") -> Json:
    return plain_txn(amount, category, category, refunded, id=id)


class Sale:
    """A sale with two refunds, one of which failed, and an app whose policy changes."""

    def __init__(self, tables: MemoryTables | None = None, **changes: Any) -> None:
        self.rig: Rig = rig(
            txn(),
            charge(**changes),
            customer(),
            refund(),
            refund(id="re_2", balance_transaction=SECOND, amount=2000),
            refund_txn(FIRST, -1000, "re_1"),
            refund_txn(SECOND, -2000, "re_2"),
            refund_txn(FAILED, 1000, "re_1", "refund_failure"),
            tables=tables,
            lease_seconds=LEASE_SECONDS,
        )
        store = MappingStore(self.rig.tables)
        self.mappings = Chosen(store, self.rig.clock, packaged_product)
        self.converge = replace(self.rig.app, mappings=self.mappings).converge(self.rig.flows)
        self.links = LinkStore(self.rig.tables, self.rig.clock, LEASE_SECONDS)

    async def book(self, *ids: str, policy: Policy) -> list[Kind]:
        self.mappings.policy = policy
        outcomes = await self.converge.run("balance_transaction", dict.fromkeys(ids, ()), WRITER)
        return [outcomes[id].kind for id in ids]

    async def line(self, id: str) -> Link | None:
        return (await self.links.links(id)).get("gross")

    async def place(self, id: str) -> tuple[str, str]:
        """Company and account of the customer's line."""
        found = await self.line(id)
        assert found is not None, f"{id} is not written"
        return found.company, str(found.record.fields["AccountDisplayValue"])

    async def origins(self) -> list[str]:
        rows = await self.rig.tables.query("links", partition="ch_1", prefix=ORIGIN_PREFIX)
        return [row.row for row in rows]


@pytest.mark.parametrize("order", list(permutations([RECEIPT, FIRST, SECOND, FAILED])))
async def test_in_whatever_order_they_come_all_goes_where_the_first_one_went(
    order: Sequence[str],
) -> None:
    sale = Sale()
    policies = [ELSEWHERE, HERE, HERE, HERE]
    for id, policy in zip(order, policies, strict=True):
        assert await sale.book(id, policy=policy) == [Kind.DONE]
    places = [await sale.place(id) for id in order]
    assert places == [("demf", places[0][1])] * len(order)
    assert sale.rig.dynamics.rows["CustomersV3"][0]["dataAreaId"] == "demf"
    assert len(sale.rig.dynamics.rows["CustomersV3"]) == 1


@pytest.mark.parametrize("policy", [ELSEWHERE, HERE])
async def test_all_at_once_goes_to_one_place_too(policy: Policy) -> None:
    sale = Sale()
    ids = (SECOND, FAILED, FIRST, RECEIPT)
    assert await sale.book(*ids, policy=policy) == [Kind.DONE] * 4
    assert len({await sale.place(id) for id in ids}) == 1


async def test_a_decision_that_wrote_nothing_does_not_bind() -> None:
    sale = Sale()
    sale.rig.dynamics.script = [None, None, Refused("dynamics", "no such customer group")]
    assert await sale.book(FIRST, policy=ELSEWHERE) == [Kind.PARK]
    assert await sale.line(FIRST) is None
    assert await sale.book(FIRST, policy=HERE) == [Kind.DONE]
    assert (await sale.place(FIRST))[0] == "usmf"
    assert await sale.book(SECOND, policy=ELSEWHERE) == [Kind.DONE]
    assert (await sale.place(SECOND))[0] == "usmf"


async def test_a_decision_that_wrote_nothing_binds_no_other_object_either() -> None:
    sale = Sale()
    sale.rig.dynamics.script = [None, None, Refused("dynamics", "no such customer group")]
    await sale.book(FIRST, policy=ELSEWHERE)
    assert await sale.book(SECOND, policy=HERE) == [Kind.RETRY]  # the first one may still write
    sale.rig.clock.advance(LEASE_SECONDS)
    assert await sale.book(SECOND, policy=HERE) == [Kind.DONE]
    assert (await sale.place(SECOND))[0] == "usmf"
    assert await sale.book(FIRST, policy=ELSEWHERE) == [Kind.DONE]
    assert (await sale.place(FIRST))[0] == "usmf"


async def test_a_write_whose_answer_was_lost_binds() -> None:
    sale = Sale()
    sale.rig.dynamics.script = [None, None, ("lost", UncertainWrite("timeout"))]
    assert await sale.book(FIRST, policy=ELSEWHERE) == [Kind.RETRY]
    assert await sale.line(FIRST) is None
    assert await sale.book(SECOND, policy=HERE) == [Kind.DONE]
    assert (await sale.place(SECOND))[0] == "demf"


async def undecided(sale: Sale, count: int) -> None:
    """Decisions of which nothing was ever written, all of them before any other one's row."""
    cells: dict[str, Cell] = {"role": "gross", "company": "usmf", "customer": "", "currency": "usd"}
    cells |= {"mapping": "", "at": sale.rig.clock.now()}
    for start in range(0, count, 90):
        rows = range(start, min(start + 90, count))
        operations = [Put(f"{ORIGIN_PREFIX}txn_0_{n:05}", cells) for n in rows]
        await sale.rig.tables.transact("links", "ch_1", operations)


async def test_a_decision_behind_the_first_page_of_them_binds_too() -> None:
    sale = Sale()
    await undecided(sale, QUERY_ROWS_MAX)
    sale.rig.clock.advance(LEASE_SECONDS)
    assert await sale.book(FIRST, policy=ELSEWHERE) == [Kind.DONE]
    assert await sale.book(SECOND, policy=HERE) == [Kind.DONE]
    assert await sale.place(SECOND) == await sale.place(FIRST)


async def test_a_charge_that_more_objects_decided_about_than_are_read_parks() -> None:
    sale = Sale()
    await undecided(sale, DECISIONS_MAX + 1)
    [outcome] = (await sale.converge.run("balance_transaction", {FIRST: ()}, WRITER)).values()
    assert (outcome.kind, outcome.cause) == (Kind.PARK, "limit_reached")
    assert "ch_1" in outcome.text
    assert await sale.line(FIRST) is None


class Overtaken(MemoryTables):
    """Storage in which another refund decides and writes just before ours says what it decided."""

    sale: "Sale | None" = None

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        if self.sale is not None and any(each.row == ORIGIN_PREFIX + FIRST for each in operations):
            sale, self.sale = self.sale, None
            policy = sale.mappings.policy
            await sale.book(SECOND, policy=ELSEWHERE)
            sale.mappings.policy = policy
        return await super().transact(table, partition, operations)


async def test_of_two_that_decide_at_once_and_differently_the_second_follows() -> None:
    tables = Overtaken()
    tables.sale = sale = Sale(tables)
    assert await sale.book(FIRST, policy=HERE) == [Kind.RETRY]
    assert (await sale.place(SECOND))[0] == "demf"
    assert await sale.book(FIRST, policy=HERE) == [Kind.DONE]
    assert await sale.place(FIRST) == await sale.place(SECOND)


async def test_only_what_nobody_finds_otherwise_is_put_on_record() -> None:
    sale = Sale()
    await sale.book(RECEIPT, policy=ELSEWHERE)
    await sale.book(FIRST, policy=HERE)
    assert await sale.origins() == []
    other = Sale()
    await other.book(FIRST, policy=ELSEWHERE)
    await other.book(RECEIPT, policy=HERE)
    await other.book(SECOND, policy=HERE)
    assert await other.origins() == [ORIGIN_PREFIX + FIRST]
    [row] = await other.rig.tables.query("links", partition="ch_1", prefix=ORIGIN_PREFIX)
    assert {name: row.cells[name] for name in ("role", "company", "customer", "currency")} == {
        "role": "gross",
        "company": "demf",
        "customer": "cus_1",
        "currency": "usd",
    }
    assert row.cells["mapping"] == packaged_mapping().sha256


async def test_a_charge_that_names_no_transaction_is_followed_too() -> None:
    sale = Sale(balance_transaction=None)
    await sale.book(FAILED, policy=ELSEWHERE)
    await sale.book(FIRST, policy=HERE)
    assert await sale.place(FIRST) == await sale.place(FAILED)


class CountingTables(MemoryTables):
    """Storage that counts what it is asked for by other objects than the one that is booked."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[tuple[str, str]] = []

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        if table == "links":
            self.gets.append((partition, row))
        return await super().get(table, partition, row)


async def test_the_origin_costs_no_request_to_stripe_or_dynamics_only_reads_of_our_tables() -> None:
    tables = CountingTables()
    sale = Sale(tables)
    await sale.book(RECEIPT, policy=ELSEWHERE)
    asked: list[str] = []
    sale.rig.stripe.on_retrieve = asked.append
    lookups, batches = len(sale.rig.dynamics.lookups), len(sale.rig.dynamics.batches)
    tables.gets.clear()
    await sale.book(FIRST, policy=HERE)
    assert asked == [FIRST, "re_1", "ch_1"]
    assert len(sale.rig.dynamics.lookups) == lookups
    assert len(sale.rig.dynamics.batches) == batches + 1
    assert tables.gets == [(RECEIPT, "intent~gross"), (RECEIPT, "link~gross")]
    tables.gets.clear()
    await sale.book(FIRST, policy=HERE)  # it is written: nothing is left to decide
    assert tables.gets == []
