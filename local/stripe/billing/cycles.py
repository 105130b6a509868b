"""A subscription on the clock: trials end, periods follow each other, pauses and terms end.

One alarm a subscription: the next moment at which something is due. Time is the clock of the world,
so no test clock is needed: https://docs.stripe.com/billing/testing/test-clocks.
"""

from local.stripe.billing import advancing, subscription_invoices, subscription_status
from local.stripe.billing.periods import DAY, end_of, when
from local.stripe.core import Core
from local.stripe.expand import items_of
from shared.ports import Json

WARNING_SECONDS = 3 * DAY
INCOMPLETE_SECONDS = 23 * 3_600
RUNNING = ("active", "past_due", "unpaid")


def arm(core: Core, subscription: Json) -> None:
    """Set the alarm to what is due next."""
    name = subscription_status.alarm(subscription)
    core.schedule.cancel(name)
    due = _next(core, subscription)
    if due is not None:
        core.schedule.at(when(due), lambda: turn(core, subscription), recurring=True, name=name)


def _next(core: Core, subscription: Json) -> int | None:
    status = subscription["status"]
    if status in subscription_status.ENDED:
        return None
    if status == "incomplete":
        return int(subscription["created"]) + INCOMPLETE_SECONDS
    moments = [
        subscription["cancel_at"],
        (subscription["pause_collection"] or {}).get("resumes_at"),
    ]
    if status == "trialing":
        moments.append(subscription["trial_end"])
        if not core.store.beside(subscription["id"]).get("warned"):
            moments.append(subscription["trial_end"] - WARNING_SECONDS)
    if status in RUNNING:
        moments.append(_period_end(core, subscription))
    return min((moment for moment in moments if moment is not None), default=None)


def _period_end(core: Core, subscription: Json) -> int:
    items = items_of(core.store, subscription["id"])
    return min(int(item["current_period_end"]) for item in items)


def turn(core: Core, subscription: Json) -> None:
    """Do what is due, after a schedule has changed the phase, and wait for the next."""
    for watcher in core.watchers.get(subscription_status.alarm(subscription), ()):
        watcher(subscription)
    _turn(core, subscription)
    arm(core, subscription)


def _turn(core: Core, subscription: Json) -> None:
    status, now = subscription["status"], core.now()
    pause = subscription["pause_collection"] or {}
    if status == "incomplete":
        expire(core, subscription)
    elif subscription["cancel_at"] is not None and subscription["cancel_at"] <= now:
        subscription_status.end(core, subscription)
    elif pause.get("resumes_at") is not None and pause["resumes_at"] <= now:
        subscription_status.change(core, subscription, {"pause_collection": None})
    elif status == "trialing" and subscription["trial_end"] <= now:
        _end_trial(core, subscription)
    elif status == "trialing":
        warn_of_trial_end(core, subscription)
    elif status in RUNNING and _period_end(core, subscription) <= now:
        _renew(core, subscription, {})


def warn_of_trial_end(core: Core, subscription: Json) -> None:
    """Three days before a trial ends, at once for a short one."""
    beside, end = core.store.beside(subscription["id"]), subscription["trial_end"]
    due = subscription["status"] == "trialing" and end - WARNING_SECONDS <= core.now()
    if due and not beside.get("warned"):
        beside["warned"] = True
        core.events.emit("customer.subscription.trial_will_end", subscription)


def moved_on(core: Core, subscription: Json, anchor: int) -> tuple[Json, tuple[int, int]]:
    """Keep the items in the period that begins where theirs ends; the member that shows them, and
    the period that was."""
    items, old = [], (0, 0)
    for item in items_of(core.store, subscription["id"]):
        start = item["current_period_end"]
        old = (item["current_period_start"], start)
        end = end_of(anchor, item["price"]["recurring"], start)
        items.append({**item, "current_period_end": end, "current_period_start": start})
    return subscription_status.set_items(core, subscription, items), old


def _renew(core: Core, subscription: Json, changes: Json) -> None:
    anchor = int((subscription | changes)["billing_cycle_anchor"])
    items, old = moved_on(core, subscription, anchor)
    subscription_invoices.renew(core, subscription, old, changes | {"items": items})


def _end_trial(core: Core, subscription: Json) -> None:
    if not ended_bare(core, subscription):
        anchor = subscription["trial_end"]
        _renew(core, subscription, {"billing_cycle_anchor": anchor, "status": "active"})


def ended_bare(core: Core, subscription: Json) -> bool:
    """Whether a trial that ends without a payment method ends or pauses the subscription; done."""
    sends = subscription["collection_method"] == "send_invoice"
    if sends or subscription_status.method_of(core, subscription) is not None:
        return False
    behavior = (subscription["trial_settings"] or {})["end_behavior"]
    rule = str(behavior["missing_payment_method"])
    if rule == "cancel":
        subscription_status.end(core, subscription)
    elif rule == "pause":
        pause(core, subscription, "trial_end_without_payment_method", {})
    return rule != "create_invoice"


def pause(core: Core, subscription: Json, reason: str, changes: Json) -> None:
    """Status `paused`: no periods and no invoices until it is resumed."""
    details = {
        "paused": {
            "subscription": {"type": reason},
            "transitioned_at": core.now(),
            "type": "subscription",
        }
    }
    wanted = {**changes, "status": "paused", "status_details": details}
    subscription_status.change(core, subscription, wanted)
    core.events.emit("customer.subscription.paused", subscription)


def expire(core: Core, subscription: Json) -> None:
    """Nobody paid the first invoice in time: it is void, and the subscription never was."""
    invoice = core.store.get(subscription["latest_invoice"] or "")
    subscription_status.end(
        core, subscription, reason="payment_failed", status="incomplete_expired"
    )
    if invoice is not None and invoice["status"] == "open":
        advancing.void(core, invoice)
