"""Azure Functions on one machine: the real app on Microsoft's worker engine, without `func`."""

from local.host.config import HostRefused
from local.host.durable import FlowUnknown, Hub, InstanceRuns
from local.host.engine import Function, IndexRefused
from local.host.flows import HubFlows
from local.host.host import AnsweredRequest, Host
from local.host.hubstore import HubStore, OrchestrationInstance
from local.host.invoker import InvocationFailure

__all__ = [
    "AnsweredRequest",
    "FlowUnknown",
    "Function",
    "Host",
    "HostRefused",
    "Hub",
    "HubFlows",
    "HubStore",
    "IndexRefused",
    "InstanceRuns",
    "InvocationFailure",
    "OrchestrationInstance",
]
