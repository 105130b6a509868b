"""The closed registry of transforms: pure steps from one value to the next, exact in Decimal.

Each maker takes the step's argument as the document has it and the expression so far, and returns
the new expression, or raises `RuleRefused`. At run time a value that cannot be transformed parks;
nothing (a missing field) passes through untouched.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.mapping.numbers import minor_units, negate
from shared.mapping.problems import RuleRefused, shown
from shared.mapping.schema import Raw
from shared.mapping.steps import Maker, Surroundings, bare, options, takes, then, whole
from shared.mapping.values import DATE, INTEGER, TEXT, Expression, parked

TEXT_SIZE_MAX = 4_000
FORMAT_CHARS_MAX = 20
VALUE_SHOWN_CHARS_MAX = 40

_FORMAT = re.compile(r"(?:YYYY|YY|MM|DD|[-./ ])+")


def _text_step(name: str, change: Callable[[str], str]) -> Maker:
    def make(argument: Raw, before: Expression, around: Surroundings) -> Expression:
        del around
        bare(argument, name)
        takes(before, name, TEXT)
        return then(before, change, TEXT)

    return make


def _max(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """Cuts a text to so many characters."""
    del around
    size = whole(argument, "max", 1, TEXT_SIZE_MAX)
    takes(before, "max", TEXT)
    return then(before, lambda text: text[:size], TEXT)


def _fits(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """Parks a longer text: for ids, which must not be cut."""
    del around
    size = whole(argument, "fits", 1, TEXT_SIZE_MAX)
    takes(before, "fits", TEXT)

    def check(text: str) -> str:
        if len(text) > size:
            raise parked(
                "value_too_long",
                f"{before.path} may have {size} characters here, the value has {len(text)}",
                "Shorten the value in Stripe, or use a longer field, then retry.",
            )
        return text

    return then(before, check, TEXT)


def _lookup(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """The row of a table; `miss` says `reject`, or the value for what has no row."""
    given = options(argument, "lookup", "table", "miss")
    takes(before, "lookup", TEXT)
    name, miss = given["table"], given["miss"]
    table = around.tables.get(name)
    if table is None:
        raise RuleRefused(f"no table {shown(name)}", before.path)
    rows = tuple(table.values())
    before = replace(before, outcomes=())  # all rows are checked, whichever are reached
    if miss != "reject":
        expression = then(before, lambda text: table.get(text, miss), TEXT)
        return replace(expression, outcomes=(*rows, miss))

    def find(text: str) -> str:
        row = table.get(text)
        if row is None:
            value = "" if before.personal else f" {text[:VALUE_SHOWN_CHARS_MAX]!r}"
            raise parked(
                "lookup_missing",
                f"table {name} has no row for{value} (path {before.path})",
                f"Add the row to table {name}, then retry.",
            )
        return row

    return replace(then(before, find, TEXT), outcomes=rows)


def _epoch_date(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """Seconds since 1970 to the day in the time zone `tz`."""
    del around
    name = options(argument, "epoch_date", "tz")["tz"]
    takes(before, "epoch_date", INTEGER)
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RuleRefused(f"unknown time zone {shown(name)}") from None

    def day(seconds: int) -> date:
        try:
            return datetime.fromtimestamp(seconds, zone).date()
        except (ValueError, OverflowError, OSError):
            raise parked("value_kind", f"{before.path} is not a valid time") from None

    return then(before, day, DATE)


def _format_date(argument: Raw, before: Expression, around: Surroundings) -> Expression:
    """A date as text, of YYYY, YY, MM, DD and the signs - . / and space."""
    del around
    if (
        not isinstance(argument, str)
        or len(argument) > FORMAT_CHARS_MAX
        or not _FORMAT.fullmatch(argument)
    ):
        raise RuleRefused("format_date takes YYYY, YY, MM, DD and - . / or space")
    takes(before, "format_date", DATE)
    form = argument

    def written(day: date) -> str:
        year = f"{day.year:04}"
        text = form.replace("YYYY", year).replace("YY", year[2:])
        return text.replace("MM", f"{day.month:02}").replace("DD", f"{day.day:02}")

    return then(before, written, TEXT)


TRANSFORMS: Mapping[str, Maker] = MappingProxyType(
    {
        "upper": _text_step("upper", str.upper),
        "lower": _text_step("lower", str.lower),
        "trim": _text_step("trim", str.strip),
        "words": _text_step("words", lambda text: text.replace("_", " ")),
        "max": _max,
        "fits": _fits,
        "lookup": _lookup,
        "minor_units": minor_units,
        "epoch_date": _epoch_date,
        "format_date": _format_date,
        "negate": negate,
    }
)


def apply_step(
    step: str | Mapping[str, Raw], before: Expression, around: Surroundings
) -> Expression:
    """One step of `do` after an expression. Raises `RuleRefused`."""
    if isinstance(step, str):
        name, argument = step, ""
    elif len(step) == 1:
        ((name, argument),) = step.items()  # type: ignore[assignment]
    else:
        raise RuleRefused("a step is one transform")
    maker = TRANSFORMS.get(name)
    if maker is None:
        raise RuleRefused(f"no transform {shown(name)}; there are {', '.join(TRANSFORMS)}")
    expression = maker(argument, before, around)
    around.allowance.spend(len(expression.outcomes))
    return expression
