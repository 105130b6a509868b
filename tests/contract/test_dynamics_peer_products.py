"""The Dynamics peer: products, releases, sales prices and their journals."""

from typing import Any

import pytest

from tests.contract.test_dynamics_peer_rig import World, infolog, virtual

CREATIONS, PRODUCTS, RELEASED = "ReleasedProductCreationsV2", "ProductsV2", "ReleasedProductsV2"
HEADERS, LINES = "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"
AGREEMENTS = "SalesPriceAgreements"
PRODUCT = {
    "dataAreaId": "usmf",
    "ItemNumber": "prod_1",
    "ProductNumber": "prod_1",
    "ProductName": "Gold plan",
    "ProductType": "Service",
    "ProductGroupId": "SERVICES",
    "ItemModelGroupId": "SERVICE",
    "StorageDimensionGroupName": "NONE",
    "TrackingDimensionGroupName": "None",
    "InventoryUnitSymbol": "ea",
}
PRICE = {
    "dataAreaId": "usmf",
    "TradeAgreementJournalNumber": "TA-000001",
    "ItemNumber": "STRIPE-SALE",
    "PriceCurrencyCode": "USD",
    "QuantityUnitSymbol": "ea",
    "Price": 9.99,
}
JOURNAL = {"dataAreaId": "usmf", "TradeAgreementJournalNameId": "STRPRICE"}
LINE = f"{LINES}(dataAreaId='usmf',TradeAgreementJournalNumber='TA-000001',LineNumber=1)"


@virtual
async def test_both_companies_have_the_products_that_orders_need(world: World) -> None:
    for company in ("usmf", "demf"):
        items = [row["ItemNumber"] for row in world.peer.records(RELEASED, company)]
        services = ["STRIPE-SALE", "STRIPE-SHIP", "STRIPE-TAX", "STRIPE-ROUND"]
        assert items == [*services, "D0001", "D0003", "T-SHIRT"]
    names = [row["ProductNumber"] for row in world.peer.records(PRODUCTS)]
    assert names == [row["ItemNumber"] for row in world.peer.records(RELEASED, "usmf")]


@virtual
async def test_one_post_creates_the_product_and_its_release(world: World) -> None:
    record = await world.made(CREATIONS, PRODUCT)
    assert (record["SearchName"], record["SalesUnitSymbol"]) == ("Gold plan", "ea")
    assert record["ProductSubType"] == "Product"
    key = "(dataAreaId='usmf',ItemNumber='prod_1')"
    released = (await world.get(f"{RELEASED}{key}")).json()
    assert (released["ProductNumber"], released["ProductType"]) == ("prod_1", "Service")
    assert (released["ProductGroupId"], released["SalesPriceQuantity"]) == ("SERVICES", 1)
    assert "ProductName" not in released
    shared = (await world.get(f"{PRODUCTS}('prod_1')")).json()
    assert shared["ProductName"] == "Gold plan"
    await world.order({"ItemNumber": "prod_1"})
    assert world.one("SalesOrderLinesV3")["LineDescription"] == "Gold plan"


@virtual
async def test_a_product_of_one_company_can_be_released_in_the_other(world: World) -> None:
    await world.made(CREATIONS, PRODUCT)
    await world.made(CREATIONS, PRODUCT | {"dataAreaId": "demf", "ProductName": "Goldplan"})
    assert len(world.peer.records(PRODUCTS)) == 8
    assert world.peer.records(PRODUCTS)[-1]["ProductName"] == "Gold plan", "it is one product"
    other = PRODUCT | {"dataAreaId": "demf", "ItemNumber": "prod_2", "ProductType": "Item"}
    response = await world.post(CREATIONS, other | {"StorageDimensionGroupName": "SiteWH"})
    assert "Product prod_1 exists already with ProductType Service." in infolog(response)


@pytest.mark.parametrize("given", ["ItemNumber", "ProductNumber"])
@virtual
async def test_one_of_the_two_numbers_is_enough(world: World, given: str) -> None:
    body = {n: v for n, v in PRODUCT.items() if n not in ("ItemNumber", "ProductNumber")}
    record = await world.made(CREATIONS, body | {given: "prod_9"})
    assert (record["ItemNumber"], record["ProductNumber"]) == ("prod_9", "prod_9")
    assert "Field 'Item number' must be filled in." in infolog(await world.post(CREATIONS, body))


