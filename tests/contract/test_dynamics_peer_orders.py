"""The Dynamics peer: sales orders as they are written, changed and cancelled."""

import asyncio
from typing import Any

import pytest

from local.dynamics import DynamicsFaults
from tests.contract.test_dynamics_peer_rig import (
    ORDER,
    ORDER_LINE,
    World,
    infolog,
    refusal,
    virtual,
)

HEADERS, LINES = "SalesOrderHeadersV2", "SalesOrderLinesV3"
HEADER = "SalesOrderHeadersV2(dataAreaId='usmf',SalesOrderNumber='SO-000001')"
LINE = "SalesOrderLinesV3(dataAreaId='usmf',InventoryLotId='LOT-000001')"


def totals(world: World) -> tuple[str, str, str]:
    header = world.one(HEADERS)
    names = ("SalesOrderStatus", "OrderTotalAmount", "OrderTotalDiscountAmount")
    return tuple(str(header[name]) for name in names)  # type: ignore[return-value]


@virtual
async def test_a_header_gets_its_number_and_defaults(world: World) -> None:
    record = await world.made(HEADERS, ORDER)
    assert record["SalesOrderNumber"] == "SO-000001"
    assert record["InvoiceCustomerAccountNumber"] == "US-001"
    assert record["SalesOrderStatus"] == "Backorder"
    assert record["SalesOrderProcessingStatus"] == "Active"
    assert record["SalesOrderName"] == "Sample customer 1"
    assert record["LanguageId"] == "en-US"
    assert record["OrderTotalAmount"] == 0
    assert record["OrderCreationDateTime"] == "2026-07-01T09:00:00Z"
    second = await world.made(HEADERS, ORDER)
    assert second["SalesOrderNumber"] == "SO-000002", "the customer's reference is not unique"


@virtual
async def test_each_company_counts_its_orders_apart(world: World) -> None:
    assert await world.order() == "SO-000001"
    german = {"dataAreaId": "demf", "OrderingCustomerAccountNumber": "DE-001"}
    assert await world.order(**german) == "SO-000001"


@virtual
async def test_an_order_is_invoiced_to_the_customers_invoice_account(world: World) -> None:
    path = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"
    await world.patch(path, InvoiceAccount="US-002")
    record = await world.made(HEADERS, ORDER)
    assert record["InvoiceCustomerAccountNumber"] == "US-002"


HEADER_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"OrderingCustomerAccountNumber": None}, "Field 'Customer account' must be filled in."),
    ({"OrderingCustomerAccountNumber": "US-999"}, "related table 'Customers'"),
    ({"OrderingCustomerAccountNumber": "DE-001"}, "related table 'Customers'"),
    ({"InvoiceCustomerAccountNumber": "US-999"}, "related table 'Customers'"),
    ({"CurrencyCode": ""}, "Field 'Currency' must be filled in."),
    ({"CurrencyCode": "XXX"}, "related table 'Currencies'"),
    ({"CustomersOrderReference": "x" * 61}, "longer than the 60 characters"),
    ({"CustomerRequisitionNumber": "x" * 21}, "longer than the 20 characters"),
    ({"CustomerPaymentMethodName": "CASH"}, "related table 'Customer payment method'"),
    ({"DefaultShippingWarehouseId": "99"}, "related table 'Warehouses'"),
    ({"SalesTaxGroupCode": "CA"}, "related table 'TaxGroups'"),
    ({"SalesOrderStatus": "Invoiced"}, "Field 'Status' does not allow editing on create."),
    ({"OrderTotalAmount": 5}, "Field 'Total' does not allow editing on create."),
    ({"OrderTotalTaxAmount": 5}, "does not allow editing on create."),
    ({"OrderTotalDiscountAmount": 5}, "does not allow editing on create."),
    ({"dataAreaId": "xxxx"}, "Company 'xxxx' does not exist."),
]


@pytest.mark.parametrize(("change", "text"), HEADER_REFUSALS)
@virtual
async def test_a_header_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    response = await world.post(HEADERS, ORDER | change)
    assert response.status_code == 400
    assert text in infolog(response)
    assert world.peer.records(HEADERS) == []


@virtual
async def test_a_number_of_its_own_must_be_free_and_allowed(world: World) -> None:
    assert await world.order(SalesOrderNumber="MINE-1") == "MINE-1"
    again = await world.post(HEADERS, ORDER | {"SalesOrderNumber": "mine-1"})
    assert (
        "Cannot create a record in Sales orders (SalesTable). Sales order: mine-1. The record "
        "already exists." in infolog(again)
    )
    world.peer.settings.manual_numbers = False
    response = await world.post(HEADERS, ORDER | {"SalesOrderNumber": "MINE-2"})
    assert "does not allow manual numbers" in infolog(response)


