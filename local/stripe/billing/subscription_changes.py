"""Subscriptions, changed: swaps, quantities, pauses, ends:
https://docs.stripe.com/api/subscriptions/update."""

from collections.abc import Sequence

from local.stripe.billing import (
    cycles,
    periods,
    proration,
    subscription_invoices,
    subscription_items,
    subscription_status,
    subscriptions,
)
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, invalid
from local.stripe.expand import items_of
from shared.ports import Json

LATE = ("cancellation_details", "metadata")  # what may change of one that is over


def update(core: Core, subscription: Json, params: Json) -> None:
    """The update request. Raises `ApiError`."""
    late = [name for name in params if name not in LATE]
    if subscription["status"] in subscription_status.ENDED and late:
        text = "A canceled subscription can only update its cancellation_details and metadata."
        raise invalid(text, late[0])
    behavior = params.get("payment_behavior", "allow_incomplete")
    subscriptions.refuse_pending(behavior)
    if behavior == "error_if_incomplete":
        subscriptions.will_pay(core, subscription_status.method_of(core, subscription))
    held = items_of(core.store, subscription["id"])
    now = core.now()
    period = (held[0]["current_period_start"], held[0]["current_period_end"])
    at = params.get("proration_date") or now
    if "proration_date" in params and not period[0] <= at <= period[1]:
        text = "`proration_date` must be within the current period."
        raise invalid(text, "proration_date")
    after = subscription_items.changed(
        core, subscription["id"], held, params.get("items") or [], period
    )
    changes = _plain(core, subscription, params, period[1])
    if _resets(subscription, held, after, params):
        _reset(core, subscription, held, after, params=params, changes=changes)
    elif "items" in params or params.get("add_invoice_items"):
        _swap(core, subscription, held, after, params=params, changes=changes, at=at)
    else:
        subscription_status.change(core, subscription, changes)
    cycles.arm(core, subscription)


def _plain(core: Core, subscription: Json, params: Json, end: int) -> Json:
    """Members that a request sets, as changes."""
    copy = dict(subscription)
    copy |= {name: params[name] for name in subscriptions.PLAIN if name in params}
    subscriptions.write(core, copy, params)
    subscriptions.cancel_when(core, copy, params, end)
    if "metadata" in params:
        copy["metadata"] = merged(subscription["metadata"], params["metadata"])
    if "pause_collection" in params:
        given = params["pause_collection"]
        copy["pause_collection"] = None if given is None else {"resumes_at": None} | given
    if "cancellation_details" in params:
        details = params["cancellation_details"] or {}
        copy["cancellation_details"] = copy["cancellation_details"] | details
    trial_end = params.get("trial_end")
    if isinstance(trial_end, int):
        if subscription["status"] != "trialing" or trial_end <= core.now():
            text = "The local Stripe peer moves the end of a running trial only, into the future."
            raise invalid(text, "trial_end")
        copy |= {"billing_cycle_anchor": trial_end, "trial_end": trial_end}
        items = [
            {**item, "current_period_end": trial_end}
            for item in items_of(core.store, subscription["id"])
        ]
        copy["items"] = subscription_status.set_items(core, subscription, items)
        core.store.beside(subscription["id"])["warned"] = False
    return {name: value for name, value in copy.items() if value != subscription[name]}


def _resets(subscription: Json, held: Sequence[Json], after: Sequence[Json], params: Json) -> bool:
    """Whether a new period begins now."""
    old, new = held[0]["price"]["recurring"], after[0]["price"]["recurring"]
    trial = subscription["status"] == "trialing"
    other = any(old[name] != new[name] for name in ("interval", "interval_count"))
    now = params.get("billing_cycle_anchor") == "now" or params.get("trial_end") == "now"
    return (other or now) and (not trial or params.get("trial_end") == "now")


def _reset(
    core: Core,
    subscription: Json,
    held: Sequence[Json],
    after: Sequence[Json],
    *,
    params: Json,
    changes: Json,
) -> None:
    """Credit what is left of the old period, and bill a new one that begins now."""
    now, trial = core.now(), subscription["status"] == "trialing"
    if not trial and params.get("proration_behavior") != "none":
        proration.bill(core, subscription, held, after, now, charge=False)
    items = [_from_now(item, now) for item in after]
    changes = changes | {
        "billing_cycle_anchor": now,
        "items": subscription_status.set_items(core, subscription, items),
    }
    if trial and cycles.ended_bare(core, subscription):
        return
    if trial:
        changes |= {"status": "active", "trial_end": now}
    _bill(core, subscription, items, params, changes)


