import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clock import LoopClock
from local.loop import run_virtual
from local.tables import MemoryTables
from shared.clients.stripe.signatures import StripeSignatures
from shared.domain.partition import partition_of
from shared.errors import QueueUnavailable, StorageUnavailable
from shared.outcomes import Kind
from shared.ports import Operation, Tables
from shared.registry import REGISTRY
from shared.services.ingest import Refusals
from shared.services.ingest.ingest import (
    ANSWER_SECONDS_MAX,
    BODY_BYTES_MAX,
    COUNT_SECONDS_MAX,
    INGEST,
    Answer,
    Ingest,
)
from shared.stores.doors import Doors
from shared.stores.items import Items, places
from tests.unit.entities.objects import Json, charge
from tests.unit.services.fakes import START, ManualClock, RecordingQueue, settings

SKIPS = ("other_mode", "connected_account", "unknown_type", "no_object_id", "other_object")


def event(**changes: Any) -> Json:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "charge.succeeded",
        "livemode": False,
        "created": int(START.timestamp()),
        "data": {"object": charge()},
    } | changes


def signed(body: bytes, secret: str = "whsec_1", age_seconds: int = 0) -> str:
    at = int(START.timestamp()) - age_seconds
    digest = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()
    return f"t={at},v1={digest}"


class Door:
    """The service over fakes."""

    def __init__(self) -> None:
        self.queue, self.tables, self.clock = RecordingQueue(), MemoryTables(), ManualClock()
        self.ingest = self.over(self.tables)

    def over(self, tables: Tables, **changes: object) -> Ingest:
        ports = (settings(**changes), StripeSignatures(), self.queue, tables, self.clock)
        return Ingest(
            *ports,
            registry=REGISTRY,
            refusals=Refusals(self.clock),
            doors=Doors(tables, self.clock),
        )

    async def receive(self, content: Json | bytes, signature: str | None = "sign") -> Answer:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        header = signed(body) if signature == "sign" else signature
        return await self.ingest.receive(body, header)

    async def skipped(self) -> int:
        return (await Items(self.tables, self.clock).counts(places([INGEST])))[Kind.SKIP]


def without(name: str) -> Json:
    found = event()
    del found[name]
    return found


def about(object: Any, **changes: Any) -> Json:
    return event(data={"object": object}, **changes)


async def test_an_event_is_enqueued_as_a_thin_envelope() -> None:
    door = Door()
    answer = await door.receive(event())
    assert (answer.status, answer.code) == (202, "accepted")
    ((queue, message),) = door.queue.sent
    assert queue == "charge"
    assert (message.id, message.session) == ("evt_1", str(partition_of("cus_1")))
    assert message.body == {
        "id": "evt_1",
        "type": "charge.succeeded",
        "entity": "charge",
        "object": "ch_1",
        "kind": "converge",
        "generation": 0,
        "copy": 0,
        "attempt": 0,
        "account": "default",
    }
    assert message.scheduled_at is None


async def test_an_event_without_customer_goes_to_the_partition_of_its_object() -> None:
    door = Door()
    await door.receive(about(charge(customer=None)))
    assert door.queue.sent[0][1].session == str(partition_of("ch_1"))


async def test_an_expanded_customer_leads_to_the_same_partition() -> None:
    door = Door()
    await door.receive(about(charge(customer={"id": "cus_1", "object": "customer"})))
    assert door.queue.sent[0][1].session == str(partition_of("cus_1"))


@pytest.mark.parametrize("secret", ["whsec_1", "whsec_2"])
async def test_each_of_several_secrets_is_accepted(secret: str) -> None:
    door = Door()
    body = json.dumps(event()).encode()
    assert (await door.receive(body, signed(body, secret))).status == 202
    assert len(door.queue.sent) == 1


