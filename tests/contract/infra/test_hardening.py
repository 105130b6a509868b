"""No secret in a template, no door that a key opens, TLS 1.2 at least."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bicep import read
from tests.bicep_evaluation import Resource
from tests.contract.infra.variants import INFRA, NAMES, deployed
from tests.test_tidy import ROOT

TEXTS = sorted(
    [
        *(path for path in INFRA.rglob("*") if path.is_file()),
        *(ROOT / "scripts").glob("azd-*"),
        ROOT / "azure.yaml",
    ]
)
SECRET = re.compile(
    r"AccountKey=|SharedAccessKey(Name)?=|SharedAccessSignature=|[?&]sig=|InstrumentationKey="
    r"|\b[sr]k_(live|test)_\w|\bwhsec_\w|BEGIN [A-Z ]*PRIVATE KEY|(?i:password)\s*[:=]"
)
CALLS_REFUSED = ("listKeys", "listAccountSas", "listSecrets", "getSecret", "reference")
EXEMPT = "dynamics_events"  # Dynamics knows connection strings only; see that module


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_file_holds_a_key_a_connection_string_or_a_secret(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert SECRET.search(text) is None
    assert [name for name in CALLS_REFUSED if f"{name}(" in text] == []


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.mark.parametrize("variant", NAMES)
def test_no_deployed_value_is_a_secret(variant: str) -> None:
    made = deployed(variant)
    values = [text for one in made.resources for text in strings(one.body)]
    values += list(strings(made.outputs))
    assert len(values) > 100
    assert [text for text in values if SECRET.search(text)] == []


def test_the_pattern_knows_the_shapes_of_secrets() -> None:
    for text in (
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=eA==",
        "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=b",
        "rk_live_1",
        "whsec_1",
        "password: 'x'",
    ):
        assert SECRET.search(text)


def test_no_parameter_takes_a_secret() -> None:
    for path in INFRA.rglob("*.bicep"):
        for one in read(path).declarations.values():
            assert "secure" not in one.decorators
            named = re.search(r"(?i)password|apiKey|clientSecret$", one.name)
            assert one.kind != "param" or named is None, one.name


@pytest.mark.parametrize("variant", NAMES)
def test_secrets_are_references_without_a_version_to_the_vault(variant: str) -> None:
    made = deployed(variant)
    settings = made.one("Microsoft.Web/sites/config", "appSettings").properties
    references = {n: v for n, v in settings.items() if str(v).startswith("@Microsoft")}
    assert sorted(references) == ["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS"]
    vault = made.one("Microsoft.KeyVault/vaults").name
    shape = rf"@Microsoft\.KeyVault\(SecretUri=https://{vault}\.vault\.azure\.net/secrets/[a-z-]+\)"
    assert [v for v in references.values() if not re.fullmatch(shape, v)] == []
    site = made.one("Microsoft.Web/sites").properties
    identity = made.one("Microsoft.ManagedIdentity/userAssignedIdentities")
    assert site["keyVaultReferenceIdentity"] == identity.id


RULES: dict[str, dict[str, Any]] = {
    "Microsoft.Storage/storageAccounts": {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"publicAccess": "None"},
    "Microsoft.ServiceBus/namespaces": {"disableLocalAuth": True, "minimumTlsVersion": "1.2"},
    "Microsoft.KeyVault/vaults": {
        "enableRbacAuthorization": True,
        "enablePurgeProtection": True,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 90,
    },
    "Microsoft.OperationalInsights/workspaces": {"features.disableLocalAuth": True},
    "Microsoft.Insights/components": {"DisableLocalAuth": True},
    "Microsoft.Web/sites": {
        "httpsOnly": True,
        "siteConfig.minTlsVersion": "1.2",
        "siteConfig.scmMinTlsVersion": "1.2",
        "siteConfig.ftpsState": "Disabled",
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"allow": False},
}


def at(one: Resource, path: str) -> Any:
    value: Any = one.properties
    for part in path.split("."):
        value = value[part]
    return value


@pytest.mark.parametrize("variant", NAMES)
@pytest.mark.parametrize("type", RULES)
def test_doors_are_closed(variant: str, type: str) -> None:
    checked = [one for one in deployed(variant).of(type) if one.module != EXEMPT]
    assert checked
    for one in checked:
        assert {path: at(one, path) for path in RULES[type]} == RULES[type]


def test_the_one_exemption_may_send_and_nothing_else() -> None:
    made = [one for one in deployed("events").resources if one.module == EXEMPT]
    namespace = next(one for one in made if one.type == "Microsoft.ServiceBus/namespaces")
    assert namespace.properties["minimumTlsVersion"] == "1.2"
    rules = [one for one in made if one.type.endswith("authorizationRules")]
    assert [one.properties["rights"] for one in rules] == [["Send"]]
    assert [one for one in deployed().resources if one.module == EXEMPT] == []


def test_what_matters_is_logged_in_the_workspace() -> None:
    made = deployed("events").of("Microsoft.Insights/diagnosticSettings")
    workspace = deployed("events").one("Microsoft.OperationalInsights/workspaces")
    assert {one.properties["workspaceId"] for one in made} == {workspace.id}
    types = sorted(one.scope.split("/")[1] + "/" + one.scope.split("/")[2] for one in made)
    assert types == [
        "Microsoft.KeyVault/vaults",
        "Microsoft.ServiceBus/namespaces",
        "Microsoft.ServiceBus/namespaces",
        "Microsoft.Storage/storageAccounts",
    ]


def test_the_linter_of_the_compiler_is_told_to_refuse() -> None:
    rules = json.loads((INFRA / "bicepconfig.json").read_text(encoding="utf-8"))
    levels = rules["analyzers"]["core"]["rules"]
    for name in ("outputs-should-not-contain-secrets", "no-unused-params", "no-unused-vars"):
        assert levels[name]["level"] == "error"
    assert levels["use-recent-api-versions"]["level"] == "error"