def _from_now(item: Json, now: int) -> Json:
    end = periods.end_of(now, item["price"]["recurring"], now)
    return {**item, "current_period_end": end, "current_period_start": now}


def _swap(
    core: Core,
    subscription: Json,
    held: Sequence[Json],
    after: Sequence[Json],
    *,
    params: Json,
    changes: Json,
    at: int,
) -> None:
    behavior = params.get("proration_behavior", "create_prorations")
    free = behavior == "none" or subscription["status"] in ("trialing", "paused")
    if not free:
        proration.bill(core, subscription, held, after, at)
    subscriptions.added(core, subscription, params)
    items = subscription_status.set_items(core, subscription, after)
    changes = changes | {"items": items}
    if behavior == "always_invoice" and not free:
        _bill(core, subscription, (), params, changes, at=at)
    else:
        subscription_status.change(core, subscription, changes)


def _bill(
    core: Core,
    subscription: Json,
    items: Sequence[Json],
    params: Json,
    changes: Json,
    *,
    at: int | None = None,
) -> None:
    invoice = subscription_invoices.draft(
        core,
        subscription,
        "subscription_update",
        items,
        extra=subscriptions.added(core, subscription, params) if items else (),
        only_prorations=not items,
        proration_date=at,
    )
    if invoice is None:
        subscription_status.change(core, subscription, changes)
        return
    collect = params.get("payment_behavior") != "default_incomplete"
    subscription_invoices.bill_now(core, subscription, invoice, changes, collect=collect)


def cancel(core: Core, subscription: Json, params: Json) -> None:
    """End it now; `prorate` credits the rest, `invoice_now` bills what waits."""
    if subscription["status"] in subscription_status.ENDED:
        raise ApiError(
            404, f"No such subscription: '{subscription['id']}'", code="resource_missing"
        )
    if params.get("prorate"):
        held = items_of(core.store, subscription["id"])
        proration.bill(core, subscription, held, (), core.now(), charge=False)
    if params.get("invoice_now"):
        _bill(core, subscription, (), {}, {})
    subscription_status.end(core, subscription, details=params.get("cancellation_details"))


def pause(core: Core, subscription: Json, params: Json) -> None:
    """The pause request: status `paused` until it is resumed. Raises `ApiError`."""
    if subscription["status"] not in cycles.RUNNING:
        text = f"A subscription that is {subscription['status']} cannot be paused."
        raise ApiError(400, text)
    held, now = items_of(core.store, subscription["id"]), core.now()
    unused = (params.get("bill_for") or {}).get("unused_time_from") or {}
    kind = unused.get("type", "now")
    if kind != "none":
        at = now if kind == "now" else held[0]["current_period_start"]
        proration.bill(core, subscription, held, (), at, charge=False)
    if params.get("invoicing_behavior") == "invoice":
        _bill(core, subscription, (), {}, {})
    cycles.pause(core, subscription, "pause_requested", {})
    cycles.arm(core, subscription)


def resume(core: Core, subscription: Json, params: Json) -> None:
    """The resume request: a new period from now, or the rest of the one that would run."""
    if subscription["status"] != "paused":
        raise ApiError(400, "Only subscriptions with a status of `paused` can be resumed.")
    now, held = core.now(), items_of(core.store, subscription["id"])
    anchor, stub_of = now, None
    if params.get("billing_cycle_anchor", "now") == "unchanged":
        anchor = subscription["billing_cycle_anchor"]
    items = []
    for item in held:
        recurring = item["price"]["recurring"]
        end = periods.end_of(anchor, recurring, now)
        start = periods.moved(end, recurring["interval"], -recurring["interval_count"])
        stub_of = start if anchor != now else None
        items.append({**item, "current_period_end": end, "current_period_start": now})
    changes: Json = {
        "billing_cycle_anchor": anchor,
        "items": subscription_status.set_items(core, subscription, items),
    }
    free = stub_of is not None and params.get("proration_behavior") == "none"
    waits = params.get("payment_behavior") == "resume_on_payment_success" and not free
    core.store.beside(subscription["id"])["resuming"] = waits
    invoice = subscription_invoices.draft(
        core, subscription, "subscription_update", [] if free else items, stub_of=stub_of
    )
    if invoice is None:
        subscription_status.change(core, subscription, changes)
    else:
        subscription_invoices.bill_now(core, subscription, invoice, changes)
    if not waits:
        subscription_status.resumed(core, subscription)
    cycles.arm(core, subscription)