CREATION_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"ProductName": ""}, "Field 'Product name' must be filled in."),
    ({"ProductGroupId": ""}, "Field 'Item group' must be filled in."),
    ({"ProductGroupId": "NOTHING"}, "related table 'Item groups'"),
    ({"ItemModelGroupId": None}, "Field 'Item model group' must be filled in."),
    ({"ItemModelGroupId": "LIFO"}, "related table 'Item model groups'"),
    ({"StorageDimensionGroupName": ""}, "must be filled in."),
    ({"StorageDimensionGroupName": "Cellar"}, "related table 'Storage dimension groups'"),
    ({"TrackingDimensionGroupName": "All"}, "related table 'Tracking dimension groups'"),
    ({"InventoryUnitSymbol": ""}, "Field 'Inventory unit' must be filled in."),
    ({"SalesUnitSymbol": "mile"}, "related table 'Units'"),
    ({"ItemNumber": "x" * 21}, "longer than the 20 characters"),
    ({"ProductName": "x" * 61}, "longer than the 60 characters"),
    ({"ItemNumber": "D0001"}, "Item number: D0001. The record already exists."),
    ({"dataAreaId": "xxxx"}, "Company 'xxxx' does not exist."),
]


@pytest.mark.parametrize(("change", "text"), CREATION_REFUSALS)
@virtual
async def test_a_product_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    before = [len(world.peer.records(name)) for name in (CREATIONS, PRODUCTS, RELEASED)]
    assert text in infolog(await world.post(CREATIONS, PRODUCT | change))
    assert [len(world.peer.records(name)) for name in (CREATIONS, PRODUCTS, RELEASED)] == before


@virtual
async def test_a_product_without_a_type_is_refused(world: World) -> None:
    body = {n: v for n, v in PRODUCT.items() if n != "ProductType"}
    assert "Field 'Product type' must be filled in." in infolog(await world.post(CREATIONS, body))


@virtual
async def test_what_the_peer_does_not_do_with_products_is_refused_loudly(world: World) -> None:
    master = PRODUCT | {"ProductSubType": "ProductMaster"}
    creation = f"{CREATIONS}(dataAreaId='usmf',ItemNumber='D0001')"
    responses = [
        await world.post(CREATIONS, master),
        await world.patch(creation, ProductName="x"),
        await world.delete(creation),
        await world.post(RELEASED, {"dataAreaId": "usmf", "ItemNumber": "x"}),
        await world.delete(f"{RELEASED}(dataAreaId='usmf',ItemNumber='D0001')"),
        await world.post(PRODUCTS, {"ProductNumber": "x"}),
        await world.delete(f"{PRODUCTS}('D0001')"),
    ]
    assert [response.status_code for response in responses] == [501] * 7


@virtual
async def test_names_and_prices_change_where_they_live(world: World) -> None:
    change = {"ProductName": "Loudspeaker", "ProductDescription": "Loud."}
    assert (await world.patch(f"{PRODUCTS}('D0001')", **change)).status_code == 204
    empty = await world.patch(f"{PRODUCTS}('D0001')", ProductName="")
    assert "Field 'Product name' must be filled in." in infolog(empty)
    item = f"{RELEASED}(dataAreaId='usmf',ItemNumber='D0001')"
    assert (await world.patch(item, SalesPrice=5, SearchName="loud")).status_code == 204
    for wrong, text in (
        ({"SalesPrice": -1}, "Negative prices are not allowed."),
        ({"ProductType": "Service"}, "Field 'Product type' does not allow editing."),
        ({"ProductGroupId": "NOTHING"}, "related table 'Item groups'"),
    ):
        assert text in infolog(await world.patch(item, **wrong))
    assert world.peer.records(RELEASED, "demf")[4]["SalesPrice"] == 0


@virtual
async def test_a_price_is_journalised_posted_and_then_in_force(world: World) -> None:
    header = await world.made(HEADERS, JOURNAL)
    assert (header["JournalNumber"], header["JournalDescription"]) == ("TA-000001", "Stripe prices")
    assert header["DefaultTradeAgreementType"] == "PriceSales"
    line = await world.made(LINES, PRICE | {"PriceApplicableFromDate": "2026-07-01"})
    assert (line["LineNumber"], line["SalesPriceQuantity"]) == (1, 1)
    assert (await world.patch(LINE, Price=12.5)).status_code == 204
    assert world.peer.records(AGREEMENTS) == []
    [result] = world.peer.post_price_journals()
    assert (result.document, result.posted) == ("TA-000001", True)
    agreement = world.one(AGREEMENTS)
    assert (agreement["ItemNumber"], str(agreement["Price"])) == ("STRIPE-SALE", "12.5")
    assert (agreement["QuantityUnitySymbol"], agreement["ProductNumber"]) == ("ea", "STRIPE-SALE")
    rows = await world.rows(AGREEMENTS, _filter="ItemNumber eq 'STRIPE-SALE'")
    assert [row["PriceApplicableFromDate"] for row in rows] == ["2026-07-01T12:00:00Z"]
    assert (await world.get(LINE)).status_code == 404, "posted journals are not open"
    assert world.peer.records(HEADERS) == []
    assert world.peer.post_price_journals() == []
    assert (await world.post(AGREEMENTS, {"dataAreaId": "usmf"})).status_code == 405