@pytest.mark.parametrize("change", [{"TotalDiscountPercentage": 5}, {"FixedExchangeRate": 90}])
@virtual
async def test_what_the_peer_cannot_price_is_refused_loudly(
    world: World, change: dict[str, Any]
) -> None:
    assert (await world.post(HEADERS, ORDER | change)).status_code == 501


@pytest.mark.parametrize("status", ["Invoice", "All"])
@virtual
async def test_a_customer_on_hold_takes_no_orders(world: World, status: str) -> None:
    world.peer.block_customer("usmf", "US-002", status)
    ordering = await world.post(HEADERS, ORDER | {"OrderingCustomerAccountNumber": "US-002"})
    assert "Customer US-002 is on hold for" in infolog(ordering)
    paying = {"InvoiceCustomerAccountNumber": "US-002"}
    assert "is on hold" in infolog(await world.post(HEADERS, ORDER | paying))
    await world.order()
    assert "is on hold" in infolog(await world.patch(HEADER, **paying))
    world.peer.block_customer("usmf", "US-002", "Payment")
    assert (await world.patch(HEADER, **paying)).status_code == 204


@virtual
async def test_a_hold_for_invoices_may_let_orders_in_and_stop_their_invoice(world: World) -> None:
    world.peer.settings.invoice_hold_refuses_orders = False
    world.peer.block_customer("usmf", "US-001", "Invoice")
    await world.order({})
    [result] = world.peer.invoice_orders()
    assert (result.posted, result.number) == (False, "")
    assert result.reasons == ("Customer US-001 is on hold for invoices.",)
    world.peer.block_customer("usmf", "US-001", "All")
    assert "is on hold" in infolog(await world.post(HEADERS, ORDER))


@virtual
async def test_a_line_gets_its_lot_number_and_defaults(world: World) -> None:
    number = await world.order()
    body = {"dataAreaId": "usmf", "SalesOrderNumber": number.lower(), "ItemNumber": "stripe-sale"}
    first = await world.made(LINES, body | {"CustomersLineNumber": 7})
    assert first["InventoryLotId"] == "LOT-000001"
    assert first["ItemNumber"] == "STRIPE-SALE"
    assert first["SalesOrderNumber"] == number
    assert first["LineNumber"] == 1
    assert first["OrderedSalesQuantity"] == 1
    assert first["SalesPriceQuantity"] == 1
    assert first["SalesUnitSymbol"] == "ea"
    assert first["LineDescription"] == "Sale through Stripe"
    assert first["CurrencyCode"] == "USD"
    assert first["SalesOrderLineStatus"] == "Backorder"
    second = await world.made(LINES, body | {"CustomersLineNumber": 7})
    assert (second["InventoryLotId"], second["LineNumber"]) == ("LOT-000002", 2)


@pytest.mark.parametrize(
    ("currency", "change", "amount"),
    [
        ("USD", {"OrderedSalesQuantity": 3, "SalesPrice": 9.99}, "29.97"),
        ("USD", {"OrderedSalesQuantity": 3, "SalesPrice": 9.99, "LineDiscountAmount": 5}, "24.97"),
        ("USD", {"OrderedSalesQuantity": 1, "SalesPrice": 0.125}, "0.13"),
        ("USD", {"OrderedSalesQuantity": -1, "SalesPrice": 0.125}, "-0.13"),
        (
            "USD",
            {"OrderedSalesQuantity": 1, "SalesPrice": 10, "LineDiscountPercentage": 7.5},
            "9.25",
        ),
        ("USD", {"OrderedSalesQuantity": 250, "SalesPrice": 1, "SalesPriceQuantity": 100}, "2.5"),
        ("JPY", {"OrderedSalesQuantity": 1, "SalesPrice": 100.5}, "101"),
        ("KWD", {"OrderedSalesQuantity": 1, "SalesPrice": 1.2345}, "1.235"),
    ],
)
@virtual
async def test_the_amount_of_a_line_is_rounded_half_up_to_its_currency(
    world: World, currency: str, change: dict[str, Any], amount: str
) -> None:
    await world.order(change, CurrencyCode=currency)
    assert str(world.one(LINES)["LineAmount"]) == amount
    assert totals(world)[1] == amount


@virtual
async def test_a_discount_may_be_for_each_unit(world: World) -> None:
    world.peer.settings.line_discount = "unit"
    await world.order({"OrderedSalesQuantity": 3, "SalesPrice": 10, "LineDiscountAmount": 2})
    assert world.one(LINES)["LineAmount"] == 24
    assert totals(world) == ("Backorder", "24", "6")


