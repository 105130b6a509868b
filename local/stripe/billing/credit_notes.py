"""Credit notes: https://docs.stripe.com/api/credit_notes.

A credit note first reduces what is still due (`pre_payment_amount`). The rest
(`post_payment_amount`) was paid already, and is refunded, credited to the customer's balance, or
settled outside Stripe.
"""

from collections.abc import Sequence

from local.stripe import refunds
from local.stripe.billing import (
    collecting,
    credit_note_lines,
    customer_balance,
    invoices,
)
from local.stripe.core import Core, merged
from local.stripe.currencies import spoken
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import credit_note_lines_of, cut
from shared.ports import Json

TYPE = "credit_note"


def of(core: Core, invoice: str) -> list[Json]:
    """The credit notes of an invoice that count, oldest first."""
    found = core.store.newest_first(TYPE, invoice)
    return [note for note in found if note["status"] == "issued"][::-1]


def create(core: Core, params: Json) -> Json:
    """Issue a credit note with all that follows. Raises `ApiError`."""
    invoice = invoices.find(core, params["invoice"])
    note, lines = described(core, invoice, params)
    links = _check(core, invoice, note, params)
    if params.get("refund_amount"):
        links.append(_refund(core, invoice, params["refund_amount"]))
    for line in lines:
        core.store.put(line)
    core.store.put(note, {"lines": [line["id"] for line in lines]})
    customer = core.find("customer", invoice["customer"])
    credit = params.get("credit_amount") or 0
    if credit:
        note["customer_balance_transaction"] = customer_balance.move(
            core,
            customer,
            -credit,
            invoice["currency"],
            "credit_note",
            invoice=invoice["id"],
            credit_note=note["id"],
        )["id"]
    note["refunds"] = links
    core.events.emit("credit_note.created", note)
    _reduce(core, invoice, note, 1)
    if invoice["status"] == "open" and not invoice["amount_remaining"]:
        collecting.conclude(core, invoice)
    return note


def described(core: Core, invoice: Json, params: Json) -> tuple[Json, list[Json]]:
    """The credit note a request describes, and its lines; nothing is kept. Raises `ApiError`."""
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        text = f"Credit notes need a finalized invoice; this one is {invoice['status']}."
        raise invalid(text, "invoice", "invoice_not_finalized")
    earlier = of(core, invoice["id"])
    given = params.get("lines") or []
    if not given and params.get("shipping_cost") is None:
        if params.get("amount") is None:
            raise missing_parameter("amount")
        given = [{"type": "custom_line_item", "unit_amount": params["amount"], "quantity": 1}]
    credited = [line for note in earlier for line in credit_note_lines_of(core.store, note["id"])]
    lines = credit_note_lines.made(core, invoice, given, credited)
    shipping = _shipping(invoice, earlier, params)
    counted = credit_note_lines.sums(lines, shipping)
    total = counted["total"]
    if params.get("amount") not in (None, total):
        text = f"The sum of the lines ({total}) is not the amount of the credit note."
        raise invalid(text, "amount")
    left = invoice["total"] - sum(note["total"] for note in earlier)
    if total > left:
        asked, rest = spoken(total, invoice["currency"]), spoken(max(left, 0), invoice["currency"])
        text = f"The credit note ({asked}) is greater than what can be credited ({rest})."
        raise invalid(text, "amount")
    pre = min(total, invoice["amount_remaining"] if invoice["status"] != "paid" else 0)
    post = total - pre
    type = "pre_payment" if not post else "mixed" if pre else "post_payment"
    id = core.ids.new("cn")
    number = sum(1 for _ in core.store.newest_first(TYPE, invoice["id"])) + 1
    note: Json = {
        "id": id,
        "object": TYPE,
        **counted,
        "created": core.now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "effective_at": params.get("effective_at") or core.now(),
        "invoice": invoice["id"],
        "lines": cut(lines, f"/v1/credit_notes/{id}/lines"),
        "livemode": core.livemode,
        "memo": params.get("memo"),
        "metadata": merged({}, params.get("metadata", {})),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"),
        "pdf": f"https://pay.stripe.com/credit_notes/{core.account}/test_{id}/pdf",
        "post_payment_amount": post,
        "pre_payment_amount": pre,
        "reason": params.get("reason"),
        "refunds": [],
        "shipping_cost": shipping,
        "status": "issued",
        "type": type,
        "voided_at": None,
    }
    return note, lines


def _shipping(invoice: Json, earlier: Sequence[Json], params: Json) -> Json | None:
    """All of the invoice's shipping, where the request credits it."""
    given = params.get("shipping_cost")
    if given is None:
        return None
    cost: Json | None = invoice["shipping_cost"]
    if cost is None or any(note["shipping_cost"] is not None for note in earlier):
        raise invalid("This invoice has no shipping that could be credited.", "shipping_cost")
    if given.get("shipping_rate") not in (None, cost["shipping_rate"]):
        raise invalid("The invoice was shipped by another rate.", "shipping_cost[shipping_rate]")
    return dict(cost)


