"""Requests to `<queue>/$management` and `$cbs`, answered from the broker.

https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import proton

from local.servicebus.amqp.messages import encoded, milliseconds, outgoing_of
from local.servicebus.amqp.wire import (
    ARGUMENT_ERROR,
    MESSAGE_LOCK_LOST,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    SESSION_LOCK_LOST,
)
from local.servicebus.broker import DEAD_LETTER_SUFFIX, Broker, SessionReceiver
from local.servicebus.messages import (
    LockLost,
    MessageRefused,
    MessageUnknown,
    QueueUnknown,
)

PEEK_MESSAGES_MAX = 250
MESSAGE_NOT_FOUND = "com.microsoft:message-not-found"

OK, ACCEPTED, NO_CONTENT = 200, 202, 204
BAD_REQUEST, MISSING, GONE, UNSUPPORTED = 400, 404, 410, 501

type SessionOf = Callable[[str], SessionReceiver | None]


@dataclass(frozen=True, slots=True)
class ManagementAnswer:
    """Status as in HTTP; `condition` names the error for the SDK."""

    status: int
    body: Mapping[str, Any] | None = None
    condition: str = ""
    text: str = ""


def accept_token(request: proton.Message) -> proton.Message:
    """`$cbs`: whoever reaches the loopback may do everything."""
    del request
    return proton.Message(
        properties={"status-code": proton.int32(ACCEPTED), "status-description": "Accepted"}
    )


class Management:
    """The management node of one queue. `session_of` finds a session that a receiver on the same
    connection was given: nobody else may renew it or write its state."""

    def __init__(self, broker: Broker, queue: str, session_of: SessionOf) -> None:
        self._broker = broker
        self._queue = queue
        self._session_of = session_of
        self._operations: dict[str, Callable[[Mapping[str, Any]], ManagementAnswer]] = {
            "schedule-message": self._schedule,
            "cancel-scheduled-message": self._cancel,
            "renew-lock": self._renew_locks,
            "renew-session-lock": self._renew_session,
            "update-disposition": self._settle,
            "peek-message": self._peek,
            "get-session-state": self._state,
            "set-session-state": self._note_state,
        }

    def __call__(self, request: proton.Message) -> proton.Message:
        """The answer to one request."""
        properties = {str(key): value for key, value in (request.properties or {}).items()}
        body = request.body if isinstance(request.body, dict) else {}
        answer = self._answered(str(properties.get("operation", "")), body)
        told: dict[str, Any] = {
            "statusCode": proton.int32(answer.status),
            "statusDescription": answer.text or "OK",
        }
        if answer.condition:
            told["errorCondition"] = proton.symbol(answer.condition)
        return proton.Message(properties=told, body=dict(answer.body or {}))

    def _answered(self, operation: str, body: Mapping[str, Any]) -> ManagementAnswer:
        perform = self._operations.get(operation.removeprefix("com.microsoft:"))
        if perform is None:
            text = f"the embedded broker does not know the operation {operation!r}"
            return ManagementAnswer(UNSUPPORTED, None, NOT_IMPLEMENTED, text)
        try:
            return perform({str(key): value for key, value in body.items()})
        except QueueUnknown as error:
            return ManagementAnswer(MISSING, None, NOT_FOUND, str(error))
        except MessageUnknown as error:
            return ManagementAnswer(MISSING, None, MESSAGE_NOT_FOUND, str(error))
        except (MessageRefused, KeyError, ValueError) as error:
            text = f"{operation}: {error}"
            return ManagementAnswer(BAD_REQUEST, None, ARGUMENT_ERROR, text)
        except LockLost as error:
            condition = SESSION_LOCK_LOST if "session-id" in body else MESSAGE_LOCK_LOST
            return ManagementAnswer(GONE, None, condition, str(error))

    def _schedule(self, body: Mapping[str, Any]) -> ManagementAnswer:
        messages = [
            message for row in body["messages"] for message in outgoing_of(bytes(row["message"]))
        ]
        numbers = self._broker.schedule(self._queue, messages)
        return ManagementAnswer(OK, {"sequence-numbers": _array(proton.Data.LONG, numbers)})

    def _cancel(self, body: Mapping[str, Any]) -> ManagementAnswer:
        self._broker.cancel(self._queue, [int(number) for number in _items(body, NUMBERS)])
        return ManagementAnswer(OK)

    def _renew_locks(self, body: Mapping[str, Any]) -> ManagementAnswer:
        receiver = self._broker.receiver(self._queue)
        deliveries = [receiver.delivery_of(_token(item)) for item in _items(body, TOKENS)]
        for delivery in deliveries:
            receiver.renew(delivery)
        ends = [milliseconds(delivery.lock.until) for delivery in deliveries]
        return ManagementAnswer(OK, {"expirations": _array(proton.Data.TIMESTAMP, ends)})

    def _renew_session(self, body: Mapping[str, Any]) -> ManagementAnswer:
        session = self._held_session(body)
        session.renew_session()
        return ManagementAnswer(OK, {"expiration": milliseconds(session.lock_ends_at)})

    def _settle(self, body: Mapping[str, Any]) -> ManagementAnswer:
        receiver = (
            self._held_session(body) if "session-id" in body else self._broker.receiver(self._queue)
        )
        status = str(body["disposition-status"])
        for item in _items(body, TOKENS):
            delivery = receiver.delivery_of(_token(item))
            if status == "completed":
                receiver.complete(delivery)
            elif status == "abandoned":
                receiver.abandon(delivery)
            elif status == "suspended":
                reason = str(body.get("deadletter-reason") or "")
                text = str(body.get("deadletter-description") or "")
                receiver.dead_letter(delivery, reason, text)
            else:
                text = f"the embedded broker does not know the disposition {status!r}"
                return ManagementAnswer(UNSUPPORTED, None, NOT_IMPLEMENTED, text)
        return ManagementAnswer(OK)

    def _peek(self, body: Mapping[str, Any]) -> ManagementAnswer:
        dead = self._queue.endswith(DEAD_LETTER_SUFFIX)
        source = self._queue.removesuffix(DEAD_LETTER_SUFFIX) if dead else None
        count = min(int(body["message-count"]), PEEK_MESSAGES_MAX)
        session_id = body.get("session-id")
        browsed = self._broker.entity(self._queue).browse(
            int(body["from-sequence-number"]), count, session_id
        )
        rows = [{"message": encoded(message, source)} for message in browsed]
        return (
            ManagementAnswer(OK, {"messages": rows})
            if rows
            else ManagementAnswer(NO_CONTENT, text="no messages")
        )

    def _state(self, body: Mapping[str, Any]) -> ManagementAnswer:
        return ManagementAnswer(OK, {"session-state": self._held_session(body).state()})

    def _note_state(self, body: Mapping[str, Any]) -> ManagementAnswer:
        state = body.get("session-state")
        self._held_session(body).note_state(None if state is None else bytes(state))
        return ManagementAnswer(OK)

    def _held_session(self, body: Mapping[str, Any]) -> SessionReceiver:
        session_id = str(body["session-id"])
        session = self._session_of(session_id)
        if session is None:
            raise LockLost(f"no receiver of this connection holds session {session_id}")
        return session


NUMBERS = "sequence-numbers"
TOKENS = "lock-tokens"


def _items(body: Mapping[str, Any], name: str) -> list[Any]:
    """Of an AMQP array, or of the single value that some SDKs send for one."""
    value = body[name]
    if isinstance(value, proton.Array):
        return list(value.elements)
    return list(value) if isinstance(value, list | tuple) else [value]


def _array(kind: int, values: Sequence[int]) -> proton.Array:
    return proton.Array(proton.UNDESCRIBED, kind, *values)


def _token(value: UUID | str) -> str:
    """The broker's token: 32 hexadecimal digits."""
    return (value if isinstance(value, UUID) else UUID(str(value))).hex
