"""What F&O's metadata annotates and its tables demand, for the sets this peer lets be written.

A set that is not here may be read (it is empty, or filled by jobs) and refuses writes as not
supported. Sizes follow the extended data types; a property without one is not limited by this
peer.
"""

from collections.abc import Mapping

from local.dynamics.tables.trait import COMPANY_CHARS, Trait
from local.dynamics.tables.traits_orders import INVOICE_TRAITS, ORDER_TRAITS
from local.dynamics.tables.traits_products import PRODUCT_TRAITS
from local.dynamics.tables.traits_vendors import VENDOR_TRAITS

_HEADER_SIZES = {"JournalBatchNumber": 20, "JournalName": 10, "Description": 60}
_LINE_SIZES = {
    "JournalBatchNumber": 20,
    "CurrencyCode": 3,
    "PaymentId": 200,
    "PaymentReference": 20,
    "PostingProfile": 10,
    "Voucher": 20,
    "Company": COMPANY_CHARS,
    "OffsetCompany": COMPANY_CHARS,
}
_HEADER_CAPTIONS = {
    "JournalName": "Name",
    "JournalBatchNumber": "Journal batch number",
    "IsPosted": "Posted",
}
_LINE_CAPTIONS = {
    "JournalBatchNumber": "Journal batch number",
    "LineNumber": "Line number",
    "CurrencyCode": "Currency",
    "AccountDisplayValue": "Account",
    "OffsetAccountDisplayValue": "Offset account",
}

