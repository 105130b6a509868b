"""The tax of a sale by its key, and what a refund takes of it."""

import json
from decimal import Decimal
from typing import Any

import pytest

from shared.entities.charge.sale_lines import lines_of
from shared.entities.common.sale_line import SaleLine, parts_of, with_parts
from shared.entities.common.sale_tax import NO_TAX, LineTax, TaxKey, rate_text, told
from shared.entities.common.sales_documents import CreditMemoLine, SalesOrderLine
from shared.errors import Parked
from shared.policy import Orders
from tests.unit.entities.objects import Json
from tests.unit.entities.sales import Shop, given_back, line_item, session, sold_charge

VAT_7 = TaxKey("DE", "vat", "7", "reduced_rated")
VAT_19 = TaxKey("DE", "vat", "19", "standard_rated")


def tax(key: TaxKey, amount: int, **changes: Any) -> Json:
    """A tax of a line item, as Stripe shows it when it is expanded."""
    rate = {
        "id": f"txr_{key.rate}",
        "object": "tax_rate",
        "country": key.jurisdiction or None,
        "effective_percentage": None,
        "inclusive": key.inclusive,
        "jurisdiction": None,
        "jurisdiction_level": None,
        "percentage": float(key.rate),
        "rate_type": "percentage",
        "state": None,
        "tax_type": key.type or None,
    }
    return {
        "amount": amount,
        "rate": rate | changes,
        "taxability_reason": key.reason or None,
        "taxable_amount": 0,
    }


def item(number: int, net: int, *taxes: Json, **changes: Any) -> Json:
    """A line item over a net amount, with taxes on top."""
    amount = sum(each["amount"] for each in taxes)
    said = {"amount_subtotal": net, "amount_tax": amount, "amount_total": net + amount}
    return line_item(number, **said, currency="eur", taxes=list(taxes)) | changes


def sold(held: Json, amount: int) -> tuple[SaleLine, ...]:
    return lines_of(sold_charge(amount, "eur"), held, Orders())


BOOK, LAMP = item(1, 2_000, tax(VAT_7, 140)), item(2, 10_000, tax(VAT_19, 1_900))
BASKET = session([BOOK, LAMP], "eur")


def invoiced_basket(*refunds: Json) -> Shop:
    """A book of 20.00 with 7 % and a lamp of 100.00 with 19 %, invoiced and then refunded."""
    shop = Shop(sold_charge(14_040, "eur"), BASKET)
    shop.book()
    shop.invoiced += list(shop.lines())
    for number in range(1, len(refunds) + 1):
        shop.refund(refunds[:number])
        shop.book()
    return shop


