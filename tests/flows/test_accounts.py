"""Two Stripe accounts in different currencies: each through its own door, each proved alone."""

from dataclasses import replace

import pytest

from local.stripe import DeliveryFaults, PayoutSchedule, PeerSettings, StripeFaults, StripePeer
from local.world import Options, World
from shared.ingress import Ingress
from tests.world import DAY, HOUR, MINUTE, Json, ask, doubles, encoded, lines, live, parked, rest

EU = "shop-eu"
OPTIONS = Options(
    accounts={EU: ["eur"]},
    stripe=PeerSettings(payouts=PayoutSchedule(arrival_days=1)),
)
LOST = StripeFaults(delivery=DeliveryFaults(drop=1.0))


def sell(peer: StripePeer, amount_minor: int, currency: str) -> str:
    """A paid sale of an account; returns the charge."""
    params = {"amount": amount_minor, "currency": currency, "payment_method": "pm_card_visa"}
    intent = peer.request("POST", "/v1/payment_intents", {**params, "confirm": True})
    return str(intent["latest_charge"])


def transactions(peer: StripePeer) -> list[Json]:
    return peer.objects("balance_transaction")


async def proof(world: World) -> dict[str, dict[str, tuple[int, int]]]:
    """Balance and gap by account and currency, of those that hold money or differ."""
    found = await world.get("proof")
    accounts = {"default": found, **found["accounts"]}
    return {
        alias: {
            name: (each["balance_minor"], each["gap_minor"])
            for name, each in account["currencies"].items()
        }
        for alias, account in accounts.items()
    }


def balance(peer: StripePeer, currency: str) -> int:
    sums = peer.balance()
    parts = [*sums["available"], *sums["pending"]]
    return sum(part["amount"] for part in parts if part["currency"] == currency)


def booked(world: World, peer: StripePeer) -> list[str]:
    """The companies that the lines of an account's transactions are in."""
    mine = [txn["id"] for txn in transactions(peer)]
    found = [line.company for key, line in lines(world).items() if key.partition(":")[0] in mine]
    return sorted(dict.fromkeys(found))


async def all_written(world: World) -> None:
    """Each account's transactions are booked once, and each account's proof is equal."""
    assert await parked(world) == []
    assert doubles(world) == {}
    keys = {key.partition(":")[0] for key in lines(world)}
    for peer in world.peers.values():
        assert [txn["id"] for txn in transactions(peer) if txn["id"] not in keys] == []
    usd, eur = world.stripe, world.peers[EU]
    assert await proof(world) == {
        "default": {"usd": (balance(usd, "usd"), 0), "jpy": (0, 0)},
        EU: {"eur": (balance(eur, "eur"), 0)},
    }


@pytest.mark.parametrize("ingress", ["webhook", "event_grid", "both"])
def test_events_of_both_accounts_are_booked_and_both_payouts_tie_out(ingress: Ingress) -> None:
    async def story(world: World) -> None:
        sell(world.stripe, 10_000, "usd")
        sell(world.peers[EU], 7_000, "eur")
        await rest(world, HOUR)
        assert (booked(world, world.stripe), booked(world, world.peers[EU])) == (["usmf"], ["demf"])
        assert balance(world.stripe, "usd") > 0
        assert balance(world.peers[EU], "eur") > 0
        await all_written(world)
        for _ in range(20):
            await rest(world, DAY)
            found = (await world.get("payouts"))["payouts"]
            if len(found) >= 2 and all(each["status"] == "tied" for each in found):
                break
        assert sorted((each["account"], each["currency"], each["status"]) for each in found) == [
            ("default", "usd", "tied"),
            (EU, "eur", "tied"),
        ]
        await all_written(world)
        for peer in world.peers.values():
            states = ["delivered"] if "webhook" in world.settings.doors else []
            assert list(dict.fromkeys(each.state for each in peer.deliveries)) == states

    live(story, replace(OPTIONS, ingress=ingress))