BODY = json.dumps(event()).encode()
REFUSED: tuple[tuple[str, bytes, str | None, int, str], ...] = (
    ("no signature", BODY, None, 400, "bad_signature"),
    ("empty signature", BODY, "", 400, "bad_signature"),
    ("garbage for a signature", BODY, "hello", 400, "bad_signature"),
    ("wrong secret", BODY, signed(BODY, "whsec_3"), 400, "bad_signature"),
    ("signature of another body", BODY, signed(b"{}"), 400, "bad_signature"),
    ("truncated after signing", BODY[:-40], signed(BODY), 400, "bad_signature"),
    ("stale signature", BODY, signed(BODY, age_seconds=301), 400, "bad_signature"),
    ("future signature", BODY, signed(BODY, age_seconds=-301), 400, "bad_signature"),
    ("year 5138", BODY, "t=99999999999,v1=00", 400, "bad_signature"),
    ("too large", b" " * (BODY_BYTES_MAX + 1), "sign", 413, "too_large"),
    ("2 MB", b"[" + b"1," * 1_048_576 + b"1]", "sign", 413, "too_large"),
    ("truncated", BODY[:-40], "sign", 400, "malformed"),
    ("empty", b"", "sign", 400, "malformed"),
    ("UTF-16", json.dumps(event()).encode("utf-16"), "sign", 400, "malformed"),
    ("Latin-1", '{"id": "é"}'.encode("latin-1"), "sign", 400, "malformed"),
    ("UTF-8 with a mark", b"\xef\xbb\xbf" + BODY, "sign", 400, "malformed"),
    ("deeply nested", b"[" * 200_000, "sign", 400, "malformed"),
    ("a list", json.dumps([event()]).encode(), "sign", 400, "malformed"),
    ("a number", b"7", "sign", 400, "malformed"),
    ("null", b"null", "sign", 400, "malformed"),
    ("no id", json.dumps(without("id")).encode(), "sign", 400, "malformed"),
    ("no type", json.dumps(without("type")).encode(), "sign", 400, "malformed"),
    ("no data", json.dumps(without("data")).encode(), "sign", 400, "malformed"),
    ("no livemode", json.dumps(without("livemode")).encode(), "sign", 400, "malformed"),
    ("id of spaces", json.dumps(event(id="evt 1")).encode(), "sign", 400, "malformed"),
    ("id with a slash", json.dumps(event(id="../evt")).encode(), "sign", 400, "malformed"),
    ("id of 121", json.dumps(event(id="e" * 121)).encode(), "sign", 400, "malformed"),
    ("id a number", json.dumps(event(id=7)).encode(), "sign", 400, "malformed"),
    ("type a list", json.dumps(event(type=["a"])).encode(), "sign", 400, "malformed"),
    ("type empty", json.dumps(event(type="")).encode(), "sign", 400, "malformed"),
    ("livemode a text", json.dumps(event(livemode="no")).encode(), "sign", 400, "malformed"),
    ("data a list", json.dumps(event(data=[])).encode(), "sign", 400, "malformed"),
    ("object null", json.dumps(about(None)).encode(), "sign", 400, "malformed"),
    ("object an id", json.dumps(about("ch_1")).encode(), "sign", 400, "malformed"),
)


