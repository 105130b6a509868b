"""What every document of a sale may tell besides its facts: where the sale was, what the shop
says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from shared.domain.documents import Attribute, Document


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleDocument(Document):
    """A document of a sale. Both are empty for what has no charge."""

    metadata: Annotated[
        Mapping[str, str],
        Attribute("metadata of the sale: a key that the policy names", personal=True),
    ] = field(default_factory=dict)
    country: Annotated[str, Attribute("country of the billing address, two letters")] = ""
