"""The Dynamics peer: vendor invoice journals, their reverse charge, and their settlement."""

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.test_dynamics_peer_rig import World, infolog, virtual

INVOICE_HEADERS, INVOICES = "VendInvoiceJournalHeaders", "VendInvoiceJournalLines"
PAYMENT_HEADERS, PAYMENTS = "VendorPaymentJournalHeaders", "VendorPaymentJournalLines"
INVOICE: dict[str, Any] = {
    "dataAreaId": "usmf",
    "LineNumber": 1,
    "AccountType": "Vend",
    "AccountDisplayValue": "STRIPE",
    "OffsetAccountType": "Ledger",
    "OffsetAccountDisplayValue": "618900",
    "Currency": "USD",
    "Credit": 100,
    "Invoice": "ABC-1",
    "Date": "2026-07-31T12:00:00Z",
    "PaymId": "doc_1:invoice",
}
PAYMENT: dict[str, Any] = {
    "dataAreaId": "usmf",
    "LineNumber": 1,
    "AccountType": "Vend",
    "AccountDisplayValue": "STRIPE",
    "OffsetAccountType": "Ledger",
    "OffsetAccountDisplayValue": "218900",
    "CurrencyCode": "USD",
    "DebitAmount": 100,
    "MarkedInvoice": "ABC-1",
    "SettleVoucher": "SelectedTransact",
    "TransactionDate": "2026-07-31T12:00:00Z",
    "PaymentId": "doc_1:payment",
}
REVERSE_CHARGE = {"SalesTaxGroup": "EU-RC-IN", "ItemSalesTaxGroup": "FULL"}


async def _journal(world: World, headers: str, name: str) -> str:
    made = await world.made(headers, {"dataAreaId": "usmf", "JournalName": name})
    assert made["IsPosted"] == "No"
    return str(made["JournalBatchNumber"])


async def _line(world: World, **change: Any) -> dict[str, Any]:
    batch = await _journal(world, INVOICE_HEADERS, "STRINV")
    made: dict[str, Any] = await world.made(
        INVOICES, INVOICE | {"JournalBatchNumber": batch} | change
    )
    return made


def _posted(world: World) -> list[tuple[str, str]]:
    world.peer.post_journals()
    return [(leg.main_account, str(leg.amount)) for leg in world.peer.ledger().posted]


def _open(world: World) -> list[tuple[str, str, str]]:
    return [
        (found.document, str(found.amount), str(found.open_amount))
        for found in world.peer.vendor_transactions()
    ]


@virtual
async def test_an_invoice_credits_the_vendor_and_stays_open(world: World) -> None:
    line = await _line(world)
    assert (line["Approved"], line["PostingProfile"]) == ("Yes", "GEN")
    assert (line["Company"], line["Voucher"]) == ("usmf", "STRINV-000001")
    assert _posted(world) == [("200100", "-100"), ("618900", "100")]
    assert _open(world) == [("ABC-1", "-100", "-100")]
    assert world.peer.customer_transactions() == ()


@virtual
async def test_the_account_of_an_invoice_line_is_a_ledger_account_by_default(world: World) -> None:
    body = {name: value for name, value in INVOICE.items() if name != "AccountType"}
    batch = await _journal(world, INVOICE_HEADERS, "STRINV")
    answer = await world.post(INVOICES, body | {"JournalBatchNumber": batch})
    assert "Main account STRIPE does not exist" in infolog(answer)


@virtual
async def test_a_reverse_charge_is_posted_on_both_sides(world: World) -> None:
    await _line(world, **REVERSE_CHARGE)
    assert _posted(world) == [
        *(("200100", "-100"), ("618900", "100")),
        *(("154300", "19"), ("403300", "-19")),
    ]
    assert _open(world) == [("ABC-1", "-100", "-100")]


@pytest.mark.parametrize("group", REVERSE_CHARGE)
@virtual
async def test_one_group_alone_computes_no_tax(world: World, group: str) -> None:
    await _line(world, **{group: REVERSE_CHARGE[group]})
    assert len(_posted(world)) == 2


@virtual
async def test_tax_that_a_vendor_charges_is_not_supported(world: World) -> None:
    batch = await _journal(world, INVOICE_HEADERS, "STRINV")
    change = {"SalesTaxGroup": "DE-DOM", "ItemSalesTaxGroup": "FULL"}
    answer = await world.post(INVOICES, INVOICE | {"JournalBatchNumber": batch} | change)
    assert answer.status_code == 501


@pytest.mark.parametrize(
    ("headers", "name", "text"),
    [
        (INVOICE_HEADERS, "STRGL", "is of type Daily"),
        (INVOICE_HEADERS, "STRSET", "need type PurchaseLedger"),
        (PAYMENT_HEADERS, "STRINV", "need type Payment"),
    ],
)
@virtual
async def test_a_journal_name_of_another_type_is_refused(
    world: World, headers: str, name: str, text: str
) -> None:
    answer = await world.post(headers, {"dataAreaId": "usmf", "JournalName": name})
    assert text in infolog(answer)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"AccountDisplayValue": "NOBODY"}, "for transaction type Vendor does not exist"),
        ({"Credit": 0}, "Either Debit or Credit must be filled in."),
        ({"Invoice": "x" * 21}, "longer than the 20 characters"),
        ({"SalesTaxGroup": "NONE"}, "Sales tax group"),
        ({"Currency": ""}, "must be filled in"),
    ],
)
@virtual
async def test_an_invoice_line_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    batch = await _journal(world, INVOICE_HEADERS, "STRINV")
    answer = await world.post(INVOICES, INVOICE | {"JournalBatchNumber": batch} | change)
    assert text in infolog(answer)


@pytest.mark.parametrize(
    ("number", "reason"),
    [("", "invoice number must be filled in"), ("abc-1", "is already used by vendor STRIPE")],
)
@virtual
async def test_a_number_is_refused_by_posting_only(world: World, number: str, reason: str) -> None:
    await _line(world)
    world.peer.post_journals()
    await _line(world, Invoice=number)
    [result] = [result for result in world.peer.post_journals() if not result.posted]
    assert reason in result.reasons[0]


@virtual
async def test_a_marked_payment_line_settles_the_invoice(world: World) -> None:
    await _line(world)
    world.peer.post_journals()
    batch = await _journal(world, PAYMENT_HEADERS, "STRSET")
    line = await world.made(PAYMENTS, PAYMENT | {"JournalBatchNumber": batch})
    assert (line["VendorName"], line["MarkedInvoiceCompany"]) == ("Stripe", "usmf")
    world.peer.post_journals()
    invoice, payment = world.peer.vendor_transactions()
    assert (str(invoice.open_amount), str(payment.open_amount)) == ("0", "0")
    of_fees = [leg for leg in world.peer.ledger().posted if leg.main_account == "218900"]
    assert [leg.amount for leg in of_fees] == [Decimal(-100)]


@virtual
async def test_an_invoice_that_is_not_posted_cannot_be_marked(world: World) -> None:
    await _line(world)
    batch = await _journal(world, PAYMENT_HEADERS, "STRSET")
    answer = await world.post(PAYMENTS, PAYMENT | {"JournalBatchNumber": batch})
    assert "Invoice ABC-1 does not exist for account STRIPE." in infolog(answer)
