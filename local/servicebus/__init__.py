"""A Service Bus of one process: peek-lock, sessions, duplicate detection, dead letters."""

from local.servicebus.broker import (
    DEAD_LETTER_SUFFIX,
    Broker,
    BrokerFaults,
    BrokerReceiver,
    Bus,
    Receives,
    ReceivesSession,
    SessionReceiver,
)
from local.servicebus.queue import LocalQueue
from local.servicebus.settings import QueueSettings, load_queues

__all__ = [
    "DEAD_LETTER_SUFFIX",
    "Broker",
    "BrokerFaults",
    "BrokerReceiver",
    "Bus",
    "LocalQueue",
    "QueueSettings",
    "Receives",
    "ReceivesSession",
    "SessionReceiver",
    "load_queues",
]
