"""What becomes of a dispute: lost, prevented, won after all, in part, its closing event lost."""

from decimal import Decimal
from typing import Any

import pytest

from local.books import settings
from local.stripe import PeerSettings
from local.world import Options, World
from tests.world import (
    DAY,
    DISPUTE_FEES,
    DISPUTES,
    GENERAL,
    HOUR,
    ONE_TIME,
    START,
    Booked,
    account_of,
    booked_and_proved,
    give_back,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
    stripe_object,
    transactions_of,
    waiting,
)

LOSSES = "Ledger 618200"
OPTIONS = Options(stripe=PeerSettings(payouts=None))


def _on(world: World, account: str) -> Decimal:
    """What stands on an account of usmf, of lines and their offsets."""
    found = lines(world).values()
    debits = sum((line.amount for line in found if line.account == account), Decimal(0))
    credits = sum((line.amount for line in found if line.offset == account), Decimal(0))
    return debits - credits


def _lost(account: str, amount: str, date: str) -> Booked:
    return Booked(GENERAL, "usmf", account, DISPUTES, Decimal(amount), "USD", date)


def _written_off(world: World, dispute: str) -> dict[str, Booked]:
    return {key: line for key, line in lines(world).items() if key.startswith(f"{dispute}:")}


async def _disputed(world: World, **more: Any) -> str:
    charge = sell(world, 10_000)
    await rest(world)
    dispute = world.stripe.dispute_charge(charge, **more)
    await rest(world)
    return dispute


async def _listed(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.get("disputes"))["disputes"]
    return found


def test_an_open_dispute_waits_on_the_work_list_with_its_deadline() -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        [row] = await _listed(world)
        assert (row["dispute"], row["status"], row["reason"]) == (
            dispute,
            "needs_response",
            "fraudulent",
        )
        assert row["stands"] == [{"company": "usmf", "currency": "usd", "amount_minor": 10_000}]
        assert row["due_by"].startswith("2026-10-10")
        [item] = await waiting(world)
        assert (item.object, item.cause) == (dispute, "dispute_open")
        await booked_and_proved(world)

    live(story, OPTIONS)


@pytest.mark.parametrize("end", ["lose_dispute", "prevent_dispute"])
def test_what_stands_of_a_lost_dispute_is_a_loss_of_the_day_it_was_closed(end: str) -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        await rest(world, 3 * DAY)
        getattr(world.stripe, end)(dispute)
        await rest(world)
        assert _written_off(world, dispute) == {
            f"{dispute}:lost:1": _lost(LOSSES, "100.00", "2026-10-04")
        }
        assert [_on(world, DISPUTES), _on(world, LOSSES)] == [0, 100]
        assert _on(world, DISPUTE_FEES) == Decimal(15)
        assert (await _listed(world), await waiting(world)) == ([], [])
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_dispute_that_is_won_leaves_no_loss() -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        await rest(world, 3 * DAY)
        world.stripe.win_dispute(dispute)
        await rest(world)
        assert _written_off(world, dispute) == {}
        assert [_on(world, DISPUTES), _on(world, DISPUTE_FEES)] == [0, 0]
        assert (await _listed(world), await waiting(world)) == ([], [])
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_money_that_comes_back_after_a_loss_reverses_it_on_its_own_day() -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        await rest(world, 3 * DAY)
        world.stripe.lose_dispute(dispute)
        await rest(world, 2 * DAY)
        world.stripe.win_dispute(dispute, after_loss=True)
        await rest(world)
        assert len(transactions_of(world, dispute)) == 2
        assert _written_off(world, dispute) == {
            f"{dispute}:lost:1": _lost(LOSSES, "100.00", "2026-10-04"),
            f"{dispute}:lost:2": _lost(LOSSES, "-100.00", "2026-10-06"),
        }
        assert [_on(world, DISPUTES), _on(world, LOSSES)] == [0, 0]
        assert (await _listed(world), await waiting(world)) == ([], [])
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_money_that_comes_back_without_any_event_reverses_the_loss_by_the_sweep() -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        world.stripe.lose_dispute(dispute)
        await rest(world)
        [taken] = transactions_of(world, dispute)
        fee = {**taken["fee_details"][0], "amount": -1_500}
        back = {
            **{**taken, "id": "txn_back", "reporting_category": "dispute_reversal"},
            **{"amount": 10_000, "fee": -1_500, "net": 11_500, "fee_details": [fee]},
        }
        won = {**stripe_object(world, "dispute", dispute), "status": "won"}
        won["balance_transactions"] = [taken, back]
        world.stripe.control.store_objects([back, won])  # no event tells of it
        await rest(world, 2 * HOUR)
        assert list(_written_off(world, dispute)) == [f"{dispute}:lost:1", f"{dispute}:lost:2"]
        assert [_on(world, DISPUTES), _on(world, LOSSES)] == [0, 0]
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_partial_dispute_takes_its_part_and_leaves_the_rest() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        await rest(world)
        give_back(world, charge, 2_500)
        await rest(world)
        dispute = world.stripe.dispute_charge(charge, amount_minor=4_000)
        await rest(world)
        world.stripe.lose_dispute(dispute)
        await rest(world)
        assert _written_off(world, dispute) == {
            f"{dispute}:lost:1": _lost(LOSSES, "40.00", f"{START:%Y-%m-%d}")
        }
        assert _on(world, ONE_TIME) == Decimal(-75)
        assert _on(world, DISPUTES) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_dispute_whose_closing_event_is_lost_is_found_and_says_which_day_it_has() -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        await rest(world, 2 * DAY)
        closed = {**stripe_object(world, "dispute", dispute), "status": "lost"}
        world.stripe.control.store_objects([closed])  # no event tells of it, now or later
        await rest(world, 4 * HOUR)
        [line] = _written_off(world, dispute).values()
        assert line == _lost(LOSSES, "100.00", "2026-10-03")
        [row] = [
            row
            for row in world.dynamics.records(GENERAL)
            if row["PaymentId"] == f"{dispute}:lost:1"
        ]
        assert "dispute lost, day first seen" in row["Text"]
        assert _on(world, DISPUTES) == 0
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_the_policy_sends_a_lost_direct_debit_back_to_its_customer() -> None:
    policy = """
        kind: policy
        name: lost
        disputes:
          lost:
            - {method: [card], book: receivable}
            - {book: losses}
        """

    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada)
        await rest(world)
        dispute = world.stripe.dispute_charge(charge)
        world.stripe.lose_dispute(dispute)
        await rest(world)
        assert _written_off(world, dispute) == {
            f"{dispute}:lost:1": _lost(account_of(world, ada), "100.00", f"{START:%Y-%m-%d}")
        }
        assert _on(world, DISPUTES) == 0
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(payouts=None), documents=(policy,)))


