"""Traits of vendors, their invoice journals and their payment journals."""

from collections.abc import Mapping

from local.dynamics.tables.trait import COMPANY_CHARS, Trait

_HEADER_SIZES = {"JournalBatchNumber": 20, "JournalName": 10, "Description": 60}
_HEADER_CAPTIONS = {
    "JournalName": "Name",
    "JournalBatchNumber": "Journal batch number",
    "IsPosted": "Posted",
}
_LINE_SIZES = {
    "JournalBatchNumber": 20,
    "PostingProfile": 10,
    "Voucher": 20,
    "Company": COMPANY_CHARS,
    "OffsetCompany": COMPANY_CHARS,
}
_LINE_CAPTIONS = {
    "JournalBatchNumber": "Journal batch number",
    "LineNumber": "Line number",
    "AccountDisplayValue": "Account",
    "OffsetAccountDisplayValue": "Offset account",
}

VENDOR_TRAITS: Mapping[str, Trait] = {
    "VendorsV3": Trait(
        "Vendors",
        "VendTable",
        mandatory=("VendorAccountNumber", "VendorOrganizationName"),
        sizes={"VendorAccountNumber": 20, "VendorOrganizationName": 100, "CurrencyCode": 3},
        captions={"VendorAccountNumber": "Vendor account"},
    ),
    "VendInvoiceJournalHeaders": Trait(
        "Ledger journal table",
        "LedgerJournalTable",
        mandatory=("JournalName",),
        assigned=("IsPosted", "JournalTotalDebit", "JournalTotalCredit"),
        fixed=("JournalName",),
        sizes=_HEADER_SIZES,
        captions=_HEADER_CAPTIONS,
    ),
    "VendInvoiceJournalLines": Trait(
        "Journal lines",
        "LedgerJournalTrans",
        mandatory=("JournalBatchNumber", "LineNumber", "Currency", "AccountDisplayValue"),
        sizes=_LINE_SIZES
        | {
            "Currency": 3,
            "PaymId": 200,
            "Invoice": 20,
            "Document": 20,
            "Description": 60,
            "OffsetTransactionText": 60,
            "SalesTaxGroup": 10,
            "ItemSalesTaxGroup": 10,
            "SalesTaxCode": 10,
        },
        related={
            "Currency": "Currencies",
            "SalesTaxGroup": "TaxGroups",
        },
        captions=_LINE_CAPTIONS | {"Currency": "Currency", "SalesTaxGroup": "Sales tax group"},
    ),
    "VendorPaymentJournalHeaders": Trait(
        "Ledger journal table",
        "LedgerJournalTable",
        mandatory=("JournalName",),
        assigned=("IsPosted",),
        fixed=("JournalName",),
        sizes=_HEADER_SIZES,
        captions=_HEADER_CAPTIONS,
    ),
    "VendorPaymentJournalLines": Trait(
        "Journal lines",
        "LedgerJournalTrans",
        mandatory=("JournalBatchNumber", "LineNumber", "AccountDisplayValue"),
        assigned=("VendorName",),
        sizes=_LINE_SIZES
        | {
            "CurrencyCode": 3,
            "PaymentId": 200,
            "PaymentReference": 20,
            "TransactionText": 60,
            "OffsetTransactionText": 60,
            "MarkedInvoice": 20,
            "MarkedInvoiceCompany": COMPANY_CHARS,
        },
        related={"CurrencyCode": "Currencies"},
        captions=_LINE_CAPTIONS | {"CurrencyCode": "Currency"},
    ),
}