@virtual
async def test_the_same_price_once_more_replaces_the_first(world: World) -> None:
    for price in (9.99, 11):
        number = (await world.made(HEADERS, JOURNAL))["JournalNumber"]
        body = PRICE | {"TradeAgreementJournalNumber": number}
        await world.made(LINES, body | {"Price": price})
        await world.made(LINES, body | {"PriceCurrencyCode": "EUR"})
        world.peer.post_price_journals("usmf")
    prices = [
        (row["PriceCurrencyCode"], str(row["Price"])) for row in world.peer.records(AGREEMENTS)
    ]
    assert prices == [("USD", "11"), ("EUR", "9.99")]


PRICE_REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    (HEADERS, {"TradeAgreementJournalNameId": ""}, "Field 'Name' must be filled in."),
    (
        HEADERS,
        {"TradeAgreementJournalNameId": "X"},
        "related table 'Trade agreement journal names'",
    ),
    (HEADERS, {"JournalNumber": "TA-000001"}, "The record already exists."),
    (LINES, {"TradeAgreementJournalNumber": "TA-9"}, "related table 'Price/discount journal'"),
    (LINES, {"ItemNumber": ""}, "Field 'Item number' must be filled in."),
    (LINES, {"ItemNumber": "NOTHING"}, "related table 'Released products'"),
    (LINES, {"PriceCurrencyCode": None}, "Field 'Currency' must be filled in."),
    (LINES, {"PriceCurrencyCode": "XXX"}, "related table 'Currencies'"),
    (LINES, {"QuantityUnitSymbol": ""}, "Field 'Unit' must be filled in."),
    (LINES, {"QuantityUnitSymbol": "mile"}, "related table 'Units'"),
    (LINES, {"CustomerAccountNumber": "US-999"}, "related table 'Customers'"),
    (LINES, {"Price": -1}, "Negative prices are not allowed."),
    (LINES, {"SalesPriceQuantity": -1}, "Price quantity must be greater than zero."),
    (LINES, {"FromQuantity": 5, "ToQuantity": 5}, "The 'to' quantity must be greater"),
    (
        LINES,
        {"PriceApplicableFromDate": "2026-07-02", "PriceApplicableToDate": "2026-07-01"},
        "The 'to' date must not be before the 'from' date.",
    ),
]


@pytest.mark.parametrize(("entity_set", "change", "text"), PRICE_REFUSALS)
@virtual
async def test_a_price_fo_would_refuse_is_refused(
    world: World, entity_set: str, change: dict[str, Any], text: str
) -> None:
    await world.made(HEADERS, JOURNAL)
    body = JOURNAL if entity_set == HEADERS else PRICE
    assert text in infolog(await world.post(entity_set, body | change))


@virtual
async def test_price_journals_take_and_lose_lines_until_they_are_posted(world: World) -> None:
    await world.made(HEADERS, JOURNAL)
    await world.made(LINES, PRICE)
    header = f"{HEADERS}(dataAreaId='usmf',JournalNumber='TA-000001')"
    text = "Journal TA-000001 cannot be deleted because lines exist."
    assert text in infolog(await world.delete(header))
    assert "Negative prices" in infolog(await world.patch(LINE, Price=-1))
    assert (await world.delete(LINE)).status_code == 204
    assert world.peer.post_price_journals() == [], "nothing to post"
    assert (await world.delete(header)).status_code == 204


@virtual
async def test_prices_the_peer_does_not_know_are_refused_loudly(world: World) -> None:
    discount = JOURNAL | {"DefaultTradeAgreementType": "LineDiscSales"}
    assert (await world.post(HEADERS, discount)).status_code == 501
    await world.made(HEADERS, JOURNAL)
    group = PRICE | {"PriceCustomerGroupCode": "VIP"}
    assert (await world.post(LINES, group)).status_code == 501
