"""The Dynamics peer: the jobs that invoice sales orders and credit return orders."""

from decimal import Decimal
from typing import Any

import pytest

from local.dynamics import CustomerTransaction, LedgerLine
from tests.contract.test_dynamics_peer_rig import ORDER_LINE, World, infolog, virtual

ORDERS, LINES, INVOICES = "SalesOrderHeadersV2", "SalesOrderLinesV3", "SalesInvoiceHeadersV2"
RETURNS, RETURN_LINES = "ReturnOrderHeadersV2", "ReturnOrderLinesV2"
RETURN = {
    "dataAreaId": "usmf",
    "CustomerAccountNumber": "US-001",
    "CurrencyCode": "USD",
    "CustomersOrderReference": "re_1",
}
RETURN_LINE = {
    "dataAreaId": "usmf",
    "ItemNumber": "STRIPE-SALE",
    "ReturnSalesQuantity": -1,
    "SalesPrice": 8,
    "ReturnDispositionCode": "11",
}


def sides(lines: tuple[LedgerLine, ...]) -> list[tuple[str, str, str]]:
    """Account type, main account and amount of each side."""
    return [(line.account_type, line.main_account, str(line.amount)) for line in lines]


def owed(world: World) -> list[tuple[str, str, str, str]]:
    """Kind, document, amount and open amount of each customer transaction."""
    return [
        (found.kind, found.document, str(found.amount), str(found.open_amount))
        for found in world.peer.customer_transactions()
    ]


async def return_order(world: World, *lines: dict[str, Any], **change: Any) -> str:
    record = await world.made(RETURNS, RETURN | change)
    number = str(record["ReturnOrderNumber"])
    company = {"dataAreaId": record["dataAreaId"], "ReturnOrderNumber": number}
    for line in lines:
        await world.made(RETURN_LINES, RETURN_LINE | company | line)
    return number


@virtual
async def test_an_order_becomes_an_invoice_a_voucher_and_an_open_transaction(
    world: World,
) -> None:
    number = await world.order(
        {},
        {"ItemNumber": "STRIPE-SHIP", "OrderedSalesQuantity": 1, "SalesPrice": 4.5},
        {"ItemNumber": "STRIPE-TAX", "OrderedSalesQuantity": 1, "SalesPrice": 1.23},
        {"ItemNumber": "T-SHIRT", "OrderedSalesQuantity": 1, "SalesPrice": 15},
        {"ItemNumber": "STRIPE-ROUND", "OrderedSalesQuantity": 1, "SalesPrice": -0.01},
    )
    [result] = world.peer.invoice_orders()
    assert (result.posted, result.number, result.reasons) == (True, "INV-000001", ())
    assert (result.company, result.document, result.entity_set) == ("usmf", number, ORDERS)
    posted = world.peer.ledger().posted
    assert sides(posted) == [
        ("Cust", "130100", "40.72"),
        ("Ledger", "401100", "-20"),
        ("Ledger", "401200", "-4.5"),
        ("Ledger", "403300", "-1.23"),
        ("Ledger", "401110", "-15"),
        ("Ledger", "618990", "0.01"),
    ]
    assert {(line.voucher, line.document, line.journal) for line in posted} == {
        ("SIV-000001", "INV-000001", "")
    }
    assert [str(line.line) for line in posted] == ["0", "1", "2", "3", "4", "5"]
    invoice = world.one(INVOICES)
    assert invoice["InvoiceNumber"] == "INV-000001"
    assert invoice["LedgerVoucher"] == "SIV-000001"
    assert invoice["SalesOrderNumber"] == number
    assert invoice["CustomersOrderReference"] == "ch_1"
    assert invoice["InvoiceCustomerAccountNumber"] == "US-001"
    assert str(invoice["TotalInvoiceAmount"]) == "40.72"
    header = world.one(ORDERS)
    assert (header["SalesOrderStatus"], header["SalesOrderProcessingStatus"]) == (
        "Invoiced",
        "Invoiced",
    )
    assert {line["SalesOrderLineStatus"] for line in world.peer.records(LINES)} == {"Invoiced"}
    [transaction] = world.peer.customer_transactions()
    assert transaction == CustomerTransaction(
        company="usmf",
        customer="US-001",
        kind="invoice",
        document="INV-000001",
        reference="",
        currency="USD",
        amount=Decimal("40.72"),
        open_amount=Decimal("40.72"),
        date=posted[0].date,
        voucher="SIV-000001",
    )
    assert world.peer.invoice_orders() == [], "once is enough"


