"""The Dynamics peer: creating, changing and deleting records, and how F&O refuses."""

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st

from local.dynamics.odata.errors import Refusal
from local.dynamics.odata.schema import tenant_schema
from local.dynamics.odata.values import load, read_json
from local.dynamics.tables.accounts import join, split
from tests.contract.test_dynamics_peer_rig import CUSTOMER, World, infolog, refusal, virtual

JENNY = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-000001')"


@virtual
async def test_a_created_record_comes_back_whole(world: World) -> None:
    response = await world.post("CustomersV3", CUSTOMER | {"StripeCustomerId_Custom": "cus_1"})
    assert response.status_code == 201
    record = response.json()
    assert record["CustomerAccount"] == "US-000001"
    assert record["StripeCustomerId_Custom"] == "cus_1"
    assert record["PrimaryContactEmail"] == ""
    assert record["OnHoldStatus"] == "No"
    assert record["PaymentTerms"] == "Net30", "from the customer group"
    assert record["NameAlias"] == "Jenny Rosen"
    dates = [
        name
        for name, kind in tenant_schema().set_of("CustomersV3").properties.items()
        if kind == "DateTimeOffset"
    ]
    assert {record[name] for name in dates} == {"1900-01-01T12:00:00Z"}
    assert len([name for name in record if name[0] != "@"]) == 310
    assert record["@odata.etag"].startswith('W/"')
    assert response.headers["location"].endswith("CustomerAccount='US-000001')")


@virtual
async def test_each_company_counts_its_customers_apart(world: World) -> None:
    first = await world.made("CustomersV3", CUSTOMER)
    german = await world.made("CustomersV3", CUSTOMER | {"dataAreaId": "DEMF"})
    second = await world.made("CustomersV3", CUSTOMER)
    accounts = [row["CustomerAccount"] for row in (first, german, second)]
    assert accounts == ["US-000001", "DE-000001", "US-000002"]
    assert german["dataAreaId"] == "demf"


@virtual
async def test_a_person_is_named_by_its_parts(world: World) -> None:
    parts = {"PartyType": "Person", "PersonFirstName": "Jenny", "PersonLastName": "Rosen"}
    body = {n: v for n, v in CUSTOMER.items() if n != "OrganizationName"} | parts
    record = await world.made("CustomersV3", body)
    assert record["OrganizationName"] == "Jenny Rosen"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dataAreaId": None}, "Field 'Company' must be filled in."),
        ({"dataAreaId": "frrt"}, "Company 'frrt' does not exist."),
        ({"CustomerGroupId": ""}, "Field 'Customer group' must be filled in."),
        ({"SalesCurrencyCode": None}, "Field 'Currency' must be filled in."),
        ({"OrganizationName": ""}, "Field 'Name' must be filled in."),
        ({"CustomerGroupId": "77"}, "is not found in the related table 'Customer groups'."),
        ({"SalesCurrencyCode": "XXX"}, "is not found in the related table 'Currencies'."),
        ({"PaymentTerms": "Never"}, "is not found in the related table 'Terms of payment'."),
        ({"NameAlias": "x" * 21}, "longer than the 20 characters"),
        ({"StripeCustomerId_Custom": "x" * 256}, "longer than the 255 characters"),
        ({"PartyType": "Robot"}, "Party type 'Robot' is not valid."),
        (
            {"CustomerAccount": "us-001"},
            "Cannot create a record in Customers (CustTable). Customer account: us-001. "
            "The record already exists.",
        ),
    ],
)
@virtual
async def test_a_customer_fo_would_refuse_is_refused(
    world: World, change: dict[str, str | None], text: str
) -> None:
    before = world.peer.records("CustomersV3")
    response = await world.post("CustomersV3", CUSTOMER | change)
    assert response.status_code == 400
    assert text in infolog(response)
    assert "type 'CustomerV3Entity'" in infolog(response)
    assert world.peer.records("CustomersV3") == before


@virtual
async def test_refused_writes_can_come_as_500_too(world: World) -> None:
    world.peer.settings.failure_status = 500
    response = await world.post("CustomersV3", CUSTOMER | {"CustomerGroupId": "77"})
    assert response.status_code == 500
    assert "related table" in infolog(response)


