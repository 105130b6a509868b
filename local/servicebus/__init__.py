"""A Service Bus of one process: peek-lock, sessions, duplicate detection, dead letters."""

from local.servicebus.broker import Broker, BrokerFaults, Receiver, SessionReceiver
from local.servicebus.queue import LocalQueue
from local.servicebus.settings import QueueSettings, load_queues

__all__ = [
    "Broker",
    "BrokerFaults",
    "LocalQueue",
    "QueueSettings",
    "Receiver",
    "SessionReceiver",
    "load_queues",
]
