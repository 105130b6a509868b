"""Invoices, from draft to open: https://docs.stripe.com/api/invoices."""

from collections.abc import Mapping, Sequence
from typing import Any

from local.stripe.billing import customer_balance, discounts, invoice_lines, periods
from local.stripe.catalogue import tax_rates
from local.stripe.core import Core, merged
from local.stripe.currencies import MINIMUMS
from local.stripe.errors import ApiError
from local.stripe.expand import cut, invoice_lines_of
from shared.ports import Json

DAYS_UNTIL_DUE = 30
HOSTED = "https://invoice.stripe.com/i/{}/{}"
OPEN = ("open", "uncollectible")


def find(core: Core, id: str) -> Json:
    """The invoice of that id. Raises `ApiError`, also for one that was made elsewhere."""
    invoice = core.find("invoice", id, "invoice")
    if "lines" not in core.store.beside(id):
        raise ApiError(
            400, f"The local Stripe peer only stores invoice {id}: it was not made here."
        )
    return invoice


def draft(
    core: Core,
    customer: Json,
    currency: str,
    params: Json,
    *,
    billing_reason: str = "manual",
    parent: Json | None = None,
    period: tuple[int, int] | None = None,
    auto_advance: bool = False,
    inherited: Sequence[str] = (),
) -> Json:
    """A new draft without lines, kept and not announced. `inherited`: discounts of a
    subscription."""
    now = core.now()
    start, end = period or (now, now)
    invoice = _blank(core, customer, currency) | {
        "auto_advance": auto_advance,
        "billing_reason": billing_reason,
        "parent": parent,
        "period_end": end,
        "period_start": start,
    }
    invoice["discounts"] = list(inherited)
    core.store.put(invoice, {"lines": []})
    try:
        write(core, invoice, params)
    except ApiError:
        core.store.remove(invoice["id"])
        raise
    return invoice


def _blank(core: Core, customer: Json, currency: str) -> Json:
    id = core.ids.new("in")
    nothing = (
        "account_tax_ids application automatically_finalizes_at custom_fields customer_account "
        "default_payment_method default_source description due_date effective_at ending_balance "
        "footer from_invoice hosted_invoice_url invoice_pdf last_finalization_error "
        "latest_revision next_payment_attempt number on_behalf_of receipt_number rendering "
        "shipping_cost shipping_details statement_descriptor status_details test_clock "
        "threshold_reason webhooks_delivered_at"
    )
    zeros = (
        "amount_due amount_overpaid amount_paid amount_paid_off_stripe amount_remaining "
        "amount_shipping attempt_count post_payment_credit_notes_amount "
        "pre_payment_credit_notes_amount starting_balance subtotal subtotal_excluding_tax total "
        "total_excluding_tax"
    )
    lists = (
        "default_tax_rates discounts total_discount_amounts total_pretax_credit_amounts total_taxes"
    )
    moments = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
    return {
        "id": id,
        "object": "invoice",
        **dict.fromkeys(nothing.split()),
        **dict.fromkeys(zeros.split(), 0),
        **{name: [] for name in lists.split()},
        "account_country": "US",
        "account_name": "Tieout",
        "attempted": False,
        "automatic_tax": _automatic_tax(enabled=False),
        "collection_method": "charge_automatically",
        "created": core.now(),
        "currency": currency,
        "customer": customer["id"],
        **_of_customer(core, customer),
        "issuer": {"type": "self"},
        "lines": cut([], f"/v1/invoices/{id}/lines"),
        "livemode": core.livemode,
        "metadata": {},
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "status": "draft",
        "status_transitions": dict.fromkeys(moments),
    }


def _automatic_tax(*, enabled: bool) -> Json:
    return {
        "disabled_reason": None,
        "enabled": enabled,
        "liability": {"type": "self"} if enabled else None,
        "provider": "stripe" if enabled else None,
        "status": "complete" if enabled else None,
    }


def _of_customer(core: Core, customer: Json) -> Json:
    """What an invoice copies of its customer until it is finalised."""
    tax_ids = core.store.newest_first("tax_id", customer["id"])
    return {
        "customer_address": customer.get("address"),
        "customer_email": customer.get("email"),
        "customer_name": customer.get("name"),
        "customer_phone": customer.get("phone"),
        "customer_shipping": customer.get("shipping"),
        "customer_tax_exempt": customer.get("tax_exempt") or "none",
        "customer_tax_ids": [{"type": each["type"], "value": each["value"]} for each in tax_ids],
    }


PLAIN = (
    *("auto_advance", "automatically_finalizes_at", "collection_method", "custom_fields"),
    *("default_payment_method", "description", "effective_at", "footer", "number"),
    *("shipping_details", "statement_descriptor"),
)


def write(core: Core, invoice: Json, params: Mapping[str, Any]) -> None:
    """Take over the members a request names; the sums follow with `count`."""
    check_method(core, invoice["customer"], params)
    invoice |= {name: params[name] for name in PLAIN if name in params}
    if params.get("auto_advance") is None and params.get("automatically_finalizes_at"):
        invoice["auto_advance"] = True
    if "metadata" in params:
        invoice["metadata"] = merged(invoice["metadata"], params["metadata"])
    if params.get("automatic_tax") is not None:
        enabled = bool(params["automatic_tax"]["enabled"])
        invoice["automatic_tax"] = _automatic_tax(enabled=enabled)
    if "default_tax_rates" in params:
        rates = tax_rates.of_ids(core, params["default_tax_rates"], "default_tax_rates")
        invoice["default_tax_rates"] = rates
    if "discounts" in params:
        invoice["discounts"] = discounts.made(
            core,
            params["discounts"],
            "discounts",
            customer=invoice["customer"],
            invoice=invoice["id"],
        )
    _due(core, invoice, params)
    if "shipping_cost" in params:
        invoice_lines.ship(core, invoice, params["shipping_cost"])


