"""The steps of `tieout setup`, and what each found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cli.setup.endpoint import EndpointAction, EndpointPlan, WantedEndpoint, plan_of
from cli.setup.failure import SetupFailed
from cli.setup.stripe import StripeWebhooks
from cli.setup.vault import SecretStore, secret_name, with_secret

DEFAULT_ACCOUNT = "default"
KEY_CHARS_MAX = 500

type Facts = Mapping[str, Any]
"""The answer of `/api/setup`."""


class StepState(StrEnum):
    """How a step went: it holds, is worth knowing, or is left to do."""

    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class SetupStep:
    """One step, with what to do where it does not hold."""

    name: str
    state: StepState
    text: str
    remedy: str = ""


@dataclass(slots=True)
class SetupReport:
    """What was found and done. `signing_secret`: only where it is to be shown, once."""

    steps: list[SetupStep] = field(default_factory=list)
    plan: EndpointPlan | None = None
    endpoint_id: str = ""
    signing_secret: str = ""
    stored_in: str = ""
    dry_run: bool = False

    def ok(self, name: str, text: str) -> None:
        """A step that holds."""
        self.steps.append(SetupStep(name, StepState.OK, text))

    def note(self, name: str, text: str, remedy: str = "") -> None:
        """Something to know, which holds up nothing."""
        self.steps.append(SetupStep(name, StepState.NOTE, text, remedy))

    def fail(self, name: str, text: str, remedy: str) -> None:
        """Something that is left to do."""
        self.steps.append(SetupStep(name, StepState.FAIL, text, remedy))


def account_of(facts: Facts, alias: str) -> Facts | None:
    """What the app says of a Stripe account; None while it cannot. Raises `SetupFailed` for one
    that it does not have."""
    accounts: Sequence[Facts] = facts["accounts"]
    for account in accounts:
        if account["alias"] == alias:
            return account
    if accounts:
        known = ", ".join(str(account["alias"]) for account in accounts)
        raise SetupFailed(
            f"the app has no Stripe account {alias} (it has {known}): add it to "
            "TIEOUT_STRIPE_ACCOUNTS, and deploy"
        )
    return None


def livemode_wanted(facts: Facts, account: Facts | None) -> bool | None:
    """The mode of the account, or that of the app; None where the app does not say."""
    found = facts["livemode"] if account is None else account["livemode"]
    return found if isinstance(found, bool) else None


def check_prerequisites(
    report: SetupReport, facts: Facts, account: Facts | None, version: str
) -> None:
    """What the app tells before anything is asked of Stripe."""
    report.ok("app", f"it answers; version {facts['version']}")
    if facts["version"] != version:
        report.note(
            "version",
            f"this command is {version}: what it sets up is what the app asks for",
            f"pip install tieout=={facts['version']}",
        )
    if facts["settings_problem"]:
        report.note(
            "policy",
            "settings are not complete, so permissions and events are those of the default policy",
            "Run tieout setup again when the app is ready.",
        )
    elif facts["policy_problem"]:
        report.fail(
            "policy",
            f"the published policy cannot be read, the default one was used: "
            f"{facts['policy_problem']}",
            "Publish a mapping that this version compiles, then run tieout setup again.",
        )
    if account is not None and not account["restricted"]:
        report.note(
            "key of the app",
            "it is a secret key, which may do everything",
            "Put a restricted key with the permissions above into the vault.",
        )
    elif account is not None:
        report.ok("key of the app", "it is a restricted key")


def check_key(key: str, livemode: bool | None, mode_of: Callable[[str], bool | None]) -> bool:
    """The mode of the person's key. Raises `SetupFailed` for one that is no key of this mode; the
    text never shows it."""
    if not key.isascii() or not key.isprintable() or len(key) > KEY_CHARS_MAX or " " in key:
        raise SetupFailed("standard input does not hold a Stripe key: it is cut off, or no text")
    mode = mode_of(key)
    if mode is None:
        raise SetupFailed(
            "the key does not tell its mode: take one that begins with sk_live_, rk_live_, "
            "sk_test_ or rk_test_"
        )
    if livemode is not None and mode is not livemode:
        words = {True: "live", False: "test"}
        raise SetupFailed(
            f"this is a {words[mode]} key, and the app works with {words[livemode]} payments "
            f"(STRIPE_LIVEMODE): take a {words[livemode]} key of the account"
        )
    return mode


def wanted_endpoint(facts: Facts, app_url: str, alias: str) -> WantedEndpoint:
    """The endpoint that the app needs."""
    path = str(facts["webhook_path"]) + ("" if alias == DEFAULT_ACCOUNT else f"/{alias}")
    url = f"{app_url}{path}"
    events = tuple(map(str, facts["event_types"]))
    return WantedEndpoint(url, events, str(facts["api_version"]), alias)


async def set_up_endpoint(
    report: SetupReport,
    stripe: StripeWebhooks,
    store: SecretStore | None,
    wanted: WantedEndpoint,
    account_id: str,
) -> None:
    """Look, then create or update the endpoint, and keep its signing secret. Raises `SetupFailed`
    where nothing was done; what was done is in the report."""
    await _check_account(report, stripe, account_id)
    plan = report.plan = plan_of(wanted, await stripe.endpoints())
    report.endpoint_id = plan.id
    name = secret_name(wanted.alias, DEFAULT_ACCOUNT)
    stored = None if store is None else await store.read(name)  # before Stripe makes a secret
    for problem, remedy in plan.problems:
        report.fail("endpoint", problem, remedy)
    if plan.action is EndpointAction.KEEP:
        report.ok("endpoint", f"{plan.id} sends the right events to {wanted.url}")
    elif report.dry_run:
        report.note("endpoint", f"{wanted.url} would change: {'; '.join(plan.changes)}")
    elif plan.action is EndpointAction.UPDATE:
        await stripe.update(plan.id, plan.form)
        report.ok("endpoint", f"{plan.id} was changed: {'; '.join(plan.changes)}")
    else:
        endpoint, secret = await stripe.create(plan.form)
        report.endpoint_id = endpoint.id
        report.ok("endpoint", f"{endpoint.id} was made for {wanted.url}")
        await _keep_secret(report, store, name, stored, secret)
        return
    if store is not None and plan.action is not EndpointAction.CREATE and not stored:
        report.fail(
            "signing secret",
            f"the vault has no secret {name}, and Stripe shows it when an endpoint is made alone",
            f"Copy the signing secret of {plan.id} from the Dashboard (Webhooks) into the vault.",
        )


async def _check_account(report: SetupReport, stripe: StripeWebhooks, wanted: str) -> None:
    found = await stripe.account_id()
    if wanted and found and found != wanted:
        raise SetupFailed(
            f"the key belongs to the account {found}, the app books {wanted}: take a key of that "
            "account, or name the other one with --account"
        )
    if found and wanted:
        report.ok("Stripe account", found)
    elif found:
        report.note("Stripe account", f"{found}; the settings of the app name none to compare")
    else:
        report.note("Stripe account", "the key may not read it, so it was not compared")


async def _keep_secret(
    report: SetupReport, store: SecretStore | None, name: str, stored: str | None, secret: str
) -> None:
    if store is None:
        report.signing_secret = secret
        report.note(
            "signing secret",
            f"it is shown once, below: put it into the vault as {name}",
        )
        return
    value, older = with_secret(stored, secret)
    try:
        await store.write(name, value)
    except Exception as error:  # whatever it is: nobody else has the secret
        report.signing_secret = secret
        reason = str(error) if isinstance(error, SetupFailed) else type(error).__name__
        report.fail(
            "signing secret",
            f"it could not be stored: {reason}",
            f"It is shown once, below: put it into the vault as {name}.",
        )
        return
    report.stored_in = name
    more = f", before {older} older one{'s' if older > 1 else ''}" if older else ""
    report.ok("signing secret", f"stored in the vault as {name}{more}")
