"""Customers: one record in each company that needs it. https://docs.stripe.com/api/customers"""

from collections.abc import Mapping

from shared.documents.common import Context, Desired, Json, Snapshot, text
from shared.domain.records import Change, Document
from shared.errors import Skipped

ENTITY = "customer"
ROLE_PREFIX = "customer~"


def role_of(company: str) -> str:
    """The role of a customer's record in a company."""
    return ROLE_PREFIX + company


def display_name(customer: Json) -> str:
    """The best name there is; Stripe requires none (and had no `name` before 2018)."""
    shipping = customer.get("shipping")
    return (
        text(customer, "name", "business_name", "individual_name")
        or (text(shipping, "name") if isinstance(shipping, Mapping) else "")
        or text(customer, "description", "email")
        or str(customer.get("id"))
    )


def currency_for(customer: Json, company: str, context: Context) -> str:
    """The customer's own currency where the company books it, else the company's first one."""
    offered = [
        currency for currency, book in context.books.currencies.items() if book.company == company
    ]
    wanted = text(customer, "currency").lower()
    if wanted in offered or not offered:
        return wanted
    return offered[0]


def build(snapshot: Snapshot, context: Context) -> Desired:
    """One record a company: those that hold the customer, those that ask for it, or the default.

    Raises `Skipped` for a customer deleted in Stripe: its records in Dynamics stay as they are.
    """
    customer = snapshot.object
    if customer.get("deleted") is True:
        raise Skipped("customer_deleted")
    linked = tuple(link.company for link in snapshot.links.values())
    # A write that may have happened is looked for, whoever needs the customer now.
    announced = tuple(intent.record.document.company for intent in snapshot.intents.values())
    companies = dict.fromkeys(linked + announced + snapshot.companies)
    wanted = tuple(companies) or (context.books.default_company,)
    documents = tuple(
        Document(
            role=role_of(company),
            template="customer",
            company=company,
            key=snapshot.id,
            facts={"customer": snapshot.id},
            words={
                "name": display_name(customer),
                "email": text(customer, "email"),
                "currency": currency_for(customer, company, context),
            },
            change=Change.FOLLOWS,
            found_first=True,
        )
        for company in wanted
    )
    return Desired(documents)
