"""How keys, values, filters and accounts are rendered for Dynamics, and read back."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import simplejson
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.dynamics import odata
from shared.errors import Refused
from shared.ports import Lookup, Symbol, Value, Write

YES = Symbol("NoYes", "Yes")


def filter_of(target: str) -> str:
    return parse_qs(urlsplit(target).query)["$filter"][0]


def only_filter_of(lookup: Lookup) -> str:
    (target,) = odata.queries(lookup)
    return filter_of(target)


def body_of(write: Write) -> Any:
    return simplejson.loads(odata.operation_of(write).body, use_decimal=True)


def a_post(**fields: Any) -> Write:
    return Write("POST", "CustomerPaymentJournalLines", "usmf", fields)


def test_a_post_carries_its_company_and_spells_every_type() -> None:
    body = body_of(
        a_post(
            CreditAmount=Decimal("10.00"),
            LineNumber=7,
            TransactionDate=date(2026, 7, 15),
            IsPrepayment=Symbol("NoYes", "No"),
            TransactionText='Müller "&" Söhne\n日本',
        )
    )
    assert body == {
        "dataAreaId": "usmf",
        "CreditAmount": Decimal("10.00"),
        "LineNumber": 7,
        "TransactionDate": "2026-07-15T12:00:00Z",
        "IsPrepayment": "No",
        "TransactionText": 'Müller "&" Söhne\n日本',
    }


def test_a_body_is_one_line_so_that_no_boundary_can_occur_in_it() -> None:
    body = odata.operation_of(a_post(Text="a\r\n--batch_tieout--\r\nb")).body
    assert b"\n" not in body
    assert b"\r" not in body


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1E+3", "1000"), ("0.10", "0.10"), ("1E-7", "0.0000001"), ("-5", "-5"), ("12.30", "12.30")],
)
def test_an_amount_travels_as_plain_digits(amount: str, text: str) -> None:
    assert f'"Amount":{text}}}'.encode() in odata.operation_of(a_post(Amount=Decimal(amount))).body


@pytest.mark.parametrize(
    "value",
    [1.5, True, None, Decimal("NaN"), Decimal("Infinity"), [1], datetime(2026, 1, 1, tzinfo=UTC)],
)
def test_a_value_of_another_type_is_refused_by_name(value: Any) -> None:
    with pytest.raises(Refused, match="Amount"):
        odata.operation_of(a_post(Amount=value))


def test_half_a_character_is_refused_everywhere() -> None:
    broken = "a\ud800"
    with pytest.raises(Refused, match="Text"):
        odata.operation_of(a_post(Text=broken))
    with pytest.raises(Refused, match="Text"):
        list(odata.queries(Lookup("Sets", "usmf", equals={"Text": broken})))
    with pytest.raises(Refused, match="Key"):
        odata.operation_of(Write("PATCH", "Sets", "usmf", {"A": 1}, {"Key": broken}))


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (Write("POST", "Sets", "usmf", {"A": 1}, {"K": "1"}), "no key"),
        (Write("PATCH", "Sets", "usmf", {"A": 1}), "key is missing"),
        (Write("DELETE", "Sets", "usmf"), "key is missing"),
        (Write("DELETE", "Sets", "usmf", {"A": 1}, {"K": "1"}), "no fields"),
        (Write("POST", "Sets", "usmf", {"dataAreaId": "demf"}), "dataAreaId"),
        (Write("PATCH", "Sets", "usmf", {}, {"dataAreaId": "demf"}), "dataAreaId"),
        (Write("POST", "Sets?x=1", "usmf"), "not a name"),
        (Write("POST", "../Sets", "usmf"), "not a name"),
        (Write("POST", "Sets", "usmf", {"A B": 1}), "not a name"),
        (Write("PATCH", "Sets", "usmf", {}, {"K')": "1"}), "not a name"),
    ],
)
def test_a_write_that_makes_no_sense_is_refused(write: Write, text: str) -> None:
    with pytest.raises(Refused, match=text):
        odata.operation_of(write)


def test_a_patch_names_its_record_by_company_and_key() -> None:
    operation = odata.operation_of(
        Write(
            "PATCH",
            "CustomerPaymentJournalLines",
            "usmf",
            {"TransactionText": "x"},
            {"JournalBatchNumber": "O'Hara/1 #?", "LineNumber": Decimal("1.0")},
        )
    )
    path, _, query = operation.target.partition("?")
    assert query == "cross-company=true"
    assert unquote(path) == (
        "/data/CustomerPaymentJournalLines"
        "(dataAreaId='usmf',JournalBatchNumber='O''Hara/1 #?',LineNumber=1.0)"
    )
    assert not {" ", "#"} & set(path)
    assert path.count("/") == 2
    assert operation.body == b'{"TransactionText":"x"}'


def test_a_global_set_has_no_company() -> None:
    assert body_of(Write("POST", "Currencies", "", {"CurrencyCode": "USD"})) == {
        "CurrencyCode": "USD"
    }
    rate = Write("DELETE", "ExchangeRates", "", {}, {"StartDate": date(2026, 1, 2), "T": YES})
    assert unquote(odata.operation_of(rate).target) == (
        "/data/ExchangeRates(StartDate=2026-01-02T12:00:00Z,"
        "T=Microsoft.Dynamics.DataEntities.NoYes'Yes')"
    )


def test_a_lookup_becomes_one_filter() -> None:
    lookup = Lookup(
        "CustomerPaymentJournalLines",
        "usmf",
        equals={"JournalBatchNumber": "B'1", "IsPrepayment": YES},
        any_of=("PaymentId", ["txn_1:gross", "txn_2:gross"]),
        at_least={"TransactionDate": date(2026, 7, 1), "LineNumber": 3},
        at_most={"CreditAmount": Decimal("1E+2")},
        select=("PaymentId", "CreditAmount"),
    )
    (target,) = odata.queries(lookup)
    assert filter_of(target) == (
        "dataAreaId eq 'usmf' and JournalBatchNumber eq 'B''1'"
        " and IsPrepayment eq Microsoft.Dynamics.DataEntities.NoYes'Yes'"
        " and TransactionDate ge 2026-07-01T12:00:00Z and LineNumber ge 3"
        " and CreditAmount le 100"
        " and (PaymentId eq 'txn_1:gross' or PaymentId eq 'txn_2:gross')"
    )
    assert "cross-company=true" in target
    assert "$select=PaymentId,CreditAmount" in target
    assert " " not in target


def test_a_lookup_of_a_global_set_without_conditions_has_no_query() -> None:
    assert list(odata.queries(Lookup("Currencies", ""))) == ["/data/Currencies"]


def test_a_value_cannot_break_out_of_its_filter() -> None:
    text = "x' or '1' eq '1&$top=1#%27+é"
    assert only_filter_of(Lookup("Sets", "", equals={"A": text})) == (
        "A eq 'x'' or ''1'' eq ''1&$top=1#%27+é'"
    )


@pytest.mark.parametrize("value", ["*", "a*b"])
def test_a_wildcard_in_a_filter_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="wildcard"):
        list(odata.queries(Lookup("Sets", "usmf", equals={"A": value})))
    with pytest.raises(Refused, match="wildcard"):
        list(odata.queries(Lookup("Sets", "usmf", any_of=("A", [value]))))


def test_an_enum_has_no_order() -> None:
    with pytest.raises(Refused, match="equality"):
        list(odata.queries(Lookup("Sets", "usmf", at_least={"A": YES})))


def test_no_values_mean_no_request() -> None:
    assert list(odata.queries(Lookup("Sets", "usmf", any_of=("A", [])))) == []


def test_many_values_are_split_and_none_is_lost() -> None:
    values = [f"txn_{number:024}:gross" for number in range(250)]
    lookup = Lookup("Sets", "usmf", equals={"B": "x"}, any_of=("PaymentId", values))
    targets = list(odata.queries(lookup))
    assert len(targets) == 13
    assert all(len(urlsplit(target).query) <= odata.QUERY_CHARS_MAX for target in targets)
    filters = [filter_of(target) for target in targets]
    assert all(text.startswith("dataAreaId eq 'usmf' and B eq 'x' and (") for text in filters)
    assert all(text.count("PaymentId eq") <= odata.ANY_OF_VALUES_MAX for text in filters)
    assert [value for text in filters for value in values if value in text] == values


def test_long_values_are_split_by_the_length_of_the_query() -> None:
    values = [f"{number}" + "é" * 100 for number in range(12)]
    targets = list(odata.queries(Lookup("Sets", "usmf", any_of=("A", values))))
    assert len(targets) == 4
    assert all(len(urlsplit(target).query) <= odata.QUERY_CHARS_MAX for target in targets)


def test_a_value_longer_than_a_query_still_goes_alone() -> None:
    targets = list(odata.queries(Lookup("Sets", "usmf", any_of=("A", ["x" * 3000, "y"]))))
    assert len(targets) == 2


def test_values_that_dynamics_cannot_tell_apart_are_asked_once() -> None:
    lookup = Lookup("Sets", "", any_of=("A", ["txn_Ab", "txn_aB", "txn_Ab", "other"]))
    assert only_filter_of(lookup) == "(A eq 'txn_Ab' or A eq 'other')"


@pytest.mark.parametrize(
    ("fields", "rendered"),
    [
        ({"AccountType": Symbol("LedgerJournalACType", "Cust")}, r"US\-001"),
        ({"AccountType": "Bank"}, r"US\-001"),
        ({}, r"US\-001"),
        ({"AccountType": Symbol("LedgerJournalACType", "Ledger")}, "US-001"),
        ({"AccountType": "Ledger"}, "US-001"),
    ],
)
def test_an_account_is_one_segment_unless_it_is_a_ledger_account(
    fields: dict[str, Value], rendered: str
) -> None:
    sent = body_of(Write("POST", "Lines", "usmf", {**fields, "AccountDisplayValue": "US-001"}))
    assert sent["AccountDisplayValue"] == rendered
    asked = Lookup("Lines", "", equals={**fields, "AccountDisplayValue": "US-001"})
    assert f"AccountDisplayValue eq '{rendered}'" in only_filter_of(asked)
    assert odata.record_of(simplejson.dumps(sent).encode())["AccountDisplayValue"] == "US-001"


def test_the_offset_account_has_its_own_type_and_dimensions_stay() -> None:
    body = body_of(
        a_post(
            AccountType="Ledger",
            AccountDisplayValue="618900-001",
            OffsetAccountType="Bank",
            OffsetAccountDisplayValue="STRIPE-USD",
            DefaultDimensionDisplayValue="001-002-",
            MainAccountDisplayValue="618900-001",
        )
    )
    assert body["AccountDisplayValue"] == "618900-001"
    assert body["OffsetAccountDisplayValue"] == r"STRIPE\-USD"
    assert body["DefaultDimensionDisplayValue"] == "001-002-"
    assert body["MainAccountDisplayValue"] == "618900-001"


def test_another_delimiter_is_escaped_instead() -> None:
    write = a_post(AccountDisplayValue="US-001.2")
    assert rb"US-001\\.2" in odata.operation_of(write, ".").body


@given(st.text(alphabet="a-\\._|~"), st.sampled_from(odata.DELIMITERS))
def test_unescaping_undoes_escaping(account: str, delimiter: str) -> None:
    assert odata.unescaped(odata.escaped(account, delimiter), delimiter) == account


@given(st.text(max_size=40).filter(lambda text: "*" not in text))
def test_any_text_survives_the_query(text: str) -> None:
    try:
        (target,) = odata.queries(Lookup("Sets", "", equals={"A": text}))
    except Refused:
        assert any("\ud800" <= char <= "\udfff" for char in text)
        return
    assert target.isascii()
    assert unquote(target.partition("$filter=")[2]) == "A eq '" + text.replace("'", "''") + "'"


def test_a_page_is_read_without_annotations_and_with_exact_numbers() -> None:
    rows, next_link = odata.rows_of(
        rb'{"@odata.context":"x","value":[{"@odata.etag":"W/1","CreditAmount":10.10,"LineNumber":1,'
        rb'"AccountType":"Cust","AccountDisplayValue":"US\\-001","Name@odata.type":"x"}],'
        rb'"@odata.nextLink":"https://other/data/Sets?$skip=1"}'
    )
    assert rows == [
        {
            "CreditAmount": Decimal("10.10"),
            "LineNumber": 1,
            "AccountType": "Cust",
            "AccountDisplayValue": "US-001",
        }
    ]
    assert isinstance(rows[0]["CreditAmount"], Decimal)
    assert isinstance(rows[0]["LineNumber"], int)
    assert next_link == "https://other/data/Sets?$skip=1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"value":{}}',
        b'{"value":[1]}',
        b'{"value":[{"A":NaN}]}',
        b'{"value":[],"@odata.nextLink":7}',
        b"<html>",
        b"\xff\xfe",
    ],
)
def test_what_is_no_page_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (any of them)
        odata.rows_of(body)