def test_a_loss_without_an_account_parks_and_stays_on_the_list() -> None:
    async def story(world: World) -> None:
        dispute = await _disputed(world)
        world.stripe.lose_dispute(dispute)
        await rest(world)
        [item] = await parked(world)
        assert (item.object, item.cause) == (dispute, "account_not_configured")
        assert "dispute_losses" in item.remedy
        [row] = await _listed(world)
        assert row["status"] == "lost"
        assert row["stands"][0]["amount_minor"] == 10_000

    books = settings(stripe_url="https://stripe", dynamics_url="https://dynamics").books
    raw = books.model_dump(mode="json")
    del raw["companies"]["usmf"]["accounts"]["dispute_losses"]
    live(story, Options(stripe=PeerSettings(payouts=None), settings={"books": raw}))


def test_a_lost_dispute_of_an_order_becomes_a_credit_note_with_its_tax() -> None:
    policy = """
        kind: policy
        name: credited
        sales: [{book: order}]
        disputes: {lost: [{book: credit_note}]}
        """

    async def story(world: World) -> None:
        ada = new_customer(world)
        items = '[{"name": "Mug", "amount": 8000}, {"name": "Tax", "kind": "tax", "amount": 2000}]'
        charge = sell(world, 10_000, customer=ada, metadata={"items": items})
        await rest(world, 2 * DAY)  # the order is invoiced
        dispute = world.stripe.dispute_charge(charge, amount_minor=5_000)
        await rest(world)
        world.stripe.lose_dispute(dispute)
        await rest(world)
        assert _written_off(world, dispute)[f"{dispute}:lost:1"].account == account_of(world, ada)
        assert _on(world, DISPUTES) == 0
        [memo] = world.dynamics.records("CDSFreeTextInvoiceHeaders")
        assert memo["ExternalInvoiceId"] == dispute
        rows = world.dynamics.records("CDSFreeTextInvoiceLines")
        credited = [
            (row["MainAccountDisplayValue"], Decimal(row["Quantity"]) * Decimal(row["UnitPrice"]))
            for row in rows
        ]
        assert sorted(credited) == [("402100", Decimal(-40)), ("403300", Decimal(-10))]
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(payouts=None), documents=(policy,)))
