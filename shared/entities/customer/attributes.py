"""What Stripe says of a customer, as its record needs it: name, kind, addresses, tax id. Pure.

Stripe keeps persons and organisations in one object; Dynamics wants to know which. It is an
organisation where metadata says so, where it has a tax id or a business name, or where its name
cannot be split up into a first and a last name.
https://docs.stripe.com/api/customers/object
"""

from collections.abc import Mapping
from typing import Any

from shared.entities.common.objects import Context, Json, elements, text
from shared.entities.customer.records import Address
from shared.errors import Parked

ORGANIZATION, PERSON = "Organization", "Person"  # as `PartyType` of CustomersV3 renders them
KIND_KEY = "customer_type"  # of metadata
ORGANIZATIONS = ("organization", "organisation", "company", "business")
PERSONS = ("person", "individual")
NAME_PART_CHARS_MAX = 25  # of PersonFirstName, PersonMiddleName, PersonLastName
NAME_PARTS_MIN = 2
STATE_CHARS_MAX = 10  # a longer one is no code of a state
COUNTRY_CHARS = 2

type Name = tuple[str, str, str]


def display_name(customer: Json) -> str:
    """The best name there is; Stripe requires none (and had no `name` before 2018)."""
    shipping = customer.get("shipping")
    return (
        text(customer, "business_name", "name", "individual_name")
        or (text(shipping, "name") if isinstance(shipping, Mapping) else "")
        or text(customer, "description", "email")
        or str(customer.get("id"))
    )


def currency_for(customer: Json, company: str, context: Context) -> str:
    """The customer's own currency where the company books it, else the company's first one; where
    the Stripe account books nothing in the company, of all its currencies. Dynamics requires one.

    Raises `Parked` where neither the books nor the customer name any.
    """
    currencies = context.books.currencies
    in_company = [currency for currency, book in currencies.items() if book.company == company]
    offered = in_company or list(currencies)
    wanted = text(customer, "currency").lower()
    if wanted in offered or (wanted and not offered):
        return wanted
    if not offered:
        raise Parked(
            "currency_not_configured",
            f"no book is set up for this Stripe account, and {customer.get('id')} has no currency",
            "Add the currencies of the account to the books (stripe_accounts), then retry.",
        )
    return offered[0]


def tax_id_of(customer: Json) -> str:
    """The tax id, in capitals and without blanks: the first that is verified, else the first."""
    found = [each for each in elements(customer.get("tax_ids")) if isinstance(each, Mapping)]
    verified = [each for each in found if _status(each) == "verified"]
    for each in (*verified, *found):
        value = "".join(text(each, "value").split()).upper()
        if value:
            return value
    return ""


def _status(tax_id: Mapping[str, Any]) -> str:
    verification = tax_id.get("verification")
    return text(verification, "status") if isinstance(verification, Mapping) else ""


def email_of(customer: Json) -> str:
    """The e-mail address; empty without one."""
    return text(customer, "email")


def _person_name(customer: Json) -> str:
    return text(customer, "individual_name", "name")


def split(name: str) -> Name | None:
    """First, middle and last name, each as its field holds it; None where it is not so."""
    parts = name.split()
    if len(parts) < NAME_PARTS_MIN:
        return None
    found = (parts[0], " ".join(parts[1:-1]), parts[-1])
    return found if all(len(part) <= NAME_PART_CHARS_MAX for part in found) else None


def kind_of(customer: Json) -> str:
    """`PERSON` or `ORGANIZATION`."""
    metadata = customer.get("metadata")
    stated = text(metadata, KIND_KEY).lower() if isinstance(metadata, Mapping) else ""
    business = bool(tax_id_of(customer) or text(customer, "business_name"))
    if stated in ORGANIZATIONS or (business and stated not in PERSONS):
        return ORGANIZATION
    return PERSON if split(_person_name(customer)) else ORGANIZATION


def attributes_of(customer: Json, kind: str, company: str, context: Context) -> dict[str, Any]:
    """The attributes of a customer's record, by name. `kind` is that of the record, which Dynamics
    never changes."""
    first, middle, last = "", "", ""
    if kind == PERSON:
        name = _person_name(customer) or display_name(customer)
        first, middle, last = split(name) or (name, "", "")
    shipping = customer.get("shipping")
    delivery = shipping.get("address") if isinstance(shipping, Mapping) else None
    return {
        "kind": kind,
        "name": display_name(customer),
        "first_name": first,
        "middle_name": middle,
        "last_name": last,
        "email": email_of(customer),
        "phone": text(customer, "phone"),
        "currency": currency_for(customer, company, context),
        "tax_id": tax_id_of(customer),
        "address": _address(customer.get("address")),
        "delivery": _address(delivery),
        "deleted": "",
    }


def _address(value: object) -> Address | None:
    """An address; none without a country, because Dynamics would take its own."""
    if not isinstance(value, Mapping):
        return None
    country = text(value, "country").upper()
    if len(country) != COUNTRY_CHARS or not country.isascii() or not country.isalpha():
        return None
    state = text(value, "state")
    return Address(
        line1=text(value, "line1"),
        line2=text(value, "line2"),
        city=text(value, "city"),
        state=state if len(state) <= STATE_CHARS_MAX else "",
        postal_code=text(value, "postal_code"),
        country=country,
    )
