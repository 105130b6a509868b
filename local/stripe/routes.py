"""The table of requests the peer serves, and the types it only keeps and shows."""

from collections.abc import Mapping

from local.stripe import (
    accounts,
    balances,
    billing,
    catalogue,
    charges,
    checkout,
    customers,
    disputes,
    event_routes,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    webhook_endpoints,
)
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import retrieve_only, unrecognized
from local.stripe.expand import expand
from local.stripe.forms import read, texts, texts_of
from local.stripe.store import clone
from shared.ports import Json

ROUTES: tuple[ApiRoute, ...] = (
    *accounts.ROUTES,
    *customers.ROUTES,
    *payment_methods.ROUTES,
    *payment_intents.ROUTES,
    *charges.ROUTES,
    *refunds.ROUTES,
    *disputes.ROUTES,
    *balances.ROUTES,
    *payouts.ROUTES,
    *catalogue.ROUTES,
    *checkout.ROUTES,
    *billing.ROUTES,
    *event_routes.ROUTES,
    *webhook_endpoints.ROUTES,
)
KEPT: Mapping[str, str] = {
    "accounts": "account",
    "application_fees": "application_fee",
    "billing/alerts": "billing.alert",
    "billing/credit_grants": "billing.credit_grant",
    "billing/meters": "billing.meter",
    "files": "file",
    "mandates": "mandate",
    "payment_links": "payment_link",
    "plans": "plan",
    "promotion_codes": "promotion_code",
    "quotes": "quote",
    "radar/early_fraud_warnings": "radar.early_fraud_warning",
    "reporting/report_runs": "reporting.report_run",
    "reviews": "review",
    "setup_intents": "setup_intent",
    "sources": "source",
    "topups": "topup",
    "transfers": "transfer",
}
"""Path under /v1 -> type: stored through /_peer and retrieved, nothing else."""

type _Pattern = tuple[tuple[str, ...], ApiRoute]

_PARTS_OF_NESTED = 2  # `checkout/sessions`


def _by_size(routes: tuple[ApiRoute, ...]) -> Mapping[tuple[str, int], list[_Pattern]]:
    """Routes by method and number of path segments, so that few are tried for a request."""
    found: dict[tuple[str, int], list[_Pattern]] = {}
    for route in routes:
        segments = tuple(route.path.split("/"))
        found.setdefault((route.method, len(segments)), []).append((segments, route))
    return found


_ROUTES = _by_size(ROUTES)


def match(method: str, path: str) -> tuple[ApiRoute, tuple[str, ...]]:
    """The route of a request and the ids in its path. Raises `ApiError` 404."""
    segments = path.split("/")
    for pattern, route in _ROUTES.get((method, len(segments)), ()):
        pairs = tuple(zip(pattern, segments, strict=True))
        if all(part if want == "{}" else want == part for want, part in pairs):
            return route, tuple(part for want, part in pairs if want == "{}")
    return _kept(method, path, segments[2:])


def _kept(method: str, path: str, rest: list[str]) -> tuple[ApiRoute, tuple[str, ...]]:
    for size in (1, _PARTS_OF_NESTED):
        type = KEPT.get("/".join(rest[:size]))
        if type is None:
            continue
        if method != "GET" or len(rest) != size + 1:
            raise retrieve_only(method, path, type)

        def retrieve(core: Core, call: Call, type: str = type) -> Json:
            return core.find(type, call.ids[0])

        return ApiRoute("GET", path, retrieve), (rest[size],)
    raise unrecognized(method, path)


def perform(core: Core, route: ApiRoute, ids: tuple[str, ...], path: str, raw: Json) -> Json:
    """Do what a request asks and build its answer. Raises `ApiError`."""
    paths = texts(raw.pop("expand"), "expand") if "expand" in raw else []
    params = read(raw, route.spec, route.required)
    answer = route.handler(core, Call(path, ids, params))
    return expand(core.store, answer, paths)


def request(core: Core, method: str, path: str, params: Mapping[str, object]) -> Json:
    """A request made in process: no key, no faults, a copy as answer. Raises `ApiError`."""
    raw = {name: texts_of(value) for name, value in params.items()}
    route, ids = match(method, path)
    with core.events.on_request(core.ids.new("req"), None):
        return clone(perform(core, route, ids, path, raw))
