"""A Service Bus of one process: peek-lock, sessions, duplicate detection, dead letters."""

from local.servicebus.broker import (
    DEAD_LETTER_SUFFIX,
    Broker,
    BrokerFaults,
    Bus,
    Receiver,
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
    "Bus",
    "LocalQueue",
    "QueueSettings",
    "Receiver",
    "Receives",
    "ReceivesSession",
    "SessionReceiver",
    "load_queues",
]
