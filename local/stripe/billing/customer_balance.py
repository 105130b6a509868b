"""The credit balance of a customer: https://docs.stripe.com/api/customer_balance_transactions.

A negative balance is a credit that the next invoice takes, a positive one a debt that it adds.
"""

from local.stripe import forms, nested
from local.stripe.core import ApiRoute, Call, Core, merged
from local.stripe.errors import missing
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

TYPE = "customer_balance_transaction"
DESCRIPTION_CHARS_MAX = 350


def move(
    core: Core,
    customer: Json,
    amount_minor: int,
    currency: str,
    type: str,
    *,
    invoice: str | None = None,
    credit_note: str | None = None,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Json:
    """Change the balance by an amount (negative: in favour of the customer) and say why."""
    txn = _noted(
        core,
        customer,
        amount_minor,
        currency,
        type,
        credit_note=credit_note,
        description=description,
        invoice=invoice,
        metadata=dict(metadata or {}),
    )
    changes: Json = {"balance": txn["ending_balance"]}
    if customer.get("currency", "") is None:
        changes["currency"] = currency
    core.change(customer, changes, "customer.updated")
    return txn


def set_to(core: Core, customer: Json, balance_minor: int, type: str) -> None:
    """Note the movement by which a customer request sets the balance; the request changes it."""
    moved = balance_minor - customer["balance"]
    if moved:
        currency = customer.get("currency") or core.settings.default_currency
        _noted(core, customer, moved, currency, type)


def _noted(
    core: Core,
    customer: Json,
    amount_minor: int,
    currency: str,
    type: str,
    **rest: str | dict[str, str] | None,
) -> Json:
    return core.store.put(
        {
            "id": core.ids.new("cbtxn"),
            "object": TYPE,
            "amount": amount_minor,
            "checkout_session": None,
            "created": core.now(),
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": None,
            "ending_balance": customer["balance"] + amount_minor,
            "invoice": None,
            "livemode": core.livemode,
            "metadata": {},
            "type": type,
            **rest,
        }
    )


def _alive(core: Core, id: str) -> Json:
    customer = core.find("customer", id)
    if customer.get("deleted"):
        raise missing("customer", id, "id")
    return customer


def _create(core: Core, call: Call) -> Json:
    params = call.params
    return move(
        core,
        _alive(core, call.ids[0]),
        params["amount"],
        params["currency"],
        "adjustment",
        description=params.get("description"),
        metadata=merged({}, params.get("metadata", {})),
    )


def _find(core: Core, call: Call) -> Json:
    found = core.find(TYPE, call.ids[1])
    if found["customer"] != call.ids[0]:
        raise missing(TYPE, call.ids[1], "id")
    return found


def _update(core: Core, call: Call) -> Json:
    return core.edit(_find(core, call), call.params, None)


def _list(core: Core, call: Call) -> Json:
    customer = _alive(core, call.ids[0])["id"]
    return listing(core, call, TYPE, equal_to({"customer": customer}, "customer"), customer)


_TEXTS: forms.Spec = {
    "description": nested.limited(DESCRIPTION_CHARS_MAX),
    "metadata": forms.metadata,
}
_PATH = "/v1/customers/{}/balance_transactions"
ROUTES = (
    ApiRoute(
        "POST",
        _PATH,
        _create,
        {**_TEXTS, "amount": forms.integer, "currency": forms.currency},
        ("amount", "currency"),
    ),
    ApiRoute("GET", _PATH, _list, PAGING),
    ApiRoute("GET", f"{_PATH}/{{}}", _find),
    ApiRoute("POST", f"{_PATH}/{{}}", _update, _TEXTS),
)