@virtual
async def test_the_posted_invoice_is_readable_and_nothing_else(world: World) -> None:
    await world.order({})
    world.peer.invoice_orders()
    [row] = await world.rows(INVOICES, _filter="CustomersOrderReference eq 'ch_1'")
    assert row["InvoiceDate"] == "2026-07-01T12:00:00Z"
    key = "(dataAreaId='usmf',InvoiceNumber='INV-000001',InvoiceDate=2026-07-01T12:00:00Z"
    path = f"{INVOICES}{key},LedgerVoucher='SIV-000001')"
    assert (await world.patch(path, TotalInvoiceAmount=1)).status_code == 405
    assert (await world.post(INVOICES, {"dataAreaId": "usmf"})).status_code == 405
    entries = await world.rows("GeneralJournalAccountEntries", _filter="MainAccountId eq '401100'")
    assert [(row["Voucher"], row["JournalBatchNumber"]) for row in entries] == [("SIV-000001", "")]


@virtual
async def test_a_stopped_order_waits_until_it_is_released(world: World) -> None:
    await world.order({}, IsSalesProcessingStopped="Yes")
    assert world.peer.invoice_orders() == []
    header = "SalesOrderHeadersV2(dataAreaId='usmf',SalesOrderNumber='SO-000001')"
    await world.patch(header, IsSalesProcessingStopped="No")
    assert [result.posted for result in world.peer.invoice_orders()] == [True]


@virtual
async def test_an_order_without_lines_is_not_invoiced(world: World) -> None:
    await world.order()
    assert world.peer.invoice_orders() == []


@virtual
async def test_only_some_orders_or_companies_can_be_invoiced(world: World) -> None:
    for _ in range(3):
        await world.order({})
    await world.order({}, dataAreaId="demf", OrderingCustomerAccountNumber="DE-001")
    one = world.peer.invoice_orders(["so-000002"], company="usmf")
    assert [(result.company, result.document) for result in one] == [("usmf", "SO-000002")]
    german = world.peer.invoice_orders(company="demf")
    assert [result.company for result in german] == ["demf"]
    assert world.peer.invoice_orders(["SO-000099"]) == []
    assert len(world.peer.invoice_orders()) == 2


@virtual
async def test_an_order_can_be_partly_invoiced(world: World) -> None:
    number = await world.order({}, {"SalesPrice": 5}, {"SalesPrice": 1})
    world.peer.invoice_orders([number], ["LOT-000002"])
    header = world.one(ORDERS)
    assert (header["SalesOrderStatus"], header["SalesOrderProcessingStatus"]) == (
        "Backorder",
        "PartiallyInvoiced",
    )
    statuses = [line["SalesOrderLineStatus"] for line in world.peer.records(LINES)]
    assert statuses == ["Backorder", "Invoiced", "Backorder"]
    lot = "SalesOrderLinesV3(dataAreaId='usmf',InventoryLotId='LOT-00000%d')"
    text = infolog(await world.patch(lot % 2, SalesPrice=6))
    assert "Line LOT-000002 of sales order SO-000001 cannot be changed" in text
    assert "its status is Invoiced." in text
    assert "its status is Invoiced." in infolog(await world.delete(lot % 2))
    assert (await world.patch(lot % 3, OrderedSalesQuantity=0)).status_code == 204
    world.peer.invoice_orders()
    assert [row[2:] for row in owed(world)] == [("10", "10"), ("20", "20")]
    assert world.one(ORDERS)["SalesOrderStatus"] == "Invoiced"


@virtual
async def test_an_invoiced_order_cannot_be_changed(world: World) -> None:
    number = await world.order({})
    world.peer.invoice_orders()
    header = f"SalesOrderHeadersV2(dataAreaId='usmf',SalesOrderNumber='{number}')"
    line = "SalesOrderLinesV3(dataAreaId='usmf',InventoryLotId='LOT-000001')"
    text = f"Sales order {number} cannot be changed because it is invoiced."
    body = ORDER_LINE | {"SalesOrderNumber": number}
    assert text in infolog(await world.post(LINES, body))
    assert text in infolog(await world.patch(line, SalesPrice=1))
    assert text in infolog(await world.patch(header, CustomersOrderReference="x"))
    assert "status is Invoiced" in infolog(await world.delete(line))
    assert "lines exist in the order" in infolog(await world.delete(header))


