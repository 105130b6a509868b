"""What `tieout setup` has to know of the app to set up a Stripe account: what the key may do, which
events the webhook needs, where it is. It only tells; the person's own key makes the endpoint.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shared.domain.partition import DEFAULT_ACCOUNT
from shared.errors import SettingsRefused, TieoutError
from shared.policy import DEFAULT, Policy
from shared.registry import REGISTRY, Registry
from shared.services.setup.stripe_permissions import (
    StripePermission,
    events_of,
    permissions_of,
)
from shared.settings import Settings
from shared.stores.audit_log import AuditedAction, AuditLog
from shared.stores.mappings import Mappings
from shared.version import VERSION

API_VERSION = "2026-10-28.endive"  # that the SDK of the app pins
WEBHOOK_PATH = "/api/webhooks/stripe"
RESTRICTED_PREFIX = "rk_"
CHANGES_CHARS_MAX = 500
_ENDPOINT = re.compile(r"we_[A-Za-z0-9]{1,100}")


@dataclass(frozen=True, slots=True)
class AccountSetup:
    """One Stripe account as the settings have it. `restricted`: its key may do only some things;
    `account_id`: empty where the settings do not name it."""

    alias: str
    livemode: bool
    account_id: str
    restricted: bool


@dataclass(frozen=True, slots=True)
class WebhookSetup:
    """What to set up. `livemode` None: the settings do not say. `accounts` is empty, and
    `settings_problem` says why, while the settings are refused; `policy_problem` says why the
    default policy stands in for the published one."""

    version: str
    api_version: str
    webhook_path: str
    livemode: bool | None
    accounts: tuple[AccountSetup, ...]
    event_types: tuple[str, ...]
    permissions: tuple[StripePermission, ...]
    settings_problem: str = ""
    policy_problem: str = ""


@dataclass(frozen=True, slots=True)
class SetupNote:
    """What a person did to the webhook endpoint of an account, in words."""

    account: str
    endpoint: str
    changes: str


async def webhook_setup(
    accounts: Mapping[str, Settings], mappings: Mappings, registry: Registry
) -> WebhookSetup:
    """What the settings (of each account, by alias) and the published policy ask for."""
    policy, reads, problem = DEFAULT, frozenset[str](), ""
    try:
        active = await mappings.active()
        policy, reads = active.policy, active.reads
    except TieoutError as error:
        problem = str(error)
    return _setup(
        accounts[DEFAULT_ACCOUNT].stripe_livemode,
        policy,
        registry,
        tuple(_account(alias, settings) for alias, settings in accounts.items()),
        reads=reads,
        policy_problem=problem,
    )


def setup_before_settings(livemode: bool | None, error: SettingsRefused) -> WebhookSetup:
    """What can be told while settings are missing: the signing secret, for one, is only known when
    the endpoint is made. The policy is the default one."""
    return _setup(livemode, DEFAULT, REGISTRY, (), settings_problem=str(error))


async def note_setup(
    audit_log: AuditLog, aliases: Collection[str], who: str, note: SetupNote
) -> None:
    """Put on record what a person changed at Stripe. Raises `ValueError` for what is no endpoint of
    an account of ours."""
    if note.account not in aliases or not _ENDPOINT.fullmatch(note.endpoint):
        raise ValueError("no webhook endpoint (we_...) of a Stripe account that the settings name")
    detail = {"account": note.account, "changes": note.changes[:CHANGES_CHARS_MAX]}
    await audit_log.add(who, AuditedAction.SETUP, [note.endpoint], detail=detail)


def _setup(
    livemode: bool | None,
    policy: Policy,
    registry: Registry,
    accounts: tuple[AccountSetup, ...],
    *,
    reads: Collection[str] = (),
    settings_problem: str = "",
    policy_problem: str = "",
) -> WebhookSetup:
    return WebhookSetup(
        version=VERSION,
        api_version=API_VERSION,
        webhook_path=WEBHOOK_PATH,
        livemode=livemode,
        accounts=accounts,
        event_types=events_of(policy, registry),
        permissions=permissions_of(policy, registry, reads=reads),
        settings_problem=settings_problem,
        policy_problem=policy_problem,
    )


def _account(alias: str, settings: Settings) -> AccountSetup:
    key = settings.stripe_api_key.get_secret_value()
    return AccountSetup(
        alias=alias,
        livemode=settings.stripe_livemode,
        account_id=settings.stripe_account_id,
        restricted=key.startswith(RESTRICTED_PREFIX),
    )
