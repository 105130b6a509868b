"""The records of a Stripe customer: one in each company that needs it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from shared.domain.documents import Attribute, Document, Fact


@dataclass(frozen=True, slots=True)
class Address:
    """An address; without a country there is none."""

    line1: Annotated[str, Attribute("first line", personal=True)] = ""
    line2: Annotated[str, Attribute("second line", personal=True)] = ""
    city: Annotated[str, Attribute("city", personal=True)] = ""
    state: Annotated[str, Attribute("state, where it is a code", personal=True)] = ""
    postal_code: Annotated[str, Attribute("postal code", personal=True)] = ""
    country: Annotated[str, Attribute("country, two letters")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRecord(Document):
    """An account that Tieout creates: it follows Stripe."""

    template: ClassVar[str] = "customer"

    customer: Annotated[str, Fact("the Stripe id")]
    kind: Annotated[str, Attribute("Person or Organization, as PartyType")]
    name: Annotated[str, Attribute("name", personal=True)]
    first_name: Annotated[str, Attribute("first name, of persons", personal=True)] = ""
    middle_name: Annotated[str, Attribute("middle names, of persons", personal=True)] = ""
    last_name: Annotated[str, Attribute("last name, of persons", personal=True)] = ""
    email: Annotated[str, Attribute("e-mail address; may be empty", personal=True)] = ""
    phone: Annotated[str, Attribute("telephone number; may be empty", personal=True)] = ""
    tax_id: Annotated[str, Attribute("tax id, in capitals, without blanks", personal=True)] = ""
    currency: Annotated[str, Attribute("the customer's currency, lower case")] = ""
    address: Annotated[Address | None, Attribute("billing address")] = None
    delivery: Annotated[Address | None, Attribute("shipping address")] = None
    deleted: Annotated[str, Attribute("yes, once the customer is deleted in Stripe")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLink(Document):
    """An account that Dynamics had before: only the Stripe id is written to it."""

    template: ClassVar[str] = "customer_link"

    customer: Annotated[str, Fact("the Stripe id")]
    linked_account: Annotated[str, Fact("the account in Dynamics")]
    matched_by: Annotated[str, Fact("tax_id, email or choice")]
