"""The permissions of the app's own Stripe key, and the page of the Dashboard that ticks them.

Stripe does not document the parameters of that page, so the list is what counts: the link is a
convenience. https://docs.stripe.com/keys#limit-access
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

DASHBOARD = "https://dashboard.stripe.com"
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "Balance": "balance",
        "Balance transaction sources": "balance_transaction_source",
        "Charges and Refunds": "charge",
        "Checkout Sessions": "checkout_session",
        "Customers": "customer",
        "Disputes": "dispute",
        "Events": "event",
        "Invoices": "invoice",
        "Payouts": "payout",
        "Prices": "plan",  # as the API called a price once
        "Products": "product",
    }
)
"""By the label in the Dashboard: how errors of Stripe name the permission (`rak_..._read`)."""


def by_label(permissions: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Label, access and reason, each label once, as the app told them."""
    found: dict[str, tuple[str, list[str]]] = {}
    for each in permissions:
        access, reasons = found.setdefault(str(each["label"]), (str(each["access"]), []))
        if each["why"] not in reasons:
            reasons.append(str(each["why"]))
        del access
    return [(label, access, "; ".join(reasons)) for label, (access, reasons) in found.items()]


def dashboard_link(permissions: Sequence[Mapping[str, Any]], *, livemode: bool) -> str:
    """The page that makes a restricted key, with these permissions chosen."""
    chosen = [
        ("permissions[]", f"rak_{NAMES[label]}_{access}")
        for label, access, _ in by_label(permissions)
        if label in NAMES
    ]
    mode = "" if livemode else "/test"
    query = urlencode([("name", "Tieout"), *chosen], safe="[]")
    return f"{DASHBOARD}{mode}/apikeys/create?{query}"
