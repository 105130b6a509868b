"""Fetching an object that Stripe no longer has: deleted, or asked of the wrong account."""

from dataclasses import replace

import pytest

from shared.converge.reading import fetch
from shared.entities.common.objects import Context
from shared.entities.making import FetchedObject
from shared.errors import ObjectMissing
from shared.ports import StripeGateway
from shared.registry import REGISTRY
from tests.unit.entities.objects import CONTEXT, Json
from tests.unit.services.fakes import FakeStripe


async def test_the_row_says_what_its_documents_need_besides() -> None:
    async def read(stripe: StripeGateway, coupon: Json, context: Context) -> FetchedObject:
        del context
        product = await stripe.retrieve("product", str(coupon["applies_to"]))
        return FetchedObject({**coupon, "seen": True}, {"product": product})

    price = REGISTRY.named("price")
    making = replace(price.making(), read=read)
    entity = replace(price, name="coupon", making=lambda: making)
    coupon = {"id": "SPRING", "object": "coupon", "applies_to": "prod_1"}
    stripe = FakeStripe(coupon, {"id": "prod_1", "object": "product"})
    snapshot = await fetch(stripe, entity, "SPRING", CONTEXT)
    assert snapshot.object == {**coupon, "seen": True}
    assert snapshot.related["product"]["id"] == "prod_1"


def deletion(number: int, type: str, object: str, id: str) -> Json:
    data = {"object": {"id": id, "object": object}}
    return {"id": f"evt_{number}", "object": "event", "type": type, "created": 1, "data": data}


@pytest.mark.parametrize(("name", "id"), [("product", "prod_1"), ("price", "price_1")])
async def test_a_missing_object_is_deleted_when_an_event_of_any_page_says_so(
    name: str, id: str
) -> None:
    others = [deletion(n, f"{name}.deleted", name, f"{id}{n}") for n in range(150)]
    stripe = FakeStripe(*others, deletion(200, f"{name}.deleted", name, id))
    found = await fetch(stripe, REGISTRY.named(name), id, CONTEXT)
    assert found.object == {"id": id, "object": name, "deleted": True}


@pytest.mark.parametrize(
    ("name", "id", "events"),
    [
        ("product", "prod_1", ()),
        ("product", "prod_1", (deletion(1, "product.deleted", "product", "prod_2"),)),
        ("product", "prod_1", (deletion(1, "product.updated", "product", "prod_1"),)),
        ("price", "price_1", (deletion(1, "product.deleted", "product", "price_1"),)),
        ("charge", "ch_1", (deletion(1, "charge.deleted", "charge", "ch_1"),)),
    ],
)
async def test_an_object_that_no_event_calls_deleted_is_missing(
    name: str, id: str, events: tuple[Json, ...]
) -> None:
    with pytest.raises(ObjectMissing):
        await fetch(FakeStripe(*events), REGISTRY.named(name), id, CONTEXT)
