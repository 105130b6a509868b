"""Stripe objects and events as exports hold them, as small as they can be."""

from typing import Any

type Json = dict[str, Any]

AT = 1_793_610_000  # 2026-11-02
DAY = 86_400
CATEGORIES = {
    "adjustment": "dispute",
    "payment": "charge",
    "payment_failure_refund": "charge_failure",
    "payment_refund": "refund",
}
"""The reporting category of a type of transaction, where it has another name."""


def charge(id: str, txn: str | None, amount: int = 10_000, at: int = AT, **more: Any) -> Json:
    return {
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "balance_transaction": txn,
        "captured": True,
        "created": at,
        "currency": "usd",
        "customer": None,
        "dispute": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "livemode": False,
        "metadata": {},
        "paid": True,
        "payment_intent": None,
        "payment_method_details": {"type": "card", "card": {"brand": "visa"}},
        "refunded": False,
        "status": "succeeded",
        **more,
    }


def refund(
    id: str, of: str, txn: str | None, amount: int = 2_500, at: int = AT + 60, **more: Any
) -> Json:
    return {
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": txn,
        "charge": of,
        "created": at,
        "currency": "usd",
        "metadata": {},
        "payment_intent": None,
        "status": "succeeded",
        **more,
    }


def transaction(
    id: str,
    amount: int,
    source: Any,
    type: str = "charge",
    *,
    at: int = AT,
    fee: int = 0,
    **more: Any,
) -> Json:
    parts = [{"amount": fee, "currency": "usd", "description": "fee", "type": "stripe_fee"}]
    return {
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "available_on": at + DAY,
        "balance_type": "payments",
        "created": at,
        "currency": "usd",
        "description": None,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": parts if fee else [],
        "net": amount - fee,
        "reporting_category": CATEGORIES.get(type, type),
        "source": source,
        "status": "available",
        "type": type,
        **more,
    }


def payout(id: str, amount: int, txn: str | None = None, **more: Any) -> Json:
    at = more.get("created", AT + 2 * DAY)
    return {
        "id": id,
        "object": "payout",
        "amount": amount,
        "arrival_date": at + DAY,
        "automatic": True,
        "balance_transaction": txn,
        "created": at,
        "currency": "usd",
        "failure_balance_transaction": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed",
        "status": "paid",
        "type": "bank_account",
        **more,
    }


def customer(id: str, **more: Any) -> Json:
    return {
        "id": id,
        "object": "customer",
        "created": AT - DAY,
        "email": f"{id}@example.com",
        "livemode": False,
        "metadata": {},
        "name": "Ada Lovelace",
        **more,
    }


def event(id: str, type: str, obj: Json, at: int = AT + 30, **more: Any) -> Json:
    return {
        "id": id,
        "object": "event",
        "api_version": "2024-06-20",
        "created": at,
        "data": {"object": obj},
        "livemode": obj.get("livemode", False),
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
        **more,
    }


def thin_event(id: str, type: str, of: str, object: str = "charge", **more: Any) -> Json:
    return {
        "id": id,
        "object": "v2.core.event",
        "context": None,
        "created": "2026-11-02T09:40:00.000Z",
        "livemode": False,
        "reason": None,
        "related_object": {"id": of, "type": object, "url": f"/v1/{object}s/{of}"},
        "type": type,
        **more,
    }


def listed(items: list[Json], url: str, *, has_more: bool = False) -> Json:
    return {"object": "list", "data": items, "has_more": has_more, "url": url}
