"""Stripe objects as the API answers them, current and old, and the books they are booked in."""

from datetime import date
from typing import Any

from shared.domain.books import Books
from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Intent, Link, Record
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.common.objects import Context, Snapshot
from shared.entities.customer.records import CustomerRecord

type Json = dict[str, Any]

CREATED = 1_793_491_200  # 2026-11-01T00:00:00Z
OLD = 1_496_275_200  # 2017-06-01T00:00:00Z


def _company(prefix: str, customer_group: str) -> Json:
    roles = (
        *("fees", "fee_tax", "network_costs", "application_fees", "withheld_tax", "disputes"),
        *("payouts_in_transit", "connect", "reserves", "suspense", "unapplied_receipts"),
        *("fx_transit", "sales_returns", "sales_tax", "dispute_fees", "platform_earnings"),
        *("loans", "issuing", "contributions", "fee_credits", "tax_funds", "balance_payments"),
        *("adjustments", "dispute_losses", "fees_accrued"),
    )
    return {
        "journals": {"customer_payment": f"{prefix}Pay", "general": f"{prefix}Gen"},
        "customer_group": customer_group,
        "one_time_customer": f"{prefix}-ONE",
        "stripe_vendor": {
            "account": f"{prefix}-STRIPE",
            "invoice_journal": f"{prefix}Inv",
            "payment_journal": f"{prefix}Set",
            "sales_tax_group": "EU-RC",
            "item_sales_tax_group": "FULL",
        },
        "accounts": {role: {"type": "Ledger", "id": f"{prefix}-{role}"} for role in roles},
    }


def _book(company: str, currency: str) -> Json:
    return {
        "company": company,
        "clearing": {"type": "Bank", "id": f"CLEARING-{currency.upper()}"},
        "bank": {"type": "Bank", "id": f"BANK-{currency.upper()}"},
    }


BOOKS = Books.model_validate(
    {
        "companies": {"usmf": _company("US", "80"), "demf": _company("DE", "40")},
        "currencies": {
            "usd": _book("usmf", "usd"),
            "jpy": _book("usmf", "jpy"),
            "kwd": _book("usmf", "kwd"),
            "eur": _book("demf", "eur"),
        },
        "default_company": "usmf",
    }
)
CONTEXT = Context(BOOKS)


def closed_through(day: str) -> Context:
    """The same books with all companies closed through a day."""
    raw = BOOKS.model_dump(mode="json")
    for company in raw["companies"].values():
        company["closed_through"] = day
    return Context(Books.model_validate(raw))


def accounting_in(currency: str) -> Books:
    """The same books, which say the accounting currency of usmf."""
    raw = BOOKS.model_dump(mode="json")
    raw["companies"]["usmf"]["accounting_currency"] = currency
    return Books.model_validate(raw)


def snapshot(object: Json, **parts: Any) -> Snapshot:
    """The snapshot of an object by its own `object` field."""
    return Snapshot(object["object"], object["id"], object, **parts)


def customer(**changes: Any) -> Json:
    return {
        "id": "cus_1",
        "object": "customer",
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "currency": "usd",
        "created": CREATED,
        "description": None,
        "livemode": False,
        "shipping": None,
    } | changes


def charge(**changes: Any) -> Json:
    return {
        "id": "ch_1",
        "object": "charge",
        "amount": 5000,
        "amount_captured": 5000,
        "amount_refunded": 0,
        "balance_transaction": "txn_1",
        "captured": True,
        "created": CREATED,
        "currency": "usd",
        "customer": "cus_1",
        "dispute": None,
        "failure_balance_transaction": None,
        "paid": True,
        "payment_intent": "pi_1",
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "funding": "credit",
                "wallet": {"type": "apple_pay"},
            },
        },
        "refunded": False,
        "status": "succeeded",
    } | changes


