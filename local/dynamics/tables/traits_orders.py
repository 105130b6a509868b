"""Traits of orders, returns and invoices."""

from collections.abc import Mapping

from local.dynamics.tables.trait import Trait

_ADDRESS_SIZES = {
    "AddressName": 60,
    "AddressStreet": 250,
    "AddressCity": 60,
    "AddressStateId": 10,
    "AddressZipCode": 10,
    "AddressCountryRegionId": 10,
}
_ORDER_SIZES = {
    "CustomersOrderReference": 60,  # EDT CustRef
    "CustomerRequisitionNumber": 20,  # EDT CustPurchaseOrder
    "CurrencyCode": 3,
    "LanguageId": 7,
    "Email": 255,
    "InvoiceCustomerAccountNumber": 20,
}
_ORDER_RELATED = {
    "CurrencyCode": "Currencies",
    "InvoiceCustomerAccountNumber": "CustomersV3",
}
_ORDER_CAPTIONS = {
    "CurrencyCode": "Currency",
    "CustomersOrderReference": "Customer reference",
    "CustomerRequisitionNumber": "Customer requisition",
    "InvoiceCustomerAccountNumber": "Invoice account",
}
_ITEM_CAPTIONS = {
    "ItemNumber": "Item number",
    "SalesUnitSymbol": "Unit",
    "LineAmount": "Net amount",
    "LineCreationSequenceNumber": "Line creation sequence number",
}

ORDER_TRAITS: Mapping[str, Trait] = {
    "SalesOrderHeadersV2": Trait(
        "Sales orders",
        "SalesTable",
        mandatory=("OrderingCustomerAccountNumber", "CurrencyCode"),
        assigned=(
            "SalesOrderStatus",
            "SalesOrderProcessingStatus",
            "OrderTotalAmount",
            "OrderTotalTaxAmount",
            "OrderTotalDiscountAmount",
            "OrderTotalChargesAmount",
            "OrderHeaderTaxAmount",
            "OrderCreationDateTime",
            "AreTotalsCalculated",
        ),
        fixed=("OrderingCustomerAccountNumber", "CurrencyCode"),
        sizes=_ORDER_SIZES
        | {f"Delivery{name}": size for name, size in _ADDRESS_SIZES.items()}
        | {
            "SalesOrderNumber": 20,
            "SalesOrderName": 60,
            "OrderingCustomerAccountNumber": 20,
            "CustomerPaymentMethodName": 10,
            "PaymentTermsName": 10,
            "SalesOrderOriginCode": 10,
            "SalesTaxGroupCode": 10,
            "DefaultShippingSiteId": 10,
            "DefaultShippingWarehouseId": 10,
            "URL": 255,
        },
        related=_ORDER_RELATED
        | {
            "OrderingCustomerAccountNumber": "CustomersV3",
            "CustomerPaymentMethodName": "CustomerPaymentMethods",
            "PaymentTermsName": "PaymentTerms",
            "SalesTaxGroupCode": "TaxGroups",
            "DefaultShippingWarehouseId": "Warehouses",
        },
        captions=_ORDER_CAPTIONS
        | {
            "SalesOrderNumber": "Sales order",
            "OrderingCustomerAccountNumber": "Customer account",
            "CustomerPaymentMethodName": "Method of payment",
            "PaymentTermsName": "Terms of payment",
            "SalesOrderStatus": "Status",
            "OrderTotalAmount": "Total",
        },
    ),
    "SalesOrderLinesV3": Trait(
        "Order lines",
        "SalesLine",
        mandatory=("SalesOrderNumber", "ItemNumber"),
        assigned=(
            "InventoryLotId",
            "LineNumber",
            "LineCreationSequenceNumber",
            "LineAmount",
            "CurrencyCode",
            "SalesOrderLineStatus",
        ),
        fixed=("SalesOrderNumber", "ItemNumber"),
        sizes={
            "SalesOrderNumber": 20,
            "ItemNumber": 20,
            "LineDescription": 1000,
            "ExternalItemNumber": 20,  # EDT ExternalItemId
            "SalesUnitSymbol": 10,
            "SalesTaxGroupCode": 10,
            "SalesTaxItemGroupCode": 10,
            "ShippingSiteId": 10,
            "ShippingWarehouseId": 10,
        },
        related={
            "ItemNumber": "ReleasedProductsV2",
            "SalesUnitSymbol": "UnitsOfMeasure",
            "SalesTaxGroupCode": "TaxGroups",
            "SalesTaxItemGroupCode": "TaxItemGroups",
            "ShippingWarehouseId": "Warehouses",
        },
        captions=_ITEM_CAPTIONS
        | {
            "SalesOrderNumber": "Sales order",
            "InventoryLotId": "Lot ID",
            "LineNumber": "Line number",
            "SalesOrderLineStatus": "Line status",
        },
    ),
    "ReturnOrderHeadersV2": Trait(
        "Return orders",
        "SalesTable",
        mandatory=("CustomerAccountNumber", "CurrencyCode"),
        assigned=(
            "RMANumber",
            "ReturnStatus",
            "ReturnOrderStatus",
            "OrderTotalAmount",
            "OrderTotalTaxAmount",
            "OrderTotalChargesAmount",
        ),
        fixed=("CustomerAccountNumber", "CurrencyCode"),
        sizes=_ORDER_SIZES
        | {f"Return{name}": size for name, size in _ADDRESS_SIZES.items()}
        | {
            "ReturnOrderNumber": 20,
            "CustomerAccountNumber": 20,
            "CustomerReturnReasonCode": 10,
            "DefaultReturnSiteId": 10,
            "DefaultReturnWarehouseId": 10,
        },
        related=_ORDER_RELATED
        | {"CustomerAccountNumber": "CustomersV3", "DefaultReturnWarehouseId": "Warehouses"},
        captions=_ORDER_CAPTIONS
        | {
            "ReturnOrderNumber": "Return order",
            "CustomerAccountNumber": "Customer account",
            "RMANumber": "RMA number",
        },
    ),
    "ReturnOrderLinesV2": Trait(
        "Return order lines",
        "SalesLine",
        mandatory=("ReturnOrderNumber", "ItemNumber", "ReturnSalesQuantity"),
        assigned=(
            "ReturnInventoryLotId",
            "LineCreationSequenceNumber",
            "LineAmount",
            "ReturnStatus",
            "RMANumber",
            "CustomerAccountNumber",
            "InvoiceCustomerAccountNumber",
        ),
        fixed=("ItemNumber",),
        sizes={
            "ReturnOrderNumber": 20,
            "ItemNumber": 20,
            "LineDescription": 1000,
            "SalesUnitSymbol": 10,
            "ReturnDispositionCode": 10,
            "ReturnSiteId": 10,
            "ReturnWarehouseId": 10,
        },
        related={
            "ItemNumber": "ReleasedProductsV2",
            "SalesUnitSymbol": "UnitsOfMeasure",
            "ReturnDispositionCode": "ReturnDispositionCodes",
            "ReturnWarehouseId": "Warehouses",
        },
        captions=_ITEM_CAPTIONS
        | {
            "ReturnOrderNumber": "Return order",
            "ReturnInventoryLotId": "Lot ID",
            "ReturnDispositionCode": "Disposition code",
            "ReturnSalesQuantity": "Quantity",
        },
    ),
}

