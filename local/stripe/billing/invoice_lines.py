"""Lines of an invoice, and the sums over them: https://docs.stripe.com/api/invoice-line-item.

`amount` of a line is before all discounts, `subtotal` of the invoice after those of the lines:
total = sum of lines - all discounts + exclusive taxes + shipping.
"""

from collections.abc import Sequence
from typing import Any

from local.stripe.billing import discounts
from local.stripe.catalogue import shipping_rates, tax_rates
from local.stripe.core import Core
from local.stripe.expand import cut, invoice_lines_of
from local.stripe.line_amounts import Amounts, Rate, amounts
from shared.ports import Json

EXEMPT = ("exempt", "reverse")


def add(
    core: Core,
    invoice: Json,
    *,
    amount_minor: int,
    description: str | None,
    period: tuple[int, int],
    parent: Json,
    pricing: Json | None,
    quantity: int,
    discountable: bool = True,
    item_discounts: Sequence[str] = (),
    rates: Sequence[Json] | None = None,
    tax_behavior: str = "unspecified",
    metadata: dict[str, str] | None = None,
    subscription: str | None = None,
) -> Json:
    """A new last line. `rates` None: those of the invoice; sums follow with `recount`."""
    line: Json = {
        "id": core.ids.new("il"),
        "object": "line_item",
        "amount": amount_minor,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": discountable,
        "discounts": list(item_discounts),
        "invoice": invoice["id"],
        "livemode": core.livemode,
        "metadata": dict(metadata or {}),
        "parent": parent,
        "period": {"end": period[1], "start": period[0]},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription,
        "subtotal": amount_minor,
        "taxes": [],
    }
    core.store.put(
        line, {"rates": None if rates is None else list(rates), "tax_behavior": tax_behavior}
    )
    core.store.beside(invoice["id"])["lines"].append(line["id"])
    return line


def product_of(line: Json) -> str | None:
    """What a line sells."""
    found: str | None = ((line["pricing"] or {}).get("price_details") or {}).get("product")
    return found


def recount(core: Core, invoice: Json) -> Json:
    """Count discounts, taxes and totals anew; the members of the invoice that follow."""
    lines = invoice_lines_of(core.store, invoice["id"])
    parts = [
        discounts.Discountable(line["amount"], product_of(line), discountable=line["discountable"])
        for line in lines
    ]
    off: list[dict[str, int]] = [{} for _ in lines]
    for line, part, taken in zip(lines, parts, off, strict=True):
        for id in line["discounts"]:
            [amount] = discounts.take_off(core, id, [part], invoice["currency"])
            taken[id] = taken.get(id, 0) + amount
    subtotal = sum(part.left_minor for part in parts)
    bases = [part.left_minor for part in parts]
    for id in invoice["discounts"]:
        for taken, amount in zip(
            off, discounts.take_off(core, id, parts, invoice["currency"]), strict=True
        ):
            taken[id] = taken.get(id, 0) + amount
    exclusive = inclusive = inside = 0
    for line, part, base, taken in zip(lines, parts, bases, off, strict=True):
        rates = rates_of(core, invoice, line)
        counted = with_taxes(part.left_minor, rates)
        line["taxes"] = taxes_shown(counted, rates, automatic=_automatic(invoice))
        line.update(shown_discounts(taken))
        exclusive += counted.total_minor - part.left_minor
        inclusive += counted.tax_minor - (counted.total_minor - part.left_minor)
        before = with_taxes(base, rates)
        inside += before.tax_minor - (before.total_minor - base)
    shipping = invoice["shipping_cost"] or {}
    shipped = shipping.get("amount_total", 0)
    net = sum(part.left_minor for part in parts)
    total = net + exclusive + shipped
    beside = core.store.beside(invoice["id"])
    discounted = shown_discounts(_summed(off))
    return {
        "amount_shipping": shipping.get("amount_subtotal", 0),
        "lines": cut(lines, f"/v1/invoices/{invoice['id']}/lines"),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inside,
        "total": total,
        "total_discount_amounts": discounted["discount_amounts"],
        "total_excluding_tax": total - exclusive - inclusive - shipping.get("amount_tax", 0),
        "total_pretax_credit_amounts": discounted["pretax_credit_amounts"],
        "total_taxes": added_up(
            [*(tax for line in lines for tax in line["taxes"]), *beside.get("shipping_taxes", [])]
        ),
    }


