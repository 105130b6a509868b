"""The words of a `$filter`, with their position for error texts."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from local.dynamics.odata.errors import NAMESPACE, Refusal, bad_query

FILTER_CHARS_MAX = 100_000  # in a batch; a plain URL is shorter (`asgi.URL_CHARS_MAX`)

_PATTERN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<enum>(?:\w+\.)+\w+'\w*')
  | (?P<text>'(?:[^']|'')*')
  | (?P<date>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d))?(?![\w.:-]))
  | (?P<number>\d+(?:\.\d+)?(?![\w.]))
  | (?P<word>[A-Za-z_@$][\w.]*)
  | (?P<mark>[(),/-])
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class FilterSymbol:
    """An enum literal: `Microsoft.Dynamics.DataEntities.NoYes'Yes'`."""

    enum: str
    member: str


type Literal = str | Decimal | datetime | FilterSymbol


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (`text`, `enum`, `date`, `number`, `word`, `mark`, `end`)."""

    kind: str
    text: str
    value: Literal | None
    position: int


def tokenize(source: str) -> list[Token]:
    """All words and a final `end`. Refuses what cannot be one with 400."""
    if len(source) > FILTER_CHARS_MAX:
        raise bad_query(f"The filter is longer than {FILTER_CHARS_MAX} characters.")
    tokens, position = [], 0
    while position < len(source):
        match = _PATTERN.match(source, position)
        if match is None or match.lastgroup is None:
            raise syntax_error(source, position)
        if match.lastgroup != "space":
            tokens.append(_token(match.lastgroup, match.group(), source, position))
        position = match.end()
    return [*tokens, Token("end", "", None, len(source))]


def _token(kind: str, text: str, source: str, position: int) -> Token:
    value: Literal | None = None
    match kind:
        case "text":
            value = text[1:-1].replace("''", "'")
        case "number":
            value = Decimal(text)
        case "enum":
            name, _, member = text[:-1].partition("'")
            namespace, _, enum = name.rpartition(".")
            if namespace != NAMESPACE:
                raise bad_query(f"The type '{name}' is not known.")
            value = FilterSymbol(enum, member)
        case "date":
            try:
                moment = datetime.fromisoformat(text)
                value = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
            except (ValueError, OverflowError) as error:
                raise syntax_error(source, position) from error
    return Token(kind, text, value, position)


def syntax_error(source: str, position: int) -> Refusal:
    """400 with the OData library's text."""
    shown = source if len(source) <= 200 else source[:200] + "..."  # noqa: PLR2004 - of a message
    return bad_query(f"Syntax error at position {position} in '{shown}'.")
