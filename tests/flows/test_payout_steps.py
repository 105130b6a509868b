"""The steps of the payout flow: pages, retries, waits, pokes, and that replay asks the same."""

import json
from datetime import timedelta

import pytest

from functions.flows.payout import (
    FIRST_WAIT_MINUTES,
    PAGES_PER_HISTORY,
    RETRIES_MAX,
    RETRY_SECONDS,
    ROUNDS_MAX,
    WAIT_MINUTES_MAX,
)
from tests.flows.flow_run import ActivityError, Answer, Run, check_replay
from tests.world import MINUTE, START, Json

PAGE, TIE_OUT = "payout_membership_page", "payout_tie_out"
TIED = {"status": "tied", "difference_minor": 0, "unwritten": 0}
OPEN = {"status": "open", "difference_minor": 0, "unwritten": 1}
ONE_PAGE = {"cursor": "", "count": 3, "net_minor": 30}


def tied_at_once(name: str, given: Json) -> Json:
    return ONE_PAGE if name == PAGE else TIED


def test_one_page_and_a_tie_out_end_the_flow() -> None:
    run = Run(tied_at_once).live({"payout": "po_1"})
    assert run.calls[0] == (PAGE, {"payout": "po_1", "account": "default", "cursor": ""})
    name, state = run.calls[1]
    assert name == TIE_OUT
    assert (state["payout"], state["count"], state["net_minor"]) == ("po_1", 3, 30)
    assert len(run.calls) == 2
    assert run.last.output == TIED
    assert run.waits == []


def _pages(count: int) -> Answer:
    """So many pages of 100 members of 7 each."""

    def answer(name: str, given: Json) -> Json:
        if name == TIE_OUT:
            return TIED
        number = int(given["cursor"] or 0) + 1
        cursor = "" if number == count else str(number)
        return {"cursor": cursor, "count": 100, "net_minor": 700}

    return answer


@pytest.mark.parametrize("pages", [PAGES_PER_HISTORY, PAGES_PER_HISTORY + 1, 120])
def test_many_pages_are_listed_once_each_over_several_histories(pages: int) -> None:
    run = Run(_pages(pages)).live({"payout": "po_1"})
    cursors = [given["cursor"] for name, given in run.calls if name == PAGE]
    assert cursors == ["", *map(str, range(1, pages))]
    (state,) = [given for name, given in run.calls if name == TIE_OUT]
    assert (state["count"], state["net_minor"]) == (pages * 100, pages * 700)
    assert len(run.histories) == -(-pages // PAGES_PER_HISTORY)
    assert max(map(len, run.histories)) < 8 * (PAGES_PER_HISTORY + 2)
    assert run.last.output == TIED


def test_a_history_carries_sums_and_never_rows() -> None:
    run = Run(_pages(120)).live({"payout": "po_1"})
    for given in run.inputs[1:]:
        assert sorted(given) == [
            *("account", "count", "cursor", "listed", "net_minor", "payout", "rounds")
        ]
        assert all(isinstance(value, str | int) for value in given.values())


def _open_for(rounds: int) -> Answer:
    seen = 0

    def answer(name: str, given: Json) -> Json:
        nonlocal seen
        if name == PAGE:
            return ONE_PAGE
        seen += 1
        return TIED if seen > rounds else OPEN

    return answer


def test_an_open_payout_is_looked_at_again_ever_more_seldom() -> None:
    run = Run(_open_for(10)).live({"payout": "po_1"})
    doubled = [FIRST_WAIT_MINUTES * 2**n for n in range(10)]
    assert run.waits == [min(minutes, WAIT_MINUTES_MAX) * MINUTE for minutes in doubled]
    assert [name for name, _ in run.calls].count(PAGE) == 1
    assert run.last.output == TIED
    assert len(run.histories) == 11


def test_a_poke_ends_the_wait_at_once() -> None:
    run = Run(_open_for(3), poked=True).live({"payout": "po_1"})
    assert run.now == START
    assert len(run.waits) == 3
    assert run.last.output == TIED


def test_a_payout_that_never_ties_is_given_up_in_the_end() -> None:
    run = Run(_open_for(ROUNDS_MAX * 2)).live({"payout": "po_1"})
    assert run.last.output == OPEN
    assert [name for name, _ in run.calls].count(TIE_OUT) == ROUNDS_MAX
    assert timedelta(days=60) < run.now - START < timedelta(days=90)
    assert max(map(len, run.histories)) < 40


def _failing(times: int) -> Answer:
    failed = 0

    def answer(name: str, given: Json) -> Json:
        nonlocal failed
        if failed < times:
            failed += 1
            raise ActivityError("stripe asks Tieout to slow down")
        return tied_at_once(name, given)

    return answer


def test_an_activity_that_fails_is_tried_again_after_a_pause() -> None:
    run = Run(_failing(RETRIES_MAX - 1)).live({"payout": "po_1"})
    assert run.waits == [RETRY_SECONDS] * (RETRIES_MAX - 1)
    assert run.last.output == TIED


def test_an_activity_that_fails_for_good_ends_the_flow_with_its_reason() -> None:
    run = Run(_failing(10_000)).live({"payout": "po_1"})
    assert "stripe asks Tieout to slow down" in run.last.error
    assert [name for name, _ in run.calls] == [PAGE] * RETRIES_MAX


@pytest.mark.parametrize("answer", [_pages(120), _open_for(4), _failing(4)])
def test_replaying_any_part_of_a_history_asks_for_the_same(answer: Answer) -> None:
    run = Run(answer).live({"payout": "po_1"})
    steps = 0
    for given, history in zip(run.inputs, run.histories, strict=True):
        steps += check_replay(json.dumps(given), history)
    assert steps > 5
