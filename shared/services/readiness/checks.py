"""Checks that only read: the problem that each finds, and its remedy.

A probe reads once and answers for one or several checks. Probes run side by side, each within
`CHECK_SECONDS_MAX`; what one of them raises becomes its own problem and hides no other.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared import telemetry
from shared.errors import (
    CredentialsRefused,
    FlowsUnavailable,
    QueueUnavailable,
    StorageUnavailable,
    Throttled,
    TieoutError,
    Unavailable,
)

CHECK_SECONDS_MAX = 60.0
TRY_AGAIN = "Ask again in a minute."
REMEDIES_OF_ERRORS = (
    (Throttled, TRY_AGAIN),
    (
        StorageUnavailable,
        "Check TIEOUT_TABLES_ENDPOINT or TIEOUT_TABLES_CONNECTION, the network rules of the "
        "account, and that the app's identity has the role Storage Table Data Contributor.",
    ),
    (
        QueueUnavailable,
        "Check ServiceBusConnection__fullyQualifiedNamespace or ServiceBusConnection, that the "
        "namespace has all queues of infra/queues.json, and that the app's identity has the roles "
        "Azure Service Bus Data Sender and Data Receiver.",
    ),
    (FlowsUnavailable, "Check AzureWebJobsStorage, and that the app's identity may use it."),
)
REMEDIES_OF_SYSTEMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "stripe": (
            "Check STRIPE_API_KEY, and that a restricted key has the permissions of README.md, "
            "Prepare Stripe.",
            "See status.stripe.com, and STRIPE_BASE_URL where it is set; then ask again.",
        ),
        "dynamics": (
            "Check DYNAMICS_CLIENT_ID, DYNAMICS_CLIENT_SECRET and DYNAMICS_TOKEN_URL (or the "
            "managed identity), and that Dynamics knows the application and gives its user the "
            "rights of docs/security.md.",
            "Check DYNAMICS_URL and DYNAMICS_TOKEN_URL, and that the environment runs; then ask "
            "again.",
        ),
    }
)
"""By system: what to do when credentials are refused, and when it does not answer."""


type Problems = Mapping[str, str]
"""What is wrong, by check; a check that is not in it, or has an empty text, holds."""


@dataclass(frozen=True, slots=True)
class Check:
    """One readiness check: `problem` and `remedy` are empty when it holds. `note`: what else it
    saw. `by_hand`: what no entity set tells, and where a person looks instead. `advice`: the app
    is ready in spite of the problem. `group`: what it is about, for people."""

    name: str
    problem: str
    remedy: str = ""
    note: str = ""
    by_hand: str = ""
    advice: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """One read for some checks. `checks`: the remedy of each by name; `run`: the problems of
    those that do not hold. Raises `TieoutError` where it cannot tell. `run` may leave in `notes`
    what it saw, and in `by_hand` what it could not read, by check. `advice`: the checks whose
    problems leave the app ready."""

    checks: Mapping[str, str]
    run: Callable[[], Awaitable[Problems]]
    notes: Mapping[str, str] = MappingProxyType({})
    by_hand: Mapping[str, str] = MappingProxyType({})
    advice: tuple[str, ...] = ()
    group: str = ""

    def found(self, name: str, problem: str, remedy: str) -> Check:
        """The outcome of one of its checks."""
        return Check(
            name,
            problem,
            remedy if problem else "",
            self.notes.get(name, ""),
            self.by_hand.get(name, ""),
            name in self.advice,
            self.group,
        )


async def checked(probes: Sequence[Probe]) -> list[Check]:
    """All checks of all probes, in their order. Raises nothing."""
    return [check for checks in await asyncio.gather(*map(_checked, probes)) for check in checks]


async def _checked(probe: Probe) -> list[Check]:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MAX):
            problems = await probe.run()
    except TimeoutError:
        return _failed(probe, f"no answer within {CHECK_SECONDS_MAX:.0f} seconds", TRY_AGAIN)
    except TieoutError as error:
        return _failed(probe, str(error), remedy_of(error), error)
    except Exception as error:  # an answer of another shape than the vendor's: said, not hidden
        return _failed(probe, f"the answer was not understood: {type(error).__name__}", "", error)
    return [
        probe.found(name, problems.get(name, ""), remedy) for name, remedy in probe.checks.items()
    ]


def _failed(probe: Probe, problem: str, remedy: str, error: Exception | None = None) -> list[Check]:
    for name in probe.checks:
        kind = type(error or TimeoutError()).__name__
        telemetry.event("check_failed", logging.WARNING, check=name, error=kind)
    return [probe.found(name, problem, remedy or own) for name, own in probe.checks.items()]


def remedy_of(error: TieoutError) -> str:
    """What to do about an error of a system; empty where the check itself knows better."""
    for kind, remedy in REMEDIES_OF_ERRORS:
        if isinstance(error, kind):
            return remedy
    refused, unavailable = REMEDIES_OF_SYSTEMS.get(getattr(error, "system", ""), ("", TRY_AGAIN))
    if isinstance(error, CredentialsRefused):
        return refused
    return unavailable if isinstance(error, Unavailable) else ""
