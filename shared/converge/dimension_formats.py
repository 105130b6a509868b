"""The formats by which Dynamics reads display values: names of dimensions, in order.

The formats are the tenant's, not a company's, and of each type one is active.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/financial/financial-dimension-configuration-integration
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from shared.ports import DynamicsGateway, Lookup
from shared.targets.entity_set import DEFAULT_FORMAT, LEDGER_FORMAT
from shared.targets.finance.display_values import segments_of

FORMATS = "DimensionIntegrationFormats"
TYPES: Mapping[str, str] = MappingProxyType(
    {
        "DataEntityDefaultDimensionFormat": DEFAULT_FORMAT,
        "DataEntityLedgerDimensionFormat": LEDGER_FORMAT,
    }
)
MAIN_ACCOUNT = "MainAccount"
WHERE = (
    "General ledger > Chart of accounts > Dimensions > Financial dimension configuration for "
    "integrating applications"
)

type Formats = Mapping[str, tuple[str, ...]]
"""The names of dimensions of the active format, by type; none where no format is active."""


async def active_formats(dynamics: DynamicsGateway, delimiter: str) -> Formats:
    """The active formats. Raises the port's errors."""
    select = ("DimensionFormatType", "FinancialDimensionFormat", "IsActive")
    rows = await dynamics.find(Lookup(FORMATS, "", select=select))
    return {
        TYPES[str(row["DimensionFormatType"])]: tuple(
            segments_of(str(row["FinancialDimensionFormat"]), delimiter)
        )
        for row in rows
        if row["IsActive"] == "Yes" and str(row["DimensionFormatType"]) in TYPES
    }


def is_main_account(name: str) -> bool:
    """Whether a segment of a format is the main account."""
    return name.casefold() == MAIN_ACCOUNT.casefold()


def objection(names: Sequence[str], kind: str, formats: Formats) -> str:
    """What speaks against dimensions in this order; empty where the active format has them so."""
    found = formats.get(kind, ())
    what = "of ledger accounts" if kind == LEDGER_FORMAT else "of default dimensions"
    if not found:
        return f"Dynamics has no active format {what}; activate one ({WHERE})"
    has = ", ".join(found)
    if kind == LEDGER_FORMAT:
        if not is_main_account(found[0]):
            return f"the active format {what} has {has}; Tieout needs {MAIN_ACCOUNT} first in it"
        found = found[1:]
    wanted = [name.casefold() for name in names]
    if wanted == [name.casefold() for name in found[: len(wanted)]]:
        return ""
    return (
        f"the dimensions are {', '.join(names)}, but the active format {what} in Dynamics has "
        f"{has}: name its dimensions in this order, up to the last one that you fill"
    )
