"""Adding an entity: a Stripe object that the product does not know, brought along by this test."""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, ClassVar

import httpx
import pytest

from local.tables import MemoryTables
from local.world import Options, World
from shared import bootstrap
from shared.domain.documents import Attribute, CreateOrFind, Document, Fact, Follows
from shared.entities.common.objects import Context, Desired, Snapshot, text
from shared.entities.entity import Entity
from shared.entities.making import Making
from shared.errors import StorageUnavailable
from shared.mapping.problems import MappingRefused
from shared.ports import Row
from shared.registry import ENTITIES
from shared.stores.item import Item, ItemKind
from shared.targets.entity_set import EntitySets, entity_set
from shared.targets.finance import FINANCE
from tests.world import (
    HOUR,
    MINUTE,
    Json,
    booked_and_proved,
    deliver,
    encoded,
    live,
    parked,
    rest,
)

SET = "CustomerGroups"


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponGroup(Document):
    """A group of customers that a coupon is for."""

    template: ClassVar[str] = "coupon_group"

    coupon: Annotated[str, Fact("the Stripe id")]
    name: Annotated[str, Attribute("what the coupon is called")]


TEMPLATE = f"""
kind: template
name: coupon_group
entity: {SET}
key: CustomerGroupId

fields:
  Description: {{from: name, do: [{{max: 60}}]}}
  PaymentTermId: {{value: Net30}}
"""


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The group of a coupon in each company."""
    groups = (
        CouponGroup(
            role=f"group~{company}",
            company=company,
            key=snapshot.id,
            action=CreateOrFind(),
            later=Follows(),
            coupon=snapshot.id,
            name=text(snapshot.object, "name"),
        )
        for company in context.books.companies
    )
    return Desired(tuple(groups))


COUPON = Entity(
    name="coupon",
    queue="catalogue",
    object="coupon",
    event_types=("coupon.created", "coupon.updated"),
    making=lambda: Making(build, documents=(CouponGroup,)),
)
GROUPS = entity_set(
    SET,
    enums=FINANCE.enums,
    keys=("CustomerGroupId",),
    sizes="CustomerGroupId:10 Description:60 PaymentTermId:10",
    mandatory="Description",
    protected={"key": "CustomerGroupId dataAreaId"},
)
SETS = EntitySets(MappingProxyType({**FINANCE.rows, SET: GROUPS}), FINANCE.enums)
WITH_COUPONS = Options(
    entities=(*ENTITIES, COUPON),
    templates=(("coupon_group.yaml", TEMPLATE),),
    entity_sets=SETS,
)


def new_coupon(world: World, id: str = "SPRING", **params: object) -> Json:
    given = {"id": id, "name": "Spring sale", "amount_off": 500, "currency": "usd", **params}
    return world.stripe.request("POST", "/v1/coupons", given)


def groups(world: World, id: str = "SPRING") -> dict[str, str]:
    """The description of a coupon's group, by company; fails where a company has it twice."""
    rows = [row for row in world.dynamics.records(SET) if row["CustomerGroupId"] == id]
    found = {str(row["dataAreaId"]): str(row["Description"]) for row in rows}
    assert len(found) == len(rows)
    return found


def events_of(world: World, type: str) -> list[Json]:
    return [event for event in world.stripe.objects("event") if event["type"] == type]


def test_an_entity_of_the_test_tree_converges() -> None:
    async def story(world: World) -> None:
        new_coupon(world)
        await rest(world)
        companies = world.settings.books.companies
        assert groups(world) == dict.fromkeys(companies, "Spring sale")
        await booked_and_proved(world)

    live(story, WITH_COUPONS)


def test_its_record_is_there_once_after_a_duplicate_event() -> None:
    async def story(world: World) -> None:
        new_coupon(world)
        await rest(world)
        before, (event,) = world.dynamics.records(SET), events_of(world, "coupon.created")
        again = [event, {**event, "id": "evt_again"}]
        answers = [await deliver(world, encoded(each)) for each in again]
        assert [answer.status_code for answer in answers] == [httpx.codes.ACCEPTED] * 2
        await rest(world)
        assert world.dynamics.records(SET) == before
        assert await parked(world) == []

    live(story, WITH_COUPONS)


