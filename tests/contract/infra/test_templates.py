"""The shape of the deployment: names, tags, modules, parameters."""

import json
import re
from pathlib import Path

import pytest

from shared.domain.books import Books
from tests.bicep import Access, Condition, Const, Declaration, Loop, Object, read
from tests.bicep_evaluation import parameters_of
from tests.contract.infra.variants import (
    INFRA,
    NAMES,
    VARIABLES,
    deployed,
    deployed_with,
    parameters,
)

FILES = sorted(INFRA.rglob("*.bicep"))
NO_TAGS = (  # children, settings of others, and assignments
    *("Microsoft.Storage/storageAccounts/blobServices", "Microsoft.Insights/diagnosticSettings"),
    *("Microsoft.Storage/storageAccounts/blobServices/containers", "Microsoft.Web/sites/config"),
    *("Microsoft.Storage/storageAccounts/tableServices", "Microsoft.ServiceBus/namespaces/queues"),
    *("Microsoft.ServiceBus/namespaces/queues/authorizationRules",),
    *("Microsoft.EventGrid/partnerTopics/eventSubscriptions",),
    *("Microsoft.Authorization/roleAssignments", "Microsoft.DurableTask/schedulers/taskHubs"),
    *("Microsoft.Web/sites/basicPublishingCredentialsPolicies",),
    *("Microsoft.Network/virtualNetworks/subnets",),
    *("Microsoft.Network/privateDnsZones/virtualNetworkLinks",),
    *("Microsoft.Network/privateEndpoints/privateDnsZoneGroups",),
)
SHAPES = {  # https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.KeyVault/vaults": r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
    "Microsoft.ServiceBus/namespaces": r"(?!.*-(sb|mgmt)$)[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]",
    "Microsoft.Web/sites": r"[A-Za-z0-9-]{2,60}",
    "Microsoft.Web/serverfarms": r"[A-Za-z0-9-]{1,40}",
    "Microsoft.OperationalInsights/workspaces": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
}


@pytest.mark.parametrize("variant", NAMES)
def test_everything_that_can_carry_tags_says_whose_it_is(variant: str) -> None:
    made = [one for one in deployed(variant).resources if not one.existing]
    without = [one.type for one in made if "tags" not in one.body and one.type not in NO_TAGS]
    assert without == []
    wanted = {"workload": "tieout", "environment": "test", "azd-env-name": "test"}
    for one in made:
        tags = one.body.get("tags", wanted)
        assert {name: tags[name] for name in wanted} == wanted


@pytest.mark.parametrize("environment", ["ab", "production-1", "PRE-PROD-EU1"])
def test_the_names_are_ones_that_azure_takes(environment: str) -> None:
    made = deployed_with(environmentName=environment, dynamicsEvents=True)
    for type, shape in SHAPES.items():
        assert made.of(type)
        for one in made.of(type):
            assert re.fullmatch(shape, one.name), one.name


def test_two_environments_share_no_name() -> None:
    one, other = deployed(), deployed_with(environmentName="production")
    names = [each.name for each in other.resources if "tags" in each.body]
    assert [each.name for each in one.resources if each.name in names] == []
    assert len(names) > 10


def bodies(one: Declaration) -> Object:
    body = one.value
    while isinstance(body, Condition | Loop):
        body = body.body
    assert isinstance(body, Object)
    return body


