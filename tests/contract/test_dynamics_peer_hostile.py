"""The Dynamics peer: whatever is written to the sets of order to cash, it answers and goes on."""

import random
from typing import Any

import pytest

from local.dynamics.odata.schema import tenant_schema
from local.dynamics.tables.traits import TRAITS
from tests.contract.test_dynamics_peer_rig import (
    INVOICE,
    INVOICE_LINE,
    ORDER,
    ORDER_LINE,
    World,
    virtual,
)

GOOD: dict[str, dict[str, Any]] = {
    "SalesOrderHeadersV2": ORDER,
    "SalesOrderLinesV3": ORDER_LINE | {"SalesOrderNumber": "SO-000001"},
    "CDSFreeTextInvoiceHeaders": INVOICE,
    "CDSFreeTextInvoiceLines": INVOICE_LINE,
    "ReturnOrderHeadersV2": {
        "dataAreaId": "usmf",
        "CustomerAccountNumber": "US-001",
        "CurrencyCode": "USD",
    },
    "ReturnOrderLinesV2": {
        "dataAreaId": "usmf",
        "ReturnOrderNumber": "RO-000001",
        "ItemNumber": "D0001",
        "ReturnSalesQuantity": -1,
    },
    "ReleasedProductCreationsV2": {
        "dataAreaId": "usmf",
        "ItemNumber": "new",
        "ProductName": "new",
        "ProductType": "Service",
        "ProductGroupId": "SERVICES",
        "ItemModelGroupId": "SERVICE",
        "StorageDimensionGroupName": "NONE",
        "TrackingDimensionGroupName": "None",
        "InventoryUnitSymbol": "ea",
    },
    "OpenTradeAgreementJournalHeadersV2": {
        "dataAreaId": "usmf",
        "TradeAgreementJournalNameId": "STRPRICE",
    },
    "OpenSalesPriceJournalLinesV2": {
        "dataAreaId": "usmf",
        "TradeAgreementJournalNumber": "TA-000001",
        "ItemNumber": "D0001",
        "PriceCurrencyCode": "USD",
        "QuantityUnitSymbol": "ea",
        "Price": 1,
    },
}
HOSTILE: dict[str, tuple[Any, ...]] = {
    "String": ("", "x" * 2_000, "\\", "-", "a\\-b", "'", "*", "\u202e", "SO-000001", "\n"),
    "Decimal": (0, -1, 10**25, -(10**25), 1e-6, 0.1 + 0.2, -0.0),
    "Int32": (0, -1, 2**31 - 1),
    "Int64": (0, -1, 2**63 - 1),
    "DateTimeOffset": ("9999-12-31", "1753-01-01", "1900-01-01", None),
}
ODD: tuple[Any, ...] = (None, True, [], {}, "x", 1)


@pytest.mark.parametrize("name", GOOD)
@virtual
async def test_no_value_of_any_property_crashes_the_peer(world: World, name: str) -> None:
    rng = random.Random(name)
    for header in ("SalesOrderHeadersV2", "CDSFreeTextInvoiceHeaders", "ReturnOrderHeadersV2"):
        await world.made(header, GOOD[header])
    await world.made(
        "OpenTradeAgreementJournalHeadersV2", GOOD["OpenTradeAgreementJournalHeadersV2"]
    )
    entity_set = tenant_schema().set_of(name)
    made = 0
    for number in range(120):
        property_name = rng.choice(list(entity_set.properties))
        values = HOSTILE.get(entity_set.properties[property_name], ())
        value = rng.choice((*values, *values, *ODD))
        fresh = {n: f"h{number}" for n in ("ExternalInvoiceId", "ItemNumber") if n in GOOD[name]}
        own = name in ("CDSFreeTextInvoiceHeaders", "ReleasedProductCreationsV2")
        body = GOOD[name] | (fresh if own else {}) | {property_name: value}
        response = await world.post(name, body)
        assert response.status_code in (201, 400, 501), (property_name, value)
        made += response.status_code == 201
    assert made > 10
    world.peer.run_jobs()
    assert sum(line.accounting_amount for line in world.peer.ledger().posted) == 0


def test_every_size_and_relation_of_a_trait_names_a_property() -> None:
    for name, trait in TRAITS.items():
        known = tenant_schema().set_of(name).properties
        named = (*trait.mandatory, *trait.assigned, *trait.fixed, *trait.sizes, *trait.related)
        assert [each for each in named if each not in known] == [], name
        assert [
            target for target in trait.related.values() if target not in tenant_schema().sets
        ] == []
