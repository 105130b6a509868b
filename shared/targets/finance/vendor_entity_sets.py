"""The entity sets of vendor invoices of Stripe's fees, and of their settlements.

https://learn.microsoft.com/dynamics365/finance/accounts-payable/vendor-invoices-overview
"""

from shared.targets.entity_set import EntitySet, entity_set
from shared.targets.finance.entity_sets import ENUMS

VENDOR_ENTITY_SETS: tuple[EntitySet, ...] = (
    entity_set(
        "VendInvoiceJournalHeaders",
        enums=ENUMS,
        keys=("JournalBatchNumber",),
        sizes="JournalBatchNumber:20 JournalName:10 Description:60",
        mandatory="JournalName Description",
        protected={
            "key": "JournalBatchNumber Description dataAreaId",
            "account": "JournalName",
            "tax": "SalesTaxIncluded OverrideSalesTax",
        },
    ),
    entity_set(
        "VendInvoiceJournalLines",
        enums=ENUMS,
        keys=("JournalBatchNumber", "LineNumber"),
        sizes=(
            "JournalBatchNumber:20 PaymId:200 AccountDisplayValue:500 "
            "OffsetAccountDisplayValue:500 Currency:3 Invoice:20 Description:60 Document:20 "
            "MethodOfPayment:10 TermsOfPayment:10 SalesTaxGroup:10 ItemSalesTaxGroup:10 "
            "DefaultDimensionDisplayValue:500 OffsetDefaultDimensionDisplayValue:500"
        ),
        types={
            "Decimal": "LineNumber Credit Debit",
            "Date": "Date InvoiceDate DueDate",
            "LedgerJournalACType": "AccountType OffsetAccountType",
        },
        mandatory=(
            "PaymId JournalBatchNumber LineNumber AccountType AccountDisplayValue "
            "OffsetAccountType OffsetAccountDisplayValue Currency Credit Invoice Date"
        ),
        protected={
            "key": "PaymId JournalBatchNumber LineNumber Voucher dataAreaId",
            "amount": "Credit Debit Currency ExchRate ExchRateSecond ReportingCurrencyExchRate",
            "account": (
                "AccountType AccountDisplayValue OffsetAccountType OffsetAccountDisplayValue "
                "Company OffsetCompany PostingProfile"
            ),
            "date": "Date InvoiceDate",
            "tax": (
                "SalesTaxGroup ItemSalesTaxGroup SalesTaxCode OverrideSalesTax "
                "IsWithholdingTaxCalculate ItemWithholdingTaxGroupCode"
            ),
            "settlement": "Invoice",
        },
    ),
    entity_set(
        "VendorPaymentJournalHeaders",
        enums=ENUMS,
        keys=("JournalBatchNumber",),
        sizes="JournalBatchNumber:20 JournalName:10 Description:60",
        mandatory="JournalName Description",
        protected={
            "key": "JournalBatchNumber Description dataAreaId",
            "account": "JournalName",
            "tax": "OverrideSalesTax",
        },
    ),
    entity_set(
        "VendorPaymentJournalLines",
        enums=ENUMS,
        keys=("JournalBatchNumber", "LineNumber"),
        sizes=(
            "JournalBatchNumber:20 PaymentId:200 AccountDisplayValue:500 "
            "OffsetAccountDisplayValue:500 CurrencyCode:3 TransactionText:60 "
            "OffsetTransactionText:60 PaymentReference:20 PaymentMethodName:10 MarkedInvoice:20 "
            "DefaultDimensionsForAccountDisplayValue:500 "
            "DefaultDimensionsForOffsetAccountDisplayValue:500"
        ),
        types={
            "Decimal": "LineNumber DebitAmount CreditAmount",
            "Date": "TransactionDate",
            "LedgerJournalACType": "AccountType OffsetAccountType",
            "SettlementType": "SettleVoucher",
        },
        mandatory=(
            "PaymentId JournalBatchNumber LineNumber AccountType AccountDisplayValue "
            "OffsetAccountType OffsetAccountDisplayValue CurrencyCode DebitAmount TransactionDate "
            "MarkedInvoice SettleVoucher"
        ),
        protected={
            "key": "PaymentId JournalBatchNumber LineNumber Voucher dataAreaId",
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
                "CalculateWithholdingTax ItemWithholdingTaxGroupCode TaxWithholdGroup"
            ),
            "settlement": "MarkedInvoice MarkedInvoiceCompany SettleVoucher",
        },
    ),
)
