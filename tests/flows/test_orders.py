"""Order to cash in a whole world: sales orders, their receipts and what is given back."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import pytest

from local.dynamics import DynamicsFaults
from local.publishing import embedded
from local.stripe import PeerSettings
from local.world import Options, World
from shared.ports import Write, Written
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    Json,
    account_of,
    booked_and_proved,
    check_out,
    customers,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    stripe_object,
    transactions_of,
    waiting,
)

OPTIONS = Options(documents=embedded(), stripe=PeerSettings(payouts=None))


def sell_basket(world: World, customer: str, **params: object) -> str:
    """A paid Checkout Session over 2 T-shirts and a lamp, taxed and sent; returns the charge."""
    vat = {"display_name": "VAT", "percentage": 19, "inclusive": False}
    rate = world.stripe.request("POST", "/v1/tax_rates", vat)["id"]

    def line(name: str, amount: int, quantity: int) -> Json:
        data = {"currency": "eur", "unit_amount": amount, "product_data": {"name": name}}
        return {"price_data": data, "quantity": quantity, "tax_rates": [rate]}

    parcel = {
        "display_name": "Parcel",
        "type": "fixed_amount",
        "fixed_amount": {"amount": 490, "currency": "eur"},
    }
    items = [line("T-Shirt", 1_999, 2), line("Lamp", 4_550, 1)]
    shipping = [{"shipping_rate_data": parcel}]
    return check_out(world, customer, items, **{"shipping_options": shipping, **params})


def orders(world: World) -> list[Json]:
    return world.dynamics.records("SalesOrderHeadersV2")


def order_lines(world: World) -> dict[int, Json]:
    rows = world.dynamics.records("SalesOrderLinesV3")
    return {int(row["CustomersLineNumber"]): row for row in rows}


def credited(world: World) -> Decimal:
    """The sum of all credit memos and corrections, as the customer sees it."""
    rows = world.dynamics.records("CDSFreeTextInvoiceLines")
    return sum((Decimal(row["Quantity"]) * Decimal(row["UnitPrice"]) for row in rows), Decimal(0))


def balance(world: World) -> Decimal:
    """What the customers of demf owe."""
    rows = [row for row in world.dynamics.customer_transactions() if row.company == "demf"]
    return sum((row.amount for row in rows), Decimal(0))


def held(world: World, order: Json, value: str) -> None:
    """A person stops the processing of an order, or lets it go on."""
    store = world.dynamics._store
    [row] = [
        row
        for row in store.table("SalesOrderHeadersV2").values()
        if row.fields["SalesOrderNumber"] == order["SalesOrderNumber"]
    ]
    store.update(row, {"IsSalesProcessingStopped": value})


async def stopped_sale(world: World) -> tuple[str, Json]:
    """A sale whose order a person stopped before it was invoiced: the charge and the order."""
    charge = sell_basket(world, new_customer(world))
    await rest(world, HOUR / 3)
    [order] = orders(world)
    held(world, order, "Yes")
    return charge, order


def test_a_checkout_payment_becomes_one_order_one_receipt_and_one_customer() -> None:
    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await rest(world, 2 * DAY)
        [order] = orders(world)
        assert order["CustomersOrderReference"] == charge
        assert order["IsSalesProcessingStopped"] == "No"
        found = order_lines(world)
        texts = {number: row["LineDescription"] for number, row in found.items()}
        assert list(texts.values())[:2] == ["T-Shirt", "Lamp"]
        assert [found[n]["OrderedSalesQuantity"] for n in (1, 2)] == [2, 1]
        assert [found[n]["SalesPrice"] for n in (1, 2)] == [Decimal("19.99"), Decimal("45.50")]
        total = sum(row["LineAmount"] for row in found.values())
        amount = stripe_object(world, "charge", charge)["amount"]
        assert total == Decimal(amount) / 100 == Decimal("106.63")
        [txn] = transactions_of(world, charge)
        receipt = lines(world, txn["id"])[f"{txn['id']}:gross"]
        assert receipt.amount == -total
        assert len(customers(world, "demf")) == 1
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_credits_after_a_partial_and_a_final_refund_equal_the_charge() -> None:
    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await rest(world, 2 * DAY)  # invoiced and paid
        give_back(world, charge, 2_500)
        await rest(world, 2 * HOUR)
        assert credited(world) == Decimal("-25.00")
        give_back(world, charge)
        await rest(world, 2 * DAY)
        assert credited(world) == Decimal("-106.63")
        assert len(orders(world)) == 1
        assert balance(world) == 0
        open_amounts = [row.open_amount for row in world.dynamics.customer_transactions()]
        assert open_amounts == [0] * 6  # invoice and receipt, two credit memos and two refunds
        await booked_and_proved(world)

    live(story, OPTIONS)


def vat(world: World, percent: float, **params: object) -> str:
    """The id of a tax rate on top of the price."""
    said = {"display_name": "VAT", "percentage": percent, "inclusive": False, **params}
    return str(world.stripe.request("POST", "/v1/tax_rates", said)["id"])


def basket_line(name: str, amount: int, *rates: str) -> Json:
    data = {"currency": "eur", "unit_amount": amount, "product_data": {"name": name}}
    return {"price_data": data, "quantity": 1, "tax_rates": list(rates)}


def give_lines_back(world: World, charge: str, shares: dict[int, int]) -> str:
    """Refund these amounts of these lines of the order, with their tax; returns the refund."""
    told = {"lines": json.dumps(shares)}
    given = {"charge": charge, "amount": sum(shares.values()), "metadata": told}
    return str(world.stripe.request("POST", "/v1/refunds", given)["id"])


def test_a_book_returned_out_of_a_mixed_basket_credits_the_tax_of_books() -> None:
    async def story(world: World) -> None:
        seven = vat(world, 7, country="DE", tax_type="vat")
        nineteen = vat(world, 19, country="DE", tax_type="vat")
        items = [basket_line("Book", 2_000, seven), basket_line("Lamp", 10_000, nineteen)]
        charge = check_out(world, new_customer(world), items)
        await rest(world, 2 * DAY)
        texts = {number: row["LineDescription"] for number, row in order_lines(world).items()}
        assert texts == {1: "Book", 2: "Lamp", 3: "Tax DE vat 7 %", 4: "Tax DE vat 19 %"}
        give_lines_back(world, charge, {1: 2_140})
        await rest(world, 2 * DAY)
        rows = world.dynamics.records("CDSFreeTextInvoiceLines")
        assert [(row["InvoiceText"], row["TransactionCurrencyAmount"]) for row in rows] == [
            ("Book", Decimal("-20.00")),
            ("Tax DE vat 7 %", Decimal("-1.40")),
        ]
        give_back(world, charge)
        await rest(world, 2 * DAY)
        assert credited(world) == Decimal("-140.40")
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_refund_before_the_invoice_makes_the_order_smaller() -> None:
    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await rest(world, HOUR / 3)
        before = sum(row["LineAmount"] for row in order_lines(world).values())
        give_back(world, charge, 1_062)
        await rest(world, HOUR / 3)
        after = sum(row["LineAmount"] for row in order_lines(world).values())
        assert (before, after) == (Decimal("106.63"), Decimal("96.01"))
        await rest(world, 2 * DAY)
        assert credited(world) == 0
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_receipt_of_an_order_that_stays_open_goes_to_unapplied_receipts_then_is_applied() -> None:
    async def story(world: World) -> None:
        charge, order = await stopped_sale(world)
        [txn] = transactions_of(world, charge)
        assert [item.cause for item in await waiting(world)] == ["invoice_not_posted"]
        await rest(world, 2 * DAY)
        assert lines(world, txn["id"])[f"{txn['id']}:gross"].account == "Ledger 130200"
        assert [item.cause for item in await waiting(world)] == ["invoice_not_posted"]
        [listed] = (await world.get("receipts"))["receipts"]
        assert (listed["transaction"], listed["kind"]) == (txn["id"], "unapplied")
        assert (listed["amount_minor"], listed["currency"]) == (10_663, "eur")
        held(world, order, "No")
        await rest(world, 3 * DAY)
        assert f"{txn['id']}:apply:INV-000001" in lines(world, txn["id"])
        assert balance(world) == 0
        assert await waiting(world) == []
        assert (await world.get("receipts")) == {"receipts": [], "more": 0, "read_in_part": []}
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_sale_in_a_currency_without_orders_stays_a_receipt() -> None:
    async def story(world: World) -> None:
        sell(world, 10_000, "usd", new_customer(world))
        await rest(world, DAY)
        assert orders(world) == []
        assert await parked(world) == []

    live(story, OPTIONS)


ROUTED = """
kind: policy
name: routed
sales:
  - {when: {metadata: {shop: [de]}}, book: order}
