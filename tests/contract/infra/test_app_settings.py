"""Every setting that the code needs is set, none is unknown, and the code takes them all."""

import json
import re
from typing import Any

import pytest

from shared.settings import VARIABLES, Settings, from_environment
from tests.bicep_evaluation import Deployment
from tests.contract.infra.variants import (
    DYNAMICS_URL,
    INFRA,
    NAMES,
    configured,
    deployed,
    deployed_with,
    parameters,
)

LOCAL = {  # of our variables, those that are not for Azure
    "STRIPE_BASE_URL": "the local peer",
    "TIEOUT_TABLES_CONNECTION": "the storage emulator: keys are off on Azure",
    "ServiceBusConnection": "the local broker: local authentication is off on Azure",
}
OF_THE_PLATFORM = ("WEBSITE_AUTH_ENABLED",)  # it sets this one itself where people sign in
WITH_A_SECRET = ("DYNAMICS_CLIENT_ID", "DYNAMICS_CLIENT_SECRET", "DYNAMICS_TOKEN_URL")
PLATFORM = {  # of the host and the platform, with who reads them
    "AzureWebJobsDisableHomepage": "the host: no page of Microsoft's at /",
    "AzureWebJobsStorage__accountName": "the host and Durable Functions",
    "AzureWebJobsStorage__credential": "the host",
    "AzureWebJobsStorage__clientId": "the host",
    "ServiceBusConnection__credential": "the Service Bus trigger",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "the host and the exporter",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "the host and the exporter",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "the worker: it makes the exporters at start",
    "OTEL_TRACES_SAMPLER": "the exporter: spans by a rate, never metrics and logs",
    "OTEL_TRACES_SAMPLER_ARG": "the exporter: traces a second",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "the exporter: no addresses of requests",
}
SCHEDULER = (
    *("DURABLE_TASK_SCHEDULER_CONNECTION_STRING", "TASKHUB_NAME"),
    "AzureFunctionsJobHost__extensions__durableTask__hubName",
    "AzureFunctionsJobHost__extensions__durableTask__storageProvider__type",
    "AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName",
)
SIGN_IN = ("OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID",)
NOT_ON_FLEX = ("FUNCTIONS_WORKER_RUNTIME", "WEBSITE_RUN_FROM_PACKAGE", "AzureWebJobsStorage")
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(SecretUri=(https://[^/]+/)secrets/([a-z-]+)\)")
SECRETS = {
    "stripe-api-key": "rk_test_example",
    "stripe-webhook-secrets": "whsec_example",
    "dynamics-client-secret": "example",
    "stripe-shop-eu-api-key": "rk_test_of_another",
    "stripe-shop-eu-webhook-secrets": "whsec_of_another",
}
OURS = [variable.name for variable in VARIABLES]
SECRET_SIGN_IN = {
    "dynamicsSignIn": "clientSecret",
    "dynamicsClientId": "00000000-0000-4000-8000-000000000001",
}


def settings_of(made: Deployment) -> dict[str, Any]:
    return dict(made.one("Microsoft.Web/sites/config", "appSettings").properties)


def resolved(made: Deployment) -> dict[str, str]:
    """The app settings as the process sees them: references are secrets by then."""
    vault = made.one("Microsoft.KeyVault/vaults").member("properties")["vaultUri"]
    seen = {}
    for name, value in settings_of(made).items():
        reference = REFERENCE.fullmatch(value)
        if reference is not None:
            assert reference[1] == vault
        seen[name] = value if reference is None else SECRETS[reference[2]]
    return seen


def read(made: Deployment) -> Settings:
    return from_environment(resolved(made))


def allowed(variant: str) -> list[str]:
    more = {"scheduler": SCHEDULER, "sign-in": SIGN_IN}.get(variant, ())
    not_given = (*LOCAL, *WITH_A_SECRET, *OF_THE_PLATFORM)
    return [*PLATFORM, *more, *(name for name in OURS if name not in not_given)]


@pytest.mark.parametrize("variant", NAMES)
def test_what_is_set_is_exactly_what_is_needed(variant: str) -> None:
    assert sorted(settings_of(deployed(variant))) == sorted(allowed(variant))


def test_a_client_secret_brings_its_three_settings() -> None:
    made = configured(**SECRET_SIGN_IN)
    assert sorted(settings_of(made)) == sorted([*allowed("plain"), *WITH_A_SECRET])
    settings = read(made)
    assert settings.dynamics_client_id == SECRET_SIGN_IN["dynamicsClientId"]
    assert settings.dynamics_client_secret is not None
    assert settings.dynamics_token_url.endswith("/oauth2/v2.0/token")


def test_a_further_stripe_account_brings_its_entry_and_two_secrets() -> None:
    books = json.loads(parameters()["configuration"]["books"])
    currency = min(books["currencies"])
    further = {"alias": "shop-eu", "currencies": [currency], "account": "acct_1AbC"}
    made = configured(stripeAccounts=[further])
    brought = {"STRIPE_API_KEY_shop_eu", "STRIPE_WEBHOOK_SECRETS_shop_eu"}
    assert sorted(settings_of(made)) == sorted([*allowed("plain"), *brought])
    [account] = read(made).stripe_accounts
    assert (account.alias, account.currencies) == ("shop-eu", (currency,))
    assert account.account_id == "acct_1AbC"
    assert account.api_key.get_secret_value() == SECRETS["stripe-shop-eu-api-key"]


def test_what_is_local_stays_local() -> None:
    assert [name for name in LOCAL if name not in OURS] == []
    assert [name for name in NOT_ON_FLEX if name in settings_of(deployed())] == []


@pytest.mark.parametrize("variant", NAMES)
def test_every_value_is_a_text(variant: str) -> None:
    assert {type(value) for value in settings_of(deployed(variant)).values()} == {str}


@pytest.mark.parametrize("variant", NAMES)
def test_the_code_takes_the_settings_and_reaches_what_was_deployed(variant: str) -> None:
    made = deployed(variant)
    settings = read(made)
    (namespace,) = [
        one for one in made.of("Microsoft.ServiceBus/namespaces") if one.module == "messaging"
    ]
    storage = made.one("Microsoft.Storage/storageAccounts")
    identity = made.one("Microsoft.ManagedIdentity/userAssignedIdentities").member("properties")
    assert settings.service_bus_namespace == f"{namespace.name}.servicebus.windows.net"
    assert settings.tables_endpoint == f"https://{storage.name}.table.core.windows.net"
    assert settings.managed_identity_client_id == identity["clientId"]
    assert settings.dynamics_url == DYNAMICS_URL
    assert settings.stripe_livemode is False
    assert settings_of(made)["AzureWebJobsStorage__accountName"] == storage.name


def test_what_is_left_out_stays_at_the_default_of_the_code() -> None:
    made = resolved(configured(limits={}))
    least = {name: value for name, value in made.items() if value}
    assert from_environment(made) == from_environment(least)
    assert from_environment(made).partitions == Settings.model_fields["partitions"].default


def limits_of_the_template() -> list[str]:
    text = (INFRA / "modules/types.bicep").read_text(encoding="utf-8")
    block = re.search(r"type Limits = \{\n(.*?)\n\}", text, re.DOTALL)
    assert block is not None
    return re.findall(r"^  (\w+): (?:int|string|bool)\?$", block[1], re.MULTILINE)


def camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.title() for word in rest)


NOT_LIMITS = (  # fields with a default that are given elsewhere, or not at all on Azure
    *("stripe_base_url", "dynamics_token_url", "dynamics_client_id", "dynamics_client_secret"),
    *("dynamics_dimension_delimiter", "ledger_entity", "tables_connection", "tables_endpoint"),
    *("service_bus_connection", "service_bus_namespace", "managed_identity_client_id"),
    *("stripe_account_id", "stripe_accounts", "platform_auth", "platform_auth_enabled", "ingress"),
)
LIMITS = [
    name
    for name, field in Settings.model_fields.items()
    if not field.is_required() and name not in NOT_LIMITS
]


def test_the_limits_of_the_template_are_the_optional_settings_of_the_code() -> None:
    assert limits_of_the_template() == [camel(name) for name in LIMITS]


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_reaches_the_field_of_its_name(name: str) -> None:
    default = Settings.model_fields[name].default
    value = {bool: True, str: "Europe/Berlin", int: None}[type(default)]
    if value is None:  # the smallest change that no other limit forbids
        value = default + 1
    settings = read(configured(limits={camel(name): value}))
    assert getattr(settings, name) == value


def test_the_header_of_who_signed_in_is_read_only_where_people_sign_in() -> None:
    assert read(deployed("sign-in")).platform_auth
    assert not read(deployed("plain")).platform_auth
    assert not read(deployed("sign-in")).trusts_principal  # until the platform says so itself


def test_the_ledger_entity_and_the_delimiter_are_passed_on() -> None:
    entity = '{"entity_set":"GeneralJournalAccountEntries","accounts":{"STRIPE-USD":"110710"}}'
    settings = read(configured(ledgerEntity=entity, dynamicsDimensionDelimiter="|"))
    assert settings.ledger_entity is not None
    assert settings.dynamics_dimension_delimiter == "|"


@pytest.mark.parametrize("ingress", ["webhook", "event_grid", "both"])
def test_the_ways_in_are_passed_on(ingress: str) -> None:
    assert read(configured(ingress=ingress)).ingress == ingress


def test_the_scheduler_overrides_what_host_json_says() -> None:
    settings = settings_of(deployed("scheduler"))
    prefix = "AzureFunctionsJobHost__extensions__durableTask__"
    hub = deployed("scheduler").one("Microsoft.DurableTask/schedulers/taskHubs")
    assert settings[f"{prefix}storageProvider__type"] == "azureManaged"
    assert settings[f"{prefix}storageProvider__connectionStringName"] in settings
    assert settings[f"{prefix}hubName"] == hub.name.partition("/")[2] == settings["TASKHUB_NAME"]


def test_a_live_environment_needs_to_say_so() -> None:
    live = {**parameters()["configuration"], "stripeLivemode": True}
    assert read(deployed_with(configuration=live)).stripe_livemode is True
