"""What a charge is a sale of: what policy looks at, and where its revenue document is.

One revenue document a sale, always: an invoice of Stripe's, an order that somebody else pushed
(named in metadata), a sales order of ours, or none of ours. https://docs.stripe.com/api/charges
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.entities.common.objects import Context, Json, Snapshot, elements, id_of, moment, text
from shared.entities.common.origin import Origin
from shared.policy import Lines, Policy, Sale, Subject

ORDER_KEY = "dynamics_sales_order"  # metadata: the sale is that order
INVOICE_KEY = "dynamics_invoice"  # metadata: the sale is that posted invoice
ITEMS_KEY = "items"  # metadata: what was sold
METADATA_KEYS_MAX = 50


def metadata(*sources: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of several objects as texts; the first that names a key wins."""
    found: dict[str, str] = {}
    for source in reversed(sources):
        values = source.get("metadata")
        if isinstance(values, Mapping):
            pairs = list(values.items())[:METADATA_KEYS_MAX]
            found |= {name: value for name, value in pairs if isinstance(value, str)}
    return found


def sale_attributes(charge: Json, session: Json, policy: Policy) -> dict[str, Any]:
    """What documents of a sale tell of it: the metadata that the policy names, and the country."""
    found = metadata(charge, session)
    billing = charge.get("billing_details")
    address = billing.get("address") if isinstance(billing, Mapping) else None
    country = text(address, "country") if isinstance(address, Mapping) else ""
    return {
        "metadata": {key: found[key] for key in policy.metadata if key in found},
        "country": country.upper() if re.fullmatch("[A-Za-z]{2}", country) else "",
    }


def session_of(snapshot: Snapshot) -> Json:
    """The Checkout Session that the charge paid, with all its line items; empty without one."""
    return snapshot.related.get("checkout_session") or {}


def products_of(session: Json) -> tuple[str, ...]:
    """The products of a session's line items, each once, in order."""
    found: dict[str, None] = {}
    for item in elements(session.get("line_items")):
        price = item.get("price") if isinstance(item, Mapping) else None
        product = id_of(price.get("product")) if isinstance(price, Mapping) else ""
        if product:
            found[product] = None
    return tuple(found)


def subject_of(charge: Json, session: Json, context: Context) -> Subject:
    """What the conditions of a policy look at."""
    transfer = charge.get("transfer_data")
    destination = transfer.get("destination") if isinstance(transfer, Mapping) else None
    day = None  # there may be no charge at all
    if charge.get("created") is not None:
        day = context.local_date(moment(charge, "created", "charge"))
    told = metadata(charge, session)
    without_session = Lines.METADATA if told.get(ITEMS_KEY) else Lines.NONE
    return Subject(
        currency=text(charge, "currency").lower(),
        metadata=told,
        products=products_of(session),
        account=id_of(charge.get("on_behalf_of")) or id_of(destination),
        day=day,
        lines=Lines.CHECKOUT if session else without_session,
    )


def needs_session(policy: Policy) -> bool:
    """Whether the Checkout Session of a charge has to be fetched: its lines make an order, or its
    products or metadata decide, or whether there is one, or mappings read metadata."""
    conditions = [rule.when for rule in policy.sales] + [rule.when for rule in policy.routes]
    orders = any(rule.book is Sale.ORDER for rule in policy.sales)
    return (
        orders
        or bool(policy.metadata)
        or any(when.product or when.metadata or when.lines for when in conditions)
    )


def sale_routing(
    charge: Json, session: Json, context: Context, origin: Origin | None = None
) -> "SaleRouting":
    """How a charge is sold; the company is that of its origin, where it has one.

    Raises `Parked` when its currency has no book and it would matter.
    """
    currency = text(charge, "currency").lower()
    book = context.books.currencies.get(currency)
    sold = sale_routing_of(charge, session, book.company if book else "", context)
    if origin is not None:
        return replace(sold, company=origin.company)
    if book is None and (sold.sale is Sale.ORDER or sold.order or sold.invoice):
        context.book(currency)
    return sold


def is_invoiced(snapshot: Snapshot, charge: Json) -> bool:
    """Whether an invoice of Stripe's is the sale's revenue document: versions before 2025 say it
    on the charge, later ones by an invoice payment; a Checkout Session may announce one."""
    payments = snapshot.related.get("invoice_payments") or {}
    return bool(id_of(charge.get("invoice")) or elements(payments))


def announces_invoice(session: Json) -> bool:
    """Whether a Checkout Session leads to an invoice of Stripe's."""
    creation = session.get("invoice_creation")
    wanted = isinstance(creation, Mapping) and creation.get("enabled") is True
    return wanted or bool(id_of(session.get("invoice")))


@dataclass(frozen=True, slots=True)
class SaleRouting:
    """How a charge is sold: the company, and where its revenue document is to be found.

    `sale`: whether an order is ours to make. `order`, `invoice`: numbers in Dynamics that metadata
    names; empty where it names none.
    """

    company: str
    sale: Sale
    order: str = ""
    invoice: str = ""


def sale_routing_of(charge: Json, session: Json, owner: str, context: Context) -> SaleRouting:
    """How a charge is sold; `owner` is the company of its settlement currency."""
    subject = subject_of(charge, session, context)
    policy = context.policy
    company = policy.company(subject, owner)
    order = subject.metadata.get(ORDER_KEY, "").strip()
    invoice = subject.metadata.get(INVOICE_KEY, "").strip()
    sale = Sale.RECEIPT if order or invoice else policy.sale(subject)
    return SaleRouting(company, sale, order, invoice)
