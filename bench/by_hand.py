"""The records of a sale in plain Python: what the compiled mapping is measured against.

It renders the product's templates of receipts, fees, orders and their lines, with all their rules
and checks, as somebody would write them who never wants to change them.
"""

from shared.domain.books import Account
from shared.domain.documents import AccountRole, Document
from shared.domain.journal import Role
from shared.domain.records import Record
from shared.domain.values import Symbol, Value
from shared.entities.common.journal_lines import (
    CustomerPaymentLine,
    GeneralLine,
    JournalLine,
    PaymentMethod,
)
from shared.entities.common.sales_documents import SalesOrder, SalesOrderLine
from shared.errors import Parked
from shared.mapping.finance import Target

TEXT_CHARS_MAX = 60
SIZES = {
    **{"PaymentId": 200, "AccountDisplayValue": 500, "OffsetAccountDisplayValue": 500},
    **{"CurrencyCode": 3, "TransactionText": 60, "Text": 60, "PaymentNotes": 1000},
    **{"PaymentMethodName": 10, "CustomersOrderReference": 60, "SalesOrderName": 60},
    **{"OrderingCustomerAccountNumber": 20, "InvoiceCustomerAccountNumber": 20},
    **{"CustomerPaymentMethodName": 10, "SalesOrderNumber": 20, "ItemNumber": 20},
    **{"LineDescription": 1000},
}
BRANDS = ("amex", "diners", "discover", "jcb", "unionpay")
SERVICES = {"shipping": "STRIPE-SHIP", "tax": "STRIPE-TAX", "rounding": "STRIPE-ROUND"}


def _fits(value: str, name: str) -> str:
    if len(value) > SIZES[name]:
        raise Parked("value_too_long", f"{name} holds {SIZES[name]} characters", "Shorten it.")
    return value


def _method(method: PaymentMethod, target: Target) -> str:
    table = target.mapping.tables["payment_methods"]
    if method.wallet:
        return table.get(method.wallet, "STRWALLET")
    if method.brand in BRANDS:
        return table.get(method.brand, "STRCARD")
    if method.funding:
        return table.get(method.funding, "STRCARD")
    return table.get(method.type, "STRIPE")


def _account(side: AccountRole, line: JournalLine, target: Target) -> tuple[str, str]:
    company = target.books.companies[line.company]
    if side.role is Role.CUSTOMER:
        if not side.customer:
            return "Cust", company.one_time_customer
        return "Cust", target.customers[side.customer, line.company]
    book = target.books.currencies[line.amount.currency]
    by_role = {Role.CLEARING: book.clearing, Role.BANK: book.bank}
    account: Account | None = by_role.get(side.role) or company.accounts.get(side.role)
    if account is None:
        raise Parked("account_not_configured", f"no account for the role {side.role}", "Add it.")
    return account.type, account.id


def _journal_line(line: JournalLine, target: Target, text: str, day: str) -> dict[str, Value]:
    kind, account = _account(line.account, line, target)
    offset_kind, offset = _account(line.offset, line, target)
    source, amount = _fits(line.source, text), line.amount
    side = "DebitAmount" if amount.minor > 0 else "CreditAmount"
    return {
        "PaymentId": _fits(line.key, "PaymentId"),
        "AccountType": Symbol("LedgerJournalACType", kind),
        "AccountDisplayValue": _fits(account, "AccountDisplayValue"),
        "OffsetAccountType": Symbol("LedgerJournalACType", offset_kind),
        "OffsetAccountDisplayValue": _fits(offset, "OffsetAccountDisplayValue"),
        "CurrencyCode": _fits(amount.currency.upper(), "CurrencyCode"),
        day: line.date,
        text: f"{source} {line.category}".strip()[:TEXT_CHARS_MAX],
        side: (amount if amount.minor > 0 else -amount).decimal(),
    }


def _receipt(line: CustomerPaymentLine, target: Target) -> Record:
    fields = _journal_line(line, target, "TransactionText", "TransactionDate") | {
        "PaymentNotes": _fits(line.source, "PaymentNotes"),
        "PaymentMethodName": _fits(_method(line.payment_method, target), "PaymentMethodName"),
        "IsPrepayment": Symbol("NoYes", "No"),
    }
    if line.marked_invoice:
        raise AssertionError("this sale marks no invoice")
    return Record(line, "CustomerPaymentJournalLines", "PaymentId", fields)


def _general(line: GeneralLine, target: Target) -> Record:
    fields = _journal_line(line, target, "Text", "TransDate")
    return Record(line, "LedgerJournalLines", "PaymentId", fields)


def _order(order: SalesOrder, target: Target) -> Record:
    account = target.customers[order.customer.customer, order.company]
    name = (order.reference or order.payment_intent)[:TEXT_CHARS_MAX]
    method = _fits(_method(order.payment_method, target), "CustomerPaymentMethodName")
    fields: dict[str, Value] = {
        "CustomersOrderReference": _fits(order.key, "CustomersOrderReference"),
        "OrderingCustomerAccountNumber": _fits(account, "OrderingCustomerAccountNumber"),
        "InvoiceCustomerAccountNumber": _fits(account, "InvoiceCustomerAccountNumber"),
        "CurrencyCode": _fits(order.currency.upper(), "CurrencyCode"),
        "IsSalesProcessingStopped": Symbol("NoYes", "Yes"),
        "SalesOrderName": name,
        "CustomerPaymentMethodName": method,
    }
    return Record(order, "SalesOrderHeadersV2", "CustomersOrderReference", fields)


def _item(line: SalesOrderLine, target: Target) -> str:
    service = SERVICES.get(line.kind)
    if service is not None:
        return service
    return line.item or target.mapping.tables["items"].get(line.product, "STRIPE-SALE")


def _order_line(line: SalesOrderLine, target: Target, number: str) -> Record:
    order = _fits(number, "SalesOrderNumber")
    fields: dict[str, Value] = {
        "CustomersLineNumber": int(line.key),
        "SalesOrderNumber": order,
        "OrderedSalesQuantity": line.quantity,
        "SalesPrice": line.price.decimal(),
        "LineDiscountAmount": line.discount.decimal(),
        "ItemNumber": _fits(_item(line, target), "ItemNumber"),
        "LineDescription": line.text[: SIZES["LineDescription"]],
    }
    within = {"SalesOrderNumber": order}
    return Record(line, "SalesOrderLinesV3", "CustomersLineNumber", fields, within)


def by_hand(document: Document, target: Target, number: str) -> Record:
    """The record of a document; `number`: of the order it belongs to."""
    match document:
        case CustomerPaymentLine():
            return _receipt(document, target)
        case GeneralLine():
            return _general(document, target)
        case SalesOrder():
            return _order(document, target)
        case SalesOrderLine():
            return _order_line(document, target, number)
    raise TypeError(f"a sale has no {document.template}")
