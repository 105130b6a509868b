"""Checks of the Stripe accounts: mode, permissions, identity, and the time zone of the cut-off."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.domain.partition import DEFAULT_ACCOUNT
from shared.errors import CredentialsRefused, ObjectMissing
from shared.ports import Clock, StripeGateway
from shared.services.readiness import Probe, Problems

READ = (*("customer", "charge", "refund", "dispute", "payout", "balance_transaction", "event"),)
OTHER_MODE = "Use the key of the mode that STRIPE_LIVEMODE names, or correct STRIPE_LIVEMODE."
PERMISSIONS = "Give the restricted key these permissions (README.md, Prepare Stripe)."
OTHER_ACCOUNT = (
    "Use the key of this account. A restricted key may read its account only with that permission: "
    "give it, or leave the account id out of the settings."
)
OTHER_ZONE = (
    "Decide whose days and months count. Set TIEOUT_TIME_ZONE to the account's time zone, before "
    "the first transaction is booked, or ask Stripe's reports for TIEOUT_TIME_ZONE."
)
MONTHS = range(1, 13)


@dataclass(frozen=True, slots=True)
class ReadyAccount:
    """A Stripe account to check: its gateway, and what the settings say of it. `account_id` may be
    empty."""

    stripe: StripeGateway
    livemode: bool
    account_id: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """The time zone that clearing is dated in."""

    time_zone: str
    clock: Clock

    def differs(self, zone: str) -> bool:
        """Whether a zone has other offsets in this year. Raises what `ZoneInfo` raises."""
        ours, theirs = ZoneInfo(self.time_zone), ZoneInfo(zone)
        days = [datetime(self.clock.now().year, month, 1, tzinfo=UTC) for month in MONTHS]
        return any(
            day.astimezone(ours).utcoffset() != day.astimezone(theirs).utcoffset() for day in days
        )


def probes_of(alias: str, account: ReadyAccount, cut_off: CutOff) -> list[Probe]:
    """The checks of one Stripe account; the default one's names carry no alias."""
    end = "" if alias == DEFAULT_ACCOUNT else f" {alias}"
    stripe, permissions, id = f"stripe{end}", f"stripe permissions{end}", f"stripe account{end}"
    zone, by_hand = f"time zone{end}", dict[str, str]()
    remedies = {id: OTHER_ACCOUNT} if account.account_id else {}
    return [
        Probe({stripe: OTHER_MODE}, partial(_probe_mode, stripe, account), group="Stripe"),
        Probe(
            {permissions: PERMISSIONS},
            partial(_probe_permissions, permissions, account),
            group="Stripe",
        ),
        Probe(
            {**remedies, zone: OTHER_ZONE},
            partial(_probe_account, id, zone, account, cut_off, by_hand),
            by_hand=by_hand,
            advice=(zone,),
            group="Stripe",
        ),
    ]


async def _probe_mode(check: str, account: ReadyAccount) -> Problems:
    balance = await account.stripe.balance()
    if balance.get("livemode") is not account.livemode:
        return {check: "the key belongs to the other mode than STRIPE_LIVEMODE says"}
    return {}


async def _probe_permissions(check: str, account: ReadyAccount) -> Problems:
    """What every account needs; a policy may need more."""

    async def unreadable(entity: str) -> str:
        try:
            await account.stripe.page(entity, {"limit": 1})
        except CredentialsRefused:
            return entity
        return ""

    missing = [each for each in await asyncio.gather(*map(unreadable, READ)) if each]
    return {check: f"the key may not read: {', '.join(missing)}" if missing else ""}


async def _probe_account(
    check: str, zone: str, account: ReadyAccount, cut_off: CutOff, by_hand: dict[str, str]
) -> Problems:
    """Stripe shows an account to its own key, with its time zone."""
    id = account.account_id
    ours = f"whether Settings > Business > Account details says {cut_off.time_zone}"
    if not id:
        reason = "the settings name no account id"
        by_hand[zone] = f"Stripe's time zone was not read ({reason}): check by hand: {ours}"
        return {}
    try:
        shown = await account.stripe.retrieve("account", id)
    except (CredentialsRefused, ObjectMissing) as error:
        by_hand[zone] = f"Stripe's time zone was not read: check by hand: {ours}"
        return {check: f"the key does not show {id}: {error}"}
    theirs = _time_zone(shown)
    try:
        differs = bool(theirs) and cut_off.differs(theirs)
    except (ZoneInfoNotFoundError, ValueError):
        theirs = ""
    if not theirs:
        by_hand[zone] = f"Stripe's API does not show the time zone: check by hand: {ours}"
        differs = False
    text = f"Stripe's days are those of {theirs}, TIEOUT_TIME_ZONE is {cut_off.time_zone}"
    return {
        check: "" if shown.get("id") == id else f"the key shows another account than {id}",
        zone: text if differs else "",
    }


def _time_zone(account: Mapping[str, Any]) -> str:
    """`settings.dashboard.timezone`: https://docs.stripe.com/api/accounts/object."""
    dashboard = (account.get("settings") or {}).get("dashboard") or {}
    return str(dashboard.get("timezone") or "")
