"""The nightly audit in a whole world: drafts deleted, lines moved, lines there twice."""

from collections import Counter

import httpx
import pytest

from local.books import CUSTOMER_ID_PROPERTY
from local.dynamics import DynamicsSettings
from local.world import Options, World
from tests.world import (
    DAY,
    LINE_SETS,
    live,
    new_customer,
    parked,
    rest,
    sell,
)

OPTIONS = Options(dynamics=DynamicsSettings(post_interval_seconds=1e9))


def _keys(world: World) -> Counter[str]:
    return Counter(
        record["PaymentId"] for name in LINE_SETS for record in world.dynamics.records(name)
    )


async def _sold(world: World) -> None:
    sell(world, 10_000, "usd", new_customer(world))
    await rest(world)


async def _audit(world: World) -> None:
    for name in ("watch_journals", "audit_lines"):
        assert world.host.fire(name)
        await rest(world)


async def edit(world: World, method: str, path: str, **body: object) -> httpx.Response:
    """What a person does in Dynamics, through its own OData."""
    dynamics = world._client(world.dynamics.asgi)
    base = world.options.addresses.dynamics
    token = await dynamics.post(
        f"{base}/local/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": world.settings.dynamics_client_id,
            "client_secret": "embedded",
            "scope": f"{base}/.default",
        },
    )
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    answer = await dynamics.request(
        method, f"{base}/data/{path}", json=body or None, headers=headers
    )
    assert answer.is_success, answer.text
    return answer


def path_of(name: str, record: dict[str, object]) -> str:
    """A line's own address."""
    batch, line = record["JournalBatchNumber"], record["LineNumber"]
    return (
        f"{name}(dataAreaId='{record['dataAreaId']}',JournalBatchNumber='{batch}',"
        f"LineNumber={line})?cross-company=true"
    )


async def _copy_receipt(world: World) -> str:
    """A person enters the receipt again in a journal of their own; returns its number."""
    [record] = world.dynamics.records(LINE_SETS[0])
    header = await edit(
        world, "POST", "CustomerPaymentJournalHeaders", dataAreaId="usmf", JournalName="ARPay"
    )
    batch = str(header.json()["JournalBatchNumber"])
    copied = (
        *("AccountType", "AccountDisplayValue", "OffsetAccountType", "CurrencyCode"),
        *("OffsetAccountDisplayValue", "PaymentId", "dataAreaId"),
    )
    body: dict[str, object] = {name: record[name] for name in copied}
    body |= {"JournalBatchNumber": batch, "CreditAmount": 100}
    await edit(world, "POST", LINE_SETS[0], **body, TransactionDate="2026-10-01T12:00:00Z")
    return batch


async def _delete_receipt(world: World) -> None:
    record = world.dynamics.records(LINE_SETS[0])[0]
    await edit(world, "DELETE", path_of(LINE_SETS[0], record))


def test_an_audit_of_books_that_agree_finds_nothing() -> None:
    async def story(world: World) -> None:
        await _sold(world)
        before = _keys(world)
        await _audit(world)
        assert _keys(world) == before
        assert not [each async for each in _items(world) if "verify" in each]

    live(story, OPTIONS)


async def _items(world: World):  # type: ignore[no-untyped-def]  # noqa: ANN202 - ids of rows
    for row in await world.tables.query("events"):
        yield row.row


def test_a_draft_that_somebody_deleted_is_written_again_once() -> None:
    async def story(world: World) -> None:
        await _sold(world)
        before = _keys(world)
        await _delete_receipt(world)
        assert _keys(world) != before
        await _audit(world)
        assert _keys(world) == before
        await _delete_receipt(world)
        await _audit(world)
        [item] = await parked(world)
        assert item.cause == "deleted_again"
        assert not world.dynamics.records(LINE_SETS[0])

    live(story, OPTIONS)


def test_an_extra_draft_of_a_line_is_deleted() -> None:
    async def story(world: World) -> None:
        await _sold(world)
        before = _keys(world)
        [record] = world.dynamics.records(LINE_SETS[0])
        copied = (
            *("AccountType", "AccountDisplayValue", "OffsetAccountType", "CurrencyCode"),
            *("OffsetAccountDisplayValue", "PaymentId", "JournalBatchNumber", "dataAreaId"),
        )
        body = {name: record[name] for name in copied}
        body |= {"CreditAmount": 100, "TransactionDate": "2026-10-01T12:00:00Z"}
        await edit(world, "POST", LINE_SETS[0], **body)
        assert _keys(world) != before
        await _audit(world)
        assert _keys(world) == before
        assert not await parked(world)

    live(story, OPTIONS)


def test_an_extra_posted_line_is_named_and_not_touched() -> None:
    async def story(world: World) -> None:
        await _sold(world)
        batch = await _copy_receipt(world)
        world.dynamics.post_journals()
        before = _keys(world)
        await _audit(world)
        [item] = await parked(world)
        assert item.cause == "duplicate_posted"
        assert batch in item.text
        assert _keys(world) == before

    live(story, OPTIONS)


def test_a_line_that_was_moved_to_another_journal_is_followed() -> None:
    async def story(world: World) -> None:
        await _sold(world)
        batch = await _copy_receipt(world)
        await _delete_receipt(world)
        await _audit(world)
        assert not await parked(world)
        [moved] = world.dynamics.records(LINE_SETS[0])
        assert moved["JournalBatchNumber"] == batch
        transaction = str(moved["PaymentId"]).split(":", maxsplit=1)[0]
        row = await world.tables.get("links", transaction, "link~gross")
        assert row is not None
        assert batch in str(row.cells["keys"])
        await _audit(world)
        assert sum(_keys(world).values()) == 2

    live(story, OPTIONS)


def test_a_posted_line_that_is_gone_parks_and_is_not_written_again() -> None:
    async def story(world: World) -> None:
        await _sold(world)
        world.dynamics.post_journals()
        await _audit(world)  # sees the journals posted
        [record] = world.dynamics.records(LINE_SETS[0])
        store = world.dynamics._store
        for row in list(store.table(LINE_SETS[0]).values()):
            if row.fields["PaymentId"] == record["PaymentId"]:
                store.delete(row.entity_set, row)
        await _audit(world)
        [item] = await parked(world)
        assert item.cause == "vanished"
        assert not world.dynamics.records(LINE_SETS[0])

    live(story, OPTIONS)


@pytest.mark.parametrize("days", [0, 3])
def test_a_customer_record_is_not_the_audits_business(days: int) -> None:
    async def story(world: World) -> None:
        await _sold(world)
        await rest(world, days * DAY)
        await _audit(world)
        found = [r for r in world.dynamics.records("CustomersV3") if r[CUSTOMER_ID_PROPERTY]]
        assert len(found) == 1

    live(story, OPTIONS)
