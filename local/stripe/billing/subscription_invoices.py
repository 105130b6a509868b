"""Invoices of a subscription: the first one, those of each period, those of a change."""

from collections.abc import Sequence

from local.stripe.billing import (
    advancing,
    collecting,
    discounts,
    invoice_items,
    invoice_lines,
    invoices,
    pricing,
    subscription_status,
)
from local.stripe.billing.periods import day_of
from local.stripe.billing.proration import part
from local.stripe.core import Core
from local.stripe.expand import items_of
from shared.ports import Json


def parent_of(subscription: Json, proration_date: int | None = None) -> Json:
    """The `parent` of an invoice of a subscription."""
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    if proration_date is not None:
        details["subscription_proration_date"] = proration_date
    return {
        "quote_details": None,
        "subscription_details": details,
        "type": "subscription_details",
    }


def draft(
    core: Core,
    subscription: Json,
    reason: str,
    items: Sequence[Json],
    *,
    period: tuple[int, int] | None = None,
    extra: Sequence[Json] = (),
    only_prorations: bool = False,
    proration_date: int | None = None,
    trial: bool = False,
    stub_of: int | None = None,
) -> Json | None:
    """A draft with a line for each item and for what waits; announced by nobody yet. None where
    there is nothing to bill. `extra`: further items of the customer. `stub_of`: where the whole
    period would have begun of which the items pay the rest."""
    customer = core.find("customer", subscription["customer"])
    sends = subscription["collection_method"] == "send_invoice"
    params: Json = {
        "collection_method": subscription["collection_method"],
        "automatic_tax": {"enabled": subscription["automatic_tax"]["enabled"]},
        "default_tax_rates": [rate["id"] for rate in subscription["default_tax_rates"]],
    }
    params |= {"days_until_due": subscription["days_until_due"]} if sends else {}
    currency, id = subscription["currency"], subscription["id"]
    waiting = list(extra)
    for item in invoice_items.pending(core, customer["id"], currency, id):
        if (item["proration"] or not only_prorations) and item not in waiting:
            waiting.append(item)
    if not waiting and not items:
        return None
    invoice = invoices.draft(
        core,
        customer,
        currency,
        params,
        billing_reason=reason,
        parent=parent_of(subscription, proration_date),
        period=period,
        auto_advance=True,
        inherited=discounts.lasting(core, subscription["discounts"], used=False),
    )
    for item in waiting:
        invoice_items.take(core, invoice, item)
    for item in items:
        _line(core, invoice, subscription, item, trial=trial, stub_of=stub_of)
    subscription["discounts"] = discounts.lasting(core, subscription["discounts"], used=True)
    pause = subscription["pause_collection"]
    if pause is not None and pause["behavior"] == "keep_as_draft":
        invoice["auto_advance"] = False
    elif pause is not None:
        core.store.beside(invoice["id"])["pause_collection"] = pause["behavior"]
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
    return invoice


def _line(
    core: Core,
    invoice: Json,
    subscription: Json,
    item: Json,
    *,
    trial: bool,
    stub_of: int | None,
) -> None:
    price, quantity, currency = item["price"], item["quantity"], subscription["currency"]
    start, end = item["current_period_start"], item["current_period_end"]
    name = pricing.name_of(core, price)
    details: Json = {
        "invoice_item": None,
        "proration": stub_of is not None,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    amount = 0 if trial else pricing.amount_minor(core, price, currency, quantity)
    if stub_of is not None:
        amount = part(amount, stub_of, end, start)
    told = f"{quantity} \u00d7 {name} (at {day_of(start)} to {day_of(end)})"
    invoice_lines.add(
        core,
        invoice,
        amount_minor=amount,
        description=f"Trial period for {name}" if trial else told,
        period=(start, end),
        parent=invoice_items.parent_of_line("subscription_item", details),
        pricing=pricing.shown(core, price, currency),
        quantity=quantity,
        item_discounts=discounts.lasting(core, item["discounts"], used=False),
        rates=item["tax_rates"] or None,
        tax_behavior=pricing.in_currency(core, price, currency, "price")["tax_behavior"],
        metadata=subscription["metadata"],
        subscription=subscription["id"],
    )


def bill_now(
    core: Core,
    subscription: Json,
    invoice: Json,
    changes: Json | None = None,
    *,
    collect: bool = True,
) -> None:
    """Announce, finalise and collect an invoice within the request that made it; with it the
    subscription changes."""
    advances = invoice["auto_advance"]
    invoice["auto_advance"] = False
    advancing.announce(core, invoice)
    invoice["auto_advance"] = advances
    subscription_status.change(
        core, subscription, {**(changes or {}), "latest_invoice": invoice["id"]}
    )
    if not advances:
        return
    advancing.finalize(core, invoice)
    if invoice["status"] != "open":
        return
    if invoice["collection_method"] == "send_invoice":
        core.events.emit("invoice.sent", invoice)
    elif collect:
        collecting.try_to_collect(core, invoice)


def renew(core: Core, subscription: Json, period: tuple[int, int], changes: Json) -> None:
    """The draft of a new period, which finalises itself after an hour; with it the subscription
    changes."""
    items = items_of(core.store, subscription["id"])
    invoice = draft(core, subscription, "subscription_cycle", items, period=period)
    if invoice is not None:
        advancing.announce(core, invoice)
        changes = changes | {"latest_invoice": invoice["id"]}
    subscription_status.change(core, subscription, changes)