INVOICE_TRAITS: Mapping[str, Trait] = {
    "SalesInvoiceHeadersV2": Trait("Customer invoice journal", "CustInvoiceJour", immutable=True),
    "CDSFreeTextInvoiceHeaders": Trait(
        "Customer free text invoice",
        "CustInvoiceTable",
        mandatory=("ExternalInvoiceId", "CustomerAccount", "CurrencyCode"),
        assigned=("IsPosted", "InvoiceId", "FreeTextNumber", "IsPostedViaIntercompany"),
        sizes={
            "CustomerAccount": 20,
            "InvoiceAccount": 20,
            "CurrencyCode": 3,
            "CustomerReference": 60,  # EDT CustRef
            "CustomerRequisition": 20,  # EDT CustPurchaseOrder
            "TermsOfPayment": 10,
            "MethodOfPayment": 10,
            "LanguageId": 7,
            "SalesTaxGroupId": 10,
            "SalesTaxItemGroupId": 10,
        },
        related={
            "CustomerAccount": "CustomersV3",
            "InvoiceAccount": "CustomersV3",
            "CurrencyCode": "Currencies",
            "TermsOfPayment": "PaymentTerms",
            "MethodOfPayment": "CustomerPaymentMethods",
            "SalesTaxGroupId": "TaxGroups",
            "SalesTaxItemGroupId": "TaxItemGroups",
        },
        captions={
            "ExternalInvoiceId": "External invoice ID",
            "CustomerAccount": "Customer account",
            "InvoiceAccount": "Invoice account",
            "CurrencyCode": "Currency",
            "CustomerReference": "Customer reference",
            "TermsOfPayment": "Terms of payment",
            "MethodOfPayment": "Method of payment",
            "IsPosted": "Posted",
            "InvoiceId": "Invoice",
            "FreeTextNumber": "Free text invoice",
        },
    ),
    "FreeTextInvoiceHeaders": Trait(
        "Customer free text invoice",
        "CustInvoiceTable",
        sizes={"BillingClassification": 15},
        captions={"BillingClassification": "Billing classification"},
    ),
    "CDSFreeTextInvoiceLines": Trait(
        "Customer free text invoice lines",
        "CustInvoiceLine",
        mandatory=("ExternalInvoiceId", "MainAccountDisplayValue"),
        sizes={"SalesTaxGroupId": 10, "SalesTaxItemGroupId": 10},
        related={"SalesTaxGroupId": "TaxGroups", "SalesTaxItemGroupId": "TaxItemGroups"},
        captions={
            "ExternalInvoiceId": "External invoice ID",
            "LineNumber": "Line number",
            "MainAccountDisplayValue": "Main account",
        },
    ),
}
