"""The roles cover what the code does with each Azure service, and give nothing more."""

import ast
import json
import re
from typing import Any

import pytest

from shared.registry import ENTITIES, INGRESS_QUEUE
from tests.bicep_evaluation import Resource
from tests.contract.infra.variants import EVENT_GRID, INFRA, NAMES, VARIANTS, deployed
from tests.test_tidy import ROOT, files, imports, name_of, tree_of

TABLE: dict[str, dict[str, str]] = json.loads((INFRA / "roles.json").read_text(encoding="utf-8"))
# Microsoft's ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
IDS = {
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "Azure Service Bus Data Receiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "Azure Service Bus Data Sender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "Azure Service Bus Data Owner": "090c5cfd-751d-490a-894a-3ce6f1109419",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Durable Task Data Contributor": "0ad04412-c4d5-4796-b79c-f76d14c8d402",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
}
# What each role allows, in our words.
GRANTS: dict[str, tuple[str, ...]] = {
    "Azure Service Bus Data Receiver": ("bus receive",),
    "Azure Service Bus Data Sender": ("bus send",),
    "Azure Service Bus Data Owner": ("bus receive", "bus send", "bus manage"),
    "Storage Table Data Contributor": ("table read", "table write"),
    "Storage Queue Data Contributor": ("queue read", "queue write"),
    "Storage Blob Data Owner": ("blob read", "blob write", "blob own"),
    "Key Vault Secrets User": ("secret read",),
    "Key Vault Secrets Officer": ("secret read", "secret write"),
    "Monitoring Metrics Publisher": ("telemetry write",),
    "Durable Task Data Contributor": ("tasks",),
}
# What a call in the code needs of Azure.
CALLS = {
    "get_queue_sender": "bus send",
    "get_queue_receiver": "bus receive",
    "service_bus_queue_trigger": "bus receive",
    "get_table_client": "table read",
    "create_table": "table write",
    "submit_transaction": "table write",
}
SDKS = (  # imported by the product; another one needs a row in CALLS, and perhaps a role
    *("azure.core", "azure.data.tables", "azure.functions", "azure.durable_functions"),
    *("azure.identity", "azure.servicebus"),
)
# What the host and the platform do themselves, for `AzureWebJobsStorage` and app settings.
# https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
HOST = ("blob read", "blob write", "blob own", "secret read", "telemetry write")
DURABLE = {
    "AzureStorage": ("queue read", "queue write", "table read", "table write"),
    "DurableTaskScheduler": ("tasks",),
}
PRODUCT = files("shared", "functions", "function_app.py")


def assignments(variant: str) -> list[Resource]:
    return deployed(variant).of("Microsoft.Authorization/roleAssignments")


def role_of(one: Resource) -> str:
    guid = one.properties["roleDefinitionId"].rpartition("/")[2]
    (name,) = [name for name, id in IDS.items() if id == guid]
    return name


def principal() -> str:
    made = deployed().one("Microsoft.ManagedIdentity/userAssignedIdentities")
    return str(made.member("properties")["principalId"])


def of_the_app(variant: str) -> list[Resource]:
    return [one for one in assignments(variant) if one.properties["principalId"] == principal()]


def needs_of_the_code() -> list[str]:
    called = {
        node.attr for path in PRODUCT for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
    }  # fmt: skip
    return [need for call, need in CALLS.items() if call in called]


def needs(variant: str) -> list[str]:
    backend = VARIANTS[variant].get("durableBackend", "AzureStorage")
    manage = ["bus manage"] if VARIANTS[variant].get("ownsQueues") else []
    return sorted({*needs_of_the_code(), *HOST, *DURABLE[backend], *manage})


def test_every_row_of_the_table_is_a_role_of_microsoft_with_its_id() -> None:
    for row in TABLE.values():
        assert IDS[row["name"]] == row["id"]
        assert len(row["reason"]) > 40
    assert sorted(GRANTS) == sorted(IDS)


def test_every_call_that_needs_a_role_is_still_made() -> None:
    assert len(needs_of_the_code()) == len(CALLS)


def test_the_product_uses_no_other_sdk_of_azure() -> None:
    used = {
        name for path in PRODUCT for name in imports(tree_of(path))
        if name.startswith("azure.") and not name.startswith(SDKS)
    }  # fmt: skip
    assert sorted(used) == []


@pytest.mark.parametrize("variant", NAMES)
def test_the_roles_of_the_app_cover_what_it_does(variant: str) -> None:
    granted = {grant for one in of_the_app(variant) for grant in GRANTS[role_of(one)]}
    assert [need for need in needs(variant) if need not in granted] == []


