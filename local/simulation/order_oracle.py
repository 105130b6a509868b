"""The independent judge of orders: what was sold and not given back, against what stands there.

Like `oracle` it shares no code with the product.
"""

from decimal import Decimal
from typing import Any

from local.dynamics import DynamicsPeer
from local.simulation.oracle import WAITS
from local.stripe import StripePeer

CURRENCY, CENTS = "eur", 2
OWNER, OTHER = "demf", "usmf"


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


def unapplied(dynamics: DynamicsPeer) -> list[str]:
    """Receipts that still wait on the account of those without invoice."""
    ledger = dynamics.ledger()
    sums: dict[str, Decimal] = {}
    for line in (*ledger.posted, *ledger.drafts):
        if line.account == WAITS:
            receipt = line.payment_id.partition(":")[0]
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
