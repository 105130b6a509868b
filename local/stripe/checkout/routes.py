"""Requests about Checkout Sessions, and what their page asks for."""

from local.stripe.checkout import params as specs
from local.stripe.checkout import payment, sessions
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import ApiError
from local.stripe.expand import lines_of
from local.stripe.lists import equal_to, listing, within_object
from shared.ports import Json

TYPE = "checkout.session"


def _create(core: Core, call: Call) -> Json:
    return sessions.create(core, call.params)


def _retrieve(core: Core, call: Call) -> Json:
    return core.find(TYPE, call.ids[0])


def _update(core: Core, call: Call) -> Json:
    session = core.find(TYPE, call.ids[0])
    if "metadata" in call.params:
        held = session.get("metadata") or {}
        session["metadata"] = merged(held, call.params["metadata"])  # there is no event for it
    return session


def _list(core: Core, call: Call) -> Json:
    same = equal_to(call.params, "customer", "payment_intent", "status")
    email = (call.params.get("customer_details") or {}).get("email")

    def keep(session: Json) -> bool:
        details = session.get("customer_details") or {}
        return same(session) and (email is None or details.get("email") == email)

    return listing(core, call, TYPE, keep)


def _line_items(core: Core, call: Call) -> Json:
    session = core.find(TYPE, call.ids[0])
    inside = session.get("line_items")
    items = inside["data"] if isinstance(inside, dict) else lines_of(core.store, session["id"])
    return within_object(call, "item", items)


def _expire(core: Core, call: Call) -> Json:
    session = core.find(TYPE, call.ids[0])
    if session["status"] != "open":
        text = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of `{session['status']}`."
        )
        raise ApiError(400, text)
    sessions.expire(core, session)
    return session


def _page(core: Core, call: Call) -> Json:
    """What the page of a session shows; the Stripe CLI reads it before it pays."""
    session = core.find(TYPE, call.ids[0])
    return {
        "id": f"ppage_{session['id'].rpartition('_')[2]}",
        "object": "payment_page",
        "currency": session["currency"],
        "livemode": session["livemode"],
        "mode": session["mode"],
        "payment_status": session["payment_status"],
        "session_id": session["id"],
        "status": session["status"],
        "total_summary": {
            "due": session["amount_total"],
            "subtotal": session["amount_subtotal"],
            "total": session["amount_total"],
        },
    }


def _confirm(core: Core, call: Call) -> Json:
    session = core.find(TYPE, call.ids[0])
    expected = call.params.get("expected_amount")
    if expected is not None and expected != session["amount_total"]:
        text = (
            f"The expected amount {expected} is not what is due: {session['amount_total']}. The "
            "Checkout Session was changed."
        )
        raise ApiError(400, text, code="checkout_amount_mismatch", param="expected_amount")
    payment.complete(
        core,
        session,
        call.params.get("payment_method"),
        shipping_rate=call.params.get("shipping_rate"),
    )
    return _page(core, call)


ROUTES = (
    ApiRoute("POST", "/v1/checkout/sessions", _create, specs.CREATE),
    ApiRoute("GET", "/v1/checkout/sessions", _list, specs.LIST),
    ApiRoute("GET", "/v1/checkout/sessions/{}", _retrieve),
    ApiRoute("POST", "/v1/checkout/sessions/{}", _update, specs.UPDATE),
    ApiRoute("POST", "/v1/checkout/sessions/{}/expire", _expire),
    ApiRoute("GET", "/v1/checkout/sessions/{}/line_items", _line_items, specs.LINE_ITEMS),
    ApiRoute("GET", "/v1/payment_pages/{}", _page),
    ApiRoute("POST", "/v1/payment_pages/{}/confirm", _confirm, specs.CONFIRM),
)