@virtual
async def test_text_too_long_can_be_cut_off_in_silence(world: World) -> None:
    world.peer.settings.over_long = "truncate"
    record = await world.made("CustomersV3", CUSTOMER | {"NameAlias": "x" * 21})
    assert record["NameAlias"] == "x" * 20


@virtual
async def test_numbers_of_callers_can_be_forbidden(world: World) -> None:
    world.peer.settings.manual_numbers = False
    response = await world.post("CustomersV3", CUSTOMER | {"CustomerAccount": "US-9"})
    assert "does not allow manual numbers" in infolog(response)
    body = {"dataAreaId": "usmf", "JournalName": "STRGL", "JournalBatchNumber": "MINE"}
    assert "manual numbers" in infolog(await world.post("LedgerJournalHeaders", body))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b'{"CustomerAccount": NaN}', "NaN is not a JSON number"),
        (b"[" * 2000, "nested too deeply"),
        (b'{"Nothing": 1}', "Could not find a property named 'Nothing'"),
        (b'{"customeraccount": "x"}', "Could not find a property named 'customeraccount'"),
        (b'{"CustomerAccount": 5}', "to the expected type 'Edm.String'"),
        (b'{"OnHoldStatus": "Maybe"}', "DataEntities.CustVendorBlocked'"),
        (b'{"OnHoldStatus": 1}', "DataEntities.CustVendorBlocked'"),
        (b'{"CreditLimit": "5"}', "to the expected type 'Edm.Decimal'"),
        (b'{"CreditLimit": true}', "to the expected type 'Edm.Decimal'"),
        (b'{"CreditLimit": 1e400}', "too large for a Decimal"),
        (b'{"PersonChildrenNames": "\\u0000"}', "not allowed"),
    ],
)
@virtual
async def test_a_payload_that_cannot_be_read_is_refused(
    world: World, body: bytes, text: str
) -> None:
    response = await world.http.post("/data/CustomersV3", content=body)
    assert response.status_code == 400
    assert text in refusal(response)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(tenant_schema().set_of("LedgerJournalLines").properties)),
    JSON,
    st.binary(max_size=40),
)
def test_no_payload_whatsoever_crashes_the_peer(name: str, value: object, raw: bytes) -> None:
    for body in (simplejson.dumps({name: value}).encode(), raw):
        try:
            for key, loaded in read_json(body).items():
                load(tenant_schema(), tenant_schema().set_of("LedgerJournalLines"), key, loaded)
        except Refusal as error:
            assert error.status == 400  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-07-23", "2026-07-23T12:00:00Z"),
        ("2026-07-23T00:00:00Z", "2026-07-23T12:00:00Z"),
        ("2026-07-23T12:00:00Z", "2026-07-23T12:00:00Z"),
        ("2026-07-23T23:30:00-02:00", "2026-07-24T12:00:00Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T12:00:00Z"),
        (None, "1900-01-01T12:00:00Z"),
    ],
)
@virtual
async def test_dates_come_back_at_noon(world: World, sent: str | None, stored: str) -> None:
    body = {"dataAreaId": "usmf", "BankAccountId": "NEW", "CurrencyCode": "USD"}
    body |= {"BankMainAccountIdDisplayValue": "110110", "PositivePayStartDate": sent}  # type: ignore[dict-item]
    record = await world.made("BankAccounts", body)
    assert record["PositivePayStartDate"] == stored


@pytest.mark.parametrize("sent", ["", "23.07.2026", "2026-02-30", "2026-07-23T12:00:00", 5])
@virtual
async def test_a_date_that_is_none_is_refused(world: World, sent: str | int) -> None:
    body = {"dataAreaId": "usmf", "BankAccountId": "NEW", "PositivePayStartDate": sent}
    response = await world.post("BankAccounts", body)
    assert "Edm.DateTimeOffset" in refusal(response)


@virtual
async def test_a_change_answers_204_and_only_changes_what_it_names(world: World) -> None:
    before = await world.made("CustomersV3", CUSTOMER)
    response = await world.http.patch(f"/data/{JENNY}", json={"PrimaryContactEmail": "j@x.test"})
    assert (response.status_code, response.content) == (204, b"")
    after = (await world.get(JENNY)).json()
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["@odata.etag", "PrimaryContactEmail"]
    whole = await world.http.patch(
        f"/data/{JENNY}", json={"LanguageId": "de"}, headers={"Prefer": "return=representation"}
    )
    assert (whole.status_code, whole.json()["LanguageId"]) == (200, "de")


