"""One row for each entity set of Dynamics 365 Finance that Tieout writes.

Names, types and sizes are derived facts of the standard entities (the sizes are those of the
extended data types behind the columns). A new entity set is a row here.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/data-entities
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.domain.journal import JournalKind
from shared.targets.entity_set import EntitySet, PostedAs, entity_set

IS_POSTED = "IsPosted"  # of headers of journals, and of free text invoices
BATCH_NUMBER = "JournalBatchNumber"  # of journal lines and their headers
PAYMENT_ID = "PaymentId"  # of journal lines: holds their key
ENUMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: tuple(members.split())
        for name, members in {
            "NoYes": "No Yes",
            "LedgerJournalACType": (
                "Ledger Cust Vend Project FixedAssets Bank FixedAssets_RU Employee_RU RDeferrals "
                "RCash"
            ),
            "CustVendorBlocked": "No Invoice All Payment Requisition Never PurchOrder",
            "SettlementType": "None OpenTransact SelectedTransact",
            "EcoResProductType": "Item Service",
            "EcoResProductSubtype": "Product ProductMaster ProductVariant",
        }.items()
    }
)
"""The members of the enums that fields have, as Dynamics names them."""


ENTITY_SETS: tuple[EntitySet, ...] = (
    entity_set(
        "CustomersV3",
        enums=ENUMS,
        keys=("CustomerAccount",),
        sizes=(
            "OrganizationName:100 NameAlias:20 PartyType:20 PersonFirstName:25 "
            "PersonMiddleName:25 PersonLastName:25 TaxExemptNumber:20 SalesMemo:1000 "
            "CustomerGroupId:10 SalesCurrencyCode:3 PrimaryContactEmail:255 "
            "PrimaryContactPhone:255 PrimaryContactURL:255 PaymentTerms:10 PaymentMethod:10 "
            "SalesTaxGroup:10 LanguageId:7 AddressCountryRegionId:10 AddressDescription:60 "
            "AddressStreet:250 AddressCity:60 AddressState:10 AddressZipCode:10 "
            "DeliveryAddressCountryRegionId:10 DeliveryAddressDescription:60 "
            "DeliveryAddressStreet:250 DeliveryAddressCity:60 DeliveryAddressState:10 "
            "DeliveryAddressZipCode:10 DefaultDimensionDisplayValue:500"
        ),
        types={
            "NoYes": "IsExternallyMaintained IsSalesTaxIncludedInPrices",
            "CustVendorBlocked": "OnHoldStatus",
        },
        mandatory="OrganizationName CustomerGroupId SalesCurrencyCode",
        protected={
            "key": "CustomerAccount dataAreaId PartyNumber",
            "account": "InvoiceAccount IsOneTimeCustomer",
        },
    ),
    entity_set(
        "CustomerPaymentJournalLines",
        enums=ENUMS,
        keys=("JournalBatchNumber", "LineNumber"),
        journal=JournalKind.CUSTOMER_PAYMENT,
        header="CustomerPaymentJournalHeaders",
        line_number="LineNumber",
        date_field="TransactionDate",
        sizes=(
            "PaymentId:200 AccountDisplayValue:500 OffsetAccountDisplayValue:500 CurrencyCode:3 "
            "TransactionText:60 OffsetTransactionText:60 PaymentNotes:1000 PaymentReference:20 "
            "PaymentMethodName:10 PaymentSpecification:10 "
            "DefaultDimensionsForAccountDisplayValue:500 "
            "DefaultDimensionsForOffsetAccountDisplayValue:500 MarkedInvoice:20 OffsetCompany:4"
        ),
        types={
            "Decimal": "DebitAmount CreditAmount ExchangeRate",
            "Date": "TransactionDate",
            "LedgerJournalACType": "AccountType OffsetAccountType",
            "NoYes": "IsPrepayment",
            "SettlementType": "SettleVoucher",
        },
        mandatory=(
            "PaymentId AccountType AccountDisplayValue OffsetAccountType "
            "OffsetAccountDisplayValue CurrencyCode TransactionDate"
        ),
        protected={
            "key": "PaymentId dataAreaId JournalBatchNumber LineNumber Voucher",
            "amount": (
                "DebitAmount CreditAmount CurrencyCode ExchangeRate SecondaryExchangeRate "
                "ReportingCurrencyExchRate ReportingCurrencyExchRateSecondary"
            ),
            "account": (
                "AccountType AccountDisplayValue OffsetAccountType OffsetAccountDisplayValue "
                "Company OffsetCompany PostingProfile IsPrepayment"
            ),
            "date": "TransactionDate",
            "tax": (
                "TaxGroup TaxItemGroup OverrideSalesTax UseSalesTaxDirectionFromMainAccount "
                "CalculateWithholdingTax ItemWithholdingTaxGroup"
            ),
            "settlement": "MarkedInvoice MarkedInvoiceCompany SettleVoucher",
        },
    ),
    entity_set(
        "LedgerJournalLines",
        enums=ENUMS,
        keys=("JournalBatchNumber", "LineNumber"),
        journal=JournalKind.GENERAL,
        header="LedgerJournalHeaders",
        date_field="TransDate",
        sizes=(
            "PaymentId:200 AccountDisplayValue:500 OffsetAccountDisplayValue:500 CurrencyCode:3 "
            "Text:60 OffsetText:60 Document:20 Invoice:20 PaymentReference:20 PaymentMethod:10 "
            "DefaultDimensionDisplayValue:500 OffsetDefaultDimensionDisplayValue:500 "
            "OffsetCompany:4"
        ),
        types={
            "Decimal": "DebitAmount CreditAmount Quantity ExchRate",
            "Date": "TransDate DocumentDate DueDate",
            "LedgerJournalACType": "AccountType OffsetAccountType",
        },
        mandatory=(
            "PaymentId AccountType AccountDisplayValue OffsetAccountType "
            "OffsetAccountDisplayValue CurrencyCode TransDate"
        ),
        protected={
            "key": "PaymentId dataAreaId JournalBatchNumber LineNumber LineNum JournalNum Voucher",
            "amount": (
                "DebitAmount CreditAmount CurrencyCode ExchRate ExchRateSecond "
                "ReportingCurrencyExchRate ReportingCurrencyExchRateSecondary AmountCUR AmountMST"
            ),
            "account": (
                "AccountType AccountDisplayValue OffsetAccountType OffsetAccountDisplayValue "
                "Company OffsetCompany PostingProfile"
            ),
            "date": "TransDate ReverseEntry ReverseDate",
            "tax": (
                "SalesTaxGroup ItemSalesTaxGroup SalesTaxCode OverrideSalesTax "
                "IsWithholdingCalculationEnabled ItemWithholdingTaxGroupCode"
            ),
            "settlement": "Invoice DueDate",
        },
    ),
    entity_set(
        "SalesOrderHeadersV2",
        enums=ENUMS,
        keys=("SalesOrderNumber",),
        sizes=(
            "CustomersOrderReference:60 OrderingCustomerAccountNumber:20 "
            "InvoiceCustomerAccountNumber:20 CurrencyCode:3 SalesOrderName:60 "
            "CustomerPaymentMethodName:10 CustomerRequisitionNumber:20 SalesOrderOriginCode:10 "
            "Email:80 URL:255 CampaignId:20 PaymentTermsName:10 LanguageId:7 "
            "DefaultShippingSiteId:10 DefaultShippingWarehouseId:10 DeliveryModeCode:10 "
            "DeliveryTermsCode:10 DefaultLedgerDimensionDisplayValue:500 SalesTaxGroupCode:10"
        ),
        types={
            "NoYes": "IsSalesProcessingStopped ArePricesIncludingSalesTax SkipCreateAutoCharges",
            "Date": "RequestedShippingDate RequestedReceiptDate",
        },
        mandatory="OrderingCustomerAccountNumber CurrencyCode CustomersOrderReference",
        protected={
            "key": "CustomersOrderReference SalesOrderNumber dataAreaId",
            "account": "OrderingCustomerAccountNumber InvoiceCustomerAccountNumber",
            "amount": (
                "CurrencyCode ArePricesIncludingSalesTax FixedExchangeRate SkipCreateAutoCharges "
                "OrderTotalAmount OrderTotalTaxAmount OrderTotalDiscountAmount "
                "OrderTotalChargesAmount TotalDiscountPercentage"
            ),
            "release": "IsSalesProcessingStopped",
            "tax": "SalesTaxGroupCode",
            "settlement": "CustomerTransactionSettlementType",
        },
    ),
    entity_set(
        "SalesOrderLinesV3",
        enums=ENUMS,
        keys=("InventoryLotId",),
        sizes=(
            "SalesOrderNumber:20 ItemNumber:20 LineDescription:1000 ExternalItemNumber:20 "
            "SalesUnitSymbol:10 ShippingSiteId:10 ShippingWarehouseId:10 SalesTaxGroupCode:10 "
            "SalesTaxItemGroupCode:10 DefaultLedgerDimensionDisplayValue:500 "
            "SalesProductCategoryName:254"
        ),
        types={
            "Decimal": "OrderedSalesQuantity SalesPrice LineDiscountAmount CustomersLineNumber",
        },
        mandatory="CustomersLineNumber SalesOrderNumber ItemNumber OrderedSalesQuantity SalesPrice",
        protected={
            "key": "CustomersLineNumber SalesOrderNumber InventoryLotId dataAreaId LineNumber",
            "amount": (
                "OrderedSalesQuantity SalesPrice SalesPriceQuantity LineDiscountAmount "
                "LineDiscountPercentage MultilineDiscountAmount MultilineDiscountPercentage "
                "LineAmount CalculateLineAmount FixedPriceCharges CurrencyCode"
            ),
            "tax": "SalesTaxGroupCode SalesTaxItemGroupCode",
        },
    ),
    entity_set(
        "CDSFreeTextInvoiceHeaders",
        enums=ENUMS,
        keys=("ExternalInvoiceId",),
        sizes=(
            "ExternalInvoiceId:200 CustomerAccount:20 InvoiceAccount:20 CurrencyCode:3 "
            "CustomerReference:60 CustomerRequisition:20 InvoiceName:60 LanguageId:7 "
            "MethodOfPayment:10 TermsOfPayment:10"
        ),
        types={
            "Date": "InvoiceDate DocumentDate DueDate",
            "NoYes": "InclTax",
        },
        mandatory="ExternalInvoiceId CustomerAccount CurrencyCode InvoiceDate",
        protected={
            "key": "ExternalInvoiceId dataAreaId InvoiceId FreeTextNumber",
            "account": "CustomerAccount InvoiceAccount CustomerGroup",
            "amount": "CurrencyCode InclTax",
            "date": "InvoiceDate",
            "tax": "SalesTaxGroupId SalesTaxItemGroupId",
        },
    ),
    entity_set(
        "CDSFreeTextInvoiceLines",
        enums=ENUMS,
        keys=("ExternalInvoiceId", "LineNumber"),
        sizes=(
            "ExternalInvoiceId:200 Description:60 InvoiceText:1000 MainAccountDisplayValue:500 "
            "SalesTaxGroupId:10 SalesTaxItemGroupId:10"
        ),
        types={
            "Decimal": "Quantity UnitPrice TransactionCurrencyAmount LineNumber",
        },
        mandatory=(
            "ExternalInvoiceId LineNumber MainAccountDisplayValue UnitPrice Quantity "
            "TransactionCurrencyAmount"
        ),
        protected={
            "key": "ExternalInvoiceId LineNumber dataAreaId",
            "account": "MainAccountDisplayValue",
            "amount": "Quantity UnitPrice TransactionCurrencyAmount",
            "tax": "SalesTaxGroupId SalesTaxItemGroupId",
        },
    ),
    entity_set(
        "ReturnOrderHeadersV2",
        enums=ENUMS,
        keys=("ReturnOrderNumber",),
        sizes=(
            "CustomersOrderReference:60 CustomerAccountNumber:20 InvoiceCustomerAccountNumber:20 "
            "CurrencyCode:3 CustomerRequisitionNumber:20 CustomerReturnReasonCode:10 "
            "DefaultReturnSiteId:10 DefaultReturnWarehouseId:10 Email:80 LanguageId:7"
        ),
        types={
            "NoYes": "IsReturnProcessingStopped",
            "Date": "ReturnDeadline",
        },
        mandatory="CustomerAccountNumber CurrencyCode CustomersOrderReference",
        protected={
            "key": "CustomersOrderReference ReturnOrderNumber RMANumber dataAreaId",
            "account": "CustomerAccountNumber InvoiceCustomerAccountNumber",
            "amount": (
                "CurrencyCode OrderTotalAmount OrderTotalTaxAmount OrderTotalChargesAmount "
                "TotalDiscountAmount"
            ),
        },
    ),
    entity_set(
        "ReturnOrderLinesV2",
        enums=ENUMS,
        keys=("ReturnOrderNumber", "ReturnInventoryLotId"),
        sizes=(
            "ReturnOrderNumber:20 ExternalItemNumber:20 ItemNumber:20 LineDescription:1000 "
            "ReturnDispositionCode:10 ReturnSiteId:10 ReturnWarehouseId:10 SalesUnitSymbol:10"
        ),
        types={
            "Decimal": "ReturnSalesQuantity SalesPrice",
        },
        mandatory="ExternalItemNumber ReturnOrderNumber ItemNumber ReturnSalesQuantity SalesPrice",
        protected={
            "key": (
                "ExternalItemNumber ReturnOrderNumber ReturnInventoryLotId "
                "LineCreationSequenceNumber dataAreaId"
            ),
            "amount": (
                "ReturnSalesQuantity SalesPrice LineAmount TotalChargesAmount TotalDiscountAmount "
                "TotalTaxAmount"
            ),
        },
    ),
    entity_set(
        "ReleasedProductCreationsV2",
        enums=ENUMS,
        keys=("ItemNumber",),
        sizes=(
            "ItemNumber:20 ProductNumber:20 ProductName:60 ProductDescription:1000 "
            "ProductSearchName:20 SearchName:20 ProductGroupId:10 ItemModelGroupId:10 "
            "StorageDimensionGroupName:10 TrackingDimensionGroupName:10 InventoryUnitSymbol:10 "
            "SalesUnitSymbol:10 PurchaseUnitSymbol:10 BOMUnitSymbol:10 "
            "SalesSalesTaxItemGroupCode:10 PurchaseSalesTaxItemGroupCode:10"
        ),
        types={
            "EcoResProductType": "ProductType",
            "EcoResProductSubtype": "ProductSubType",
        },
        mandatory=(
            "ItemNumber ProductName ProductType ProductSubType ProductGroupId ItemModelGroupId "
            "StorageDimensionGroupName TrackingDimensionGroupName InventoryUnitSymbol"
        ),
        protected={
            "key": "ItemNumber ProductNumber dataAreaId",
        },
    ),
    entity_set(
        "ReleasedProductsV2",
        enums=ENUMS,
        keys=("ItemNumber",),
        sizes="ItemNumber:20 SearchName:20 ProductGroupId:10 ProductLifecycleStateId:20",
        types={
            "Date": "SellEndDate SellStartDate ShipStartDate",
        },
        protected={
            "key": "ItemNumber ProductNumber dataAreaId",
            "amount": "SalesPrice SalesPriceQuantity UnitCost PurchasePrice",
            "date": "SellEndDate",
        },
    ),
    entity_set(
        "OpenTradeAgreementJournalHeadersV2",
        enums=ENUMS,
        keys=("JournalNumber",),
        sizes="JournalNumber:20 JournalDescription:60 TradeAgreementJournalNameId:10",
        mandatory="JournalDescription TradeAgreementJournalNameId",
        protected={
            "key": "JournalNumber JournalDescription dataAreaId",
        },
    ),
    entity_set(
        "OpenSalesPriceJournalLinesV2",
        enums=ENUMS,
        keys=("TradeAgreementJournalNumber", "LineNumber"),
        posted_as=PostedAs(
            "SalesPriceAgreements",
            ("ItemNumber", "PriceCurrencyCode", "Price", "SalesPriceQuantity"),
        ),
        sizes=(
            "TradeAgreementJournalNumber:20 ItemNumber:20 PriceCurrencyCode:3 "
            "QuantityUnitSymbol:10 PriceSiteId:10 PriceWarehouseId:10"
        ),
        types={
            "Decimal": "LineNumber Price SalesPriceQuantity FromQuantity ToQuantity",
            "Date": "PriceApplicableFromDate PriceApplicableToDate",
            "Int32": "SalesLeadTimeDays",
            "NoYes": "WillSearchContinue",
        },
        mandatory=(
            "LineNumber TradeAgreementJournalNumber ItemNumber PriceCurrencyCode "
            "QuantityUnitSymbol Price"
        ),
        protected={
            "key": "TradeAgreementJournalNumber LineNumber dataAreaId",
            "amount": (
                "ItemNumber Price PriceCurrencyCode QuantityUnitSymbol SalesPriceQuantity "
                "FixedPriceCharges"
            ),
            "account": "CustomerAccountNumber PriceCustomerGroupCode",
        },
    ),
)
