"""Subscription schedules: phases of a subscription, one after the other.

https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from local.stripe.billing import (
    periods,
    schedule_phases,
    subscription_changes,
    subscription_status,
    subscriptions,
)
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import items_of
from shared.ports import Json

TYPE = "subscription_schedule"
EXPIRING_SECONDS = 7 * periods.DAY
OPEN = ("active", "not_started")


def create(core: Core, params: Json) -> Json:
    """A new schedule; its subscription starts with the first phase. Raises `ApiError`."""
    if params.get("from_subscription") is not None:
        return _of_subscription(core, params)
    customer = core.given("customer", params, "customer")
    if customer is None:
        raise missing_parameter("customer")
    start = params.get("start_date", "now")
    start = core.now() if start in ("now", None) else start
    if start < core.now():
        raise invalid("The local Stripe peer starts schedules now or later.", "start_date")
    schedule = _blank(core, customer["id"]) | {
        "end_behavior": params.get("end_behavior", "release"),
        "metadata": merged({}, params.get("metadata", {})),
    }
    schedule["phases"] = schedule_phases.described(core, params.get("phases") or [], start)
    _keep(core, schedule)
    if start == core.now():
        _start(core, schedule)
    core.events.emit("subscription_schedule.created", schedule)
    _arm(core, schedule)
    return schedule


def _keep(core: Core, schedule: Json) -> None:
    core.store.put(schedule, {"made": True})


def _of_subscription(core: Core, params: Json) -> Json:
    """A schedule over a subscription that runs: its period is the first phase."""
    subscription = subscriptions.find(core, params["from_subscription"])
    if subscription["schedule"] is not None or subscription["status"] in subscription_status.ENDED:
        text = "This subscription is over, or has a schedule already."
        raise invalid(text, "from_subscription")
    items = items_of(core.store, subscription["id"])
    schedule = _blank(core, subscription["customer"]) | {"status": "active"}
    given: Json = {
        "end_date": items[0]["current_period_end"],
        "items": [{"price": i["price"]["id"], "quantity": i["quantity"]} for i in items],
    }
    start = items[0]["current_period_start"]
    schedule["phases"] = schedule_phases.described(core, [given], start)
    schedule |= {"current_phase": _current(schedule["phases"][0])}
    schedule["subscription"] = subscription["id"]
    _keep(core, schedule)
    _follow(core, schedule, subscription)
    subscription_status.change(core, subscription, {"schedule": schedule["id"]})
    core.events.emit("subscription_schedule.created", schedule)
    _arm(core, schedule)
    return schedule


def _blank(core: Core, customer: str) -> Json:
    nothing = (
        "application canceled_at completed_at current_phase customer_account released_at "
        "released_subscription subscription test_clock"
    )
    return {
        "id": core.ids.new("sub_sched"),
        "object": TYPE,
        **dict.fromkeys(nothing.split()),
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "created": core.now(),
        "customer": customer,
        "default_settings": {
            "application_fee_percent": None,
            "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {
                "account_tax_ids": None,
                "custom_fields": None,
                "days_until_due": None,
                "description": None,
                "footer": None,
                "issuer": {"type": "self"},
            },
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": "release",
        "livemode": core.livemode,
        "metadata": {},
        "pause_schedules": [],
        "phases": [],
        "status": "not_started",
    }


def _current(phase: Json) -> Json:
    return {"end_date": phase["end_date"], "start_date": phase["start_date"]}


def _start(core: Core, schedule: Json) -> None:
    phase = schedule["phases"][0]
    names = ("collection_method", "default_payment_method", "description", "metadata")
    params = {name: phase[name] for name in names if phase[name] is not None}
    params |= {
        "customer": schedule["customer"],
        "items": [{"price": i["price"], "quantity": i["quantity"]} for i in phase["items"]],
    }
    subscription = subscriptions.create(core, params, schedule=schedule["id"])
    schedule |= {
        "current_phase": _current(phase),
        "status": "active",
        "subscription": subscription["id"],
    }
    _follow(core, schedule, subscription)


def _follow(core: Core, schedule: Json, subscription: Json) -> None:
    """Watch the subscription: before each of its turns, and when it ends by itself."""
    turn = subscription_status.alarm(subscription)
    core.watchers.setdefault(turn, []).append(lambda _: _turn(core, schedule))
    core.watchers.setdefault(subscription["id"], []).append(lambda _: _aborted(core, schedule))


def _arm(core: Core, schedule: Json) -> None:
    name = f"turn {schedule['id']}"
    core.schedule.cancel(name)
    if schedule["status"] not in OPEN:
        return
    last = schedule["phases"][-1]["end_date"]
    moments = [phase["start_date"] for phase in schedule["phases"]] + [last]
    if not core.store.beside(schedule["id"]).get("warned"):
        moments.append(last - EXPIRING_SECONDS)
    later = [moment for moment in moments if moment > core.now()]
    if later:
        core.schedule.at(
            periods.when(min(later)), lambda: _turn(core, schedule), recurring=True, name=name
        )


def _turn(core: Core, schedule: Json) -> None:
    """Be in the phase of now; the end of the last one ends the schedule."""
    if schedule["status"] not in OPEN:
        return
    now, last = core.now(), schedule["phases"][-1]["end_date"]
    beside = core.store.beside(schedule["id"])
    running = [p for p in schedule["phases"] if p["start_date"] <= now < p["end_date"]]
    if now >= last:
        _complete(core, schedule)
    elif schedule["status"] == "not_started" and running:
        _start(core, schedule)
        core.events.emit("subscription_schedule.updated", schedule, {"status": "not_started"})
    elif running and _current(running[0]) != schedule["current_phase"]:
        enter(core, schedule, running[0])
    if schedule["status"] == "active" and now >= last - EXPIRING_SECONDS and "warned" not in beside:
        beside["warned"] = True
        core.events.emit("subscription_schedule.expiring", schedule)
    _arm(core, schedule)


def enter(core: Core, schedule: Json, phase: Json) -> None:
    """Make the subscription what the phase says."""
    subscription = core.find("subscription", schedule["subscription"])
    held = items_of(core.store, subscription["id"])
    items: list[Json] = []
    for index, wanted in enumerate(phase["items"]):
        same = {"id": held[index]["id"]} if index < len(held) else {}
        items.append(same | {"price": wanted["price"], "quantity": wanted["quantity"]})
    items += [{"id": item["id"], "deleted": True} for item in held[len(items) :]]
    params = {"items": items, "proration_behavior": phase["proration_behavior"]}
    subscription_changes.update(core, subscription, params)
    current = {"current_phase": _current(phase)}
    core.change(schedule, current, "subscription_schedule.updated")


def _complete(core: Core, schedule: Json) -> None:
    schedule |= {"completed_at": core.now(), "current_phase": None, "status": "completed"}
    subscription = core.find("subscription", schedule["subscription"])
    subscription_status.change(core, subscription, {"schedule": None})
    if schedule["end_behavior"] == "cancel":
        subscription_status.end(core, subscription)
    core.events.emit("subscription_schedule.completed", schedule)


def _aborted(core: Core, schedule: Json) -> None:
    if schedule["status"] in OPEN:
        schedule |= {"canceled_at": core.now(), "current_phase": None, "status": "canceled"}
        core.events.emit("subscription_schedule.aborted", schedule)


def find(core: Core, id: str) -> Json:
    """The schedule of that id, still open. Raises `ApiError`."""
    schedule = core.find(TYPE, id, "schedule")
    if "made" not in core.store.beside(id):
        raise ApiError(400, f"The local Stripe peer only stores schedule {id}.")
    if schedule["status"] not in OPEN:
        text = f"This subscription schedule is {schedule['status']} and cannot be changed."
        raise ApiError(400, text)
    return schedule


def update(core: Core, schedule: Json, params: Json) -> None:
    """The update request; phases are replaced from the one that runs. Raises `ApiError`."""
    changes: Json = {name: params[name] for name in ("end_behavior",) if name in params}
    if "metadata" in params:
        changes["metadata"] = merged(schedule["metadata"], params["metadata"])
    if params.get("phases"):
        current = schedule["current_phase"] or schedule["phases"][0]
        given = params["phases"][0].get("start_date")
        start = core.now() if given == "now" else given or current["start_date"]
        changes["phases"] = schedule_phases.described(core, params["phases"], start)
    core.change(schedule, changes, "subscription_schedule.updated")
    _turn(core, schedule)


def release(core: Core, schedule: Json) -> None:
    """Let the subscription run on without its schedule."""
    id = schedule["subscription"]
    schedule |= {
        "current_phase": None,
        "released_at": core.now(),
        "released_subscription": id,
        "status": "released",
        "subscription": None,
    }
    if id is not None:
        subscription = core.find("subscription", id)
        subscription_status.change(core, subscription, {"schedule": None})
    _arm(core, schedule)
    core.events.emit("subscription_schedule.released", schedule)


def cancel(core: Core, schedule: Json, params: Json) -> None:
    """End the schedule and its subscription."""
    schedule |= {"canceled_at": core.now(), "current_phase": None, "status": "canceled"}
    if schedule["subscription"] is not None:
        subscription = core.find("subscription", schedule["subscription"])
        how = {name: params.get(name, True) for name in ("invoice_now", "prorate")}
        subscription_changes.cancel(core, subscription, how)
    _arm(core, schedule)
    core.events.emit("subscription_schedule.canceled", schedule)
