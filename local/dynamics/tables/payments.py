"""What F&O demands of the lines of payment journals beyond those of other journals."""

from local.dynamics.odata import COMPANY, Fields, Infolog, fold, unsupported
from local.dynamics.tables.books import JournalAccount, TenantBooks
from local.dynamics.tables.subledger import Subledger

MARKS = ("MarkedInvoice", "MarkedInvoiceCompany")


def check_payment(
    books: TenantBooks, subledger: Subledger, fields: Fields, account: JournalAccount
) -> None:
    """Refuse what F&O refuses; fill the customer's name and the company of the mark."""
    _check_settlement(fields)
    books.check_payable(account)
    if fields["MarkedInvoice"]:
        _check_mark(subledger, fields, account, "Cust")
    named = account.type == "Cust"
    fields["CustomerName"] = account.fields["OrganizationName"] if named else ""


def check_vendor_payment(books: TenantBooks, fields: Fields, account: JournalAccount) -> None:
    """Refuse what F&O refuses; fill the vendor's name and the company of the mark."""
    _check_settlement(fields)
    if fields["MarkedInvoice"]:
        _check_mark(books.vendors, fields, account, "Vend")
    named = account.type == "Vend"
    fields["VendorName"] = account.fields["VendorOrganizationName"] if named else ""


def _check_settlement(fields: Fields) -> None:
    if fields["IsPrepayment"] == "Yes":
        raise Infolog("The posting profile for prepayments is not set up.")
    if fields["SettleVoucher"] == "OpenTransact":
        raise unsupported("Settling open transactions automatically")


def _check_mark(subledger: Subledger, fields: Fields, account: JournalAccount, kind: str) -> None:
    company, number = fields[COMPANY], fields["MarkedInvoice"]
    fields["MarkedInvoiceCompany"] = fields["MarkedInvoiceCompany"] or company
    found = None
    if account.type == kind and fold(fields["MarkedInvoiceCompany"]) == fold(company):
        found = subledger.document(company, account.id, number)
    if found is None:
        raise Infolog(f"Invoice {number} does not exist for account {account.id}.")
    if found.currency != fields["CurrencyCode"]:
        raise unsupported("Settling an invoice with a payment in another currency")
    fields["MarkedInvoice"] = found.document
