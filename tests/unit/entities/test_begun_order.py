"""An order whose lines were announced, or were about to be, when refunds changed them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from shared.domain.documents import Document, Party
from shared.domain.records import Intent, Record
from shared.entities.charge.order import lines_of
from shared.entities.common.objects import Snapshot
from shared.entities.common.order_state import State
from shared.entities.common.refunding import Effects
from shared.entities.common.sale_line import GOODS, ROUNDING_NUMBER, SaleLine
from shared.entities.common.sales_documents import SalesOrder, SalesOrderLine, SalesOrderRelease
from tests.unit.entities.sales import Shop, given_back, items

HEADER = SalesOrder(
    role="order", company="usmf", key="ch_1", currency="eur", customer=Party("cus_1")
)
NOTHING = Effects({}, {}, {})
SOLD = (SaleLine(1, GOODS, 1_000, listed=1_000, text="Thing"),)


def steps(documents: tuple[Document, ...]) -> list[tuple[str, int, int]]:
    """The line, quantity and amount of each document of a line, in their order."""
    lines = [document for document in documents if isinstance(document, SalesOrderLine)]
    return [(line.key, line.quantity, line.amount.minor) for line in lines]


def announced(shop: Shop, *roles: str) -> Mapping[str, Intent]:
    """The announcements of records that a shop wrote."""
    return {role: Intent("", "2026-01-01T00:00:00", shop.links[role].record) for role in roles}


@dataclass
class Begun(Shop):
    """An order of which Dynamics holds the header; the rest was announced at most."""

    intents: Mapping[str, Intent] = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), intents=self.intents)


def begun(*roles: str) -> Begun:
    """An order of 6.00 and 4.00 whose header is written and of which `roles` were announced."""
    whole = items({"item": "A", "amount": 600}, {"item": "B", "amount": 400})
    whole.book()
    shop = Begun(whole.charge, links={"order": whole.links["order"]})
    shop.intents = announced(whole, *roles)
    return shop


@pytest.mark.parametrize("is_announced", [False, True])
def test_a_rounding_line_that_was_announced_for_a_failed_refund_is_taken_to_nothing(
    is_announced: bool,
) -> None:
    (line,) = lines_of(SOLD, NOTHING, State(), HEADER, 5)
    rounding = replace(line, role=f"line:{ROUNDING_NUMBER}", key=str(ROUNDING_NUMBER))
    state = State(announced={ROUNDING_NUMBER: rounding} if is_announced else {})
    documents = lines_of(SOLD, NOTHING, state, HEADER, 5)
    written = [step for step in steps(documents) if step[0] == str(ROUNDING_NUMBER)]
    assert written == [(str(ROUNDING_NUMBER), 1, 0)] * is_announced


def test_a_line_that_was_refunded_before_it_was_written_is_written_and_cancelled() -> None:
    shop = begun()
    shop.refund([{**given_back(1, 400), "metadata": {"lines": '{"2": 400}'}}])
    assert steps(shop.book()) == [("2", 1, 400), ("1", 1, 600), ("2", 0, 0)]
    assert shop.ordered() == shop.major(600)
    assert steps(shop.book()) == [("1", 1, 600), ("2", 0, 0)]  # what the refund took is on record
    assert shop.credited() == 0


def test_an_announced_line_that_was_refunded_wholly_is_finished_as_announced_then_cancelled() -> (
    None
):
    shop = begun("line:1", "line:2", "release")
    kept: Record = shop.intents["line:1"].record
    assert isinstance(kept.document, SalesOrderLine)
    told = replace(kept, document=replace(kept.document, text="told"))
    shop.intents = {**shop.intents, "line:1": Intent("", "", told)}
    shop.refund([given_back(1, 1_000)])
    documents = shop.documents()
    assert steps(documents) == [("1", 1, 600), ("2", 1, 400), ("1", 0, 0), ("2", 0, 0)]
    assert next(line.text for line in documents if isinstance(line, SalesOrderLine)) == "told"
    (release,) = [one for one in documents if isinstance(one, SalesOrderRelease)]
    assert release.total.minor == 0  # it was announced: it may have happened


def test_an_order_of_which_nothing_was_announced_and_nothing_is_left_gets_no_lines() -> None:
    shop = begun()
    shop.refund([given_back(1, 1_000)])
    assert steps(shop.documents()) == []
    assert not [one for one in shop.documents() if isinstance(one, SalesOrderRelease)]


def test_a_line_that_stands_in_dynamics_is_not_begun_again() -> None:
    shop = begun()
    shop.book()
    shop.refund([given_back(1, 1_000)])
    assert steps(shop.documents()) == [("1", 0, 0), ("2", 0, 0)]
