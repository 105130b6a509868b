"""Reads of the Stripe API, and the writing of metadata.

https://docs.stripe.com/api?lang=python
"""

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import stripe

from shared.clients.stripe.errors import SYSTEM, translated
from shared.clients.stripe.http import HttpxTransport
from shared.clients.stripe.token_bucket import TokenBucket
from shared.clients.texts import cleaned
from shared.errors import CredentialsRefused, Refused, Throttled, Unavailable
from shared.ports import Chance, Clock, Json, Page

REQUESTS_PER_SECOND = 25  # Stripe's default limit per endpoint
REQUESTS_BURST = 25
WAIT_SECONDS_MAX = 20  # for a token; leases are longer
PAUSE_SECONDS = 1  # after a 429 that names no time: Stripe's usually do not

RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "account": "/v1/accounts",
        "application_fee": "/v1/application_fees",
        "balance_transaction": "/v1/balance_transactions",
        "charge": "/v1/charges",
        "checkout.session": "/v1/checkout/sessions",
        "checkout.session.line_item": "/v1/checkout/sessions/{session}/line_items",
        "coupon": "/v1/coupons",
        "credit_note": "/v1/credit_notes",
        "customer": "/v1/customers",
        "customer.tax_id": "/v1/customers/{customer}/tax_ids",
        "dispute": "/v1/disputes",
        "event": "/v1/events",
        "invoice": "/v1/invoices",
        "invoice_payment": "/v1/invoice_payments",
        "invoiceitem": "/v1/invoiceitems",
        "payment_intent": "/v1/payment_intents",
        "payment_method": "/v1/payment_methods",
        "payout": "/v1/payouts",
        "price": "/v1/prices",
        "product": "/v1/products",
        "refund": "/v1/refunds",
        "subscription": "/v1/subscriptions",
        "subscription_item": "/v1/subscription_items",
        "tax_rate": "/v1/tax_rates",
        "topup": "/v1/topups",
        "transfer": "/v1/transfers",
    }
)
"""Entities, by the value of their `object` field, and the paths of their lists. A list inside an
object takes the object's id out of the parameters."""

_PARENT = re.compile(r"\{([a-z]+)\}")
_API_KEY = re.compile("[!-~]+")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\-]{0,254}")  # no leading dot: no way up the path


