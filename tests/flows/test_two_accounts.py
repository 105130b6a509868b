"""Two Stripe accounts with the same currency: each on its own clearing account, proved apart."""

from dataclasses import replace

import pytest

from local.books import MAIN_ACCOUNTS
from local.dynamics import DynamicsSettings
from local.stripe import PayoutSchedule, PeerSettings, StripeFaults, StripePeer
from local.world import Options, World
from tests.flows.test_accounts import balance, proof, sell, transactions
from tests.functions.test_audit import edit, path_of
from tests.world import DAY, HOUR, MINUTE, ask, doubles, encoded, lines, live, parked, rest

EU = "shop-eu"
OPTIONS = Options(
    own_books={EU: ["usd", "eur"]},
    stripe=PeerSettings(payouts=PayoutSchedule(arrival_days=1)),
)
SALES = 20
DOWN = {
    "throttled": StripeFaults(rate_limit=1.0),
    "failing": StripeFaults(server_error=1.0),
    "answering too late": StripeFaults(timeout=1.0, timeout_seconds=90.0),
}


def clearings(world: World, peer: StripePeer) -> list[str]:
    """The clearing accounts that the lines of an account's transactions are on."""
    mine = [txn["id"] for txn in transactions(peer)]
    sides = [
        side.partition(" ")[2]
        for key, line in lines(world).items()
        if key.partition(":")[0] in mine
        for side in (line.account, line.offset)
    ]
    return sorted(dict.fromkeys(side for side in sides if side in MAIN_ACCOUNTS))


def test_the_same_currencies_are_booked_and_proved_apart_and_paid_out_apart() -> None:
    async def story(world: World) -> None:
        one, other = world.stripe, world.peers[EU]
        for peer, amount_minor in ((one, 10_000), (other, 7_000)):
            sell(peer, amount_minor, "usd")
            sell(peer, amount_minor, "eur")
        await rest(world, HOUR)
        assert await parked(world) == []
        assert doubles(world) == {}
        assert clearings(world, one) == ["STRIPE-EUR", "STRIPE-USD"]
        assert clearings(world, other) == ["STRIPE2-EUR", "STRIPE2-USD"]
        assert balance(one, "usd") != balance(other, "usd")
        assert await proof(world) == {
            "default": {
                "usd": (balance(one, "usd"), 0),
                "eur": (balance(one, "eur"), 0),
                "jpy": (0, 0),
            },
            EU: {"usd": (balance(other, "usd"), 0), "eur": (balance(other, "eur"), 0)},
        }
        for _ in range(20):
            await rest(world, DAY)
            found = (await world.get("payouts"))["payouts"]
            if len(found) >= 4 and all(each["status"] == "tied" for each in found):
                break
        assert sorted((each["account"], each["currency"], each["status"]) for each in found) == [
            (alias, currency, "tied") for alias in ("default", EU) for currency in ("eur", "usd")
        ]
        gaps = [gap for account in (await proof(world)).values() for _, gap in account.values()]
        assert gaps == [0] * 5

    live(story, OPTIONS)


def test_a_reversal_goes_to_the_books_of_the_account_of_its_line() -> None:
    async def story(world: World) -> None:
        other = world.peers[EU]
        sell(other, 7_000, "usd")
        await rest(world, HOUR)
        world.dynamics.post_journals()
        [txn] = transactions(other)
        who = {"who": "Grace", "why": "a test", "transaction": txn["id"], "replace": True}
        answer = await ask(world, "POST", "reverse", encoded({**who, "line": "fee"}))
        assert answer.status_code == 202
        await rest(world, HOUR)
        assert f"{txn['id']}:fee:g1" in lines(world)
        assert clearings(world, other) == ["STRIPE2-USD"]
        found = await proof(world)
        assert (found["default"]["usd"], found[EU]["usd"][1]) == ((0, 0), 0)

    live(story, OPTIONS)


def test_a_line_on_the_wrong_clearing_account_is_a_gap_of_both() -> None:
    async def story(world: World) -> None:
        sell(world.stripe, 10_000, "usd")
        await rest(world, HOUR)
        key = next(key for key in lines(world) if key.endswith(":fee"))
        row = next(
            row for row in world.dynamics.records("LedgerJournalLines") if row["PaymentId"] == key
        )
        moved = "Account" if "STRIPE" in row["AccountDisplayValue"] else "OffsetAccount"
        await edit(
            world,
            "PATCH",
            path_of("LedgerJournalLines", row),
            **{f"{moved}DisplayValue": r"STRIPE2\-USD"},
        )
        found = await proof(world)
        assert found["default"]["usd"][1] == -found[EU]["usd"][1] != 0

    live(story, replace(OPTIONS, dynamics=DynamicsSettings(post_interval_seconds=1e9)))


@pytest.mark.parametrize("name", DOWN)
def test_one_account_that_is_down_does_not_slow_the_other(name: str) -> None:
    """The charges of the other account are booked within the same virtual time as without."""

    async def booked_after(world: World, faults: StripeFaults | None) -> float:
        one, other = world.stripe, world.peers[EU]
        for _ in range(SALES):
            sell(one, 10_000, "usd")
            sell(other, 7_000, "usd")
        if faults is not None:
            one.set_faults(faults)
        start = world.clock.now()
        mine = {txn["id"] for txn in transactions(other)}
        for _ in range(240):
            await world.clock.sleep(5)
            if mine <= {key.partition(":")[0] for key in lines(world)}:
                return (world.clock.now() - start).total_seconds()
        raise AssertionError("the charges of the other account are not booked in 20 minutes")

    alone = live(lambda world: booked_after(world, None), OPTIONS)
    beside = live(lambda world: booked_after(world, DOWN[name]), OPTIONS)
    assert beside <= alone


def test_the_proof_of_one_account_stands_while_the_other_one_does_not_answer() -> None:
    async def story(world: World) -> None:
        sell(world.peers[EU], 7_000, "usd")
        await rest(world, HOUR)
        world.stripe.set_faults(StripeFaults(server_error=1.0))
        answer = await ask(world, "GET", "proof")
        assert answer.status_code == 200
        found = answer.json()
        assert found["currencies"] == {}
        assert "stripe" in found["problem"].lower()
        assert found["accounts"][EU]["currencies"]["usd"]["gap_minor"] == 0
        assert found["accounts"][EU]["currencies"]["usd"]["balance_minor"] > 0
        await world.clock.sleep(MINUTE)

    live(story, OPTIONS)
