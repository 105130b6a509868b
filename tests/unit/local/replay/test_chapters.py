"""Files as a course of time: sales before what is given back, objects when they were created."""

from typing import Any

import pytest

from local.replay.chapters import CHAPTERS_MAX, chapters, in_order
from local.replay.exported import Exported
from shared.ports import Json


def charge(created: int, refunded: int = 0, id: str = "ch_1", **more: Any) -> Json:
    whole = {"amount": 1_000, "amount_refunded": refunded, "refunded": refunded == 1_000}
    return {"id": id, "object": "charge", "created": created, **whole, **more}


def refund(created: int, amount: int, id: str = "re_1", of: str = "ch_1", **more: Any) -> Json:
    return {"id": id, "object": "refund", "created": created, "amount": amount, "charge": of} | more


def event(created: int, type: str, obj: Json) -> Json:
    return {"id": f"evt_{created}", "type": type, "created": created, "data": {"object": obj}}


def told(*events: Json, objects: tuple[Json, ...] = ()) -> list[tuple[list[str], list[str]]]:
    """The objects (of charges what was refunded) and events of each chapter."""
    found = chapters(Exported(events=list(events), objects=list(objects)))
    return [
        (
            [f"{obj['id']} {obj.get('amount_refunded', '')}".strip() for obj in chapter.objects],
            [each["id"] for each in chapter.events],
        )
        for chapter in found
    ]


SOLD, BACK = event(10, "charge.succeeded", charge(10)), event(20, "charge.refunded", charge(10, 1))


def test_nothing_is_one_chapter() -> None:
    assert told() == [([], [])]


def test_events_go_in_the_order_they_were_made_and_a_refund_begins_a_chapter() -> None:
    assert told(BACK, SOLD) == [([], ["evt_10"]), ([], ["evt_20"])]
    found = chapters(Exported(events=[BACK, SOLD]))
    assert [each["id"] for each in in_order(found)] == ["evt_10", "evt_20"]


def test_a_refund_of_what_an_earlier_chapter_told_begins_none() -> None:
    again = event(30, "charge.refunded", charge(10, 2))
    other = event(25, "charge.succeeded", charge(25, id="ch_2"))
    assert [events for _, events in told(SOLD, BACK, other, again)] == [
        ["evt_10"],
        ["evt_20", "evt_25", "evt_30"],
    ]


def test_objects_are_there_from_when_they_were_created_whatever_tells_of_them_later() -> None:
    session = {"id": "cs_1", "object": "checkout.session", "created": 5}
    done = event(40, "checkout.session.completed", session)
    transaction = {"id": "txn_1", "object": "balance_transaction", "created": 10}
    back = {"id": "txn_2", "object": "balance_transaction", "created": 21}
    nothing = {"id": "ba", "object": "balance"}
    found = told(SOLD, BACK, done, objects=(back, session, transaction, nothing))
    assert [objects for objects, _ in found] == [["cs_1", "txn_1", "ba"], ["txn_2"]]


def test_a_charge_is_as_it_was_before_later_refunds() -> None:
    first, second = refund(20, 300), refund(30, 700, "re_2")
    found = told(SOLD, objects=(charge(10, 1_000), first, second))
    assert [objects for objects, _ in found] == [["ch_1 0"], ["ch_1 1000", "re_1", "re_2"]]


def test_refunds_inside_of_charges_count_too() -> None:
    listed = {"object": "list", "data": [refund(20, 300)], "total_count": 1}
    found = chapters(Exported(objects=[charge(10, 300, refunds=listed)]))
    before, after = (chapter.objects[0] for chapter in found)
    assert (before["amount_refunded"], before["refunds"]["data"]) == (0, [])
    assert before["refunds"]["total_count"] == 0
    assert after["refunds"] == listed


def test_a_refund_in_the_second_of_its_sale_comes_after_it() -> None:
    made = event(10, "refund.created", refund(10, 1_000)) | {"id": "evt_back"}
    found = told(made, SOLD, objects=(charge(10, 1_000), refund(10, 1_000)))
    assert found == [(["ch_1 0"], ["evt_10"]), (["ch_1 1000", "re_1"], ["evt_back"])]


@pytest.mark.parametrize(("status", "left"), [("succeeded", 400), ("failed", 700)])
def test_only_refunds_that_live_were_taken(status: str, left: int) -> None:
    objects = (charge(10, 700), refund(20, 300, status=status))
    assert told(SOLD, objects=objects)[0] == ([f"ch_1 {left}"], ["evt_10"])


def test_what_no_refund_accounts_for_was_given_back_when_an_event_says_so() -> None:
    first = event(20, "charge.refunded", charge(10, 300))
    sold = event(25, "charge.succeeded", charge(25, id="ch_2"))
    second = event(30, "charge.refunded", charge(10, 1_000))
    other = event(35, "charge.refunded", charge(25, 1_000, id="ch_2"))
    found = told(SOLD, first, sold, second, other, objects=(charge(10, 1_000),))
    assert found == [
        (["ch_1 0"], ["evt_10"]),
        (["ch_1 1000"], ["evt_20", "evt_25", "evt_30"]),
        ([], ["evt_35"]),
    ]


def test_what_no_event_of_a_chapter_tells_of_is_looked_at() -> None:
    dispute = {"id": "du_1", "object": "dispute", "created": 12, "charge": "ch_2"}
    objects = [charge(10, 1_000), refund(20, 1_000), charge(11, id="ch_2"), dispute]
    lost = event(13, "charge.dispute.created", dispute)
    found = chapters(Exported(events=[SOLD, lost], objects=objects))
    looked_at = [chapter.looked_at for chapter in found]
    assert looked_at == [{"ch_2": "charge"}, {"ch_1": "charge", "re_1": "refund"}]


def test_an_event_that_is_not_taken_tells_of_nothing() -> None:
    unknown = event(11, "radar.early_fraud_warning.created", {"id": "issfr_1", "charge": "ch_1"})
    foreign = event(12, "charge.succeeded", charge(10)) | {"account": "acct_1"}
    (found,) = chapters(Exported(events=[unknown, foreign], objects=[charge(10)]))
    assert found.looked_at == {"ch_1": "charge"}


def test_the_number_of_chapters_is_bounded_and_nothing_is_left_out() -> None:
    events = []
    for number in range(CHAPTERS_MAX + 100):
        sold = charge(number * 10, id=f"ch_{number}")
        events.append(event(number * 10, "charge.succeeded", sold))
        events.append(event(number * 10 + 5, "charge.refunded", sold))
    found = chapters(Exported(events=events))
    assert len(found) == CHAPTERS_MAX
    assert in_order(found) == events
