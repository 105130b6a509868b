"""Lines leave a journal that Dynamics does not post: the good ones, or each customer's apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from local.tables import MemoryTables
from shared.converge.isolation import Isolation, Mode, lines_in, mark, mode_of, objects_of
from shared.converge.plan import link_of
from shared.converge.refusals import PostingRefusals
from shared.converge.stages import Failed, Plan, PlannedObject
from shared.domain.journal import JournalKind
from shared.domain.records import Record
from shared.domain.values import Symbol
from shared.errors import Parked
from shared.ports import Json, Put, Value
from shared.stores.journals import TABLE, UNPOSTED, journal_key
from shared.targets.finance import FINANCE
from tests.unit.converge.test_recovery import LINES, line
from tests.unit.converge.values import claim, going, planned
from tests.unit.services.fakes import START, FakeDynamics, settings

KIND = JournalKind.CUSTOMER_PAYMENT
LEDGER: Json = {
    "dataAreaId": "",
    "LegalEntityId": "usmf",
    "ChartOfAccounts": "Shared",
    "FiscalCalendar": "Fiscal",
    "AccountingCurrency": "USD",
    "ExchangeRateType": "Default",
}


def row(id: str, customer: str = "US-1", number: int = 1, **changes: Value) -> Json:
    """A receipt in journal B1, as Dynamics shows it."""
    return {
        "dataAreaId": "usmf",
        "PaymentId": f"{id}:gross",
        "JournalBatchNumber": "B1",
        "LineNumber": number,
        "AccountType": "Cust",
        "AccountDisplayValue": customer,
        "OffsetAccountType": "Ledger",
        "OffsetAccountDisplayValue": "110790-001",
        "OffsetCompany": "",
        "CurrencyCode": "USD",
        "TransactionDate": date(2026, 11, 1),
        **changes,
    }


def tenant(*lines: Json, holds: Mapping[str, str] = {}) -> FakeDynamics:
    """A company with these lines, in which nothing but these holds is amiss."""
    accounts = {str(each["AccountDisplayValue"]): None for each in lines}
    customers = [
        {"dataAreaId": "usmf", "CustomerAccount": name, "OnHoldStatus": holds.get(name, "No")}
        for name in accounts
    ]
    main = {"dataAreaId": "", "ChartOfAccounts": "Shared", "MainAccountId": "110790"}
    period = {"dataAreaId": "", "Calendar": "Fiscal", "PeriodName": "Period 11"}
    state = {"YearName": "2026", "LegalEntityId": "usmf", "PeriodStatus": "Open"}
    levels = {"CustAccessLevel": "All", "LedgerAccessLevel": "All"}
    return FakeDynamics(
        rows={
            LINES: list(lines),
            "CustomersV3": customers,
            "Ledgers": [LEDGER],
            "MainAccounts": [{**main, "IsSuspended": "No", "DoNotAllowManualEntry": "No"}],
            "FiscalPeriods": [{**period, "FiscalYear": "2026"}],
            "LedgerFiscalPeriods": [{**period, **state, **levels}],
        }
    )


def refusals_in(dynamics: FakeDynamics) -> PostingRefusals:
    return PostingRefusals(dynamics, settings().books, "-")


def value(id: str, customer: str = "US-1", number: int = 1) -> PlannedObject:
    """An object whose receipt stands in journal B1."""
    record = line(id)
    fields: dict[str, Value] = {
        **record.fields,
        "AccountType": Symbol("LedgerJournalACType", "Cust"),
        "AccountDisplayValue": customer,
    }
    written: Record = replace(record, fields=fields)
    link = link_of(written, {"JournalBatchNumber": "B1", "LineNumber": number})
    return planned(claim(id, links=[link]), Plan(verify=((written, link),)))


async def plan_moves(
    dynamics: FakeDynamics, mode: Mode | None, *values: PlannedObject
) -> list[PlannedObject | Failed]:
    """Plan the moves of objects; `mode`: of the journal B1, None while nobody refuses it."""
    tables = MemoryTables()
    name = journal_key("usmf", KIND, "B1")
    await tables.transact(TABLE, UNPOSTED, [Put(name, {"opened_at": START})])
    stored = await tables.get(TABLE, UNPOSTED, name)
    assert stored is not None
    if mode is not None:
        await mark(tables, stored, mode, START)
    isolation = Isolation(dynamics, tables, partial(refusals_in, dynamics), "-")
    return await isolation.plan_moves(values)


def parts(results: Sequence[PlannedObject | Failed]) -> list[list[str]]:
    """Where the lines of each object go."""
    return [[move.part for move in going(result).plan.move] for result in results]


def causes(results: Sequence[PlannedObject | Failed]) -> list[str]:
    """Why each object parks; empty for one that does not."""
    parked = [going(result).desired.parked for result in results]
    return [found.cause if found is not None else "" for found in parked]


async def test_the_lines_of_a_journal_that_nobody_refuses_stay() -> None:
    before = value("txn_1")
    assert await plan_moves(tenant(row("txn_1")), None, before) == [before]


async def test_what_has_no_known_cause_leaves_together_and_what_has_one_stays_and_parks() -> None:
    lines = [row("txn_1", "US-1"), row("txn_2", "US-2", 2), row("txn_3", "US-3", 3)]
    values = [value("txn_1", "US-1"), value("txn_2", "US-2", 2), value("txn_3", "US-3", 3)]
    results = await plan_moves(tenant(*lines, holds={"US-2": "All"}), Mode.CAUSE, *values)
    assert parts(results) == [["B1"], [], ["B1"]]
    assert causes(results) == ["", "customer_blocked", ""]


async def test_a_line_whose_cause_went_away_leaves_like_the_others() -> None:
    results = await plan_moves(tenant(row("txn_1")), Mode.CAUSE, value("txn_1"))
    assert (parts(results), causes(results)) == ([["B1"]], [""])


async def test_without_a_known_cause_each_customer_gets_a_journal() -> None:
    values = [value("txn_1", "US-1"), value("txn_2", "US-2", 2), value("txn_3", "US-1", 3)]
    results = await plan_moves(tenant(), Mode.CUSTOMER, *values)
    (first,), (second,), (third,) = parts(results)
    assert first == third != second
    assert causes(results) == ["", "", ""]


async def test_the_lines_of_one_customer_get_a_journal_an_object() -> None:
    values = [value("txn_1"), value("txn_2", number=2)]
    (first,), (second,) = parts(await plan_moves(tenant(), Mode.OBJECT, *values))
    assert first != second


async def test_an_object_that_is_alone_in_a_refused_journal_parks() -> None:
    (result,) = await plan_moves(tenant(row("txn_1")), Mode.ALONE, value("txn_1"))
    parked = going(result).desired.parked
    assert parked is not None
    assert parked.cause == "posting_refused"
    assert "B1" in parked.remedy
    assert going(result).plan.move == ()


@pytest.mark.parametrize(
    ("lines", "known", "mode"),
    [
        pytest.param(
            [row("txn_1", "US-1"), row("txn_2", "US-2")], "txn_2:gross", Mode.CAUSE, id="cause"
        ),
        pytest.param(
            [row("txn_1", "US-1"), row("txn_2", "US-2")], "", Mode.CUSTOMER, id="customers"
        ),
        pytest.param([row("txn_1"), row("txn_2")], "", Mode.OBJECT, id="one customer"),
        pytest.param(
            [row("txn_1"), row("txn_1", PaymentId="txn_1:apply")], "", Mode.ALONE, id="one object"
        ),
        pytest.param(
            [row(f"txn_{n}", "618900", AccountType="Ledger") for n in (1, 2)],
            "",
            Mode.CUSTOMER,
            id="no customer: by object",
        ),
    ],
)
async def test_what_tells_the_lines_of_a_journal_apart(
    lines: list[Json], known: str, mode: Mode
) -> None:
    read = await lines_in(FakeDynamics(rows={LINES: lines}), FINANCE[LINES], "usmf", "B1", "-")
    found = {known: Parked("customer_blocked", "on hold", "release")} if known else {}
    assert mode_of(read, found) is mode


async def test_the_lines_of_a_journal_come_by_line_number_and_strangers_are_left_out() -> None:
    rows = [row("txn_2", number=2), row("txn_1"), row("", PaymentId="", LineNumber=3)]
    read = await lines_in(FakeDynamics(rows={LINES: rows}), FINANCE[LINES], "usmf", "B1", "-")
    keys = [each.key for each in read]
    assert keys == ["txn_1:gross", "txn_2:gross"]
    assert objects_of([*keys, "txn_1:fee"]) == ["txn_1", "txn_2"]
