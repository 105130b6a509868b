"""`expand[]`, as https://docs.stripe.com/api/expanding_objects."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.stripe.errors import ApiError, not_expandable
from local.stripe.store import Store, ident
from shared.ports import Json

LEVELS_MAX = 4
SHOWN_MAX = 10  # lists inside objects are cut at ten

_ID = re.compile(r"[a-z]+_[A-Za-z0-9_]+")
_SOURCES = ("charge", "refund", "payout", "dispute")
_NOTHING: tuple[str, ...] = ()  # shown only when expanded, and the path ends there
TARGETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "charge": {
        "balance_transaction": ("balance_transaction",),
        "customer": ("customer",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
        "refunds": _NOTHING,
        "refunds.data": ("refund",),
    },
    "balance_transaction": {"source": _SOURCES},
    "refund": {
        "balance_transaction": ("balance_transaction",),
        "charge": ("charge",),
        "failure_balance_transaction": ("balance_transaction",),
        "payment_intent": ("payment_intent",),
    },
    "dispute": {"charge": ("charge",), "payment_intent": ("payment_intent",)},
    "payment_intent": {
        "customer": ("customer",),
        "latest_charge": ("charge",),
        "payment_method": ("payment_method",),
    },
    "payout": {
        "balance_transaction": ("balance_transaction",),
        "failure_balance_transaction": ("balance_transaction",),
    },
    "payment_method": {"customer": ("customer",)},
    "customer": {
        "invoice_settings.default_payment_method": ("payment_method",),
        "tax_ids": _NOTHING,
        "tax_ids.data": ("tax_id",),
    },
    "tax_id": {"customer": ("customer",), "owner.customer": ("customer",)},
    "product": {"default_price": ("price",)},
    "price": {"currency_options": _NOTHING, "product": ("product",), "tiers": _NOTHING},
    "coupon": {"applies_to": _NOTHING, "currency_options": _NOTHING},
    "tax_rate": {},
    "shipping_rate": {"fixed_amount.currency_options": _NOTHING},
    "discount": {"customer": ("customer",), "source.coupon": ("coupon",)},
    "checkout.session": {
        "customer": ("customer",),
        "discounts.coupon": ("coupon",),
        "line_items": _NOTHING,
        "line_items.data": ("item",),
        "payment_intent": ("payment_intent",),
        "shipping_cost.shipping_rate": ("shipping_rate",),
        "shipping_cost.taxes": _NOTHING,
        "shipping_options.shipping_rate": ("shipping_rate",),
        "total_details.breakdown": _NOTHING,
    },
    "credit_note": {
        "customer": ("customer",),
        "customer_balance_transaction": ("customer_balance_transaction",),
        "discount_amounts.discount": ("discount",),
        "invoice": ("invoice",),
        "lines": _NOTHING,
        "lines.data": ("credit_note_line_item",),
        "refunds.refund": ("refund",),
    },
    "credit_note_line_item": {"discount_amounts.discount": ("discount",)},
    "customer_balance_transaction": {
        "credit_note": ("credit_note",),
        "customer": ("customer",),
        "invoice": ("invoice",),
    },
    "invoice": {
        "confirmation_secret": _NOTHING,
        "customer": ("customer",),
        "default_payment_method": ("payment_method",),
        "discounts": ("discount",),
        "lines": _NOTHING,
        "lines.data": ("line_item",),
        "parent.subscription_details.subscription": ("subscription",),
        "payments": _NOTHING,
        "payments.data": ("invoice_payment",),
        "shipping_cost.shipping_rate": ("shipping_rate",),
        "total_discount_amounts.discount": ("discount",),
    },
    "invoiceitem": {
        "customer": ("customer",),
        "discounts": ("discount",),
        "invoice": ("invoice",),
        "pricing.price_details.price": ("price",),
    },
    "line_item": {
        "discount_amounts.discount": ("discount",),
        "discounts": ("discount",),
        "pricing.price_details.price": ("price",),
        "subscription": ("subscription",),
    },
    "subscription": {
        "customer": ("customer",),
        "default_payment_method": ("payment_method",),
        "discounts": ("discount",),
        "items": _NOTHING,
        "items.data": ("subscription_item",),
        "latest_invoice": ("invoice",),
        "schedule": ("subscription_schedule",),
    },
    "subscription_item": {"discounts": ("discount",), "price": ("price",)},
    "subscription_schedule": {
        "customer": ("customer",),
        "phases.items.price": ("price",),
        "released_subscription": ("subscription",),
        "subscription": ("subscription",),
    },
    "item": {
        "discounts": _NOTHING,
        "discounts.discount": ("discount",),
        "price": ("price",),
        "taxes": _NOTHING,
    },
    "invoice_payment": {
        "invoice": ("invoice",),
        "payment.payment_intent": ("payment_intent",),
        "payment.payment_record": ("payment_record",),
    },
    "event": {},
    "balance": {},
}
"""By type: dotted paths that expand, and the types they lead to."""


def expand(store: Store, answer: Json, paths: Sequence[str]) -> Json:
    """The answer with what the paths name put in place of ids. Raises `ApiError`.

    Types the peer does not act on have no table: there any id expands. An id whose object is
    not here (a stored world may be incomplete) stays an id.
    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > LEVELS_MAX:
            text = f"You cannot expand more than {LEVELS_MAX} levels of a property. Property: "
            raise ApiError(400, text + path, param="expand")
        if answer.get("object") == "list":
            if parts[0] != "data" or not parts[1:]:
                raise not_expandable(path)
            parts = parts[1:]
            _check(answer["data"], parts, path)
            answer = {**answer, "data": [_expand(store, o, parts, path) for o in answer["data"]]}
        else:
            _check([answer], parts, path)
            answer = _expand(store, answer, parts, path)
    return answer


