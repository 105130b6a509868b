"""The Stripe balance: transactions, and everything that is a sum of them.

Fields and signs: https://docs.stripe.com/api/balance_transactions/object. The balance is never
stored apart; it is the sum over the transactions.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from local.stripe.events import Events, seconds
from local.stripe.ids import Ids
from local.stripe.schedule import ActionSchedule
from local.stripe.store import Store
from shared.ports import Clock, Json

TOLD_BALANCES = {
    "issuing": ("available",),
    "refund_and_dispute_prefunding": ("available", "pending"),
}
"""The parts of the balances besides payments that the balance object tells."""


def fee_details(stripe_fee: int, tax: int, currency: str) -> list[Json]:
    """The parts of a fee; none where the fee is zero."""
    parts = (("stripe_fee", stripe_fee, "Stripe processing fees"), ("tax", tax, "VAT"))
    return [
        {
            "amount": amount,
            "application": None,
            "currency": currency,
            "description": description,
            "type": type,
        }
        for type, amount, description in parts
        if amount
    ]


class BalanceLedger:
    """Enters transactions, makes them available, and knows which no payout has paid yet."""

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        store: Store,
        schedule: ActionSchedule,
        events: Events,
        *,
        livemode: bool,
        default_currency: str,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._store = store
        self._schedule = schedule
        self._events = events
        self._livemode = livemode
        self._default_currency = default_currency
        self._pending: dict[int, list[Json]] = {}  # available_on -> transactions
        self._unpaid: dict[str, dict[str, Json]] = {}  # currency -> id -> transaction
        self._members: dict[str, list[str]] = {}  # payout -> transactions

    def enter(
        self,
        *,
        type: str,
        reporting_category: str,
        amount_minor: int,
        currency: str,
        source: str | None,
        description: str | None = None,
        fees: Sequence[Json] = (),
        available_after_days: int = 0,
        payable: bool = True,
    ) -> Json:
        """A new transaction, available at once or at midnight so many days later.

        `payable` False keeps it out of the next automatic payout (an automatic payout's own).
        """
        now = self._clock.now()
        fee = sum(part["amount"] for part in fees)
        available_on = now
        if available_after_days:
            day = now.astimezone(UTC).date() + timedelta(days=available_after_days)
            available_on = datetime.combine(day, time(), UTC)
        txn: Json = {
            "id": self._ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount_minor,
            "available_on": seconds(available_on),
            "balance_type": "payments",
            "created": seconds(now),
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": list(fees),
            "net": amount_minor - fee,
            "reporting_category": reporting_category,
            "source": source,
            "status": "available" if available_on <= now else "pending",
            "type": type,
        }
        self._store.put(txn)
        if txn["status"] == "pending":
            self._wait(txn, available_on)
        elif payable:
            self._unpaid.setdefault(currency, {})[txn["id"]] = txn
        return txn

    def _wait(self, txn: Json, available_on: datetime) -> None:
        waiting = self._pending.get(txn["available_on"])
        if waiting is not None:
            waiting.append(txn)
            return
        self._pending[txn["available_on"]] = [txn]
        self._schedule.at(available_on, self._arrive(txn["available_on"]))

    def _arrive(self, available_on: int) -> Callable[[], None]:
        def arrive() -> None:
            for txn in self._pending.pop(available_on):
                txn["status"] = "available"
                self._unpaid.setdefault(txn["currency"], {})[txn["id"]] = txn
            balance = self.balance()
            if any(part["amount"] > 0 for part in balance["available"]):
                self._events.emit("balance.available", balance)  # never for negative balances

        return arrive

    # --- payouts ----------------------------------------------------------------------------

    def payable(self) -> dict[str, int]:
        """Available and not yet paid out, by currency, in minor units."""
        return {
            currency: sum(txn["net"] for txn in members.values())
            for currency, members in self._unpaid.items()
        }

    def pay_out(self, payout: str, currency: str) -> None:
        """Make everything payable in a currency a member of this payout."""
        self._members[payout] = list(self._unpaid.pop(currency, {}))

    def assign(self, payout: str, members: Sequence[str]) -> None:
        """Name the members of a payout that was not made here."""
        self._members[payout] = list(members)

    def members(self, payout: str) -> list[str] | None:
        """Ids of the members of a payout, without its own transaction; None: not known."""
        return self._members.get(payout)

    # --- sums -------------------------------------------------------------------------------

    def balance(self) -> Json:
        """The balance object: available and pending by currency, as sums; other balances only
        where there is something."""
        sums: dict[str, dict[str, int]] = {self._default_currency: {}}
        others: dict[str, dict[str, dict[str, int]]] = {}
        for txn in reversed(list(self._store.newest_first("balance_transaction"))):
            kind = txn.get("balance_type", "payments")
            mine = sums if kind == "payments" else others.setdefault(kind, {})
            part = mine.setdefault(txn["currency"], {})
            part[txn["status"]] = part.get(txn["status"], 0) + txn["net"]
        balance = {
            "object": "balance",
            "available": _amounts(sums, "available"),
            "connect_reserved": [_amount(currency, 0) for currency in sums],
            "livemode": self._livemode,
            "pending": _amounts(sums, "pending"),
        }
        for kind, parts in TOLD_BALANCES.items():
            if kind in others:
                balance[kind] = {part: _amounts(others[kind], part) for part in parts}
        return balance

    def available_minor(self, currency: str) -> int:
        """The available balance of one currency."""
        return sum(
            part["amount"] for part in self.balance()["available"] if part["currency"] == currency
        )


def _amount(currency: str, amount_minor: int) -> dict[str, Any]:
    return {"amount": amount_minor, "currency": currency}


def _amounts(sums: dict[str, dict[str, int]], status: str) -> list[Json]:
    return [
        _amount(currency, part.get(status, 0)) | {"source_types": {"card": part.get(status, 0)}}
        for currency, part in sums.items()
    ]
