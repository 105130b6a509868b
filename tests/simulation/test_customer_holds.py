"""The judge of lines that wait while somebody else's customer is on hold."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from local.dynamics import DynamicsPeer, LedgerLine
from local.dynamics.jobs import Ledger
from local.simulation.customer_holds import CALM_RUNS, RUNS_MAX, CustomerHolds
from local.simulation.faults import Injector
from local.simulation.timeline import Timeline

LINES = "CustomerPaymentJournalLines"
DAY = timedelta(days=1)


class Clock:
    moment = datetime(2026, 10, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing sleeps here, not even {seconds} s")


class Office:
    """Journal J1 holds the lines of two customers and was passed over: J2 is posted."""

    def __init__(self) -> None:
        self.holds: list[tuple[str, str, str]] = []

    def ledger(self) -> Ledger:
        return Ledger((), (_draft("bad", 1), _draft("good", 2)))

    def records(self, name: str, company: str | None = None) -> list[dict[str, Any]]:
        del company
        if name == LINES:
            return [_row("J1", 1), _row("J1", 2), _row("J2", 1)]
        if name == "CustomerPaymentJournalHeaders":
            return [_header("J1", "No"), _header("J2", "Yes")]
        return []

    def block_customer(self, company: str, account: str, status: str) -> None:
        self.holds.append((company, account, status))


def _draft(customer: str, number: int) -> LedgerLine:
    amount = Decimal(-1)
    names = ("usmf", "Cust", customer, "130100", "USD")
    return LedgerLine(
        *names, amount, amount, date(2026, 10, 12), "", "", "V", "J1", LINES, Decimal(number)
    )


def _row(batch: str, number: int) -> dict[str, Any]:
    key = f"{batch}-{number}:gross"
    return {"JournalBatchNumber": batch, "LineNumber": Decimal(number), "PaymentId": key}


def _header(batch: str, is_posted: str) -> dict[str, Any]:
    return {"JournalBatchNumber": batch, "JournalName": "STRPAY", "IsPosted": is_posted}


def test_a_good_line_that_waits_too_long_is_told_and_the_hold_ends() -> None:
    clock, office = Clock(), Office()
    timeline = Timeline(clock)
    injector = Injector(1, timeline, rates={"customer_blocked": 1.0})
    peer = cast("DynamicsPeer", office)
    holds = CustomerHolds(peer, clock, 1, injector=injector, timeline=timeline)
    holds.ran()
    assert office.holds == []  # not on the first day
    clock.moment += 3 * DAY
    holds.ran()
    [(_, held, _)] = office.holds
    good = "J1-1:gross" if held == "good" else "J1-2:gross"
    injector.is_active = False
    for _ in range(RUNS_MAX):
        holds.ran()
        assert holds.late == []
    holds.ran()
    assert [each.partition(" ")[0] for each in holds.late] == [good]
    for _ in range(CALM_RUNS - RUNS_MAX - 1):
        assert len(office.holds) == 1
        holds.ran()
    assert office.holds[1:] == [("usmf", held, "No")]
