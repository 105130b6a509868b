"""`host.json` and settings, as far as they mean something on one machine.

https://learn.microsoft.com/azure/azure-functions/functions-host-json
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH_SIZE_DEFAULT = 1000
SESSION_IDLE_SECONDS_DEFAULT = 60.0
FUNCTION_TIMEOUT_SECONDS_DEFAULT = 1800.0
ROUTE_PREFIX_DEFAULT = "api"
TASK_HUB_DEFAULT = "TieoutLocalHub"

_TIMESPAN = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2}):(?P<seconds>\d{2}(?:\.\d{1,7})?)"
)
_PERCENT = re.compile(r"%([^%]+)%")
_TRUE = ("true", "1")


class HostRefused(Exception):
    """The host cannot run this app as it stands; the text says what to change."""


@dataclass(frozen=True, slots=True)
class HostConfig:
    """The part of `host.json` the local host honours.

    `function_timeout_seconds` None: a function may run for ever.
    """

    route_prefix: str = ROUTE_PREFIX_DEFAULT
    batch_size_max: int = BATCH_SIZE_DEFAULT
    session_idle_seconds: float = SESSION_IDLE_SECONDS_DEFAULT
    function_timeout_seconds: float | None = FUNCTION_TIMEOUT_SECONDS_DEFAULT
    task_hub: str = TASK_HUB_DEFAULT


def load_config(app_dir: Path) -> HostConfig:
    """Read `host.json` of an app. Raises `HostRefused`."""
    path = app_dir / "host.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise HostRefused(f"{path} is missing: an app without host.json does not start") from error
    except ValueError as error:
        raise HostRefused(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise HostRefused(f'{path} needs "version": "2.0"')
    bus = _section(document, "extensions", "serviceBus")
    timeout = document.get("functionTimeout")
    idle = bus.get("sessionIdleTimeout")
    config = HostConfig(
        route_prefix=_section(document, "extensions", "http")
        .get("routePrefix", ROUTE_PREFIX_DEFAULT)
        .strip("/"),
        batch_size_max=bus.get("maxMessageBatchSize", BATCH_SIZE_DEFAULT),
        session_idle_seconds=(
            seconds_of(idle) if idle is not None else SESSION_IDLE_SECONDS_DEFAULT
        ),
        function_timeout_seconds=(
            FUNCTION_TIMEOUT_SECONDS_DEFAULT
            if timeout is None
            else (None if timeout == "-1" else seconds_of(timeout))
        ),
        task_hub=_section(document, "extensions", "durableTask").get("hubName", TASK_HUB_DEFAULT),
    )
    if not isinstance(config.batch_size_max, int) or config.batch_size_max < 1:
        raise HostRefused(f"{path}: maxMessageBatchSize is a number from 1")
    return config


def seconds_of(timespan: str) -> float:
    """Seconds of a .NET TimeSpan (`00:00:01`, `1.02:03:04`). Raises `HostRefused`."""
    match = _TIMESPAN.fullmatch(timespan) if isinstance(timespan, str) else None
    if match is None:
        raise HostRefused(f"{timespan!r} is not a time span such as 00:01:30")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def resolve(text: str, settings: Mapping[str, str]) -> str:
    """Replace each `%NAME%` by the setting of that name. Raises `HostRefused`."""

    def setting(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in settings:
            raise HostRefused(f"{text!r} names the setting {name}, which is not set")
        return settings[name]

    return _PERCENT.sub(setting, text)


def is_disabled(function: str, settings: Mapping[str, str]) -> bool:
    """Whether `AzureWebJobs.<function>.Disabled` is set."""
    return settings.get(f"AzureWebJobs.{function}.Disabled", "").lower() in _TRUE


def _section(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    section: Any = document
    for name in names:
        section = section.get(name) or {}
    if not isinstance(section, dict):
        raise HostRefused(f"host.json: {'.'.join(names)} is not an object")
    return section