class StripeApi:
    """`shared.ports.StripeGateway` over HTTPS.

    Objects are the JSON as Stripe sent it, never the SDK's classes (which turn amounts of
    `*_decimal` fields into `Decimal` and are no mappings). The API version is the one that the
    SDK pins. Nothing is retried here: the queue retries, on one back-off for all vendors.
    Raises the errors of `shared.clients.stripe.errors.TABLE` and no `StripeError`.

    `base_url` None is Stripe itself. `http` belongs to the caller, who closes it.
    """

    def __init__(
        self,
        api_key: str,
        http: httpx.AsyncClient,
        clock: Clock,
        chance: Chance,
        *,
        base_url: str | None = None,
        requests_per_second: float = REQUESTS_PER_SECOND,
        burst: float = REQUESTS_BURST,
        wait_seconds_max: float = WAIT_SECONDS_MAX,
    ) -> None:
        if not _API_KEY.fullmatch(api_key):
            raise CredentialsRefused(SYSTEM, "the API key is empty or holds blanks or controls")
        # Telemetry would write a file into the home directory and time requests by the machine.
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url.rstrip("/")} if base_url else {},
            http_client=HttpxTransport(http, clock),
            max_network_retries=0,
        )
        self._clock = clock
        self._chance = chance
        self._rate = requests_per_second
        self._burst = burst
        self._wait_seconds_max = wait_seconds_max
        self._buckets: dict[str, TokenBucket] = {}

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        """One object; `expand` names paths as Stripe writes them (`source`, `data.source`).

        An object that was deleted comes as `{"id": ..., "deleted": true}`.
        """
        path = _path(entity)
        if not _ID.fullmatch(id):
            raise Refused(SYSTEM, f"{id[:40]!r} is not an id of a {entity}")
        params = [(f"expand[{n}]", field) for n, field in enumerate(expand)]
        return await self._get(f"{path}/{quote(id, safe='')}", params, entity, id)

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        """One page of a list, newest first; `params` are Stripe's own, values as text or int.

        https://docs.stripe.com/api/pagination
        """
        path, query = _list_path(entity, params)
        answer = await self._get(path, query, entity, _named(params))
        data, has_more = answer.get("data"), answer.get("has_more")
        if not isinstance(data, list) or not isinstance(has_more, bool):
            raise Unavailable(SYSTEM, f"the answer to the list of {entity} is not a list")
        return Page(tuple(data), has_more)

    async def balance(self) -> Json:
        """The account's balance now: `available[]`, `pending[]`, per currency in minor units."""
        return await self._get("/v1/balance", [], "balance", "")

    async def note(
        self, entity: str, id: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> Json:
        """Set metadata of one object; an empty value removes its key.

        https://docs.stripe.com/api/metadata
        """
        path = _path(entity)
        if not _ID.fullmatch(id):
            raise Refused(SYSTEM, f"{id[:40]!r} is not an id of a {entity}")
        return await self._send(
            "post",
            f"{path}/{quote(id, safe='')}",
            entity,
            id,
            metadata=dict(metadata),
            idempotency_key=idempotency_key,
        )

    async def _get(
        self,
        path: str,
        params: Sequence[tuple[str, str | int]],
        entity: str,
        id: str,
    ) -> Json:
        # The query is written here: the SDK would take parameters such as `headers` for options.
        query = f"?{urlencode(params, safe='[]')}" if params else ""
        return await self._send("get", path + query, entity, id)

    async def _send(self, method: str, path: str, entity: str, id: str, **params: Any) -> Json:  # noqa: ANN401 - the SDK's parameters and options
        bucket = self._bucket(entity)
        await bucket.take()
        try:
            response = await self._client.raw_request_async(method, path, **params)
            raw = response.body.encode() if isinstance(response.body, str) else response.body
            body: Any = cleaned(raw, json.loads(raw))
        except stripe.StripeError as error:
            problem = translated(error, entity, id, self._clock.now())
            if isinstance(problem, Throttled):
                bucket.pause(problem.retry_after_seconds or PAUSE_SECONDS)
            raise problem from error
        except (AttributeError, ValueError, RecursionError) as error:
            # Answers of a proxy trip the SDK: an `error` that is a text, a body not in UTF-8,
            # JSON that is nested without end.
            raise Unavailable(SYSTEM, "the answer is not Stripe's") from error
        if not isinstance(body, dict):
            raise Unavailable(SYSTEM, f"the answer to {path} is not an object")
        return body

    def _bucket(self, entity: str) -> TokenBucket:
        if entity not in self._buckets:
            self._buckets[entity] = TokenBucket(
                self._clock,
                self._chance,
                tokens_per_second=self._rate,
                burst=self._burst,
                wait_seconds_max=self._wait_seconds_max,
                system=SYSTEM,
            )
        return self._buckets[entity]


def _path(entity: str) -> str:
    if entity not in RESOURCES:
        raise Refused(SYSTEM, f"no path is known for the entity {entity!r}")
    return RESOURCES[entity]


def _list_path(
    entity: str, params: Mapping[str, str | int]
) -> tuple[str, list[tuple[str, str | int]]]:
    """The path of a list and what remains for its query. Raises `Refused` for a parent's id that
    is none."""
    path = _path(entity)
    query = dict(params)
    for name in _PARENT.findall(path):
        parent = str(query.pop(name, ""))
        if not _ID.fullmatch(parent):
            raise Refused(SYSTEM, f"{parent[:40]!r} is not an id of a {name}")
        path = path.replace(f"{{{name}}}", quote(parent, safe=""))
    return path, list(query.items())


def _named(params: Mapping[str, str | int]) -> str:
    """The filters of a list, for the message that one of them is missing."""
    return ", ".join(f"{name}={value}" for name, value in params.items())
