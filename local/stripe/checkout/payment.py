"""A customer pays on the page of a Checkout Session, or a bank decides days later."""

from collections.abc import Mapping
from typing import Any

from local.stripe import customers, intents, nested, tax_ids
from local.stripe.catalogue import coupons
from local.stripe.checkout import sessions
from local.stripe.checkout.blank import BLANK_DETAILS
from local.stripe.core import Core, merged
from local.stripe.errors import ApiError, missing_parameter
from local.stripe.payment_methods import resolve
from shared.ports import Json

SETTLED = ("processing", "requires_capture", "succeeded")
TO_CUSTOMER = ("address", "business_name", "email", "individual_name", "name", "phone")
DETAILS = (*TO_CUSTOMER, "tax_ids")


def complete(
    core: Core,
    session: Json,
    payment_method: str | None,
    *,
    details: Mapping[str, Any] | None = None,
    shipping: Mapping[str, Any] | None = None,
    shipping_rate: str | None = None,
) -> None:
    """Pay an open session; what the customer types in is `details` and `shipping`.

    A method that asks for authentication leaves the session open until that is passed. Raises
    `ApiError`: 402 for a declined card, after which the session is still open.
    """
    if session["status"] != "open":
        text = f"This Checkout Session is no longer active: its status is {session['status']}."
        raise ApiError(400, text)
    if shipping_rate is not None:
        exempt = (session["customer_details"] or {}).get("tax_exempt", "none")
        sessions.choose_shipping(core, session, shipping_rate, exempt)
        sessions.add_up(core, session)
    if payment_method is None and session["amount_total"]:
        raise missing_parameter("payment_method")
    method = None
    if payment_method is not None:
        method = resolve(core, payment_method, "payment_method")
    _collect(core, session, method, details or {}, shipping)
    customer = _customer(core, session)
    if method is None or not session["amount_total"]:
        session["payment_status"] = "no_payment_required"
        _completed(core, session)
        return
    intent = _intent(core, session, method, customer)
    intents.confirm(core, intent, {})
    _follow(core, session, intent)


def _collect(
    core: Core,
    session: Json,
    method: Json | None,
    details: Mapping[str, Any],
    shipping: Mapping[str, Any] | None,
) -> None:
    """Fill in what the page asks for: from what is typed, the payment method, the customer."""
    unknown = [name for name in details if name not in DETAILS]
    if unknown:
        raise ValueError(f"unknown details {unknown}; known: {', '.join(DETAILS)}")
    billing = (method or {}).get("billing_details") or {}
    held = core.store.get(session["customer"] or "") or {}
    known = session["customer_details"] or BLANK_DETAILS
    email = details.get("email") or known["email"] or billing.get("email")
    found = {name: details.get(name) or billing.get(name) or held.get(name) for name in TO_CUSTOMER}
    addresses = (each.get("address") for each in (details, billing, held))
    found["address"] = _whole(next((each for each in addresses if _filled(each)), None))
    found |= {"email": email, "tax_ids": _tax_ids(details)}
    session["customer_details"] = {**BLANK_DETAILS, **known, **found}
    goods_go_to = shipping or _asked(core, session).get("shipping")
    session["collected_information"] = {
        "business_name": found["business_name"],
        "individual_name": found["individual_name"],
        "shipping_details": None
        if goods_go_to is None
        else {"address": _whole(goods_go_to["address"]), "name": goods_go_to["name"]},
    }
    if method is not None:
        typed = {"email": email, "name": found["name"], "phone": found["phone"]}
        given = {name: value for name, value in typed.items() if value is not None}
        method["billing_details"] = billing | given | {"address": found["address"]}


def _tax_ids(details: Mapping[str, Any]) -> list[Json]:
    given = details.get("tax_ids", [])
    return [tax_ids.data(dict(each), f"tax_ids[{index}]") for index, each in enumerate(given)]


def _filled(address: Mapping[str, Any] | None) -> bool:
    return any(value is not None for value in (address or {}).values())


def _whole(address: Mapping[str, Any] | None) -> Json:
    return dict.fromkeys(nested.ADDRESS) | dict(address or {})


def _asked(core: Core, session: Json, name: str = "payment_intent_data") -> Json:
    asked: Json = core.store.beside(session["id"]).get("asked", {}).get(name, {})
    return asked


def _customer(core: Core, session: Json) -> str | None:
    """The customer who pays: the one given, changed where the session says so; a new one, where
    the session asks for it; or nobody."""
    details = dict(session["customer_details"])
    if not _filled(details["address"]):
        details["address"] = None
    goods = session["collected_information"]["shipping_details"]
    if session["customer"] is not None:
        wanted = _asked(core, session, "customer_update")
        typed = {"address": details["address"], "name": details["name"], "shipping": goods}
        changes = {
            name: value
            for name, value in typed.items()
            if wanted.get(name) == "auto" and value is not None
        }
        customer = core.find("customer", session["customer"])
        core.change(customer, changes, "customer.updated")
        return str(session["customer"])
    needed = (
        session["customer_creation"] == "always"
        or session["invoice_creation"]["enabled"]
        or _asked(core, session).get("setup_future_usage") is not None
    )
    if not needed:
        return None
    params = {name: details[name] for name in TO_CUSTOMER if details[name] is not None}
    params |= {"tax_id_data": details["tax_ids"]}
    params |= {} if goods is None else {"shipping": goods}
    session["customer"] = customers.create(core, params)["id"]
    core.store.relate(session)
    return str(session["customer"])


def _intent(core: Core, session: Json, method: Json, customer: str | None) -> Json:
    """The payment intent of a session: made when it is first paid, used again after a decline."""
    chosen = {"payment_method": method["id"], "status": "requires_confirmation"}
    if method["type"] not in session["payment_method_types"]:
        session["payment_method_types"] = [*session["payment_method_types"], method["type"]]
    if session["payment_intent"] is not None:
        intent = core.find("payment_intent", session["payment_intent"])
        return core.edit(intent, chosen | {"amount": session["amount_total"]}, None)
    asked = _asked(core, session)
    goods = session["collected_information"]["shipping_details"]
    intent = intents.blank(core) | asked | chosen
    intent |= {
        "amount": session["amount_total"],
        "currency": session["currency"],
        "customer": customer,
        "metadata": merged({}, asked.get("metadata", {})),
        "payment_method_types": [method["type"]],
        "shipping": asked.get("shipping") or goods,
    }
    core.store.put(intent)
    core.events.emit("payment_intent.created", intent)
    session["payment_intent"] = intent["id"]
    core.store.relate(session)
    watchers = core.watchers.setdefault(intent["id"], [])
    watchers.append(lambda intent: _follow(core, session, intent))
    return intent


def _follow(core: Core, session: Json, intent: Json) -> None:
    """Bring the session to where its payment intent is."""
    if session["status"] == "open" and intent["status"] in SETTLED:
        paid = intent["status"] == "succeeded"
        session["payment_status"] = "paid" if paid else "unpaid"
        _completed(core, session)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        if intent["status"] == "succeeded":
            session["payment_status"] = "paid"
            if intent["capture_method"] != "manual":
                core.events.emit("checkout.session.async_payment_succeeded", session)
        elif intent["status"] == "requires_payment_method":
            core.events.emit("checkout.session.async_payment_failed", session)


def _completed(core: Core, session: Json) -> None:
    sessions.close(core, session)
    session["status"] = "complete"
    for given in session["discounts"]:
        coupon = core.store.get(given["coupon"])
        if coupon is not None:
            coupons.redeem(coupon)
    core.events.emit("checkout.session.completed", session)