def _check(core: Core, invoice: Json, note: Json, params: Json) -> list[Json]:
    """The refunds that a request links. Raises `ApiError` unless all that was paid is given back
    by some way."""
    links = [_link(core, invoice, each, f"refunds[{n}]") for n, each in _numbered(params)]
    ways = ("credit_amount", "refund_amount", "out_of_band_amount")
    given = sum(params.get(name) or 0 for name in ways)
    given += sum(link["amount_refunded"] for link in links)
    post, currency = note["post_payment_amount"], note["currency"]
    if given != post:
        raise ApiError(
            400,
            "The sum of credit amount, refund amount and out of band amount "
            f"({spoken(given, currency)}) must equal the post payment amount of the credit note "
            f"({spoken(post, currency)}).",
        )
    if params.get("refund_amount"):
        _refundable(core, invoice, params["refund_amount"])
    return links


def _numbered(params: Json) -> list[tuple[int, Json]]:
    return list(enumerate(params.get("refunds") or []))


def _link(core: Core, invoice: Json, given: Json, param: str) -> Json:
    if given.get("type", "refund") == "payment_record_refund":
        record = given.get("payment_record_refund") or {}
        found = core.find(
            "payment_record",
            str(record.get("payment_record")),
            f"{param}[payment_record_refund]",
            status=400,
        )
        amount = given.get("amount_refunded") or found["amount_refunded"]["value"]
        shown = {"payment_record": found["id"], "refund_group": record["refund_group"]}
        return {
            "amount_refunded": amount,
            "payment_record_refund": shown,
            "refund": None,
            "type": "payment_record_refund",
        }
    refund = core.find("refund", str(given.get("refund")), f"{param}[refund]", status=400)
    if refund["payment_intent"] not in _intents(core, invoice):
        raise invalid("This refund is not of a payment of the invoice.", f"{param}[refund]")
    amount = given.get("amount_refunded") or refund["amount"]
    if amount > refund["amount"]:
        raise invalid("This is more than was refunded.", f"{param}[amount_refunded]")
    return {
        "amount_refunded": amount,
        "payment_record_refund": None,
        "refund": refund["id"],
        "type": "refund",
    }


def _intents(core: Core, invoice: Json) -> list[str]:
    return [
        payment["payment"]["payment_intent"]
        for payment in core.store.newest_first("invoice_payment", invoice["id"])
        if payment["status"] == "paid" and payment["payment"]["type"] == "payment_intent"
    ]


def _refundable(core: Core, invoice: Json, amount_minor: int) -> Json:
    """The one charge of the invoice that can give so much back. Raises `ApiError`."""
    for id in _intents(core, invoice):
        intent = core.find("payment_intent", id)
        charge = core.find("charge", intent["latest_charge"])
        if charge["amount"] - charge["amount_refunded"] >= amount_minor:
            return charge
    text = (
        "No payment of this invoice can be refunded by that amount. Refund its payments and name "
        "them in `refunds`."
    )
    raise invalid(text, "refund_amount")


def _refund(core: Core, invoice: Json, amount_minor: int) -> Json:
    charge = _refundable(core, invoice, amount_minor)
    made = refunds.create(core, {"amount": amount_minor, "charge": charge["id"]})
    return {
        "amount_refunded": amount_minor,
        "payment_record_refund": None,
        "refund": made["id"],
        "type": "refund",
    }


def _reduce(core: Core, invoice: Json, note: Json, sign: int) -> None:
    """What the invoice says of its credit notes, and of what is still due."""
    pre, post = sign * note["pre_payment_amount"], sign * note["post_payment_amount"]
    names = ("pre_payment_credit_notes_amount", "post_payment_credit_notes_amount")
    invoices.change(
        core,
        invoice,
        {
            "amount_due": invoice["amount_due"] - pre,
            "amount_remaining": invoice["amount_remaining"] - pre,
            names[0]: invoice[names[0]] + pre,
            names[1]: invoice[names[1]] + post,
        },
    )
    if pre and invoice["amount_remaining"]:
        collecting.fit(core, invoice)


def void(core: Core, note: Json) -> None:
    """Take a credit note of an open invoice back. Raises `ApiError`."""
    invoice = invoices.find(core, note["invoice"])
    if note["status"] == "void" or note["type"] != "pre_payment" or invoice["status"] != "open":
        text = "You can only void an issued credit note of an invoice that is still open."
        raise ApiError(400, text)
    note |= {"status": "void", "voided_at": core.now()}
    core.events.emit("credit_note.voided", note)
    _reduce(core, invoice, note, -1)
