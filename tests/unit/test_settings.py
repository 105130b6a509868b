import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.clients.dynamics.transport import TIMEOUT_SECONDS
from shared.errors import SettingsRefused
from shared.settings import VARIABLES, Settings, from_environment
from tests.unit.entities.objects import BOOKS

SECRET = "whsec_very_secret"
KEY = "sk_test_very_secret"
QUEUES = "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=very_secret"
ENVIRONMENT = {
    "STRIPE_API_KEY": KEY,
    "STRIPE_WEBHOOK_SECRETS": SECRET,
    "DYNAMICS_URL": "https://usnconeboxax1aos.cloud.onebox.dynamics.com/",
    "TIEOUT_CUSTOMER_ID_PROPERTY": "StripeCustomerId",
    "TIEOUT_BOOKS": BOOKS.model_dump_json(),
    "TIEOUT_TABLES_CONNECTION": "AccountName=contoso;AccountKey=dmVyeV9zZWNyZXQ=",
    "ServiceBusConnection": QUEUES,
}
REQUIRED = (
    *("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS", "STRIPE_LIVEMODE", "DYNAMICS_URL"),
    *("TIEOUT_CUSTOMER_ID_PROPERTY", "TIEOUT_BOOKS"),
)


def read(**changes: str | None) -> Settings:
    changed = {**ENVIRONMENT, **changes}
    return from_environment({name: value for name, value in changed.items() if value is not None})


def problems(**changes: str | None) -> list[str]:
    with pytest.raises(SettingsRefused) as caught:
        read(**changes)
    assert "very_secret" not in str(caught.value)
    assert "dmVyeV9zZWNyZXQ" not in str(caught.value)
    return caught.value.problems


def books(**changes: Any) -> str:
    return json.dumps(BOOKS.model_dump(mode="json") | changes)


def test_a_complete_environment_is_read() -> None:
    settings = read()
    assert settings.stripe_api_key.get_secret_value() == KEY
    assert settings.books == BOOKS
    assert settings.dynamics_url == "https://usnconeboxax1aos.cloud.onebox.dynamics.com"
    assert settings.time_zone == "UTC"
    assert settings.partitions == 4


def test_an_empty_environment_names_every_missing_variable_at_once() -> None:
    with pytest.raises(SettingsRefused) as caught:
        from_environment({})
    for name in REQUIRED:
        assert f"{name} is missing" in caught.value.problems


def test_missing_stores_are_reported_together_with_everything_else() -> None:
    with pytest.raises(SettingsRefused) as caught:
        from_environment({})
    text = str(caught.value)
    assert "TIEOUT_TABLES_CONNECTION or TIEOUT_TABLES_ENDPOINT is missing" in text
    assert "ServiceBusConnection or ServiceBusConnection__fullyQualifiedNamespace" in text


def test_several_problems_of_different_kinds_are_reported_at_once() -> None:
    found = problems(
        STRIPE_API_KEY=None,
        DYNAMICS_URL="ftp://x",
        TIEOUT_BOOKS="{",
        TIEOUT_TIME_ZONE="Mars/Olympus",
        TIEOUT_PARTITIONS="0",
        STRIPE_WEBHOOK_SECRETS="@Microsoft.KeyVault(SecretUri=https://v/secrets/very_secret)",
    )
    names = sorted(problem.split(" ")[0] for problem in found)
    assert names == [
        "DYNAMICS_URL",
        "STRIPE_API_KEY",
        "STRIPE_LIVEMODE",
        "STRIPE_WEBHOOK_SECRETS",
        "TIEOUT_BOOKS",
        "TIEOUT_PARTITIONS",
        "TIEOUT_TIME_ZONE",
    ]


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
@pytest.mark.parametrize("blank", [None, "", "   "])
def test_each_missing_value_is_named(name: str, blank: str | None) -> None:
    assert any(name in problem and "is missing" in problem for problem in problems(**{name: blank}))


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES])
def test_a_key_vault_reference_that_was_not_resolved_is_refused(name: str) -> None:
    found = problems(**{name: "@Microsoft.KeyVault(SecretUri=https://v/secrets/very_secret/)"})
    assert f"{name} is a Key Vault reference that was not resolved" in found


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES])
def test_each_variable_is_named_once_and_fills_a_field(name: str) -> None:
    (variable,) = [each for each in VARIABLES if each.name == name]
    assert variable.field in Settings.model_fields


