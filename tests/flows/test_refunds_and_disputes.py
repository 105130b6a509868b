"""What comes off the balance again: refunds, their failures, disputes."""

from decimal import Decimal

import pytest

from local.dynamics import DynamicsSettings
from local.stripe import PeerSettings
from local.world import Options, World
from tests.world import (
    DAY,
    DISPUTE_FEES,
    DISPUTES,
    GENERAL,
    HOUR,
    MINUTE,
    ONE_TIME,
    RECEIPTS,
    account_of,
    booked_and_proved,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    transactions_of,
    usd,
    waiting,
)

MEMOS = "{kind: policy, name: memos, refunds: {of_receipts: free_text}}"


@pytest.mark.parametrize(("amount_minor", "booked"), [(2_500, "25.00"), (None, "100.00")])
def test_a_refund_is_a_debit_of_the_customer_of_its_charge(
    amount_minor: int | None, booked: str
) -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada)
        await rest(world)
        refund = give_back(world, charge, amount_minor)
        await rest(world)
        (txn,) = transactions_of(world, refund)
        assert lines(world, txn["id"]) == {
            f"{txn['id']}:gross": usd(RECEIPTS, account_of(world, ada), booked)
        }
        assert len(lines(world)) == 3
        await booked_and_proved(world)

    live(story)


def test_the_second_refund_that_names_a_credit_note_waits_and_then_carries_no_mark() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        named = sell(world, customer=ada, metadata={"dynamics_sales_order": "SO-OLD"})
        plain = sell(world, customer=ada)
        await rest(world)
        first = give_back(world, named, 4_000)
        await rest(world, 2 * MINUTE)
        world.dynamics.post_free_text_invoices()
        await rest(world, HOUR)
        [memo] = world.dynamics.records("CDSFreeTextInvoiceHeaders")
        assert marks(world, first) == [memo["InvoiceId"]]  # a draft
        second = give_back(world, plain, 4_000, {"dynamics_credit_note": memo["InvoiceId"]})
        await rest(world, HOUR)
        assert marks(world, second) == []
        [(txn, cause)] = [
            (item.object, item.cause)
            for item in await waiting(world)
            if item.cause != "invoice_not_posted"  # the receipt of the named order
        ]
        assert (txn, cause) == (transactions_of(world, second)[0]["id"], "invoice_marked")
        world.dynamics.post_journals()
        await rest(world, 2 * HOUR)
        assert marks(world, second) == [""]
        listed = (await world.get("receipts"))["receipts"]
        [found] = [each for each in listed if each["transaction"] == txn]
        assert (found["kind"], found["invoice"], found["amount_minor"]) == (
            "second_payment",
            memo["InvoiceId"],
            -4_000,
        )
        assert await parked(world) == []

    dynamics = DynamicsSettings(post_interval_seconds=1e9)
    live(story, Options(documents=(MEMOS,), dynamics=dynamics))


def marks(world: World, refund: str) -> list[str]:
    """What the payment lines of a refund are marked with."""
    [txn] = transactions_of(world, refund)
    rows = world.dynamics.records(RECEIPTS)
    return [row["MarkedInvoice"] for row in rows if row["PaymentId"] == f"{txn['id']}:gross"]


def test_a_refund_that_fails_comes_back_as_a_line_of_its_own() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        await rest(world)
        refund = give_back(world, charge, 4_000)
        await rest(world)
        world.stripe.fail_refund(refund)
        await rest(world)
        booked = [
            lines(world, txn["id"])[f"{txn['id']}:gross"]
            for txn in world.stripe.objects("balance_transaction")
            if txn["reporting_category"] in ("refund", "refund_failure")
        ]
        assert [line.amount for line in booked] == [Decimal("40.00"), Decimal("-40.00")]
        assert {line.account for line in booked} == {ONE_TIME}
        await booked_and_proved(world)

    live(story)


def test_a_fee_that_is_given_back_is_a_negative_fee() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        await rest(world)
        refund = give_back(world, charge)
        await rest(world)
        (txn,) = transactions_of(world, refund)
        found = lines(world, txn["id"])
        assert found[f"{txn['id']}:gross"].amount == Decimal("100.00")
        assert found[f"{txn['id']}:fee"].amount == Decimal("-3.20")
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(refund_fee_returned=True)))


@pytest.mark.parametrize(("won", "left"), [(True, "0.00"), (False, "100.00")])
def test_a_dispute_takes_the_amount_and_a_win_brings_it_back(won: bool, left: str) -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        await rest(world)
        dispute = world.stripe.dispute_charge(charge)
        await rest(world)
        (txn,) = transactions_of(world, dispute)
        assert lines(world, txn["id"]) == {
            f"{txn['id']}:gross": usd(GENERAL, DISPUTES, "100.00"),
            f"{txn['id']}:fee": usd(GENERAL, DISPUTE_FEES, "15.00"),
        }
        await rest(world, 3 * DAY)
        (world.stripe.win_dispute if won else world.stripe.lose_dispute)(dispute)
        await rest(world)
        held = [line.amount for line in lines(world).values() if line.account == DISPUTES]
        assert sum(held) == Decimal(left)
        assert len(transactions_of(world, dispute)) == 1 + won
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(payouts=None)))


def test_an_inquiry_moves_no_money() -> None:
    async def story(world: World) -> None:
        charge = sell(world)
        await rest(world)
        before = lines(world)
        world.stripe.dispute_charge(charge, inquiry=True)
        await rest(world)
        assert lines(world) == before
        await booked_and_proved(world)

    live(story)
