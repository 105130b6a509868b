"""What entity sets of Dynamics tell about a line that is not posted."""

from collections.abc import Callable
from datetime import date

import pytest

from shared.converge.isolation import lines_in
from shared.converge.refusals import PostingRefusals
from shared.domain.books import Books
from shared.errors import Parked
from shared.ports import Json
from shared.targets.finance import FINANCE
from tests.unit.converge.test_isolation import LEDGER, row, tenant
from tests.unit.converge.test_recovery import LINES
from tests.unit.services.fakes import FakeDynamics, settings

KEY = "txn_1:gross"


async def known(dynamics: FakeDynamics, books: Books | None = None) -> dict[str, Parked]:
    read = await lines_in(dynamics, FINANCE[LINES], "usmf", "B1", "-")
    return await PostingRefusals(dynamics, books or settings().books, "-").of(read)


def changed(name: str, **cells: object) -> Callable[[FakeDynamics], None]:
    def change(dynamics: FakeDynamics) -> None:
        dynamics.rows[name][0].update(cells)

    return change


def without(name: str) -> Callable[[FakeDynamics], None]:
    return lambda dynamics: dynamics.rows[name].clear()


CAUSES: dict[str, tuple[Json, Callable[[FakeDynamics], None], str, str]] = {
    "on hold": (
        row("txn_1"),
        changed("CustomersV3", OnHoldStatus="All"),
        "customer_blocked",
        "customer US-1 is on hold (All) in usmf",
    ),
    "on hold for payments": (
        row("txn_1"),
        changed("CustomersV3", OnHoldStatus="Payment"),
        "customer_blocked",
        "customer US-1 is on hold (Payment) in usmf",
    ),
    "gone": (
        row("txn_1"),
        without("CustomersV3"),
        "posting_refused",
        "customer US-1 does not exist in usmf any more",
    ),
    "suspended": (
        row("txn_1"),
        changed("MainAccounts", IsSuspended="Yes"),
        "posting_refused",
        "account 110790 of usmf is suspended",
    ),
    "no manual entry": (
        row("txn_1"),
        changed("MainAccounts", DoNotAllowManualEntry="Yes"),
        "posting_refused",
        "account 110790 of usmf allows no manual entry",
    ),
    "no such account": (
        row("txn_1"),
        without("MainAccounts"),
        "posting_refused",
        "account 110790 of usmf does not exist",
    ),
    "bank that is closed": (
        row("txn_1", OffsetAccountType="Bank", OffsetAccountDisplayValue="USMF-OPER"),
        lambda dynamics: None,
        "posting_refused",
        "bank account USMF-OPER of usmf is not active",
    ),
    "closed period": (
        row("txn_1"),
        changed("LedgerFiscalPeriods", PeriodStatus="Closed"),
        "posting_refused",
        "the period of 2026-11-01 is not open in usmf",
    ),
    "period without access": (
        row("txn_1"),
        changed("LedgerFiscalPeriods", CustAccessLevel="None"),
        "posting_refused",
        "the period of 2026-11-01 is not open in usmf",
    ),
    "no exchange rate": (
        row("txn_1", CurrencyCode="GBP"),
        lambda dynamics: None,
        "posting_refused",
        "usmf has no exchange rate from GBP to USD on 2026-11-01",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
async def test_a_known_cause_is_named_with_its_remedy(name: str) -> None:
    line, change, cause, text = CAUSES[name]
    dynamics = tenant(line)
    change(dynamics)
    found = await known(dynamics)
    assert list(found) == [KEY]
    assert found[KEY].cause == cause
    assert text in str(found[KEY])
    assert "post journal B1" in found[KEY].remedy


@pytest.mark.parametrize("hold", ["No", "Never", "Invoice", "Requisition", "PurchOrder"])
async def test_a_hold_that_concerns_no_receipts_is_no_cause(hold: str) -> None:
    assert await known(tenant(row("txn_1"), holds={"US-1": hold})) == {}


@pytest.mark.parametrize(("source", "target"), [("GBP", "USD"), ("USD", "GBP")])
async def test_a_rate_in_either_direction_is_enough(source: str, target: str) -> None:
    dynamics = tenant(row("txn_1", CurrencyCode="GBP"))
    rate = {"dataAreaId": "", "RateTypeName": "Default", "StartDate": date(2015, 1, 1)}
    dynamics.rows["ExchangeRates"] = [{**rate, "FromCurrency": source, "ToCurrency": target}]
    assert await known(dynamics) == {}


async def test_the_books_tell_a_closed_period_too() -> None:
    books = settings().books
    company = books.companies["usmf"].model_copy(update={"closed_through": date(2026, 11, 1)})
    books = books.model_copy(update={"companies": {**books.companies, "usmf": company}})
    found = await known(tenant(row("txn_1")), books)
    assert "the period of 2026-11-01 is not open in usmf" in str(found[KEY])


async def test_an_entity_set_that_dynamics_does_not_show_tells_no_cause() -> None:
    dynamics = tenant(row("txn_1"), holds={"US-1": "All"})
    dynamics.lacks = ("LedgerFiscalPeriods",)
    assert (await known(dynamics))[KEY].cause == "customer_blocked"
    dynamics.rows["CustomersV3"][0]["OnHoldStatus"] = "No"
    assert await known(dynamics) == {}


async def test_the_customers_on_hold_are_told() -> None:
    dynamics = tenant(row("txn_1", "US-1"), row("txn_2", "US-2", 2), holds={"US-2": "All"})
    read = await lines_in(dynamics, FINANCE[LINES], "usmf", "B1", "-")
    refusals = PostingRefusals(dynamics, settings().books, "-")
    await refusals.of(read)
    assert refusals.held == [("usmf", "US-2")]


STRUCTURE = {
    "dataAreaId": "",
    "AccountStructureName": "Balance",
    "Status": "Active",
    "SegmentName01": "MainAccount",
    "SegmentName02": "Department",
    "SegmentName03": "CostCenter",
}
RULE = {"dataAreaId": "", "AccountStructure": "Balance", "Status": "Active", "Position": 1}


def demanding(account: str, *rules: Json) -> FakeDynamics:
    """A company whose structure has these rules; the offset account of the line is `account`."""
    line = row("txn_1", OffsetAccountType="Ledger", OffsetAccountDisplayValue=account)
    dynamics = tenant(line)
    dynamics.rows["Ledgers"] = [{**LEDGER, "AccountStructureName1": "Balance"}]
    dynamics.rows["AccountStructures"] = [STRUCTURE]
    dynamics.rows["AccountStructureConstraints"] = [{**RULE, **each} for each in rules]
    dynamics.rows["DimensionIntegrationFormats"] = [
        {
            "dataAreaId": "",
            "DimensionFormatType": "DataEntityLedgerDimensionFormat",
            "FinancialDimensionFormat": "MainAccount-CostCenter-Department",
            "IsActive": "Yes",
        }
    ]
    return dynamics


NEEDED = {"SegmentCriteria01": "1*;2*", "SegmentCriteria02": '*;""', "SegmentCriteria03": "*"}


@pytest.mark.parametrize("account", ["110790", "110790--022", "110790-"])
async def test_a_dimension_that_the_account_structure_demands_is_named(account: str) -> None:
    found = await known(demanding(account, NEEDED))
    assert found[KEY].cause == "posting_refused"
    assert "account 110790 of usmf needs the dimension CostCenter" in str(found[KEY])
    assert "map it" in found[KEY].remedy


@pytest.mark.parametrize(
    ("account", "rules"),
    [
        ("110790-017", [NEEDED]),
        ("110790", [{**NEEDED, "SegmentCriteria03": '"";*'}]),
        ("110790", [{**NEEDED, "SegmentCriteria03": ""}]),
        ("110790", [{**NEEDED, "SegmentCriteria01": "6*;200000..299999"}]),
        ("110790", [NEEDED, {**NEEDED, "SegmentCriteria03": '*;""'}]),
        ("110790", [{**NEEDED, "Status": "Draft"}]),
    ],
)
async def test_an_account_that_has_what_its_structure_demands_has_no_cause(
    account: str, rules: list[Json]
) -> None:
    assert await known(demanding(account, *rules)) == {}


async def test_a_range_of_accounts_demands_too() -> None:
    rule = {**NEEDED, "SegmentCriteria01": "110000..119999"}
    assert list(await known(demanding("110790", rule))) == [KEY]
