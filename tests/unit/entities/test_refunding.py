"""What refunds take from orders in the cases that a law does not single out."""

from decimal import Decimal

from shared.domain.allotment import Part, RefundShare, allot
from shared.domain.money import Money
from tests.unit.entities.sales import Shop, given_back, line_item, policy, session, sold_charge

FIRST, SECOND = Part(1), Part(2)
TWO = session([line_item(1), line_item(2)])


def test_shares_that_nobody_keeps_come_out_the_same_each_time() -> None:
    worth = {FIRST: 1_000, SECOND: 1_000, Part(3): 999}
    whole = allot(worth, [RefundShare("re_1", 1_000, {})])["re_1"]
    kept = RefundShare("re_1", 1_000, {FIRST: whole[FIRST]})
    assert allot(worth, [kept])["re_1"] == whole
    later = RefundShare("re_2", 500, {})
    assert allot(worth, [kept, later]) == allot(worth, [RefundShare("re_1", 1_000, {}), later])


def test_what_is_left_of_a_claim_goes_to_lines_without_a_share_first() -> None:
    worth, half = {FIRST: 1_000, SECOND: 1_000}, {FIRST: 500}
    assert allot(worth, [RefundShare("re_1", 600, half)])["re_1"] == {FIRST: 500, SECOND: 100}
    assert allot(worth, [RefundShare("re_1", 1_600, half)])["re_1"] == {FIRST: 600, SECOND: 1_000}


def test_a_credit_memo_made_elsewhere_does_not_wear_open_lines_away() -> None:
    for changes in ({"metadata": {"dynamics_credit_note": "CN-7"}}, {}):
        memo = {"of_orders": "free_text" if changes else "none"}
        shop = Shop(sold_charge(2_000, "usd"), TWO, policy(refunds=memo))
        shop.book()
        shop.invoiced.append(1)
        shop.refund([{**given_back(1, 1_000), **changes}])
        for _ in range(3):
            shop.book()
            amounts = [row["LineAmount"] for row in shop.rows()]
            assert amounts == [Decimal("10.00"), Decimal("5.00")]
        assert shop.credited() == 0


def test_a_line_given_back_before_the_order_is_left_out_and_a_failure_is_invoiced() -> None:
    refund = {**given_back(1, 1_000), "metadata": {"lines": '{"2": 1000}'}}
    shop = Shop(sold_charge(2_000, "usd"), TWO)
    shop.refund([refund])
    shop.book()
    assert list(shop.lines()) == [1]
    assert shop.ordered() == Decimal("10.00")
    shop.refund([{**refund, "status": "failed"}])
    shop.book()
    assert shop.ordered() + shop.credited() == Decimal("20.00")


def test_an_order_goes_on_when_one_of_its_lines_was_cancelled_before_its_release() -> None:
    shop = Shop(sold_charge(2_000, "usd"), TWO)
    shop.book()
    shop.refund([{**given_back(1, 1_000), "metadata": {"lines": '{"2": 1000}'}}])
    shop.book()
    del shop.links["release"]  # its write failed
    [release] = [each for each in shop.documents() if each.role == "release"]
    assert release.expects == {"OrderTotalAmount": Money(1_000, "usd")}


def test_a_rounding_line_closes_with_the_rest_of_its_order() -> None:
    shop = Shop(sold_charge(1_999, "usd"), TWO)
    shop.book()
    shop.refund([given_back(1, 1_999)])
    shop.book()
    assert {row["SalesOrderLineStatus"] for row in shop.rows()} == {"Canceled"}


def test_a_negative_rounding_line_is_credited_once() -> None:
    shop = Shop(sold_charge(1_999, "usd"), TWO)
    shop.book()
    shop.invoiced += [1, 2, 9_999]
    shop.refund([given_back(1, 1_999)])
    for _ in range(2):
        shop.book()
        assert shop.credited() == Decimal("-19.99")
