"""Lines of a credit note, and their sums: https://docs.stripe.com/api/credit_notes/line_item."""

from collections.abc import Sequence
from fractions import Fraction

from local.stripe.billing import invoice_lines
from local.stripe.catalogue import tax_rates
from local.stripe.catalogue.amounts import rounded
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import invoice_lines_of
from shared.ports import Json


def made(core: Core, invoice: Json, given: Sequence[Json], credited: Sequence[Json]) -> list[Json]:
    """The lines a request describes, not kept yet. `credited`: lines of earlier credit notes.

    Raises `ApiError`.
    """
    found: list[Json] = []
    for index, each in enumerate(given):
        param = f"lines[{index}]"
        of_invoice = each["type"] == "invoice_line_item"
        make = _of_invoice if of_invoice else _custom
        found.append(make(core, invoice, each, param, [*credited, *found]))
    return found


def _of_invoice(
    core: Core, invoice: Json, given: Json, param: str, credited: Sequence[Json]
) -> Json:
    id = given.get("invoice_line_item")
    lines = {line["id"]: line for line in invoice_lines_of(core.store, invoice["id"])}
    if id not in lines:
        raise invalid(
            f"No such invoice line item: '{id}'", f"{param}[invoice_line_item]", "resource_missing"
        )
    line = lines[id]
    amount, quantity = given.get("amount"), given.get("quantity")
    if (amount is None) == (quantity is None):
        text = "You must pass exactly one of `amount` and `quantity` for an invoice line item."
        raise invalid(text, param)
    if amount is None:
        amount = _half_up(Fraction(line["amount"] * int(quantity or 0), line["quantity"] or 1))
    before = [each for each in credited if each["invoice_line_item"] == id]
    done = sum(each["amount"] for each in before)
    if not 0 < amount <= line["amount"] - done:
        text = f"The line {id} has only {line['amount'] - done} left that can be credited."
        raise invalid(text, param)
    share = _Share(line["amount"], done, done + amount)
    off = {each["discount"]: share.of(each["amount"]) for each in line["discount_amounts"]}
    taxes = [
        tax | {"amount": share.of(tax["amount"]), "taxable_amount": share.of(tax["taxable_amount"])}
        for tax in line["taxes"]
    ]
    rates = invoice_lines.rates_of(core, invoice, line)
    return _line(core, given, line["description"], amount, off=off, taxes=taxes) | {
        "invoice_line_item": id,
        "quantity": quantity,
        "tax_rates": rates,
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


class _Share:
    """Parts of a line's amounts, such that all parts together are the whole."""

    def __init__(self, whole_minor: int, start_minor: int, end_minor: int) -> None:
        self._whole, self._start, self._end = whole_minor, start_minor, end_minor

    def of(self, amount_minor: int) -> int:
        """What of an amount falls between start and end."""
        first = _half_up(Fraction(amount_minor * self._start, self._whole))
        return _half_up(Fraction(amount_minor * self._end, self._whole)) - first


def _half_up(number: Fraction) -> int:
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def _custom(core: Core, invoice: Json, given: Json, param: str, _credited: Sequence[Json]) -> Json:
    quantity, unit = given.get("quantity", 1), given.get("unit_amount")
    decimal = given.get("unit_amount_decimal", unit)
    if decimal is None:
        raise missing_parameter(f"{param}[unit_amount]")
    amount = rounded(decimal * quantity) if unit is None else unit * quantity
    rates = tax_rates.of_ids(core, given.get("tax_rates") or [], f"{param}[tax_rates]")
    counted = invoice_lines.with_taxes(amount, rates)
    taxes = invoice_lines.taxes_shown(counted, rates, automatic=False)
    return _line(core, given, None, amount, off={}, taxes=taxes) | {
        "invoice_line_item": None,
        "quantity": quantity,
        "tax_rates": rates,
        "unit_amount": unit,
        "unit_amount_decimal": str(decimal),
    }


def _line(
    core: Core,
    given: Json,
    description: str | None,
    amount_minor: int,
    *,
    off: dict[str, int],
    taxes: list[Json],
) -> Json:
    return {
        "id": core.ids.new("cnli"),
        "object": "credit_note_line_item",
        "amount": amount_minor,
        "description": given.get("description") or description,
        "discount_amount": sum(off.values()),
        **invoice_lines.shown_discounts(off),
        "livemode": core.livemode,
        "metadata": merged({}, given.get("metadata", {})),
        "taxes": taxes,
        "type": given["type"],
    }


def sums(lines: Sequence[Json], shipping: Json | None) -> Json:
    """The amounts of the credit note that follow from its lines and its shipping."""
    amount = sum(line["amount"] for line in lines)
    off: dict[str, int] = {}
    for line in lines:
        for each in line["discount_amounts"]:
            off[each["discount"]] = off.get(each["discount"], 0) + each["amount"]
    taxes = [tax for line in lines for tax in line["taxes"]]
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    inclusive = sum(tax["amount"] for tax in taxes) - exclusive
    shipped = shipping or {"amount_subtotal": 0, "amount_tax": 0, "amount_total": 0}
    discounted = sum(off.values())
    total = amount - discounted + exclusive + shipped["amount_total"]
    if total <= 0:
        raise ApiError(400, "The credit note's total must be greater than zero.")
    return {
        "amount": total,
        "amount_shipping": shipped["amount_subtotal"],
        "discount_amount": discounted,
        **invoice_lines.shown_discounts(off),
        "subtotal": amount,
        "subtotal_excluding_tax": amount - inclusive,
        "total": total,
        "total_excluding_tax": total - exclusive - inclusive - shipped["amount_tax"],
        "total_taxes": invoice_lines.added_up(taxes),
    }
