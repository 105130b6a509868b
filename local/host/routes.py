"""Route templates of HTTP triggers: which function serves a path.

Templates are ASP.NET's: `items/{id}`, `{id?}`, `{*path}`, `{id:int}`.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from local.host.config import HostRefused
from local.host.engine import Function

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1

_PARAMETER = re.compile(r"\{(\*?)(\w+)(?::(\w+))?(\??)\}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def _fits(limit: int) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        digits = text.removeprefix("-")
        return digits.isascii() and digits.isdigit() and -limit - 1 <= int(text) <= limit

    return fits


def _is_alpha(text: str) -> bool:
    return text.isascii() and text.isalpha()


def _is_bool(text: str) -> bool:
    return text.lower() in ("true", "false")


def _is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


_CONSTRAINTS: Mapping[str, Callable[[str], bool]] = {
    "int": _fits(INT32_MAX),
    "long": _fits(INT64_MAX),
    "alpha": _is_alpha,
    "bool": _is_bool,
    "guid": _is_guid,
}


@dataclass(frozen=True, slots=True)
class _Segment:
    """One part of a template: literal text (lower case), or a parameter."""

    text: str
    is_parameter: bool = False
    is_rest: bool = False
    is_optional: bool = False
    constraint: str = ""

    @property
    def rank(self) -> int:
        """Literals win over constrained parameters, these over plain ones, the rest is last."""
        if not self.is_parameter:
            return 0
        if self.is_rest:
            return 3
        return 1 if self.constraint else 2


@dataclass(frozen=True, slots=True)
class Route:
    """A function with its template; `methods` empty: every method."""

    function: Function
    segments: tuple[_Segment, ...]
    methods: tuple[str, ...]

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The parameters of a path that fits (parts without the prefix), else None."""
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            if segment.is_rest:
                if rest := "/".join(parts[index:]):
                    values[segment.text] = rest
                return values
            if index >= len(parts):
                if segment.is_optional:
                    return values
                return None
            part = parts[index]
            if not segment.is_parameter:
                if part.lower() != segment.text:
                    return None
                continue
            if segment.constraint and not _CONSTRAINTS[segment.constraint](part):
                return None
            values[segment.text] = part
        return values if len(parts) <= len(self.segments) else None


def routes_of(functions: Sequence[Function]) -> tuple[Route, ...]:
    """The routes of all HTTP functions, the most specific first. Raises `HostRefused`."""
    routes = [_route(function) for function in functions if function.kind == "httpTrigger"]
    for index, route in enumerate(routes):
        for other in routes[:index]:
            if _clash(route, other):
                raise HostRefused(
                    f"{route.function.name} and {other.function.name} serve the same route"
                )
    return tuple(sorted(routes, key=lambda route: [segment.rank for segment in route.segments]))


def _clash(one: Route, other: Route) -> bool:
    if [_shape(s) for s in one.segments] != [_shape(s) for s in other.segments]:
        return False
    return (
        not one.methods
        or not other.methods
        or any(method in other.methods for method in one.methods)
    )


def _shape(segment: _Segment) -> tuple[int, str]:
    return segment.rank, segment.constraint if segment.is_parameter else segment.text


def _route(function: Function) -> Route:
    template = str(function.trigger.get("route") or function.name).strip("/")
    segments = tuple(_segment(function, part) for part in template.split("/"))
    for segment in segments[:-1]:
        if segment.is_rest or segment.is_optional:
            raise HostRefused(f"{function.name}: {{{segment.text}}} must end route {template!r}")
    methods = tuple(str(method).upper() for method in function.trigger.get("methods") or ())
    return Route(function, segments, methods)


def _segment(function: Function, part: str) -> _Segment:
    match = _PARAMETER.fullmatch(part)
    if match is None:
        if "{" in part or "}" in part or not part:
            raise HostRefused(
                f"{function.name}: the local host does not know the route segment {part!r}"
            )
        return _Segment(part.lower())
    star, name, constraint, optional = match.groups()
    if constraint and constraint not in _CONSTRAINTS:
        raise HostRefused(
            f"{function.name}: the local host does not know the route constraint {constraint!r}"
        )
    return _Segment(name, True, bool(star), bool(optional), constraint or "")
