"""The Dynamics peer: addresses, companies, filters, pages, as F&O reads."""

from decimal import Decimal
from typing import Any

import pytest
import simplejson
from hypothesis import given, settings
from hypothesis import strategies as st

from local.dynamics.odata.errors import Refusal
from local.dynamics.odata.filters import compile_filter
from local.dynamics.odata.query import parse_key, parse_options, parse_target
from local.dynamics.odata.schema import tenant_schema
from tests.contract.test_dynamics_peer_rig import (
    CUSTOMER,
    FEE,
    RECEIPT,
    World,
    refusal,
    virtual,
)

LINES = tenant_schema().set_of("CustomerPaymentJournalLines")


@pytest.mark.parametrize("name", ["customersv3", "Customer", "CustomerV3", "GeneralJournalEntries"])
@virtual
async def test_an_unknown_entity_set_is_not_found(world: World, name: str) -> None:
    response = await world.get(name)
    assert response.status_code == 404
    assert refusal(response) == f"Resource not found for the segment '{name}'."


@pytest.mark.parametrize(
    "options",
    [
        {"_select": "customeraccount"},
        {"_filter": "Stripe eq 'x'"},
        {"_orderby": "Nothing desc"},
        {"_select": "CustomerAccount,Nothing"},
    ],
)
@virtual
async def test_an_unknown_property_is_refused(world: World, options: dict[str, str]) -> None:
    response = await world.get("CustomersV3", **options)
    assert response.status_code == 400
    text = refusal(response)
    assert "Could not find a property named '" in text
    assert "on type 'Microsoft.Dynamics.DataEntities.CustomerV3'" in text


@virtual
async def test_every_known_entity_set_can_be_read(world: World) -> None:
    root = await world.http.get("/data")
    names = [entry["name"] for entry in root.json()["value"]]
    assert len(names) == 73
    for name in names:
        response = await world.get(name, _top="1", cross_company="true")
        assert response.status_code == 200, name


@virtual
async def test_a_read_sees_the_default_company_unless_it_crosses(world: World) -> None:
    own = await world.rows("BankAccounts")
    every = await world.http.get("/data/BankAccounts?cross-company=true")
    assert {row["dataAreaId"] for row in own} == {"usmf"}
    assert [row["dataAreaId"] for row in every.json()["value"]] == ["usmf"] * 8 + ["demf"] * 5
    other = await world.rows("BankAccounts", _filter="dataAreaId eq 'demf'")
    assert other == []
    both = "/data/BankAccounts?cross-company=true&$filter=dataAreaId eq 'DEMF'"
    assert len((await world.http.get(both)).json()["value"]) == 5


@virtual
async def test_a_record_of_another_company_needs_crossing_too(world: World) -> None:
    path = "CustomersV3(dataAreaId='demf',CustomerAccount='DE-001')"
    assert (await world.get(path)).status_code == 404
    response = await world.http.get(f"/data/{path}?cross-company=true")
    assert response.json()["CustomerAccount"] == "DE-001"


@virtual
async def test_a_record_is_read_by_its_composite_key(world: World) -> None:
    for key in (
        "dataAreaId='usmf',CustomerAccount='US-001'",
        "CustomerAccount='us-001', dataAreaId='USMF'",
        "dataAreaId=%27usmf%27,CustomerAccount=%27US%2D001%27",
    ):
        response = await world.get(f"CustomersV3({key})")
        assert response.json()["CustomerAccount"] == "US-001"
    response = await world.get("Currencies('EUR')")
    assert response.json()["CurrencyCode"] == "EUR"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "dataAreaId='usmf'",
        "dataAreaId='usmf',CustomerAccount=5",
        "dataAreaId='usmf',CustomerAccount='a',Name='b'",
        "dataAreaId='usmf',dataAreaId='usmf'",
        "dataAreaId='usmf',CustomerAccount='a",
        "dataAreaId='usmf',CustomerAccount='a',",
        "'usmf','US-001'",
    ],
)
@virtual
async def test_a_wrong_key_is_refused(world: World, key: str) -> None:
    assert (await world.get(f"CustomersV3({key})")).status_code == 400


@virtual
async def test_a_quote_in_a_key_is_doubled(world: World) -> None:
    await world.made("CustomersV3", CUSTOMER | {"CustomerAccount": "O'Neil/1"})
    path = "CustomersV3(dataAreaId='usmf',CustomerAccount='O''Neil%2F1')"
    response = await world.get(path, _select="CustomerAccount")
    assert response.json()["CustomerAccount"] == "O'Neil/1"


