"""The Dynamics peer: free text invoices by the caller's own id."""

from typing import Any

import pytest

from tests.contract.test_dynamics_peer_rig import (
    INVOICE,
    INVOICE_LINE,
    World,
    changeset,
    infolog,
    multipart,
    operation,
    statuses,
    virtual,
)

HEADERS, LINES = "CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"
TWIN_HEADERS, TWIN_LINES = "FreeTextInvoiceHeaders", "FreeTextInvoiceLines"
HEADER = f"{HEADERS}(dataAreaId='usmf',ExternalInvoiceId='in_1')"
LINE = f"{LINES}(dataAreaId='usmf',ExternalInvoiceId='in_1',LineNumber=1)"


@virtual
async def test_header_and_lines_fit_into_one_changeset(world: World) -> None:
    parts = [
        operation("POST", HEADERS, INVOICE, 1),
        operation("POST", LINES, INVOICE_LINE | {"LineNumber": 1}, 2),
        operation("POST", LINES, INVOICE_LINE | {"LineNumber": 2, "UnitPrice": 1}, 3),
    ]
    response = await world.batch(multipart([changeset(parts)]))
    assert statuses(response) == [201, 201, 201]
    record = world.one(HEADERS)
    assert (record["FreeTextNumber"], record["IsPosted"]) == ("Not posted", "No")
    assert (record["InvoiceAccount"], record["InvoiceId"]) == ("US-001", "")
    assert [str(line["TransactionCurrencyAmount"]) for line in world.peer.records(LINES)] == [
        "20",
        "2",
    ]
    again = await world.batch(multipart([changeset(parts)]))
    assert statuses(again) == [400]
    assert (
        "Cannot create a record in Customer free text invoice (CustInvoiceTable). External "
        "invoice ID: in_1. The record already exists." in again.text
    )
    assert len(world.peer.records(LINES)) == 2


@virtual
async def test_a_changeset_with_one_bad_line_leaves_nothing(world: World) -> None:
    bad = INVOICE_LINE | {"LineNumber": 1, "MainAccountDisplayValue": "999999"}
    parts = [operation("POST", HEADERS, INVOICE, 1), operation("POST", LINES, bad, 2)]
    response = await world.batch(multipart([changeset(parts)]))
    assert statuses(response) == [400]
    assert "Main account 999999 does not exist in the chart of accounts." in response.text
    for name in (HEADERS, LINES, TWIN_HEADERS, TWIN_LINES):
        assert world.peer.records(name) == []


@virtual
async def test_the_due_date_follows_the_terms_of_payment(world: World) -> None:
    record = await world.made(HEADERS, INVOICE | {"TermsOfPayment": "Net10"})
    assert record["DueDate"] == "2026-07-11T12:00:00Z"
    given = {"ExternalInvoiceId": "in_2", "DueDate": "2026-12-24", "InvoiceDate": None}
    record = await world.made(HEADERS, INVOICE | given)
    assert record["DueDate"] == "2026-12-24T12:00:00Z"
    assert record["InvoiceDate"] == "2026-07-01T12:00:00Z", "today"


HEADER_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"ExternalInvoiceId": ""}, "Field 'External invoice ID' must be filled in."),
    ({"CustomerAccount": None}, "Field 'Customer account' must be filled in."),
    ({"CustomerAccount": "US-999"}, "related table 'Customers'"),
    ({"InvoiceAccount": "US-999"}, "related table 'Customers'"),
    ({"CurrencyCode": "XXX"}, "related table 'Currencies'"),
    ({"TermsOfPayment": "Never"}, "related table 'Terms of payment'"),
    ({"MethodOfPayment": "CASH"}, "related table 'Customer payment method'"),
    ({"CustomerReference": "x" * 61}, "longer than the 60 characters"),
    ({"CustomerRequisition": "x" * 21}, "longer than the 20 characters"),
    ({"IsPosted": "Yes"}, "Field 'Posted' does not allow editing on create."),
    ({"FreeTextNumber": "FTI-7"}, "does not allow editing on create."),
    ({"InvoiceId": "FTI-7"}, "does not allow editing on create."),
    ({"SalesTaxGroupId": "CA"}, "related table 'TaxGroups'"),
    ({"InvoiceDate": "9999-12-31", "TermsOfPayment": "Net10"}, "The due date is out of range."),
]


