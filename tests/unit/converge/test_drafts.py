"""Only lines that are not posted, and where their links say, are rendered again."""

import pytest

from shared.converge.drafts import find_drafts, is_misplaced
from shared.converge.stages import DecidedObject
from shared.errors import Unavailable
from shared.outcomes import Kind, outcome_of
from shared.ports import Json
from tests.unit.converge.test_recovery import LINES, row
from tests.unit.converge.test_verification import HEADERS, headers, written
from tests.unit.converge.values import claim, decided
from tests.unit.services.fakes import FakeDynamics, PickyDynamics


def value(id: str = "txn_1") -> DecidedObject:
    return decided(claim(id, links=[written(id)]))


def dynamics(*rows: Json, posted: str = "No") -> FakeDynamics:
    return FakeDynamics(rows={LINES: list(rows), HEADERS: headers(B1=posted)})


async def test_a_line_in_a_journal_that_is_not_posted_is_a_draft() -> None:
    (result,) = await find_drafts(dynamics(row()), [value()])
    assert result.drafts == ("gross",)
    assert not is_misplaced(result)


@pytest.mark.parametrize("posted", ["Yes", ""])
async def test_a_line_of_which_that_is_not_known_is_none(posted: str) -> None:
    found = dynamics(row(), posted=posted) if posted == "Yes" else dynamics(row())
    if not posted:
        found.rows[HEADERS] = []
    (result,) = await find_drafts(found, [value()])
    assert result.drafts == ()
    assert not is_misplaced(result)


@pytest.mark.parametrize("rows", [[], [row(batch="B2")], [row(number=2)], [row(), row(number=2)]])
async def test_an_object_with_a_misplaced_line_has_no_drafts_and_comes_again(
    rows: list[Json],
) -> None:
    misplaced, other = await find_drafts(dynamics(*rows, row("txn_2")), [value(), value("txn_2")])
    assert is_misplaced(misplaced)
    assert misplaced.drafts == ()
    assert misplaced.desired.unfinished is not None
    assert outcome_of(misplaced.desired.unfinished).kind is Kind.RETRY
    assert other.drafts == ("gross",)


async def test_there_are_no_drafts_while_dynamics_does_not_answer() -> None:
    away = PickyDynamics(refuse=lambda _lookup: Unavailable("dynamics", "503"))
    with pytest.raises(Unavailable):
        await find_drafts(away, [value()])
