"""What a charge becomes in Dynamics, from the webhook to the journal lines."""

from decimal import Decimal

import pytest

from local.books import CUSTOMER_ID_PROPERTY
from local.stripe import FEES_WITH_EUR_TAX, PeerSettings
from local.world import Options, World
from tests.world import (
    DAY,
    FEES,
    GENERAL,
    HOUR,
    MINUTE,
    ONE_TIME,
    RECEIPTS,
    Booked,
    account_of,
    booked_and_proved,
    customers,
    everything,
    give_back,
    lines,
    live,
    new_customer,
    rest,
    sell,
    transactions_of,
    usd,
    waiting,
)

TODAY = "2026-10-01"


def test_a_charge_becomes_a_customer_a_receipt_and_a_fee() -> None:
    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada)
        await rest(world)
        (row,) = customers(world).values()
        assert row["OrganizationName"] == "Ada Ács"
        assert row["PrimaryContactEmail"] == "ada@example.com"
        assert row[CUSTOMER_ID_PROPERTY] == ada
        (txn,) = transactions_of(world, charge)
        assert lines(world) == {
            f"{txn['id']}:gross": usd(RECEIPTS, account_of(world, ada), "-100.00"),
            f"{txn['id']}:fee": usd(GENERAL, FEES, "3.20"),
        }
        await booked_and_proved(world)

    live(story)


def test_a_charge_without_customer_is_booked_on_the_one_time_customer() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 700)
        await rest(world)
        (txn,) = transactions_of(world, charge)
        assert lines(world)[f"{txn['id']}:gross"] == usd(RECEIPTS, ONE_TIME, "-7.00")
        assert customers(world) == {}
        await booked_and_proved(world)

    live(story)


def test_a_charge_is_settled_only_when_its_transaction_is_made() -> None:
    """Captures are asynchronous: `charge.updated` announces the balance transaction."""
    slow = PeerSettings(settle_delay_seconds=(2.0 * HOUR, 2.0 * HOUR))

    async def story(world: World) -> None:
        charge = sell(world)
        await rest(world, HOUR)
        (item,) = await waiting(world)
        assert (item.object, item.cause) == (charge, "transaction_not_made")
        assert lines(world) == {}
        assert (await world.get("status"))["waiting"] == 1
        await rest(world, 2 * HOUR)
        assert len(lines(world)) == 2
        assert await waiting(world) == []
        stored = await world.tables.query("events")
        rows = [row.cells for row in stored if row.row == f"object~{charge}"]
        assert {(cells["status"], cells["attempt"]) for cells in rows} == {("done", 0)}
        await booked_and_proved(world)

    live(story, Options(stripe=slow))


def test_a_waiting_charge_is_looked_at_again_although_its_event_is_lost() -> None:
    slow = PeerSettings(settle_delay_seconds=(2.0 * HOUR, 2.0 * HOUR))

    async def story(world: World) -> None:
        sell(world)
        await rest(world, HOUR)
        world.stripe.control.change_faults({"delivery": {"drop": 1}})
        await rest(world, HOUR + 30 * MINUTE)
        assert len(lines(world)) == 2
        assert await waiting(world) == []
        assert (await world.get("status"))["waiting"] == 0

    live(story, Options(stripe=slow))


def test_a_declined_charge_books_nothing() -> None:
    async def story(world: World) -> None:
        with pytest.raises(Exception, match="declined"):
            sell(world, card="pm_card_chargeDeclined")
        await rest(world)
        assert lines(world) == {}
        assert (await world.get("status"))["skipped"] > 0
        await booked_and_proved(world)

    live(story)