def _automatic(invoice: Json) -> bool:
    return bool(invoice["automatic_tax"]["enabled"])


def rates_of(core: Core, invoice: Json, line: Json) -> list[Json]:
    """The tax rates that hold for a line."""
    if invoice["customer_tax_exempt"] in EXEMPT:
        return []
    beside = core.store.beside(line["id"])
    if _automatic(invoice):
        return list(tax_rates.automatic_rates(core, beside.get("tax_behavior", "")))
    own: list[Json] | None = beside.get("rates")
    return list(invoice["default_tax_rates"]) if own is None else own


def with_taxes(base_minor: int, rates: Sequence[Json]) -> Amounts:
    """An amount after discounts with its taxes; a credit mirrors the charge it gives back."""
    sign = -1 if base_minor < 0 else 1
    found = amounts(
        abs(base_minor),
        0,
        [Rate(rate["id"], rate["percentage"], rate["inclusive"]) for rate in rates],
    )
    return found if sign > 0 else found.negated()


def taxes_shown(
    counted: Amounts, rates: Sequence[Json], *, automatic: bool
) -> list[dict[str, Any]]:
    """Taxes as lines of invoices and credit notes show them."""
    inclusive = {rate["id"]: rate["inclusive"] for rate in rates}
    return [
        {
            "amount": tax.amount_minor,
            "tax_behavior": "inclusive" if inclusive[tax.rate] else "exclusive",
            "tax_rate_details": {"tax_rate": tax.rate},
            "taxability_reason": "standard_rated" if automatic else "not_available",
            "taxable_amount": tax.taxable_minor,
            "type": "tax_rate_details",
        }
        for tax in counted.taxes
    ]


def added_up(taxes: Sequence[Json]) -> list[Json]:
    """Taxes by rate."""
    found: dict[str, Json] = {}
    for tax in taxes:
        rate = tax["tax_rate_details"]["tax_rate"]
        entry = found.setdefault(rate, tax | {"amount": 0, "taxable_amount": 0})
        entry["amount"] += tax["amount"]
        entry["taxable_amount"] += tax["taxable_amount"]
    return list(found.values())


def _summed(off: Sequence[dict[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for taken in off:
        for id, amount in taken.items():
            found[id] = found.get(id, 0) + amount
    return found


def shown_discounts(taken: dict[str, int]) -> Json:
    """`discount_amounts` and `pretax_credit_amounts` of what discounts took off."""
    return {
        "discount_amounts": [{"amount": off, "discount": id} for id, off in taken.items()],
        "pretax_credit_amounts": [
            {"amount": off, "discount": id, "type": "discount"} for id, off in taken.items() if off
        ],
    }


def ship(core: Core, invoice: Json, given: Json | None) -> None:
    """Set what shipping costs. Only Stripe Tax taxes it."""
    if given is None:
        invoice["shipping_cost"] = None
        core.store.beside(invoice["id"])["shipping_taxes"] = []
        return
    data, param = given.get("shipping_rate_data"), "shipping_cost"
    if data is not None:
        rate = shipping_rates.create(core, data, f"{param}[shipping_rate_data]")
    else:
        rate = shipping_rates.usable(
            core, str(given.get("shipping_rate")), f"{param}[shipping_rate]"
        )
    amount, behavior = shipping_rates.amount_in(core, rate, invoice["currency"], param)
    taxed = _automatic(invoice) and invoice["customer_tax_exempt"] not in EXEMPT
    rates = list(tax_rates.automatic_rates(core, behavior)) if taxed else []
    counted = with_taxes(amount, rates)
    taxes = taxes_shown(counted, rates, automatic=True)
    invoice["shipping_cost"] = {
        "amount_subtotal": amount,
        "amount_tax": counted.tax_minor,
        "amount_total": counted.total_minor,
        "shipping_rate": rate["id"],
    }
    core.store.beside(invoice["id"])["shipping_taxes"] = taxes