@virtual
async def test_the_price_of_an_item_is_taken_where_none_is_given(world: World) -> None:
    item = "ReleasedProductsV2(dataAreaId='usmf',ItemNumber='D0001')"
    assert (await world.patch(item, SalesPrice=199.5)).status_code == 204
    number = await world.order()
    body = {"dataAreaId": "usmf", "SalesOrderNumber": number, "ItemNumber": "D0001"}
    assert (await world.made(LINES, body))["LineAmount"] == 199.5
    euros = await world.order(CurrencyCode="EUR")
    foreign = await world.made(LINES, body | {"SalesOrderNumber": euros})
    assert foreign["SalesPrice"] == 0, "the price is in the company's currency"


LINE_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"SalesOrderNumber": ""}, "Field 'Sales order' must be filled in."),
    ({"SalesOrderNumber": "SO-000099"}, "is not found in the related table 'Sales orders'."),
    ({"ItemNumber": ""}, "Field 'Item number' must be filled in."),
    ({"ItemNumber": "NOTHING"}, "related table 'Released products'"),
    ({"OrderedSalesQuantity": 0}, "Field 'Quantity' must be filled in."),
    ({"SalesUnitSymbol": "mile"}, "related table 'Units'"),
    ({"InventoryLotId": "MINE"}, "Field 'Lot ID' does not allow editing on create."),
    ({"LineNumber": 4}, "Field 'Line number' does not allow editing on create."),
    ({"LineAmount": 20}, "Field 'Net amount' does not allow editing on create."),
    ({"SalesOrderLineStatus": "Invoiced"}, "does not allow editing on create."),
    ({"SalesPriceQuantity": -1}, "Price quantity must be greater than zero."),
    ({"LineDiscountPercentage": 101}, "between 0 and 100"),
    ({"MainAccountIdDisplayValue": "999999"}, "Main account 999999 does not exist"),
    ({"LineDescription": "x" * 1001}, "longer than the 1000 characters"),
    ({"OrderedSalesQuantity": 10**25, "SalesPrice": 10**25}, "The amount is too large."),
    ({"ExternalItemNumber": "x" * 21}, "longer than the 20 characters"),
    ({"dataAreaId": "demf"}, "is not found in the related table 'Sales orders'."),
]


@pytest.mark.parametrize(("change", "text"), LINE_REFUSALS)
@virtual
async def test_a_line_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    number = await world.order()
    response = await world.post(LINES, ORDER_LINE | {"SalesOrderNumber": number} | change)
    assert response.status_code == 400
    assert text in infolog(response)
    assert world.peer.records(LINES) == []


@pytest.mark.parametrize("change", [{"MultilineDiscountAmount": 1}, {"CalculateLineAmount": "No"}])
@virtual
async def test_what_the_peer_cannot_price_on_a_line_is_refused_loudly(
    world: World, change: dict[str, Any]
) -> None:
    number = await world.order({})
    body = ORDER_LINE | {"SalesOrderNumber": number}
    assert (await world.post(LINES, body | change)).status_code == 501
    assert (await world.patch(LINE, **change)).status_code == 501


@virtual
async def test_stocked_items_need_a_site_from_somewhere(world: World) -> None:
    await world.order({"ItemNumber": "D0001"})
    assert world.one(LINES)["ShippingSiteId"] == "1", "the default order settings of the item"
    world.peer.settings.default_site = ""
    number = await world.order({})
    body = ORDER_LINE | {"SalesOrderNumber": number, "ItemNumber": "D0001"}
    response = await world.post(LINES, body)
    assert "Inventory dimension Site is mandatory" in infolog(response)
    named = await world.made(LINES, body | {"ShippingWarehouseId": "11"})
    assert named["ShippingSiteId"] == "1", "of the warehouse"
    other = await world.order(DefaultShippingWarehouseId="11")
    line = await world.made(LINES, body | {"SalesOrderNumber": other})
    assert (line["ShippingSiteId"], line["ShippingWarehouseId"]) == ("1", "11")


@virtual
async def test_an_open_line_changes_and_takes_the_totals_along(world: World) -> None:
    await world.order({}, {"SalesPrice": 5, "LineDiscountAmount": 1})
    assert totals(world) == ("Backorder", "29", "1")
    change = {"OrderedSalesQuantity": 3, "SalesPrice": 7.5, "LineDiscountAmount": 2.5}
    assert (await world.patch(LINE, **change)).status_code == 204
    assert (await world.get(LINE)).json()["LineAmount"] == 20
    assert totals(world) == ("Backorder", "29", "3.5")
    assert (await world.delete(LINE)).status_code == 204
    assert totals(world) == ("Backorder", "9", "1")


