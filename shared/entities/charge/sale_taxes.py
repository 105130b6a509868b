"""What the tables of the mapping say of the tax keys of a sale: decided once, with the order.

Where Dynamics computes the tax, each line needs its sales tax group and its item sales tax group:
together they name the tax code, and they win over the groups of the customer and of the item.
"""

from collections.abc import Sequence
from dataclasses import replace

from shared.entities.common.objects import Context
from shared.entities.common.sale_line import ROUNDING, TAX, SaleLine
from shared.entities.common.sale_tax import TaxKey, told
from shared.errors import Parked

GROUPS, ITEM_GROUPS = "sales_tax_groups", "item_sales_tax_groups"
NOTHING_TOLD = (TaxKey(),)


def with_tables(
    lines: Sequence[SaleLine], charge: str, context: Context, *, codes: bool
) -> tuple[SaleLine, ...]:
    """The lines with what the tables give their tax keys. `codes`: Dynamics computes the tax.

    Raises `Parked` for a key without sales tax groups.
    """
    if codes:
        return tuple(_with_groups(line, charge, context) for line in lines)
    return tuple(_with_item(line, context) for line in lines)


def _with_groups(line: SaleLine, charge: str, context: Context) -> SaleLine:
    if line.kind == ROUNDING:
        return line
    key = told(line.keys or NOTHING_TOLD).key
    tables = {GROUPS: context.tax.groups, ITEM_GROUPS: context.tax.item_groups}
    missing = [name for name, rows in tables.items() if not rows.get(key)]
    if missing:
        raise Parked(
            "tax_code_missing",
            f"line {line.number} of charge {charge} has the tax key {key}, which has no row in "
            f"{' and '.join(missing)}",
            "Add the key to these tables with the groups that lead to its tax code, publish, then "
            "retry.",
        )
    return replace(
        line, tax_group=context.tax.groups[key], item_tax_group=context.tax.item_groups[key]
    )


def _with_item(line: SaleLine, context: Context) -> SaleLine:
    if line.kind != TAX or line.tax is None:
        return line
    key = line.tax.text
    item = context.tax.items.get(key, line.item)
    return replace(line, item=item, account=context.tax.accounts.get(key, ""))
