"""The Dynamics peer: what F&O demands of journal headers and lines, and when writers collide."""

import asyncio
from typing import Any

import pytest

from local.dynamics import DynamicsFaults
from tests.contract.test_dynamics_peer_rig import FEE, RECEIPT, World, infolog, virtual

PAYMENT_LINES = "CustomerPaymentJournalLines"
LEDGER_LINES = "LedgerJournalLines"
CONFLICT = (
    "Cannot edit a record in Ledger journal table (LedgerJournalTable). An update conflict "
    "occurred due to another user process"
)


@virtual
async def test_headers_of_both_kinds_share_one_number_sequence_per_company(world: World) -> None:
    numbers = [
        await world.journal("CustomerPayment"),
        await world.journal("Ledger"),
        await world.journal("Ledger", dataAreaId="demf"),
    ]
    assert numbers == ["USMF-000001", "USMF-000002", "DEMF-000001"]
    header = world.peer.records("LedgerJournalHeaders", "demf")[0]
    assert (header["AccountingCurrency"], header["IsPosted"]) == ("EUR", "No")


@pytest.mark.parametrize(
    ("entity_set", "change", "text"),
    [
        ("CustomerPaymentJournalHeaders", {"JournalName": ""}, "Field 'Name' must be filled in."),
        ("CustomerPaymentJournalHeaders", {"JournalName": "NoSuch"}, "table 'Journal names'"),
        ("CustomerPaymentJournalHeaders", {"JournalName": "STRGL"}, "is of type Daily"),
        ("LedgerJournalHeaders", {"JournalName": "STRPAY"}, "is of type CustPayment"),
        ("LedgerJournalHeaders", {"IsPosted": "Yes"}, "'Posted' does not allow editing"),
        ("LedgerJournalHeaders", {"Description": "x" * 61}, "longer than the 60 characters"),
        ("LedgerJournalHeaders", {"dataAreaId": "xxxx"}, "Company 'xxxx' does not exist."),
        ("LedgerJournalHeaders", {"JournalBatchNumber": "USMF-000001"}, "already exists."),
    ],
)
@virtual
async def test_a_header_fo_would_refuse_is_refused(
    world: World, entity_set: str, change: dict[str, str], text: str
) -> None:
    await world.journal("CustomerPayment")
    body = {"dataAreaId": "usmf", "JournalName": "STRGL"}
    if entity_set.startswith("Customer"):
        body["JournalName"] = "STRPAY"
    assert text in infolog(await world.post(entity_set, body | change))


@virtual
async def test_a_receipt_line_gets_its_defaults(world: World) -> None:
    batch = await world.journal()
    body = {n: v for n, v in RECEIPT.items() if n not in ("TransactionDate", "CurrencyCode")}
    line = await world.made(PAYMENT_LINES, body | {"JournalBatchNumber": batch})
    assert line["LineNumber"] == 1
    assert line["AccountType"] == "Cust"
    assert line["AccountDisplayValue"] == "US\\-001"
    assert line["CustomerName"] == "Sample customer 1"
    assert line["CurrencyCode"] == "USD"
    assert line["ExchangeRate"] == 100, "per 100 units"
    assert line["TransactionDate"] == "2026-07-01T12:00:00Z", "today"
    assert line["Voucher"] == "STRPAY-000001"


@virtual
async def test_each_ledger_line_is_numbered_by_the_server(world: World) -> None:
    batch = await world.journal("Ledger")
    body = FEE | {"JournalBatchNumber": batch}
    numbers = [(await world.made(LEDGER_LINES, body))["LineNumber"] for _ in range(3)]
    assert numbers == [1, 2, 3]
    response = await world.post(LEDGER_LINES, body | {"LineNumber": 4})
    assert "Field 'Line number' does not allow editing on create." in infolog(response)
    header = world.peer.records("LedgerJournalHeaders")[0]
    totals = (header["JournalTotalDebit"], header["JournalTotalCredit"])
    assert [str(total) for total in totals] == ["3.69", "3.69"]


@virtual
async def test_a_receipt_line_may_bring_its_number_but_not_twice(world: World) -> None:
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    assert (await world.made(PAYMENT_LINES, body | {"LineNumber": 7}))["LineNumber"] == 7
    again = await world.post(PAYMENT_LINES, body | {"LineNumber": 7})
    assert (
        "Cannot create a record in Journal lines (LedgerJournalTrans). Journal batch number: "
        "USMF-000001, Line number: 7. The record already exists." in infolog(again)
    )
    assert (await world.made(PAYMENT_LINES, body))["LineNumber"] == 8
    assert len(world.peer.records(PAYMENT_LINES)) == 2