@virtual
async def test_a_negative_total_makes_a_credit_note(world: World) -> None:
    await world.order({"OrderedSalesQuantity": -2}, {"OrderedSalesQuantity": 1, "SalesPrice": 3})
    [result] = world.peer.invoice_orders()
    assert result.number == "CRN-000001"
    assert owed(world) == [("credit_note", "CRN-000001", "-17", "-17")]
    assert sides(world.peer.ledger().posted) == [
        ("Cust", "130100", "-17"),
        ("Ledger", "401100", "20"),
        ("Ledger", "401100", "-3"),
    ]


@virtual
async def test_a_total_of_zero_is_an_invoice_that_nobody_owes(world: World) -> None:
    await world.order({}, {"OrderedSalesQuantity": -2})
    world.peer.invoice_orders()
    assert owed(world) == [("invoice", "INV-000001", "0", "0")]
    assert [line.account_type for line in world.peer.ledger().posted] == ["Ledger", "Ledger"]


@virtual
async def test_a_foreign_currency_balances_in_both(world: World) -> None:
    await world.order(
        {"OrderedSalesQuantity": 1, "SalesPrice": 101},
        {"OrderedSalesQuantity": 1, "SalesPrice": 101},
        CurrencyCode="JPY",
    )
    world.peer.invoice_orders()
    posted = world.peer.ledger().posted
    shown = [(str(line.amount), str(line.accounting_amount)) for line in posted]
    assert shown == [("202", "1.38"), ("-101", "-0.69"), ("-101", "-0.69")]
    assert sum(line.accounting_amount for line in posted) == 0


@virtual
async def test_a_line_may_name_its_main_account(world: World) -> None:
    await world.order({"MainAccountIdDisplayValue": "401200"})
    world.peer.invoice_orders()
    assert [line.main_account for line in world.peer.ledger().posted] == ["130100", "401200"]


async def _close(world: World) -> str:
    world.peer.close_period("usmf", 2026, 7)
    return "The fiscal period for 2026-07-01 is not open in company usmf."


async def _suspend(world: World) -> str:
    world.peer.suspend_account("401100")
    return "Main account 401100 is suspended."


async def _suspend_customers(world: World) -> str:
    world.peer.suspend_account("130100")
    return "Main account 130100 is suspended."


async def _block(world: World) -> str:
    world.peer.block_customer("usmf", "US-001", "Invoice")
    return "Customer US-001 is on hold for invoices."


async def _delete_currency(world: World) -> str:
    await world.order({}, CurrencyCode="GBP")
    await world.delete("Currencies('GBP')")
    return "Currency GBP does not exist."


@pytest.mark.parametrize("spoil", [_close, _suspend, _suspend_customers, _block, _delete_currency])
@virtual
async def test_an_order_with_something_invalid_stays_with_its_reasons(
    world: World, spoil: Any
) -> None:
    await world.order({})
    text = await spoil(world)
    result = world.peer.invoice_orders()[-1]
    assert (result.posted, result.number, result.reasons) == (False, "", (text,))
    order = world.peer.records(ORDERS)[-1]
    assert order["SalesOrderStatus"] == "Backorder"
    shown = (await world.http.get("/_peer/document_infolog")).json()["value"]
    assert [entry["reasons"] for entry in shown if not entry["posted"]] == [[text]]


@virtual
async def test_a_return_order_gets_two_numbers(world: World) -> None:
    record = await world.made(RETURNS, RETURN)
    assert (record["ReturnOrderNumber"], record["RMANumber"]) == ("RO-000001", "RMA-000001")
    assert (record["ReturnStatus"], record["ReturnOrderStatus"]) == ("Created", "Backorder")
    line = await world.made(RETURN_LINES, RETURN_LINE | {"ReturnOrderNumber": "RO-000001"})
    assert line["ReturnInventoryLotId"] == "LOT-000001"
    assert line["ReturnStatus"] == "Received"
    assert line["RMANumber"] == "RMA-000001"
    assert line["LineAmount"] == -8
    header = world.one(RETURNS)
    assert (header["ReturnStatus"], header["OrderTotalAmount"]) == ("Open", -8)


