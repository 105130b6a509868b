"""Prices as lines of sales price journals: one line a currency, in the company of its book.

Dynamics posts these journals, and what is posted never changes: another amount is another line in
another journal. Lines have no dates, so that the later price takes the place of the earlier one
instead of competing with it. Dynamics has one such price for an item, unit and currency: of a
product with a default price that one is written and no other.
`OpenTradeAgreementJournalHeadersV2`, `OpenSalesPriceJournalLinesV2`;
https://docs.stripe.com/api/prices
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from shared.domain.documents import Document
from shared.domain.money import Money
from shared.entities.common.items import is_released, item_of, not_released, query, unit_in
from shared.entities.common.objects import (
    Context,
    Desired,
    Json,
    Query,
    Snapshot,
    currency_of,
    id_of,
    text,
    unreadable,
)
from shared.entities.price.records import PriceJournal, PriceLine
from shared.errors import Parked, Skipped, Waiting

ENTITY = "price"
JOURNAL_PREFIX, LINE_PREFIX = "journal:", "line:"
PLACES_MAX = 4  # of a fraction of a minor unit: the price of up to 10,000 units
AMOUNT_MAX = 10**12
CURRENCIES_MAX = 90  # lines of one journal: they are written in one changeset


@dataclass(frozen=True, slots=True)
class Amount:
    """The price of `quantity` units, in minor units."""

    minor: int
    quantity: int


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """Whether the item is released in each company that gets a line, and its unit."""
    if _reason_to_skip(snapshot, context):
        return ()
    item = item_of(_product(snapshot), context)
    companies = dict.fromkeys(_company(currency, context) for currency in _amounts(snapshot))
    return tuple(query(item, company) for company in companies)


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The lines of a price, with their journals.

    Raises `Skipped`, `Parked` for prices that Dynamics cannot say, and `Waiting` for a product that
    is not created yet.
    """
    reason = _reason_to_skip(snapshot, context)
    if reason:
        raise Skipped(reason)
    product = _product(snapshot)
    item = item_of(product, context)
    companies: dict[str, dict[str, Amount]] = {}
    for currency, amount in _amounts(snapshot).items():
        companies.setdefault(_company(currency, context), {})[currency] = amount
    documents: list[Document] = []
    for company, amounts in companies.items():
        if not is_released(snapshot, company):
            raise _missing(item, product, company, context)
        documents += _Company(snapshot, company, item).documents(amounts)
    return Desired(tuple(documents))


def _reason_to_skip(snapshot: Snapshot, context: Context) -> str:
    price = snapshot.object
    found = price.get("product")
    product = found if isinstance(found, Mapping) else {}
    if not context.policy.catalogue.prices:
        return "catalogue_off"
    if price.get("deleted") is True:
        return "price_deleted"
    if price.get("active") is False:
        return "price_archived"
    if product.get("active") is False:
        return "product_archived"
    default = id_of(product.get("default_price"))
    return "price_not_default" if default not in ("", snapshot.id) else ""


def _missing(item: str, product: str, company: str, context: Context) -> Parked | Waiting:
    if product in context.items:
        return not_released(item, product, company)
    return Waiting("product_not_created", f"product {product} is not created in {company} yet")


def _product(snapshot: Snapshot) -> str:
    found = id_of(snapshot.object.get("product"))
    if not found:
        raise unreadable(ENTITY, snapshot.id, "product")
    return found


def _company(currency: str, context: Context) -> str:
    book = context.books.currencies.get(currency)
    return context.books.default_company if book is None else book.company


def _amounts(snapshot: Snapshot) -> dict[str, Amount]:
    """The amount of each currency. Raises `Parked` for what is no plain price of a unit."""
    price = snapshot.object
    own = currency_of(price, ENTITY)
    if isinstance(price.get("transform_quantity"), Mapping):
        raise _unsupported(snapshot.id, "is for packages of units (transform_quantity)")
    options = price.get("currency_options")
    found: dict[str, Any] = {own: price}
    if isinstance(options, Mapping):
        found = {**options, **found}
    if len(found) > CURRENCIES_MAX:
        raise _unsupported(snapshot.id, f"has more than {CURRENCIES_MAX} currencies")
    names = sorted(found, key=lambda currency: (currency != own, currency))
    return {
        currency_of({"currency": name}, ENTITY): _amount(snapshot.id, found[name]) for name in names
    }


