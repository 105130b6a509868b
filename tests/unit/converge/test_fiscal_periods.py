from datetime import date, timedelta

import pytest

from shared.converge.fiscal_periods import FRESH_SECONDS, PERIODS_MAX, FiscalPeriods
from shared.domain.books import Books
from shared.domain.closed_days import FollowedDays, Module
from shared.entities.balance_transaction import BALANCE_TRANSACTION
from shared.entities.common.objects import Context
from shared.entities.customer import CUSTOMER
from shared.errors import Parked, Refused
from shared.ports import Json
from tests.unit.entities.objects import BOOKS
from tests.unit.services.fakes import FakeDynamics, ManualClock

DAY = date(2026, 10, 15)


def books(**words: str) -> Books:
    raw = BOOKS.model_dump(mode="json")
    for company, word in words.items():
        raw["companies"][company]["closed_through"] = word
    return Books.model_validate(raw)


def period(number: int, **changes: object) -> Json:
    first = date(2026, number, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return {
        "dataAreaId": "",
        "Calendar": "Fiscal",
        "FiscalYear": "2026",
        "PeriodName": f"Period {number}",
        "StartDate": f"{first}T12:00:00Z",
        "EndDate": f"{last}T12:00:00Z",
        "Type": "Operating",
        **changes,
    }


def state(company: str, number: int, **changes: object) -> Json:
    return {
        "dataAreaId": "",
        "LegalEntityId": company,
        "Calendar": "Fiscal",
        "YearName": "2026",
        "PeriodName": f"Period {number}",
        "PeriodStatus": "Open",
        **dict.fromkeys(("LedgerAccessLevel", "CustAccessLevel", "VendAccessLevel"), "All"),
        **changes,
    }


def tenant(**changes: object) -> FakeDynamics:
    ledger = {"dataAreaId": "", "FiscalCalendar": "Fiscal"}
    return FakeDynamics(
        rows={
            "Ledgers": [{**ledger, "LegalEntityId": name} for name in ("USMF", "usmf", "demf")],
            "FiscalPeriods": [period(10), period(11)],
            "LedgerFiscalPeriods": [
                state("usmf", 10, **changes),
                *(state(*each) for each in (("usmf", 11), ("demf", 10), ("demf", 11))),
            ],
        }
    )


async def days_of(dynamics: FakeDynamics) -> FollowedDays:
    found = await FiscalPeriods(dynamics, ManualClock()).days(books(usmf="follow"))
    return found["usmf"]


def open_in(days: FollowedDays, day: date = DAY) -> list[Module]:
    return [module for module in Module if days.cut_off(day, module) is not None]


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        ({}, ["ledger", "customers", "vendors"]),
        ({"PeriodStatus": "OnHold"}, []),
        ({"PeriodStatus": "Closed"}, []),
        ({"PeriodStatus": "Something new"}, []),
        ({"CustAccessLevel": "None"}, ["ledger", "vendors"]),
        ({"LedgerAccessLevel": "None"}, ["customers", "vendors"]),
        ({"VendAccessLevel": "User"}, ["ledger", "customers", "vendors"]),
    ],
)
async def test_status_and_access_of_the_module_say_whether_a_day_is_open(
    changes: dict[str, str], is_open: list[str]
) -> None:
    days = await days_of(tenant(**changes))
    assert open_in(days) == is_open
    assert len(open_in(days, date(2026, 11, 1))) == 3
    assert open_in(days, date(2026, 12, 1)) == []  # no period holds it


async def test_an_open_closing_period_opens_no_day() -> None:
    dynamics = tenant(PeriodStatus="Closed")
    closing = {"Type": "Closing", "PeriodName": "Period 13"}
    dynamics.rows["FiscalPeriods"].append(period(10, **closing))
    dynamics.rows["LedgerFiscalPeriods"].append(state("usmf", 10, PeriodName="Period 13"))
    assert open_in(await days_of(dynamics)) == []


async def test_periods_are_read_once_a_minute_and_only_where_they_are_followed() -> None:
    dynamics, clock = tenant(), ManualClock()
    periods = FiscalPeriods(dynamics, clock)
    assert await periods.days(books(usmf="2026-09-30")) == {}
    assert dynamics.lookups == []
    followed = books(usmf="follow", demf="follow")
    first = await periods.days(followed)
    assert list(first) == ["usmf", "demf"]
    names = ["Ledgers", "FiscalPeriods", "LedgerFiscalPeriods", "LedgerFiscalPeriods"]
    assert [lookup.entity_set for lookup in dynamics.lookups] == names
    dynamics.rows["LedgerFiscalPeriods"] = []
    await clock.sleep(FRESH_SECONDS - 1)
    assert await periods.days(followed) == first
    await clock.sleep(1)
    assert open_in((await periods.days(followed))["usmf"]) == []


async def test_what_cannot_be_read_is_not_taken_from_an_earlier_read() -> None:
    dynamics, clock = tenant(), ManualClock()
    periods = FiscalPeriods(dynamics, clock)
    await periods.days(books(usmf="follow"))
    dynamics.lacks = ("LedgerFiscalPeriods",)
    await clock.sleep(FRESH_SECONDS)
    for _ in range(2):
        with pytest.raises(Refused):
            await periods.days(books(usmf="follow"))


async def test_a_company_without_a_ledger_is_named() -> None:
    dynamics = tenant()
    dynamics.rows["Ledgers"] = []
    with pytest.raises(Refused, match="company usmf has no ledger"):
        await days_of(dynamics)


async def test_more_periods_than_the_limit_are_no_answer() -> None:
    dynamics = tenant()
    dynamics.rows["FiscalPeriods"] = [period(10)] * (PERIODS_MAX + 1)
    with pytest.raises(Parked, match="FiscalPeriods has more than 5000 periods of Fiscal"):
        await days_of(dynamics)


async def test_only_documents_with_days_ask_for_periods() -> None:
    dynamics = tenant()
    periods, context = FiscalPeriods(dynamics, ManualClock()), Context(books(usmf="follow"))
    assert await periods.into(CUSTOMER, context) is context
    assert dynamics.lookups == []
    assert open_in((await periods.into(BALANCE_TRANSACTION, context)).followed["usmf"])
