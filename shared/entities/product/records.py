"""The records of a product."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from shared.domain.documents import Attribute, Document, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord(Document):
    """A product that is released in a company."""

    template: ClassVar[str] = "product"

    product: Annotated[str, Fact("the Stripe id")]
    name: Annotated[str, Attribute("name")]
    description: Annotated[str, Attribute("description; may be empty")] = ""
    kind: Annotated[str, Attribute("goods or service")] = ""
    tax_code: Annotated[str, Attribute("Stripe's tax code; may be empty")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEnd(Document):
    """Since when an archived product is not sold."""

    template: ClassVar[str] = "product_end"

    product: Annotated[str, Fact("the Stripe id")]
    date: Annotated[date, Fact("the last day it is sold")]
