"""Checkout Sessions, made: https://docs.stripe.com/api/checkout/sessions/create."""

from datetime import UTC, datetime
from typing import Any

from local.stripe import intents, nested
from local.stripe.catalogue import shipping_rates, tax_rates
from local.stripe.checkout import lines
from local.stripe.checkout.blank import BLANK_DETAILS, LIFE_SECONDS, blank
from local.stripe.core import Core
from local.stripe.currencies import MINIMUMS, spoken
from local.stripe.errors import ApiError, invalid, missing_parameter
from local.stripe.expand import lines_of
from shared.ports import Json

LIFE_SECONDS_MIN = 1_800


def create(core: Core, params: Json) -> Json:
    """A new open session. Raises `ApiError` where Stripe refuses."""
    _check(core, params)
    customer = core.given("customer", params, "customer")
    automatic = (params.get("automatic_tax") or {}).get("enabled", False)
    exempt = "none" if customer is None else customer.get("tax_exempt") or "none"
    terms = lines.Terms(_currency(core, params), automatic, exempt)
    session = blank(core, params, terms)
    if customer is not None or params.get("customer_email") is not None:
        email = params.get("customer_email") or (customer or {}).get("email")
        session["customer_details"] = BLANK_DETAILS | {"email": email, "tax_exempt": exempt}
    core.store.put(session, {"asked": _kept(params)})
    try:
        _fill(core, session, params, terms)
    except ApiError:
        for item in lines_of(core.store, session["id"]):
            core.store.remove(item["id"])
        core.store.remove(session["id"])
        raise
    ends = datetime.fromtimestamp(session["expires_at"], UTC)
    core.schedule.at(ends, lambda: expire(core, session), name=_alarm(session))
    return session


def _fill(core: Core, session: Json, params: Json, terms: lines.Terms) -> None:
    lines.build(core, session, params, terms)
    session["discounts"] = [
        {"coupon": given["coupon"], "promotion_code": None}
        for given in params.get("discounts") or []
    ]
    _offer_shipping(core, session, params, terms)
    add_up(core, session)
    total, currency = session["amount_total"], session["currency"]
    least = MINIMUMS.get(currency, 0)
    if 0 < total < least:
        text = (
            "The Checkout Session's total amount due must add up to at least "
            f"{spoken(least, currency)} {currency}"
        )
        raise ApiError(400, text, code="amount_too_small")


def _alarm(session: Json) -> str:
    return f"expire {session['id']}"


def _check(core: Core, params: Json) -> None:
    if params.get("mode") is None:
        text = "`mode` must be provided when using prices."
        raise ApiError(400, text, code="parameter_missing", param="mode")
    if params["mode"] != "payment":
        text = f"The local Stripe peer has no Checkout Sessions in `{params['mode']}` mode."
        raise invalid(text, "mode")
    page = params.get("ui_mode", "hosted_page")
    url = "success_url" if page == "hosted_page" else "return_url"
    if params.get(url) is None:
        raise missing_parameter(url)
    nested.only_one(params, "customer", "customer_email")
    nested.only_one(params, "customer", "customer_creation")
    if params.get("customer_update") is not None and params.get("customer") is None:
        text = "`customer_update` can only be used with `customer`."
        raise invalid(text, "customer_update")
    ends, now = params.get("expires_at"), core.now()
    if ends is not None and not LIFE_SECONDS_MIN <= ends - now <= LIFE_SECONDS:
        text = (
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from "
            "Checkout Session creation."
        )
        raise invalid(text, "expires_at")


def _currency(core: Core, params: Json) -> str:
    """What the session is in: as asked, else as its first line."""
    if params.get("currency") is not None:
        return str(params["currency"])
    given = (params.get("line_items") or [{}])[0]
    if given.get("price_data") is not None:
        return str(given["price_data"]["currency"])
    price = core.store.get(given.get("price") or "") or {}
    return str(price.get("currency", core.settings.default_currency))


def _kept(params: Json) -> Json:
    """What completion needs of the request, and no answer shows."""
    names = ("customer_update", "payment_intent_data")
    return {name: params.get(name) or {} for name in names}


def _offer_shipping(core: Core, session: Json, params: Json, terms: lines.Terms) -> None:
    offered = []
    for index, given in enumerate(params.get("shipping_options") or []):
        param = f"shipping_options[{index}]"
        data = given.get("shipping_rate_data")
        nested.only_one(given, "shipping_rate", "shipping_rate_data")
        if data is not None:
            rate = shipping_rates.create(core, data, f"{param}[shipping_rate_data]")
        elif given.get("shipping_rate") is not None:
            rate = shipping_rates.usable(core, given["shipping_rate"], f"{param}[shipping_rate]")
        else:
            raise missing_parameter(f"{param}[shipping_rate]")
        amount, _ = shipping_rates.amount_in(core, rate, terms.currency, param)
        offered.append({"shipping_amount": amount, "shipping_rate": rate["id"]})
    session["shipping_options"] = offered
    if offered:
        choose_shipping(core, session, offered[0]["shipping_rate"], terms.exempt)


def choose_shipping(core: Core, session: Json, id: str, exempt: str) -> None:
    """Ship by one of the options. Raises `ApiError` for a rate that is not offered.

    Only Stripe Tax taxes shipping; tax rates belong to line items.
    """
    if all(option["shipping_rate"] != id for option in session["shipping_options"]):
        text = f"The shipping rate {id} is not offered by this Checkout Session."
        raise invalid(text, "shipping_rate")
    rate = core.find("shipping_rate", id, "shipping_rate", status=400)
    amount, behavior = shipping_rates.amount_in(core, rate, session["currency"], "shipping_rate")
    taxed = session["automatic_tax"]["enabled"] and exempt not in lines.EXEMPT
    rates = tax_rates.automatic_rates(core, behavior) if taxed else ()
    counted = lines.counted(amount, rates)
    session["shipping_cost"] = {
        "amount_subtotal": counted.subtotal_minor,
        "amount_tax": counted.tax_minor,
        "amount_total": counted.total_minor,
        "shipping_rate": id,
    }
    taxes = lines.taxes_shown(counted, rates, automatic=True)
    core.store.beside(session["id"])["shipping_cost.taxes"] = taxes


def add_up(core: Core, session: Json) -> None:
    """The totals of the session, from its lines and its shipping."""
    found = lines.sums(core, session["id"])
    shipping: dict[str, Any] = session["shipping_cost"] or {}
    session["amount_subtotal"] = found["amount_subtotal"]
    session["amount_total"] = found["amount_total"] + shipping.get("amount_total", 0)
    session["total_details"] = {
        "amount_discount": found["amount_discount"],
        "amount_shipping": shipping.get("amount_subtotal", 0),
        "amount_tax": found["amount_tax"] + shipping.get("amount_tax", 0),
    }
    beside = core.store.beside(session["id"])
    taxes = beside.get("shipping_cost.taxes", [])
    beside["total_details.breakdown"] = lines.breakdown(core, session["id"], taxes)


def close(core: Core, session: Json) -> None:
    """The session is open no longer: its page is gone, it will not expire by itself."""
    core.schedule.cancel(_alarm(session))
    session["url"] = None


def expire(core: Core, session: Json) -> None:
    """Nobody paid in time, or the merchant ends the session."""
    close(core, session)
    session["status"] = "expired"
    intent = core.store.get(session["payment_intent"] or "")
    if intent is not None and intent["status"] in intents.CANCELABLE:
        intents.cancel(core, intent, "automatic")
    core.events.emit("checkout.session.expired", session)
