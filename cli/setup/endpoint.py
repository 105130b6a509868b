"""The webhook endpoint that Stripe shall have, compared with those that it has. Pure.

https://docs.stripe.com/api/webhook_endpoints
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
METADATA = "tieout_account"


class EndpointAction(StrEnum):
    """What is done about the endpoint."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class WantedEndpoint:
    """The endpoint as it shall be. `alias`: of the Stripe account."""

    url: str
    events: tuple[str, ...]
    api_version: str
    alias: str

    def form(self) -> dict[str, str]:
        """The parameters that create it."""
        return {
            "url": self.url,
            "api_version": self.api_version,
            "description": f"Tieout ({self.alias})",
            f"metadata[{METADATA}]": self.alias,
            **events_form(self.events),
        }


@dataclass(frozen=True, slots=True)
class StripeEndpoint:
    """An endpoint as Stripe shows it. `api_version`: empty is the default one of the account."""

    id: str
    url: str
    events: tuple[str, ...]
    api_version: str
    enabled: bool
    livemode: bool

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> "StripeEndpoint":
        """Raises KeyError for an object of another shape."""
        return cls(
            id=str(shown["id"]),
            url=str(shown["url"]),
            events=tuple(map(str, shown["enabled_events"])),
            api_version=str(shown["api_version"] or ""),
            enabled=shown["status"] == "enabled",
            livemode=shown["livemode"] is True,
        )


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """What to do. `form`: the parameters of the request. `changes`: in words. `problems`: what
    Stripe lets nobody change, each with its remedy."""

    action: EndpointAction
    id: str
    form: Mapping[str, str]
    changes: tuple[str, ...]
    problems: tuple[tuple[str, str], ...] = ()


def events_form(events: Iterable[str]) -> dict[str, str]:
    """Event types as Stripe's forms take them."""
    return {f"enabled_events[{index}]": name for index, name in enumerate(events)}


def plan_of(wanted: WantedEndpoint, shown: Sequence[StripeEndpoint]) -> EndpointPlan:
    """The difference. Of several endpoints with the address, the oldest (the last) is the one."""
    same = [each for each in shown if _address(each.url) == _address(wanted.url)]
    if not same:
        change = f"create it with {len(wanted.events)} event types, version {wanted.api_version}"
        return EndpointPlan(EndpointAction.CREATE, "", wanted.form(), (change,))
    endpoint = same[-1]
    form: dict[str, str] = {}
    changes: list[str] = []
    if sorted(endpoint.events) != sorted(wanted.events):
        form |= events_form(wanted.events)
        changes += _event_changes(endpoint.events, wanted.events)
    if not endpoint.enabled:
        form["disabled"] = "false"
        changes.append("enable it: it is disabled, so Stripe sends it nothing")
    action = EndpointAction.UPDATE if form else EndpointAction.KEEP
    problems = tuple(_problems(endpoint, wanted, [each.id for each in same[:-1]]))
    return EndpointPlan(action, endpoint.id, form, tuple(changes), problems)


def _event_changes(old: Sequence[str], new: Sequence[str]) -> list[str]:
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    words = (("add", added), ("remove", removed))
    return [f"{verb} event types: {', '.join(names)}" for verb, names in words if names]


def _problems(
    endpoint: StripeEndpoint, wanted: WantedEndpoint, others: Sequence[str]
) -> Iterable[tuple[str, str]]:
    if endpoint.api_version != wanted.api_version:
        version = endpoint.api_version or "the default version of the account"
        yield (
            f"the endpoint {endpoint.id} sends {version}, the app speaks {wanted.api_version}",
            f"Stripe cannot change the version of an endpoint: delete {endpoint.id} in the "
            "Dashboard, then run tieout setup again. The hourly sweep books what is missed "
            "meanwhile.",
        )
    if others:
        yield (
            f"more endpoints have this address: {', '.join(others)}",
            f"Delete them in the Dashboard, and keep {endpoint.id}: each sends every event again, "
            "signed with a secret of its own.",
        )


def url_problem(url: str) -> str:
    """Why Stripe cannot deliver to an address; empty where it can."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return f"{url} is not https: Stripe delivers to https alone"
    if parts.hostname in LOOPBACK_HOSTS:
        return f"{url} is this machine, which Stripe cannot reach"
    return ""


def _address(url: str) -> tuple[str, str, int | None, str, str]:
    """An address as far as it matters: case of the host, default port and last slash do not."""
    parts = urlsplit(url)
    try:
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        port = None
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/"), parts.query
