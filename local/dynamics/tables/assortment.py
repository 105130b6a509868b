"""The master data of a fresh tenant that orders refer to: products, units, groups, codes."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from local.dynamics.odata import COMPANY, RecordStore
from local.dynamics.tables.products import CREATIONS, release

type Record = tuple[str, dict[str, Any]]


def shared_setup(data: Mapping[str, Any]) -> Iterator[Record]:
    """What all companies share."""
    for unit, title in data["units"]:
        yield "UnitsOfMeasure", {"UnitSymbol": unit, "UnitDescription": title}
    for group in data["tracking_groups"]:
        yield "TrackingDimensionGroups", {"GroupName": group}


def company_setup(company: str, data: Mapping[str, Any]) -> Iterator[Record]:
    """What each company has of its own, products apart."""
    for group, title, _, _ in data["product_groups"]:
        yield "ProductGroups", {COMPANY: company, "GroupId": group, "GroupName": title}
    for code, title, action in data["disposition_codes"]:
        fields = {COMPANY: company, "DispositionCode": code, "DispositionAction": action}
        yield "ReturnDispositionCodes", fields | {"DispositionDescription": title}
    for name, title in data["trade_agreement_journal_names"]:
        fields = {COMPANY: company, "TradeAgreementJournalNameId": name}
        fields |= {"DefaultTradeAgreementType": "PriceSales", "DefaultJournalDescription": title}
        yield "TradeAgreementJournalNames", fields
    for group, codes in data["sales_tax_groups"].items():
        yield "TaxGroups", {COMPANY: company, "TaxGroupCode": group, "Description": group}
        for code in codes:
            yield "TaxGroupDatas", {COMPANY: company, "TaxGroupId": group, "TaxCodeId": code}
    for group, codes in data["item_sales_tax_groups"].items():
        for code in codes:
            yield "TaxItemGroups", {COMPANY: company, "TaxItemGroupCode": group, "TaxCodeId": code}
    for code, rate in data["tax_codes"].items():
        fields = {COMPANY: company, "TaxCodeId": code, "Value": Decimal(rate)}
        yield "TaxCodeValuesV2", fields
    for warehouse, title, site in data["warehouses"]:
        fields = {COMPANY: company, "WarehouseId": warehouse, "WarehouseName": title}
        yield "Warehouses", fields | {"OperationalSiteId": site}


def release_items(store: RecordStore, company: str, data: Mapping[str, Any]) -> None:
    """Create the products and release them in a company."""
    creations = store.schema.set_of(CREATIONS)
    for number, title, kind, group, unit in data["items"]:
        stocked = kind == "Item"
        fields = {
            **creations.blank,
            COMPANY: company,
            "ItemNumber": number,
            "ProductNumber": number,
            "ProductName": title,
            "ProductSearchName": title[:20],
            "SearchName": title[:20],
            "ProductType": kind,
            "ProductSubType": "Product",
            "ProductGroupId": group,
            "ItemModelGroupId": data["model_groups"][0 if stocked else 1],
            "StorageDimensionGroupName": data["storage_groups"][0 if stocked else 1],
            "TrackingDimensionGroupName": data["tracking_groups"][0],
            **dict.fromkeys(("InventoryUnitSymbol", "SalesUnitSymbol"), unit),
            **dict.fromkeys(("PurchaseUnitSymbol", "BOMUnitSymbol"), unit),
        }
        store.insert(creations, fields)
        release(store, fields)
