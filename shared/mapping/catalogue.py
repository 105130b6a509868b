"""What templates may read: the fields of computed documents, with their kinds.

Documents decide what must exist and compute it from Stripe objects; a template reads these fields
and no others, so a mistyped path is refused when the mapping is checked, not in production.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.mapping.problems import RuleRefused, shown


@dataclass(frozen=True, slots=True)
class Source:
    """A field of a document.

    `kind`: text, integer, date (ISO text in the document), or list (of mappings with `fields`).
    `personal`: its value never appears in an error.
    """

    kind: str = "text"
    personal: bool = False
    fields: Mapping[str, "Source"] | None = None


TEXT = Source()
INTEGER = Source("integer")
PERSONAL = Source(personal=True)

_DOCUMENT = MappingProxyType(
    {"document.key": TEXT, "document.role": TEXT, "document.company": TEXT}
)
_LINE = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.amount_minor": INTEGER,  # debit to the account, credit to the offset
        "facts.currency": TEXT,  # lower case
        "facts.date": Source("date"),  # in the cut-off time zone
        "account.type": TEXT,  # Cust, Bank or Ledger
        "account.id": TEXT,
        "offset.type": TEXT,
        "offset.id": TEXT,
        "words.category": TEXT,  # Stripe's reporting category
        "words.source": TEXT,  # the id of the charge, refund, dispute, ...; may be empty
        "words.payment_method.type": TEXT,  # card, sepa_debit, ...
        "words.payment_method.brand": TEXT,
        "words.payment_method.funding": TEXT,
        "words.payment_method.wallet": TEXT,
    }
)
_CUSTOMER = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.customer": TEXT,
        "words.name": PERSONAL,
        "words.email": PERSONAL,
        "words.currency": TEXT,
        "company.customer_group": TEXT,
    }
)

CATALOGUE: Mapping[str, Mapping[str, Source]] = MappingProxyType(
    {"customer": _CUSTOMER, "customer_payment_line": _LINE, "general_line": _LINE}
)


def source_at(sources: Mapping[str, Source], path: str) -> Source:
    """The field at a path. Raises `RuleRefused` for one that no document has."""
    found = sources.get(path)
    if found is None:
        near = [name for name in sources if name.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f"; did you mean {near[0]}?" if near else ""
        raise RuleRefused(f"no field {shown(path)} in these documents{hint}", path)
    return found