def test_it_follows_its_object() -> None:
    """The stored documents are read again, and the record is changed by its keys."""

    async def story(world: World) -> None:
        new_coupon(world)
        await rest(world)
        world.stripe.request("POST", "/v1/coupons/SPRING", {"name": "Easter sale"})
        await rest(world)
        assert groups(world) == dict.fromkeys(world.settings.books.companies, "Easter sale")
        await booked_and_proved(world)

    live(story, WITH_COUPONS)


def test_it_is_written_once_though_answers_are_lost() -> None:
    async def story(world: World) -> None:
        world.dynamics.faults.error_after_commit = 1
        new_coupon(world)
        await world.clock.sleep(10)
        world.dynamics.faults.error_after_commit = 0
        assert groups(world)
        await rest(world, HOUR)
        assert groups(world) == dict.fromkeys(world.settings.books.companies, "Spring sale")
        await booked_and_proved(world)

    live(story, WITH_COUPONS)


def test_its_item_parks_and_is_retried() -> None:
    async def story(world: World) -> None:
        new_coupon(world, "FAR-TOO-LONG")
        await rest(world)
        (item,) = await parked(world)
        assert (item.object, item.cause) == ("FAR-TOO-LONG", "value_too_long")
        inbox = world.app.inbox()
        found = [each async for each in inbox.each()]
        assert [(each.entity, each.queue) for each in found] == [("coupon", "catalogue")]
        assert await inbox.retry(found) == 1

    live(story, WITH_COUPONS)


class BrokenTables(MemoryTables):
    """Table storage that is away while `away` is set."""

    away = True

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        if self.away:
            raise StorageUnavailable("away")
        return await super().get(table, partition, row)


def test_its_dead_letters_are_parked_as_its_own() -> None:
    async def story(world: World) -> None:
        tables = world.tables = BrokenTables()
        world.host.context.run(bootstrap.use, replace(world.app, tables=tables))
        new_coupon(world)
        for _ in range(120):  # ten deliveries, each perhaps as long as its lock
            await world.clock.sleep(MINUTE)
            if world.broker.depth("catalogue").dead:
                break
        tables.away = False
        await rest(world, 10 * MINUTE)
        (found,) = await parked(world)
        assert (found.object, found.cause) == ("SPRING", "dead_letter")

    live(story, WITH_COUPONS)


def test_its_records_are_verified_in_their_own_entity_set() -> None:
    async def story(world: World) -> None:
        new_coupon(world)
        await rest(world)
        item = Item("verify-SPRING", "", "coupon", "SPRING", kind=ItemKind.VERIFY)
        await world.app.queue.send("catalogue", [item.message(0)])
        await rest(world)
        assert await parked(world) == []
        assert groups(world) == dict.fromkeys(world.settings.books.companies, "Spring sale")

    live(story, WITH_COUPONS)


MAPPING = """
kind: mapping
name: coupons
extends: coupon_group
fields:
  Description: {value: A coupon}
"""


def test_a_mapping_of_its_template_is_previewed_and_published() -> None:
    async def story(world: World) -> None:
        new_coupon(world)
        await rest(world)
        service = world.app.publish()
        candidate = await service.submit([("coupons.yaml", MAPPING)], "Ada")
        previewed = await service.preview(candidate.set, "Ada")
        assert sum(previewed.preview.counts.values()) > 0
        await service.publish(candidate.set, "Ada", "shorter")
        await rest(world)
        world.stripe.request("POST", "/v1/coupons/SPRING", {"name": "Easter sale"})
        await rest(world)
        assert groups(world) == dict.fromkeys(world.settings.books.companies, "A coupon")

    live(story, WITH_COUPONS)


def test_the_product_alone_does_not_know_it() -> None:
    """And adding it here changed nothing of the product."""

    async def story(world: World) -> None:
        event = new_coupon(world)
        await rest(world)
        answer = await deliver(world, encoded(events_of(world, "coupon.created")[0]))
        assert answer.json()["message"] == "nothing to do: unknown_type", event
        assert groups(world) == {}

    live(story, Options())


def test_an_entity_without_its_template_is_refused() -> None:
    with pytest.raises(MappingRefused, match="coupon_group"):
        live(_nothing, replace(WITH_COUPONS, templates=()))


def test_a_template_of_an_unknown_entity_set_is_refused() -> None:
    with pytest.raises(MappingRefused, match="coupon_group"):
        live(_nothing, replace(WITH_COUPONS, entity_sets=FINANCE))


async def _nothing(world: World) -> None:
    raise AssertionError(f"{world} was opened")
