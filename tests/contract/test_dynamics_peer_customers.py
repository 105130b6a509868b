"""The Dynamics peer: persons and addresses, holds, methods of payment, merged customers."""

from typing import Any

import pytest

from tests.contract.test_dynamics_peer_rig import (
    CUSTOMER,
    FEE,
    ORDER_LINE,
    RECEIPT,
    World,
    infolog,
    virtual,
)

LINES = "CustomerPaymentJournalLines"
PERSON = {
    "dataAreaId": "usmf",
    "PartyType": "Person",
    "PersonFirstName": "Jenny",
    "PersonLastName": "Rosen",
    "CustomerGroupId": "10",
    "SalesCurrencyCode": "USD",
}
JENNY = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-000001')"


@virtual
async def test_a_person_keeps_its_names_and_is_renamed_by_them(world: World) -> None:
    record = await world.made("CustomersV3", PERSON)
    assert (record["OrganizationName"], record["PartyType"]) == ("Jenny Rosen", "Person")
    await world.patch(JENNY, PersonLastName="Rosen-Smith", PersonMiddleName="A.")
    assert (await world.get(JENNY)).json()["OrganizationName"] == "Jenny A. Rosen-Smith"
    wrong = await world.patch(JENNY, PartyType="Organization")
    assert "does not allow editing." in infolog(wrong)
    nobody = PERSON | {"PersonFirstName": "", "PersonLastName": ""}
    assert "Field 'Name' must be filled in." in infolog(await world.post("CustomersV3", nobody))
    long = PERSON | {"PersonFirstName": "x" * 26}
    assert "longer than the 25 characters" in infolog(await world.post("CustomersV3", long))


@virtual
async def test_an_address_is_put_together(world: World) -> None:
    address = {
        "AddressStreet": "1 Main Street",
        "AddressZipCode": "98052",
        "AddressCity": "Redmond",
        "AddressState": "WA",
        "AddressCountryRegionId": "USA",
        "TaxExemptNumber": "US123",
    }
    record = await world.made("CustomersV3", PERSON | address)
    assert record["FullPrimaryAddress"] == "1 Main Street\n98052\nRedmond\nWA\nUSA"
    assert record["TaxExemptNumber"] == "US123"
    await world.order(
        {},
        OrderingCustomerAccountNumber="US-000001",
    )
    world.peer.invoice_orders()
    invoice = world.one("SalesInvoiceHeadersV2")
    assert (invoice["InvoiceAddressCity"], invoice["InvoiceAddressZipCode"]) == ("Redmond", "98052")


@virtual
async def test_customers_are_found_by_their_email(world: World) -> None:
    for company, email in (("usmf", "j@x.test"), ("demf", "J@x.test"), ("usmf", "k@x.test")):
        body = CUSTOMER | {"dataAreaId": company, "PrimaryContactEmail": email}
        await world.made("CustomersV3", body)

    async def found(text: str) -> list[str]:
        rows = await world.rows("CustomersV3", _filter=text, cross_company="true")
        return [row["CustomerAccount"] for row in rows]

    by_email = "PrimaryContactEmail eq 'j@x.test'"
    assert await found(by_email) == ["US-000001", "DE-000001"]
    assert await found(f"dataAreaId eq 'demf' and {by_email}") == ["DE-000001"]
    await world.patch(JENNY, PrimaryContactEmail="k@x.test")
    assert await found("PrimaryContactEmail eq 'k@x.test'") == ["US-000001", "US-000002"]


@pytest.mark.parametrize(
    ("status", "refused"),
    [("All", True), ("Payment", True), ("Invoice", False), ("Never", False), ("No", False)],
)
@virtual
async def test_a_hold_decides_about_payment_lines_when_they_are_written(
    world: World, status: str, *, refused: bool
) -> None:
    world.peer.block_customer("usmf", "US-001", status)
    batch = await world.journal()
    response = await world.post(LINES, RECEIPT | {"JournalBatchNumber": batch})
    assert (response.status_code == 400) is refused
    if refused:
        assert "Customer US-001 is on hold for" in infolog(response)
    general = await world.journal("Ledger")
    account = {"AccountType": "Cust", "AccountDisplayValue": "US\\-001"}
    await world.made("LedgerJournalLines", FEE | {"JournalBatchNumber": general} | account)


@virtual
async def test_a_draft_of_a_customer_put_on_hold_is_not_posted(world: World) -> None:
    await world.made(LINES, RECEIPT | {"JournalBatchNumber": await world.journal()})
    world.peer.block_customer("usmf", "US-001", "Payment")
    [result] = world.peer.post_journals()
    assert "Customer US-001 is on hold for payments." in result.reasons[0]


@virtual
async def test_methods_of_payment_exist_in_both_companies(world: World) -> None:
    wanted = ["STRCARD", "STRWALLET", "STRDEBIT", "STRBANK", "STRIPE"]
    for company in ("usmf", "demf"):
        found = world.peer.records("CustomerPaymentMethods", company)
        names = [row["Name"] for row in found]
        assert [name for name in wanted if name not in names] == []
        assert {row["BridgingPostingEnabled"] for row in found} == {"No"}
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    line = await world.made(LINES, body | {"PaymentMethodName": "strcard"})
    assert line["PaymentMethodName"] == "STRCARD"
    key = "CustomerPaymentMethods(dataAreaId='usmf',Name='STRCARD')"
    assert (await world.patch(key, BridgingPostingEnabled="Yes")).status_code == 204
    assert (await world.delete(key)).status_code == 204
    gone = await world.post(LINES, body | {"PaymentMethodName": "STRCARD"})
    assert "related table 'Customer payment method'" in infolog(gone)


