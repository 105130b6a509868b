"""`tieout setup`: a deployed app, Stripe and Key Vault, none of them real, and what goes wrong."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport
from cli.setup.command import login, outside, pause
from cli.setup.failure import SetupFailed
from functions.setup import setup as setup_route
from local.stripe import RestrictedKey, StripeFaults, StripePeer
from local.stripe.settings import API_VERSION
from local.tables import MemoryTables
from shared import bootstrap
from shared.registry import ENTITIES
from shared.settings import Settings
from shared.version import VERSION
from tests.unit.cli.apps import request
from tests.unit.services.fakes import (
    FakeDynamics,
    FakeStripe,
    ManualClock,
    RecordingQueue,
    settings,
)

URL = "https://app.example"
WEBHOOK = f"{URL}/api/webhooks/stripe"
KEY = "sk_test_ofaperson"
VAULT = "kv-tieout-test"
NAME = "stripe-webhook-secrets"
READY = {"status": "ready", "checks": [{"name": "storage", "problem": "", "remedy": ""}]}
WITHOUT_CATALOGUE = [
    type
    for entity in ENTITIES
    for type in entity.event_types
    if entity.name not in ("product", "price")
]


@dataclass
class Vault:
    """Key Vault: `refuse` answers every request of that method with a status and a code."""

    secrets: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    def answer(self, asked: httpx.Request) -> httpx.Response:
        self.tokens.append(asked.headers["authorization"])
        assert asked.url.params["api-version"] == "7.4"
        name = asked.url.path.removeprefix("/secrets/")
        if asked.method in self.refuse:
            status, code = self.refuse[asked.method]
            return httpx.Response(status, json={"error": {"innererror": {"code": code}}})
        if asked.method == "PUT":
            self.secrets[name] = json.loads(asked.content)["value"]
        if name not in self.secrets:
            return httpx.Response(404, json={"error": {"code": "SecretNotFound"}})
        return httpx.Response(200, json={"value": self.secrets[name]})


@dataclass
class Place(httpx.AsyncBaseTransport):
    """The app, Stripe and Key Vault around one command. `asked`: method and address of requests
    that left for Stripe and the vault."""

    settings: Settings | None
    peer: StripePeer
    vault: Vault = field(default_factory=Vault)
    ready: dict[str, Any] = field(default_factory=lambda: READY)
    asked: list[str] = field(default_factory=list)
    noted: list[dict[str, str]] = field(default_factory=list)
    lost: int = 0  # requests to Stripe that get no answer though they are done

    def app(self, asked: httpx.Request) -> httpx.Response:
        """The answers of the app."""
        path = asked.url.path
        if path == "/api/health":
            return httpx.Response(200, json={"status": "alive", "version": VERSION})
        if path == "/api/ready":
            return httpx.Response(200 if self.ready is READY else 503, json=self.ready)
        if path != "/api/setup":
            return httpx.Response(404)
        if asked.method == "POST":
            self.noted.append(json.loads(asked.content))
            status = 503 if self.settings is None else 200
            body = {"noted": True} if self.settings else {"code": "not_configured", "message": "-"}
            return httpx.Response(status, json=body)
        return self._setup()

    def _setup(self) -> httpx.Response:
        if self.settings is None:
            bootstrap._receiving_of_process.cache_clear()
            found = asyncio.run(setup_route(request("GET", "/api/setup")))
            return httpx.Response(200, content=found.get_body())
        app = bootstrap.build(
            self.settings,
            tables=MemoryTables(),
            clock=ManualClock(),
            stripe=FakeStripe(),
            further_accounts={each.alias: FakeStripe() for each in self.settings.stripe_accounts},
            dynamics=FakeDynamics(),
            queue=RecordingQueue(),
            signatures=None,
        )
        token = bootstrap.use(app)
        try:
            found = asyncio.run(setup_route(request("GET", "/api/setup")))
        finally:
            bootstrap._current.reset(token)
        return httpx.Response(200, content=found.get_body())

    async def handle_async_request(self, asked: httpx.Request) -> httpx.Response:
        self.asked.append(f"{asked.method} {asked.url.host}{asked.url.path}")
        if asked.url.host.endswith(".vault.azure.net"):
            return self.vault.answer(asked)
        answer = await httpx.ASGITransport(self.peer.asgi).handle_async_request(asked)
        if self.lost and asked.method == "POST":
            self.lost -= 1
            raise httpx.ReadTimeout("too late")
        return answer

    @property
    def endpoints(self) -> list[dict[str, Any]]:
        """What Stripe has, oldest first."""
        return self.peer.objects("webhook_endpoint")

    def make(self, **changes: Any) -> dict[str, Any]:
        """An endpoint that is there already."""
        given = {"url": WEBHOOK, "enabled_events": WITHOUT_CATALOGUE, "api_version": API_VERSION}
        return self.peer.request("POST", "/v1/webhook_endpoints", {**given, **changes})


async def signed_in(scope: str) -> str:
    """The Azure login of a person."""
    return f"token for {scope}"


async def no_pause(_: float) -> None:
    """Nobody waits in a test."""


@contextmanager
def place(found: Settings | None = None, *, livemode: bool = False) -> Iterator[Place]:
    peer = StripePeer(
        ManualClock(),
        random.Random(1),
        livemode=livemode,
        webhook=None,
        signing_secrets=(),
        api_key=KEY.replace("test", "live") if livemode else KEY,
    )
    made = Place(found, peer)
    tokens = (
        (transport, transport.set(httpx.MockTransport(made.app))),
        (outside, outside.set(made)),
        (login, login.set(signed_in)),
        (pause, pause.set(no_pause)),
    )
    try:
        yield made
    finally:
        for variable, token in tokens:
            variable.reset(token)  # type: ignore[arg-type]


def run(*arguments: str, key: str = KEY, url: str = URL) -> Result:
    return CliRunner().invoke(command, ["setup", "--url", url, *arguments], input=f"{key}\n")


def lines(result: Result, mark: str) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith(mark)]


# --- what it does -------------------------------------------------------------------------------


def test_a_run_makes_the_endpoint_stores_its_secret_and_ends_with_ready() -> None:
    with place(settings()) as at:
        result = run("--vault", VAULT, "--who", "Kim")
        (endpoint,) = at.endpoints
        (note,) = at.noted
        assert (note["who"], note["account"]) == ("Kim", "default")
        assert note["endpoint"] == endpoint["id"]
        assert note["changes"].startswith("create it with")
        assert "ok   audit log: what was changed is on record" in result.stdout
        assert (endpoint["url"], endpoint["api_version"]) == (WEBHOOK, API_VERSION)
        assert endpoint["enabled_events"] == WITHOUT_CATALOGUE
        assert endpoint["metadata"] == {"tieout_account": "default"}
        secret = at.vault.secrets[NAME]
        assert secret.startswith("whsec_")
        assert secret not in result.output
        assert at.vault.tokens == ["Bearer token for https://vault.azure.net/.default"] * 2
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[-1] == "Set up: the app is ready."
        assert "ok   storage: ready" in result.stdout


def test_a_second_run_changes_nothing() -> None:
    with place(settings()) as at:
        run("--vault", VAULT)
        stored, at.asked, at.noted = dict(at.vault.secrets), [], []
        result = run("--vault", VAULT)
        assert (result.exit_code, at.vault.secrets) == (0, stored)
        assert [each for each in at.asked if not each.startswith("GET ")] == []
        assert "sends the right events" in result.stdout
        assert at.noted == []
        assert len(at.endpoints) == 1


def test_a_second_run_sets_the_events_that_differ_and_makes_no_second_endpoint() -> None:
    with place(settings()) as at:
        old = at.make(url=f"{WEBHOOK}/", enabled_events=["*"])
        at.vault.secrets[NAME] = old["secret"]
        result = run("--vault", VAULT)
        (endpoint,) = at.endpoints
        assert (endpoint["id"], endpoint["enabled_events"]) == (old["id"], WITHOUT_CATALOGUE)
        assert "remove event types: *" in result.stdout
        assert (result.exit_code, at.vault.secrets[NAME]) == (0, old["secret"])


def test_a_dry_run_reads_and_changes_nothing() -> None:
    with place(settings()) as at:
        result = run("--vault", VAULT, "--dry-run")
        assert (at.endpoints, at.vault.secrets, at.noted) == ([], {}, [])
        assert [each.partition(" ")[0] for each in at.asked] == ["GET"] * 3
        assert f"{WEBHOOK} would change: create it with" in result.stdout
        assert result.stdout.splitlines()[-1] == "Nothing was changed (--dry-run)."


def test_a_dry_run_without_a_key_shows_what_the_app_needs() -> None:
    with place(settings()) as at:
        result = run("--dry-run", key="")
        assert at.asked == []
        assert result.exit_code == 0
        assert "without a key it was not compared with Stripe" in result.stdout


def test_without_a_vault_the_secret_is_printed_once() -> None:
    with place(settings()) as at:
        result = run()
        shown = [line for line in result.stdout.splitlines() if "whsec_" in line]
        assert len(shown) == 1
        assert shown[0].startswith("signing secret: whsec_")
        assert f"put it into the vault as {NAME}" in result.stdout
        assert [each for each in at.asked if "vault" in each] == []


def test_the_key_is_never_shown_whatever_happens() -> None:
    with place(settings()) as at:
        for arguments in ((), ("--json",), ("--dry-run",), ("--vault", VAULT)):
            assert KEY not in run(*arguments).output
        at.peer.set_faults(StripeFaults(server_error=1.0))
        assert "ofaperson" not in run().output
        assert "wrong" not in run(key="sk_test_wrong").output


def test_older_secrets_stay_behind_the_new_one() -> None:
    with place(settings()) as at:
        at.vault.secrets[NAME] = "whsec_older, to be filled in"
        result = run("--vault", VAULT)
        new, older = at.vault.secrets[NAME].split(",")
        assert new.startswith("whsec_")
        assert older == "whsec_older"
        assert "before 1 older one" in result.stdout


EU = MappingProxyType(
    {
        "alias": "shop-eu",
        "api_key": SecretStr("rk_test_eu"),
        "webhook_secrets": (SecretStr("whsec_eu"),),
        "livemode": False,
        "currencies": ("eur",),
        "account_id": "acct_1TieoutLocal0000",
    }
)


def test_a_further_account_has_its_own_address_and_secret() -> None:
    with place(settings(stripe_accounts=[dict(EU)])) as at:
        result = run("--account", "shop-eu", "--vault", f"https://{VAULT}.vault.azure.net")
        (endpoint,) = at.endpoints
        assert endpoint["url"] == f"{WEBHOOK}/shop-eu"
        assert list(at.vault.secrets) == ["stripe-shop-eu-webhook-secrets"]
        assert "ok   key of the app: it is a restricted key" in result.stdout
        assert "ok   Stripe account: acct_1TieoutLocal0000" in result.stdout


def test_before_the_settings_are_complete_the_endpoint_can_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_LIVEMODE", "false")
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRETS", raising=False)
    with place(None) as at:
        at.ready = {"code": "not_configured", "message": "settings: TIEOUT_BOOKS is missing"}
        result = run("--vault", VAULT)
        assert (len(at.endpoints), list(at.vault.secrets)) == (1, [NAME])
        assert result.exit_code == 1
        assert "FAIL settings: settings: TIEOUT_BOOKS is missing" in result.stdout
        assert "note audit log: the app cannot put it on record yet" in result.stdout
        assert "az functionapp restart" in result.stdout
        assert lines(result, "Left to do") == ["Left to do: settings"]


def test_the_permissions_are_those_of_the_policy_and_the_link_chooses_them() -> None:
    with place(settings()):
        result = run("--dry-run", key="")
        (link,) = lines(result, "  https://dashboard.stripe.com/test/apikeys/create?")
        chosen = parse_qs(urlsplit(link.strip()).query)["permissions[]"]
        assert chosen == [
            *("rak_customer_read", "rak_charge_read", "rak_dispute_read", "rak_payout_read"),
            *("rak_balance_read", "rak_balance_transaction_source_read", "rak_event_read"),
        ]
        assert "  Charges and Refunds         read   what was sold; what was given back" in (
            result.stdout
        )
        assert "note key of the app: it is a secret key, which may do everything" in result.stdout


def test_for_machines_there_is_one_json_document() -> None:
    with place(settings()) as at:
        first = run("--json")
        found = json.loads(first.stdout)
        assert found["endpoint"]["action"] == "create"
        assert found["signing_secret"].startswith("whsec_")
        assert (found["ready"], first.exit_code) == (READY, 0)
        again = json.loads(run("--json", "--vault", VAULT).stdout)
        assert again["endpoint"] == {"id": at.endpoints[0]["id"], "action": "keep", "changes": []}
        assert "signing_secret" not in again


# --- what goes wrong ----------------------------------------------------------------------------


def refused(at: Place, result: Result, text: str) -> None:
    """The command ended with a sentence, and Stripe has nothing new."""
    assert (result.exit_code, at.endpoints) == (2, []), result.output
    assert text in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("", "no Stripe key came"),
        ("pk_test_shop", "this is a publishable key"),
        ("whsec_abc", "this is the signing secret of a webhook endpoint"),
        ("acct_1AbC", "this is an account id"),
        ("sk_live_ofaperson", "this is a live key, and the app works with test payments"),
        ("sk_test_wrong", "Stripe refuses the key"),
        ("sk_org_x", "the key does not tell its mode"),
        ("sk_test_" + "a" * 600, "does not hold a Stripe key"),
        ("hunter2 is my password", "must be a secret or restricted API key"),
    ],
)
def test_a_key_that_will_not_do_is_refused_unseen(key: str, text: str) -> None:
    with place(settings()) as at:
        result = run(key=key)
        refused(at, result, text)
        assert not key or key not in result.output


def test_a_test_key_for_a_live_app_is_refused_before_stripe_is_asked() -> None:
    live = settings(stripe_livemode=True, stripe_api_key="rk_live_app")
    with place(live, livemode=True) as at:
        refused(at, run(), "this is a test key, and the app works with live payments")
        assert at.asked == []
        assert run(key=KEY.replace("test", "live")).exit_code == 0
        assert [each["livemode"] for each in at.endpoints] == [True]


def test_a_key_without_the_permission_is_told_which_one() -> None:
    with place(settings()) as at:
        at.peer.issue_key(RestrictedKey("rk_test_reads", read=("charge",)))
        refused(at, run(key="rk_test_reads"), "Webhook Endpoints: write")
        at.peer.issue_key(RestrictedKey("rk_test_looks", read=("webhook",)))
        refused(at, run(key="rk_test_looks"), "Webhook Endpoints: write")
        at.peer.issue_key(RestrictedKey("rk_test_may", read=(), write=("webhook",)))
        result = run(key="rk_test_may")
        assert "the key may not read it, so it was not compared" in result.stdout
        assert (result.exit_code, len(at.endpoints)) == (0, 1)


def test_a_key_of_another_account_is_refused() -> None:
    with place(settings(stripe_account_id="acct_1Other")) as at:
        refused(at, run(), "belongs to the account acct_1TieoutLocal0000, the app books acct_1Oth")


def test_an_app_that_does_not_answer_is_named() -> None:
    def gone(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with place(settings()) as at:
        token = transport.set(httpx.MockTransport(gone))
        try:
            refused(at, run(), "nothing answers at https://app.example/api/health")
        finally:
            transport.reset(token)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://app.example", "is not https: Stripe delivers to https alone"),
        ("http://127.0.0.1:7071", "is not https"),
        ("https://localhost", "is this machine, which Stripe cannot reach"),
    ],
)
def test_an_address_that_stripe_cannot_reach_is_refused(url: str, text: str) -> None:
    with place(settings()) as at:
        refused(at, run(url=url), text)
        dry = run("--dry-run", url=url)
        assert (dry.exit_code, at.asked) == (1, [])
        assert f"FAIL endpoint: {url}" in dry.stdout
        assert "The app says:" in dry.stdout


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        ("shop-us", "no Stripe account shop-us (it has default)"),
        ("../admin", "no Stripe account"),
    ],
)
def test_an_account_that_the_app_does_not_have_is_refused(alias: str, text: str) -> None:
    with place(settings()) as at:
        refused(at, run("--account", alias), text)


def test_an_alias_that_cannot_be_one_is_refused_while_the_settings_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("STRIPE_WEBHOOK_SECRETS", raising=False)
    with place(None) as at:
        refused(at, run("--account", "../admin"), "--account must be 1 to 20 of a-z")


def test_an_endpoint_of_another_version_is_left_and_named_with_what_to_do() -> None:
    with place(settings()) as at:
        old = at.make(api_version="2020-08-27", enabled_events=["charge.updated"])
        at.vault.secrets[NAME] = old["secret"]
        result = run("--vault", VAULT)
        (endpoint,) = at.endpoints
        assert (endpoint["api_version"], result.exit_code) == ("2020-08-27", 1)
        assert endpoint["enabled_events"] == WITHOUT_CATALOGUE
        assert f"FAIL endpoint: the endpoint {old['id']} sends 2020-08-27" in result.stdout
        assert f"delete {old['id']} in the Dashboard" in result.stdout


def test_an_endpoint_that_is_disabled_is_enabled() -> None:
    with place(settings()) as at:
        old = at.make()
        at.peer.request("POST", f"/v1/webhook_endpoints/{old['id']}", {"disabled": True})
        result = run()
        assert [each["status"] for each in at.endpoints] == ["enabled"]
        assert "enable it: it is disabled" in result.stdout


def test_endpoints_that_share_the_address_are_named_and_none_is_added() -> None:
    with place(settings()) as at:
        first, second = at.make(), at.make()
        result = run()
        assert len(at.endpoints) == 2
        assert f"more endpoints have this address: {second['id']}" in result.stdout
        assert f"keep {first['id']}" in result.stdout
        assert result.exit_code == 1


def test_an_endpoint_whose_secret_the_vault_does_not_have_is_named() -> None:
    with place(settings()) as at:
        id = at.make()["id"]
        result = run("--vault", VAULT)
        assert f"FAIL signing secret: the vault has no secret {NAME}" in result.stdout
        assert f"Copy the signing secret of {id} from the Dashboard" in result.stdout
        assert (result.exit_code, at.vault.secrets) == (1, {})


def test_an_answer_that_is_lost_makes_one_endpoint_and_keeps_its_secret() -> None:
    with place(settings()) as at:
        at.lost = 2
        result = run("--vault", VAULT)
        assert (result.exit_code, len(at.endpoints)) == (0, 1)
        assert at.vault.secrets[NAME].startswith("whsec_")


def test_a_stripe_that_stays_silent_is_told_and_the_next_run_looks_first() -> None:
    with place(settings()) as at:
        at.lost = 3
        result = run("--vault", VAULT)
        assert result.exit_code == 2
        assert "it may have done it all the same: run tieout setup again" in result.stderr
        again = run("--vault", VAULT)
        assert len(at.endpoints) == 1
        assert "from the Dashboard (Webhooks) into the vault" in again.stdout


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        ((403, "ForbiddenByRbac"), "Key Vault Secrets Officer"),
        ((401, ""), "Key Vault Secrets Officer"),
        ((403, "ForbiddenByFirewall"), "operatorAddresses"),
        ((500, ""), "refuses to read the secret"),
    ],
)
def test_a_vault_that_refuses_is_noticed_before_stripe_makes_a_secret(
    refusal: tuple[int, str], text: str
) -> None:
    with place(settings()) as at:
        at.vault.refuse["GET"] = refusal
        refused(at, run("--vault", VAULT), text)


@pytest.mark.parametrize(
    ("refusal", "text"),
    [((403, ""), "Key Vault Secrets Officer"), ((409, ""), "az keyvault secret recover")],
)
def test_a_secret_that_the_vault_does_not_take_is_printed_once(
    refusal: tuple[int, str], text: str
) -> None:
    with place(settings()) as at:
        at.vault.refuse["PUT"] = refusal
        result = run("--vault", VAULT)
        assert (result.exit_code, len(at.endpoints)) == (1, 1)
        assert text in result.stdout
        assert result.stdout.count("whsec_") == 1


@pytest.mark.parametrize(
    "vault",
    [
        "my vault",
        "http://kv-x.vault.azure.net",
        "https://evil.example",
        "https://kv.vault.evil.net",
        "a",
    ],
)
def test_what_is_no_vault_gets_no_token_and_no_secret(vault: str) -> None:
    with place(settings()) as at:
        refused(at, run("--vault", vault), "is no Key Vault")
        assert at.vault.tokens == []


def test_without_an_azure_login_nothing_is_made() -> None:
    async def nobody(_: str) -> str:
        raise SetupFailed("you are not signed in to Azure: run az login, then try again")

    with place(settings()) as at:
        token = login.set(nobody)
        try:
            refused(at, run("--vault", VAULT), "run az login")
        finally:
            login.reset(token)


def test_the_key_goes_to_no_address_in_clear_text() -> None:
    with place(settings()) as at:
        refused(at, run("--stripe-url", "http://stripe.example"), "--stripe-url must be an https")
        assert at.asked == []


def test_an_app_of_another_version_is_told() -> None:
    with place(settings()) as at:
        facts = json.loads(at._setup().content) | {"version": "9.9.9"}

        def older(asked: httpx.Request) -> httpx.Response:
            if asked.url.path == "/api/setup":
                return httpx.Response(200, json=facts)
            return at.app(asked)

        token = transport.set(httpx.MockTransport(older))
        try:
            result = run("--dry-run", key="")
        finally:
            transport.reset(token)
        assert f"note version: this command is {VERSION}" in result.stdout
        assert "tieout==9.9.9" in result.stdout