def test_a_charge_captured_in_part_books_what_was_captured() -> None:
    async def story(world: World) -> None:
        intent = world.stripe.request(
            "POST",
            "/v1/payment_intents",
            {
                "amount": 10_000,
                "currency": "usd",
                "payment_method": "pm_card_visa",
                "confirm": True,
                "capture_method": "manual",
            },
        )
        await rest(world)
        assert lines(world) == {}
        path = f"/v1/payment_intents/{intent['id']}/capture"
        world.stripe.request("POST", path, {"amount_to_capture": 6_000})
        await rest(world, HOUR)
        gross = [line for key, line in lines(world).items() if key.endswith(":gross")]
        assert sorted(line.amount for line in gross) == [Decimal("-100.00"), Decimal("40.00")]
        assert {line.entity_set for line in gross} == {RECEIPTS, GENERAL}
        await booked_and_proved(world)

    live(story)


@pytest.mark.parametrize(
    ("currency", "company", "gross", "fee"),
    [("eur", "demf", "-50.00", "1.75"), ("jpy", "usmf", "-5000", "180")],
)
def test_a_currency_is_booked_in_its_company_and_on_its_clearing(
    currency: str, company: str, gross: str, fee: str
) -> None:
    code = currency.upper()

    async def story(world: World) -> None:
        charge = sell(world, 5_000, currency)
        await rest(world)
        (txn,) = transactions_of(world, charge)
        clearing = f"Bank STRIPE-{code}"
        assert lines(world, txn["id"]) == {
            f"{txn['id']}:gross": Booked(
                RECEIPTS, company, ONE_TIME, clearing, Decimal(gross), code, TODAY
            ),
            f"{txn['id']}:fee": Booked(GENERAL, company, FEES, clearing, Decimal(fee), code, TODAY),
        }
        await booked_and_proved(world)

    live(story)


def test_the_tax_on_a_fee_is_a_line_of_its_own() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 5_000, "eur")
        await rest(world)
        (txn,) = transactions_of(world, charge)
        found = lines(world, txn["id"])
        assert {key.partition(":")[2]: line.amount for key, line in found.items()} == {
            "gross": Decimal("-50.00"),
            "fee": Decimal("1.75"),
            "fee_tax": Decimal("0.33"),
        }
        assert found[f"{txn['id']}:fee_tax"].account == "Ledger 154300"
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(fees=FEES_WITH_EUR_TAX)))


def _resend_all(world: World) -> None:
    for event in world.stripe.objects("event"):
        world.stripe.request("POST", f"/v1/events/{event['id']}/retry")


@pytest.mark.parametrize("days", [0, 8])
def test_resending_every_event_changes_nothing(days: int) -> None:
    """Within the broker's window for duplicates (seven days), and after it."""

    async def story(world: World) -> None:
        ada = new_customer(world)
        give_back(world, sell(world, customer=ada), 2_500)
        sell(world, 4_000, "eur", customer=ada)
        await rest(world, 2 * HOUR + days * DAY)
        before, batches = everything(world), world.dynamics.requests["batch"]
        _resend_all(world)
        await rest(world, HOUR)
        changed = [name for name, rows in everything(world).items() if rows != before[name]]
        assert changed == []
        assert world.dynamics.requests["batch"] == batches
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(payouts=None)))


def test_a_bank_debit_that_is_returned_is_a_debit_of_the_customer() -> None:
    """A delayed method may fail days after it succeeded; the receipt stays as it was."""

    async def story(world: World) -> None:
        ada = new_customer(world)
        charge = sell(world, 10_000, customer=ada, card="pm_usBankAccount_success")
        await rest(world)
        assert lines(world) == {}
        await rest(world, 5 * DAY)
        receipt = lines(world)
        world.stripe.fail_payment(charge)
        await rest(world)
        txn = transactions_of(world, charge)[-1]
        assert txn["reporting_category"] == "charge_failure"
        date = f"{world.clock.now():%Y-%m-%d}"
        returned = usd(GENERAL, account_of(world, ada), "100.00", date)
        assert lines(world) == receipt | {f"{txn['id']}:gross": returned}
        await booked_and_proved(world)

    live(story, Options(stripe=PeerSettings(payouts=None)))
