"""Charges that Stripe settled in the accounting currency leave nothing on transit."""

from decimal import Decimal
from typing import Any

import pytest

from local.world import World
from tests.world import lines, live, parked, rest, sell, stripe_object

TRANSIT = "110950"


def _settled(id: str, charge: str, amount: int, rate: float) -> dict[str, Any]:
    """A balance transaction in USD that nobody announces."""
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": 1_790_900_000,
        "balance_type": "payments",
        "created": 1_790_841_600,  # 2026-10-01 08:00
        "currency": "usd",
        "description": None,
        "exchange_rate": rate,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": "charge",
        "source": charge,
        "status": "available",
        "type": "charge",
    }


async def _sold(world: World, id: str, charged: int, currency: str, settled: int) -> None:
    charge = sell(world, charged, currency)
    sold = {**stripe_object(world, "charge", charge), "balance_transaction": id}
    world.stripe.control.store_objects([_settled(id, charge, settled, settled / charged), sold])


async def _posted(world: World) -> None:
    world.host.fire("sweep_transactions")
    await rest(world)
    assert await parked(world) == []
    world.dynamics.post_journals()


def _on_transit(world: World) -> tuple[dict[str, Decimal], Decimal]:
    """What stands on `fx_transit`: by currency, and in the accounting currency."""
    ledger = world.dynamics.ledger()
    assert ledger.drafts == ()
    found = [line for line in ledger.posted if line.main_account == TRANSIT]
    by_currency = dict.fromkeys((line.currency for line in found), Decimal(0))
    for line in found:
        by_currency[line.currency] += line.amount
    return by_currency, sum((line.accounting_amount for line in found), Decimal(0))


@pytest.mark.parametrize(
    ("charged", "currency", "settled"),
    [(3_333, "gbp", 4_123), (100_001, "jpy", 66_667), (9_999, "gbp", 13_001)],
)
def test_transit_is_empty_in_the_accounting_currency_once_all_is_posted(
    charged: int, currency: str, settled: int
) -> None:
    async def story(world: World) -> None:
        await _sold(world, "txn_fx", charged, currency, settled)
        await _posted(world)
        by_currency, left = _on_transit(world)
        assert by_currency["USD"] == -Decimal(settled) / 100
        assert by_currency[currency.upper()] > 0
        assert left == 0
        assert lines(world, "txn_fx")["txn_fx:gross"].currency == currency.upper()

    live(story)