def _check(objects: list[Json], parts: list[str], path: str) -> None:
    types = tuple(dict.fromkeys(obj["object"] for obj in objects))
    if types and not any(_leads(type, parts) for type in types):
        raise not_expandable(path)


def _leads(type: str, parts: list[str]) -> bool:
    if not parts or type not in TARGETS:
        return True
    size = _size_of(type, parts)
    rest = parts[size:]
    types = TARGETS[type][".".join(parts[:size])] if size else ()
    return bool(size) and (not rest or any(_leads(target, rest) for target in types))


def _size_of(type: str, parts: list[str]) -> int:
    """How many parts the longest expandable path of the type takes; 0: none begins so."""
    sizes = range(len(parts), 0, -1)
    return next((size for size in sizes if ".".join(parts[:size]) in TARGETS[type]), 0)


def _expand(store: Store, obj: Json, parts: list[str], path: str) -> Json:
    if not parts:
        return obj
    if obj.get("object") not in TARGETS:
        return _expand_unknown(store, obj, parts, path)
    size = _size_of(obj["object"], parts)
    if not size:
        return obj  # polymorphic: another type of this list or field has it
    shown = _shown(store, obj, parts[:size])

    def follow(value: object) -> object:
        if isinstance(value, str):
            found = store.get(value)
            return value if found is None else _expand(store, found, parts[size:], path)
        if isinstance(value, dict) and value.get("object", "list") != "list":
            return _expand(store, value, parts[size:], path)
        return value

    expanded: Json = _at(shown, parts[:size], follow)
    return expanded


def _at(value: Any, names: list[str], change: Callable[[object], object]) -> Any:  # noqa: ANN401
    """A copy in which what lies at a path (of each item, where there are lists) is changed."""
    if isinstance(value, list):
        return [_at(item, names, change) for item in value]
    if not names:
        return change(value)
    if not isinstance(value, dict) or names[0] not in value:
        return value
    return {**value, names[0]: _at(value[names[0]], names[1:], change)}