def old_charge(**changes: Any) -> Json:
    """A charge of API version 2017-06-05: list of refunds, `source` instead of details."""
    return {
        "id": "ch_old",
        "object": "charge",
        "amount": 2000,
        "amount_refunded": 0,
        "application_fee": None,
        "balance_transaction": "txn_old",
        "captured": True,
        "created": OLD,
        "currency": "usd",
        "customer": "cus_old",
        "dispute": None,
        "paid": True,
        "refunded": False,
        "refunds": {
            "object": "list",
            "data": [],
            "has_more": False,
            "total_count": 0,
            "url": "/v1/charges/ch_old/refunds",
        },
        "source": {"id": "card_1", "object": "card", "brand": "Visa", "funding": "credit"},
        "status": "succeeded",
    } | changes


def refund(**changes: Any) -> Json:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 1000,
        "balance_transaction": "txn_re",
        "charge": "ch_1",
        "created": CREATED,
        "currency": "usd",
        "failure_balance_transaction": None,
        "payment_intent": "pi_1",
        "status": "succeeded",
    } | changes


def dispute(**changes: Any) -> Json:
    return {
        "id": "du_1",
        "object": "dispute",
        "amount": 5000,
        "balance_transactions": [],
        "charge": "ch_1",
        "created": CREATED,
        "currency": "usd",
        "status": "needs_response",
    } | changes


def payout(**changes: Any) -> Json:
    return {
        "id": "po_1",
        "object": "payout",
        "amount": 12345,
        "arrival_date": CREATED + 2 * 86_400,
        "automatic": True,
        "balance_transaction": "txn_po",
        "created": CREATED,
        "currency": "usd",
        "failure_balance_transaction": None,
        "reconciliation_status": "completed",
        "status": "paid",
    } | changes


def txn(**changes: Any) -> Json:
    """A balance transaction of a charge with a fee."""
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": 5000,
        "available_on": CREATED + 2 * 86_400,
        "balance_type": "payments",
        "created": CREATED,
        "currency": "usd",
        "exchange_rate": None,
        "fee": 175,
        "fee_details": [
            {"amount": 175, "application": None, "currency": "usd", "type": "stripe_fee"}
        ],
        "net": 4825,
        "reporting_category": "charge",
        "source": "ch_1",
        "status": "pending",
        "type": "charge",
    } | changes


def plain_txn(amount: int, category: str, type: str, source: str | None, **changes: Any) -> Json:
    """A balance transaction without a fee."""
    return txn(
        amount=amount,
        fee=0,
        fee_details=[],
        net=amount,
        reporting_category=category,
        type=type,
        source=source,
    ) | dict(changes)


def old_txn(**changes: Any) -> Json:
    """A balance transaction of 2017: neither reporting_category nor balance_type."""
    found = txn(id="txn_old", created=OLD, source="ch_old", status="available")
    for name in ("reporting_category", "balance_type", "exchange_rate"):
        del found[name]
    return found | changes


def general_line(role: str = "fee", company: str = "usmf", **changes: Any) -> GeneralLine:
    """A line of the general journal."""
    values: Json = {
        "role": role,
        "company": company,
        "key": f"txn_1:{role}",
        "amount": Money(175, "usd"),
        "date": date(2026, 11, 1),
        "account": AccountRole(Role.FEES),
        "offset": AccountRole(Role.CLEARING),
        "category": "charge",
        "source": "ch_1",
    }
    return GeneralLine(**(values | changes))


def customer_record(**changes: Any) -> CustomerRecord:
    """The record of a customer."""
    values: Json = {
        "role": "customer~usmf",
        "company": "usmf",
        "key": "cus_1",
        "customer": "cus_1",
        "kind": "",
        "name": "Ada",
        "currency": "usd",
    }
    return CustomerRecord(**(values | changes))


def link(role: str, company: str = "usmf") -> Link:
    """A record that was written before."""
    document = general_line(role, company, account=AccountRole(Role.CUSTOMER, "cus_1"))
    return Link({"LineNumber": 1}, Record(document, "LedgerJournalLines", "PaymentId", {}))


def intent(role: str, company: str = "usmf") -> Intent:
    """A write of a record that was announced and may have happened."""
    return Intent("", "2026-11-01T12:00:00+00:00", link(role, company).record)
