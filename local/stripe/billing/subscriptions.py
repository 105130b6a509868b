"""Subscriptions, made: https://docs.stripe.com/api/subscriptions/create."""

from collections.abc import Mapping
from typing import Any

from local.stripe import payments
from local.stripe.billing import (
    cycles,
    discounts,
    invoice_items,
    invoices,
    periods,
    pricing,
    subscription_invoices,
    subscription_items,
    subscription_status,
)
from local.stripe.catalogue import tax_rates
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import cut
from shared.ports import Json

TYPE = "subscription"
PLAIN = (
    *("collection_method", "days_until_due", "default_payment_method", "description"),
    *("payment_settings", "trial_settings"),
)


def find(core: Core, id: str) -> Json:
    """The subscription of that id. Raises `ApiError`, also for one that was made elsewhere."""
    subscription = core.find(TYPE, id, "id")
    if "items" not in core.store.beside(id):
        text = f"The local Stripe peer only stores subscription {id}: it was not made here."
        raise ApiError(400, text)
    return subscription


def create(core: Core, params: Json, *, schedule: str | None = None) -> Json:
    """A new subscription and its first invoice. Raises `ApiError`."""
    customer = core.given("customer", params, "customer")
    if customer is None:
        raise missing_parameter("customer")
    now, given = core.now(), params.get("items") or []
    subscription = _blank(core, customer) | {"schedule": schedule}
    subscription |= {name: params[name] for name in PLAIN if params.get(name) is not None}
    subscription["metadata"] = merged({}, params.get("metadata", {}))
    id, trial_end = subscription["id"], _trial_end(core, params)
    items = subscription_items.changed(core, id, [], given, (now, now))
    recurring = items[0]["price"]["recurring"]
    anchor = trial_end or params.get("billing_cycle_anchor") or now
    end = anchor if anchor > now else periods.end_of(anchor, recurring, now)
    for item in items:
        item |= {"current_period_end": end, "current_period_start": now}
    subscription |= {
        "billing_cycle_anchor": anchor,
        "currency": params.get("currency") or items[0]["price"]["currency"],
        "status": "trialing" if trial_end else _first_status(subscription),
        "trial_end": trial_end,
        "trial_start": now if trial_end else None,
    }
    pricing.same_currency(customer, subscription["currency"])
    write(core, subscription, params)
    _check(core, subscription, items, params)
    once = added(core, subscription, params)
    core.store.put(subscription, {"born": False})
    subscription["items"] = subscription_status.set_items(core, subscription, items)
    cancel_when(core, subscription, params, end)
    pricing.set_currency(core, customer, subscription["currency"])
    _first_invoice(core, subscription, items, params, once)
    core.store.beside(id)["born"] = True
    core.events.emit("customer.subscription.created", subscription)
    core.watchers.setdefault(customer["id"], []).append(lambda _: _left(core, subscription))
    cycles.warn_of_trial_end(core, subscription)
    cycles.arm(core, subscription)
    return subscription


def _left(core: Core, subscription: Json) -> None:
    """The customer was deleted."""
    if subscription["status"] not in subscription_status.ENDED:
        subscription_status.end(core, subscription)


def _first_status(subscription: Json) -> str:
    sends = subscription["collection_method"] == "send_invoice"
    return "active" if sends else "incomplete"


def _trial_end(core: Core, params: Json) -> int | None:
    days, end = params.get("trial_period_days"), params.get("trial_end")
    if days is not None and end is not None:
        text = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise ApiError(400, text)
    if days:
        return core.now() + int(days) * periods.DAY
    if end in (None, "now"):
        return None
    if end <= core.now():
        text = "Invalid timestamp: must be an integer Unix timestamp in the future."
        raise invalid(text, "trial_end")
    return int(end)


def _check(core: Core, subscription: Json, items: list[Json], params: Json) -> None:
    sends = subscription["collection_method"] == "send_invoice"
    if sends and subscription["days_until_due"] is None:
        raise missing_parameter("days_until_due")
    for item in items:
        pricing.in_currency(core, item["price"], subscription["currency"], "items")
    behavior = params.get("payment_behavior", "allow_incomplete")
    refuse_pending(behavior)
    method = subscription_status.method_of(core, subscription)
    waits = sends or subscription["status"] == "trialing" or behavior == "default_incomplete"
    if method is None and not waits:
        raise ApiError(
            400,
            "This customer has no attached payment source or default payment method. Please "
            "consider adding a default payment method.",
            code="resource_missing",
        )
    if behavior == "error_if_incomplete" and not waits:
        will_pay(core, method)


def refuse_pending(behavior: str) -> None:
    """Refuse updates that wait for a payment."""
    if behavior == "pending_if_incomplete":
        text = "The local Stripe peer has no pending updates of subscriptions."
        raise invalid(text, "payment_behavior")


def will_pay(core: Core, method: str | None) -> None:
    """Raise the 402 that a payment with the method would raise, before anything is made."""
    behaviour = payments.behaviour_of(core, method)
    if behaviour.decline is not None:
        reason = behaviour.decline
        extra = {"decline_code": reason.decline_code}
        raise ApiError(402, reason.message, type="card_error", code=reason.code, extra=extra)
    if behaviour.requires_action:
        text = "This payment requires additional user action before it can be completed."
        code = "subscription_payment_intent_requires_action"
        raise ApiError(402, text, type="card_error", code=code)


