"""The rounding line of an order: kept as long as it may stand in Dynamics."""

import pytest

from shared.domain.documents import Party
from shared.entities.charge.order import lines_of
from shared.entities.common.order_state import State
from shared.entities.common.sale_line import GOODS, ROUNDING_NUMBER, SaleLine
from shared.entities.common.sales_documents import SalesOrder

HEADER = SalesOrder(
    role="order", company="usmf", key="ch_1", currency="eur", customer=Party("cus_1")
)
SOLD = (SaleLine(1, GOODS, 1_000, listed=1_000, text="Thing"),)


@pytest.mark.parametrize("announced", [(), (ROUNDING_NUMBER,)])
def test_a_rounding_line_that_was_announced_for_a_failed_refund_is_taken_to_nothing(
    announced: tuple[int, ...],
) -> None:
    documents = lines_of(SOLD, {}, State(announced=announced), HEADER, 5)
    rounding = [each for each in documents if int(each.key) == ROUNDING_NUMBER]
    assert [(each.quantity, each.amount.minor) for each in rounding] == [(1, 0)] * len(announced)
