"""One line of a sale, and what its lines are worth part by part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.domain.allotment import Part, PartShares, split
from shared.entities.common.sale_tax import LineTax, TaxKey

GOODS, SHIPPING, TAX, ROUNDING, SALE = "goods", "shipping", "tax", "rounding", "sale"
ROUNDING_NUMBER = 9_999  # of the rounding line: behind all others
AMOUNT_MAX = 10**12
QUANTITY_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class SaleLine:
    """A line of a sale. `worth` is what it brings after discount and without tax; `listed` what it
    would bring without discount; both in minor units.

    `taxes`: its tax by key, which stands on the tax lines of these keys. `tax`: of a tax line, the
    key; None where nobody told whose tax it is. Where Dynamics computes the tax, there are no tax
    lines: `worth` and `listed` hold it, and `tax_group` and `item_tax_group` are its sales tax
    groups. `account`: the main account of a tax line where it is not that of the role.
    """

    number: int
    kind: str
    worth: int
    quantity: int = 1
    listed: int = 0
    product: str = ""
    price: str = ""
    item: str = ""
    text: str = ""
    taxes: tuple[LineTax, ...] = ()
    tax: TaxKey | None = None
    tax_group: str = ""
    item_tax_group: str = ""
    account: str = ""

    @property
    def keys(self) -> tuple[TaxKey, ...]:
        """The keys of its taxes, or its own key."""
        own = (self.tax,) if self.tax is not None else ()
        return own or tuple(each.key for each in self.taxes)


def with_tax_lines(lines: Sequence[SaleLine]) -> list[SaleLine]:
    """The lines with a line behind them for each key of their taxes that comes to something."""
    amounts: dict[TaxKey, int] = {}
    for line in lines:
        for each in line.taxes:
            amounts[each.key] = amounts.get(each.key, 0) + each.amount
    found = list(lines)
    for key, amount in amounts.items():
        if amount:
            number, name = len(found) + 1, tax_text(key)
            found.append(SaleLine(number, TAX, amount, listed=amount, text=name, tax=key))
    return found


def with_tax_inside(lines: Sequence[SaleLine]) -> list[SaleLine]:
    """The lines at gross prices. A line with tax shows no discount: what that is with tax, nobody
    tells."""
    found = []
    for line in lines:
        tax = sum(each.amount for each in line.taxes)
        worth = line.worth + tax
        found.append(replace(line, worth=worth, listed=worth) if tax else line)
    return found


def tax_left(line: SaleLine, taken: int) -> int:
    """The tax in what refunds left of a line at a gross price, in minor units."""
    taxes = [each.amount for each in line.taxes]
    if not any(taxes):
        return 0
    return sum(split(line.worth - taken, [line.worth - sum(taxes), *taxes])[1:])


def tax_text(key: TaxKey) -> str:
    """What a tax line is called: `Tax DE vat 19 %`."""
    rate = f"{key.rate} %" if key.rate[:1].isdigit() else key.rate
    return " ".join(part for part in ("Tax", key.jurisdiction, key.type, rate) if part)


def parts_of(lines: Sequence[SaleLine]) -> PartShares:
    """What the lines are worth, part by part: each by itself, and on the tax lines the tax of each.

    Of a tax line that says not whose tax it is, all is its own.
    """
    on_line = {line.tax: line.number for line in lines if line.tax is not None}
    found: PartShares = {}
    for line in lines:
        if line.tax is not None:
            continue
        found[Part(line.number)] = line.worth
        for each in line.taxes:
            if each.amount and each.key in on_line:
                found[Part(on_line[each.key], line.number)] = each.amount
    return found


def with_parts(lines: Iterable[SaleLine], parts: PartShares) -> list[SaleLine]:
    """The lines, worth what the parts say, each with its share of its taxes."""
    known = list(lines)
    keys = {line.number: line.tax for line in known if line.tax is not None}
    worth: dict[int, int] = {}
    taxes: dict[int, list[LineTax]] = {}
    for part, amount in parts.items():
        worth[part.line] = worth.get(part.line, 0) + amount
        if part.line in keys:
            taxes.setdefault(part.of, []).append(LineTax(keys[part.line], amount))
    found = []
    for line in known:
        left = taxes.get(line.number, []) if keys else _inside(line, worth[line.number])
        zero = (each for each in line.taxes if not each.amount)
        found.append(replace(line, worth=worth[line.number], taxes=(*left, *zero)))
    return found


def _inside(line: SaleLine, worth: int) -> list[LineTax]:
    """The taxes inside a line at a gross price that is worth less than it was."""
    some = [each for each in line.taxes if each.amount]
    amounts = [each.amount for each in some]
    shares = split(worth, [line.worth - sum(amounts), *amounts])[1:]
    return [LineTax(each.key, share) for each, share in zip(some, shares, strict=True)]
