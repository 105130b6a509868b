"""The app as the real engine indexes it: its routes, keys, queues, schedules and answers."""

import json
from typing import Any

from local.host.engine import Function
from local.host.ncrontab import NcrontabSchedule
from local.stripe import PeerSettings
from local.world import ROOT, Options, World
from shared.registry import ENTITIES, INGRESS_QUEUE
from tests.world import NO_GAPS, ask, live, new_customer, rest, sell

ANONYMOUS = ["health", "webhooks/stripe"]
ROUTES = {
    *("health", "payouts", "proof", "ready", "receipts", "status", "waiting", "webhooks/stripe"),
}
STATUS = ["queued", "in_flight", "scheduled", "waiting", "parked", "done", "skipped"]
PROOF = ["balance_minor", "posted_minor", "draft_minor", "gap_minor", "unexplained_minor"]


def functions(kind: str) -> dict[str, Function]:
    """The functions of one kind of trigger, as indexed."""

    async def story(world: World) -> dict[str, Function]:
        return {each.name: each for each in world.host.functions if each.kind == kind}

    return live(story)


def test_every_route_but_the_webhook_and_liveness_needs_a_key() -> None:
    levels = {
        str(each.trigger["route"]): str(each.trigger["authLevel"])
        for each in functions("httpTrigger").values()
    }
    assert levels.keys() >= ROUTES
    assert sorted(route for route, level in levels.items() if level == "ANONYMOUS") == ANONYMOUS
    assert {level for route, level in levels.items() if route not in ANONYMOUS} == {"FUNCTION"}


def test_the_webhook_is_posted_to_and_the_questions_are_asked() -> None:
    found = {
        str(each.trigger["route"]): each.trigger["methods"]
        for each in functions("httpTrigger").values()
    }
    assert found["webhooks/stripe"] == ["POST"]
    queries = sorted(ROUTES - {"webhooks/stripe"})
    assert [found[route] for route in queries] == [["GET"]] * len(queries)


def test_queue_names_are_those_of_the_infrastructure() -> None:
    named = json.loads((ROOT / "infra" / "queues.json").read_text())["queues"]
    triggers = [each.trigger for each in functions("serviceBusTrigger").values()]
    assert sorted(each["queueName"] for each in triggers) == sorted(q["name"] for q in named)
    assert sorted(q["name"] for q in named) == sorted(
        {*(each.queue for each in ENTITIES), INGRESS_QUEUE}
    )


def test_each_queue_function_takes_batches_of_one_session() -> None:
    found = functions("serviceBusTrigger")
    ingress = found.pop(INGRESS_QUEUE).trigger
    assert (ingress["queueName"], ingress["isSessionsEnabled"]) == (INGRESS_QUEUE, False)
    assert sorted(found) == sorted(f"sync_{each.trigger['queueName']}" for each in found.values())
    for each in found.values():
        assert each.trigger["isSessionsEnabled"] is True
        assert each.trigger["cardinality"] == "MANY"
        assert each.trigger["connection"] == "ServiceBusConnection"


def test_all_schedules_are_six_fields_that_fire() -> None:
    found = functions("timerTrigger")
    assert {"drain_dead_letters", "sweep_payouts", "sweep_transactions", "sweep_waiting"} <= {
        *found
    }
    for each in found.values():
        assert len(str(each.trigger["schedule"]).split()) == 6
        NcrontabSchedule.parse(str(each.trigger["schedule"]))


def test_the_flow_and_its_activities_are_indexed() -> None:
    assert "payout_flow" in functions("orchestrationTrigger")
    assert functions("activityTrigger").keys() >= {"payout_membership_page", "payout_tie_out"}


async def _json(world: World, path: str, status: int = 200) -> Any:
    answer = await ask(world, "GET", path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


def test_liveness_says_nothing_about_others() -> None:
    async def story(world: World) -> None:
        assert await _json(world, "health") == {"status": "alive"}

    live(story)


def test_what_waits_is_listed_with_its_reason() -> None:
    async def story(world: World) -> None:
        charge = sell(world, 10_000)
        await rest(world)
        (found,) = (await _json(world, "waiting"))["items"]
        assert (found["kind"], found["object"], found["cause"]) == (
            "waiting",
            charge,
            "transaction_not_made",
        )
        assert found["since"] <= found["updated_at"] < found["next_at"]

    slow = PeerSettings(settle_delay_seconds=(2 * 3_600.0, 2 * 3_600.0))
    live(story, Options(stripe=slow))


def test_the_status_has_exactly_its_seven_figures() -> None:
    async def story(world: World) -> None:
        assert await _json(world, "status") == dict.fromkeys(STATUS, 0)
        new_customer(world)
        sell(world)
        await rest(world, 3600)
        found = await _json(world, "status")
        assert sorted(found) == sorted(STATUS)
        assert {name: found[name] for name in STATUS[:5]} == dict.fromkeys(STATUS[:5], 0)
        assert found["done"] > 0
        assert found["skipped"] > 0  # the payment intent's own events

    live(story)


def test_the_proof_of_an_empty_account_is_zero_in_every_currency() -> None:
    async def story(world: World) -> None:
        found = await _json(world, "proof")
        assert found["scope"] == "posted ledger"
        nothing = {
            **dict.fromkeys(PROOF, 0),
            "by_hand_minor": 0,
            "transactions": 0,
            "differences": [],
            "has_book": True,
        }
        assert found["currencies"] == dict.fromkeys(NO_GAPS, nothing)

    live(story)


def test_the_proof_tells_posted_from_draft() -> None:
    async def story(world: World) -> None:
        sell(world, 10_000)
        await rest(world)
        draft = (await _json(world, "proof"))["currencies"]["usd"]
        assert [draft[name] for name in PROOF] == [9_680, 0, 9_680, 0, 0]
        world.dynamics.post_journals()
        posted = (await _json(world, "proof"))["currencies"]["usd"]
        assert [posted[name] for name in PROOF] == [9_680, 9_680, 0, 0, 0]

    live(story)


def test_the_proof_names_what_is_not_written() -> None:
    async def story(world: World) -> None:
        txn = world.stripe.bill_fee(250, "usd", "Radar for September")
        found = (await _json(world, "proof"))["currencies"]["usd"]
        assert (found["balance_minor"], found["gap_minor"]) == (-250, -250)
        assert found["unexplained_minor"] == 0
        assert [(each["id"], each["amount_minor"]) for each in found["differences"]] == [
            (txn, -250)
        ]

    live(story)


def test_no_payout_is_an_empty_list() -> None:
    async def story(world: World) -> None:
        assert await _json(world, "payouts") == {"payouts": []}

    live(story)