def test_every_field_can_be_set() -> None:
    assert sorted(variable.field for variable in VARIABLES) == sorted(Settings.model_fields)


@pytest.mark.parametrize(
    ("key", "livemode"),
    [
        ("sk_test_1", False),
        ("rk_test_1", False),
        ("sk_live_1", True),
        ("rk_live_1", True),
    ],
)
def test_the_mode_follows_from_the_key(key: str, livemode: bool) -> None:
    assert read(STRIPE_API_KEY=key).stripe_livemode is livemode


@pytest.mark.parametrize("key", ["sk_prod_1", "sk_test", "rk_live"])
def test_a_key_without_mode_needs_the_setting(key: str) -> None:
    assert problems(STRIPE_API_KEY=key) == ["STRIPE_LIVEMODE is missing"]
    assert read(STRIPE_API_KEY=key, STRIPE_LIVEMODE="true").stripe_livemode is True


def test_the_setting_of_the_mode_wins_over_the_key() -> None:
    assert read(STRIPE_LIVEMODE="true").stripe_livemode is True


def test_several_webhook_secrets_are_a_list() -> None:
    secrets = read(STRIPE_WEBHOOK_SECRETS=" whsec_1, whsec_2 ,,").stripe_webhook_secrets
    assert [secret.get_secret_value() for secret in secrets] == ["whsec_1", "whsec_2"]


def test_a_list_of_no_secrets_is_refused() -> None:
    (problem,) = problems(STRIPE_WEBHOOK_SECRETS=" , ,")
    assert problem.startswith("STRIPE_WEBHOOK_SECRETS")


@pytest.mark.parametrize("text", ["{", "usd", "{'a': 1}", '{"a": 1', "{}{}"])
def test_books_that_are_not_json_are_refused(text: str) -> None:
    (problem,) = problems(TIEOUT_BOOKS=text)
    assert problem.startswith("TIEOUT_BOOKS is not JSON")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"default_company": "xxxx"}, "default_company names the company 'xxxx'"),
        ({"currencies": {}}, "TIEOUT_BOOKS.currencies is empty: at least one is needed"),
        ({"companies": {}}, "which companies does not have"),
        ({"surprise": 1}, "TIEOUT_BOOKS.surprise is unknown"),
        ({"currencies": 7}, "currencies"),
        (
            {"currencies": {"USD": BOOKS.currencies["usd"].model_dump(mode="json")}},
            "not a lower-case currency code",
        ),
        (
            {
                "currencies": {
                    "usd": BOOKS.currencies["usd"].model_dump(mode="json") | {"company": "gbsi"}
                }
            },
            "currencies.usd.company names the company 'gbsi'",
        ),
    ],
)
def test_books_that_contradict_themselves_are_refused(changes: dict[str, Any], text: str) -> None:
    found = problems(TIEOUT_BOOKS=books(**changes))
    assert any(problem.startswith("TIEOUT_BOOKS") and text in problem for problem in found)


@pytest.mark.parametrize("text", ["[]", "7", '"usd"', "null"])
def test_books_of_another_kind_are_refused(text: str) -> None:
    assert all(problem.startswith("TIEOUT_BOOKS") for problem in problems(TIEOUT_BOOKS=text))


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("accounts", "fees"), "missing: fees"),
        (("accounts", "suspense"), "missing: suspense"),
        (("accounts", "disputes"), "missing: disputes"),
        (("journals", "general"), "missing: general"),
    ],
)
def test_what_a_company_lacks_is_named(path: tuple[str, str], missing: str) -> None:
    raw = BOOKS.model_dump(mode="json")
    del raw["companies"]["usmf"][path[0]][path[1]]
    (problem,) = problems(TIEOUT_BOOKS=json.dumps(raw))
    assert problem.startswith("TIEOUT_BOOKS.companies.usmf")
    assert missing in problem


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", "UTC\x00", "Europe"]
)
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    (problem,) = problems(TIEOUT_TIME_ZONE=zone)
    assert problem.startswith("TIEOUT_TIME_ZONE")
    assert "must be a time zone like Europe/Berlin" in problem