routes:
  - {when: {metadata: {shop: [de]}}, company: demf}
"""


def test_a_sale_of_another_company_is_its_order_and_customer_and_clearing_stays() -> None:
    async def story(world: World) -> None:
        who, shop = new_customer(world), {"shop": "de"}
        charge = sell(world, 10_000, "usd", who, metadata=shop)
        await rest(world, 2 * DAY)
        [order] = orders(world)
        assert order["dataAreaId"] == "demf"
        [txn] = transactions_of(world, charge)
        receipt = lines(world, txn["id"])[f"{txn['id']}:gross"]
        assert (receipt.company, receipt.offset) == ("demf", "Bank STRIPE-USD")
        assert len(customers(world, "demf")) == 1
        assert balance(world) == 0
        give_back(world, charge, 4_000)
        await rest(world, 2 * DAY)
        assert credited(world) == Decimal("-40.00")
        await booked_and_proved(world)

    live(story, Options(documents=(ROUTED,), stripe=PeerSettings(payouts=None)))


def test_what_pays_for_more_than_the_invoice_is_booked_on_account_and_listed() -> None:
    async def story(world: World) -> None:
        customer = new_customer(world)
        sell_basket(world, customer)
        await rest(world, DAY)
        [invoice] = world.dynamics.records("SalesInvoiceHeadersV2")
        named = {"dynamics_sales_order": invoice["SalesOrderNumber"]}
        charge = sell(world, 1_000, "eur", customer, metadata=named)
        await rest(world, DAY)
        [txn] = transactions_of(world, charge)
        assert len(orders(world)) == 1
        [listed] = (await world.get("receipts"))["receipts"]
        assert (listed["transaction"], listed["kind"]) == (txn["id"], "second_payment")
        assert listed["invoice"] == invoice["InvoiceNumber"]
        assert balance(world) == Decimal("-10.00")
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_sale_that_is_paid_back_before_its_invoice_closes_the_order_and_frees_the_receipt() -> (
    None
):
    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await rest(world, HOUR / 3)
        [order] = orders(world)
        give_back(world, charge)
        await rest(world, 2 * DAY)
        assert [row["LineAmount"] for row in order_lines(world).values()] == [0, 0, 0, 0]
        assert world.dynamics.records("SalesInvoiceHeadersV2") == []
        assert orders(world)[0]["SalesOrderNumber"] == order["SalesOrderNumber"]
        assert credited(world) == 0
        assert balance(world) == 0
        assert await waiting(world) == []
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_an_unapplied_receipt_is_freed_when_all_the_money_goes_back() -> None:
    async def story(world: World) -> None:
        charge, _ = await stopped_sale(world)
        await rest(world, 2 * DAY)
        give_back(world, charge)
        await rest(world, DAY)
        [txn] = transactions_of(world, charge)
        booked = lines(world, txn["id"])
        assert booked[f"{txn['id']}:apply"].account.startswith("Cust ")
        assert balance(world) == 0
        assert await waiting(world) == []
        listed = (await world.get("receipts"))["receipts"]
        assert [each["kind"] for each in listed] == ["on_account"] * 2  # they meet there
        await booked_and_proved(world)

    live(story, OPTIONS)


async def sale_that_came_back(world: World, *refunds_minor: int | None) -> tuple[str, Json]:
    """A sale refunded before its order was invoiced, whose first refund fails at once: the charge
    and its transaction. The receipt waits through all of it."""
    charge = sell_basket(world, new_customer(world))
    await rest(world, HOUR / 3)
    refunds = [give_back(world, charge, each) for each in refunds_minor]
    await rest(world, 2 * MINUTE)
    world.stripe.fail_refund(refunds[0])
    await rest(world, MINUTE)
    assert [item.cause for item in await waiting(world)] == ["invoice_not_posted"]
    [txn] = transactions_of(world, charge)
    return charge, txn


def marks(world: World, transaction: str) -> list[tuple[str, Decimal]]:
    """The invoices that the receipts of a transaction are marked with, and their amounts."""
    return [
        (row["MarkedInvoice"], Decimal(row["CreditAmount"]))
        for row in world.dynamics.records("CustomerPaymentJournalLines")
        if row["PaymentId"].partition(":")[0] == transaction and row["MarkedInvoice"]
    ]


def reversal(world: World) -> str:
    """The number under which the one reversal was posted."""
    [row] = world.dynamics.records("CDSFreeTextInvoiceHeaders")
    assert row["ExternalInvoiceId"].endswith(":reversal")
    return str(row["InvoiceId"])


def test_a_receipt_settles_the_reversal_when_the_order_was_given_back_and_the_refund_failed() -> (
    None
):
    async def story(world: World) -> None:
        _, txn = await sale_that_came_back(world, None)
        await rest(world, 2 * DAY)
        assert world.dynamics.records("SalesInvoiceHeadersV2") == []
        assert credited(world) == Decimal("106.63")
        assert marks(world, txn["id"]) == [(reversal(world), Decimal("106.63"))]
        assert balance(world) == 0
        assert await waiting(world) == []
        listed = (await world.get("receipts"))["receipts"]
        assert [each["kind"] for each in listed] == ["on_account"] * 2  # they meet there
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_an_unapplied_receipt_is_applied_to_the_reversal_of_an_order_that_was_given_back() -> None:
    async def story(world: World) -> None:
        charge, _ = await stopped_sale(world)
        [txn] = transactions_of(world, charge)
        await rest(world, 2 * DAY)  # over unapplied receipts
        refund = give_back(world, charge)
        await rest(world, 2 * MINUTE)
        world.stripe.fail_refund(refund)
        await rest(world, 3 * DAY)
        assert marks(world, txn["id"]) == [(reversal(world), Decimal("106.63"))]
        assert f"{txn['id']}:apply:{reversal(world)}" in lines(world, txn["id"])
        assert balance(world) == 0
        assert await waiting(world) == []
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_receipt_settles_the_reversal_of_one_refund_when_another_one_stays() -> None:
    async def story(world: World) -> None:
        _, txn = await sale_that_came_back(world, 8_000, 2_663)
        await rest(world, 2 * DAY)
        assert world.dynamics.records("SalesInvoiceHeadersV2") == []
        assert credited(world) == Decimal("80.00")
        assert marks(world, txn["id"]) == [(reversal(world), Decimal("106.63"))]
        assert balance(world) == 0
        assert await waiting(world) == []
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_receipt_waits_for_what_is_left_of_its_order_though_a_reversal_is_posted() -> None:
    """The lamp is given back and the refund fails; the T-shirts stay on the order."""

    async def story(world: World) -> None:
        charge, order = await stopped_sale(world)
        [txn] = transactions_of(world, charge)
        refund = give_lines_back(world, charge, {2: 5_415})
        await rest(world, 2 * MINUTE)
        held(world, order, "Yes")  # the smaller order was released
        world.stripe.fail_refund(refund)
        await rest(world, 2 * MINUTE)
        held(world, order, "Yes")  # and again with the tax of the lamp
        await rest(world, 10 * HOUR)
        assert reversal(world)
        assert marks(world, txn["id"]) == []
        held(world, order, "No")
        await rest(world, 2 * DAY)
        [invoice] = world.dynamics.records("SalesInvoiceHeadersV2")
        assert marks(world, txn["id"]) == [(invoice["InvoiceNumber"], Decimal("106.63"))]
        assert balance(world) == 0
        assert await waiting(world) == []
        await booked_and_proved(world)

    live(story, OPTIONS)


RETURNS = """
kind: policy
name: returns
sales:
  - {when: {currency: [eur]}, book: order}
