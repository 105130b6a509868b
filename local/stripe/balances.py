"""Balance and balance transactions: https://docs.stripe.com/api/balance_transactions."""

from local.stripe import forms
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import ApiError, missing
from local.stripe.lists import PAGING, equal_to, listing
from local.stripe.membership import members_of
from local.stripe.store import ident
from shared.ports import Json


def _balance(core: Core, _call: Call) -> Json:
    return core.ledger.balance()


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("balance_transaction", call.ids[0])


def _list(core: Core, call: Call) -> Json:
    params = call.params
    keep = equal_to(params, "currency", "source", "type")
    if not params.get("payout"):
        return listing(core, call, "balance_transaction", keep)
    payout = core.store.get(params["payout"])
    if payout is None or payout["object"] != "payout":
        raise missing("payout", params["payout"], "payout", status=400)
    if not payout.get("automatic"):
        text = (
            "Balance transaction history can only be filtered on automatic transfers, not manual."
        )
        raise ApiError(400, text, param="payout")
    # As Stripe does, the payout's own transaction stands among the members.
    inside = dict.fromkeys([*members_of(core, payout), ident(payout.get("balance_transaction"))])
    return listing(core, call, "balance_transaction", lambda txn: txn["id"] in inside and keep(txn))


ROUTES = (
    ApiRoute("GET", "/v1/balance", _balance),
    ApiRoute(
        "GET",
        "/v1/balance_transactions",
        _list,
        {
            **PAGING,
            "currency": forms.currency,
            "payout": forms.text,
            "source": forms.text,
            "type": forms.text,
        },
    ),
    ApiRoute("GET", "/v1/balance_transactions/{}", _retrieve),
)