@virtual
async def test_there_is_no_upsert(world: World) -> None:
    response = await world.http.patch(f"/data/{JENNY}", json={"LanguageId": "de"})
    assert response.status_code == 404
    assert (await world.http.delete(f"/data/{JENNY}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"CustomerAccount": "US-7"}, "Field 'Customer account' does not allow editing."),
        ({"CustomerGroupId": ""}, "Field 'Customer group' must be filled in."),
        ({"CustomerGroupId": "77"}, "related table 'Customer groups'"),
        ({"OrganizationName": ""}, "Field 'Name' must be filled in."),
        ({"NameAlias": "x" * 21}, "longer than the 20 characters"),
    ],
)
@virtual
async def test_a_change_fo_would_refuse_is_refused(
    world: World, change: dict[str, str], text: str
) -> None:
    await world.made("CustomersV3", CUSTOMER)
    before = world.peer.records("CustomersV3")
    response = await world.http.patch(f"/data/{JENNY}", json=change)
    assert text in infolog(response)
    assert world.peer.records("CustomersV3") == before


@virtual
async def test_the_same_key_in_a_change_is_no_change_of_it(world: World) -> None:
    await world.made("CustomersV3", CUSTOMER)
    body = {"dataAreaId": "usmf", "CustomerAccount": "US-000001", "LanguageId": "de"}
    assert (await world.http.patch(f"/data/{JENNY}", json=body)).status_code == 204


@virtual
async def test_a_stale_etag_is_refused(world: World) -> None:
    etag = (await world.made("CustomersV3", CUSTOMER))["@odata.etag"]

    async def patch(tag: str) -> int:
        headers = {"If-Match": tag}
        change = {"LanguageId": "de"}
        return (await world.http.patch(f"/data/{JENNY}", json=change, headers=headers)).status_code

    assert [await patch(tag) for tag in (etag, etag, "*", 'W/"x"')] == [204, 412, 204, 412]
    stale = await world.http.delete(f"/data/{JENNY}", headers={"If-Match": etag})
    assert stale.status_code == 412
    assert (await world.http.delete(f"/data/{JENNY}")).status_code == 204
    assert (await world.get(JENNY)).status_code == 404


@pytest.mark.parametrize("name", ["SalesOrderLines", "CustomersV2", "TaxCodes", "Warehouses"])
@virtual
async def test_writing_what_the_peer_does_not_know_is_refused_loudly(
    world: World, name: str
) -> None:
    response = await world.post(name, {"dataAreaId": "usmf"})
    assert response.status_code == 501
    assert refusal(response) == f"Writing to {name} is not supported by this peer."


@virtual
async def test_creating_what_the_peer_only_lets_change_is_refused_loudly(world: World) -> None:
    response = await world.post("FreeTextInvoiceHeaders", {"dataAreaId": "usmf"})
    assert response.status_code == 501
    assert refusal(response) == "Creating FreeTextInvoiceHeaders is not supported by this peer."


@virtual
async def test_the_ledger_entity_is_read_only(world: World) -> None:
    response = await world.post("GeneralJournalAccountEntries", {"dataAreaId": "usmf"})
    assert response.status_code == 405
    assert (await world.get("$metadata")).status_code == 501


@settings(deadline=None)
@given(
    st.lists(st.text(alphabet="ab-_.|~ 1", max_size=6), min_size=1, max_size=4),
    st.sampled_from(["-", "_", ".", "|", "~", "--"]),
)
def test_escaped_segments_survive_the_way_there_and_back(parts: list[str], delimiter: str) -> None:
    joined = join(parts, delimiter)
    if len(delimiter) == 1:
        assert split(joined, delimiter) == parts


def test_a_hyphen_in_an_account_must_be_escaped() -> None:
    assert join(["US-001"], "-") == "US\\-001"
    assert split("US\\-001", "-") == ["US-001"]
    assert split("US-001", "-") == ["US", "001"]
    assert split("618900-026-", "-") == ["618900", "026", ""]
    assert split("US-001", "|") == ["US-001"]


@virtual
async def test_the_delimiter_of_the_tenant_is_readable(world: World) -> None:
    rows = await world.rows("DimensionParameters")
    assert rows[0]["DimensionSegmentDelimiter"] == "Hyphen"