def test_a_zone_that_exists_is_accepted() -> None:
    assert read(TIEOUT_TIME_ZONE="Europe/Berlin").time_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TIEOUT_PARTITIONS", "65"),
        ("TIEOUT_PARTITIONS", "four"),
        ("TIEOUT_ATTEMPTS_MAX", "0"),
        ("TIEOUT_WRITE_SETTLE_SECONDS", "5"),
        ("TIEOUT_JOURNAL_LINES_MAX", "0"),
        ("TIEOUT_CUSTOMER_ID_CHARS_MAX", "19"),
        ("STRIPE_LIVEMODE", "maybe"),
        ("DYNAMICS_URL", "http://dynamics.example.com"),
        ("DYNAMICS_TOKEN_URL", "login"),
        ("STRIPE_BASE_URL", "http://evil.example.com"),
        ("TIEOUT_LEDGER_ENTITY", '{"account": "MainAccountId"}'),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(name)


@pytest.mark.parametrize("url", ["http://127.0.0.1:7365", "http://localhost:7365/"])
def test_addresses_of_this_machine_may_go_without_tls(url: str) -> None:
    assert read(DYNAMICS_URL=url).dynamics_url == url.rstrip("/")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"TIEOUT_LEASE_SECONDS": "300", "TIEOUT_WRITE_SETTLE_SECONDS": "300"},
            "TIEOUT_LEASE_SECONDS (300) must be longer than TIEOUT_WRITE_SETTLE_SECONDS (300): ",
        ),
        (
            {
                "TIEOUT_LEASE_SECONDS": "120",
                "TIEOUT_WRITE_SETTLE_SECONDS": "60",
                "TIEOUT_BATCH_SECONDS_MAX": "120",
            },
            "TIEOUT_LEASE_SECONDS (120) must be longer than TIEOUT_BATCH_SECONDS_MAX, ",
        ),
        (
            {"TIEOUT_RETRY_CAP_SECONDS": "4"},
            "TIEOUT_RETRY_CAP_SECONDS (4) must not be shorter than TIEOUT_RETRY_BASE_SECONDS (5): ",
        ),
    ],
)
def test_settings_that_cannot_work_together_are_refused_by_name_and_reason(
    changes: dict[str, str], text: str
) -> None:
    (problem,) = problems(**changes)
    assert problem.startswith(text)


def test_several_contradictions_are_told_at_once() -> None:
    found = problems(
        TIEOUT_LEASE_SECONDS="120",
        TIEOUT_RETRY_CAP_SECONDS="4",
    )
    assert [problem.split(" ")[0] for problem in found] == [
        "TIEOUT_LEASE_SECONDS",
        "TIEOUT_LEASE_SECONDS",
        "TIEOUT_RETRY_CAP_SECONDS",
    ]


@pytest.mark.parametrize("seconds", ["10", "59", "181", "-1"])
def test_a_batch_that_is_shorter_than_a_request_is_refused_with_the_reason(seconds: str) -> None:
    (problem,) = problems(TIEOUT_BATCH_SECONDS_MAX=seconds)
    assert problem.startswith(
        f'TIEOUT_BATCH_SECONDS_MAX must be a whole number from 60 to 180, is "{seconds}": one '
        "request to Dynamics"
    )


@pytest.mark.parametrize("seconds", [60, 61, 120, 180])
def test_within_any_batch_time_a_request_to_dynamics_can_be_sent(seconds: int) -> None:
    settings = read(TIEOUT_BATCH_SECONDS_MAX=str(seconds))
    assert settings.write_seconds_max >= max(TIMEOUT_SECONDS + 30, seconds)


def test_the_stores_may_be_reached_by_identity() -> None:
    settings = read(
        TIEOUT_TABLES_CONNECTION=None,
        TIEOUT_TABLES_ENDPOINT="https://x.table.core.windows.net",
        ServiceBusConnection=None,
        ServiceBusConnection__fullyQualifiedNamespace="x.servicebus.windows.net",
    )
    assert settings.tables_connection is None
    assert settings.service_bus_namespace == "x.servicebus.windows.net"


def test_secrets_do_not_show_in_texts() -> None:
    settings = read()
    assert "very_secret" not in repr(settings)
    assert "very_secret" not in str(settings)
    assert "very_secret" not in settings.model_dump_json()


def test_settings_cannot_be_changed() -> None:
    settings = read()
    with pytest.raises(ValidationError, match="frozen"):
        settings.partitions = 8  # type: ignore[misc]