@pytest.mark.parametrize(("change", "text"), HEADER_REFUSALS)
@virtual
async def test_a_header_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    assert text in infolog(await world.post(HEADERS, INVOICE | change))
    assert world.peer.records(HEADERS) == []


LINE_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"ExternalInvoiceId": "in_9"}, "related table 'Customer free text invoice'"),
    ({"ExternalInvoiceId": ""}, "must be filled in."),
    ({"MainAccountDisplayValue": None}, "Field 'Main account' must be filled in."),
    ({"MainAccountDisplayValue": "1"}, "Main account 1 does not exist"),
    ({"TransactionCurrencyAmount": 19.99}, "Amount 19.99 is not quantity 2 times unit price 10."),
    ({"TransactionCurrencyAmount": 0}, "is not quantity"),
    ({"Quantity": 0, "TransactionCurrencyAmount": 20}, "is not quantity"),
    (
        {"Quantity": 0, "UnitPrice": 0, "TransactionCurrencyAmount": 0.001},
        "has more decimals than currency USD.",
    ),
    ({"SalesTaxItemGroupId": "ALL"}, "related table 'TaxItemGroups'"),
    ({"LineNumber": 1}, "External invoice ID: in_1, Line number: 1. The record already exists."),
]


@pytest.mark.parametrize(("change", "text"), LINE_REFUSALS)
@virtual
async def test_a_line_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    await world.invoice({})
    assert text in infolog(await world.post(LINES, INVOICE_LINE | change))
    assert len(world.peer.records(LINES)) == 1


@virtual
async def test_an_amount_may_stand_alone_and_its_rounding_is_the_currencys(world: World) -> None:
    alone = {"Quantity": 0, "UnitPrice": 0, "TransactionCurrencyAmount": -7.5}
    await world.invoice(alone, {"Quantity": 3, "UnitPrice": 0.335})
    amounts = [str(line["TransactionCurrencyAmount"]) for line in world.peer.records(LINES)]
    assert amounts == ["-7.5", "1.01"]


@virtual
async def test_a_draft_changes_and_goes(world: World) -> None:
    await world.invoice({}, {})
    assert (await world.patch(LINE, UnitPrice=12.5)).status_code == 204
    assert (await world.get(LINE)).json()["TransactionCurrencyAmount"] == 25
    wrong = await world.patch(LINE, TransactionCurrencyAmount=1)
    assert "is not quantity" in infolog(wrong)
    assert "does not exist" in infolog(await world.patch(LINE, MainAccountDisplayValue="1"))
    assert (await world.patch(HEADER, CustomerReference="x")).status_code == 204
    assert (await world.patch(HEADER, CustomerAccount="US-002")).status_code == 204
    assert world.one(HEADERS)["InvoiceAccount"] == "US-002"
    assert world.one(TWIN_HEADERS)["CustomerReference"] == "x"
    assert "does not allow editing." in infolog(await world.patch(HEADER, IsPosted="Yes"))
    assert (await world.delete(LINE)).status_code == 204
    assert len(world.peer.records(TWIN_LINES)) == 1
    assert (await world.delete(HEADER)).status_code == 204
    for name in (HEADERS, LINES, TWIN_HEADERS, TWIN_LINES):
        assert world.peer.records(name) == [], "the lines go with their header"
    await world.invoice({})


@virtual
async def test_the_same_records_show_in_the_other_sets(world: World) -> None:
    await world.invoice({"InvoiceText": "Licence"})
    [header] = await world.rows(TWIN_HEADERS, _filter="ExternalInvoiceId eq 'in_1'")
    assert header["FreeTextNumber"] == "Not posted"
    assert header["InvoiceIdentifier"] > 5637144576
    lines = await world.rows(TWIN_LINES, _filter=f"ParentRecId eq {header['InvoiceIdentifier']}")
    assert [(line["InvoiceText"], line["CurrencyCode"]) for line in lines] == [("Licence", "USD")]
    await world.patch(LINE, InvoiceText="Licence, July")
    assert world.one(TWIN_LINES)["InvoiceText"] == "Licence, July"
    world.peer.post_free_text_invoices()
    [header] = await world.rows(TWIN_HEADERS, _filter="ExternalInvoiceId eq 'in_1'")
    assert (header["IsPosted"], header["FreeTextNumber"]) == ("Yes", "FTI-000001")
    assert (await world.post(TWIN_HEADERS, {"dataAreaId": "usmf"})).status_code == 501


