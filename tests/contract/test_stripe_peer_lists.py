"""Lists and expansion of the Stripe peer."""

import random
import re
from typing import Any

import pytest

from local.stripe import ApiError, StripeFaults
from tests.contract.test_stripe_peer_rig import DAY, Json, World, answer, in_world

# --- lists ----------------------------------------------------------------------------------


def test_paging_is_complete_without_repeats_in_both_directions() -> None:
    async def scenario(world: World) -> None:
        rng = random.Random(3)
        for _ in range(57):
            world.post("customers")
            await world.clock.sleep(rng.choice([0, 0, 1]))
        everything = [customer["id"] for customer in world.peer.objects("customer")][::-1]
        for limit in (1, 7, 10, 57, 100):
            found: list[str] = []
            page = world.get("customers", limit=limit)
            while True:
                found += [customer["id"] for customer in page["data"]]
                assert page["has_more"] == (len(found) < 57)
                if not page["has_more"]:
                    break
                page = world.get("customers", limit=limit, starting_after=found[-1])
            assert found == everything
        page = world.get("customers", limit=10, ending_before=everything[30])
        assert [customer["id"] for customer in page["data"]] == everything[20:30]
        assert page["has_more"] is True
        assert len(world.get("customers")["data"]) == 10
        assert world.get("customers")["url"] == "/v1/customers"

    in_world(scenario)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 0}, "greater than or equal to 1"),
        ({"limit": 101}, "less than or equal to 100"),
        ({"limit": "ten"}, "Invalid integer: ten"),
        ({"starting_after": "cus_none"}, "No such customer: 'cus_none'"),
        ({"starting_after": "cus_a", "ending_before": "cus_b"}, "only specify one"),
        ({"created": {"after": 1}}, "Received unknown parameter: created[after]"),
        ({"created": {"gte": "soon"}}, "Invalid integer: soon"),
        ({"created": [1, 2]}, "Invalid integer"),
    ],
)
def test_a_wrong_list_request_is_refused(params: Json, message: str) -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(ApiError, match=re.escape(message)) as caught:
            world.get("customers", **params)
        assert caught.value.status == 400

    in_world(scenario)


def test_lists_are_filtered_by_what_stripe_filters_by() -> None:
    async def scenario(world: World) -> None:
        start = int(world.clock.now().timestamp())
        jenny = world.post("customers", email="jenny@example.com")["id"]
        paid = world.pay(customer=jenny, capture_method="automatic")
        await world.clock.sleep(100)
        world.pay(currency="eur", capture_method="automatic")
        world.post("refunds", payment_intent=paid["id"], amount=1)
        charge = paid["latest_charge"]

        def ids(path: str, **params: Any) -> int:
            return len(world.get(path, **params)["data"])

        assert ids("customers", email="jenny@example.com") == 1
        assert ids("customers", email="x@example.com") == 0
        assert ids("charges", customer=jenny) == 1
        assert ids("charges", payment_intent=paid["id"]) == 1
        assert ids("payment_intents", customer=jenny) == 1
        assert ids("refunds", charge=charge) == 1
        assert ids("balance_transactions", source=charge) == 1
        assert ids("balance_transactions", type="charge") == 2
        assert ids("balance_transactions", type="charge", currency="eur") == 1
        assert ids("balance_transactions", created={"gte": start + 1}) == 2
        assert ids("balance_transactions", created={"gt": start, "lt": start + 100}) == 0
        assert ids("balance_transactions", created={"lte": start}) == 1
        assert ids("balance_transactions", created=start) == 1
        assert ids("events", type="charge.succeeded") == 2
        assert ids("events", type="charge.*") == 3
        assert ids("events", types=["customer.created", "refund.created"]) == 2
        with pytest.raises(ApiError, match="one of these parameters: type, types"):
            ids("events", types=["customer.created"], type="charge.succeeded")
        with pytest.raises(ApiError, match="at most 20 types"):
            ids("events", types=["charge.succeeded"] * 21)

    in_world(scenario)


def test_events_older_than_thirty_days_are_not_listed() -> None:
    async def scenario(world: World) -> None:
        world.post("customers")
        await world.clock.sleep(29 * DAY)
        assert len(world.get("events")["data"]) == 1
        await world.clock.sleep(2 * DAY)
        assert world.get("events")["data"] == []

    in_world(scenario)


def test_young_transactions_can_be_missing_from_lists_but_not_from_retrieval() -> None:
    async def scenario(world: World) -> None:
        charge = world.charge_of(world.pay(capture_method="automatic"))
        assert world.txns() == []
        assert world.get("events")["data"] == []
        assert world.get(f"balance_transactions/{charge['balance_transaction']}")["net"] == 9_680
        await world.clock.sleep(31)
        assert len(world.txns()) == 1

    in_world(scenario, faults=StripeFaults(stale_list_seconds=30))


# --- expansion ------------------------------------------------------------------------------


def test_expansion_puts_objects_in_place_of_ids() -> None:
    async def scenario(world: World) -> None:
        customer = world.post("customers")["id"]
        intent = world.pay(customer=customer, capture_method="automatic")
        world.post("refunds", payment_intent=intent["id"], amount=5)
        expanded = world.get(
            f"payment_intents/{intent['id']}",
            expand=["latest_charge.balance_transaction", "latest_charge.refunds", "customer"],
        )
        charge = expanded["latest_charge"]
        assert charge["balance_transaction"]["net"] == 9_680
        assert charge["refunds"]["data"][0]["amount"] == 5
        assert expanded["customer"]["id"] == customer
        rows = world.get("balance_transactions", expand=["data.source", "data.source.charge"])
        assert [row["source"]["object"] for row in rows["data"]] == ["refund", "charge"]
        assert rows["data"][0]["source"]["charge"]["id"] == charge["id"]
        listed = world.get("charges", expand=["data.balance_transaction"])
        assert listed["data"][0]["balance_transaction"]["object"] == "balance_transaction"
        # Nothing of this sticks.
        assert world.get(f"payment_intents/{intent['id']}")["customer"] == customer
        assert "refunds" not in world.charge_of(intent)

    in_world(scenario)


def test_null_expands_to_null() -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        path = f"charges/{intent['latest_charge']}"
        charge = world.get(path, expand=["balance_transaction", "customer"])
        assert (charge["balance_transaction"], charge["customer"]) == (None, None)

    in_world(scenario)


@pytest.mark.parametrize(
    "path",
    [
        "amount",
        "nothing",
        "balance_transaction.amount",
        "data.balance_transaction",
        "customer.x",
        "",
    ],
)
def test_what_cannot_be_expanded_is_refused(path: str) -> None:
    async def scenario(world: World) -> None:
        intent = world.pay()
        url = f"/v1/charges/{intent['latest_charge']}"
        status, error = await answer(world, "GET", url, params={"expand[]": path})
        assert status == 400
        assert error["message"] == f"This property cannot be expanded ({path})."

    in_world(scenario)


@pytest.mark.parametrize("path", ["balance_transaction", "data", "data.amount"])
def test_lists_expand_below_data_only(path: str) -> None:
    async def scenario(world: World) -> None:
        world.pay()
        with pytest.raises(ApiError, match="cannot be expanded"):
            world.get("charges", expand=[path])
        with pytest.raises(ApiError, match="more than 4 levels"):
            world.get("charges", expand=["data" + ".payment_intent.latest_charge" * 3])

    in_world(scenario)