def test_variables_that_are_not_ours_are_left_alone() -> None:
    assert read(PATH="/usr/bin", TIEOUT_UNKNOWN="1") == read()


def test_two_persons_are_needed_only_where_it_is_said() -> None:
    assert read().publish_two_persons is False
    assert read(TIEOUT_PUBLISH_TWO_PERSONS="true").publish_two_persons is True
    assert "TIEOUT_PUBLISH_TWO_PERSONS" in problems(TIEOUT_PUBLISH_TWO_PERSONS="perhaps")[0]


@pytest.mark.parametrize(
    "url",
    [
        *("http://localhost.evil.com", "http://127.0.0.1.evil.com", "http://localhost@evil.com"),
        *("http://127.0.0.1:80@evil.com", "http://localhost:7365@evil.com:80/x", "http://localhos"),
        *(
            "http://127.0.0.10",
            "http://0x7f.1",
            "http://127.1",
            "http://[::2]",
            "http://localhost.",
        ),
        *("http://localhost\\@evil.com", "http://localhost#@evil.com", "http://localhost?evil.com"),
        *("http://ⓛocalhost", "http://local\thost", "http:/localhost", "http:localhost", "//x"),
        *(
            "https://user:password@contoso.com",
            "https://",
            "https:///x",
            "https://:443",
            "https://a b",
        ),
        *(
            "https://x:99999",
            "https://x:0",
            "https://x:",
            "https://-x",
            "https://x..y",
            "https://[x]",
        ),
        *("https://contoso.com/data", "https://contoso.com?a=1", "sb://x.servicebus.windows.net"),
    ],
)
@pytest.mark.parametrize("name", ["DYNAMICS_URL", "STRIPE_BASE_URL"])
def test_lookalikes_of_this_machine_and_other_odd_addresses_are_refused(
    name: str, url: str
) -> None:
    (problem,) = problems(**{name: url})
    assert problem.startswith(f"{name} must ")


@pytest.mark.parametrize(
    "url", ["http://localhost", "HTTPS://Contoso.operations.dynamics.com", "http://[::1]:7365"]
)
def test_hosts_are_compared_as_hosts(url: str) -> None:
    assert read(DYNAMICS_URL=url).dynamics_url == url


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("STRIPE_API_KEY", "pk_live_1", "this is a publishable key"),
        ("STRIPE_API_KEY", "whsec_1", "this is the signing secret of a webhook endpoint"),
        ("STRIPE_API_KEY", "whatever", "must be a secret or restricted API key (sk_... or rk_...)"),
        ("STRIPE_API_KEY", "sk_test_1\x07", "must be a secret or restricted API key"),
        ("STRIPE_WEBHOOK_SECRETS", "sk_live_1", "this is a secret API key"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1,rk_live_1", "this is a restricted API key"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1,x", "must be signing secrets of webhook endpoints"),
        ("TIEOUT_TABLES_CONNECTION", QUEUES, "of a storage account, not of Service Bus"),
        ("ServiceBusConnection", "AccountName=abc;AccountKey=YQ==", "not of a storage account"),
    ],
)
def test_a_key_of_the_wrong_kind_is_refused_by_name(name: str, value: str, reason: str) -> None:
    found = problems(STRIPE_LIVEMODE="false", **{name: value})
    assert len(found) == 1
    assert found[0].startswith(f"{name} must be ")
    assert reason in found[0]


