"""Money that is no sale: top-ups, financing, and the balances besides payments."""

from dataclasses import replace
from typing import Any

import pytest

from local.books import ACCOUNTS, BOOKS
from local.world import Options, World
from tests.world import (
    BANK,
    GENERAL,
    NO_GAPS,
    Booked,
    booked_and_proved,
    gaps,
    lines,
    live,
    parked,
    rest,
    usd,
)

AT = 1_790_841_600  # 2026-10-01 08:00
CUSTOMER = {"id": "ccsbtxn_1", "object": "customer_cash_balance_transaction", "customer": "cus_9"}


def _stored(id: str, category: str, amount: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": AT,
        "balance_type": "payments",
        "created": AT,
        "currency": "usd",
        "description": None,
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": category,
        "source": None,
        "status": "available",
        "type": category,
        **changes,
    }


async def _swept(world: World, *transactions: dict[str, Any]) -> None:
    world.stripe.control.store_objects(list(transactions))
    world.host.fire("sweep_transactions")
    await rest(world)


KINDS = (
    ("topup", 30_000, BANK, "-300.00"),
    ("topup_reversal", -30_000, BANK, "300.00"),
    ("financing_payout", 500_000, "Ledger 223100", "-5000.00"),
    ("financing_paydown", -1_000, "Ledger 223100", "10.00"),
    ("platform_earning", 250, "Ledger 401300", "-2.50"),
    ("contribution", -500, "Ledger 618940", "5.00"),
    ("other_adjustment", -77, "Ledger 133800", "0.77"),
)


@pytest.mark.parametrize(("category", "amount", "account", "booked"), KINDS)
def test_money_that_is_no_sale_has_an_account_of_its_kind(
    category: str, amount: int, account: str, booked: str
) -> None:
    async def story(world: World) -> None:
        await _swept(world, _stored("txn_1", category, amount))
        assert lines(world) == {"txn_1:gross": usd(GENERAL, account, booked)}
        await booked_and_proved(world)

    live(story)


def test_funds_that_no_payment_took_are_on_the_list_of_receipts() -> None:
    async def story(world: World) -> None:
        kind = "unreconciled_customer_funds"
        await _swept(world, _stored("txn_1", kind, 7_000, source=CUSTOMER))
        assert lines(world) == {"txn_1:gross": usd(GENERAL, "Ledger 130200", "-70.00")}
        [receipt] = (await world.get("receipts"))["receipts"]
        assert (receipt["kind"], receipt["amount_minor"]) == ("unapplied", 7_000)
        await booked_and_proved(world)

    live(story)


ISSUED = (
    _stored("txn_1", "topup", 30_000, balance_type="issuing"),
    _stored("txn_2", "issuing_transaction", -1_234, balance_type="issuing"),
    _stored("txn_3", "risk_reserved_funds", 500, balance_type="risk_reserved"),
)


def _with_balances(**accounts: str) -> Options:
    company, clearing, bank = BOOKS["usd"]
    raw = {
        "companies": {
            "usmf": {
                "journals": {"customer_payment": "STRPAY", "general": "STRGL"},
                "customer_group": "10",
                "one_time_customer": "STRIPE-ONETIME",
                "accounts": ACCOUNTS,
            }
        },
        "currencies": {
            "usd": {
                "company": company,
                "clearing": {"type": "Bank", "id": clearing},
                "bank": {"type": "Bank", "id": bank},
                "balances": {
                    kind: {"type": "Ledger", "id": account} for kind, account in accounts.items()
                },
            }
        },
        "default_company": "usmf",
    }
    return Options(settings={"books": raw})


def test_the_issuing_balance_is_booked_and_proved_on_a_clearing_account_of_its_own() -> None:
    async def story(world: World) -> None:
        await _swept(world, *ISSUED)

        def booked(account: str, offset: str, amount: str) -> Booked:
            return replace(usd(GENERAL, account, amount), offset=offset)

        assert lines(world) == {
            "txn_1:gross": booked(BANK, "Ledger 110791", "-300.00"),
            "txn_2:gross": booked("Ledger 133400", "Ledger 110791", "12.34"),
            "txn_3:gross": booked("Ledger 133100", "Ledger 110792", "-5.00"),
        }
        assert await parked(world) == []
        proof = await world.get("proof")
        found = {
            part["balance_type"]: (part["balance_minor"], part["gap_minor"], part["has_account"])
            for part in proof["balances"]
        }
        assert found == {"issuing": (28_766, 0, True), "risk_reserved": (500, 0, True)}
        assert await gaps(world) == {"usd": 0}

    live(story, _with_balances(issuing="110791", risk_reserved="110792"))


def test_a_balance_without_an_account_parks_with_the_remedy_and_is_a_gap() -> None:
    async def story(world: World) -> None:
        await _swept(world, ISSUED[0])
        assert lines(world) == {}
        [item] = await parked(world)
        assert item.cause == "balance_not_configured"
        assert "balances.issuing" in item.remedy
        [part] = (await world.get("proof"))["balances"]
        assert (part["gap_minor"], part["has_account"]) == (30_000, False)
        assert await gaps(world) == NO_GAPS

    live(story)
