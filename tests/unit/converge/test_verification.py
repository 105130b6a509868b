"""What was written is compared with Dynamics, and the difference is mended."""

import pytest

from local.tables import MemoryTables
from shared.converge.plan import link_of
from shared.converge.stages import Failed, Plan, PlannedObject
from shared.converge.verification import verify
from shared.domain.journal import JournalKind
from shared.domain.records import Link
from shared.errors import Parked, Unavailable
from shared.ports import Json, Lookup, Put
from shared.stores.journals import POSTED, TABLE, journal_key
from shared.targets.finance import FINANCE
from tests.unit.converge.test_recovery import LINES, line, row
from tests.unit.converge.values import claim, error_of, going, planned, progress_of
from tests.unit.services.fakes import START, FakeDynamics, PickyDynamics

HEADERS = FINANCE[LINES].header


def written(id: str = "txn_1", recreated: int = 0) -> Link:
    """The link of a line, as it was written."""
    return link_of(line(id), {"JournalBatchNumber": "B1", "LineNumber": 1}, recreated)


def value(link: Link) -> PlannedObject:
    held = claim(link.record.document.key.partition(":")[0], links=[link])
    return planned(held, Plan(verify=((link.record, link),)))


async def verified(
    dynamics: FakeDynamics, *values: PlannedObject, tables: MemoryTables | None = None
) -> list[PlannedObject | Failed]:
    return await verify(dynamics, tables or MemoryTables(), FINANCE, values)


def headers(**posted: str) -> list[Json]:
    return [
        {"dataAreaId": "usmf", "JournalBatchNumber": batch, "IsPosted": told}
        for batch, told in posted.items()
    ]


def cause_of(result: object) -> str:
    error = error_of(result)
    assert isinstance(error, Parked)
    assert error.remedy
    return error.cause


async def test_a_line_that_is_where_it_was_written_changes_nothing() -> None:
    link = written()
    (result,) = await verified(FakeDynamics(rows={LINES: [row()]}), value(link))
    assert result == value(link)


async def test_a_line_that_was_moved_gets_its_new_place() -> None:
    (result,) = await verified(FakeDynamics(rows={LINES: [row(batch="B7")]}), value(written()))
    (link,) = going(result).progress.links
    assert link.keys == {"JournalBatchNumber": "B7", "LineNumber": 1}


async def test_a_draft_that_was_deleted_is_written_again_once() -> None:
    (result,) = await verified(FakeDynamics(), value(written()))
    assert going(result).plan.created == (line(),)
    (again,) = await verified(FakeDynamics(), value(written(recreated=1)))
    assert cause_of(again) == "deleted_again"


async def test_a_line_that_was_posted_and_is_gone_parks() -> None:
    tables = MemoryTables()
    kind = line().document.journal
    assert isinstance(kind, JournalKind)
    note = Put(journal_key("usmf", kind, "B1"), {"seen_posted_at": START})
    await tables.transact(TABLE, POSTED, [note])
    (result,) = await verified(FakeDynamics(), value(written()), tables=tables)
    assert cause_of(result) == "vanished"


async def test_of_two_drafts_the_surplus_one_is_deleted() -> None:
    rows = {LINES: [row(), row(batch="B2")], HEADERS: headers(B1="No", B2="No")}
    (result,) = await verified(FakeDynamics(rows=rows), value(written()))
    plan = going(result).plan
    assert [keys["JournalBatchNumber"] for _, keys in plan.delete] == ["B2"]
    assert progress_of(result).links == ()


async def test_of_a_posted_line_and_a_draft_the_posted_one_is_kept() -> None:
    rows = {LINES: [row(), row(batch="B2")], HEADERS: headers(B1="No", B2="Yes")}
    (result,) = await verified(FakeDynamics(rows=rows), value(written()))
    value_after = going(result)
    assert [link.keys["JournalBatchNumber"] for link in value_after.progress.links] == ["B2"]
    assert [keys["JournalBatchNumber"] for _, keys in value_after.plan.delete] == ["B1"]


async def test_a_line_that_is_posted_twice_parks() -> None:
    rows = {LINES: [row(), row(batch="B2")], HEADERS: headers(B1="Yes", B2="Yes")}
    (result,) = await verified(FakeDynamics(rows=rows), value(written()))
    assert cause_of(result) == "duplicate_posted"


@pytest.mark.parametrize("entity_set", [LINES, HEADERS])
async def test_nothing_is_deleted_while_dynamics_does_not_answer(entity_set: str) -> None:
    def refuse(lookup: Lookup) -> Exception | None:
        return Unavailable("dynamics", "503") if lookup.entity_set == entity_set else None

    rows = {LINES: [row(), row(batch="B2")]}
    dynamics = PickyDynamics(rows=rows, refuse=refuse)
    (result,) = await verified(dynamics, value(written()))
    assert isinstance(error_of(result), Unavailable)
    assert isinstance(result, Failed)
    assert isinstance(result.at, PlannedObject)
    assert (result.at.plan.delete, result.at.plan.recreate) == ((), ())