refunds: {of_orders: return_order}
"""


def test_a_refund_of_an_invoiced_order_becomes_a_return_order_for_credit_only() -> None:
    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await rest(world, 2 * DAY)  # invoiced and paid
        refund = give_back(world, charge, 2_500)
        await rest(world, 2 * DAY)
        [header] = world.dynamics.records("ReturnOrderHeadersV2")
        assert header["CustomersOrderReference"] == refund
        assert header["OrderTotalAmount"] == Decimal("-25.00")
        assert header["ReturnOrderStatus"] == "Invoiced"
        rows = world.dynamics.records("ReturnOrderLinesV2")
        assert [row["ExternalItemNumber"] for row in rows] == ["1", "2", "3", "4"]
        assert [row["ReturnSalesQuantity"] for row in rows] == [-1] * 4
        give_back(world, charge)
        await rest(world, 2 * DAY)
        totals = [row["OrderTotalAmount"] for row in world.dynamics.records("ReturnOrderHeadersV2")]
        assert sum(totals) == Decimal("-106.63")
        assert credited(world) == 0
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, Options(documents=(RETURNS,), stripe=PeerSettings(payouts=None)))


@pytest.mark.parametrize("seconds", [70, 100, 120, 140, 160, 190])
def test_whenever_the_invoice_comes_a_refund_ends_right(seconds: int) -> None:
    """Between the queries and the change of a line, Dynamics may invoice the order."""

    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await rest(world, HOUR / 3)
        world.dynamics.faults = DynamicsFaults(latency_seconds=(20.0, 20.0))
        give_back(world, charge, 1_062)
        await world.clock.sleep(seconds)
        assert all(result.posted for result in world.dynamics.invoice_orders())
        world.dynamics.faults = DynamicsFaults()
        await rest(world, 2 * DAY)
        ordered = sum(row["LineAmount"] for row in order_lines(world).values())
        assert ordered + credited(world) == Decimal("96.01")
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_refund_while_the_answer_on_a_line_is_lost_still_makes_the_order_smaller() -> None:
    async def story(world: World) -> None:
        charge = sell_basket(world, new_customer(world))
        await world.clock.sleep(30)
        world.dynamics.faults = DynamicsFaults(error_after_commit=1)
        for _ in range(60):
            await world.clock.sleep(60)
            if order_lines(world):
                break
        give_back(world, charge, 1_062)
        world.dynamics.faults = DynamicsFaults()
        await rest(world, 2 * DAY)
        ordered = sum(row["LineAmount"] for row in order_lines(world).values())
        assert ordered + credited(world) == Decimal("96.01")
        assert balance(world) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


@pytest.mark.parametrize(("settlement", "kinds"), [("delayed", []), ("failing", ["not_settled"])])
def test_a_posted_receipt_counts_as_settled_only_once_dynamics_shows_it(
    settlement: Literal["delayed", "failing"], kinds: list[str]
) -> None:
    async def story(world: World) -> None:
        world.dynamics.settings.settlement = settlement
        charge = sell_basket(world, new_customer(world))
        await rest(world, 2 * DAY)
        [txn] = transactions_of(world, charge)
        listed = (await world.get("receipts"))["receipts"]
        assert [each["kind"] for each in listed] == kinds
        open_minor = [(each["transaction"], each["open_minor"]) for each in listed]
        assert open_minor == [(txn["id"], 10_663) for _ in kinds]
        await booked_and_proved(world)

    live(story, OPTIONS)


async def invoice_by_hand(world: World, account: str, amount: int) -> str:
    """A posted free text invoice that a person made; returns its number."""
    key = {"ExternalInvoiceId": "by-hand"}
    who = {"CustomerAccount": account, "CurrencyCode": "EUR", "InvoiceDate": date(2026, 10, 1)}
    what = {"MainAccountDisplayValue": "401100", "Quantity": 1, "UnitPrice": amount}
    documents: dict[str, Json] = {"Headers": who, "Lines": what}
    for name, fields in documents.items():
        write = Write("POST", f"CDSFreeTextInvoice{name}", "demf", {**key, **fields})
        [written] = await world.app.dynamics.apply([write], world.clock.now() + timedelta(hours=1))
        assert isinstance(written, Written)
    [posted] = world.dynamics.post_free_text_invoices()
    assert posted.reasons == ()
    [row] = world.dynamics.records("CDSFreeTextInvoiceHeaders", "demf")
    return str(row["FreeTextNumber"])


def test_two_receipts_of_one_invoice_mark_it_one_after_the_other() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        sell(world, 100, "eur", ada)
        await rest(world, DAY)
        account = account_of(world, ada, "demf").removeprefix("Cust ")
        number = await invoice_by_hand(world, account, 100)
        world.dynamics.settings.post_interval_seconds = DAY
        charges = [
            sell(world, 5_000, "eur", ada, metadata={"dynamics_invoice": number}) for _ in range(2)
        ]
        await rest(world, 2 * DAY)
        found = []
        for charge in charges:
            [txn] = transactions_of(world, charge)
            found += marks(world, txn["id"])
        assert found == [(number, Decimal("50.00"))] * 2
        open_amounts = {
            row.document: row.open_amount for row in world.dynamics.customer_transactions()
        }
        assert open_amounts[number] == 0
        await booked_and_proved(world)

    live(story, OPTIONS)