@virtual
async def test_posting_gives_number_voucher_and_open_transaction(world: World) -> None:
    await world.invoice({"InvoiceText": "Licence"}, {"MainAccountDisplayValue": "403300"})
    [result] = world.peer.post_free_text_invoices()
    assert (result.document, result.number, result.posted) == ("in_1", "FTI-000001", True)
    record = world.one(HEADERS)
    assert record["IsPosted"] == "Yes"
    assert record["InvoiceId"] == record["FreeTextNumber"] == "FTI-000001"
    posted = world.peer.ledger().posted
    assert [(line.main_account, str(line.amount)) for line in posted] == [
        ("130100", "40"),
        ("401100", "-20"),
        ("403300", "-20"),
    ]
    assert {line.voucher for line in posted} == {"FTV-000001"}
    [owed] = world.peer.customer_transactions()
    assert (owed.kind, owed.document, str(owed.open_amount)) == ("invoice", "FTI-000001", "40")
    assert world.peer.post_free_text_invoices() == []


@virtual
async def test_negative_lines_make_a_credit_note(world: World) -> None:
    await world.invoice({"UnitPrice": -10})
    [result] = world.peer.post_free_text_invoices()
    assert result.number == "FTC-000001"
    [owed] = world.peer.customer_transactions()
    assert (owed.kind, str(owed.amount)) == ("credit_note", "-20")


@virtual
async def test_only_some_invoices_can_be_posted(world: World) -> None:
    for id in ("in_1", "in_2", "in_3"):
        await world.invoice({}, ExternalInvoiceId=id)
    assert [result.document for result in world.peer.post_free_text_invoices(["in_2"])] == ["in_2"]
    assert world.peer.post_free_text_invoices(company="demf") == []
    assert len(world.peer.post_free_text_invoices()) == 2


@virtual
async def test_a_posted_invoice_cannot_be_changed(world: World) -> None:
    await world.invoice({})
    world.peer.post_free_text_invoices()
    text = "Free text invoice in_1 cannot be edited because it is posted."
    responses = [
        await world.patch(HEADER, CustomerReference="x"),
        await world.patch(LINE, InvoiceText="x"),
        await world.post(LINES, INVOICE_LINE),
        await world.delete(LINE),
        await world.delete(HEADER),
    ]
    for response in responses:
        assert text in infolog(response)


@pytest.mark.parametrize("status", ["Invoice", "All"])
@virtual
async def test_a_customer_on_hold_is_refused_at_posting_only(world: World, status: str) -> None:
    world.peer.block_customer("usmf", "US-001", status)
    await world.invoice({})
    [result] = world.peer.post_free_text_invoices()
    assert not result.posted
    assert "Customer US-001 is on hold for" in result.reasons[0]
    assert world.one(HEADERS)["IsPosted"] == "No"
    world.peer.block_customer("usmf", "US-001", "No")
    assert [again.posted for again in world.peer.post_free_text_invoices()] == [True]


@virtual
async def test_an_invoice_without_lines_or_in_a_closed_period_stays(world: World) -> None:
    await world.invoice(ExternalInvoiceId="in_0")
    await world.invoice({}, InvoiceDate="2026-06-30")
    world.peer.close_period("usmf", 2026, 6)
    first, second = world.peer.post_free_text_invoices()
    assert first.reasons == ("There are no lines to post.",)
    assert second.reasons == ("The fiscal period for 2026-06-30 is not open in company usmf.",)
    world.peer.close_period("usmf", 2026, 6, reopen=True)
    assert [result.posted for result in world.peer.post_free_text_invoices()] == [False, True]
    assert str(world.peer.ledger().posted[0].date) == "2026-06-30"
