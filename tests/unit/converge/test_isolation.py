"""Lines leave a journal that Dynamics does not post, until the bad one is alone."""

from local.tables import MemoryTables
from shared.converge.isolation import keys_in, mark, objects_of, plan_moves
from shared.converge.stages import PlannedObject
from shared.domain.journal import JournalKind
from shared.errors import Parked
from shared.ports import Put
from shared.stores.journals import TABLE, UNPOSTED, journal_key
from tests.unit.converge.test_recovery import LINES, line, row
from tests.unit.converge.test_verification import value, written
from tests.unit.converge.values import error_of, going
from tests.unit.services.fakes import START, FakeDynamics


async def journal(*, refused: bool) -> MemoryTables:
    """Tables with an unposted journal B1."""
    tables = MemoryTables()
    kind = line().document.journal
    assert isinstance(kind, JournalKind)
    name = journal_key("usmf", kind, "B1")
    await tables.transact(TABLE, UNPOSTED, [Put(name, {"opened_at": START})])
    stored = await tables.get(TABLE, UNPOSTED, name)
    assert stored is not None
    if refused:
        await mark(tables, stored, {})
    return tables


def two_lines() -> FakeDynamics:
    return FakeDynamics(rows={LINES: [row("txn_2", number=2), row("txn_1")]})


async def test_the_lines_of_a_refused_journal_are_moved() -> None:
    link = written()
    tables = await journal(refused=True)
    (result,) = await plan_moves(two_lines(), tables, [value(link)])
    assert going(result).plan.move == ((link.record, link),)


async def test_the_lines_of_any_other_journal_stay() -> None:
    before: PlannedObject = value(written())
    tables = await journal(refused=False)
    assert await plan_moves(two_lines(), tables, [before]) == [before]


async def test_an_object_that_is_alone_in_a_refused_journal_parks() -> None:
    tables = await journal(refused=True)
    dynamics = FakeDynamics(rows={LINES: [row("txn_1")]})
    (result,) = await plan_moves(dynamics, tables, [value(written())])
    error = error_of(result)
    assert isinstance(error, Parked)
    assert error.cause == "posting_refused"
    assert "B1" in error.remedy


async def test_the_objects_of_a_journal_come_by_line_number_and_once() -> None:
    keys = await keys_in(two_lines(), LINES, "usmf", "B1")
    assert keys == ["txn_1:gross", "txn_2:gross"]
    assert objects_of([*keys, "txn_1:fee"]) == ["txn_1", "txn_2"]
