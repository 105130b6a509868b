"""The inbox over fakes: what is listed, retried and healed."""

import json
from collections.abc import Sequence

import pytest

from shared.domain.partition import partition_of
from shared.outcomes import Kind, Outcome
from shared.services.inbox.inbox import ParkedItem
from shared.services.work.work import Received
from shared.stores.item import Item, ItemKind
from shared.stores.items import ItemOutcome, Items
from tests.unit.services.fakes import Rig, rig

QUEUE, ENTITY = "ledger", "balance_transaction"


def outcome(
    id: str,
    name: str,
    kind: Kind = Kind.PARK,
    *,
    cause: str = "refused",
    command: ItemKind = ItemKind.CONVERGE,
) -> ItemOutcome:
    """What became of an item of a transaction of USD 50.00."""
    outcome = Outcome(
        kind, cause=cause, text="text", remedy="remedy", amount_minor=5_000, currency="usd"
    )
    return ItemOutcome(Item(id, "", ENTITY, name, kind=command), outcome)


async def store(found: Rig, *outcomes: ItemOutcome, queue: str = QUEUE) -> None:
    await Items(found.tables, found.clock).store(queue, outcomes)


async def listed(found: Rig) -> list[ParkedItem]:
    return [item async for item in found.app.inbox().each()]


def sent(found: Rig) -> dict[str, str]:
    """Session by message id."""
    return {message.id: message.session for _, message in found.queue.sent}


async def work(found: Rig, *items: Item) -> None:
    """Converge objects that Stripe does not have, so that they park."""
    for item in items:
        partition = found.app.settings.partition(QUEUE, item.object)
        body = json.dumps(item.message(partition).body).encode()
        received = [Received(item.message_id, body, 1)]
        await found.app.work(found.flows).handle(QUEUE, partition, received)


async def test_one_object_is_one_item_with_what_led_to_it() -> None:
    found = rig()
    await work(found, *(Item(id, "", ENTITY, "txn_1") for id in ("evt_1", "evt_2", "txn_1")))
    [item] = await listed(found)
    assert (item.id, item.object, item.event_count) == ("txn_1", "txn_1", 3)
    assert [event.id for event in item.events] == ["evt_1", "evt_2", "txn_1"]
    assert item.is_named({"evt_2": None})
    assert not item.is_named({"evt_3": None})
    [group] = await found.app.inbox().groups()
    assert group.count == 1
    assert (await found.app.health(found.flows).status())["parked"] == 1


async def test_retrying_an_object_sends_one_message() -> None:
    found = rig()
    await store(found, *(outcome(id, "txn_1") for id in ("evt_1", "evt_2")))
    assert await found.app.inbox().retry(await listed(found)) == 1
    assert sent(found) == {"evt_2:1.0": "0"}


async def test_no_message_id_of_an_object_comes_twice() -> None:
    """Whatever led to it last; a queue drops what it has seen."""
    found = rig()
    ids: list[str] = []
    for id in ("evt_1", "evt_2", "evt_1", "txn_1", "evt_2", "evt_1"):
        generations = [each for each in ids if each.startswith(f"{id}:")]
        item = Item(id, "", ENTITY, "txn_1", len(generations))
        await store(found, ItemOutcome(item, Outcome(Kind.PARK, cause="refused")))
        found.queue.sent.clear()
        assert await found.app.inbox().retry(await listed(found)) == 1
        ids += sent(found)
    assert len(set(ids)) == len(ids) == 6


async def test_a_command_is_retried_as_the_command_it_is() -> None:
    found = rig()
    await store(found, outcome("verify-txn_1", "txn_1", command=ItemKind.VERIFY, cause="vanished"))
    [item] = await listed(found)
    assert (item.id, item.object) == ("verify-txn_1", "txn_1")
    assert await found.app.inbox().retry([item]) == 1
    [(_, message)] = found.queue.sent
    assert (message.id, message.body["kind"]) == ("verify-txn_1:1.0", "verify")


async def test_what_left_the_inbox_meanwhile_is_not_sent() -> None:
    found = rig()
    await store(found, outcome("evt_1", "txn_1"))
    items = await listed(found)
    await store(found, outcome("evt_2", "txn_1", Kind.DONE))
    assert await found.app.inbox().retry(items) == 0


PARTITIONS: Sequence[tuple[int, int]] = [(8, 2), (64, 1), (2, 8)]


@pytest.mark.parametrize(("before", "after"), PARTITIONS)
async def test_what_was_parked_before_partitions_changed_stays_listed_and_is_one_item(
    before: int, after: int
) -> None:
    old = rig(ledger_partitions=before)
    names = [f"txn_{number}" for number in range(30)]
    await work(old, *(Item(f"evt_{name}", "", ENTITY, name) for name in names))
    found = rig(tables=old.tables, ledger_partitions=after)
    items = await listed(found)
    assert {item.object for item in items} == set(names)
    assert (await found.app.health(found.flows).status())["parked"] == len(names)
    assert await found.app.inbox().retry(items) == len(names)
    wanted = {f"evt_{name}:1.0": str(partition_of(name, after)) for name in names}
    assert sent(found) == wanted
    again = [Item(f"evt_{name}", "", ENTITY, name, generation=1) for name in names]
    await work(found, *again)
    assert len(await listed(found)) == len(names)
    await store(found, *(outcome(f"evt_{name}", name, Kind.DONE) for name in names))
    assert await listed(found) == []
    status = await found.app.health(found.flows).status()
    assert (status["parked"], status["done"]) == (0, len(names))