RETURN_REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    (RETURNS, {"CustomerAccountNumber": ""}, "Field 'Customer account' must be filled in."),
    (RETURNS, {"CustomerAccountNumber": "US-999"}, "related table 'Customers'"),
    (RETURNS, {"CurrencyCode": "XXX"}, "related table 'Currencies'"),
    (RETURNS, {"CustomersOrderReference": "x" * 61}, "longer than the 60 characters"),
    (RETURNS, {"RMANumber": "RMA-7"}, "Field 'RMA number' does not allow editing on create."),
    (RETURN_LINES, {"ReturnOrderNumber": "RO-9"}, "related table 'Return orders'"),
    (RETURN_LINES, {"ItemNumber": "NOTHING"}, "related table 'Released products'"),
    (RETURN_LINES, {"ReturnSalesQuantity": 1}, "must be negative."),
    (RETURN_LINES, {"ReturnSalesQuantity": 0}, "Field 'Quantity' must be filled in."),
    (RETURN_LINES, {"ReturnDispositionCode": "99"}, "related table 'Disposition codes'"),
    (RETURN_LINES, {"LineAmount": -8}, "does not allow editing on create."),
]


@pytest.mark.parametrize(("entity_set", "change", "text"), RETURN_REFUSALS)
@virtual
async def test_a_return_fo_would_refuse_is_refused(
    world: World, entity_set: str, change: dict[str, Any], text: str
) -> None:
    number = await return_order(world)
    body = RETURN if entity_set == RETURNS else RETURN_LINE | {"ReturnOrderNumber": number}
    before = len(world.peer.records(entity_set))
    assert text in infolog(await world.post(entity_set, body | change))
    assert len(world.peer.records(entity_set)) == before


@virtual
async def test_goods_that_come_back_are_refused_loudly(world: World) -> None:
    number = await return_order(world)
    body = RETURN_LINE | {"ReturnOrderNumber": number, "ReturnDispositionCode": "21"}
    assert (await world.post(RETURN_LINES, body)).status_code == 501


@virtual
async def test_a_return_becomes_a_credit_note_on_the_returns_account(world: World) -> None:
    number = await return_order(world, {}, {"ItemNumber": "STRIPE-TAX", "SalesPrice": 0.5})
    [result] = world.peer.invoice_returns()
    assert (result.document, result.number) == (number, "CRN-000001")
    assert sides(world.peer.ledger().posted) == [
        ("Cust", "130100", "-8.5"),
        ("Ledger", "402100", "8"),
        ("Ledger", "403300", "0.5"),
    ]
    assert owed(world) == [("credit_note", "CRN-000001", "-8.5", "-8.5")]
    invoice = world.one(INVOICES)
    assert (invoice["SalesOrderNumber"], invoice["CustomersOrderReference"]) == (number, "re_1")
    header = world.one(RETURNS)
    assert (header["ReturnStatus"], header["ReturnOrderStatus"]) == ("Closed", "Invoiced")
    path = f"ReturnOrderHeadersV2(dataAreaId='usmf',ReturnOrderNumber='{number}')"
    text = "cannot be changed because it is invoiced."
    assert text in infolog(await world.patch(path, CustomersOrderReference="x"))
    assert world.peer.invoice_returns() == []


@virtual
async def test_a_return_line_waits_for_its_disposition_and_a_stopped_return_for_release(
    world: World,
) -> None:
    number = await return_order(world, {"ReturnDispositionCode": ""})
    assert world.one(RETURN_LINES)["ReturnStatus"] == "Awaiting"
    assert world.peer.invoice_returns() == []
    key = f"(dataAreaId='usmf',ReturnOrderNumber='{number}'"
    line = f"{RETURN_LINES}{key},ReturnInventoryLotId='LOT-000001')"
    assert (await world.patch(line, ReturnDispositionCode="11", SalesPrice=9)).status_code == 204
    await world.patch(f"{RETURNS}{key})", IsReturnProcessingStopped="Yes")
    assert world.peer.invoice_returns() == []
    await world.patch(f"{RETURNS}{key})", IsReturnProcessingStopped="No")
    assert len(world.peer.invoice_returns([number])) == 1
    assert owed(world) == [("credit_note", "CRN-000001", "-9", "-9")]


@virtual
async def test_a_cancelled_return_is_not_credited(world: World) -> None:
    number = await return_order(world, {})
    line = (
        f"{RETURN_LINES}(dataAreaId='usmf',ReturnOrderNumber='{number}',"
        "ReturnInventoryLotId='LOT-000001')"
    )
    await world.patch(line, ReturnSalesQuantity=0)
    header = world.one(RETURNS)
    assert (header["ReturnStatus"], header["ReturnOrderStatus"]) == ("Canceled", "Canceled")
    assert world.peer.invoice_returns() == []
