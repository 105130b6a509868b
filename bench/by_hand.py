"""The records of a sale in plain Python: what the compiled mapping is measured against.

It renders the product's templates of receipts, fees, orders and their lines, with all their rules
and checks, as somebody would write them who never wants to change them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Document, Record, Symbol, Value
from shared.errors import Parked
from shared.mapping.finance import Target
from shared.settings import Account

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


def _money(document: Document, name: str) -> Money:
    return Money(int(str(document.facts[name])), str(document.facts["currency"]))


def _method(document: Document, target: Target) -> str:
    method: Any = document.words["payment_method"]
    table = target.mapping.tables["payment_methods"]
    if method["wallet"]:
        return table.get(method["wallet"], "STRWALLET")
    if method["brand"] in BRANDS:
        return table.get(method["brand"], "STRCARD")
    if method["funding"]:
        return table.get(method["funding"], "STRCARD")
    return table.get(method["type"], "STRIPE")


def _account(part: object, document: Document, target: Target) -> tuple[str, str]:
    if not isinstance(part, dict):
        raise TypeError("an account is a mapping")
    role = Role(part["role"])
    company = target.books.companies[document.company]
    if role is Role.CUSTOMER:
        customer = str(part["customer"])
        if not customer:
            return "Cust", company.one_time_customer
        return "Cust", target.customers[customer, document.company]
    book = target.books.currencies[str(document.facts["currency"])]
    by_role = {Role.CLEARING: book.clearing, Role.BANK: book.bank}
    account: Account | None = by_role.get(role) or company.accounts.get(role)
    if account is None:
        raise Parked("account_not_configured", f"no account for the role {role}", "Add it.")
    return account.type, account.id


def _journal_line(document: Document, target: Target, text: str, day: str) -> dict[str, Value]:
    facts = document.facts
    kind, account = _account(facts["account"], document, target)
    offset_kind, offset = _account(facts["offset"], document, target)
    source = _fits(str(document.words["source"]), text)
    amount = _money(document, "amount_minor")
    side = "DebitAmount" if amount.minor > 0 else "CreditAmount"
    return {
        "PaymentId": _fits(document.key, "PaymentId"),
        "AccountType": Symbol("LedgerJournalACType", kind),
        "AccountDisplayValue": _fits(account, "AccountDisplayValue"),
        "OffsetAccountType": Symbol("LedgerJournalACType", offset_kind),
        "OffsetAccountDisplayValue": _fits(offset, "OffsetAccountDisplayValue"),
        "CurrencyCode": _fits(str(facts["currency"]).upper(), "CurrencyCode"),
        day: date.fromisoformat(str(facts["date"])),
        text: f"{source} {document.words['category']}".strip()[:TEXT_CHARS_MAX],
        side: (amount if amount.minor > 0 else -amount).decimal(),
    }


def _receipt(document: Document, target: Target) -> Record:
    fields = _journal_line(document, target, "TransactionText", "TransactionDate") | {
        "PaymentNotes": _fits(str(document.words["source"]), "PaymentNotes"),
        "PaymentMethodName": _fits(_method(document, target), "PaymentMethodName"),
        "IsPrepayment": Symbol("NoYes", "No"),
    }
    if document.facts.get("marked"):
        raise AssertionError("this sale marks no invoice")
    return Record(document, "CustomerPaymentJournalLines", "PaymentId", fields)


def _general(document: Document, target: Target) -> Record:
    fields = _journal_line(document, target, "Text", "TransDate")
    return Record(document, "LedgerJournalLines", "PaymentId", fields)


def _order(document: Document, target: Target) -> Record:
    words = document.words
    account = target.customers[str(document.facts["party"]), document.company]
    name = str(words["reference"] or words["payment_intent"])[:TEXT_CHARS_MAX]
    fields: dict[str, Value] = {
        "CustomersOrderReference": _fits(document.key, "CustomersOrderReference"),
        "OrderingCustomerAccountNumber": _fits(account, "OrderingCustomerAccountNumber"),
        "InvoiceCustomerAccountNumber": _fits(account, "InvoiceCustomerAccountNumber"),
        "CurrencyCode": _fits(str(document.facts["currency"]).upper(), "CurrencyCode"),
        "IsSalesProcessingStopped": Symbol("NoYes", "Yes"),
        "SalesOrderName": name,
        "CustomerPaymentMethodName": _fits(_method(document, target), "CustomerPaymentMethodName"),
    }
    return Record(document, "SalesOrderHeadersV2", "CustomersOrderReference", fields)


def _item(words: Mapping[str, Any], target: Target) -> str:
    service = SERVICES.get(words["kind"])
    if service is not None:
        return service
    item = str(words["item"])
    return item or target.mapping.tables["items"].get(words["product"], "STRIPE-SALE")


def _order_line(document: Document, target: Target, number: str) -> Record:
    words, order = document.words, _fits(number, "SalesOrderNumber")
    fields: dict[str, Value] = {
        "CustomersLineNumber": int(document.key),
        "SalesOrderNumber": order,
        "OrderedSalesQuantity": int(str(document.facts["quantity"])),
        "SalesPrice": _money(document, "price_minor").decimal(),
        "LineDiscountAmount": _money(document, "discount_minor").decimal(),
        "ItemNumber": _fits(_item(words, target), "ItemNumber"),
        "LineDescription": str(words["text"])[: SIZES["LineDescription"]],
    }
    within = {"SalesOrderNumber": order}
    return Record(document, "SalesOrderLinesV3", "CustomersLineNumber", fields, within)


def by_hand(document: Document, target: Target, number: str) -> Record:
    """The record of a document; `number`: of the order it belongs to."""
    match document.template:
        case "customer_payment_line":
            return _receipt(document, target)
        case "general_line":
            return _general(document, target)
        case "sales_order":
            return _order(document, target)
    return _order_line(document, target, number)
