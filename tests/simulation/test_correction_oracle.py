"""The judge of corrections: what it expects on clearing, and what stays in the gap."""

from dataclasses import replace
from datetime import UTC, date, datetime

from local.simulation.correction_oracle import gaps, with_corrections
from local.simulation.history import RECLASS, History, OrderedCorrection
from local.simulation.oracle import Entry

SOLD, ORDERED = date(2026, 10, 12), date(2026, 11, 2)
GROSS = Entry("default", "usmf", "usd", 10_000, "a customer", SOLD)
FEE = Entry("default", "usmf", "usd", -320, "618900", SOLD)
LINES = {"txn_1:gross": GROSS, "txn_1:fee": FEE}
TAKEN_BACK = replace(FEE, clearing_minor=320, date=ORDERED)


def history_of(*corrections: OrderedCorrection) -> History:
    began = datetime(2026, 10, 1, tzinfo=UTC)
    return History(began, corrections={each.key: each for each in corrections})


def test_a_fee_taken_back_comes_once_more_with_the_other_sign_and_is_the_gap() -> None:
    history = history_of(OrderedCorrection("txn_1", "fee", ORDERED, stands=True))
    found = with_corrections({"txn_1": dict(LINES)}, history)
    assert found == {"txn_1": {**LINES, "txn_1:fee:rev1": TAKEN_BACK}}
    assert gaps(found, history) == {"usd": -320}
    assert list(history.incomplete) == ["txn_1"]


def test_a_replaced_fee_is_there_again_and_leaves_no_gap() -> None:
    history = history_of(OrderedCorrection("txn_1", "fee", ORDERED, replaces=True, stands=True))
    found = with_corrections({"txn_1": dict(LINES)}, history)
    again = {"txn_1:fee:rev1": TAKEN_BACK, "txn_1:fee:g1": replace(FEE, date=ORDERED)}
    assert found == {"txn_1": {**LINES, **again}}
    assert gaps(found, history) == {}
    assert list(history.incomplete) == []


def test_a_reclass_touches_no_clearing() -> None:
    history = history_of(
        OrderedCorrection("txn_1", RECLASS, ORDERED, to="contributions", stands=True)
    )
    assert with_corrections({"txn_1": dict(LINES)}, history) == {"txn_1": LINES}
    assert history.corrections["txn_1:reclass"].to == "contributions"
    assert list(history.corrected) == ["txn_1"]
