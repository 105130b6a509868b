"""What the answers to writes mean for their tasks."""

import pytest

from shared.domain.journal import JournalKind
from shared.domain.records import Change, Document, Record
from shared.errors import DuplicateKey, Refused, UncertainWrite
from shared.ports import Write
from shared.services.converge import Ports
from shared.services.journals import Journals, Writer
from shared.services.links import LinkStore
from shared.services.plan import Plan, intent_of, link_of
from shared.services.task import Task
from shared.services.writing import Applier
from tests.unit.services.fakes import START, Rig, rig

WRITER = Writer("balance_transaction", 0, "one")
EXISTS = DuplicateKey("dynamics", "The record already exists.")


def payment(role: str = "gross", id: str = "txn_1") -> Record:
    """A customer payment line, whose number in the journal comes from us."""
    document = Document(
        role=role,
        template="customer_payment_line",
        company="usmf",
        key=f"{id}:{role}",
        facts={"amount_minor": 5, "currency": "usd"},
        journal=JournalKind.CUSTOMER_PAYMENT,
        period="2026-11",
    )
    return Record(document, "CustomerPaymentJournalLines", "PaymentId", {"PaymentId": document.key})


def item_number(id: str = "prod_1") -> Record:
    """A record whose key is ours and which is no line."""
    document = Document("item", "item", "usmf", id, {"item": id})
    return Record(document, "ReleasedProductCreationsV2", "ItemNumber", {"ItemNumber": id})


def person(id: str = "cus_1", change: Change = Change.FOLLOWS) -> Record:
    """A customer: Dynamics gives its account number."""
    document = Document("customer", "customer", "usmf", id, {"customer": id}, change=change)
    return Record(document, "CustomersV3", "StripeCustomerId", {"StripeCustomerId": id})


class Desk:
    """An applier over fakes."""

    def __init__(self) -> None:
        self.rig: Rig = rig()
        ports: Ports = self.rig.ports
        self.links = LinkStore(ports.tables, ports.clock, ports.settings.lease_seconds)
        self.journals = Journals(
            ports.tables, ports.dynamics, ports.clock, ports.chance, ports.settings
        )
        self.applier = Applier(
            ports.dynamics, self.journals, self.links, ports.clock, ports.settings
        )

    async def task(self, id: str, *create: Record, plan: Plan | None = None) -> Task:
        """A claimed task that creates records."""
        made = Task(id, held=await self.links.claim(id, "one"))
        made.plan = plan or Plan(create=create)
        return made

    async def apply(self, *tasks: Task) -> None:
        await self.applier.apply(tasks, WRITER)

    async def settle(self, task: Task) -> None:
        assert task.held is not None
        open_intents = self.applier.still_open(task)
        await self.links.settle(task.held, task.new_links, task.over, open_intents, None)

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
    task = await desk.task("obj_1", record)
    desk.rig.dynamics.script = [*before, trouble]
    await desk.apply(task)
    assert isinstance(task.error, UncertainWrite)
    assert task.error.retry_after_seconds == 300
    assert (task.uncertain, task.over, task.new_links) == ([record.document.role], [], [])
    await desk.settle(task)
    assert list((await desk.links.claim("obj_1", "other")).intents) == [record.document.role]


@pytest.mark.parametrize("record", [item_number(), person()])
async def test_a_key_that_is_taken_after_a_look_found_nothing_is_not_ours(record: Record) -> None:
    desk = Desk()
    task = await desk.task("obj_1", plan=Plan(look=(record,)))
    assert task.held is not None
    await desk.links.intend(task.held, [intent_of(record, "", START)], [record.document])
    desk.rig.dynamics.script = [EXISTS]
    await desk.apply(task)
    assert isinstance(task.error, DuplicateKey)
    await desk.settle(task)
    # Whoever retries looks again first.
    assert list((await desk.links.claim("obj_1", "other")).intents) == [record.document.role]


async def test_a_place_that_is_taken_twice_is_left_for_a_fresh_journal() -> None:
    desk = Desk()
    task = await desk.task("txn_1", plan=Plan(look=(payment(),)))
    assert task.held is not None
    await desk.links.intend(task.held, [intent_of(payment(), "B1", START)], [payment().document])
    desk.rig.dynamics.script = [HEADER, EXISTS]
    await desk.apply(task)
    assert isinstance(task.error, UncertainWrite)
    await desk.settle(task)
    again = await desk.task("txn_1", plan=Plan(look=(payment(),)))
    await desk.apply(again)
    assert again.error is None
    first, second = desk.batches
    assert first[0].fields["JournalBatchNumber"] != second[0].fields["JournalBatchNumber"]


async def test_a_move_that_met_a_taken_place_stays_announced() -> None:
    desk = Desk()
    link = link_of(payment(), {"JournalBatchNumber": "B0", "LineNumber": 1})
    task = await desk.task("txn_1", plan=Plan())
    task.move.append((payment(), link))
    desk.rig.dynamics.script = [HEADER, EXISTS, EXISTS]
    await desk.apply(task)
    assert [write.method for write in desk.batches[0]] == ["DELETE", "POST"]
    assert isinstance(task.error, UncertainWrite)
    assert (task.uncertain, task.over) == (["gross"], [])
    await desk.settle(task)
    assert list((await desk.links.claim("txn_1", "other")).intents) == ["gross"]


async def test_a_change_that_would_make_a_key_double_is_refused_for_good() -> None:
    desk = Desk()
    link = link_of(person(), {"CustomerAccount": "C1"})
    task = await desk.task("cus_1", plan=Plan(update=((person(), link),)))
    desk.rig.dynamics.script = [EXISTS]
    await desk.apply(task)
    assert isinstance(task.error, Refused)
    assert (task.uncertain, task.over) == ([], ["customer"])


async def test_a_role_that_is_over_and_uncertain_keeps_its_announcement() -> None:
    desk = Desk()
    task = await desk.task("txn_1", payment())
    desk.rig.dynamics.script = [HEADER, UncertainWrite("time-out")]
    await desk.apply(task)
    task.over.append("gross")
    await desk.settle(task)
    assert list((await desk.links.claim("txn_1", "other")).intents) == ["gross"]
