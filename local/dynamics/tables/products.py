"""Products: shared by all companies (`ProductsV2`), released in one (`ReleasedProductsV2`).

`ReleasedProductCreationsV2` makes both with one POST.
https://learn.microsoft.com/dynamics365/supply-chain/pim/tasks/create-product
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, override

from local.dynamics.odata import Fields, Infolog, RecordStore, StoredRow, unsupported
from local.dynamics.tables.rules import Hooks

CREATIONS, PRODUCTS, RELEASED = "ReleasedProductCreationsV2", "ProductsV2", "ReleasedProductsV2"
SEARCH_NAME_CHARS = 20
DISTINCT = "Product"
ONE = Decimal(1)


class CreationHooks(Hooks):
    """Hooks of `ReleasedProductCreationsV2`. The groups are set-up that no entity set shows."""

    def __init__(
        self, store: RecordStore, model_groups: tuple[str, ...], storage_groups: tuple[str, ...]
    ) -> None:
        self._store = store
        self._groups = {
            "ItemModelGroupId": ("Item model group", model_groups),
            "StorageDimensionGroupName": ("Storage dimension group", storage_groups),
        }

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        number = fields["ItemNumber"] or fields["ProductNumber"]
        if not number:
            raise Infolog("Field 'Item number' must be filled in.")
        fields["ItemNumber"] = number
        fields["ProductNumber"] = fields["ProductNumber"] or number
        if fields["ProductSubType"] != DISTINCT:
            raise unsupported(f"Product subtype {fields['ProductSubType']}")
        for name, (caption, known) in self._groups.items():
            if fields[name] not in known:
                raise Infolog(
                    f"The value '{fields[name]}' in field '{caption}' is not found in the related "
                    f"table '{caption}s'.",
                    f"validateField failed on field '{name}'.",
                )
        search = fields["ProductName"][:SEARCH_NAME_CHARS]
        for name in ("ProductSearchName", "SearchName"):
            fields[name] = fields[name] or search
        for name in ("SalesUnitSymbol", "PurchaseUnitSymbol", "BOMUnitSymbol"):
            fields[name] = fields[name] or fields["InventoryUnitSymbol"]
        self._same_product(fields)

    def _same_product(self, fields: Fields) -> None:
        """A product that another company released already is released here too."""
        product = self._store.find(PRODUCTS, fields["ProductNumber"])
        if product is None:
            return
        for name in ("ProductType", "ProductSubType"):
            if product.fields[name] != fields[name]:
                raise Infolog(
                    f"Product {fields['ProductNumber']} exists already with {name} "
                    f"{product.fields[name]}."
                )

    @override
    def created(self, row: StoredRow) -> None:
        release(self._store, row.fields)

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        raise unsupported(f"Changing {CREATIONS}")

    @override
    def on_remove(self, row: StoredRow) -> None:
        raise unsupported(f"Deleting {CREATIONS}")


def release(store: RecordStore, creation: Fields) -> None:
    """Make the product, unless it exists, and its release in the company."""
    products, released = store.schema.set_of(PRODUCTS), store.schema.set_of(RELEASED)
    if store.find(PRODUCTS, creation["ProductNumber"]) is None:
        store.insert(products, {**products.blank, **_common(products.properties, creation)})
    store.insert(
        released,
        {
            **released.blank,
            **_common(released.properties, creation),
            "SalesPriceQuantity": ONE,
            "PurchasePriceQuantity": ONE,
            "UnitCostQuantity": ONE,
        },
    )


def _common(properties: Mapping[str, str], fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name in properties}


class ProductHooks(Hooks):
    """Hooks of the two sets that show products: names, prices and groups may change."""

    def __init__(self, entity_set: str) -> None:
        self._set = entity_set

    @override
    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        raise unsupported(f"Creating {self._set}, other than by {CREATIONS},")

    @override
    def on_change(self, row: StoredRow, changes: Fields) -> None:
        if changes.get("ProductName") == "":
            raise Infolog("Field 'Product name' must be filled in.")
        if changes.get("SalesPrice", 0) < 0:
            raise Infolog("Negative prices are not allowed.")

    @override
    def on_remove(self, row: StoredRow) -> None:
        raise unsupported(f"Deleting {self._set}")
