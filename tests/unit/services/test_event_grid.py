"""The second ingress: what Event Grid delivers, forwarded once to the queue of its entity."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.tables import MemoryTables
from shared.domain.partition import DEFAULT_ACCOUNT, partition_of
from shared.errors import QueueUnavailable, StorageUnavailable
from shared.outcomes import Kind
from shared.ports import Message, Row, Tables
from shared.registry import INGRESS_QUEUE, REGISTRY
from shared.services.ingest import ACCOUNT_PROPERTY, INGEST, Delivered, EventGridIngest, Refusals
from shared.services.ingest.cloud_events import EVENTS_MAX, arrivals_in
from shared.services.ingest.ingest import BODY_BYTES_MAX, MalformedEventError
from shared.stores.doors import NOTE_SECONDS, Doors
from shared.stores.items import Items, places
from shared.stores.reception import reception_in
from tests.unit.entities.objects import Json, charge
from tests.unit.services.fakes import START, ManualClock, RecordingQueue, settings
from tests.unit.services.test_accounts import ACCOUNT, EU
from tests.unit.services.test_ingest import DownTables, event

TYPE = "charge.succeeded"


def cloud_event(data: Any, **changes: Any) -> Json:
    return {
        "specversion": "1.0",
        "id": "ce_1",
        "source": "/stripe/acct_1",
        "type": "charge.succeeded",
        "datacontenttype": "application/json",
        "data": data,
    } | changes


def thin(**changes: Any) -> Json:
    return {
        "id": "evt_test_1",
        "object": "v2.core.event",
        "type": "v1.charge.succeeded",
        "livemode": False,
        "created": "2026-11-01T10:00:00.000Z",
        "context": None,
        "related_object": {"id": "ch_1", "type": "charge", "url": "/v1/charges/ch_1"},
        "snapshot_event": "evt_1",
    } | changes


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


class Door:
    """The service over fakes."""

    def __init__(self, tables: Tables | None = None, **changes: Any) -> None:
        self.queue, self.clock = RecordingQueue(), ManualClock()
        self.tables = MemoryTables() if tables is None else tables
        self.doors = Doors(self.tables, self.clock)
        self.items = Items(self.tables, self.clock)
        ports = (settings(ingress="both", **changes), self.queue, self.tables, self.clock)
        self.ingest = EventGridIngest(
            *ports, registry=REGISTRY, refusals=Refusals(self.clock), doors=self.doors
        )

    async def forward(self, *bodies: Any) -> list[tuple[str, Message]]:
        named = [
            Delivered(f"mid-{number}", body if isinstance(body, bytes) else encoded(body))
            for number, body in enumerate(bodies)
        ]
        await self.ingest.forward(named)
        return self.queue.sent

    async def forward_of(self, account: object, body: Any) -> list[tuple[str, Message]]:
        """Forward a message whose event subscription names an account."""
        told = {ACCOUNT_PROPERTY: account}
        await self.ingest.forward([Delivered("mid-0", encoded(body), told)])
        return self.queue.sent

    async def rows(self) -> list[Row]:
        return [
            row
            for where in places([INGRESS_QUEUE])
            async for row in self.items.listed(where, Kind.PARK)
        ]

    async def parked(self) -> list[tuple[str, str]]:
        return [(str(row.cells["object"]), str(row.cells["cause"])) for row in await self.rows()]

    async def skipped(self) -> int:
        return (await self.items.counts(places([INGEST])))[Kind.SKIP.value]


async def test_a_snapshot_event_is_forwarded_as_the_webhook_would() -> None:
    ((queue, message),) = await Door().forward(cloud_event(event()))
    assert (queue, message.id) == ("charge", "evt_1")
    assert message.session == str(partition_of("cus_1"))
    assert (message.body["entity"], message.body["object"]) == ("charge", "ch_1")
    assert message.body["type"] == TYPE


async def test_a_thin_event_is_forwarded_by_its_related_object_under_the_id_of_its_twin() -> None:
    ((queue, message),) = await Door().forward(cloud_event(thin()))
    assert (queue, message.id) == ("charge", "evt_1")
    assert message.session == str(partition_of("ch_1"))
    assert (message.body["object"], message.body["type"]) == ("ch_1", TYPE)


async def test_a_thin_event_without_a_twin_has_its_own_id() -> None:
    ((_, message),) = await Door().forward(cloud_event(thin(snapshot_event=None)))
    assert message.id == "evt_test_1"


async def test_twins_in_one_batch_give_one_message() -> None:
    sent = await Door().forward(cloud_event(thin()), cloud_event(event()), cloud_event(thin()))
    assert [message.id for _, message in sent] == ["evt_1"]


async def test_twins_of_two_batches_have_one_message_id_for_duplicate_detection() -> None:
    door = Door()
    await door.forward(cloud_event(event()))
    sent = await door.forward(cloud_event(thin()))
    assert [message.id for _, message in sent] == ["evt_1", "evt_1"]


async def test_an_array_of_events_is_taken_apart() -> None:
    other = event(id="evt_2", data={"object": charge(id="ch_2")})
    sent = await Door().forward([cloud_event(event()), cloud_event(other)])
    assert [message.body["object"] for _, message in sent] == ["ch_1", "ch_2"]


async def test_a_thin_event_of_a_customers_part_leads_to_the_customer() -> None:
    related = {"id": "txi_1", "type": "tax_id", "url": "/v1/customers/cus_9/tax_ids/txi_1"}
    body = cloud_event(thin(type="v1.customer.tax_id.updated", related_object=related))
    ((queue, message),) = await Door().forward(body)
    assert (queue, message.body["object"]) == ("customer", "cus_9")
    assert message.session == str(partition_of("cus_9"))


@pytest.mark.parametrize(
    "data",
    [
        event(livemode=True),
        event(account="acct_other"),
        event(type="issuing_card.created"),
        thin(livemode=True),
        thin(context="acct_other"),
        thin(type="v2.core.account.created"),
        thin(type="v1.issuing_card.created"),
        thin(related_object=None),
        thin(related_object={"id": "re_1", "type": "refund", "url": "/v1/refunds/re_1"}),
        thin(related_object={"id": "../etc", "type": "charge", "url": 7}),
    ],
)
async def test_what_is_not_ours_is_counted_and_not_sent(data: Json) -> None:
    door = Door()
    assert await door.forward(cloud_event(data), cloud_event(data)) == []
    assert await door.skipped() == 2
    assert await door.parked() == []


BROKEN: Sequence[Any] = [
    b"",
    b"\xff\xfe",
    b"not json",
    b"[" * 100_000,
    b"{" + b" " * BODY_BYTES_MAX + b"}",
    None,
    7,
    [],
    [cloud_event(event())] * (EVENTS_MAX + 1),
    [cloud_event(event()), 7],
    event(),
    cloud_event(event(), specversion="0.3"),
    cloud_event(None),
    cloud_event("e30="),
    cloud_event(event(id="a/b")),
    cloud_event(event(id="x" * 121)),
    cloud_event(event(type=None)),
    cloud_event(event(data={})),
    cloud_event(event(livemode="no")),
    cloud_event(thin(id=None)),
    cloud_event(thin(type="")),
    cloud_event(thin(livemode=None)),
    cloud_event(thin(snapshot_event="a b")),
    cloud_event(thin(snapshot_event=5)),
    {"topic": "t", "eventType": "charge.succeeded", "data": event()},  # the schema of Event Grid
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
async def test_what_cannot_be_read_is_parked_and_holds_up_no_other(body: Any) -> None:
    door = Door()
    sent = await door.forward(body, cloud_event(event()))
    assert [message.id for _, message in sent] == ["evt_1"]
    assert await door.parked() == [("mid-0", "unreadable_message")]
    (row,) = await door.rows()
    assert str(row.cells["text"]).startswith("a message of Event Grid cannot be read: ")
    assert row.cells["remedy"]


async def test_an_event_belongs_to_the_account_that_its_subscription_names() -> None:
    door = Door(stripe_accounts=(ACCOUNT,))
    ((queue, message),) = await door.forward_of(EU, cloud_event(event()))
    assert (queue, message.id, message.body["account"]) == ("charge", "evt_1", EU)
    assert message.session == f"{EU}~{partition_of('cus_1')}"
    assert await door.doors.last() == {f"{EU}~event_grid": door.clock.now()}


async def test_without_that_property_it_belongs_to_the_default_account() -> None:
    door = Door(stripe_accounts=(ACCOUNT,))
    ((_, message),) = await door.forward(cloud_event(event()))
    assert message.body["account"] == DEFAULT_ACCOUNT
    assert await door.doors.last() == {"event_grid": door.clock.now()}


@pytest.mark.parametrize("alias", ["other", "", "SHOP-EU", "shop-eu~0", 7, "x" * 3_000])
async def test_a_message_of_an_account_that_nobody_set_up_is_parked(alias: object) -> None:
    door = Door(stripe_accounts=(ACCOUNT,))
    assert await door.forward_of(alias, cloud_event(event())) == []
    assert await door.parked() == [("mid-0", "unreadable_message")]
    (row,) = await door.rows()
    assert "the settings name no Stripe account with the alias" in str(row.cells["text"])
    assert len(str(row.cells["text"])) < 200
    assert await door.doors.last() == {}


async def test_one_batch_may_hold_events_of_two_accounts() -> None:
    door = Door(stripe_accounts=(ACCOUNT,))
    other = event(id="evt_2", data={"object": charge(id="ch_2")})
    batch = [
        Delivered("a", encoded(cloud_event(event()))),
        Delivered("b", encoded(cloud_event(other)), {ACCOUNT_PROPERTY: EU}),
    ]
    await door.ingest.forward(batch)
    told = [(message.id, message.body["account"]) for _, message in door.queue.sent]
    assert told == [("evt_1", DEFAULT_ACCOUNT), ("evt_2", EU)]


async def test_a_message_tells_when_and_in_which_trace_its_event_came() -> None:
    door = Door()
    ((_, message),) = await door.forward(cloud_event(event()))
    assert reception_in(message.properties).received_at == door.clock.now()


async def test_a_parked_message_that_comes_again_is_parked_once() -> None:
    door = Door()
    await door.forward(b"no")
    await door.forward(b"no")
    assert len(await door.parked()) == 1
    assert await door.doors.last() == {}


async def test_a_queue_that_is_away_keeps_no_other_from_its_events() -> None:
    class OneDown(RecordingQueue):
        async def send(self, queue: str, messages: Sequence[Message]) -> None:
            if queue == "charge":
                raise QueueUnavailable("down")
            await super().send(queue, messages)

    door = Door()
    door.queue = OneDown()
    door.ingest = EventGridIngest(
        settings(),
        door.queue,
        door.tables,
        door.clock,
        registry=REGISTRY,
        refusals=Refusals(door.clock),
        doors=door.doors,
    )
    customer = event(
        id="evt_2",
        type="customer.updated",
        data={"object": {"id": "cus_1", "object": "customer"}},
    )
    batch = [Delivered("1", encoded(cloud_event(event()))),
             Delivered("2", encoded(cloud_event(customer)))]  # fmt: skip
    with pytest.raises(QueueUnavailable):
        await door.ingest.handle(batch)
    assert [message.id for _, message in door.queue.sent] == ["evt_2"]
    assert (door.clock.now() - START).total_seconds() > 0  # the host would try again at once


async def test_a_message_that_cannot_be_parked_comes_again() -> None:
    with pytest.raises(StorageUnavailable):
        await Door(DownTables()).forward(b"no")


async def test_a_skip_or_a_note_that_cannot_be_written_costs_no_event() -> None:
    sent = await Door(DownTables()).forward(cloud_event(event(livemode=True)), cloud_event(event()))
    assert [message.id for _, message in sent] == ["evt_1"]


async def test_a_burst_costs_one_note_of_the_time() -> None:
    door = Door()
    await door.forward(cloud_event(event()))
    first = door.clock.now()
    door.clock.advance(NOTE_SECONDS - 1)
    await door.forward(cloud_event(event(id="evt_2")))
    assert await door.doors.last() == {"event_grid": first}
    door.clock.advance(1)
    await door.forward(cloud_event(event(id="evt_3")))
    assert await door.doors.last() == {"event_grid": door.clock.now()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from([*thin(), *event()])


@given(st.sampled_from([thin(), event()]), st.dictionaries(FIELDS, JSON, max_size=3))
def test_whatever_stands_in_an_event_it_is_read_or_refused(base: Json, changes: Json) -> None:
    with suppress(MalformedEventError):
        assert len(arrivals_in(encoded(cloud_event(base | changes)))) == 1