@virtual
async def test_quantity_zero_cancels_a_line_and_all_lines_cancelled_the_order(
    world: World,
) -> None:
    number = await world.order({}, {"SalesPrice": 5})
    await world.patch(LINE, OrderedSalesQuantity=0)
    assert (await world.get(LINE)).json()["SalesOrderLineStatus"] == "Canceled"
    assert totals(world) == ("Backorder", "10", "0")
    again = await world.patch(LINE, OrderedSalesQuantity=1)
    assert "cannot be changed because its status is Canceled." in infolog(again)
    await world.patch(LINE.replace("000001", "000002"), OrderedSalesQuantity=0)
    header = world.one(HEADERS)
    assert (header["SalesOrderStatus"], header["SalesOrderProcessingStatus"]) == (
        "Canceled",
        "Canceled",
    )
    assert header["OrderTotalAmount"] == 0
    late = await world.post(LINES, ORDER_LINE | {"SalesOrderNumber": number})
    assert "Sales order SO-000001 is canceled." in infolog(late)
    assert world.peer.invoice_orders() == []
    assert (await world.delete(LINE)).status_code == 204


LINE_CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"ItemNumber": "STRIPE-TAX"}, "Field 'Item number' does not allow editing."),
    ({"SalesOrderNumber": "SO-000002"}, "Field 'Sales order' does not allow editing."),
    ({"LineAmount": 1}, "Field 'Net amount' does not allow editing."),
    ({"CurrencyCode": "EUR"}, "does not allow editing."),
    ({"SalesOrderLineStatus": "Canceled"}, "does not allow editing."),
    ({"SalesPriceQuantity": 0}, "Price quantity must be greater than zero."),
]


@pytest.mark.parametrize(("change", "text"), LINE_CHANGES)
@virtual
async def test_a_change_of_a_line_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    await world.order({})
    before = world.peer.records(LINES)
    assert text in infolog(await world.patch(LINE, **change))
    assert world.peer.records(LINES) == before


@virtual
async def test_a_header_changes_what_is_its_own(world: World) -> None:
    await world.order({})
    assert (await world.patch(HEADER, IsSalesProcessingStopped="Yes")).status_code == 204
    for change in (
        {"CurrencyCode": "EUR"},
        {"OrderingCustomerAccountNumber": "US-002"},
        {"OrderTotalAmount": 1},
        {"SalesOrderStatus": "Canceled"},
    ):
        assert "does not allow editing." in infolog(await world.patch(HEADER, **change))


@virtual
async def test_a_header_stays_while_it_has_lines(world: World) -> None:
    await world.order({})
    text = "Sales order SO-000001 cannot be deleted because lines exist in the order."
    assert text in infolog(await world.delete(HEADER))
    await world.delete(LINE)
    assert (await world.delete(HEADER)).status_code == 204


@virtual
async def test_two_parallel_lines_of_one_order_collide(world: World) -> None:
    world.peer.faults = DynamicsFaults(latency_seconds=(1, 1))
    body = ORDER_LINE | {"SalesOrderNumber": await world.order()}
    responses = await asyncio.gather(*(world.post(LINES, body) for _ in range(2)))
    assert [response.status_code for response in responses] == [201, 400]
    assert (
        "Cannot edit a record in Sales orders (SalesTable). An update conflict occurred"
        in infolog(responses[1])
    )
    changes = await asyncio.gather(*(world.patch(LINE, SalesPrice=n) for n in (1, 2)))
    assert [response.status_code for response in changes] == [204, 400]
    assert totals(world)[1] == "2"


@virtual
async def test_lines_come_with_their_header_when_asked(world: World) -> None:
    await world.order({}, {"SalesPrice": 5})
    await world.order({"SalesPrice": 1})
    [row] = await world.rows(
        HEADERS,
        _filter="SalesOrderNumber eq 'SO-000001'",
        _expand="SalesOrderLines($select=LineAmount)",
    )
    assert [line["LineAmount"] for line in row["SalesOrderLines"]] == [20, 10]
    wrong = await world.get(HEADERS, _expand="Lines")
    assert "Could not find a property named 'Lines'" in refusal(wrong)


@virtual
async def test_orders_are_found_by_the_customers_reference(world: World) -> None:
    for reference in ("ch_1", "CH_1", "ch_2"):
        await world.order(CustomersOrderReference=reference)
    await world.patch(HEADER, CustomersOrderReference="ch_3")

    async def found(text: str) -> list[str]:
        rows = await world.rows(HEADERS, _filter=text, cross_company="true")
        return [row["SalesOrderNumber"] for row in rows]

    assert await found("CustomersOrderReference eq 'ch_1'") == ["SO-000002"]
    assert await found("CustomersOrderReference eq 'ch_3' and dataAreaId eq 'usmf'") == [
        "SO-000001"
    ]
    both = "CustomersOrderReference eq 'ch_2' or CustomersOrderReference eq 'ch_1'"
    assert await found(both) == ["SO-000002", "SO-000003"]