def _amount(id: str, given: Mapping[str, Any]) -> Amount:
    if not isinstance(given, Mapping):
        raise unreadable(ENTITY, id, "currency_options")
    if text(given, "billing_scheme") == "tiered" or given.get("tiers"):
        raise _unsupported(id, "has tiers")
    if isinstance(given.get("custom_unit_amount"), Mapping):
        raise _unsupported(id, "lets customers choose the amount")
    exact = text(given, "unit_amount_decimal") or given.get("unit_amount")
    if isinstance(exact, bool) or not isinstance(exact, int | str):
        raise unreadable(ENTITY, id, "unit_amount")
    try:
        amount = Decimal(exact).normalize()
    except InvalidOperation:
        raise unreadable(ENTITY, id, "unit_amount_decimal") from None
    if not amount.is_finite() or not 0 <= amount <= AMOUNT_MAX:
        raise unreadable(ENTITY, id, "unit_amount")
    places = max(-int(amount.as_tuple().exponent), 0)
    if places > PLACES_MAX:
        raise _unsupported(id, f"has more than {PLACES_MAX} places below the minor unit")
    return Amount(int(amount.scaleb(places)), 10**places)


def _unsupported(id: str, what: str) -> Parked:
    return Parked(
        "price_not_supported",
        f"price {id} {what}, which a sales price in Dynamics cannot express",
        "Keep this price in Dynamics by hand, and resolve the item.",
    )


@dataclass(frozen=True, slots=True)
class _Company:
    """The lines of a price in one company."""

    snapshot: Snapshot
    company: str
    item: str

    def documents(self, amounts: Mapping[str, Amount]) -> Sequence[Document]:
        """What was written and still holds, and what is new, in a journal of its own."""
        written = self._written()
        kept = {
            currency: document
            for currency, document in written.items()
            if currency in amounts and self._still_holds(document, amounts[currency])
        }
        new = [currency for currency in amounts if currency not in kept]
        parents = dict.fromkeys(document.parent for document in kept.values())
        headers = [found for role in parents if (found := self.snapshot.written(role)) is not None]
        documents = [*headers, *kept.values()]
        if not new:
            return documents
        generation = self._generation()
        header = self._header(generation)
        lines = [
            self._line(header, generation, number, currency, amounts[currency])
            for number, currency in enumerate(new, start=1)
        ]
        return [*documents, header, *lines]

    def _roles(self, prefix: str) -> list[str]:
        roles = dict.fromkeys((*self.snapshot.links, *self.snapshot.intents))
        return [role for role in roles if role.startswith(prefix)]

    def _written(self) -> dict[str, PriceLine]:
        """The last line of each currency in this company."""
        found: dict[str, PriceLine] = {}
        for role in sorted(self._roles(LINE_PREFIX), key=_number):
            document = self.snapshot.written(role)
            if isinstance(document, PriceLine) and document.company == self.company:
                found[document.amount.currency] = document
        return found

    def _generation(self) -> int:
        """The number of the next journal, or of the last one when it was left without lines."""
        roles = self._roles(JOURNAL_PREFIX)
        mine = [role for role in roles if role.endswith(f":{self.company}")]
        used = [document.parent for document in self._written().values()]
        last = max(mine, key=_number, default="")
        if last and last not in used and not self._has_lines(last):
            return _number(last)
        return max((_number(role) for role in roles), default=0) + 1

    def _has_lines(self, journal: str) -> bool:
        lines = [self.snapshot.written(role) for role in self._roles(LINE_PREFIX)]
        return any(line is not None and line.parent == journal for line in lines)

    def _header(self, generation: int) -> Document:
        role = f"{JOURNAL_PREFIX}{generation}:{self.company}"
        return self.snapshot.written(role) or PriceJournal(
            role=role,
            company=self.company,
            key=f"{self.snapshot.id} {generation}",
            price=self.snapshot.id,
        )

    def _still_holds(self, line: PriceLine, amount: Amount) -> bool:
        unit = unit_in(self.snapshot, self.company)
        said = line.price, line.item, line.unit, line.amount.minor, line.quantity
        return said == (self.snapshot.id, self.item, unit, amount.minor, amount.quantity)

    def _line(
        self, header: Document, generation: int, number: int, currency: str, amount: Amount
    ) -> Document:
        price: Json = self.snapshot.object
        return PriceLine(
            role=f"{LINE_PREFIX}{generation}:{currency}",
            company=self.company,
            key=str(number),
            parent=header.role,
            group=f"lines:{generation}:{self.company}",
            price=self.snapshot.id,
            item=self.item,
            unit=unit_in(self.snapshot, self.company),
            amount=Money(amount.minor, currency),
            quantity=amount.quantity,
            nickname=text(price, "nickname"),
            lookup_key=text(price, "lookup_key"),
            interval=_interval(price),
        )


def _number(role: str) -> int:
    return int(role.split(":")[1])


def _interval(price: Json) -> str:
    recurring = price.get("recurring")
    return text(recurring, "interval") if isinstance(recurring, Mapping) else ""
