"""An invoice on its way: finalised, sent, voided, given up, and all that by the clock."""

from local.stripe.billing import collecting, customer_balance, invoices, subscription_status
from local.stripe.billing.periods import when
from local.stripe.core import Core
from local.stripe.errors import ApiError
from shared.ports import Json


def announce(core: Core, invoice: Json) -> None:
    """Tell of a new draft; one that advances finalises itself after an hour."""
    invoices.announce(core, invoice)
    follow_clock(core, invoice)


def follow_clock(core: Core, invoice: Json) -> None:
    """Set or clear the moment at which a draft finalises itself."""
    core.schedule.cancel(_finalising(invoice))
    moment = invoice["automatically_finalizes_at"]
    if invoice["status"] == "draft" and invoice["auto_advance"] and moment is not None:
        core.schedule.at(when(moment), lambda: advance(core, invoice), name=_finalising(invoice))


def advance(core: Core, invoice: Json) -> None:
    """Finalise a draft and collect it, as the clock does."""
    if invoice["status"] != "draft" or not invoice["auto_advance"]:
        return
    finalize(core, invoice)
    if invoice["status"] == "open" and invoice["collection_method"] == "send_invoice":
        core.events.emit("invoice.sent", invoice)
    collecting.try_to_collect(core, invoice)


def finalize(core: Core, invoice: Json) -> None:
    """Draft to open, or at once to paid where nothing is due. Raises `ApiError` for no draft."""
    core.schedule.cancel(_finalising(invoice))
    before = {name: invoice[name] for name in ("status", "number", "status_transitions")}
    invoices.open_(core, invoice)
    if invoice["amount_due"]:
        collecting.prepare(core, invoice)
    core.events.emit("invoice.updated", invoice, before)
    core.events.emit("invoice.finalized", invoice)
    behavior = core.store.beside(invoice["id"]).get("pause_collection")
    if not invoice["amount_due"]:
        collecting.conclude(core, invoice)
    elif behavior == "void":
        void(core, invoice)
    elif behavior == "mark_uncollectible":
        mark_uncollectible(core, invoice, "subscription_paused")
    elif invoice["due_date"] is not None:
        core.schedule.at(
            when(invoice["due_date"]), lambda: _overdue(core, invoice), name=_due(invoice)
        )


def _overdue(core: Core, invoice: Json) -> None:
    if invoice["status"] == "open":
        core.events.emit("invoice.overdue", invoice)
        subscription_status.overdue(core, invoice)


def collect_later(core: Core, invoice: Json) -> None:
    """An invoice that was finalised by a request and advances is charged within an hour."""

    def collect() -> None:
        if not invoice["attempted"]:
            collecting.try_to_collect(core, invoice)

    if invoice["status"] == "open" and invoice["auto_advance"]:
        core.schedule.after(core.settings.invoice_draft_seconds, collect)


def send(core: Core, invoice: Json) -> None:
    """Send an invoice by e-mail, finalised first where it is a draft."""
    if invoice["collection_method"] != "send_invoice":
        text = "You can only manually send an invoice if its collection method is 'send_invoice'."
        raise ApiError(400, text)
    if invoice["status"] == "draft":
        finalize(core, invoice)
    if invoice["status"] not in ("open", "paid"):
        raise ApiError(400, f"This invoice is {invoice['status']}; it can't be sent.")
    core.events.emit("invoice.sent", invoice)


def void(core: Core, invoice: Json) -> None:
    """As if it had never been: what it took of the balance returns. Raises `ApiError`."""
    if invoice["status"] not in invoices.OPEN:
        text = f"You can only void open and uncollectible invoices; this one is {invoice['status']}"
        raise ApiError(400, text, code="invoice_not_editable")
    if invoice["amount_paid"]:
        text = "You can't void an invoice that was paid in part. Issue a credit note instead."
        raise ApiError(400, text, code="invoice_not_editable")
    _leave(core, invoice, "void", "voided_at")
    taken = invoice["ending_balance"] - invoice["starting_balance"]
    if taken:
        customer = core.find("customer", invoice["customer"], "customer")
        kind, id = "unapplied_from_invoice", invoice["id"]
        customer_balance.move(core, customer, -taken, invoice["currency"], kind, invoice=id)
    core.events.emit("invoice.voided", invoice)


def mark_uncollectible(core: Core, invoice: Json, reason: str = "user_forgiven") -> None:
    """Give an open invoice up as a bad debt; it may still be paid. Raises `ApiError`."""
    if invoice["status"] != "open":
        text = f"You can only mark open invoices uncollectible; this one is {invoice['status']}."
        raise ApiError(400, text, code="invoice_not_editable")
    invoice["status_details"] = {"uncollectible": {"reason": reason}}
    _leave(core, invoice, "uncollectible", "marked_uncollectible_at")
    core.events.emit("invoice.marked_uncollectible", invoice)


def _leave(core: Core, invoice: Json, status: str, moment: str) -> None:
    transitions = invoice["status_transitions"] | {moment: core.now()}
    changes: Json = {"next_payment_attempt": None, "status": status}
    if status == "void":
        changes["auto_advance"] = False
    invoices.change(core, invoice, changes | {"status_transitions": transitions})
    core.schedule.cancel(f"collect {invoice['id']}")
    core.schedule.cancel(_due(invoice))
    if status == "void":
        collecting.withdraw(core, invoice)


def _finalising(invoice: Json) -> str:
    return f"finalise {invoice['id']}"


def _due(invoice: Json) -> str:
    return f"due {invoice['id']}"