def credits_of(shop: Shop) -> dict[str, list[tuple[str, str, int]]]:
    """What credit memos give back: account, tax key and amount by refund."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for link in shop.links.values():
        line = link.record.document
        if isinstance(line, CreditMemoLine):
            entry = (line.account.role.value, line.tax.key, line.amount.minor)
            found.setdefault(line.memo, []).append(entry)
    return found


def by_line(number: int, amount: int, line: int) -> Json:
    return given_back(number, amount) | {"metadata": {"lines": json.dumps({line: amount})}}


# --- what Stripe tells ----------------------------------------------------------------------


def test_each_tax_key_is_a_line_of_the_order() -> None:
    lines = sold(BASKET, 14_040)
    assert [(line.number, line.kind, line.worth, line.text) for line in lines] == [
        (1, "goods", 2_000, "Thing 1"),
        (2, "goods", 10_000, "Thing 2"),
        (3, "tax", 140, "Tax DE vat 7 %"),
        (4, "tax", 1_900, "Tax DE vat 19 %"),
    ]
    assert [line.tax for line in lines[2:]] == [VAT_7, VAT_19]
    assert lines[0].taxes == (LineTax(VAT_7, 140),)


@pytest.mark.parametrize(
    ("changes", "jurisdiction", "rate"),
    [
        ({"country": "US", "state": "NY"}, "US-NY", "7"),
        (
            {
                "country": "US",
                "state": "NY",
                "jurisdiction": "Kings",
                "jurisdiction_level": "county",
            },
            "US-NY-Kings",
            "7",
        ),
        ({"country": None, "jurisdiction": "EU / OSS"}, "EU   OSS", "7"),
        ({"effective_percentage": 8.875}, "DE", "8.875"),
        ({"effective_percentage": 0.0}, "DE", "0"),
        ({"percentage": "20.0"}, "DE", "20"),
        ({"rate_type": "flat_amount", "percentage": 0}, "DE", "flat"),
    ],
)
def test_a_key_tells_the_place_and_the_rate_that_was_used(
    changes: Json, jurisdiction: str, rate: str
) -> None:
    held = session([item(1, 2_000, tax(VAT_7, 140, **changes))], "eur")
    [key] = sold(held, 2_140)[0].keys
    assert (key.jurisdiction, key.rate) == (jurisdiction, rate)


@pytest.mark.parametrize(
    ("reason", "exempt", "shown"),
    [
        ("reverse_charge", "none", True),
        ("zero_rated", "none", True),
        ("product_exempt", "none", True),
        ("reverse_charge", "reverse", False),
        ("customer_exempt", "exempt", False),
    ],
)
def test_a_line_taxed_at_nothing_keeps_its_reason(reason: str, exempt: str, shown: bool) -> None:
    zero = TaxKey("DE" if shown else "", "vat" if shown else "", "0", reason)
    taxes = [tax(zero, 0)] if shown else []
    held = session(
        [item(1, 2_000, *taxes)], "eur", customer_details={"tax_exempt": exempt, "email": None}
    )
    shop = Shop(sold_charge(2_000, "eur"), held)
    shop.book()
    assert list(shop.lines()) == [1], "no line of nothing"
    line = shop.lines()[1].document
    assert isinstance(line, SalesOrderLine)
    assert (line.tax.key, line.tax.reason, line.tax.rate) == (zero.text, reason, "0")
    shop.invoiced.append(1)
    shop.refund([given_back(1, 500)])
    shop.book()
    assert credits_of(shop) == {"re_1": [("sales_returns", zero.text, -500)]}


def test_a_line_with_several_taxes_has_a_part_on_each_of_their_lines() -> None:
    state, city = TaxKey("US-NY", "sales_tax", "4"), TaxKey("US-NY", "sales_tax", "4.5")
    taxes = [tax(state, 40, country="US", state="NY"), tax(city, 45, country="US", state="NY")]
    lines = sold(session([item(1, 1_000, *taxes)], "eur"), 1_085)
    assert [line.worth for line in lines] == [1_000, 40, 45]
    assert told(lines[0].keys).rate == "4.5 + 4"
    assert told(lines[0].keys).jurisdiction == "US-NY"


def test_a_session_that_shows_no_rates_still_tells_the_tax_of_each_line() -> None:
    """As versions before `taxes` could be expanded, and as exports have it."""
    bare = [{**BOOK, "taxes": None}, {**LAMP, "taxes": []}]
    lines = sold(session(bare, "eur"), 14_040)
    assert [(line.kind, line.worth) for line in lines[2:]] == [("tax", 2_040)]
    assert [line.taxes[0].amount for line in lines[:2]] == [140, 1_900]
    assert lines[2].text == "Tax"


def test_a_rate_that_is_not_expanded_leaves_the_reason() -> None:
    entry = {**tax(VAT_7, 140), "rate": "txr_1"}
    [key] = sold(session([item(1, 2_000, entry)], "eur"), 2_140)[0].keys
    assert key.text == "-/-/-/reduced_rated/exclusive"


@pytest.mark.parametrize("inclusive", [False, True])
def test_tax_that_only_the_list_of_taxes_tells_is_read_there(inclusive: bool) -> None:
    key = TaxKey("DE", "vat", "7", "reduced_rated", inclusive=inclusive)
    line = item(1, 2_000, tax(key, 140), amount_tax=None)
    total = 2_140
    line["amount_subtotal"] = total if inclusive else 2_000
    details = {"amount_tax": 140}
    lines = sold(session([line], "eur", total_details=details), total)
    assert [each.worth for each in lines] == [2_000, 140]


@pytest.mark.parametrize(
    "taxes",
    [
        ["tax"],
        [{"rate": None}],
        [tax(VAT_7, -1), tax(VAT_19, 141)],
        [tax(VAT_7, 139)],
        [tax(VAT_7, 141)],
        [tax(VAT_7, 140, percentage=None)],
        [tax(VAT_7, 140, percentage=float("nan"))],
        [tax(VAT_7, 140, percentage="many")],
        [tax(VAT_7, 14)] * 11,
    ],
)
def test_taxes_that_cannot_be_read_park(taxes: list[Any]) -> None:
    line = {**BOOK, "taxes": taxes}
    with pytest.raises(Parked) as parked:
        sold(session([line], "eur"), 2_140)
    assert parked.value.cause == "unreadable_object"


@pytest.mark.parametrize("value", [True, "", "-1", -0.5, 1_001, None, [], float("inf")])
def test_what_is_no_percentage_is_no_rate(value: object) -> None:
    assert rate_text(value) is None


def test_a_line_without_tax_tells_none() -> None:
    assert told(()) == NO_TAX


# --- what metadata tells --------------------------------------------------------------------


def test_metadata_tells_tax_and_rate_of_each_line() -> None:
    items = [
        {"item": "BOOK", "amount": 2_000, "tax": 140, "rate": 7, "tax_type": "vat"},
        {"item": "LAMP", "amount": 10_000, "tax": 1_900, "rate": "19.0", "jurisdiction": "DE"},
        {"item": "EXPORT", "amount": 500, "rate": 0, "reason": "zero_rated"},
    ]
    found = sold_charge(14_540, "eur", metadata={"items": json.dumps(items)})
    lines = lines_of(found, {}, Orders())
    assert [(line.kind, line.worth) for line in lines[3:]] == [("tax", 140), ("tax", 1_900)]
    assert [line.keys[0].text for line in lines[:3]] == [
        "-/vat/7/-/exclusive",
        "DE/-/19/-/exclusive",
        "-/-/0/zero_rated/exclusive",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"tax": -1},
        {"tax": 1.5},
        {"tax": "140"},
        {"tax": 10**13},
        {"rate": "many", "tax": 140},
        {"rate": 19},
        {"tax": 140, "kind": "tax"},
        {"tax": True},
    ],
)
def test_tax_in_metadata_that_cannot_be_read_parks(entry: Json) -> None:
    items = json.dumps([{"item": "BOOK", "amount": 2_000, **entry}])
    with pytest.raises(Parked) as parked:
        lines_of(sold_charge(2_140, "eur", metadata={"items": items}), {}, Orders())
    assert parked.value.cause == "metadata_items_unreadable"


# --- what a refund takes --------------------------------------------------------------------


def test_a_book_returned_out_of_a_mixed_basket_credits_seven_percent() -> None:
    shop = invoiced_basket(by_line(1, 2_140, 1))
    assert credits_of(shop) == {
        "re_1": [("sales_returns", VAT_7.text, -2_000), ("sales_tax", VAT_7.text, -140)]
    }
    assert shop.credited() == Decimal("-21.40")


def test_partial_refunds_of_a_line_credit_its_tax_and_no_cent_more() -> None:
    shop = invoiced_basket(*(by_line(n, amount, 1) for n, amount in ((1, 700), (2, 701), (3, 739))))
    found = credits_of(shop)
    assert [
        entry for entries in found.values() for entry in entries if entry[0] == "sales_tax"
    ] == [
        ("sales_tax", VAT_7.text, -46),
        ("sales_tax", VAT_7.text, -46),
        ("sales_tax", VAT_7.text, -48),
    ]
    assert shop.credited() == Decimal("-21.40")


def test_a_refund_that_names_no_lines_credits_both_rates() -> None:
    found = credits_of(invoiced_basket(given_back(1, 2_140)))
    assert found == {
        "re_1": [
            ("sales_returns", VAT_7.text, -305),
            ("sales_returns", VAT_19.text, -1_524),
            ("sales_tax", VAT_7.text, -21),
            ("sales_tax", VAT_19.text, -290),
        ]
    }


def test_a_credit_that_failed_gives_back_the_tax_of_its_line_and_the_next_one_finds_it() -> None:
    first = by_line(1, 1_000, 1)
    shop = invoiced_basket(first, by_line(2, 5_000, 2))
    shop.refund([{**first, "status": "failed"}, by_line(2, 5_000, 2), by_line(3, 2_140, 1)])
    shop.book()
    found = credits_of(shop)
    assert sum(amount for _, _, amount in found["re_1"] + found["re_1:reversal"]) == 0
    assert found["re_3"] == [
        ("sales_returns", VAT_7.text, -2_000),
        ("sales_tax", VAT_7.text, -140),
    ]


def test_an_order_that_is_not_invoiced_loses_the_tax_of_the_line_that_was_given_back() -> None:
    shop = Shop(sold_charge(14_040, "eur"), BASKET)
    shop.book()
    shop.refund([by_line(1, 1_070, 1)])
    shop.book()
    amounts = {number: row["LineAmount"] for number, row in enumerate(shop.rows(), start=1)}
    assert amounts == {
        1: Decimal("10.00"),
        2: Decimal("100.00"),
        3: Decimal("0.70"),
        4: Decimal("19.00"),
    }
    shop.invoiced += [1, 2, 3, 4]
    shop.refund([by_line(1, 1_070, 1), by_line(2, 1_070, 1)])
    shop.book()
    assert credits_of(shop)["re_2"] == [
        ("sales_returns", VAT_7.text, -1_000),
        ("sales_tax", VAT_7.text, -70),
    ]


def test_a_capture_in_part_takes_the_tax_of_each_line_along() -> None:
    lines = lines_of(
        {**sold_charge(14_040, "eur"), "amount_captured": 7_020},
        BASKET,
        Orders(partial_capture="spread"),
    )
    assert [line.worth for line in lines] == [1_000, 5_000, 70, 950]
    assert lines[0].taxes == (LineTax(VAT_7, 70),)
    assert with_parts(lines, parts_of(lines)) == list(lines)
