"""Vendor invoices in journals: their number, and the reverse charge that posting computes.

The vendor states no tax; Dynamics debits input tax and credits tax payable by the same amount.

"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from local.dynamics.odata import COMPANY, Fields, Infolog, unsupported
from local.dynamics.tables.books import HUNDRED, TenantBooks
from local.dynamics.tables.sales_tax import codes_of


def check_tax(books: TenantBooks, fields: Fields) -> None:
    """Refuse a line with tax that the vendor charges."""
    for code in _codes(books, fields):
        if code not in books.reverse_charges:
            raise unsupported("Sales tax other than a reverse charge on vendor invoices")


def check_number(books: TenantBooks, fields: Fields, vendor: str) -> None:
    """What only posting refuses: an invoice without a number, or with one of another invoice."""
    number = str(fields["Invoice"])
    if not number:
        raise Infolog("The invoice number must be filled in.")
    if books.vendors.document(fields[COMPANY], vendor, number) is not None:
        raise Infolog(f"Invoice number {number} is already used by vendor {vendor}.")


def reverse_charges(
    books: TenantBooks, fields: Mapping[str, Any], amount: Decimal
) -> Iterator[tuple[str, Decimal]]:
    """What a reverse charge adds to the voucher of an expense: main accounts with their debit."""
    for code in _codes(books, fields):
        tax = books.rounded(amount * books.tax_rates[code] / HUNDRED, fields["Currency"])
        if tax:
            yield books.reverse_charges[code], tax
            yield books.tax_account, -tax


def _codes(books: TenantBooks, fields: Mapping[str, Any]) -> Iterator[str]:
    groups = fields["SalesTaxGroup"], fields["ItemSalesTaxGroup"]
    yield from codes_of(books, fields[COMPANY], *groups)
