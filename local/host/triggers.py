"""Service Bus triggers: pumps that carry messages from the broker into queue functions.

As the extension does it: an instance holds one session of a queue until that session has been
empty for `sessionIdleTimeout`, hands over what is there up to `maxMessageBatchSize`, completes
the messages when the function returns and abandons them, at once, when it raises.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace

from azure_functions_runtime.bindings.datumdef import Datum

from local.host.config import HostConfig, HostRefused, resolve
from local.host.engine import Function, json_datum, text_datum
from local.host.invoker import Invoker
from local.servicebus import Bus, Receives
from local.servicebus.messages import Delivery, LockLost, QueueUnknown

_log = logging.getLogger("tieout.host")


class QueueTrigger:
    """One queue function and its queue."""

    def __init__(
        self, function: Function, settings: Mapping[str, str], config: HostConfig, broker: Bus
    ) -> None:
        """Raises `HostRefused` when function and queue do not fit each other."""
        trigger = function.trigger
        self.function = function
        self.queue = resolve(str(trigger.get("queueName") or ""), settings)
        self.is_batch = str(trigger.get("cardinality", "ONE")).upper() == "MANY"
        self._has_sessions = bool(trigger.get("isSessionsEnabled", False))
        self._batch_max = config.batch_size_max if self.is_batch else 1
        self._idle_seconds = config.session_idle_seconds
        self._broker = broker
        try:
            needs_sessions = broker.entity(self.queue).settings.requires_session
        except QueueUnknown as error:
            raise HostRefused(f"{function.name}: {error}") from error
        if needs_sessions != self._has_sessions:
            raise HostRefused(
                f"{function.name}: is_sessions_enabled is {self._has_sessions}, but queue "
                f"{self.queue} {'requires' if needs_sessions else 'has no'} sessions"
            )
        if trigger.get("autoCompleteMessages") is False:
            raise HostRefused(
                f"{function.name}: auto_complete_messages=False needs explicit settlement, which "
                "the local host does not offer"
            )

    async def pump(self, invoker: Invoker) -> None:
        """Carry messages for ever: the work of one instance."""
        if not self._has_sessions:
            receiver = self._broker.receiver(self.queue)
            while True:
                await self._carry(invoker, receiver, None)
        while True:
            session = await self._broker.accept_session(self.queue)
            if session is None:
                continue
            try:
                while await self._carry(invoker, session, self._idle_seconds):
                    pass
            except LockLost as error:
                _log.warning("%s: %s", self.function.name, error)
            finally:
                session.close()

    async def _carry(
        self, invoker: Invoker, receiver: Receives, wait_seconds: float | None
    ) -> bool:
        batch = await receiver.receive(self._batch_max, wait_seconds)
        if not batch:
            return False
        if self.is_batch:
            payload, metadata = bodies_of(batch), metadata_of_many(batch)
        else:
            payload = Datum(batch[0].message.body, "bytes")
            metadata = metadata_of_one(batch[0])
        outcome = await invoker.invoke(self.function, payload, metadata)
        self._settle(batch, receiver.complete if outcome.ok else receiver.abandon)
        return True

    def _settle(self, batch: Sequence[Delivery], settle: Callable[[Delivery], None]) -> None:
        """Settle each message; a lost lock of one does not keep the others from it."""
        for delivery in batch:
            try:
                settle(delivery)
            except LockLost as error:
                _log.warning("%s: %s", self.function.name, error)


def bodies_of(batch: Sequence[Delivery]) -> Datum:
    """The bodies of a batch in the form that keeps their bytes as sent."""
    return Datum(
        SimpleNamespace(bytes=[delivery.message.body for delivery in batch]), "collection_bytes"
    )


def metadata_of_many(batch: Sequence[Delivery]) -> dict[str, Datum]:
    """Trigger metadata of a batch: one array for each property.

    Texts and numbers go as collections: a JSON array is parsed again for each message of it.
    """
    rows = [_properties(delivery) for delivery in batch]
    return {f"{name}Array": _array([row[name] for row in rows]) for name in rows[0]}


def _array(values: list[object]) -> Datum:
    if all(isinstance(value, str) for value in values):
        return Datum(SimpleNamespace(string=values), "collection_string")
    if all(isinstance(value, int) for value in values):
        return Datum(SimpleNamespace(sint64=values), "collection_sint64")
    return json_datum(values)


def metadata_of_one(delivery: Delivery) -> dict[str, Datum]:
    """Trigger metadata of one message: texts as text, everything else as JSON."""
    return {
        name: text_datum(value) if isinstance(value, str) else json_datum(value)
        for name, value in _properties(delivery).items()
        if value is not None
    }


def _properties(delivery: Delivery) -> dict[str, object]:
    message = delivery.message
    return {
        "MessageId": message.message_id,
        "SessionId": message.session_id,
        "LockToken": delivery.token,
        "ContentType": "application/json",
        "DeliveryCount": delivery.delivery_count,
        "SequenceNumber": message.sequence_number,
        "EnqueuedTimeUtc": _moment(message.enqueued_at),
        "ExpiresAtUtc": _moment(message.expires_at) if message.expires_at else None,
        "LockedUntil": _moment(delivery.lock.until),
        "ApplicationProperties": dict(message.properties),
        "UserProperties": {},
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