def keys(body: Object) -> list[object]:
    return [key.value for key, _ in body.properties if isinstance(key, Const)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_modules_have_no_names_and_children_name_their_parent(path: Path) -> None:
    for one in read(path).declarations.values():
        if one.kind == "module":
            assert "name" not in keys(bodies(one)), one.name
        if one.kind == "resource" and one.of.partition("@")[0].count("/") > 1:
            assert "parent" in keys(bodies(one)), one.name


def test_every_module_file_is_used() -> None:
    used = {one.of for path in FILES for one in read(path).declarations.values()}
    names = [path.name for path in (INFRA / "modules").glob("*.bicep")]
    unused = [name for name in names if not any(each.endswith(name) for each in used)]
    assert unused == ["types.bicep"]


def test_no_output_is_a_secret() -> None:
    for path in FILES:
        for one in read(path).outputs.values():
            assert "secure" not in one.decorators
            assert not isinstance(one.value, Access) or "secret" not in str(one.value.key).lower()


def test_the_example_of_books_is_one_that_the_code_takes() -> None:
    text = (INFRA / "books.json").read_text(encoding="utf-8")
    books = Books.model_validate(json.loads(text))
    assert books.default_company in books.companies
    assert json.loads(parameters()["configuration"]["books"]) == json.loads(text)


def test_the_app_is_on_the_plan_and_python_of_the_project() -> None:
    app = deployed().one("Microsoft.Web/sites")
    assert deployed().one("Microsoft.Web/serverfarms").body["sku"]["name"] == "FC1"
    config = app.properties["functionAppConfig"]
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    container = deployed().one("Microsoft.Storage/storageAccounts/blobServices/containers")
    package = config["deployment"]["storage"]
    assert package["value"].endswith(f"/{container.name.rpartition('/')[2]}")
    assert package["authentication"]["type"] == "UserAssignedIdentity"
    assert config["scaleAndConcurrency"]["maximumInstanceCount"] >= 40


def test_private_networking_closes_what_is_not_the_webhook() -> None:
    made = deployed("private")
    closed = [
        *made.of("Microsoft.Storage/storageAccounts"),
        *made.of("Microsoft.KeyVault/vaults"),
        *made.of("Microsoft.ServiceBus/namespaces"),
    ]
    assert [one.properties["publicNetworkAccess"] for one in closed] == ["Disabled"] * 3
    assert made.one("Microsoft.Web/sites").properties["publicNetworkAccess"] == "Enabled"
    assert made.one("Microsoft.ServiceBus/namespaces").body["sku"]["name"] == "Premium"
    groups = [
        one.properties["privateLinkServiceConnections"][0]["properties"]["groupIds"]
        for one in made.of("Microsoft.Network/privateEndpoints")
    ]
    assert sorted(groups) == [["blob"], ["namespace"], ["queue"], ["table"], ["vault"]]
    subnet = made.one("Microsoft.Network/virtualNetworks/subnets", "integration")
    assert made.one("Microsoft.Web/sites").properties["virtualNetworkSubnetId"] == subnet.id
    assert made.of("Microsoft.Network/privateDnsZones")[0].name.startswith("privatelink.blob.")


def test_a_private_vault_opens_for_named_addresses_only() -> None:
    rules = deployed("private with addresses").one("Microsoft.KeyVault/vaults").properties
    assert rules["publicNetworkAccess"] == "Enabled"
    assert rules["networkAcls"]["defaultAction"] == "Deny"
    assert rules["networkAcls"]["ipRules"] == [{"value": "203.0.113.7/32"}]


def test_sign_in_lets_anonymous_requests_pass_and_needs_no_client_secret() -> None:
    assert deployed().of("Microsoft.Web/sites/config") == [
        deployed().one("Microsoft.Web/sites/config", "appSettings")
    ]
    made = deployed("sign-in")
    auth = made.one("Microsoft.Web/sites/config", "signIn").properties
    assert auth["globalValidation"] == {
        "requireAuthentication": False,
        "unauthenticatedClientAction": "AllowAnonymous",
    }
    registration = auth["identityProviders"]["azureActiveDirectory"]["registration"]
    settings = made.one("Microsoft.Web/sites/config", "appSettings").properties
    identity = made.one("Microsoft.ManagedIdentity/userAssignedIdentities").member("properties")
    assert settings[registration["clientSecretSettingName"]] == identity["clientId"]


def test_the_app_roles_are_the_four_of_the_design() -> None:
    roles = json.loads((INFRA / "app-roles.json").read_text(encoding="utf-8"))
    names = ["Tieout.Read", "Tieout.Operate", "Tieout.Publish", "Tieout.Admin"]
    assert [role["value"] for role in roles] == names
    assert len({role["id"] for role in roles}) == 4
    guid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert all(re.fullmatch(guid, role["id"]) for role in roles)


def test_the_webhook_address_is_the_one_that_the_code_serves() -> None:
    host = json.loads((INFRA.parent / "host.json").read_text(encoding="utf-8"))
    prefix = host["extensions"]["http"]["routePrefix"]
    source = (INFRA.parent / "functions/stripe_webhook.py").read_text(encoding="utf-8")
    route = re.search(r'bp\.route\("([^"]+)"', source)
    assert route is not None
    path = "/".join(part for part in (prefix, route[1]) if part)
    assert deployed().outputs["TIEOUT_WEBHOOK_URL"].partition(".net/")[2] == path


def test_the_person_who_deploys_may_put_secrets_in() -> None:
    path, pipeline = INFRA / "main.bicepparam", {"AZURE_PRINCIPAL_TYPE": "ServicePrincipal"}
    given = parameters_of(path, {**VARIABLES, **pipeline, "AZURE_PRINCIPAL_ID": "p"})
    assert (given["secretsOfficerId"], given["secretsOfficerType"]) == ("p", "ServicePrincipal")
    assert parameters()["secretsOfficerId"] == ""


def test_one_type_has_one_api_version() -> None:
    versions: dict[str, str] = {}
    for variant in NAMES:
        for one in deployed(variant).resources:
            assert versions.setdefault(one.type, one.version) == one.version, one.type
    assert len(versions) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_parameter_or_output_is_a_shapeless_object(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^(?:param|output) \w+ (?:object|array)\b", text, re.MULTILINE) == []


def test_the_offline_checker_is_called_by_ci_and_by_nothing_else() -> None:
    ci = (INFRA.parent / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"\$\{BICEP_CHECK:-([^}]*)\}", ci) == ["../shared/tools/bicep_check"]
    assert not re.search(r"(?<![\w./\"])/(?!usr/bin/env)\w+/", ci)
    assert "bicep_check" not in (INFRA.parent / "Makefile").read_text(encoding="utf-8")