def check_method(core: Core, customer: str, params: Mapping[str, Any]) -> None:
    """Refuse a default payment method that is not one of the customer."""
    id = params.get("default_payment_method")
    method = core.store.get(id or "")
    if id is not None and (method is None or method.get("customer") != customer):
        raise ApiError(
            400,
            f"The customer does not have a payment method with the ID {id}. The payment method "
            "must be attached to the customer.",
            code="resource_missing",
            param="default_payment_method",
        )


def _due(core: Core, invoice: Json, params: Mapping[str, Any]) -> None:
    sends = invoice["collection_method"] == "send_invoice"
    if params.get("due_date") is not None or params.get("days_until_due") is not None:
        if not sends:
            text = "`due_date` and `days_until_due` need a `collection_method` of `send_invoice`."
            raise ApiError(400, text, param="due_date")
        days = params.get("days_until_due")
        after = core.now() + (days or 0) * periods.DAY
        invoice["due_date"] = params.get("due_date") or after
        core.store.beside(invoice["id"])["days_until_due"] = days
    elif sends and invoice["due_date"] is None:
        raise ApiError(
            400,
            "If invoice collection method is 'send_invoice', you must specify either "
            "`due_date` or `days_until_due`.",
            code="parameter_missing",
            param="days_until_due",
        )


def count(core: Core, invoice: Json) -> Json:
    """The members of a draft that follow from its lines and from the balance of its customer."""
    sums = invoice_lines.recount(core, invoice)
    customer = core.store.get(invoice["customer"]) or {}
    balance = customer.get("balance", 0)
    due = due_of(sums["total"], invoice, balance)
    return {
        **sums,
        "amount_due": due,
        "amount_remaining": due,
        "starting_balance": balance,
    }


def due_of(total_minor: int, invoice: Json, balance_minor: int) -> int:
    """What is due. The balance of the customer takes the rest of the total, in both directions.

    A credit is used, a debt is added, a negative total becomes credit, and what is too small to be
    charged becomes debt.
    """
    due = max(total_minor + balance_minor, 0) if total_minor > 0 else 0
    least = MINIMUMS.get(invoice["currency"], 0)
    small = due < least and invoice["collection_method"] == "charge_automatically"
    return 0 if small else due


def announce(core: Core, invoice: Json) -> None:
    """Count a new draft and tell of it; it finalises itself after an hour if it is to advance."""
    if invoice["auto_advance"] and invoice["automatically_finalizes_at"] is None:
        delay = core.settings.invoice_draft_seconds
        invoice["automatically_finalizes_at"] = core.now() + delay
    invoice |= count(core, invoice)
    core.store.relate(invoice)
    core.events.emit("invoice.created", invoice)


def open_(core: Core, invoice: Json) -> None:
    """Draft to open: number, address of the customer, balance. Without events.

    Raises `ApiError` for an invoice that is no draft.
    """
    if invoice["status"] != "draft":
        text = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        raise ApiError(400, text, code="invoice_not_editable")
    customer = core.find("customer", invoice["customer"], "customer")
    if not customer.get("deleted"):
        invoice |= _of_customer(core, customer)
    invoice |= count(core, invoice)
    moved = invoice["total"] - invoice["amount_due"]
    days = core.store.beside(invoice["id"]).get("days_until_due")
    if days is not None:
        invoice["due_date"] = core.now() + days * periods.DAY
    invoice |= {
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or core.now(),
        "ending_balance": invoice["starting_balance"] + moved,
        "hosted_invoice_url": HOSTED.format(core.account, f"test_{invoice['id']}"),
        "invoice_pdf": HOSTED.format(core.account, f"test_{invoice['id']}") + "/pdf",
        "number": invoice["number"] or _number(core, customer),
        "status": "open",
    }
    invoice["status_transitions"] = invoice["status_transitions"] | {"finalized_at": core.now()}
    if moved:
        _move_balance(core, invoice, customer, moved)


def _move_balance(core: Core, invoice: Json, customer: Json, moved_minor: int) -> None:
    wanted = invoice["total"] + invoice["starting_balance"]
    small = invoice["total"] < 0 or (invoice["amount_due"] == 0 and wanted > 0)
    type = "invoice_too_small" if small else "applied_to_invoice"
    currency, id = invoice["currency"], invoice["id"]
    customer_balance.move(core, customer, moved_minor, currency, type, invoice=id)


def _number(core: Core, customer: Json) -> str:
    sequence = customer["next_invoice_sequence"]
    core.change(customer, {"next_invoice_sequence": sequence + 1})
    return f"{customer['invoice_prefix']}-{sequence:04d}"


def change(core: Core, invoice: Json, changes: Json) -> None:
    """Set members and tell `invoice.updated`."""
    core.change(invoice, changes, "invoice.updated")


def delete(core: Core, invoice: Json) -> None:
    """Delete a draft that belongs to no subscription, and what stood on it."""
    if invoice["status"] != "draft":
        text = "You can only delete draft invoices. Void it instead."
        raise ApiError(400, text, code="invoice_not_editable")
    if invoice["parent"] is not None:
        text = "You can only delete one-off draft invoices. Void it once it is finalized."
        raise ApiError(400, text, code="invoice_not_editable")
    for line in invoice_lines_of(core.store, invoice["id"]):
        item = ((line["parent"] or {}).get("invoice_item_details") or {}).get("invoice_item")
        core.store.remove(line["id"])
        found = core.store.get(item or "")
        if found is not None:
            core.store.remove(found["id"])
            core.events.emit("invoiceitem.deleted", found)
    core.store.remove(invoice["id"])
    core.events.emit("invoice.deleted", invoice)