TRAITS: Mapping[str, Trait] = {
    **ORDER_TRAITS,
    **INVOICE_TRAITS,
    **PRODUCT_TRAITS,
    **VENDOR_TRAITS,
    "CustomersV3": Trait(
        "Customers",
        "CustTable",
        mandatory=("CustomerGroupId", "SalesCurrencyCode"),
        assigned=("FullPrimaryAddress",),
        fixed=("PartyType",),
        sizes={
            "CustomerAccount": 20,
            "CustomerGroupId": 10,
            "OrganizationName": 100,
            "PersonFirstName": 25,
            "PersonMiddleName": 25,
            "PersonLastName": 25,
            "NameAlias": 20,
            "SalesCurrencyCode": 3,
            "InvoiceAccount": 20,
            "PaymentTerms": 10,
            "PaymentMethod": 10,
            "SalesTaxGroup": 10,
            "TaxExemptNumber": 20,
            "LanguageId": 7,
            "PrimaryContactEmail": 255,
            "PrimaryContactPhone": 255,
            "PrimaryContactURL": 255,
            "AddressDescription": 60,
            "AddressStreet": 250,
            "AddressCity": 60,
            "AddressState": 10,
            "AddressZipCode": 10,
            "AddressCountryRegionId": 10,
            "AddressCountryRegionISOCode": 2,
            "StripeCustomerId_Custom": 255,
        },
        related={
            "CustomerGroupId": "CustomerGroups",
            "SalesCurrencyCode": "Currencies",
            "PaymentTerms": "PaymentTerms",
            "PaymentMethod": "CustomerPaymentMethods",
            "InvoiceAccount": "CustomersV3",
        },
        captions={
            "CustomerAccount": "Customer account",
            "CustomerGroupId": "Customer group",
            "SalesCurrencyCode": "Currency",
            "PaymentTerms": "Terms of payment",
            "PaymentMethod": "Method of payment",
            "InvoiceAccount": "Invoice account",
        },
    ),
    "CustomerPaymentJournalHeaders": Trait(
        "Ledger journal table",
        "LedgerJournalTable",
        mandatory=("JournalName",),
        assigned=("IsPosted",),
        fixed=("JournalName",),
        sizes=_HEADER_SIZES,
        captions=_HEADER_CAPTIONS,
    ),
    "LedgerJournalHeaders": Trait(
        "Ledger journal table",
        "LedgerJournalTable",
        mandatory=("JournalName",),
        assigned=("IsPosted", "AccountingCurrency", "JournalTotalDebit", "JournalTotalCredit"),
        fixed=("JournalName",),
        sizes=_HEADER_SIZES,
        captions=_HEADER_CAPTIONS,
    ),
    "CustomerPaymentJournalLines": Trait(
        "Journal lines",
        "LedgerJournalTrans",
        mandatory=("JournalBatchNumber", "AccountDisplayValue"),
        assigned=("CustomerName",),
        sizes=_LINE_SIZES
        | {
            "PaymentMethodName": 10,
            "PaymentSpecification": 10,
            "PaymentNotes": 1000,
            "TransactionText": 60,
            "OffsetTransactionText": 60,
            "MarkedInvoice": 20,
            "MarkedInvoiceCompany": COMPANY_CHARS,
        },
        related={"CurrencyCode": "Currencies", "PaymentMethodName": "CustomerPaymentMethods"},
        captions=_LINE_CAPTIONS | {"PaymentMethodName": "Method of payment"},
    ),
    "LedgerJournalLines": Trait(
        "Journal lines",
        "LedgerJournalTrans",
        mandatory=("JournalBatchNumber", "CurrencyCode", "AccountDisplayValue"),
        assigned=(
            "LineNumber",
            "LineNum",
            "JournalNum",
            "AmountMST",
            "AmountCUR",
            "LedgerJournalTransId",
            "CPDTRXHistoryID",
            "CPDTRXOpenID",
        ),
        sizes=_LINE_SIZES
        | {
            "PaymentMethod": 10,
            "Document": 20,
            "Invoice": 20,
            "Text": 60,
            "OffsetText": 60,
            "SalesTaxGroup": 10,
            "ItemSalesTaxGroup": 10,
            "SalesTaxCode": 10,
        },
        related={"CurrencyCode": "Currencies", "PaymentMethod": "CustomerPaymentMethods"},
        captions=_LINE_CAPTIONS | {"PaymentMethod": "Method of payment"},
    ),
    "GeneralJournalAccountEntries": Trait(
        "General journal account entry", "GeneralJournalAccountEntry", immutable=True
    ),
    "JournalNames": Trait(
        "Journal names", "LedgerJournalName", mandatory=("Name", "Type"), sizes={"Name": 10}
    ),
    "MainAccounts": Trait(
        "Main accounts",
        "MainAccount",
        mandatory=("MainAccountId", "ChartOfAccounts", "Name"),
        sizes={"MainAccountId": 20, "Name": 60},
        related={"ChartOfAccounts": "ChartOfAccounts"},
        captions={"MainAccountId": "Main account"},
    ),
    "MainAccountLegalEntities": Trait(
        "Main account legal entity overrides",
        "MainAccountLegalEntity",
        mandatory=("MainAccountId", "ChartOfAccounts", "LegalEntityId"),
        related={"ChartOfAccounts": "ChartOfAccounts", "LegalEntityId": "LegalEntities"},
    ),
    "LedgerInterCompanyAccounts": Trait(
        "Intercompany accounting",
        "LedgerInterCompany",
        mandatory=("OriginatingLegalEntityId", "DestinationLegalEntityId"),
        related={
            "OriginatingLegalEntityId": "LegalEntities",
            "DestinationLegalEntityId": "LegalEntities",
        },
    ),
    "BankAccounts": Trait(
        "Bank accounts",
        "BankAccountTable",
        mandatory=("BankAccountId", "CurrencyCode", "BankMainAccountIdDisplayValue"),
        sizes={"BankAccountId": 20, "Name": 60, "CurrencyCode": 3},
        related={"CurrencyCode": "Currencies"},
        captions={"BankAccountId": "Bank account", "CurrencyCode": "Currency"},
    ),
    "CustomerGroups": Trait(
        "Customer groups",
        "CustGroup",
        mandatory=("CustomerGroupId",),
        sizes={"CustomerGroupId": 10, "Description": 60},
        related={"PaymentTermId": "PaymentTerms"},
        captions={"CustomerGroupId": "Customer group"},
    ),
    "CustomerPaymentMethods": Trait(
        "Customer payment method", "CustPaymModeTable", mandatory=("Name",), sizes={"Name": 10}
    ),
    "Currencies": Trait(
        "Currencies", "Currency", mandatory=("CurrencyCode",), sizes={"CurrencyCode": 3}
    ),
    "Ledgers": Trait("Ledgers", "Ledger", mandatory=("LegalEntityId",)),
    "LegalEntities": Trait(
        "Legal entities", "CompanyInfo", mandatory=("LegalEntityId",), sizes={"LegalEntityId": 4}
    ),
    "FiscalPeriods": Trait(
        "Fiscal calendar period", "FiscalCalendarPeriod", mandatory=("Calendar", "PeriodName")
    ),
    "PaymentTerms": Trait("Terms of payment", "PaymTerm", mandatory=("Name",), sizes={"Name": 10}),
    "ExchangeRates": Trait(
        "Exchange rates",
        "ExchangeRate",
        mandatory=("RateTypeName", "FromCurrency", "ToCurrency", "StartDate", "Rate"),
        related={"FromCurrency": "Currencies", "ToCurrency": "Currencies"},
    ),
}
