"""What no event announces, and what a person must see."""

from decimal import Decimal
from typing import Any

import pytest

from local.summary import summarise
from local.world import World
from tests.world import (
    FEES,
    GENERAL,
    NO_GAPS,
    SUSPENSE,
    booked_and_proved,
    everything,
    gaps,
    lines,
    live,
    parked,
    rest,
    sell,
    stripe_object,
    usd,
)


def _stored(id: str, **changes: Any) -> dict[str, Any]:
    """A balance transaction that nobody announces."""
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": -1_234,
        "available_on": 1_790_900_000,
        "balance_type": "payments",
        "created": 1_790_841_600,  # 2026-10-01 08:00
        "currency": "usd",
        "description": "who knows",
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": -1_234,
        "reporting_category": "ocean_order_purchase",
        "source": None,
        "status": "available",
        "type": "ocean_order_purchase",
        **changes,
    }


async def _sweep(world: World) -> None:
    world.host.fire("sweep_transactions")
    await rest(world)


def test_a_fee_that_stripe_bills_itself_is_found_by_the_sweep() -> None:
    async def story(world: World) -> None:
        txn = world.stripe.bill_fee(250, "usd", "Radar for September")
        await _sweep(world)
        assert lines(world) == {f"{txn}:gross": usd(GENERAL, FEES, "2.50")}
        await booked_and_proved(world)

    live(story)


def test_an_unknown_category_is_booked_on_suspense_and_parked() -> None:
    async def story(world: World) -> None:
        world.stripe.control.store_objects([_stored("txn_odd")])
        await _sweep(world)
        assert lines(world) == {"txn_odd:gross": usd(GENERAL, SUSPENSE, "12.34")}
        (item,) = await parked(world)
        assert (item.object, item.cause) == ("txn_odd", "unsupported_category")
        assert "ocean_order_purchase" in item.text
        assert item.remedy
        assert await gaps(world) == NO_GAPS
        assert not (await summarise(world)).is_clean  # what a demo would end with 1 for
        before = everything(world)
        await _sweep(world)
        assert everything(world) == before

    live(story)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a currency without a book": (_stored("txn_1", currency="sek"), "currency_not_configured"),
    "a balance of its own": (
        _stored("txn_1", balance_type="issuing"),
        "balance_not_configured",
    ),
    "amounts that contradict": (_stored("txn_1", net=-1_233), "inconsistent_transaction"),
    "fees that do not add up": (
        _stored("txn_1", fee=10, net=-1_244, fee_details=[]),
        "inconsistent_transaction",
    ),
    "no fee": (_stored("txn_1", fee=None), "unreadable_object"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_transaction_that_cannot_be_booked_is_parked(name: str) -> None:
    given, cause = REFUSED[name]

    async def story(world: World) -> None:
        world.stripe.control.store_objects([given])
        await _sweep(world)
        assert lines(world) == {}
        (item,) = await parked(world)
        assert (item.object, item.cause) == ("txn_1", cause)
        assert item.remedy

    live(story)


async def _settled_in_usd(world: World, rate: float, currency: str = "eur") -> None:
    """A sale of 100 that Stripe settled as 110 USD, with the rate it tells."""
    charge = sell(world, 10_000, currency)
    settled = _stored(
        "txn_other",
        amount=11_000,
        net=10_700,
        fee=300,
        fee_details=[{"amount": 300, "currency": "usd", "type": "stripe_fee"}],
        exchange_rate=rate,
        reporting_category="charge",
        type="charge",
        source=charge,
    )
    sold = {**stripe_object(world, "charge", charge), "balance_transaction": "txn_other"}
    world.stripe.control.store_objects([settled, sold])
    await _sweep(world)


def test_a_charge_settled_in_another_currency_goes_over_fx_transit() -> None:
    async def story(world: World) -> None:
        await _settled_in_usd(world, 1.1)
        assert await parked(world) == []
        found = lines(world, "txn_other")
        booked = {key: (each.amount, each.currency) for key, each in found.items()}
        assert booked == {
            "txn_other:gross": (Decimal(-100), "EUR"),
            "txn_other:fx": (Decimal(-110), "USD"),
            "txn_other:fee": (Decimal(3), "USD"),
        }
        assert found["txn_other:gross"].offset == "Ledger 110950"

    live(story)


def test_a_charge_whose_exchange_rate_fits_no_amount_is_parked_with_the_reason() -> None:
    async def story(world: World) -> None:
        await _settled_in_usd(world, 1.7)
        items = {item.object: item for item in await parked(world)}
        assert list(items) == ["txn_other"]
        assert items["txn_other"].cause == "settled_in_other_currency"
        assert "EUR" in items["txn_other"].text
        assert "USD" in items["txn_other"].text
        assert lines(world, "txn_other") == {}
        assert (await gaps(world))["usd"] == 10_700

    live(story)
