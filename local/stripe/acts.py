"""What people and banks do: acts that need no request to the API."""

from collections.abc import Mapping
from typing import Any

from local.stripe import (
    billing,
    checkout,
    disputes,
    intents,
    payments,
    payouts,
    refunds,
)
from local.stripe.catalogue import prices
from local.stripe.core import Core
from local.stripe.store import clone
from shared.ports import Json


class Acts:
    """Acts on an account, named after who does what.

    All raise `KeyError` for unknown ids and `ValueError` where the act is impossible.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def _find(self, type: str, id: str) -> Json:
        found = self._core.store.get(id)
        if found is None or found["object"] != type:
            raise KeyError(f"no {type} {id}")
        return found

    # --- customers --------------------------------------------------------------------------

    def complete_checkout(
        self,
        session: str,
        payment_method: str | None = "pm_card_visa",
        *,
        details: Mapping[str, Any] | None = None,
        shipping: Mapping[str, Any] | None = None,
        shipping_rate: str | None = None,
    ) -> Json:
        """The customer fills in the page of an open Checkout Session and pays.

        `details`: what is typed in (`name`, `email`, `phone`, `address`, `business_name`,
        `individual_name`, `tax_ids` of `type` and `value`); `shipping`: `name` and `address`;
        `shipping_rate`: which of the options, else the first. Answers a copy of the session. A
        declined card raises `ApiError` (402) and leaves it open; a method that asks for
        authentication leaves it open until `authenticate`.
        """
        found = self._find("checkout.session", session)
        if found["status"] != "open":
            raise ValueError(f"Checkout Session {session} is {found['status']}")
        checkout.complete(
            self._core,
            found,
            payment_method,
            details=details,
            shipping=shipping,
            shipping_rate=shipping_rate,
        )
        return clone(found)

    def authenticate(self, payment_intent: str) -> None:
        """The customer passes the 3-D Secure step; a decline raises `ApiError`."""
        intent = self._find("payment_intent", payment_intent)
        if intent["status"] != "requires_action":
            raise ValueError(f"payment intent {payment_intent} is {intent['status']}")
        intents.pay(self._core, intent)

    def dispute_charge(
        self,
        charge: str,
        *,
        reason: str = "fraudulent",
        inquiry: bool = False,
        amount_minor: int | None = None,
    ) -> str:
        """The customer disputes a charge, all that is left of it or a part. Returns the id."""
        found = self._find("charge", charge)
        made = disputes.open_(self._core, found, reason, amount_minor, inquiry=inquiry)
        return str(made["id"])

    def escalate_dispute(self, dispute: str) -> None:
        """The inquiry becomes a chargeback: funds are withdrawn."""
        disputes.escalate(self._core, self._find("dispute", dispute))

    def win_dispute(self, dispute: str, *, after_loss: bool = False) -> None:
        """The bank decides for the merchant: amount and fee come back."""
        disputes.win(self._core, self._find("dispute", dispute), after_loss=after_loss)

    def lose_dispute(self, dispute: str) -> None:
        """The bank decides for the customer, or an inquiry ends."""
        disputes.lose(self._core, self._find("dispute", dispute))

    def prevent_dispute(self, dispute: str) -> None:
        """The dispute is settled before the bank decides; the money stays with the customer."""
        disputes.prevent(self._core, self._find("dispute", dispute))

    def fail_payment(self, charge: str) -> None:
        """A payment by a delayed method is taken back after it had succeeded."""
        found = self._find("charge", charge)
        payments.fail_late(self._core, found)
        intents.failed_late(self._core, found)

    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> None:
        """The refund cannot be paid to the customer; the money comes back."""
        refunds.fail(self._core, self._find("refund", refund), reason)

    def fail_payout(self, payout: str, code: str = "account_closed") -> None:
        """The bank returns a payout, even one that was paid."""
        payouts.fail(self._core, self._find("payout", payout), code)

    def bill_fee(self, amount_minor: int, currency: str, description: str) -> str:
        """Stripe bills a fee of its own (`stripe_fee`, no source, no event). Returns its id."""
        if amount_minor <= 0:
            raise ValueError(f"a billed fee must be positive, got {amount_minor}")
        txn = self._core.ledger.enter(
            type="stripe_fee",
            reporting_category="fee",
            amount_minor=-amount_minor,
            currency=currency,
            source=None,
            description=description,
        )
        return str(txn["id"])

    def enter_other(self, category: str, amount_minor: int, currency: str) -> str:
        """A transaction of another kind than this peer makes by itself, without source and event.
        Returns its id."""
        if not amount_minor:
            raise ValueError("a transaction needs an amount")
        txn = self._core.ledger.enter(
            type=category,
            reporting_category=category,
            amount_minor=amount_minor,
            currency=currency,
            source=None,
            description=category.replace("_", " "),
        )
        return str(txn["id"])

    # --- what the Dashboard and invoices do -------------------------------------------------

    def delete_price(self, price: str) -> None:
        """Delete a price, as only the Dashboard can (`price.deleted`)."""
        prices.delete(self._core, self._find("price", price))

    def record_invoice_payment(self, payment_intent: str, invoice: str, amount_minor: int) -> str:
        """A payment intent pays an invoice, now or when it succeeds. Returns the id of the
        invoice payment."""
        intent = self._find("payment_intent", payment_intent)
        return str(billing.record_payment(self._core, intent, invoice, amount_minor)["id"])
