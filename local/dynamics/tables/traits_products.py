"""Traits of products and prices, and of the set-up that orders refer to."""

from collections.abc import Mapping

from local.dynamics.tables.trait import Trait

_UNITS = ("InventoryUnitSymbol", "SalesUnitSymbol", "PurchaseUnitSymbol", "BOMUnitSymbol")
_NUMBER_SIZES = {
    "ProductNumber": 20,  # EDT EcoResProductNumber of AX 2012
    "ProductSearchName": 20,
    "StorageDimensionGroupName": 10,
    "TrackingDimensionGroupName": 10,
}
_NAME_SIZES = {"ProductName": 60, "ProductDescription": 1000}  # EDT EcoResProductName
_ITEM_SIZES = {
    "ItemNumber": 20,
    "SearchName": 20,
    "ProductGroupId": 10,
    "ItemModelGroupId": 10,
    "SalesSalesTaxItemGroupCode": 10,
    **dict.fromkeys(_UNITS, 10),
}
_PRODUCT_RELATED = {
    "ProductGroupId": "ProductGroups",
    "TrackingDimensionGroupName": "TrackingDimensionGroups",
    "SalesSalesTaxItemGroupCode": "TaxItemGroups",
    **dict.fromkeys(_UNITS, "UnitsOfMeasure"),
}
_PRODUCT_CAPTIONS = {
    "ItemNumber": "Item number",
    "ProductNumber": "Product number",
    "ProductName": "Product name",
    "ProductType": "Product type",
    "ProductGroupId": "Item group",
    "ItemModelGroupId": "Item model group",
    "StorageDimensionGroupName": "Storage dimension group",
    "TrackingDimensionGroupName": "Tracking dimension group",
    "InventoryUnitSymbol": "Inventory unit",
    "SalesUnitSymbol": "Sales unit",
    "PurchaseUnitSymbol": "Purchase unit",
}

PRODUCT_TRAITS: Mapping[str, Trait] = {
    "ReleasedProductCreationsV2": Trait(
        "Released products",
        "InventTable",
        mandatory=(
            "ProductName",
            "ProductType",
            "ProductGroupId",
            "ItemModelGroupId",
            "StorageDimensionGroupName",
            "TrackingDimensionGroupName",
            "InventoryUnitSymbol",
        ),
        sizes=_NUMBER_SIZES | _NAME_SIZES | _ITEM_SIZES,
        related=_PRODUCT_RELATED,
        captions=_PRODUCT_CAPTIONS,
    ),
    "ReleasedProductsV2": Trait(
        "Released products",
        "InventTable",
        fixed=(
            "ProductNumber",
            "ProductType",
            "ProductSubType",
            "StorageDimensionGroupName",
            "TrackingDimensionGroupName",
            "InventoryUnitSymbol",
        ),
        sizes=_NUMBER_SIZES | _ITEM_SIZES,
        related=_PRODUCT_RELATED,
        captions=_PRODUCT_CAPTIONS,
    ),
    "ProductsV2": Trait(
        "Products",
        "EcoResProduct",
        fixed=("ProductType", "ProductSubType"),
        sizes=_NUMBER_SIZES | _NAME_SIZES,
        captions=_PRODUCT_CAPTIONS,
    ),
    "OpenTradeAgreementJournalHeadersV2": Trait(
        "Price/discount journal",
        "PriceDiscAdmTable",
        mandatory=("TradeAgreementJournalNameId",),
        fixed=("TradeAgreementJournalNameId", "DefaultTradeAgreementType"),
        sizes={
            "JournalNumber": 20,
            "JournalDescription": 60,
            "TradeAgreementJournalNameId": 10,
        },
        related={"TradeAgreementJournalNameId": "TradeAgreementJournalNames"},
        captions={
            "JournalNumber": "Journal number",
            "TradeAgreementJournalNameId": "Name",
        },
    ),
    "OpenSalesPriceJournalLinesV2": Trait(
        "Price/discount journal lines",
        "PriceDiscAdmTrans",
        mandatory=(
            "TradeAgreementJournalNumber",
            "ItemNumber",
            "PriceCurrencyCode",
            "QuantityUnitSymbol",
            "Price",
        ),
        assigned=("ProcessingLog",),
        sizes={
            "TradeAgreementJournalNumber": 20,
            "ItemNumber": 20,
            "PriceCurrencyCode": 3,
            "QuantityUnitSymbol": 10,
            "CustomerAccountNumber": 20,
        },
        related={
            "ItemNumber": "ReleasedProductsV2",
            "PriceCurrencyCode": "Currencies",
            "QuantityUnitSymbol": "UnitsOfMeasure",
            "CustomerAccountNumber": "CustomersV3",
            "PriceWarehouseId": "Warehouses",
        },
        captions={
            "TradeAgreementJournalNumber": "Journal number",
            "LineNumber": "Line number",
            "ItemNumber": "Item number",
            "PriceCurrencyCode": "Currency",
            "QuantityUnitSymbol": "Unit",
            "CustomerAccountNumber": "Customer account",
        },
    ),
    "SalesPriceAgreements": Trait("Trade agreements", "PriceDiscTable", immutable=True),
    "ProductGroups": Trait("Item groups", "InventItemGroup", writable=False),
    "TrackingDimensionGroups": Trait(
        "Tracking dimension groups", "EcoResTrackingDimensionGroup", writable=False
    ),
    "UnitsOfMeasure": Trait("Units", "UnitOfMeasure", writable=False),
    "ReturnDispositionCodes": Trait("Disposition codes", "ReturnDispositionCode", writable=False),
    "TradeAgreementJournalNames": Trait(
        "Trade agreement journal names", "PriceDiscAdmName", writable=False
    ),
    "Warehouses": Trait("Warehouses", "InventLocation", writable=False),
}
