"""Financial dimensions: how display values are read, and what accounts demand.

A display value is read by the active format of the tenant: segments that are left out are blank,
further ones are dropped without a word. Values are checked when a record is written, combinations
when it is posted.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/financial/financial-dimension-configuration-integration
"""

from collections.abc import Iterator, Mapping
from typing import Any

from local.dynamics.odata import Fields, Infolog, RecordStore
from local.dynamics.tables.accounts import join, split

DIMENSIONS = ("BusinessUnit", "Department", "CostCenter")
MAIN_ACCOUNT = "MainAccount"
FORMATS = "DimensionIntegrationFormats"
DEFAULT, LEDGER = "DataEntityDefaultDimensionFormat", "DataEntityLedgerDimensionFormat"
STRUCTURE = "Demands"
BLANK_TOO = '*;""'  # any value, and none


def formats(delimiter: str) -> Iterator[tuple[str, Fields]]:
    """The formats of a fresh tenant, both active."""
    for kind, names in ((DEFAULT, DIMENSIONS), (LEDGER, (MAIN_ACCOUNT, *DIMENSIONS))):
        yield (
            FORMATS,
            {
                "DimensionFormatName": "Data entities",
                "DimensionFormatType": kind,
                "FinancialDimensionFormat": join(list(names), delimiter),
                "IsActive": "Yes",
            },
        )


def names_of(store: RecordStore, kind: str, delimiter: str) -> list[str]:
    """The segments of the one active format of a type. Raises `Infolog` where there is none."""
    found = [
        row.fields["FinancialDimensionFormat"]
        for row in store.table(FORMATS).values()
        if row.fields["DimensionFormatType"] == kind and row.fields["IsActive"] == "Yes"
    ]
    if len(found) != 1:
        raise Infolog("There is no active financial dimension format for data entities.")
    return split(found[0], delimiter)


def is_default(name: str) -> bool:
    """Whether a property holds default dimensions."""
    return "Default" in name and name.endswith("DisplayValue")


def normalized(store: RecordStore, display: str, delimiter: str) -> str:
    """Default dimensions as Dynamics shows them. Raises `Infolog` for an unknown value."""
    names = names_of(store, DEFAULT, delimiter)
    values = (split(display, delimiter) + [""] * len(names))[: len(names)]
    for name, value in zip(names, values, strict=True):
        known = _values(store, name)
        if value and known and known.get(value.casefold(), "Yes") == "Yes":
            raise Infolog(f"The value '{value}' of the financial dimension {name} is not valid.")
    return join(values, delimiter)


def _values(store: RecordStore, name: str) -> Mapping[str, str]:
    """Whether a value is suspended, by value; nothing: any value will do."""
    return {
        row.fields["DimensionValue"].casefold(): row.fields["IsSuspended"]
        for row in store.table("FinancialDimensionValues").values()
        if row.fields["FinancialDimension"] == name
    }


def demand(store: RecordStore, main_account: str, name: str, *, allow_blank: bool) -> None:
    """Let an account structure of every ledger demand a dimension for a main account, or let it be
    blank again."""
    structure = {"AccountStructureName": STRUCTURE, "Status": "Active"}
    names = (MAIN_ACCOUNT, *DIMENSIONS)
    if store.find("AccountStructures", STRUCTURE, "Active") is None:
        segments = {f"SegmentName{at:02}": each for at, each in enumerate(names, 1)}
        _insert(store, "AccountStructures", structure | segments)
        for row in list(store.table("Ledgers").values()):
            store.update(row, {"AccountStructureName1": STRUCTURE})
    criteria: dict[str, Any] = {
        f"SegmentCriteria{at:02}": "*" if each == name and not allow_blank else BLANK_TOO
        for at, each in enumerate(names, 1)
    }
    criteria["SegmentCriteria01"] = main_account
    found = [
        row
        for row in store.table("AccountStructureConstraints").values()
        if row.fields["SegmentCriteria01"] == main_account
    ]
    for row in found:
        store.update(row, criteria)
    if not found:
        place = len(store.table("AccountStructureConstraints")) + 1
        own = {"AccountStructure": STRUCTURE, "Status": "Active", "Position": place}
        _insert(store, "AccountStructureConstraints", own | criteria)


def _insert(store: RecordStore, name: str, fields: Mapping[str, Any]) -> None:
    entity_set = store.schema.set_of(name)
    store.insert(entity_set, {**entity_set.blank, **fields})


def check_combination(
    store: RecordStore, main_account: str, kind: str, values: list[str], delimiter: str
) -> None:
    """Refuse a combination that lacks a dimension which a structure demands. The text is ours: the
    words of Dynamics are not known."""
    rules = [
        row.fields
        for row in store.table("AccountStructureConstraints").values()
        if row.fields["SegmentCriteria01"] == main_account and row.fields["Status"] == "Active"
    ]
    if not rules:
        return
    names = [name for name in names_of(store, kind, delimiter) if name != MAIN_ACCOUNT]
    filled = {name for name, value in zip(names, values, strict=False) if value}
    for at, name in enumerate(DIMENSIONS, 2):
        demanded = all(rule[f"SegmentCriteria{at:02}"] == "*" for rule in rules)
        if demanded and name not in filled:
            raise Infolog(
                f"The account combination {main_account} is not valid: the account structure "
                f"{STRUCTURE} demands a value for {name}."
            )
