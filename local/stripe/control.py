"""Control routes outside `/v1`: store objects, deliver events, set faults, look inside."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import simplejson

from local.stripe.core import Core
from local.stripe.delivery import Deliveries
from local.stripe.settings import StripeFaults
from local.stripe.stored import Origin, event_reason, keep_event, keep_objects, object_reason
from shared.ports import Json

ITEMS_MAX = 100_000

type Reason = Callable[[Any], str | None]


class ControlError(Exception):
    """A control request that cannot be done; `details` join the error object."""

    def __init__(self, status: int, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.error: Json = {"message": message, **details}


class StripeControl:
    """`/_peer/objects`, `/_peer/events`, `/_peer/faults`, `/_peer/state`."""

    def __init__(
        self, core: Core, deliveries: Deliveries, set_faults: Callable[[StripeFaults], None]
    ) -> None:
        self._core = core
        self._deliveries = deliveries
        self._set_faults = set_faults
        self._origins: dict[str, Origin] = {}

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, Json]:
        """Status and JSON body of a control request."""
        try:
            match (method, path.removeprefix("/_peer/").rstrip("/")):
                case "POST", "objects":
                    return 200, self.store_objects(_items(body))
                case "POST", "events":
                    return 200, await self.deliver_events(_items(body))
                case "POST", "faults":
                    return 200, self.change_faults(_json(body))
                case "GET", "faults":
                    return 200, asdict(self._core.faults)
                case "GET", "state":
                    return 200, self.state()
        except ControlError as error:
            return error.status, {"error": error.error}
        message = (
            f"no control route {method} {path}; there are POST /_peer/objects, POST /_peer/events, "
            "POST and GET /_peer/faults, GET /_peer/state"
        )
        return 404, {"error": {"message": message}}

    def store_objects(self, objects: list[Any]) -> Json:
        """Store objects as current state: `{"stored": [ids]}`. All or nothing."""
        _refuse(objects, object_reason, "objects")
        return {"stored": keep_objects(self._core, objects, self._origins)}

    async def deliver_events(self, events: list[Any]) -> Json:
        """Store the object of each event, then deliver each as it is, in order, once.

        Answers `{"delivered": [{"id", "type", "status", "body"}]}`; `status` null: no answer.
        """
        _refuse(events, event_reason, "events")
        if not self._deliveries.has_target:
            raise ControlError(409, "this account has no webhook endpoint to deliver events to")
        kept = [keep_event(self._core, event, self._origins) for event in events]
        report = []
        for event, stored in zip(events, kept, strict=True):
            attempt = await self._deliveries.send(event)
            stored["pending_webhooks"] = 0 if attempt.ok else 1
            report.append(
                {
                    "id": event["id"],
                    "type": event["type"],
                    "status": attempt.status,
                    "body": attempt.text,
                }
            )
        return {"delivered": report}

    def name_members(self, payout: str, transactions: list[str]) -> None:
        """Tell which transactions a stored payout paid; it claims no others."""
        self._core.ledger.assign(payout, transactions)

    def change_faults(self, changes: object) -> Json:
        """Change the faults named; the others stay. Answers all of them."""
        try:
            faults = self._core.faults.changed(changes)
            self._set_faults(faults)
        except ValueError as error:
            reasons = error.args[0] if isinstance(error.args[0], list) else [str(error)]
            raise ControlError(400, "; ".join(reasons), refused=reasons) from error
        return asdict(faults)

    def state(self) -> Json:
        """Counts: objects by type, deliveries by state."""
        deliveries = dict.fromkeys(("outstanding", "delivered", "dropped", "failed"), 0)
        for delivery in self._deliveries.log:
            deliveries[delivery.state] += 1
        return {"objects": self._core.store.counts(), "deliveries": deliveries}


def _json(body: bytes) -> object:
    try:
        value: object = simplejson.loads(body.decode(), use_decimal=True)
    except (ValueError, RecursionError) as error:
        raise ControlError(400, f"the body is not JSON in UTF-8: {error}") from error
    return value


def _items(body: bytes) -> list[Any]:
    """A JSON list, a Stripe list object, or a single item."""
    value = _json(body)
    if isinstance(value, dict) and value.get("object") == "list":
        value = value.get("data")
    items = value if isinstance(value, list) else [value]
    if len(items) > ITEMS_MAX:
        raise ControlError(413, f"at most {ITEMS_MAX} items at once, got {len(items)}")
    return items


def _refuse(items: list[Any], reason_of: Reason, noun: str) -> None:
    """Refuse all when some cannot be taken, saying which and why."""
    refused = [
        {"index": index, "reason": reason}
        for index, item in enumerate(items)
        if (reason := reason_of(item)) is not None
    ]
    if refused:
        first = refused[0]
        message = (
            f"{len(refused)} of {len(items)} {noun} refused, nothing stored; first: item "
            f"{first['index']} {first['reason']}"
        )
        raise ControlError(400, message, refused=refused)