@pytest.mark.parametrize("variant", NAMES)
def test_no_role_of_the_app_gives_what_it_does_not_do(variant: str) -> None:
    granted = {grant for one in of_the_app(variant) for grant in GRANTS[role_of(one)]}
    assert sorted(granted) == needs(variant)


def test_event_grid_may_send_to_the_ingress_and_do_nothing_else() -> None:
    senders = [one for one in assignments("event grid") if one not in of_the_app("event grid")]
    assert [role_of(one) for one in senders] == ["Azure Service Bus Data Sender"] * 2
    assert [one.scope.rpartition("/")[2] for one in senders] == [INGRESS_QUEUE] * 2
    assert [one.properties["principalId"] for one in senders] == [
        topic["partnerTopicPrincipalId"] for topic in EVENT_GRID
    ]


def test_the_app_may_not_change_secrets_or_queues() -> None:
    roles = [role_of(one) for one in of_the_app("officer")]
    assert "Key Vault Secrets Officer" not in roles
    assert "Azure Service Bus Data Owner" not in roles
    (officer,) = [one for one in assignments("officer") if one not in of_the_app("officer")]
    assert role_of(officer) == "Key Vault Secrets Officer"
    assert officer.properties["principalId"] == VARIANTS["officer"]["secretsOfficerId"]
    assert assignments("plain") == of_the_app("plain")


@pytest.mark.parametrize("variant", NAMES)
def test_each_assignment_is_a_row_of_the_table_with_its_reason(variant: str) -> None:
    for one in assignments(variant):
        row = TABLE[one.symbol]
        assert one.properties["roleDefinitionId"].endswith(f"/{row['id']}")
        assert one.properties["description"] == row["reason"]
        assert one.properties["principalType"] in ("ServicePrincipal", "User")


SCOPES = {
    "the storage account": r"/Microsoft\.Storage/storageAccounts/[^/]+",
    "each queue": r"/Microsoft\.ServiceBus/namespaces/queues/[^/]+/\w+",
    "the queue of Dynamics' business events": (
        r"/Microsoft\.ServiceBus/namespaces/queues/[^/]+-events/dynamics-events"
    ),
    "the queue ingress": r"/Microsoft\.ServiceBus/namespaces/queues/[^/]+/ingress",
    "the key vault": r"/Microsoft\.KeyVault/vaults/[^/]+",
    "the Application Insights component": r"/Microsoft\.Insights/components/[^/]+",
    "the scheduler": r"/Microsoft\.DurableTask/schedulers/[^/]+",
}


@pytest.mark.parametrize("variant", NAMES)
def test_each_assignment_has_the_scope_that_the_table_says(variant: str) -> None:
    for one in assignments(variant):
        assert re.fullmatch(SCOPES[TABLE[one.symbol]["scope"]], one.scope), one.symbol


def test_each_queue_gets_its_sender_and_receiver() -> None:
    queues = {*(entity.queue for entity in ENTITIES), INGRESS_QUEUE}
    for symbol in ("busSender", "busReceiver"):
        scopes = [one.scope.rpartition("/")[2] for one in assignments("plain")
                  if one.symbol == symbol]  # fmt: skip
        assert sorted(scopes) == sorted(queues)


CONDITIONS: dict[str, tuple[str, ...]] = {  # by variant: what is there beside the roles of always
    "plain": ("queueContributor",),
    "scheduler": ("taskContributor",),
    "events": ("eventsReceiver", "queueContributor"),
    "event grid": ("gridSender", "queueContributor"),
    "owner": ("busOwner", "queueContributor"),
    "officer": ("queueContributor", "secretsOfficer"),
}


@pytest.mark.parametrize("variant", CONDITIONS)
def test_a_role_is_given_when_the_table_says(variant: str) -> None:
    given = {one.symbol for one in assignments(variant)}
    always = {name for name, row in TABLE.items() if row["when"] == "always"}
    assert sorted(given - always) == list(CONDITIONS[variant])
    assert sorted(always - given) == []


def test_every_row_is_given_in_some_variant() -> None:
    given = {one.symbol for variant in NAMES for one in assignments(variant)}
    assert sorted(given) == sorted(TABLE)


def test_no_assignment_has_the_name_of_another() -> None:
    for variant in NAMES:
        names = [one.name for one in assignments(variant)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("guide", ["docs/deploy.md", "docs/security.md"])
def test_the_guides_name_every_role(guide: str) -> None:
    text = (ROOT / guide).read_text(encoding="utf-8")
    given: list[Any] = [row["name"] for row in TABLE.values() if row["name"] not in text]
    assert given == [], name_of(ROOT / guide)