async def _lines(world: World) -> None:
    batch = await world.journal()
    for number, amount in enumerate(("10.10", "20", "30.5"), start=1):
        day = f"2026-07-0{number}"
        body = RECEIPT | {"JournalBatchNumber": batch, "CreditAmount": Decimal(amount)}
        body |= {"PaymentId": f"txn_{number}:gross", "TransactionDate": day}
        content = simplejson.dumps(body)
        assert (await world.http.post(f"/data/{LINES.name}", content=content)).status_code == 201


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        ("PaymentId eq 'txn_1:gross'", [1]),
        ("PaymentId eq 'TXN_1:GROSS'", [1]),
        ("PaymentId eq 'txn_*'", [1, 2, 3]),
        ("PaymentId eq '*_2:*'", [2]),
        ("PaymentId ne '*_2:*'", [1, 3]),
        ("PaymentId eq 'txn'", []),
        ("PaymentId eq 'txn_1:gross' or PaymentId eq 'txn_3:gross'", [1, 3]),
        ("PaymentId gt 'txn_1:gross' and PaymentId lt 'txn_3:gross'", [2]),
        ("not (LineNumber eq 2)", [1, 3]),
        ("not LineNumber eq 2 and LineNumber ge 2", [3]),
        ("LineNumber eq 1 or LineNumber eq 2 and LineNumber eq 3", [1]),
        ("CreditAmount eq 10.10", [1]),
        ("CreditAmount mul 2 eq 40", [2]),
        ("CreditAmount add 1 sub 0.5 gt 20 and CreditAmount div 2 lt 15", [2]),
        ("LineNumber mod 2 eq 1", [1, 3]),
        ("-LineNumber lt -2", [3]),
        ("LineNumber sub -1 eq 2", [1]),
        ("TransactionDate eq 2026-07-02T12:00:00Z", [2]),
        ("TransactionDate ge 2026-07-02", [2, 3]),
        ("TransactionDate gt 2026-07-02T14:00:00+02:00", [3]),
        ("AccountType eq Microsoft.Dynamics.DataEntities.LedgerJournalACType'Cust'", [1, 2, 3]),
        ("Microsoft.Dynamics.DataEntities.LedgerJournalACType'Bank' eq AccountType", []),
        ("IsPrepayment ne Microsoft.Dynamics.DataEntities.NoYes'Yes'", [1, 2, 3]),
        ("dataAreaId eq 'usmf' and JournalBatchNumber eq 'usmf-000001'", [1, 2, 3]),
        ("dataAreaId eq 'usmf' and JournalBatchNumber eq 'USMF-000002'", []),
        ("PaymentId eq AccountDisplayValue", []),
        ("PaymentId eq null", []),
        ("PaymentNotes eq ''", [1, 2, 3]),
        ("AccountDisplayValue eq 'US\\-001'", [1, 2, 3]),
        ("true", [1, 2, 3]),
        ("(((LineNumber eq 1)))", [1]),
    ],
)
@virtual
async def test_a_filter_selects(world: World, source: str, numbers: list[int]) -> None:
    await _lines(world)
    rows = await world.rows(LINES.name, _filter=source, _select="LineNumber")
    assert [row["LineNumber"] for row in rows] == numbers


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("PaymentId in ('a','b')", "Syntax error at position 10"),
        ("AccountType has Microsoft.Dynamics.DataEntities.NoYes'Yes'", "Syntax error"),
        ("contains(PaymentId,'a')", "The function 'contains' is not supported"),
        ("startswith(PaymentId,'a') eq true", "The function 'startswith' is not supported"),
        ("AccountType eq 'Cust'", "incompatible types"),
        ("AccountType gt Microsoft.Dynamics.DataEntities.LedgerJournalACType'Cust'", "GreaterThan"),
        ("IsPrepayment eq Microsoft.Dynamics.DataEntities.LedgerJournalACType'Cust'", "NoYes"),
        ("IsPrepayment eq Microsoft.Dynamics.DataEntities.NoYes'Maybe'", "not a valid enumeration"),
        ("IsPrepayment eq Other.NoYes'Yes'", "is not known"),
        ("PaymentId eq 5", "Edm.String' and 'Edm.Decimal"),
        ("CreditAmount eq '5'", "incompatible types"),
        ("TransactionDate eq '2026-07-01'", "incompatible types"),
        ("TransactionDate eq 2026-13-01", "Syntax error"),
        ("PaymentId", "must evaluate to a single boolean"),
        ("PaymentId add 'x' eq 'y'", "needs numbers"),
        ("not PaymentId", "boolean"),
        ("LineNumber eq 1 and PaymentId", "boolean"),
        ("CreditAmount div 0 eq 1", "arithmetic"),
        ("PaymentId eq 'open", "Syntax error"),
        ("PaymentId eq", "Syntax error"),
        ("PaymentId == 'a'", "Syntax error"),
        ("(PaymentId eq 'a'", "Syntax error"),
        ("PaymentId eq 'a')", "Syntax error"),
        ("PaymentId eq 'a' PaymentId eq 'b'", "Syntax error"),
        ("Header/Name eq 'a'", "navigation"),
        ("(" * 50 + "true" + ")" * 50, "nested too deeply"),
        ("not " * 50 + "true", "nested too deeply"),
        ("-" * 50 + "1 eq 1", "nested too deeply"),
    ],
)
@virtual
async def test_a_filter_that_fo_does_not_know_is_refused(
    world: World, source: str, text: str
) -> None:
    await _lines(world)
    response = await world.get(LINES.name, _filter=source)
    assert response.status_code == 400
    assert text in refusal(response)


