"""Test payment methods of https://docs.stripe.com/testing and what becomes of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a payment fails: `code` and `decline_code` as Stripe's."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How payments with a method turn out.

    `dispute`: the reason of the dispute that follows (`inquiry`: without money moving).
    `refund`: what becomes of refunds (`succeeded`, `pending` first, or `failed` later).
    `delayed`: success or failure is known only days later.
    """

    decline: Decline | None = None
    attach_decline: Decline | None = None
    bypass_pending: bool = False
    dispute: str | None = None
    inquiry: bool = False
    requires_action: bool = False
    refund: str = "succeeded"
    delayed: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A test payment method."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    country: str = "US"
    type: str = "card"
    behaviour: Behaviour = Behaviour()


GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", "Your card was declined.")
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
FRAUD = Decline("card_declined", "fraudulent", "Your card was declined.")
EXPIRED = Decline("expired_card", None, "Your card has expired.")
CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again later."
)
ACTION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NO_ACCOUNT = Decline("no_account", None, "The bank account could not be located.")


def _declining(decline: Decline, last4: str, *, attaches: bool = False) -> Method:
    refused = None if attaches else decline
    return Method(last4=last4, behaviour=Behaviour(decline=decline, attach_decline=refused))


_BY_NAME: dict[str, Method] = {
    "visa": Method(),
    "visa_debit": Method(last4="5556", funding="debit"),
    "mastercard": Method("mastercard", "4444"),
    "mastercard_debit": Method("mastercard", "8210", "debit"),
    "mastercard_prepaid": Method("mastercard", "5100", "prepaid"),
    "amex": Method("amex", "8431"),
    "discover": Method("discover", "9424"),
    "diners": Method("diners", "0004"),
    "jcb": Method("jcb", "0505", country="JP"),
    "unionpay": Method("unionpay", "0005", country="CN"),
    "de": Method(last4="0016", country="DE"),
    "fr": Method(last4="0003", country="FR"),
    "gb": Method(last4="0000", country="GB"),
    "jp": Method(last4="0003", country="JP"),
    "us": Method(),
    "chargeDeclined": _declining(GENERIC, "0002"),
    "visa_chargeDeclined": _declining(GENERIC, "0002"),
    "chargeDeclinedInsufficientFunds": _declining(FUNDS, "9995"),
    "visa_chargeDeclinedInsufficientFunds": _declining(FUNDS, "9995"),
    "visa_chargeDeclinedLostCard": _declining(LOST, "9987"),
    "visa_chargeDeclinedStolenCard": _declining(STOLEN, "9979"),
    "chargeDeclinedFraudulent": _declining(FRAUD, "0019"),
    "chargeDeclinedExpiredCard": _declining(EXPIRED, "0069"),
    "chargeDeclinedIncorrectCvc": _declining(CVC, "0127"),
    "chargeDeclinedProcessingError": _declining(PROCESSING, "0119"),
    "chargeCustomerFail": _declining(GENERIC, "0341", attaches=True),
    "bypassPending": Method(last4="0077", behaviour=Behaviour(bypass_pending=True)),
    "createDispute": Method(last4="0259", behaviour=Behaviour(dispute="fraudulent")),
    "createDisputeProductNotReceived": Method(
        last4="2685", behaviour=Behaviour(dispute="product_not_received")
    ),
    "createDisputeInquiry": Method(
        last4="1976", behaviour=Behaviour(dispute="fraudulent", inquiry=True)
    ),
    "refundFail": Method(last4="5126", behaviour=Behaviour(refund="failed")),
    "pendingRefund": Method(last4="7726", behaviour=Behaviour(refund="pending")),
    "authenticationRequired": Method(last4="3184", behaviour=Behaviour(requires_action=True)),
    "threeDSecure2Required": Method(last4="3220", behaviour=Behaviour(requires_action=True)),
    "threeDSecureRequired": Method(last4="3063", behaviour=Behaviour(requires_action=True)),
}
_DELAYED = Behaviour(delayed=True)
_ACH = Method("", "6789", "debit", type="us_bank_account", behaviour=_DELAYED)

MAGIC: Mapping[str, Method] = {
    **{f"pm_card_{name}": method for name, method in _BY_NAME.items()},
    **{f"tok_{name}": method for name, method in _BY_NAME.items()},
    "pm_usBankAccount_success": _ACH,
    "pm_usBankAccount_noAccount": replace(
        _ACH, last4="1111", behaviour=Behaviour(decline=NO_ACCOUNT, delayed=True)
    ),
}
"""By the id that stands for the method in requests: `pm_card_visa`, `tok_visa`, ..."""

NUMBERS: Mapping[str, str] = {
    "4242424242424242": "pm_card_visa",
    "4000056655665556": "pm_card_visa_debit",
    "5555555555554444": "pm_card_mastercard",
    "378282246310005": "pm_card_amex",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000000000000077": "pm_card_bypassPending",
    "4000000000000259": "pm_card_createDispute",
    "4000000000001976": "pm_card_createDisputeInquiry",
    "4000000000005126": "pm_card_refundFail",
    "4000000000007726": "pm_card_pendingRefund",
}
"""Test card numbers."""

_SEPA = Method("", "3000", "debit", "DE", "sepa_debit", _DELAYED)
_REFUSED = Behaviour(decline=NO_ACCOUNT, delayed=True)
IBANS: Mapping[str, Method] = {
    "AT611904300234573201": replace(_SEPA, last4="3201", country="AT"),
    "AT321904300235473204": replace(_SEPA, last4="3204", country="AT"),
    "AT861904300235473202": replace(_SEPA, last4="3202", country="AT", behaviour=_REFUSED),
    "DE89370400440532013000": _SEPA,
    "DE62370400440532013001": replace(_SEPA, last4="3001", behaviour=_REFUSED),
    "IT60X0542811101000000123456": replace(_SEPA, last4="3456", country="IT", behaviour=_REFUSED),
}
"""Test IBANs for `sepa_debit`."""
