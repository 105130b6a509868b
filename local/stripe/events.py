"""Events: what happened, in the envelope of https://docs.stripe.com/api/events/object."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from local.stripe.ids import Ids
from local.stripe.old_shapes import differs, of_2020
from local.stripe.settings import OLD_API_VERSION, WebhookTarget
from local.stripe.store import Store, clone
from shared.ports import Clock, Json


class Events:
    """Makes events, keeps them, and hands them to the delivery.

    `old_shape` decides for each event whether its endpoint gets the API shape of 2020. `publish`
    takes every event to the other destination, Event Grid.
    """

    def __init__(
        self,
        clock: Clock,
        ids: Ids,
        store: Store,
        *,
        target: WebhookTarget | None,
        api_version: str,
        livemode: bool,
        deliver: Callable[[Json], None],
        old_shape: Callable[[], bool],
        publish: Callable[[Json], None],
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._store = store
        self._target = target
        self._api_version = api_version
        self._livemode = livemode
        self._deliver = deliver
        self._old_shape = old_shape
        self._publish = publish
        self._request: Json | None = None

    @contextmanager
    def on_request(self, id: str, idempotency_key: str | None) -> Iterator[None]:
        """Events made inside are said to be caused by this API request."""
        self._request = {"id": id, "idempotency_key": idempotency_key}
        try:
            yield
        finally:
            self._request = None

    def emit(self, type: str, obj: Json, previous: Json | None = None) -> Json:
        """Record that something happened to an object, now; `previous` only on `*.updated`."""
        snapshot, version = clone(obj), self._api_version
        if differs(obj) and self._old_shape():
            snapshot, version = of_2020(self._store, snapshot), OLD_API_VERSION
        data: Json = {"object": snapshot}
        if previous is not None:
            data["previous_attributes"] = clone(previous)
        wanted = self._target is not None and self._target.wants(type)
        event: Json = {
            "id": self._ids.new("evt"),
            "object": "event",
            "api_version": version,
            "created": seconds(self._clock.now()),
            "data": data,
            "livemode": self._livemode,
            "pending_webhooks": int(wanted),
            "request": self._request or {"id": None, "idempotency_key": None},
            "type": type,
        }
        self._store.put(event)
        if wanted:
            self._deliver(event)
        self._publish(event)
        return event


def seconds(moment: datetime) -> int:
    """A moment as Stripe writes it."""
    return int(moment.timestamp())
