"""What every document of a sale may tell besides its facts: where the sale was, what the shop
says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from shared.domain.documents import Attribute, Document


@dataclass(frozen=True, slots=True)
class SaleMetadata:
    """Stripe's metadata by key, in lower case, with `_` for every other sign: the keys that the
    mapping reads."""

    charge: Annotated[
        Mapping[str, str],
        Attribute("of the charge, else of its Checkout Session", personal=True),
    ] = field(default_factory=dict)
    customer: Annotated[Mapping[str, str], Attribute("of the customer", personal=True)] = field(
        default_factory=dict
    )
    product: Annotated[Mapping[str, str], Attribute("of the first product", personal=True)] = field(
        default_factory=dict
    )

    def with_more(self, other: "SaleMetadata") -> "SaleMetadata":
        """This metadata with what `other` has besides."""
        return SaleMetadata(
            {**other.charge, **self.charge},
            {**other.customer, **self.customer},
            {**other.product, **self.product},
        )


NO_METADATA = SaleMetadata()


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleDocument(Document):
    """A document of a sale. Both are empty for what has no charge."""

    metadata: Annotated[SaleMetadata, Attribute("metadata")] = NO_METADATA
    country: Annotated[str, Attribute("country of the billing address, two letters")] = ""
