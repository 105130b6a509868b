"""What becomes of a subscription when its invoices are paid or not:
https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses."""

from collections.abc import Sequence

from local.stripe.core import Core
from local.stripe.expand import cut, items_of
from shared.ports import Json

ENDED = ("canceled", "incomplete_expired")
FAILING = ("past_due", "unpaid")


def of(core: Core, invoice: Json) -> Json | None:
    """The subscription that an invoice bills."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return core.store.get(details.get("subscription") or "")


def method_of(core: Core, subscription: Json) -> str | None:
    """The id of the payment method by which a subscription is paid, if there is one."""
    customer = core.store.get(subscription["customer"]) or {}
    settings = customer.get("invoice_settings") or {}
    found: str | None = (
        subscription["default_payment_method"]
        or settings.get("default_payment_method")
        or customer.get("default_source")
    )
    return found


def change(core: Core, subscription: Json, changes: Json) -> None:
    """Set members; `customer.subscription.updated` once it was announced."""
    born = core.store.beside(subscription["id"]).get("born")
    core.change(subscription, changes, "customer.subscription.updated" if born else None)


def set_items(core: Core, subscription: Json, items: Sequence[Json]) -> Json:
    """Keep these items as those of the subscription; the member that shows them."""
    for item in items_of(core.store, subscription["id"]):
        if all(item["id"] != each["id"] for each in items):
            core.store.remove(item["id"])
    for item in items:
        if core.store.get(item["id"]) is not item:
            core.store.put(item)
    core.store.beside(subscription["id"])["items"] = [item["id"] for item in items]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return cut(list(items), url) | {"total_count": len(items)}


def unborn(core: Core, invoice: Json) -> bool:
    """Whether the invoice is the first of a subscription that has not started for want of it."""
    subscription = of(core, invoice)
    return subscription is not None and subscription["status"] == "incomplete"


def paid(core: Core, invoice: Json) -> None:
    """An invoice was paid: an incomplete, failing or resuming subscription is active."""
    subscription = of(core, invoice)
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    if subscription["status"] in ("incomplete", *FAILING):
        change(core, subscription, {"status": "active"})
    elif subscription["status"] == "paused" and core.store.beside(subscription["id"]).pop(
        "resuming", False
    ):
        resumed(core, subscription)


def resumed(core: Core, subscription: Json) -> None:
    """A paused subscription runs again."""
    change(core, subscription, {"status": "active", "status_details": None})
    core.events.emit("customer.subscription.resumed", subscription)


def failed(core: Core, invoice: Json, *, last: bool) -> None:
    """An attempt failed; after the last one the account's rule says what follows."""
    subscription = of(core, invoice)
    if subscription is None or subscription["status"] not in ("active", *FAILING):
        return
    if not last:
        if subscription["latest_invoice"] == invoice["id"]:
            change(core, subscription, {"status": "past_due"})
        return
    outcome = core.settings.after_invoice_retries
    if outcome == "canceled":
        end(core, subscription, reason="payment_failed")
    else:
        change(core, subscription, {"status": outcome})


def overdue(core: Core, invoice: Json) -> None:
    """The due day of an invoice that is sent has passed."""
    subscription = of(core, invoice)
    if subscription is not None and subscription["status"] == "active":
        change(core, subscription, {"status": "past_due"})


def end(
    core: Core,
    subscription: Json,
    *,
    reason: str = "cancellation_requested",
    status: str = "canceled",
    details: Json | None = None,
) -> None:
    """The subscription is over; its drafts advance no more."""
    now = core.now()
    core.schedule.cancel(alarm(subscription))
    due = subscription["cancel_at"] is not None and subscription["cancel_at"] <= now
    kept = {name: value for name, value in (details or {}).items() if value is not None}
    subscription |= {
        "cancel_at_period_end": due and subscription["cancel_at_period_end"],
        "canceled_at": subscription["canceled_at"] or now,
        "cancellation_details": subscription["cancellation_details"] | {"reason": reason} | kept,
        "ended_at": now,
        "status": status,
    }
    for invoice in list(core.store.newest_first("invoice", subscription["id"])):
        if invoice["status"] == "draft" and invoice["auto_advance"]:
            core.change(invoice, {"auto_advance": False}, "invoice.updated")
    event = "deleted" if status == "canceled" else "updated"
    previous = {"status": "incomplete"} if event == "updated" else None
    core.events.emit(f"customer.subscription.{event}", subscription, previous)
    for watcher in core.watchers.get(subscription["id"], ()):
        watcher(subscription)


def alarm(subscription: Json) -> str:
    """The name under which the schedule knows the subscription."""
    return f"turn {subscription['id']}"
