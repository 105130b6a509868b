"""Sales of the simulated merchant, and what becomes of them: refunds, disputes, failures."""

import json
from collections.abc import Callable

from local.simulation.faults import Injector
from local.simulation.orders import Counter
from local.simulation.schedule import DAY, HOUR, Schedule
from local.stripe import StripePeer
from shared.ports import Json

CURRENCIES = (("usd", 0.48), ("eur", 0.3), ("jpy", 0.11), ("gbp", 0.07), ("chf", 0.04))
"""What is charged in, and how often. The last but one has no book at first, the last one never."""
HALF_PAIR = " Grüße \ud83d"  # a text that was cut in the middle of an emoji
SOON_SECONDS = (1.0, 600.0)
PRICES_MINOR = {
    "usd": (500, 25_000),
    "eur": (700, 30_000),
    "jpy": (800, 40_000),
    "gbp": (500, 9_000),
    "chf": (500, 9_000),
}
WAYS = (("card", 0.55), ("special", 0.15), ("bank", 0.15), ("parts", 0.1), ("password", 0.05))
CARDS = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_bypassPending")
SPECIAL_CARDS = (
    *("pm_card_createDispute", "pm_card_createDisputeInquiry", "pm_card_refundFail"),
    *("pm_card_pendingRefund", "pm_card_chargeDeclined"),
)
SEQUELS = (("nothing", 0.6), ("refund", 0.14), ("parts", 0.14), ("dispute", 0.12))
NAMED_SHARE = 0.85  # of sales have a customer, the others are guests
PARTS_MAX = 3  # refunds of one charge


