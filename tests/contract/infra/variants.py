"""What the templates are evaluated with: the plain choice, and each other one."""

from functools import cache
from typing import Any

from tests.bicep_evaluation import Deployment, deploy, parameters_of
from tests.test_tidy import ROOT

INFRA = ROOT / "infra"
DYNAMICS_URL = "https://contoso.operations.dynamics.com"
VARIABLES = {
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": "westeurope",
    "DYNAMICS_URL": DYNAMICS_URL,
    "TIEOUT_ALERT_EMAILS": "finance@example.com, oncall@example.com",
}
SIGN_IN = {"clientId": "00000000-0000-4000-8000-00000000000d", "tenantId": "t"}
EVENT_GRID = [
    {
        "partnerTopicName": "stripe-events",
        "partnerTopicPrincipalId": "00000000-0000-4000-8000-00000000000f",
    },
    {
        "alias": "shop-eu",
        "partnerTopicName": "stripe-events-eu",
        "partnerTopicPrincipalId": "00000000-0000-4000-8000-000000000010",
    },
]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "scheduler": {"durableBackend": "DurableTaskScheduler"},
    "private": {"privateNetworking": True},
    "private with addresses": {"privateNetworking": True, "operatorAddresses": ["203.0.113.7/32"]},
    "events": {"dynamicsEvents": True},
    "event grid": {"eventGrid": EVENT_GRID},
    "sign-in": {"authentication": SIGN_IN},
    "owner": {"ownsQueues": True},
    "officer": {"secretsOfficerId": "00000000-0000-4000-8000-00000000000e"},
}
NAMES = tuple(VARIANTS)


@cache
def parameters() -> dict[str, Any]:
    return parameters_of(INFRA / "main.bicepparam", VARIABLES)


@cache
def deployed(variant: str = "plain") -> Deployment:
    return deploy(INFRA / "main.bicep", {**parameters(), **VARIANTS[variant]})


def deployed_with(**changes: Any) -> Deployment:
    return deploy(INFRA / "main.bicep", {**parameters(), **changes})


def configured(**changes: Any) -> Deployment:
    return deployed_with(configuration={**parameters()["configuration"], **changes})
