"""The tables of the tenant: what F&O demands of each record, and the master data it starts with.

`table_hooks` and `RecordWriter` are how the OData service writes; the batch jobs use the look-ups.
"""

from local.dynamics.tables.accounts import join
from local.dynamics.tables.books import JournalAccount, TenantBooks
from local.dynamics.tables.customers import CUSTOMER_FIELDS
from local.dynamics.tables.dimensions import demand
from local.dynamics.tables.free_text import AMOUNT as FREE_TEXT_AMOUNT
from local.dynamics.tables.free_text import HEADERS as FREE_TEXT_HEADERS
from local.dynamics.tables.free_text import ID as FREE_TEXT_ID
from local.dynamics.tables.free_text import lines_of_invoice
from local.dynamics.tables.free_text import show as show_free_text_invoice
from local.dynamics.tables.hooks import table_hooks
from local.dynamics.tables.journals import (
    BATCH,
    GENERAL,
    KINDS,
    LINE,
    PAYMENTS,
    TOTALS,
    VENDOR_INVOICES,
    VENDOR_PAYMENTS,
    JournalSets,
    line_totals,
    next_batch,
    sides,
)
from local.dynamics.tables.master import fill
from local.dynamics.tables.orders import ORDERS
from local.dynamics.tables.prices import HEADERS as PRICE_HEADERS
from local.dynamics.tables.prices import LINES as PRICE_LINES
from local.dynamics.tables.returns import RETURNS
from local.dynamics.tables.rules import RecordWriter
from local.dynamics.tables.sales_tax import SalesTax, TaxableLine, tax_on
from local.dynamics.tables.subledger import CustomerSets, CustomerTransaction, Subledger
from local.dynamics.tables.trade import (
    INVOICE_CUSTOMER,
    INVOICED,
    OPEN,
    OrderKind,
    lines_of_order,
    tax_of,
    total_up,
)
from local.dynamics.tables.vendor_invoices import check_number, reverse_charges

__all__ = [
    "BATCH",
    "CUSTOMER_FIELDS",
    "FREE_TEXT_AMOUNT",
    "FREE_TEXT_HEADERS",
    "FREE_TEXT_ID",
    "GENERAL",
    "INVOICED",
    "INVOICE_CUSTOMER",
    "KINDS",
    "LINE",
    "OPEN",
    "ORDERS",
    "PAYMENTS",
    "PRICE_HEADERS",
    "PRICE_LINES",
    "RETURNS",
    "TOTALS",
    "VENDOR_INVOICES",
    "VENDOR_PAYMENTS",
    "CustomerSets",
    "CustomerTransaction",
    "JournalAccount",
    "JournalSets",
    "OrderKind",
    "RecordWriter",
    "SalesTax",
    "Subledger",
    "TaxableLine",
    "TenantBooks",
    "check_number",
    "demand",
    "fill",
    "join",
    "line_totals",
    "lines_of_invoice",
    "lines_of_order",
    "next_batch",
    "reverse_charges",
    "show_free_text_invoice",
    "sides",
    "table_hooks",
    "tax_of",
    "tax_on",
    "total_up",
]