def _shown(store: Store, obj: Json, names: list[str]) -> Json:
    """The object with the member of that path, where it is shown only when asked for."""
    make = LISTS.get((obj["object"], names[0]))
    if make is not None and not isinstance(obj.get(names[0]), dict):
        return {**obj, names[0]: make(store, obj["id"])}
    hidden = store.beside(obj["id"]) if "id" in obj else {}
    for size in range(len(names), 0, -1):
        name = ".".join(names[:size])
        if name in hidden:
            return _with(obj, names[:size], hidden[name])
    return obj


def _with(obj: Json, names: list[str], value: object) -> Json:
    if len(names) == 1:
        return {**obj, names[0]: value}
    inner = obj.get(names[0])
    return {**obj, names[0]: _with(inner, names[1:], value)} if isinstance(inner, dict) else obj


def _expand_unknown(store: Store, obj: Json, parts: list[str], path: str) -> Json:
    name, rest = parts[0], parts[1:]
    value = obj.get(name)
    if isinstance(value, dict) and value.get("object") == "list":
        value = {**value, "data": [_expand(store, item, rest[1:], path) for item in value["data"]]}
    elif isinstance(value, str):
        found = store.get(value)
        if found is not None:
            value = _expand(store, found, rest, path)
        elif not _ID.fullmatch(value):
            raise not_expandable(path)
    elif isinstance(value, dict) and "object" in value:
        value = _expand(store, value, rest, path)
    elif value is not None:
        raise not_expandable(path)
    return {**obj, name: value}


def cut(objects: Sequence[Json], url: str) -> Json:
    """A list inside an object: its first ten."""
    return {
        "object": "list",
        "data": list(objects[:SHOWN_MAX]),
        "has_more": len(objects) > SHOWN_MAX,
        "url": url,
    }


def refunds_of(store: Store, charge: str) -> Json:
    """The list of refunds inside a charge: the ten newest."""
    newest = store.newest_first("refund", charge)
    found = [refund for refund in newest if ident(refund.get("charge")) == charge]
    return cut(found, f"/v1/charges/{charge}/refunds") | {"total_count": len(found)}


def tax_ids_of(store: Store, customer: str) -> Json:
    """The list of tax ids inside a customer."""
    return cut(list(store.newest_first("tax_id", customer)), f"/v1/customers/{customer}/tax_ids")


def lines_of(store: Store, session: str) -> list[Json]:
    """All line items of a Checkout Session, in the order of the request that made it."""
    return _kept_of(store, session, "lines")


def _kept_of(store: Store, id: str, name: str) -> list[Json]:
    """The objects whose ids stand beside another one."""
    ids: list[str] = store.beside(id).get(name, [])
    return [found for each in ids if (found := store.get(each)) is not None]


def invoice_lines_of(store: Store, invoice: str) -> list[Json]:
    """All lines of an invoice that was made here."""
    return _kept_of(store, invoice, "lines")


def credit_note_lines_of(store: Store, credit_note: str) -> list[Json]:
    """All lines of a credit note that was made here."""
    return _kept_of(store, credit_note, "lines")


def items_of(store: Store, subscription: str) -> list[Json]:
    """The items of a subscription that was made here."""
    return _kept_of(store, subscription, "items")


def payments_of(store: Store, invoice: str) -> Json:
    """The list of payments inside an invoice: the ten newest."""
    return cut(list(store.newest_first("invoice_payment", invoice)), "/v1/invoice_payments")


def _line_items_of(store: Store, session: str) -> Json:
    return cut(lines_of(store, session), f"/v1/checkout/sessions/{session}/line_items")


LISTS: Mapping[tuple[str, str], Callable[[Store, str], Json]] = {
    ("charge", "refunds"): refunds_of,
    ("checkout.session", "line_items"): _line_items_of,
    ("customer", "tax_ids"): tax_ids_of,
    ("invoice", "payments"): payments_of,
}
"""Lists inside objects that are shown only when expanded."""