VOCABULARY = (
    "PaymentId CreditAmount IsPrepayment eq ne gt and or not ( ) add div mod mul - 'a*' '' ' 5 0 "
    "1.5 2026-07-01 null true in has contains( , / Microsoft.Dynamics.DataEntities.NoYes'Yes'"
)
WORDS = st.sampled_from(VOCABULARY.split())


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=30).map(" ".join), st.text(max_size=60)))
def test_no_filter_whatsoever_crashes_the_peer(source: str) -> None:
    try:
        wanted = compile_filter(source, LINES, tenant_schema())
        assert wanted.matches(dict(LINES.blank)) in (True, False)
    except Refusal as error:
        assert error.status == 400  # noqa: PT017 - either outcome is right


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_address_whatsoever_crashes_the_peer(text: str) -> None:
    readers: list[Any] = [
        parse_target,
        lambda source: parse_key(source, LINES, tenant_schema()),
        lambda source: parse_options(source, LINES),
        lambda source: parse_options(f"$orderby={source}", LINES),
        lambda source: parse_options(f"$expand={source}&$top={source}", LINES),
    ]
    for read in readers:
        try:
            read(text)
        except Refusal as error:
            assert error.status == 400  # noqa: PT017 - either outcome is right


@virtual
async def test_pages_follow_the_next_link_to_the_end(world: World) -> None:
    world.peer.settings.page_rows_max = 50
    path = "/data/Currencies?$select=CurrencyCode&$orderby=CurrencyCode desc&$count=true"
    codes: list[str] = []
    pages = 0
    while path:
        page = (await world.http.get(path)).json()
        codes += [row["CurrencyCode"] for row in page["value"]]
        link = page.get("@odata.nextLink", "")
        assert not link.startswith("http://127.0.0.1"), "the link names another host"
        path = link[link.index("/data/") :] if link else ""
        pages += 1
    assert codes == sorted(r["CurrencyCode"] for r in world.peer.records("Currencies"))[::-1]
    assert pages == -(-len(codes) // 50)


@virtual
async def test_top_and_skip_cut_and_a_page_keeps_the_rest_of_top(world: World) -> None:
    world.peer.settings.page_rows_max = 3
    order = {"_orderby": "CurrencyCode", "_select": "CurrencyCode"}
    all_codes = sorted(row["CurrencyCode"] for row in world.peer.records("Currencies"))
    page = (await world.get("Currencies", _top="4", _skip="2", _count="true", **order)).json()
    assert page["@odata.count"] == len(all_codes)
    rest = page["@odata.nextLink"]
    rest = (await world.http.get(rest[rest.index("/data/") :])).json()
    assert "@odata.nextLink" not in rest
    codes = [row["CurrencyCode"] for row in page["value"] + rest["value"]]
    assert codes == all_codes[2:6]
    assert (await world.rows("Currencies", _skip="100000")) == []
    assert (await world.get("Currencies/$count")).text == str(len(all_codes))


@pytest.mark.parametrize(
    "query",
    [
        "$top=-1",
        "$top=x",
        "$skip=1.5",
        "$count=yes",
        "$search=x",
        "$apply=y",
        "$top=1&$top=2",
        "$orderby=CurrencyCode up",
        "$skiptoken=abc",
        "$expand=Nothing",
        "$filter=%FF",
        "$top=99999999999",
    ],
)
@virtual
async def test_a_query_option_that_makes_no_sense_is_refused(world: World, query: str) -> None:
    assert (await world.http.get(f"/data/Currencies?{query}")).status_code == 400


@virtual
async def test_lines_expand_from_their_header(world: World) -> None:
    batch = await world.journal("Ledger")
    await world.made("LedgerJournalLines", FEE | {"JournalBatchNumber": batch})
    rows = await world.rows(
        "LedgerJournalHeaders", _expand="LedgerJournalLine($select=LineNumber,DebitAmount)"
    )
    lines = [
        {n: v for n, v in line.items() if n[0] != "@"} for line in rows[0]["LedgerJournalLine"]
    ]
    assert lines == [{"LineNumber": 1, "DebitAmount": 1.23}]
    deep = await world.get("LedgerJournalHeaders", _expand="LedgerJournalLine($expand=x)")
    assert deep.status_code == 400


@virtual
async def test_amounts_travel_exactly(world: World) -> None:
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch, "CreditAmount": Decimal("99999999999999.07")}
    await world.http.post(f"/data/{LINES.name}", content=simplejson.dumps(body))
    response = await world.get(LINES.name)
    value = simplejson.loads(response.content, use_decimal=True)["value"][0]
    assert value["CreditAmount"] == Decimal("99999999999999.07")
