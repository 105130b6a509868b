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
DATE = Source("date")
PERSONAL = Source(personal=True)


def _address(path: str) -> dict[str, Source]:
    """The parts of an address, all of them missing where it has no country."""
    parts = ("line1", "line2", "city", "state", "postal_code")
    return {**{f"{path}.{part}": PERSONAL for part in parts}, f"{path}.country": TEXT}


_DOCUMENT = MappingProxyType(
    {"document.key": TEXT, "document.role": TEXT, "document.company": TEXT}
)
_METHOD = MappingProxyType(
    {
        "words.payment_method.type": TEXT,  # card, sepa_debit, ...
        "words.payment_method.brand": TEXT,
        "words.payment_method.funding": TEXT,
        "words.payment_method.wallet": TEXT,
    }
)
_LINE = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.amount_minor": INTEGER,  # debit to the account, credit to the offset
        "facts.currency": TEXT,  # lower case
        "facts.date": DATE,  # in the cut-off time zone
        "facts.marked": TEXT,  # the posted invoice that a receipt settles
        "account.type": TEXT,  # Cust, Bank or Ledger
        "account.id": TEXT,
        "offset.type": TEXT,
        "offset.id": TEXT,
        "offset.company": TEXT,  # only where it is another one
        "words.category": TEXT,  # Stripe's reporting category
        "words.source": TEXT,  # the id of the charge, refund, dispute, ...; may be empty
        **_METHOD,
    }
)
_CUSTOMER = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.customer": TEXT,
        "words.kind": TEXT,  # Person or Organization, as PartyType
        "words.name": PERSONAL,
        "words.first_name": PERSONAL,  # of persons; empty for organisations, like the next two
        "words.middle_name": PERSONAL,
        "words.last_name": PERSONAL,
        "words.email": PERSONAL,  # may be empty, like all below but the currency
        "words.phone": PERSONAL,
        "words.tax_id": PERSONAL,  # in capitals, without blanks
        "words.currency": TEXT,
        "words.deleted": TEXT,  # yes, once Stripe says so
        **_address("words.address"),
        **_address("words.delivery"),  # of shipping
        "company.customer_group": TEXT,
    }
)
_CUSTOMER_LINK = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.customer": TEXT,
        "facts.linked": TEXT,  # the account in Dynamics
        "facts.matched": TEXT,  # tax_id, email or choice
    }
)
_ORDER = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.currency": TEXT,
        "customer.account": TEXT,  # in Dynamics
        "words.session": TEXT,  # Checkout Session; may be empty, like those below
        "words.reference": TEXT,  # its client_reference_id
        "words.payment_intent": TEXT,
        "words.description": PERSONAL,
        "words.day": INTEGER,  # when the charge was made, seconds since 1970
        **_METHOD,
    }
)
_ORDER_LINE = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.currency": TEXT,
        "facts.quantity": INTEGER,
        "facts.price_minor": INTEGER,  # of one unit
        "facts.discount_minor": INTEGER,
        "facts.amount_minor": INTEGER,
        "parent.number": TEXT,  # of the order
        "words.kind": TEXT,  # goods, shipping, tax, rounding or sale
        "words.product": TEXT,  # Stripe's id; may be empty, like those below
        "words.price": TEXT,
        "words.item": TEXT,  # the item number that metadata names
        "words.text": TEXT,
    }
)
_CREDIT = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.currency": TEXT,
        "facts.date": DATE,
        "customer.account": TEXT,
        "words.refund": TEXT,
        "words.sale": TEXT,  # the charge
    }
)
_CREDIT_LINE = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.currency": TEXT,
        "facts.amount_minor": INTEGER,  # negative: given back to the customer
        "facts.memo": TEXT,  # the key of the credit note
        "account.type": TEXT,
        "account.id": TEXT,
        "words.kind": TEXT,
        "words.product": TEXT,
        "words.item": TEXT,
        "words.text": TEXT,
    }
)
_RETURN_LINE = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.currency": TEXT,
        "facts.amount_minor": INTEGER,  # negative: given back to the customer
        "facts.memo": TEXT,  # the key of the return order
        "parent.number": TEXT,  # of the return order
        "words.kind": TEXT,
        "words.product": TEXT,
        "words.item": TEXT,
        "words.text": TEXT,
    }
)
_PRODUCT = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.product": TEXT,
        "words.name": TEXT,
        "words.description": TEXT,  # may be empty, like the tax code
        "words.kind": TEXT,  # goods or service
        "words.tax_code": TEXT,
    }
)
_PRODUCT_END = MappingProxyType({**_DOCUMENT, "facts.product": TEXT, "facts.date": DATE})
_PRICE_JOURNAL = MappingProxyType({**_DOCUMENT, "facts.price": TEXT})
_PRICE_LINE = MappingProxyType(
    {
        **_DOCUMENT,
        "facts.price": TEXT,
        "facts.item": TEXT,
        "facts.unit": TEXT,  # that the item is sold in
        "facts.currency": TEXT,
        "facts.amount_minor": INTEGER,  # of so many units:
        "facts.quantity": INTEGER,
        "parent.number": TEXT,  # of the journal
        "words.nickname": TEXT,  # may be empty, like those below
        "words.lookup_key": TEXT,
        "words.interval": TEXT,  # day, week, month or year
    }
)

CATALOGUE: Mapping[str, Mapping[str, Source]] = MappingProxyType(
    {
        "customer": _CUSTOMER,
        "customer_link": _CUSTOMER_LINK,
        "customer_payment_line": _LINE,
        "general_line": _LINE,
        "sales_order": _ORDER,
        "sales_order_line": _ORDER_LINE,
        "sales_order_release": _DOCUMENT,
        "credit_note": _CREDIT,
        "credit_note_line": _CREDIT_LINE,
        "return_order": _CREDIT,
        "return_order_line": _RETURN_LINE,
        "product": _PRODUCT,
        "product_end": _PRODUCT_END,
        "price_journal": _PRICE_JOURNAL,
        "price_line": _PRICE_LINE,
    }
)


def source_at(sources: Mapping[str, Source], path: str) -> Source:
    """The field at a path. Raises `RuleRefused` for one that no document has."""
    found = sources.get(path)
    if found is None:
        near = [name for name in sources if name.rpartition(".")[2] == path.rpartition(".")[2]]
        hint = f"; did you mean {near[0]}?" if near else ""
        raise RuleRefused(f"no field {shown(path)} in these documents{hint}", path)
    return found
