"""Stripe Billing: what customers owe, and how it is paid.

`ROUTES` are the requests; `record_payment` is what invoices of elsewhere do when a payment intent
pays them; `set_balance` is what the balance of a customer does when a customer request sets it. By
noun: coupons are in the catalogue; here are subscriptions (`subscriptions`,
`subscription_changes`, `cycles`, `proration`, `schedules`), invoices (`invoices`, `invoice_lines`,
`advancing`, `collecting`), credit notes and the customer's balance.
"""

from local.stripe.billing import (
    credit_note_routes,
    customer_balance,
    invoice_item_routes,
    invoice_payments,
    invoice_routes,
    payment_records,
    schedule_routes,
    subscription_routes,
)
from local.stripe.billing.customer_balance import set_to as set_balance
from local.stripe.billing.invoice_payments import record as record_payment
from local.stripe.core import ApiRoute

__all__ = ["ROUTES", "record_payment", "set_balance"]

ROUTES: tuple[ApiRoute, ...] = (
    *invoice_item_routes.ROUTES,
    *invoice_routes.ROUTES,
    *invoice_payments.ROUTES,
    *payment_records.ROUTES,
    *credit_note_routes.ROUTES,
    *customer_balance.ROUTES,
    *subscription_routes.ROUTES,
    *schedule_routes.ROUTES,
)
