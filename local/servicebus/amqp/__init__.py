"""The broker's AMQP 1.0 endpoint, for SDKs of Azure Service Bus that nobody changed.

`AmqpEndpoint` needs the optional package `python-qpid-proton`, which is compiled where it is
installed: ask `missing()` first, and import `local.servicebus.amqp.endpoint` only then.
"""

from importlib.util import find_spec


def missing() -> str:
    """Why the endpoint cannot run here, or empty text."""
    if find_spec("proton") is not None:
        return ""
    return (
        "python-qpid-proton is not installed: run make amqp (or pip install python-qpid-proton); "
        "it is compiled, and needs a C compiler"
    )


__all__ = ["missing"]
