"""The independent judge of orders: what was sold and not given back, against what stands there.

Like `oracle` it shares no code with the product.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from local.dynamics import DynamicsPeer
from local.simulation.oracle import WAITS, line_keys, place_of
from local.stripe import StripePeer

CURRENCY, CENTS = "eur", 2
OWNER, OTHER = "demf", "usmf"
DEAD = ("failed", "canceled")
RATE = re.compile(r"\bTax .* (\d+) %$")  # how a line of tax ends: with its rate

type Rates = dict[str, Fraction]


def orders(dynamics: DynamicsPeer) -> list[tuple[str, str, str]]:
    """Company, number and what it is the order of, of every sales order."""
    return [
        (
            str(row["dataAreaId"]),
            str(row["SalesOrderNumber"]),
            str(row["CustomersOrderReference"]),
        )
        for row in dynamics.records("SalesOrderHeadersV2")
    ]


def repeated(dynamics: DynamicsPeer) -> list[str]:
    """Sales with more than one order, and orders that hold a line twice."""
    counts: dict[str, int] = {}
    for _, _, sale in orders(dynamics):
        counts[sale] = counts.get(sale, 0) + 1
    for row in dynamics.records("SalesOrderLinesV3"):
        order = f"{row['dataAreaId']} {row['SalesOrderNumber']}"
        line = f"{order} line {row['CustomersLineNumber']}"
        counts[line] = counts.get(line, 0) + 1
    return [f"{what} x {count}" for what, count in counts.items() if count > 1]


def unequal(stripe: StripePeer, dynamics: DynamicsPeer, rerouted: bool) -> list[str]:
    """Sales whose order less what was credited is not what was kept of the payment, or whose order
    stands in the wrong company. `rerouted`: the other company's sales were ours for a while."""
    places = {sale: (company, number) for company, number, sale in orders(dynamics)}
    ordered, credited = _ordered(dynamics), _credited(stripe, dynamics)
    found = []
    for charge in stripe.objects("charge"):
        id = str(charge["id"])
        if charge["currency"] != CURRENCY or charge["status"] != "succeeded":
            continue
        released = int(charge["amount_refunded"])  # of a capture in part, what was not captured too
        kept = int(charge["amount"]) - released if charge["captured"] else 0
        company, number = places.pop(id, ("", ""))
        stands = ordered.get((company, number), Decimal(0)) + credited.get(id, Decimal(0))
        if stands.scaleb(CENTS) != kept:
            found.append(f"{id}: kept {kept}, order {number or 'missing'} stands at {stands}")
        wanted = OTHER if charge["metadata"].get("shop") == "us" else OWNER
        if number and company != wanted and not (rerouted and company == OWNER):
            found.append(f"{id}: its order {number} is in {company}, not in {wanted}")
    return found + [
        f"{number} is the order of no sale: {sale}" for sale, (_, number) in places.items()
    ]


def _ordered(dynamics: DynamicsPeer) -> dict[tuple[str, str], Decimal]:
    """The sum of each order's lines, by company and number."""
    sums: dict[tuple[str, str], Decimal] = {}
    for row in dynamics.records("SalesOrderLinesV3"):
        order = (str(row["dataAreaId"]), str(row["SalesOrderNumber"]))
        sums[order] = sums.get(order, Decimal(0)) + row["LineAmount"]
    return sums


def _credited(stripe: StripePeer, dynamics: DynamicsPeer) -> dict[str, Decimal]:
    """What was credited (negative) and charged again, by charge."""
    charges = {str(each["id"]): str(each["charge"]) for each in stripe.objects("refund")}
    sums: dict[str, Decimal] = {}
    for row in dynamics.records("CDSFreeTextInvoiceLines"):
        refund = str(row["ExternalInvoiceId"]).partition(":")[0]
        charge = charges.get(refund, refund)
        amount = row["Quantity"] * row["UnitPrice"]
        sums[charge] = sums.get(charge, Decimal(0)) + amount
    return sums


def wrong_rates(stripe: StripePeer, dynamics: DynamicsPeer) -> list[str]:
    """Sales whose tax of a rate, in the order less what was credited, is not that of what was kept.

    A refund takes the tax of the lines that it names; one that names none takes of everything that
    is left. Each may be rounded once a rate. Only of sales whose order is there: what is missing is
    `unequal`'s.
    """
    ordered = {sale for _, _, sale in orders(dynamics)}
    stands = _taxes_in(stripe, dynamics)
    found = []
    for session in stripe.objects("checkout.session"):
        charge = _charge_of(stripe, session)
        if charge is None or str(charge["id"]) not in ordered:
            continue
        id = str(charge["id"])
        refunds = [each for each in stripe.objects("refund") if each["charge"] == id]
        wanted = _kept_tax(_lines_of(stripe, session), refunds)
        known = stands.get(id, {})
        for rate in sorted({*wanted, *known}):
            amount, expected = known.get(rate, Decimal(0)), wanted.get(rate, Fraction(0))
            if abs(Fraction(amount.scaleb(CENTS)) - expected) > len(refunds):
                cents = float(expected)
                found.append(
                    f"{id}: tax of {rate} % stands at {amount}, kept are {cents:.1f} cents"
                )
    return found