def test_the_id_of_a_client_secret_is_told_from_its_value() -> None:
    found = problems(
        DYNAMICS_CLIENT_SECRET="11111111-2222-3333-4444-555555555555",
        DYNAMICS_CLIENT_ID="11111111-2222-3333-4444-555555555555",
        DYNAMICS_TOKEN_URL="https://login.microsoftonline.com/t/oauth2/v2.0/token",
    )
    assert found == [
        "DYNAMICS_CLIENT_SECRET must be the secret's value: this is its ID (Entra shows both)"
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("https://x.servicebus.windows.net", "must be a host name without a scheme"),
        ("sb://x.servicebus.windows.net/", "must be a host name without a scheme"),
        ("x.servicebus.windows.net/charge", "must be a host name without a path"),
        ("x.servicebus.windows.net/", "must be a host name without a path"),
        ("Endpoint=x.servicebus.windows.net", "not a connection string"),
        ("contoso-tieout", "must be a full host name, like contoso.servicebus.windows.net"),
        ("x.servicebus.windows.net:5671", "must be a full host name"),
        ("x y.servicebus.windows.net", "must be a full host name"),
    ],
)
def test_a_namespace_is_a_host_and_nothing_else(value: str, reason: str) -> None:
    name = "ServiceBusConnection__fullyQualifiedNamespace"
    (problem,) = problems(ServiceBusConnection=None, **{name: value})
    assert problem.startswith(f"{name} ")
    assert reason in problem


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("TIEOUT_TABLES_ENDPOINT", "http://x.table.core.windows.net", "must be an https address"),
        ("TIEOUT_TABLES_ENDPOINT", "contoso", "must be an https address"),
        ("DYNAMICS_DIMENSION_DELIMITER", "/", "must be one of - --"),
        ("TIEOUT_CUSTOMER_ID_PROPERTY", "Stripe Id", "must be a name of Dynamics"),
        ("DYNAMICS_CLIENT_ID", "tieout", "must be a client id"),
    ],
)
def test_what_a_client_would_stumble_over_is_refused_at_start(
    name: str, value: str, reason: str
) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} {reason}")


def changed_books(path: str, value: Any) -> str:
    raw = BOOKS.model_dump(mode="json")
    *parents, last = path.split(".")
    at = raw
    for part in parents:
        at = at[part]
    at[last] = value
    return json.dumps(raw)


CLEARING = {"type": "Bank", "id": "clearing-usd"}


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (
            "currencies.jpy.clearing",
            CLEARING,
            "the clearing account of usd and the clearing account of jpy are both Bank",
        ),
        (
            "currencies.usd.bank",
            CLEARING,
            "the clearing account of usd and the bank of usd are both Bank 'CLEARING-USD'",
        ),
        (
            "currencies.jpy.balances",
            {"issuing": CLEARING},
            "the clearing account of usd and the issuing account of jpy are both Bank",
        ),
        (
            "currencies.jpy.balances",
            {"issuing": {"type": "Bank", "id": "BANK-USD"}},
            "the bank of usd and the issuing account of jpy are both Bank",
        ),
        (
            "currencies.usd.balances",
            {"issuing": {"type": "Ledger", "id": "US-fees"}},
            "issuing and accounts.fees are both Ledger",
        ),
        ("currencies.usd.balances", {"payments": CLEARING}, "is the balance of clearing itself"),
        ("currencies.jpy.bank", CLEARING, "clearing account of usd and the bank of jpy are both"),
        (
            "currencies.jpy.clearing",
            {"type": "Bank", "id": "BANK-USD"},
            "the bank of usd and the clearing account of jpy are both",
        ),
        ("companies.usmf.accounts.fees", CLEARING, "clearing and accounts.fees are both Bank"),
        (
            "companies.usmf.accounts.payouts_in_transit",
            {"type": "Bank", "id": "BANK-USD"},
            "bank and accounts.payouts_in_transit are both Bank 'BANK-USD'",
        ),
        (
            "companies.usmf.accounts.suspense",
            {"type": "Ledger", "id": "us-payouts_in_transit"},
            "payouts_in_transit and suspense are both Ledger",
        ),
        (
            "companies.usmf.journals",
            {"customer_payment": "STRIPE", "general": "Stripe"},
            "customer_payment and general are both 'STRIPE', of two types",
        ),
        ("companies.USMF", BOOKS.companies["usmf"].model_dump(mode="json"), "one company twice"),
        ("companies.toolong", BOOKS.companies["usmf"].model_dump(mode="json"), "not a dataAreaId"),
    ],
)
def test_one_account_for_two_things_that_the_proof_tells_apart_is_refused(
    path: str, value: Any, text: str
) -> None:
    found = problems(TIEOUT_BOOKS=changed_books(path, value))
    assert any(text in problem for problem in found), found


def test_the_same_number_in_two_companies_or_of_two_types_is_another_account() -> None:
    read(TIEOUT_BOOKS=changed_books("currencies.eur.clearing", CLEARING))
    ledger = {"type": "Ledger", "id": "CLEARING-USD"}
    read(TIEOUT_BOOKS=changed_books("companies.usmf.accounts.fees", ledger))


def test_one_bank_may_take_the_payouts_of_two_currencies() -> None:
    read(TIEOUT_BOOKS=changed_books("currencies.jpy.bank", {"type": "Bank", "id": "BANK-USD"}))
