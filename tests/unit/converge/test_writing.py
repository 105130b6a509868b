"""What the answers to writes mean for their objects."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.converge.plan import intent_of, link_of
from shared.converge.stages import (
    Failed,
    LineMove,
    Plan,
    PlannedObject,
    Progress,
    WrittenObject,
    still_open,
)
from shared.converge.writing import Applier
from shared.domain.documents import Follows, Later
from shared.domain.records import Record
from shared.entities.common.journal_lines import CustomerPaymentLine
from shared.entities.product.records import ProductRecord
from shared.errors import DuplicateKey, Refused, UncertainWrite
from shared.ports import Write
from shared.stores.journals import Journals, Writer
from shared.stores.links import LinkStore
from tests.unit.converge.values import error_of, planned, progress_of
from tests.unit.entities.objects import customer_record, general_line
from tests.unit.services.fakes import START, Rig, rig

WRITER = Writer("ledger", "0", "one")
EXISTS = DuplicateKey("dynamics", "The record already exists.")


def payment(role: str = "gross", id: str = "txn_1") -> Record:
    """A customer payment line, whose number in the journal comes from us."""
    document = CustomerPaymentLine.of(general_line(role, key=f"{id}:{role}"))
    return Record(document, "CustomerPaymentJournalLines", "PaymentId", {"PaymentId": document.key})


def item_number(id: str = "prod_1") -> Record:
    """A record whose key is ours and which is no line."""
    document = ProductRecord(role="item", company="usmf", key=id, product=id, name="Thing")
    return Record(document, "ReleasedProductCreationsV2", "ItemNumber", {"ItemNumber": id})


def person(id: str = "cus_1", later: Later = Follows()) -> Record:  # noqa: B008 - frozen
    """A customer: Dynamics gives its account number."""
    document = customer_record(role="customer", key=id, customer=id, later=later)
    return Record(document, "CustomersV3", "StripeCustomerId", {"StripeCustomerId": id})


class Desk:
    """An applier over fakes."""

    def __init__(self) -> None:
        self.rig: Rig = rig()
        app = self.rig.app
        self.links = LinkStore(app.tables, app.clock, app.settings.lease_seconds)
        self.journals = Journals(
            *(app.tables, app.dynamics, app.clock, app.rng, app.settings), books=app.settings.books
        )
        self.applier = Applier(app.dynamics, self.journals, self.links, app.clock, app.settings)

    async def planned(self, id: str, *create: Record, plan: Plan | None = None) -> PlannedObject:
        """A claimed object that creates records."""
        return planned(await self.links.claim(id, "one"), plan or Plan(create=create))

    async def apply(self, value: PlannedObject) -> WrittenObject | Failed:
        (result,) = await self.applier.apply(WRITER, [value])
        return result

    async def settle(self, value: PlannedObject, progress: Progress) -> None:
        claim = value.claim
        settle = timedelta(seconds=self.rig.app.settings.write_settle_seconds)
        open_intents = still_open(claim, progress, self.rig.clock.now() + settle)
        await self.links.settle(claim, progress.links, progress.over, open_intents, None)

    @property
    def batches(self) -> list[list[Write]]:
        return [
            batch
            for batch in self.rig.dynamics.batches
            if not batch[0].entity_set.endswith("Headers")
        ]


HEADER = None  # the script's entry for the header of a journal


@pytest.mark.parametrize(
    ("record", "before"), [(payment(), [HEADER]), (item_number(), []), (person(), [])]
)
@pytest.mark.parametrize("trouble", [EXISTS, ("lost", EXISTS)])
async def test_a_key_that_is_taken_is_looked_for_before_anybody_concludes(
    record: Record, before: list[None], trouble: Exception | tuple[str, Exception]
) -> None:
    desk = Desk()
    value = await desk.planned("obj_1", record)
    desk.rig.dynamics.script = [*before, trouble]
    result = await desk.apply(value)
    error = error_of(result)
    assert isinstance(error, UncertainWrite)
    assert error.retry_after_seconds == 300
    assert progress_of(result) == Progress(uncertain=(record.document.role,))
    await desk.settle(value, progress_of(result))
    assert list((await desk.links.claim("obj_1", "other")).intents) == [record.document.role]


@pytest.mark.parametrize("record", [item_number(), person()])
async def test_a_key_that_is_taken_after_a_look_found_nothing_is_not_ours(record: Record) -> None:
    desk = Desk()
    value = await desk.planned("obj_1", plan=Plan(recover=(record,)))
    await desk.links.intend(value.claim, [intent_of(record, "", START)], [record.document])
    desk.rig.dynamics.script = [EXISTS]
    result = await desk.apply(value)
    assert isinstance(error_of(result), DuplicateKey)
    await desk.settle(value, progress_of(result))
    # Whoever retries looks again first.
    assert list((await desk.links.claim("obj_1", "other")).intents) == [record.document.role]


async def test_a_place_that_is_taken_twice_is_left_for_a_fresh_journal() -> None:
    desk = Desk()
    value = await desk.planned("txn_1", plan=Plan(recover=(payment(),)))
    await desk.links.intend(value.claim, [intent_of(payment(), "B1", START)], [payment().document])
    desk.rig.dynamics.script = [HEADER, EXISTS]
    result = await desk.apply(value)
    assert isinstance(error_of(result), UncertainWrite)
    await desk.settle(value, progress_of(result))
    again = await desk.planned("txn_1", plan=Plan(recover=(payment(),)))
    assert error_of(await desk.apply(again)) is None
    first, second = desk.batches
    assert first[0].fields["JournalBatchNumber"] != second[0].fields["JournalBatchNumber"]


async def test_a_move_that_met_a_taken_place_stays_announced() -> None:
    desk = Desk()
    link = link_of(payment(), {"JournalBatchNumber": "B0", "LineNumber": 1})
    value = await desk.planned("txn_1", plan=Plan(move=(LineMove(payment(), link, "B0"),)))
    desk.rig.dynamics.script = [HEADER, EXISTS, EXISTS]
    result = await desk.apply(value)
    assert [write.method for write in desk.batches[0]] == ["DELETE", "POST"]
    assert isinstance(error_of(result), UncertainWrite)
    assert progress_of(result) == Progress(uncertain=("gross",))
    await desk.settle(value, progress_of(result))
    assert list((await desk.links.claim("txn_1", "other")).intents) == ["gross"]


async def test_a_change_that_would_make_a_key_double_is_refused_for_good() -> None:
    desk = Desk()
    link = link_of(person(), {"CustomerAccount": "C1"})
    value = await desk.planned("cus_1", plan=Plan(update=((person(), link),)))
    desk.rig.dynamics.script = [EXISTS]
    result = await desk.apply(value)
    assert isinstance(error_of(result), Refused)
    assert progress_of(result) == Progress(over=("customer",))


async def test_a_role_that_is_over_and_uncertain_keeps_its_announcement() -> None:
    desk = Desk()
    value = await desk.planned("txn_1", payment())
    desk.rig.dynamics.script = [HEADER, UncertainWrite("time-out")]
    result = await desk.apply(value)
    await desk.settle(value, replace(progress_of(result), over=("gross",)))
    assert list((await desk.links.claim("txn_1", "other")).intents) == ["gross"]