def _charge_of(stripe: StripePeer, session: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The charge that a session was paid by."""
    for charge in stripe.objects("charge"):
        if charge["payment_intent"] == session["payment_intent"] and charge["paid"]:
            return charge
    return None


def _lines_of(stripe: StripePeer, session: Mapping[str, Any]) -> dict[int, tuple[int, Rates]]:
    """What each line of a basket came to, and the tax in that by rate; shipping is one, untaxed."""
    path = f"/v1/checkout/sessions/{session['id']}/line_items"
    items = stripe.request("GET", path, {"expand": ["data.taxes"], "limit": 100})["data"]
    found: dict[int, tuple[int, Rates]] = {}
    for number, item in enumerate(items, start=1):
        taxes: Rates = {}
        for tax in item["taxes"]:
            rate = f"{Decimal(str(tax['rate']['percentage'])).normalize():f}"
            taxes[rate] = taxes.get(rate, Fraction(0)) + int(tax["amount"])
        found[number] = int(item["amount_total"]), taxes
    shipping = session["total_details"]["amount_shipping"]
    if shipping:
        found[len(found) + 1] = int(shipping), {}
    return found


def _kept_tax(lines: Mapping[int, tuple[int, Rates]], refunds: list[Any]) -> Rates:
    """The tax by rate of what was not given back, not rounded."""
    left = {number: Fraction(total) for number, (total, _) in lines.items()}
    for refund in sorted(refunds, key=lambda each: (each["created"], each["id"])):
        if refund["status"] in DEAD:
            continue
        named = json.loads(refund["metadata"].get("lines", "{}"))
        whole = sum(left.values(), Fraction(0))
        for number, worth in left.items():
            share = Fraction(int(named.get(str(number), 0)))
            if not named and whole:
                share = int(refund["amount"]) * worth / whole
            left[number] = worth - share
    kept: Rates = {}
    for number, (total, taxes) in lines.items():
        for rate, tax in taxes.items():
            kept[rate] = kept.get(rate, Fraction(0)) + tax * left[number] / (total or 1)
    return kept


def _taxes_in(stripe: StripePeer, dynamics: DynamicsPeer) -> dict[str, dict[str, Decimal]]:
    """The tax that stands in orders and credit memos, by charge and rate."""
    sales = {(company, number): sale for company, number, sale in orders(dynamics)}
    charges = {str(each["id"]): str(each["charge"]) for each in stripe.objects("refund")}
    lines: list[tuple[str, str, Decimal]] = []
    for row in dynamics.records("SalesOrderLinesV3"):
        sale = sales[str(row["dataAreaId"]), str(row["SalesOrderNumber"])]
        lines.append((sale, str(row["LineDescription"]), row["LineAmount"]))
    for row in dynamics.records("CDSFreeTextInvoiceLines"):
        refund = str(row["ExternalInvoiceId"]).partition(":")[0]
        amount = row["Quantity"] * row["UnitPrice"]
        lines.append((charges.get(refund, refund), str(row["InvoiceText"]), amount))
    found: dict[str, dict[str, Decimal]] = {}
    for sale, text, amount in lines:
        rate = RATE.search(text)
        if rate is not None:
            sums = found.setdefault(sale, {})
            sums[rate[1]] = sums.get(rate[1], Decimal(0)) + amount
    return found


def unapplied(dynamics: DynamicsPeer) -> list[str]:
    """Receipts that still wait on the account of those without invoice."""
    ledger, keys = dynamics.ledger(), line_keys(dynamics)
    sums: dict[str, Decimal] = {}
    for line in (*ledger.posted, *ledger.drafts):
        if line.account == WAITS:
            receipt = keys.get(place_of(line), "").partition(":")[0]
            sums[receipt] = sums.get(receipt, Decimal(0)) + line.amount
    return [f"{receipt}: {amount}" for receipt, amount in sums.items() if amount]


def owed(dynamics: DynamicsPeer) -> list[str]:
    """What customers owe for their orders, invoices and payments together: nothing."""
    entries: list[Any] = list(dynamics.customer_transactions())
    owing = sum((each.amount for each in entries if each.currency.lower() == CURRENCY), Decimal(0))
    return [f"{owing} {CURRENCY}"] if owing else []


def products(stripe: StripePeer, dynamics: DynamicsPeer) -> list[str]:
    """Products that are not released exactly once in each company. One that was archived before it
    came is left out."""
    counts: dict[tuple[str, str], int] = {}
    for row in dynamics.records("ReleasedProductsV2"):
        key = (str(row["ItemNumber"]), str(row["dataAreaId"]))
        counts[key] = counts.get(key, 0) + 1
    found = []
    for product in stripe.objects("product"):
        for company in (OWNER, OTHER):
            count = counts.get((str(product["id"]), company), 0)
            if count != 1 and (count or product["active"]):
                found.append(f"{product['id']} is released {count} times in {company}")
    return found


def prices(stripe: StripePeer, dynamics: DynamicsPeer) -> list[str]:
    """Prices of products for sale that do not stand in Dynamics, in force or about to be."""
    stands: dict[str, list[Decimal]] = {}
    for name in ("SalesPriceAgreements", "OpenSalesPriceJournalLinesV2"):
        for row in dynamics.records(name):
            stands.setdefault(str(row["ItemNumber"]), []).append(row["Price"])
    active = {str(each["id"]): None for each in stripe.objects("product") if each["active"]}
    found = []
    for price in stripe.objects("price"):
        wanted = [Decimal(int(price["unit_amount"])).scaleb(-CENTS)]
        product = str(price["product"])
        if product in active and price["active"] and stands.get(product, []) != wanted:
            found.append(f"{price['id']} of {product}: {stands.get(product)}, expected {wanted}")
    return found
