"""What of the peer can be set: money, delays, and the faults of both directions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

API_VERSION = "2026-10-28.endive"
OLD_API_VERSION = "2020-08-27"
BASIS_POINTS = 10_000
SECONDS_MAX = 30 * 86_400.0

type Strikes = Callable[[str, float], bool]
"""Decides, given the name and rate of a fault, whether it strikes now."""


@dataclass(frozen=True, slots=True)
class Fee:
    """Stripe's fee on a charge: a share, a fixed part, and the tax on both."""

    basis_points: int = 290
    fixed_minor: int = 30
    tax_basis_points: int = 0

    def on(self, amount_minor: int) -> tuple[int, int]:
        """(stripe_fee, tax on it) in minor units, halves rounded up."""
        fee = _share(amount_minor, self.basis_points) + self.fixed_minor
        return fee, _share(fee, self.tax_basis_points)


def _share(amount_minor: int, basis_points: int) -> int:
    return (amount_minor * basis_points + BASIS_POINTS // 2) // BASIS_POINTS


FEES: Mapping[str, Fee] = {"jpy": Fee(basis_points=360, fixed_minor=0)}
FEES_WITH_EUR_TAX: Mapping[str, Fee] = {**FEES, "eur": Fee(tax_basis_points=1_900)}


@dataclass(frozen=True, slots=True)
class PayoutSchedule:
    """Automatic payouts: once a day and currency, of everything available.

    `reconcile_seconds` and `arrival_days` are drawn and counted from the payout's creation, so
    that reconciliation completes now before, now after `payout.paid`. With `negative` a
    negative balance is debited from the bank.
    """

    hour_utc: int = 3
    arrival_days: int = 2
    minimum_minor: int = 1
    negative: bool = False
    reconcile_seconds: tuple[float, float] = (3_600.0, 72 * 3_600.0)


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """How the account behaves. Ranges are (least, most) seconds, drawn from the seed.

    `refund_fee_returned`: refunds give the fee back in proportion (a negative fee).
    `payouts` None: the account is on manual payouts. `automatic_tax_percentage`: what Stripe Tax
    charges, on goods and shipping; None: it is not set up. `time_zone`: of the Dashboard.
    `invoice_draft_seconds`: how long a draft that advances waits. `invoice_retry_days`: from each
    failed attempt to the next; `after_invoice_retries`: the status of a subscription after the
    last (`canceled`, `unpaid`, `past_due`).
    """

    fees: Mapping[str, Fee] = field(default_factory=lambda: FEES)
    settle_delay_seconds: tuple[float, float] = (2.0, 60.0)
    available_after_days: int = 2
    delayed_method_seconds: tuple[float, float] = (86_400.0, 4 * 86_400.0)
    refund_delay_seconds: tuple[float, float] = (3_600.0, 48 * 3_600.0)
    tax_id_verify_seconds: tuple[float, float] = (60.0, 3_600.0)
    refund_fee_returned: bool = False
    dispute_fee_minor: int = 1_500
    payouts: PayoutSchedule | None = field(default_factory=PayoutSchedule)
    default_currency: str = "usd"
    automatic_tax_percentage: Decimal | None = None
    invoice_draft_seconds: int = 3_600
    invoice_retry_days: tuple[int, ...] = (3, 5, 7)
    after_invoice_retries: str = "canceled"
    time_zone: str = "Etc/UTC"

    def fee_of(self, currency: str) -> Fee:
        """The fee of a currency."""
        return self.fees.get(currency, Fee())


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """The webhook endpoint of the account. `enabled_events` as Stripe's: types, or `*`."""

    url: str
    client: httpx.AsyncClient
    api_version: str = API_VERSION
    enabled_events: tuple[str, ...] = ("*",)

    def wants(self, type: str) -> bool:
        """Whether events of this type are sent there."""
        return "*" in self.enabled_events or type in self.enabled_events


@dataclass(frozen=True, slots=True)
class DeliveryFaults:
    """What may go wrong with the delivery of an event; shares are of events, in [0, 1].

    `duplicate`: delivered twice. `shuffle_seconds`: each delivery waits up to so long.
    `delay_seconds`: all wait so long. `drop`: never arrives and is never tried again.
    `rolled_secret`: delivered once more, signed by the oldest secret alone. `old_api_version`:
    a charge or payment intent in the shape of 2020.
    """

    duplicate: float = 0.0
    shuffle_seconds: float = 0.0
    delay_seconds: float = 0.0
    drop: float = 0.0
    rolled_secret: float = 0.0
    old_api_version: float = 0.0


@dataclass(frozen=True, slots=True)
class StripeFaults:
    """What may go wrong with requests to the API; shares are of requests, in [0, 1].

    `rate_limit` and `server_error`: refused, nothing done. `timeout`: done, but the answer takes
    `timeout_seconds` and is a 504. `latency_seconds`: each answer waits up to so long.
    `stale_list_seconds`: balance transactions and events younger than this are not in lists.
    """

    rate_limit: float = 0.0
    server_error: float = 0.0
    timeout: float = 0.0
    timeout_seconds: float = 90.0
    latency_seconds: float = 0.0
    stale_list_seconds: float = 0.0
    delivery: DeliveryFaults = field(default_factory=DeliveryFaults)

    def changed(self, changes: object) -> "StripeFaults":
        """These faults with the changes of a JSON object.

        Raises `ValueError` naming every member that is unknown or out of its range.
        """
        wrong: list[str] = [] if isinstance(changes, dict) else ["faults must be a JSON object"]
        given = changes if isinstance(changes, dict) else {}
        own = _numbers(self, {k: v for k, v in given.items() if k != "delivery"}, "", wrong)
        delivery = given.get("delivery", {})
        inner: dict[str, float] = {}
        if isinstance(delivery, dict):
            inner = _numbers(self.delivery, delivery, "delivery.", wrong)
        else:
            wrong.append("delivery must be a JSON object")
        if wrong:
            raise ValueError(wrong)
        return replace(self, **own, delivery=replace(self.delivery, **inner))


def _numbers(
    faults: StripeFaults | DeliveryFaults, changes: dict[str, Any], prefix: str, wrong: list[str]
) -> dict[str, float]:
    names = [item.name for item in fields(faults) if item.name != "delivery"]
    numbers: dict[str, float] = {}
    for name, value in changes.items():
        if name not in names:
            wrong.append(f"{prefix}{name} is unknown; known: {', '.join(names)}")
            continue
        most = SECONDS_MAX if name.endswith("_seconds") else 1.0
        number = _number(value)
        if number is None or not 0 <= number <= most:
            wrong.append(f"{prefix}{name} must be a number from 0 to {most:g}")
            continue
        numbers[name] = float(number)
    return numbers


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