class Sales:
    """Sells, and plans what follows."""

    def __init__(
        self,
        peer: StripePeer,
        schedule: Schedule,
        injector: Injector,
        customer: Callable[[], str],
        counter: Counter | None,
    ) -> None:
        """`customer`: the id of somebody who buys, or empty; `counter`: where baskets are paid."""
        self._peer = peer
        self._schedule = schedule
        self._injector = injector
        self._customer = customer
        self._counter = counter
        self.count = 0

    def sell(self) -> str:
        """One sale, of any kind."""
        currency = self._schedule.one_of(CURRENCIES)
        params: dict[str, object] = {
            "amount": self._schedule.rng.randint(*PRICES_MINOR[currency]),
            "currency": currency,
            "confirm": True,
        }
        if self._injector.strikes("stripe_broken_text"):
            params["description"] = HALF_PAIR
        customer = self._customer() if self._schedule.happens(NAMED_SHARE) else ""
        if customer:
            params["customer"] = customer
        match self._schedule.one_of(WAYS):
            case "card":
                return self._by_card(params, self._schedule.rng.choice(CARDS))
            case "special":
                return self._by_card(params, self._schedule.rng.choice(SPECIAL_CARDS))
            case "bank":
                return self._by_bank(params)
            case "parts":
                return self._in_parts(params)
            case _:
                return self._with_password(params)

    def _charge(self, params: dict[str, object]) -> Json:
        self.count += 1
        return self._peer.request("POST", "/v1/payment_intents", params)

    def _by_card(self, params: dict[str, object], card: str) -> str:
        if self._counter is not None and self._counter.wants(str(params["currency"])):
            self.count += 1
            intent = self._counter.pay(card, str(params.get("customer", "")))
        else:
            intent = self._charge({**params, "payment_method": card})
        self._afterwards(intent)
        return f"{intent['latest_charge']} {intent['amount']} {intent['currency']} {card}"

    def _by_bank(self, params: dict[str, object]) -> str:
        """A delayed method: some payments fail at once, some days after they had succeeded."""
        method = "noAccount" if self._schedule.happens(0.2) else "success"
        method_id = f"pm_usBankAccount_{method}"
        intent = self._charge({**params, "currency": "usd", "payment_method": method_id})
        charge = str(intent["latest_charge"])

        def take_back() -> str:
            self._peer.fail_payment(charge)
            return charge

        if self._schedule.happens(0.4):
            self._schedule.soon(4 * DAY, 9 * DAY, "a bank takes a payment back", take_back)
        return f"{charge} {params['amount']} by bank"

    def _in_parts(self, params: dict[str, object]) -> str:
        """Authorised now, captured wholly or in part later, or released."""
        intent = self._charge(
            {**params, "payment_method": "pm_card_visa", "capture_method": "manual"}
        )
        id, amount = str(intent["id"]), int(str(params["amount"]))
        path = f"/v1/payment_intents/{id}"

        def release() -> object:
            return self._peer.request("POST", f"{path}/cancel")["id"]

        part = amount if self._schedule.happens(0.3) else self._schedule.rng.randint(1, amount)

        def capture() -> str:
            done = self._peer.request("POST", f"{path}/capture", {"amount_to_capture": part})
            self._afterwards(done)
            return f"{done['latest_charge']} {part} of {amount}"

        if self._schedule.happens(0.2):
            self._schedule.soon(HOUR, 3 * DAY, "a release", release)
        else:
            self._schedule.soon(HOUR, 3 * DAY, "a capture", capture)
        return f"{id} {amount} authorised"

    def _with_password(self, params: dict[str, object]) -> str:
        """3-D Secure: the customer passes it some minutes later, or never."""
        intent = self._charge({**params, "payment_method": "pm_card_authenticationRequired"})
        id = str(intent["id"])

        def authenticate() -> str:
            self._peer.authenticate(id)
            return id

        if self._schedule.happens(0.8):
            self._schedule.soon(60, HOUR, "a customer authenticates", authenticate)
        return f"{id} needs authentication"

    # --- afterwards -------------------------------------------------------------------------

    def _afterwards(self, intent: Json) -> None:
        charge, amount = str(intent["latest_charge"]), int(intent["amount"])
        match self._schedule.one_of(SEQUELS):
            case "refund":
                self._plan_refund(charge, None)
            case "parts":
                for _ in range(self._schedule.rng.randint(1, PARTS_MAX)):
                    part = self._schedule.rng.randint(1, max(amount // PARTS_MAX, 1))
                    self._plan_refund(charge, part)
            case "dispute":
                self._schedule.soon(HOUR, 8 * DAY, "a dispute", lambda: self._dispute(charge))
            case _:
                pass

    def _plan_refund(self, charge: str, amount: int | None) -> None:
        self._schedule.soon(0, 12 * DAY, "a refund", lambda: self._refund(charge, amount))

    def _refund(self, charge: str, amount: int | None) -> str:
        params: dict[str, object] = {"charge": charge}
        if amount is not None:
            lines = self._counter.returned(charge, amount) if self._counter is not None else {}
            params["amount"] = sum(lines.values()) or amount
            if lines:
                params["metadata"] = {"lines": json.dumps(lines)}
        refund = self._peer.request("POST", "/v1/refunds", params)
        id = str(refund["id"])
        if self._injector.strikes("webhook_same_second", f"refund {id}"):
            self._peer.request("POST", f"/v1/refunds/{id}", {"metadata": {"note": "same second"}})

        def fail() -> str:
            self._peer.fail_refund(id)
            return id

        if self._injector.strikes("refund_fails_soon", id):
            self._schedule.soon(*SOON_SECONDS, "a refund fails", fail)
        elif self._schedule.happens(0.25):
            self._schedule.soon(HOUR, 5 * DAY, "a refund fails", fail)
        return f"{id} {refund['amount']} of {charge}"

    def _dispute(self, charge: str) -> str:
        inquiry = self._schedule.happens(0.4)
        id = self._peer.dispute_charge(charge, inquiry=inquiry)

        def escalate() -> str:
            self._peer.escalate_dispute(id)
            return id

        if inquiry and self._schedule.happens(0.6):
            self._schedule.soon(HOUR, 4 * DAY, "an inquiry escalates", escalate)
        if self._schedule.happens(0.5):
            self._schedule.soon(4 * DAY, 9 * DAY, "a dispute is won", lambda: self._win(id))
        else:
            self._schedule.soon(4 * DAY, 9 * DAY, "a dispute is lost", lambda: self._lose(id))
        return f"{id} of {charge}{', an inquiry' if inquiry else ''}"

    def _win(self, id: str, *, after_loss: bool = False) -> str:
        self._peer.win_dispute(id, after_loss=after_loss)
        return id

    def _lose(self, id: str) -> str:
        self._peer.lose_dispute(id)
        if self._schedule.happens(0.5):
            self._schedule.soon(
                DAY, 4 * DAY, "a dispute is won after all", lambda: self._win(id, after_loss=True)
            )
        return id
