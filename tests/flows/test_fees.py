"""Fees that wait for Stripe's tax document, where the policy says so."""

from decimal import Decimal

from local.stripe import FEES_WITH_EUR_TAX, PeerSettings
from local.world import Options, World
from tests.world import ask, booked_and_proved, lines, live, rest, sell

ACCRUED = "Ledger 218900"
POLICY = """
kind: policy
name: fees
fees: vendor_invoice
"""
OPTIONS = Options(stripe=PeerSettings(payouts=None, fees=FEES_WITH_EUR_TAX), documents=(POLICY,))


def test_every_fee_is_accrued_and_listed_by_month_company_currency_and_kind() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        sell(world, 5_000, "eur")
        await rest(world)
        world.stripe.dispute_charge(charge)
        world.stripe.bill_fee(250, "usd", "Radar for September")
        world.host.fire("sweep_transactions")
        await rest(world)
        accrued = [line for line in lines(world).values() if line.account == ACCRUED]
        fees = (await world.get("fees?month=2026-10"))["fees"]
        found = {(fee["company"], fee["currency"], fee["kind"]): fee for fee in fees}
        assert {name: fee["lines"] for name, fee in found.items()} == {
            ("demf", "eur", "fee"): 1,
            ("demf", "eur", "fee_tax"): 1,
            ("usmf", "usd", "dispute_fee"): 1,
            ("usmf", "usd", "fee"): 2,
        }
        usd = sum(line.amount for line in accrued if line.currency == "USD")
        total = sum(fee["amount_minor"] for fee in fees if fee["currency"] == "usd")
        assert (usd, len(accrued)) == (Decimal(total) / 100, 5)
        assert (await world.get("fees?month=2026-11"))["fees"] == []
        await booked_and_proved(world)

    live(story, OPTIONS)


def test_a_month_that_is_none_is_refused() -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "GET", "fees?month=2026-13")
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")

    live(story)
