"""Sales tax: what a sales tax group and an item sales tax group make of the amounts of lines.

A line is taxed by the codes that both groups share; without both there is no tax, silently. Rates
are set-up that no entity set of this peer shows.
https://learn.microsoft.com/dynamics365/finance/general-ledger/indirect-taxes-overview
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.dynamics.odata import StoredRow
from local.dynamics.tables.books import HUNDRED, TenantBooks

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class TaxableLine:
    """An amount with its sales tax groups; empty where it has none."""

    amount: Decimal
    group: str
    item_group: str


@dataclass(frozen=True, slots=True)
class SalesTax:
    """The tax of some lines: of each, and in whole. `within`: whether their amounts hold it."""

    of_lines: tuple[Decimal, ...]
    within: bool

    @property
    def total(self) -> Decimal:
        """All of it."""
        return sum(self.of_lines, NOTHING)

    @property
    def on_top(self) -> Decimal:
        """What it adds to the amounts of the lines."""
        return NOTHING if self.within else self.total


def tax_on(
    books: TenantBooks, company: str, currency: str, lines: Iterable[TaxableLine], *, within: bool
) -> SalesTax:
    """The tax of lines, rounded as `DynamicsSettings.tax_rounding` says: for each line, or once for
    all lines of a code; then the last of these lines takes the difference."""
    known = list(lines)
    exact: dict[str, dict[int, Decimal]] = {}
    for index, line in enumerate(known):
        codes = codes_of(books, company, line.group, line.item_group)
        whole = sum((books.tax_rates[code] for code in codes), NOTHING)
        base = line.amount * HUNDRED / (HUNDRED + whole) if within else line.amount
        for code in codes:
            exact.setdefault(code, {})[index] = base * books.tax_rates[code] / HUNDRED
    found = [NOTHING] * len(known)
    for amounts in exact.values():
        rounded = {index: books.rounded(tax, currency) for index, tax in amounts.items()}
        if books.settings.tax_rounding == "total":
            whole = books.rounded(sum(amounts.values(), NOTHING), currency)
            rounded[max(rounded)] += whole - sum(rounded.values(), NOTHING)
        for index, tax in rounded.items():
            found[index] += tax
    return SalesTax(tuple(found), within)


def codes_of(books: TenantBooks, company: str, group: str, item_group: str) -> Sequence[str]:
    """The tax codes that both groups share."""
    if not group or not item_group:
        return ()
    ours = {str(row.fields["TaxCodeId"]): None for row in _rows(books, company, group)}
    rows = books.store.group("TaxItemGroups", company, item_group).values()
    return [code for row in rows if (code := str(row.fields["TaxCodeId"])) in ours]


def _rows(books: TenantBooks, company: str, group: str) -> Iterable[StoredRow]:
    return books.store.group("TaxGroupDatas", company, group).values()