@virtual
async def test_a_customer_with_documents_cannot_be_deleted(world: World) -> None:
    await world.order()
    await world.invoice(CustomerAccount="US-002")
    for account, entity_set in (
        ("US-001", "SalesOrderHeadersV2"),
        ("US-002", "CDSFreeTextInvoiceHeaders"),
    ):
        path = f"CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')"
        text = f"Records of {entity_set} refer to the customer."
        assert text in infolog(await world.delete(path))
    assert (await world.delete(path.replace("US-002", "US-003"))).status_code == 204


async def _history(world: World) -> None:
    """Something of everything for US-001: posted, open and draft."""
    await world.order({}, CustomersOrderReference="ch_1")
    await world.invoice({})
    world.peer.run_jobs()
    await world.order({}, CustomersOrderReference="ch_2")
    await world.invoice({}, ExternalInvoiceId="in_2")
    batch = await world.journal()
    mark = {"MarkedInvoice": "FTI-000001", "SettleVoucher": "SelectedTransact"}
    await world.made(LINES, RECEIPT | {"JournalBatchNumber": batch} | mark)
    general = await world.journal("Ledger")
    offset = {"OffsetAccountType": "Cust", "OffsetAccountDisplayValue": "US\\-001"}
    await world.made("LedgerJournalLines", FEE | {"JournalBatchNumber": general} | offset)


@virtual
async def test_merging_leaves_one_customer_with_everything(world: World) -> None:
    await _history(world)
    before = {line.account for line in world.peer.ledger().posted if line.account_type == "Cust"}
    assert before == {"US-001"}
    world.peer.merge_customers("usmf", "us-001", "US-002")
    assert (
        await world.get("CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')")
    ).status_code == 404
    world.peer.run_jobs()
    ledger = world.peer.ledger()
    assert {line.account for line in ledger.posted if line.account_type == "Cust"} == {"US-002"}
    transactions = world.peer.customer_transactions()
    assert {found.customer for found in transactions} == {"US-002"}
    assert [str(found.open_amount) for found in transactions if found.document == "FTI-000001"] == [
        "0"
    ]
    entries = await world.rows(
        "GeneralJournalAccountEntries", _filter="AccountDisplayValue eq 'US\\-001'"
    )
    assert entries == []
    line = world.one(LINES)
    assert (line["AccountDisplayValue"], line["CustomerName"]) == ("US\\-002", "Sample customer 2")
    assert {
        row["InvoiceCustomerAccountNumber"] for row in world.peer.records("SalesInvoiceHeadersV2")
    } == {"US-002"}
    number = await world.order(OrderingCustomerAccountNumber="US-002")
    body = ORDER_LINE | {"SalesOrderNumber": number}
    assert (await world.post("SalesOrderLinesV3", body)).status_code == 201


@virtual
async def test_merging_touches_one_company_only(world: World) -> None:
    for company in ("usmf", "demf"):
        await world.made("CustomersV3", CUSTOMER | {"dataAreaId": company, "CustomerAccount": "C1"})
        await world.made("CustomersV3", CUSTOMER | {"dataAreaId": company, "CustomerAccount": "C2"})
        await world.order(dataAreaId=company, OrderingCustomerAccountNumber="C1")
    world.peer.merge_customers("usmf", "C1", "C2")
    orders = [
        row["OrderingCustomerAccountNumber"] for row in world.peer.records("SalesOrderHeadersV2")
    ]
    assert orders == ["C2", "C1"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("usmf", "US-999", "US-001"), KeyError),
        (("usmf", "US-001", "US-999"), KeyError),
        (("demf", "US-001", "US-002"), KeyError),
        (("usmf", "US-001", "us-001"), ValueError),
    ],
)
@virtual
async def test_a_merge_that_makes_no_sense_is_refused(
    world: World, arguments: tuple[str, str, str], error: type[Exception]
) -> None:
    before = world.peer.records("CustomersV3")
    with pytest.raises(error):
        world.peer.merge_customers(*arguments)
    assert world.peer.records("CustomersV3") == before


@virtual
async def test_a_hold_that_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="'Maybe' is no hold; there are No, Invoice, All"):
        world.peer.block_customer("usmf", "US-001", "Maybe")
    with pytest.raises(KeyError, match="no customer US-999"):
        world.peer.block_customer("usmf", "US-999", "All")


@virtual
async def test_an_invoice_account_that_is_merged_into_its_customer_is_the_customer(
    world: World,
) -> None:
    path = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"
    await world.patch(path, InvoiceAccount="US-002")
    world.peer.merge_customers("usmf", "US-002", "US-001")
    record: dict[str, Any] = (await world.get(path)).json()
    assert record["InvoiceAccount"] == ""
