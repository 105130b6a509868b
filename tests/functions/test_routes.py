"""The app as the real engine indexes it: its routes, keys, queues, schedules and answers."""

import json
from typing import Any

from local.host.engine import Function
from local.host.ncrontab import NcrontabSchedule
from local.stripe import PeerSettings
from local.world import ROOT, Options, World
from shared.registry import ENTITIES, INGRESS_QUEUE
from shared.version import VERSION
from tests.world import NO_GAPS, START, ask, live, new_customer, rest, sell

ADDRESSES = {  # of today: other programs know them
    "GET /api/audit",
    "GET /api/disputes",
    "GET /api/fees",
    "GET /api/health",
    "GET /api/inbox",
    "GET /api/mappings",
    "GET /api/mappings/diff",
    "GET /api/mappings/history",
    "GET /api/mappings/show",
    "GET /api/payouts",
    "GET /api/proof",
    "GET /api/ready",
    "GET /api/receipts",
    "GET /api/setup",
    "GET /api/status",
    "GET /api/waiting",
    "GET,POST /api/backfill",
    "POST /api/customers/{id}/accept",
    "POST /api/customers/{id}/erase",
    "POST /api/fees",
    "POST /api/inbox/resolve",
    "POST /api/inbox/retry",
    "POST /api/mappings",
    "POST /api/mappings/preview",
    "POST /api/mappings/publish",
    "POST /api/mappings/reapply",
    "POST /api/mappings/rollback",
    "POST /api/probe",
    "POST /api/reclass",
    "POST /api/reverse",
    "POST /api/setup",
    "POST /api/webhooks/stripe",
    "POST /api/webhooks/stripe/{alias}",
}
ANONYMOUS = ["api/health", "api/webhooks/stripe", "api/webhooks/stripe/{alias}"]
HOMEPAGE_OFF = "AzureWebJobsDisableHomepage"
STATUS = ["queued", "in_flight", "scheduled", "waiting", "parked", "done", "skipped", "purged"]
PROOF = ["balance_minor", "posted_minor", "draft_minor", "gap_minor", "unexplained_minor"]


def functions(kind: str) -> dict[str, Function]:
    """The functions of one kind of trigger, as indexed."""

    async def story(world: World) -> dict[str, Function]:
        return {each.name: each for each in world.host.functions if each.kind == kind}

    return live(story)


def test_the_addresses_stay_what_they_are() -> None:
    prefix = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"]
    assert {
        f"{','.join(sorted(each.trigger['methods']))} /{prefix}{each.trigger['route']}"
        for each in functions("httpTrigger").values()
    } == ADDRESSES


def test_every_route_carries_api_itself_so_that_other_paths_stay_free() -> None:
    document = json.loads((ROOT / "host.json").read_text())
    assert document["extensions"]["http"]["routePrefix"] == ""
    routes = [str(each.trigger["route"]) for each in functions("httpTrigger").values()]
    assert [route for route in routes if not route.startswith("api/")] == []


def test_the_sample_turns_off_the_homepage_that_would_take_the_root() -> None:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
    assert sample[HOMEPAGE_OFF] == "true"


def test_every_route_but_the_webhook_and_liveness_needs_a_key() -> None:
    levels = {
        str(each.trigger["route"]): str(each.trigger["authLevel"])
        for each in functions("httpTrigger").values()
    }
    assert sorted(route for route, level in levels.items() if level == "ANONYMOUS") == ANONYMOUS
    assert {level for route, level in levels.items() if route not in ANONYMOUS} == {"FUNCTION"}


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


def test_liveness_tells_the_version_and_nothing_about_others() -> None:
    async def story(world: World) -> None:
        assert await _json(world, "health") == {"status": "alive", "version": VERSION}

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


def test_the_status_has_exactly_its_eight_figures_and_how_far_the_sweeps_are() -> None:
    async def story(world: World) -> None:
        never = {"transactions_through": None, "events_through": None}
        none = dict.fromkeys(STATUS, 0)
        assert await _json(world, "status") == {**none, "accounts": {"default": never}}
        new_customer(world)
        sell(world)
        await rest(world, 3600)
        found = await _json(world, "status")
        assert sorted(found) == sorted([*STATUS, "accounts"])
        assert found["accounts"]["default"]["transactions_through"] > f"{START:%Y-%m-%dT%H}"
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
            "corrections": [],
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
