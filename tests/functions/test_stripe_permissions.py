"""The computed permissions are enough for a month of business, and not one of them is too many."""

import random
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from local.publishing import embedded
from local.stripe.keys import RestrictedKey
from local.transport import PeerTransport
from local.world import Options, World
from shared import bootstrap
from shared.policy import DEFAULT, Catalogue, Customers, Policy, RefundDocument, Refunds
from shared.registry import REGISTRY
from shared.services.setup import Access, StripePermission, events_of, permissions_of
from tests.world import (
    DAY,
    ask,
    booked_and_proved,
    check_out,
    give_back,
    live,
    new_customer,
    rest,
    sell,
)

KEY = "rk_test_exact"
ITEM = {
    "quantity": 1,
    "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Cup"}},
}


def key_of(permissions: Sequence[StripePermission]) -> RestrictedKey:
    read = tuple(
        permission.resource for permission in permissions if permission.access is Access.READ
    )
    write = tuple(
        permission.resource for permission in permissions if permission.access is Access.WRITE
    )
    return RestrictedKey(KEY, read=read, write=write)


def use(world: World, key: RestrictedKey) -> None:
    """From now on the app has this key."""
    world.stripe.issue_key(key)
    settings = world.settings.model_copy(update={"stripe_api_key": SecretStr(key.key)})
    http = httpx.AsyncClient(transport=PeerTransport(world.stripe.asgi, world.clock))
    gateway = bootstrap.stripe_gateway(settings, http, world.clock, random.Random(1))
    world.host.context.run(bootstrap.use, replace(world.app, stripe=gateway))


async def business(world: World) -> None:
    charge = sell(world, 10_000, "usd", new_customer(world))
    disputed = sell(world, 4_000, "usd", new_customer(world))
    await rest(world, DAY)
    give_back(world, charge, 2_500)
    world.stripe.lose_dispute(world.stripe.dispute_charge(disputed))
    await rest(world, 10 * DAY)


def test_the_key_of_receipts_alone_books_a_month() -> None:
    async def story(world: World) -> None:
        use(world, key_of(permissions_of(DEFAULT, REGISTRY)))
        assert (await ask(world, "GET", "ready")).json()["status"] == "ready"
        await business(world)
        await booked_and_proved(world)
        assert (await world.get("payouts"))["payouts"]

    live(story)


def test_the_key_of_orders_books_orders() -> None:
    policy = Policy.model_validate({"sales": [{"when": {"currency": ["eur"]}, "book": "order"}]})
    events = events_of(Policy(catalogue=Catalogue(prices=True)), REGISTRY)  # what the peer sends

    async def story(world: World) -> None:
        use(world, key_of(permissions_of(policy, REGISTRY, events)))
        check_out(world, new_customer(world), [ITEM])
        await business(world)
        await booked_and_proved(world)
        assert world.dynamics.records("SalesOrderLinesV3")

    live(story, Options(documents=embedded()))


@pytest.mark.parametrize(
    "lacking", [permission.resource for permission in permissions_of(DEFAULT, REGISTRY)]
)
def test_without_any_of_them_readiness_says_so(lacking: str) -> None:
    permissions = [
        permission
        for permission in permissions_of(DEFAULT, REGISTRY)
        if permission.resource != lacking
    ]

    async def story(world: World) -> None:
        use(world, key_of(permissions))
        answer = (await ask(world, "GET", "ready")).json()
        problems = [check["problem"] for check in answer["checks"] if check["problem"]]
        assert len(problems) == 1
        assert f"rak_{lacking}_read" in problems[0] or f": {lacking}" in problems[0]

    live(story)


def by_resource(policy: Policy) -> dict[str, Access]:
    return {
        permission.resource: permission.access for permission in permissions_of(policy, REGISTRY)
    }


def test_writing_is_asked_for_only_where_the_policy_writes() -> None:
    assert set(by_resource(DEFAULT).values()) == {Access.READ}
    by_name = by_resource(Policy(customers=Customers(write_back=True)))
    assert [name for name, access in by_name.items() if access is Access.WRITE] == ["customer"]


def test_sessions_and_invoices_are_read_where_a_rule_looks_at_them() -> None:
    assert "checkout_session" not in by_resource(DEFAULT)
    looks = Policy.model_validate(
        {"routes": [{"when": {"metadata": {"shop": ["a"]}}, "company": "demf"}]}
    )
    assert {"checkout_session", "invoice_payment"} <= by_resource(looks).keys()
    of_receipts = Policy(refunds=Refunds(of_receipts=RefundDocument.FREE_TEXT))
    assert "checkout_session" not in by_resource(of_receipts)


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("metadata.charge.a", {"checkout_session", "invoice_payment"}),
        ("metadata.customer.a", set()),
        ("metadata.product.a", {"checkout_session", "invoice_payment", "product"}),
    ],
)
def test_metadata_that_a_mapping_reads_needs_its_permissions(path: str, needed: set[str]) -> None:
    found = [each.resource for each in permissions_of(DEFAULT, REGISTRY, reads={path})]
    assert set(found) - by_resource(DEFAULT).keys() == needed
    everything = Policy(catalogue=Catalogue(products="create", prices=True))
    found = [each.resource for each in permissions_of(everything, REGISTRY, reads={path})]
    assert len(found) == len(set(found))


def test_a_catalogue_needs_its_events_and_reads_its_objects() -> None:
    assert not {"product", "price"} & by_resource(DEFAULT).keys()
    assert not any(event.startswith(("product", "price")) for event in events_of(DEFAULT, REGISTRY))
    policy = Policy(catalogue=Catalogue(products="create", prices=True))
    assert {"product", "price"} <= by_resource(policy).keys()
    everything = [type for entity in REGISTRY.entities for type in entity.event_types]
    assert list(events_of(policy, REGISTRY)) == everything