@pytest.mark.parametrize("deaf", ["default", EU])
def test_what_one_accounts_webhook_lost_its_own_sweep_finds(deaf: str) -> None:
    async def story(world: World) -> None:
        world.peers[deaf].set_faults(LOST)
        sell(world.stripe, 10_000, "usd")
        sell(world.peers[EU], 7_000, "eur")
        await rest(world, 5 * 60)
        assert booked(world, world.peers[deaf]) == []
        await rest(world, 8 * HOUR)
        await all_written(world)
        status = await world.get("status")
        assert sorted(status["accounts"]) == ["default", EU]
        assert None not in [v for each in status["accounts"].values() for v in each.values()]

    live(story, OPTIONS)


def test_the_sweep_of_one_account_goes_on_while_another_account_does_not_answer() -> None:
    async def story(world: World) -> None:
        for peer in world.peers.values():
            peer.set_faults(LOST)
        world.stripe.set_faults(StripeFaults(delivery=LOST.delivery, server_error=1.0))
        sell(world.stripe, 10_000, "usd")
        sell(world.peers[EU], 7_000, "eur")
        await rest(world, 3 * HOUR)
        assert (booked(world, world.stripe), booked(world, world.peers[EU])) == ([], ["demf"])
        failed = [each.function for each in world.host.failures]
        assert "sweep_transactions" in failed, "the failure is seen all the same"

    live(story, OPTIONS)


def test_money_in_a_currency_of_another_account_parks_and_is_not_booked() -> None:
    async def story(world: World) -> None:
        sell(world.stripe, 5_000, "eur")
        await rest(world, 2 * HOUR)
        assert {item.cause for item in await parked(world)} == {"currency_not_configured"}
        assert lines(world) == {}
        found = await proof(world)
        assert found["default"]["eur"] == (balance(world.stripe, "eur"),) * 2
        assert found[EU]["eur"] == (0, 0)

    live(story, OPTIONS)


def test_a_nightly_audit_of_both_accounts_finds_nothing_to_verify() -> None:
    async def story(world: World) -> None:
        sell(world.stripe, 10_000, "usd")
        sell(world.peers[EU], 7_000, "eur")
        await rest(world, HOUR)
        assert await world.app.audit().lines() == 0

    live(story, OPTIONS)


def test_readiness_asks_each_account_whose_key_it_is() -> None:
    async def story(world: World) -> None:
        checks = {each["name"]: each["problem"] for each in (await world.get("ready"))["checks"]}
        assert {name: problem for name, problem in checks.items() if problem} == {}
        assert f"stripe account {EU}" in checks

    live(story, OPTIONS)


def test_a_backfill_of_one_account_books_its_past_and_no_other() -> None:
    async def story(world: World) -> None:
        for peer in world.peers.values():
            peer.set_faults(LOST)
        sell(world.stripe, 10_000, "usd")
        sell(world.peers[EU], 7_000, "eur")
        await rest(world, 2 * MINUTE)
        started = await ask(world, "POST", "backfill", encoded({"days": 1, "account": EU}))
        assert (started.status_code, started.json()["status"]) == (202, "running")
        await rest(world, 2 * MINUTE)
        assert (booked(world, world.stripe), booked(world, world.peers[EU])) == ([], ["demf"])
        assert (await world.get(f"backfill?account={EU}"))["status"] == "done"
        assert (await world.get("backfill"))["status"] == "none"
        unknown = await ask(world, "POST", "backfill", encoded({"days": 1, "account": "other"}))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_account")

    live(story, OPTIONS)


def test_a_customer_of_a_further_account_is_erased_with_its_charges() -> None:
    async def story(world: World) -> None:
        peer = world.peers[EU]
        named = {"name": "Ottilia", "email": "ottilia@example.com", "description": "no trace"}
        customer = str(peer.request("POST", "/v1/customers", named)["id"])
        params = {"amount": 7_000, "currency": "eur", "payment_method": "pm_card_visa"}
        intent = {**params, "customer": customer, "confirm": True}
        peer.request("POST", "/v1/payment_intents", intent)
        await rest(world, HOUR)
        await all_written(world)
        body = encoded({"who": "Kim", "why": "she asked us to"})
        answer = await ask(world, "POST", f"customers/{customer}/erase", body)
        assert (answer.status_code, answer.json()["charges"]) == (200, 1)
        assert answer.json()["rows"] > 0
        unknown = await ask(world, "POST", "customers/cus_nobody/erase", body)
        assert (unknown.status_code, unknown.json()["code"]) == (409, "erase_refused")
        await all_written(world)

    live(story, OPTIONS)