@pytest.mark.parametrize(
    ("body", "signature", "status", "code"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
async def test_what_is_refused_is_not_enqueued(
    body: bytes, signature: str | None, status: int, code: str
) -> None:
    door = Door()
    answer = await door.receive(body, signature)
    assert (answer.status, answer.code) == (status, code)
    assert answer.message
    assert door.queue.sent == []


SKIPPED: tuple[tuple[str, Json], ...] = (
    ("other_mode", event(livemode=True)),
    ("connected_account", event(account="acct_1")),
    ("unknown_type", event(type="invoice.upcoming")),
    ("unknown_type", event(type="charge.succeeded ")),
    ("unknown_type", event(type="\ud83d")),
    ("no_object_id", about({"object": "charge"})),
    ("no_object_id", about(charge(id=None))),
    ("no_object_id", about(charge(id="a/b"))),
    ("no_object_id", about(charge(id="x" * 256))),
    ("no_object_id", about(charge(id=["ch_1"]))),
    ("other_object", about(charge(object="card"))),
)


@pytest.mark.parametrize(("reason", "content"), SKIPPED)
async def test_what_is_not_ours_is_accepted_and_counted(reason: str, content: Json) -> None:
    door = Door()
    answer = await door.receive(content)
    assert (answer.status, answer.code) == (202, "skipped")
    assert reason in SKIPS
    assert reason in answer.message
    assert door.queue.sent == []
    assert await door.skipped() == 1


@pytest.mark.parametrize("age_seconds", [0, 300, -300])
async def test_a_signature_within_the_tolerance_is_accepted(age_seconds: int) -> None:
    door = Door()
    assert (await door.receive(BODY, signed(BODY, age_seconds=age_seconds))).status == 202


async def test_a_queue_that_is_down_is_answered_with_503() -> None:
    door = Door()
    door.queue.error = QueueUnavailable("no route")
    answer = await door.receive(event())
    assert (answer.status, answer.code) == (503, "queue_unavailable")
    assert "no route" not in answer.message


def test_a_queue_that_hangs_is_answered_with_503_within_its_limit() -> None:
    async def main(clock: LoopClock) -> tuple[Answer, timedelta]:
        door = Door()
        door.queue.hangs = True
        started = clock.now()
        answer = await door.receive(event())
        return answer, clock.now() - started

    answer, took = run_virtual(main, start=START)
    assert (answer.status, answer.code) == (503, "queue_unavailable")
    assert took.total_seconds() == pytest.approx(ANSWER_SECONDS_MAX)


class DownTables(MemoryTables):
    """Storage that does not answer."""

    async def transact(self, table: str, partition: str, operations: Any) -> tuple[str, ...]:
        raise StorageUnavailable("timeout")


class HangingTables(MemoryTables):
    """Storage that never answers."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__()
        self._clock = clock

    async def transact(self, table: str, partition: str, operations: Any) -> tuple[str, ...]:
        found: list[Operation] = list(operations)
        await self._clock.sleep(3_600)
        return await super().transact(table, partition, found)


async def test_a_skip_that_cannot_be_counted_is_accepted_all_the_same() -> None:
    door = Door()
    door.ingest = door.over(DownTables())
    assert (await door.receive(event(livemode=True))).status == 202


def test_a_skip_is_not_held_up_by_slow_storage() -> None:
    async def main(clock: LoopClock) -> float:
        tables = HangingTables(clock)
        ports = (settings(), StripeSignatures(), RecordingQueue(), tables, clock)
        ingest = Ingest(
            *ports, registry=REGISTRY, refusals=Refusals(clock), doors=Doors(tables, clock)
        )
        body = json.dumps(event(livemode=True)).encode()
        answer = await ingest.receive(body, signed(body))
        assert answer.status == 202
        return (clock.now() - START).total_seconds()

    assert run_virtual(main, start=START) == pytest.approx(COUNT_SECONDS_MAX)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["id", "type", "livemode", "data", "account"]), JSON),
    st.none() | st.dictionaries(st.sampled_from(["id", "object", "customer"]), JSON),
)
def test_any_signed_body_gets_an_answer(changes: Json, object: Json | None) -> None:
    content = event(**changes)
    if object is not None:
        content = about({**charge(), **object})
    door = Door()
    answer = run_virtual(lambda _clock: door.receive(content), start=START)
    assert answer.status in (202, 400)
    assert len(door.queue.sent) == (1 if answer.code == "accepted" else 0)


@given(st.binary(max_size=64))
def test_any_signed_bytes_get_an_answer(body: bytes) -> None:
    door = Door()
    answer = run_virtual(lambda _clock: door.receive(body), start=START)
    assert (answer.status, answer.code) == (400, "malformed")


async def test_an_event_of_a_tax_id_is_one_of_its_customer() -> None:
    door = Door()
    tax_id = {"id": "txi_1", "object": "tax_id", "customer": "cus_1"}
    for number, customer in enumerate(("cus_1", {"id": "cus_1"})):
        data = {"object": {**tax_id, "customer": customer}}
        type_ = "customer.tax_id.created"
        answer = await door.receive(event(id=f"evt_{number}", type=type_, data=data))
        assert answer.code == "accepted"
    assert [message.body["object"] for _, message in door.queue.sent] == ["cus_1", "cus_1"]
    nobody = event(type="customer.tax_id.deleted", data={"object": {**tax_id, "customer": None}})
    assert (await door.receive(nobody)).message == "nothing to do: no_object_id"
    strange = event(type="customer.tax_id.created", data={"object": charge()})
    assert (await door.receive(strange)).message == "nothing to do: other_object"


async def test_a_closed_webhook_refuses_all_unread() -> None:
    door = Door()
    door.ingest = door.over(door.tables, ingress="event_grid")
    answer = await door.receive(event())
    assert (answer.status, answer.code) == (410, "closed")
    assert door.queue.sent == []


async def test_the_webhook_notes_when_an_event_came_where_there_is_another_way() -> None:
    door = Door()
    await door.receive(event())
    assert await Doors(door.tables, door.clock).last() == {}
    door.ingest = door.over(door.tables, ingress="both")
    await door.receive(event())
    assert await Doors(door.tables, door.clock).last() == {"webhook": door.clock.now()}


async def test_a_note_that_cannot_be_written_costs_no_event() -> None:
    door = Door()
    door.ingest = door.over(DownTables(), ingress="both")
    assert (await door.receive(event())).status == 202
    assert len(door.queue.sent) == 1
