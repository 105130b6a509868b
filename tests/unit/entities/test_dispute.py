from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Link, Record, Ref
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.common.objects import Context, Desired, Enqueue, Snapshot
from shared.entities.dispute import DISPUTE
from shared.entities.dispute.making import standing
from shared.errors import Parked
from shared.policy import Disputes, Loss, LossRule, Policy
from tests.unit.entities.objects import (
    BOOKS,
    CONTEXT,
    CREATED,
    Json,
    charge,
    closed_through,
    dispute,
    general_line,
    plain_txn,
    snapshot,
)

OUT = plain_txn(-5_000, "dispute", "adjustment", "du_1", id="txn_out")
BACK = plain_txn(5_000, "dispute_reversal", "adjustment", "du_1", id="txn_back")
DISPUTES, LOSSES = AccountRole(Role.DISPUTES), AccountRole(Role.DISPUTE_LOSSES)
CLOSED = {"id": "evt_1", "created": CREATED + 5 * 86_400}


def gross(minor: int, company: str = "usmf", currency: str = "usd", **changes: Any) -> Record:
    amount = Money(minor, currency)
    line = general_line("gross", company, amount=amount, account=DISPUTES, **changes)
    return Record(line, "LedgerJournalLines", "PaymentId", {})


def over(status: str, *transactions: Json, **parts: Any) -> Snapshot:
    source = dispute(status=status, balance_transactions=list(transactions))
    related = {"charge": charge(), "closed": CLOSED}
    return snapshot(source, **({"related": related} | parts))


def built(found: Snapshot, context: Context = CONTEXT) -> Desired:
    return DISPUTE.making().build(found, context)


def lines(desired: Desired) -> list[GeneralLine]:
    return [line for line in desired.documents if isinstance(line, GeneralLine)]


def written(found: Snapshot, desired: Desired, **changes: Any) -> Snapshot:
    links = {
        line.role: Link({"LineNumber": 1}, Record(line, "LedgerJournalLines", "PaymentId", {}))
        for line in lines(desired)
    }
    return replace(found, links=links, **changes)


def test_what_stands_is_cleared_where_the_money_was_booked() -> None:
    found = over("lost", OUT, of_transactions={"txn_out": gross(5_000, "demf", "eur")})
    [line] = lines(built(found))
    assert (line.key, line.company, line.amount) == ("du_1:lost:1", "demf", Money(5_000, "eur"))
    assert (line.account, line.offset) == (LOSSES, DISPUTES)
    assert line.date == date(2026, 11, 6)
    assert [part.amount.minor for part in standing(written(found, built(found)))] == [0]


def test_nothing_is_cleared_while_a_transaction_is_not_written() -> None:
    found = over("lost", OUT, BACK, of_transactions={"txn_out": gross(5_000)})
    desired = built(found)
    assert lines(desired) == []
    assert desired.unfinished is not None
    assert "txn_back" in str(desired.unfinished)
    assert Enqueue(Ref("balance_transaction", "txn_back"), "txn_back") in desired.enqueue


def test_a_line_that_was_written_stays_and_nothing_is_added_to_it() -> None:
    found = over("lost", OUT, of_transactions={"txn_out": gross(5_000)})
    again = built(written(found, built(found)))
    assert again.documents == built(found).documents


def test_what_comes_back_goes_to_the_account_of_the_loss_whatever_the_policy_says_by_now() -> None:
    lost = over("lost", OUT, of_transactions={"txn_out": gross(5_000)})
    policy = Policy(disputes=Disputes(lost=(LossRule(book=Loss.RECEIVABLE),)))
    context = Context(BOOKS, policy=policy)
    back = gross(-5_000, date=date(2026, 11, 9))
    won = over("won", OUT, BACK, of_transactions={"txn_out": gross(5_000), "txn_back": back})
    first, second = lines(built(replace(won, links=written(lost, built(lost)).links), context))
    assert (second.key, second.account) == ("du_1:lost:2", first.account)
    assert (second.amount, second.date) == (Money(-5_000, "usd"), date(2026, 11, 9))


def test_money_that_comes_back_during_an_appeal_reverses_at_once() -> None:
    lost = over("lost", OUT, of_transactions={"txn_out": gross(5_000)})
    booked = {"txn_out": gross(5_000), "txn_back": gross(-2_000, date=date(2026, 11, 9))}
    appeal = over("appeal_under_review", OUT, BACK, of_transactions=booked)
    desired = built(replace(appeal, links=written(lost, built(lost)).links))
    assert [line.amount.minor for line in lines(desired)] == [5_000, -2_000]
    assert desired.waiting is not None


def test_a_dispute_that_is_open_waits_and_clears_nothing() -> None:
    desired = built(over("under_review", OUT, of_transactions={"txn_out": gross(5_000)}))
    assert desired.documents == ()
    assert "USD 50.00 stand on disputes" in str(desired.waiting)


def test_a_transaction_that_a_person_booked_parks_what_is_left() -> None:
    booked = {"txn_out": None, "txn_back": gross(-5_000)}
    desired = built(over("won", OUT, BACK, of_transactions=booked, by_hand=("txn_out",)))
    assert isinstance(desired.unfinished, Parked)
    assert desired.unfinished.cause == "dispute_booked_by_hand"
    assert "USD -50.00 in usmf" in str(desired.unfinished)


def test_all_of_it_booked_by_a_person_is_done() -> None:
    desired = built(over("lost", OUT, of_transactions={"txn_out": None}, by_hand=("txn_out",)))
    assert (desired.documents, desired.unfinished, desired.waiting) == ((), None, None)


@pytest.mark.parametrize("seen", [datetime(2026, 12, 3, tzinfo=UTC), None])
def test_without_its_event_the_day_is_the_one_it_was_first_seen_closed(
    seen: datetime | None,
) -> None:
    parts = {"related": {"charge": charge()}, "closed_seen_at": seen}
    found = over("lost", OUT, of_transactions={"txn_out": gross(5_000)}, **parts)
    now = datetime(2026, 12, 20, tzinfo=UTC)
    [line] = lines(built(found, Context(BOOKS, now=now)))
    assert line.date == (seen or now).date()
    assert line.category == "dispute lost, day first seen"


def test_a_loss_in_a_closed_period_parks() -> None:
    found = over("lost", OUT, of_transactions={"txn_out": gross(5_000)})
    with pytest.raises(Parked) as caught:
        built(found, closed_through("2026-11-30"))
    assert caught.value.cause == "period_closed"


def test_a_charge_is_looked_at_again_only_where_its_sale_is_credited() -> None:
    found = over("lost", OUT, of_transactions={"txn_out": gross(5_000)})
    rules = {"disputes": {"lost": [{"book": "credit_note"}]}, "sales": [{"book": "order"}]}
    credited = Context(BOOKS, policy=Policy.model_validate(rules))
    assert not [each for each in built(found).enqueue if each.ref.entity == "charge"]
    [found_charge] = [
        each for each in built(found, credited).enqueue if each.ref.entity == "charge"
    ]
    assert found_charge == Enqueue(Ref("charge", "ch_1"), "du_1-lost", even_if_settled=True)
