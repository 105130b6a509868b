"""Events as Event Grid hands them on: CloudEvents 1.0 around Stripe's snapshot and thin events.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md and
https://docs.stripe.com/event-destinations/eventgrid. A snapshot event carries the object. A thin
event of the v1 API (`v1.charge.succeeded`) names it as `related_object`. Where the account has
both, it names the snapshot event of the same fact as `snapshot_event`.
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.ids import EVENT_ID_CHARS_MAX, is_id
from shared.services.ingest.ingest import (
    BODY_BYTES_MAX,
    Arrival,
    MalformedEventError,
    arrival_of,
    id_and_type_of,
    json_in,
    livemode_of,
)

SPEC_VERSION = "1.0"
THIN = "v2.core.event"  # the `object` of a thin event
THIN_PREFIX = "v1."  # of the type of a thin event about an object of the v1 API
EVENTS_MAX = 100  # of one message; Event Grid puts one into each
_OF_CUSTOMER = re.compile(r"/v1/customers/([A-Za-z0-9_-]+)/.+")


def arrivals_in(body: bytes) -> list[Arrival]:
    """The Stripe events in a message of Event Grid: one CloudEvent, or an array of them.

    The events of an array are read all or none. Raises `MalformedEventError`.
    """
    if len(body) > BODY_BYTES_MAX:
        raise MalformedEventError(f"the body is larger than {BODY_BYTES_MAX} bytes")
    value = json_in(body)
    events = value if isinstance(value, list) else [value]
    if not 1 <= len(events) <= EVENTS_MAX:
        raise MalformedEventError(f"the body holds {len(events)} events, not 1 to {EVENTS_MAX}")
    return [_arrival_in(event) for event in events]


def _arrival_in(cloud_event: object) -> Arrival:
    if not isinstance(cloud_event, dict):
        raise MalformedEventError("the body is not a JSON object")
    if cloud_event.get("specversion") != SPEC_VERSION:
        raise MalformedEventError("the body is not a CloudEvent of version 1.0")
    data = cloud_event.get("data")
    if not isinstance(data, dict):
        raise MalformedEventError("the CloudEvent has no JSON object as data")
    return _thin(data) if data.get("object") == THIN else arrival_of(data)


def _thin(event: Mapping[str, Any]) -> Arrival:
    """A thin event as the snapshot event of the same fact would arrive, with its id."""
    id, type_ = id_and_type_of(event)
    livemode = livemode_of(event)
    twin = event.get("snapshot_event")
    if twin is not None and not (isinstance(twin, str) and is_id(twin, EVENT_ID_CHARS_MAX)):
        raise MalformedEventError("the event has no usable snapshot_event")
    account = event.get("context")
    return Arrival(
        id if twin is None else twin,
        type_.removeprefix(THIN_PREFIX),
        livemode,
        account if isinstance(account, str) else "",
        _named(event.get("related_object")),
    )


def _named(related: object) -> Mapping[str, Any]:
    """What a thin event tells of its object; of a part of a customer the customer, too."""
    if not isinstance(related, dict):
        return {}
    owner = _OF_CUSTOMER.fullmatch(str(related.get("url") or ""))
    named = {"id": related.get("id"), "object": related.get("type")}
    return named if owner is None else {**named, "customer": owner[1]}