def write(core: Core, subscription: Json, params: Mapping[str, Any]) -> None:
    """Take over what needs other objects: taxes and discounts."""
    invoices.check_method(core, subscription["customer"], params)
    if "default_tax_rates" in params:
        ids = params["default_tax_rates"]
        rates = tax_rates.of_ids(core, ids, "default_tax_rates")
        subscription["default_tax_rates"] = rates
    if params.get("automatic_tax") is not None:
        enabled = bool(params["automatic_tax"]["enabled"])
        liability = {"type": "self"} if enabled else None
        kept = subscription["automatic_tax"]
        subscription["automatic_tax"] = kept | {"enabled": enabled, "liability": liability}
    if "discounts" in params:
        subscription["discounts"] = discounts.made(
            core,
            params["discounts"],
            "discounts",
            customer=subscription["customer"],
            subscription=subscription["id"],
        )


def cancel_when(core: Core, subscription: Json, params: Mapping[str, Any], end: int) -> None:
    """Set when the subscription is to end, as a request asks."""
    at = params.get("cancel_at")
    if params.get("cancel_at_period_end") or at in ("max_period_end", "min_period_end"):
        at = end
    elif "cancel_at" not in params and "cancel_at_period_end" not in params:
        return
    asked = None if at is None else "cancellation_requested"
    subscription |= {
        "cancel_at": at,
        "cancel_at_period_end": bool(params.get("cancel_at_period_end")),
        "canceled_at": None if at is None else core.now(),
        "cancellation_details": subscription["cancellation_details"] | {"reason": asked},
    }


def _first_invoice(
    core: Core, subscription: Json, items: list[Json], params: Json, once: list[Json]
) -> None:
    stub_of, now = None, core.now()
    anchor, recurring = subscription["billing_cycle_anchor"], items[0]["price"]["recurring"]
    if anchor > now and subscription["status"] != "trialing":
        count = -recurring["interval_count"]
        stub_of = periods.moved(anchor, recurring["interval"], count)
    free = stub_of is not None and params.get("proration_behavior") == "none"
    invoice = subscription_invoices.draft(
        core,
        subscription,
        "subscription_create",
        [] if free else items,
        extra=once,
        trial=subscription["status"] == "trialing",
        stub_of=stub_of,
    )
    if invoice is None:
        subscription["status"] = "active"
        return
    collect = params.get("payment_behavior", "allow_incomplete") != "default_incomplete"
    subscription_invoices.bill_now(core, subscription, invoice, collect=collect)


def added(core: Core, subscription: Json, params: Mapping[str, Any]) -> list[Json]:
    """Invoice items of the prices that a request wants billed once."""
    customer = core.find("customer", subscription["customer"])
    currency, described = subscription["currency"], []
    for index, given in enumerate(params.get("add_invoice_items") or []):
        param = f"add_invoice_items[{index}]"
        price, ids = pricing.usable(core, given, param, "one_time"), given.get("tax_rates")
        option = pricing.in_currency(core, price, currency, param)
        rates = None if ids is None else tax_rates.of_ids(core, ids, f"{param}[tax_rates]")
        described.append((price, given.get("quantity", 1), rates, option["tax_behavior"]))
    details = {"subscription": subscription["id"], "subscription_item": None}
    made = []
    for price, quantity, rates, behavior in described:
        item = invoice_items.new(
            core,
            customer,
            amount_minor=pricing.amount_minor(core, price, currency, quantity),
            currency=currency,
            description=pricing.name_of(core, price),
            period=(core.now(), core.now()),
            pricing=pricing.shown(core, price, currency),
            quantity=quantity,
            parent={"subscription_details": dict(details), "type": "subscription_details"},
            rates=rates,
            tax_behavior=behavior,
        )
        core.events.emit("invoiceitem.created", item)
        made.append(item)
    return made


def _blank(core: Core, customer: Json) -> Json:
    id, now = core.ids.new("sub"), core.now()
    nothing = (
        "application application_fee_percent billing_cycle_anchor_config billing_thresholds "
        "cancel_at canceled_at customer_account days_until_due default_payment_method "
        "default_source description ended_at latest_invoice managed_payments "
        "next_pending_invoice_item_invoice on_behalf_of pause_collection "
        "pending_invoice_item_interval pending_setup_intent pending_update presentment_details "
        "schedule status_details test_clock transfer_data trial_end trial_start"
    )
    return {
        "id": id,
        "object": TYPE,
        **dict.fromkeys(nothing.split()),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": None,
        },
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": dict.fromkeys(("comment", "feedback", "feedback_option", "reason")),
        "collection_method": "charge_automatically",
        "created": now,
        "currency": None,
        "customer": customer["id"],
        "default_tax_rates": [],
        "discounts": [],
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": cut([], f"/v1/subscription_items?subscription={id}"),
        "livemode": core.livemode,
        "metadata": {},
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": now,
        "status": "incomplete",
        "trial_settings": {
            "end_behavior": {
                "billing_cycle_anchor": None,
                "missing_payment_method": "create_invoice",
            }
        },
    }
