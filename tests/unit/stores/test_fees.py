"""The fees of a month and its documents: what counts where, whatever is done twice."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from local.tables import MemoryTables
from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.entities.common.journal_lines import GeneralLine
from shared.errors import TableConflict
from shared.stores import fees
from shared.stores.fees import FeeDocument, FeeList, FeeMonth

DOCUMENT = FeeDocument(
    id="feedoc_2026-12_usmf_usd_A",
    month="2026-12",
    company="usmf",
    currency="usd",
    number="A",
    date="2026-12-31",
    post_on="2026-12-31",
    total_minor=300,
    tax_minor=0,
    kinds={"fee": 320},
    who="Grace",
    why="it came",
    at=datetime(2027, 1, 2, tzinfo=UTC),
)


def _line(id: str, minor: int = 320, day: str = "2026-12-30", currency: str = "usd") -> GeneralLine:
    return GeneralLine(
        role="fee",
        company="usmf",
        key=f"{id}:fee",
        amount=Money(minor, currency),
        date=date.fromisoformat(day),
        account=AccountRole(Role.FEES_ACCRUED),
        offset=AccountRole(Role.CLEARING),
        category="charge",
        source="ch_1",
    )


def _months(*steps: list[GeneralLine] | FeeDocument) -> dict[str, FeeMonth]:
    """The months after lines were noted and documents confirmed, in this order."""

    async def run() -> dict[str, FeeMonth]:
        tables = MemoryTables()
        for step in steps:
            if isinstance(step, FeeDocument):
                await fees.confirm(tables, step)
            else:
                await fees.note(tables, step)
        months = ("2026-12", "2027-01", "2027-02")
        return {month: await FeeList(tables).of(month) for month in months}

    return asyncio.run(run())


def test_the_month_after_december_is_in_the_next_year() -> None:
    assert [fees.next_month(month) for month in ("2026-11", "2026-12")] == ["2026-12", "2027-01"]


def test_a_document_is_kept_as_it_was_confirmed() -> None:
    found = _months([_line("txn_1")], DOCUMENT)["2026-12"]
    assert found.documents == (DOCUMENT,)
    [difference] = found.differences
    assert (difference.accrued_minor, difference.documents_minor) == (320, 300)
    assert (difference.difference_minor, difference.later_minor) == (20, 0)


def test_a_line_that_was_there_before_the_document_stays_in_its_month() -> None:
    line = [_line("txn_1")]
    found = _months(line, DOCUMENT, line)
    assert found["2026-12"].accrued("usmf", "usd") == {"fee": 320}
    assert found["2027-01"].fees == ()


def test_a_line_that_comes_later_counts_in_the_first_month_without_a_document() -> None:
    late = [_line("txn_2", 100)]
    january = replace(DOCUMENT, id="feedoc_2027-01_usmf_usd_B", month="2027-01", number="B")
    found = _months([_line("txn_1")], DOCUMENT, january, late, late)
    assert found["2026-12"].differences[0].later_minor == 100
    assert found["2026-12"].differences[0].difference_minor == 20
    assert found["2027-01"].fees == ()
    assert found["2027-02"].accrued("usmf", "usd") == {"fee": 100}


def test_a_line_keeps_its_later_month_when_that_gets_its_document() -> None:
    late = [_line("txn_2", 100)]
    january = replace(DOCUMENT, id="feedoc_2027-01_usmf_usd_B", month="2027-01", number="B")
    found = _months([_line("txn_1")], DOCUMENT, late, january, late)
    assert found["2027-01"].accrued("usmf", "usd") == {"fee": 100}
    assert found["2027-02"].fees == ()


def test_another_currency_has_no_document() -> None:
    found = _months([_line("txn_1")], DOCUMENT, [_line("txn_2", currency="eur")])
    assert found["2026-12"].accrued("usmf", "eur") == {"fee": 320}


def test_a_document_is_stored_once() -> None:
    with pytest.raises(TableConflict):
        _months(DOCUMENT, DOCUMENT)


def test_one_document_of_a_place_moves_what_was_accrued_by_kind() -> None:
    at_once = replace(DOCUMENT, id="feedoc_2026-12_usmf_usd_B", number="B")
    with pytest.raises(TableConflict):
        _months(DOCUMENT, at_once)
    further = replace(at_once, kinds={})
    elsewhere = replace(DOCUMENT, id="feedoc_2026-12_usmf_eur_A", currency="eur")
    found = _months([_line("txn_1")], DOCUMENT, further, elsewhere)["2026-12"]
    assert found.documents == (elsewhere, DOCUMENT, further)  # by id
    assert found.accrued("usmf", "usd") == {"fee": 320}