LINE_REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"JournalBatchNumber": "USMF-000099"}, "table 'Ledger journal table'"),
    ({"JournalBatchNumber": None}, "'Journal batch number' must be filled in."),
    ({"AccountDisplayValue": None}, "'Account' must be filled in."),
    ({"AccountDisplayValue": "US-001"}, "Account number US-001 for transaction type Customer"),
    ({"AccountDisplayValue": "US\\-999"}, "does not exist."),
    ({"OffsetAccountDisplayValue": "STRIPE-USD"}, "STRIPE-USD for transaction type Bank does not"),
    ({"OffsetAccountDisplayValue": "NOBANK"}, "NOBANK for transaction type Bank does not exist"),
    ({"OffsetAccountType": "Ledger", "OffsetAccountDisplayValue": "1"}, "Main account 1 does not"),
    ({"CurrencyCode": "XXX"}, "table 'Currencies'"),
    ({"CurrencyCode": "EUR"}, "Bank account STRIPE-USD is in currency USD"),
    ({"CreditAmount": 0}, "Either Debit or Credit must be filled in."),
    ({"CreditAmount": -1}, "Negative amounts are not allowed"),
    ({"DebitAmount": 5}, "cannot have both a debit and a credit"),
    ({"PaymentReference": "x" * 21}, "longer than the 20 characters"),
    ({"PaymentId": "x" * 201}, "longer than the 200 characters"),
    ({"TransactionText": "x" * 61}, "longer than the 60 characters"),
    ({"PaymentNotes": "x" * 1001}, "longer than the 1000 characters"),
    ({"PaymentMethodName": "CASH"}, "table 'Customer payment method'"),
    ({"IsPrepayment": "Yes"}, "posting profile for prepayments"),
    ({"MarkedInvoice": "INV-1"}, "Invoice INV-1 does not exist"),
    ({"OffsetCompany": "xxxx"}, "Company 'xxxx' does not exist."),
    ({"dataAreaId": "demf"}, "table 'Ledger journal table'"),
]


@pytest.mark.parametrize(("change", "text"), LINE_REFUSALS)
@virtual
async def test_a_line_fo_would_refuse_is_refused(
    world: World, change: dict[str, Any], text: str
) -> None:
    batch = await world.journal()
    response = await world.post(PAYMENT_LINES, RECEIPT | {"JournalBatchNumber": batch} | change)
    assert response.status_code == 400
    assert text in infolog(response)
    assert world.peer.records(PAYMENT_LINES) == []


@virtual
async def test_an_account_type_the_peer_does_not_know_is_refused_loudly(world: World) -> None:
    batch = await world.journal("Ledger")
    body = FEE | {"JournalBatchNumber": batch, "AccountType": "Project"}
    assert (await world.post(LEDGER_LINES, body)).status_code == 501


@virtual
async def test_the_number_of_a_line_is_free_again_after_its_delete(world: World) -> None:
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    await world.made(PAYMENT_LINES, body)
    path = f"/data/{PAYMENT_LINES}(dataAreaId='usmf',JournalBatchNumber='{batch}',LineNumber=1)"
    assert (await world.http.patch(path, json={"CreditAmount": 25})).status_code == 204
    assert "both" in infolog(await world.http.patch(path, json={"DebitAmount": 1}))
    assert (await world.http.delete(path)).status_code == 204
    assert (await world.http.delete(path)).status_code == 404
    assert (await world.made(PAYMENT_LINES, body))["LineNumber"] == 1


@virtual
async def test_a_header_stays_while_it_has_lines(world: World) -> None:
    batch = await world.journal()
    await world.made(PAYMENT_LINES, RECEIPT | {"JournalBatchNumber": batch})
    key = f"(dataAreaId='usmf',JournalBatchNumber='{batch}'"
    header = f"/data/CustomerPaymentJournalHeaders{key})"
    assert "Lines exist in the journal." in infolog(await world.http.delete(header))
    await world.http.delete(f"/data/{PAYMENT_LINES}{key},LineNumber=1)")
    assert (await world.http.delete(header)).status_code == 204


@virtual
async def test_a_posted_journal_cannot_be_edited(world: World) -> None:
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    await world.made(PAYMENT_LINES, body)
    world.peer.post_journals()
    key = f"(dataAreaId='usmf',JournalBatchNumber='{batch}'"
    header, line = f"CustomerPaymentJournalHeaders{key})", f"{PAYMENT_LINES}{key},LineNumber=1)"
    responses = [
        await world.post(PAYMENT_LINES, body),
        await world.http.patch(f"/data/{line}", json={"PaymentNotes": "x"}),
        await world.http.delete(f"/data/{line}"),
        await world.http.patch(f"/data/{header}", json={"Description": "x"}),
        await world.http.delete(f"/data/{header}"),
    ]
    for response in responses:
        assert f"Journal {batch} cannot be edited because it is posted." in infolog(response)
    assert (await world.get(header)).json()["IsPosted"] == "Yes"
    assert (await world.get(line)).status_code == 200, "posted lines stay readable"


@virtual
async def test_two_parallel_lines_of_one_journal_collide(world: World) -> None:
    world.peer.faults = DynamicsFaults(latency_seconds=(1, 1))
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    responses = await asyncio.gather(*(world.post(PAYMENT_LINES, body) for _ in range(3)))
    assert [response.status_code for response in responses] == [201, 400, 400]
    assert CONFLICT in infolog(responses[1])
    assert (await world.post(PAYMENT_LINES, body)).status_code == 201, "one after the other is fine"


@virtual
async def test_parallel_lines_of_two_journals_do_not_collide(world: World) -> None:
    world.peer.faults = DynamicsFaults(latency_seconds=(1, 1))
    bodies = [RECEIPT | {"JournalBatchNumber": await world.journal()} for _ in range(2)]
    responses = await asyncio.gather(*(world.post(PAYMENT_LINES, body) for body in bodies))
    assert [response.status_code for response in responses] == [201, 201]


@virtual
async def test_a_journal_posted_meanwhile_takes_no_line(world: World) -> None:
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    await world.made(PAYMENT_LINES, body)
    world.peer.faults = DynamicsFaults(latency_seconds=(2, 2))
    writing = asyncio.create_task(world.post(PAYMENT_LINES, body))
    await world.clock.sleep(1)
    world.peer.post_journals()
    assert "because it is posted" in infolog(await writing)
