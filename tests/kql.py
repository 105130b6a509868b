"""A small evaluator of the Kusto query language, over rows that a test gives.

It knows what the queries in infra/ use, and no more: an operator, a function or a column that it
does not know raises `KqlError`. Comparisons with null hold never, as in Kusto.
https://learn.microsoft.com/kusto/query/
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

type Row = dict[str, Any]
type Scope = Callable[[Row], Any]


class KqlError(ValueError):
    """The query is not one that Kusto takes, or more than the evaluator knows."""


# The columns of the tables that a query at an Application Insights component sees, as far as used.
# https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
TABLES: dict[str, tuple[str, ...]] = {
    "customMetrics": (
        *("timestamp", "name", "value", "valueCount", "valueSum", "valueMin", "valueMax"),
        *("customDimensions", "cloud_RoleName", "cloud_RoleInstance"),
    ),
    "requests": (
        *("timestamp", "id", "name", "url", "success", "resultCode", "duration", "itemCount"),
        *("operation_Id", "customDimensions", "cloud_RoleName"),
    ),
    "dependencies": (
        *("timestamp", "id", "name", "target", "type", "success", "resultCode", "duration"),
        *("operation_Id", "customDimensions", "cloud_RoleName"),
    ),
    "traces": (
        *("timestamp", "message", "severityLevel", "operation_Id", "customDimensions"),
        "cloud_RoleName",
    ),
    "exceptions": (
        *("timestamp", "type", "outerMessage", "operation_Id", "customDimensions"),
        "cloud_RoleName",
    ),
}
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*)|(?P<span>\d+(?:\.\d+)?(?:d|h|m|s)\b)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<name>[A-Za-z_][\w]*)"
    r"|(?P<op>==|!=|=~|<=|>=|<>|\.\.|!(?:in|has|contains|startswith)\b|[-+*/%<>=|(){}\[\].,;:])"
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "=~": lambda a, b: a.casefold() == b.casefold(),
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "has": lambda a, b: re.search(rf"(?<!\w){re.escape(b)}(?!\w)", a, re.IGNORECASE) is not None,
    "contains": lambda a, b: b.casefold() in a.casefold(),
    "startswith": lambda a, b: a.casefold().startswith(b.casefold()),
    "endswith": lambda a, b: a.casefold().endswith(b.casefold()),
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: None if b in (0, timedelta(0)) else a / b,
    "%": lambda a, b: a % b,
}
POWERS = {"or": 1, "and": 2, **dict.fromkeys(COMPARISONS, 3), "in": 3, "between": 3}
POWERS |= {"+": 4, "-": 4, "*": 5, "/": 5, "%": 5}


def _bin(value: Any, size: Any) -> Any:
    if isinstance(value, datetime):
        start = datetime(1, 1, 1, tzinfo=UTC)
        return start + (value - start) // size * size
    return value // size * size


def _number(value: Any, make: Callable[[Any], Any]) -> Any:
    try:
        return None if value is None else make(value)
    except ValueError:
        return None


def _date(value: Any) -> Any:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "bin": _bin,
    "coalesce": lambda *values: next((v for v in values if v not in (None, "")), None),
    "isempty": lambda value: value in (None, ""),
    "isnotempty": lambda value: value not in (None, ""),
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "not": lambda value: not value,
    "round": lambda value, places=0: round(value, int(places)),
    "strcat": lambda *values: "".join(str(value) for value in values),
    "todatetime": _date,
    "todouble": lambda value: _number(value, float),
    "toint": lambda value: _number(value, lambda one: int(float(one))),
    "tolong": lambda value: _number(value, lambda one: int(float(one))),
    "tostring": lambda value: "" if value is None else str(value),
}


def _present(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[Any]) -> Any:
    return sum(values) / len(values) if values else None


def _weighted(values: Sequence[Any], weights: Sequence[Any], percent: float) -> Any:
    pairs = sorted(zip(values, weights, strict=True))
    limit, reached = sum(weights) * percent / 100, 0
    for value, weight in pairs:
        reached += weight
        if reached >= limit:
            return value
    return None


AGGREGATES: dict[str, Callable[..., Any]] = {
    "avg": lambda values: (
        sum(_present(values)) / len(_present(values)) if _present(values) else None
    ),
    "count": len,
    "countif": lambda values: sum(bool(value) for value in values),
    "dcount": lambda values: len(dict.fromkeys(_present(values))),
    "max": lambda values: max(_present(values), default=None),
    "min": lambda values: min(_present(values), default=None),
    "sum": lambda values: sum(_present(values)),
    "sumif": lambda values, tests: sum(v for v, t in zip(values, tests, strict=True) if t),
}


@dataclass(frozen=True)
class Column:
    """One item of `summarize`: its name, and what it makes of a group of rows."""

    name: str
    of: Callable[[list[Row]], Any]


@dataclass
class Result:
    """A table: its columns in order, and its rows."""

    columns: list[str]
    rows: list[Row]


class Query:
    """Parses and evaluates at once."""

    def __init__(self, text: str, tables: Mapping[str, Sequence[Row]], now: datetime) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._tables = tables
        self._now = now
        self._names: Row = {}

    # --- reading -----------------------------------------------------------------------------

    @property
    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, text: str = "", kind: str = "") -> str:
        found = self._next
        if (text and found[1] != text) or (kind and found[0] != kind):
            raise KqlError(f"{text or kind} expected, got {found[1]!r}")
        self._at += 1
        return found[1]

    def _ahead(self, text: str) -> bool:
        if self._next[0] in ("op", "name") and self._next[1] == text:
            self._at += 1
            return True
        return False

    def _comma_separated[T](self, read: Callable[[], T]) -> list[T]:
        made = [read()]
        while self._ahead(","):
            made.append(read())
        return made

    # --- tables ------------------------------------------------------------------------------

    def run(self) -> Result:
        """The answer. Raises `KqlError`."""
        while self._ahead("let"):
            name = self._take(kind="name")
            self._take("=")
            self._names[name] = self._expression([])({})
            self._take(";")
        made = self._table()
        self._ahead(";")
        self._take(kind="end")
        return made

    def _table(self) -> Result:
        made = self._source()
        while self._ahead("|"):
            operator = self._take(kind="name")
            step = getattr(self, f"_{operator}_operator", None)
            if step is None:
                raise KqlError(f"unknown operator {operator}")
            made = step(made)
        return made

    def _source(self) -> Result:
        if self._ahead("("):
            made = self._table()
            self._take(")")
            return made
        name = self._take(kind="name")
        if name == "union":
            return self._union([])
        if name == "datatable":
            return self._datatable()
        if name not in TABLES:
            raise KqlError(f"unknown table {name}")
        rows = self._tables.get(name, ())
        unknown = [key for row in rows for key in row if key not in TABLES[name]]
        if unknown:
            raise KqlError(f"{name} has no columns {unknown}")
        columns = list(TABLES[name])
        return Result(columns, [{column: row.get(column) for column in columns} for row in rows])

    def _datatable(self) -> Result:
        def column() -> str:
            name = self._take(kind="name")
            self._take(":")
            self._take(kind="name")
            return name

        self._take("(")
        columns = self._comma_separated(column)
        self._take(")")
        self._take("[")
        values: list[Any] = []
        while not self._ahead("]"):
            values.append(self._expression([])({}))
            self._ahead(",")
        width = len(columns)
        if len(values) % width:
            raise KqlError("datatable: a row is not complete")
        rows = [values[at : at + width] for at in range(0, len(values), width)]
        return Result(columns, [dict(zip(columns, row, strict=True)) for row in rows])

    def _union(self, first: list[Result]) -> Result:
        parts = [*first, *self._comma_separated(self._source)]
        columns = list(dict.fromkeys(name for part in parts for name in part.columns))
        rows = [{name: row.get(name) for name in columns} for part in parts for row in part.rows]
        return Result(columns, rows)

    # --- operators ---------------------------------------------------------------------------

    def _union_operator(self, made: Result) -> Result:
        return self._union([made])

    def _where_operator(self, made: Result) -> Result:
        test = self._expression(made.columns)
        return Result(made.columns, [row for row in made.rows if test(row)])

    def _named(self, columns: list[str]) -> tuple[str, Scope]:
        """`name = expression`, or the name of a column."""
        name, at = self._take(kind="name"), self._at
        if self._ahead("="):
            return name, self._expression(columns)
        self._at = at - 1
        made = self._expression(columns)
        if self._at != at:
            raise KqlError(f"{name}...: give the column a name")
        return name, made

    def _extend_operator(self, made: Result) -> Result:
        columns = made.columns
        for name, value in self._comma_separated(lambda: self._named(columns)):
            made = Result(
                [*(column for column in made.columns if column != name), name],
                [{**row, name: value(row)} for row in made.rows],
            )
        return made

    def _project_operator(self, made: Result) -> Result:
        items = self._comma_separated(lambda: self._named(made.columns))
        rows = [{name: value(row) for name, value in items} for row in made.rows]
        return Result([name for name, _ in items], rows)

    def _distinct_operator(self, made: Result) -> Result:
        made = self._project_operator(made)
        return Result(made.columns, list({tuple(row.values()): row for row in made.rows}.values()))

    def _summarize_operator(self, made: Result) -> Result:
        items = [
            column
            for group in self._comma_separated(lambda: self._aggregate(made.columns))
            for column in group
        ]
        keys: list[tuple[str, Scope]] = []
        if self._ahead("by"):
            keys = self._comma_separated(lambda: self._named(made.columns))
        groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): []}
        for row in made.rows:
            groups.setdefault(tuple(value(row) for _, value in keys), []).append(row)
        names = [name for name, _ in keys]
        rows = [
            {**dict(zip(names, key, strict=True)), **{item.name: item.of(group) for item in items}}
            for key, group in groups.items()
        ]
        return Result([*names, *(item.name for item in items)], rows)

    def _aggregate(self, columns: list[str]) -> list[Column]:
        if self._ahead("("):
            names = self._comma_separated(lambda: self._take(kind="name"))
            for text in (")", "=", "percentilesw", "("):
                self._take(text)
            return self._percentiles(names, columns)
        name = self._take(kind="name")
        function = self._take(kind="name") if self._ahead("=") else name
        self._take("(")
        arguments: list[Scope] = []
        at = self._at
        if not self._ahead(")"):
            if function in ("arg_max", "arg_min"):
                return self._extreme(function, columns)
            arguments = self._comma_separated(lambda: self._expression(columns))
            self._take(")")
        if function not in AGGREGATES:
            raise KqlError(f"unknown aggregate {function}")
        if name == function:
            name = f"{function}_{self._tokens[at][1] if arguments else ''}"
        make = AGGREGATES[function]

        def of(rows: list[Row]) -> Any:
            return (
                make(*([value(row) for row in rows] for value in arguments))
                if (arguments)
                else make(rows)
            )

        return [Column(name, of)]

    def _extreme(self, function: str, columns: list[str]) -> list[Column]:
        names = self._comma_separated(lambda: self._take(kind="name"))
        self._take(")")
        unknown = [name for name in names if name not in columns]
        if unknown:
            raise KqlError(f"unknown columns {unknown}")
        best = max if function == "arg_max" else min

        def column(name: str) -> Column:
            def of(rows: list[Row]) -> Any:
                known = [row for row in rows if row[names[0]] is not None]
                return best(known, key=lambda row: row[names[0]])[name] if known else None

            return Column(name, of)

        return [column(name) for name in names]

    def _percentiles(self, names: list[str], columns: list[str]) -> list[Column]:
        value, weight, *percents = self._comma_separated(lambda: self._expression(columns))
        self._take(")")
        if len(names) != len(percents):
            raise KqlError(f"{len(percents)} percentiles have {len(names)} names")

        def column(name: str, percent: float) -> Column:
            def of(rows: list[Row]) -> Any:
                pairs = [(value(row), weight(row)) for row in rows]
                return _weighted([v for v, _ in pairs], [w for _, w in pairs], percent)

            return Column(name, of)

        return [column(name, p({})) for name, p in zip(names, percents, strict=True)]

    def _join_operator(self, made: Result) -> Result:
        self._take("kind")
        self._take("=")
        kind = self._take(kind="name")
        if kind not in ("inner", "leftouter", "leftanti"):
            raise KqlError(f"unknown kind of join {kind}")
        other = self._source()
        self._take("on")
        keys = self._comma_separated(lambda: self._take(kind="name"))
        for side in (made, other):
            if any(key not in side.columns for key in keys):
                raise KqlError(f"join: {keys} are not columns of both sides")
        fresh = {
            name: f"{name}1" if name in made.columns else name
            for name in other.columns
        }  # fmt: skip
        columns = made.columns if kind == "leftanti" else [*made.columns, *fresh.values()]
        rows: list[Row] = []
        for row in made.rows:
            matches = [one for one in other.rows if all(one[key] == row[key] for key in keys)]
            if kind == "leftanti":
                rows += [] if matches else [row]
                continue
            if kind == "leftouter" and not matches:
                matches = [dict.fromkeys(other.columns)]
            rows += [{**row, **{fresh[k]: v for k, v in one.items()}} for one in matches]
        return Result(columns, rows)

    def _order_operator(self, made: Result) -> Result:
        self._take("by")
        order = self._comma_separated(lambda: self._sorting(made.columns))
        rows = made.rows
        for value, falls in reversed(order):
            rows = sorted(rows, key=lambda row: (value(row) is not None, value(row)), reverse=falls)
        return Result(made.columns, rows)

    _sort_operator = _order_operator

    def _sorting(self, columns: list[str]) -> tuple[Scope, bool]:
        value = self._expression(columns)
        rises = self._ahead("asc")
        return value, not rises and (self._ahead("desc") or True)

    def _take_operator(self, made: Result) -> Result:
        return Result(made.columns, made.rows[: int(self._take(kind="number"))])

    def _top_operator(self, made: Result) -> Result:
        count = int(self._take(kind="number"))
        ordered = self._order_operator(made)
        return Result(ordered.columns, ordered.rows[:count])

    # --- expressions -------------------------------------------------------------------------

    def _expression(self, columns: list[str], power: int = 0) -> Scope:
        left = self._operand(columns)
        while POWERS.get(self._next[1], 0) > power and self._next[0] in ("op", "name"):
            left = self._binary(left, self._take(), columns)
        if self._next[1].startswith("!") and self._next[1] != "!=":
            raise KqlError(f"unknown operator {self._next[1]}")
        return left

    def _binary(self, left: Scope, operator: str, columns: list[str]) -> Scope:
        if operator == "in":
            self._take("(")
            values = self._comma_separated(lambda: self._expression(columns))
            self._take(")")
            return lambda row: left(row) in [value(row) for value in values]
        if operator == "between":
            self._take("(")
            low = self._expression(columns)
            self._take("..")
            high = self._expression(columns)
            self._take(")")
            return lambda row: left(row) is not None and low(row) <= left(row) <= high(row)
        right = self._expression(columns, POWERS[operator])
        if operator == "and":
            return lambda row: bool(left(row)) and bool(right(row))
        if operator == "or":
            return lambda row: bool(left(row)) or bool(right(row))
        known = operator in COMPARISONS
        make = COMPARISONS[operator] if known else ARITHMETIC[operator]

        def of(row: Row) -> Any:
            a, b = left(row), right(row)
            if a is None or b is None:
                return False if known else None
            return make(a, b)

        return of

    def _operand(self, columns: list[str]) -> Scope:
        if self._ahead("-"):
            inner = self._operand(columns)
            return lambda row: -inner(row)
        kind, text = self._next
        self._at += 1
        made: Scope
        match kind:
            case "span":
                span = timedelta(seconds=float(text[:-1]) * UNITS[text[-1]])
                return lambda row: span
            case "number":
                number = float(text) if "." in text else int(text)
                return lambda row: number
            case "string":
                value = re.sub(r"\\(.)", r"\1", text[1:-1])
                return lambda row: value
            case "op" if text == "(":
                made = self._expression(columns)
                self._take(")")
            case "name":
                made = self._name(text, columns)
            case _:
                raise KqlError(f"{text!r} begins no expression")
        return self._member(made)

    def _member(self, subject: Scope) -> Scope:
        while self._ahead("."):
            key = self._take(kind="name")
            subject = _property(subject, key)
        return subject

    def _name(self, name: str, columns: list[str]) -> Scope:
        if self._ahead("("):
            return self._call(name, columns)
        if name in ("true", "false"):
            return lambda row: name == "true"
        if name in self._names:
            value = self._names[name]
            return lambda row: value
        if name not in columns:
            raise KqlError(f"unknown column {name}")
        return lambda row: row[name]

    def _call(self, name: str, columns: list[str]) -> Scope:
        if name == "toscalar":
            table = self._table()
            self._take(")")
            scalar = table.rows[0][table.columns[0]] if table.rows else None
            return lambda row: scalar
        arguments: list[Scope] = []
        if not self._ahead(")"):
            arguments = self._comma_separated(lambda: self._expression(columns))
            self._take(")")
        if name in ("now", "ago"):
            return lambda row: self._now - (arguments[0](row) if arguments else timedelta(0))
        if name == "iff":
            test, yes, no = arguments
            return lambda row: yes(row) if test(row) else no(row)
        if name == "case":
            return lambda row: _case(arguments, row)
        if name not in FUNCTIONS:
            raise KqlError(f"unknown function {name}")
        function = FUNCTIONS[name]
        return lambda row: function(*(value(row) for value in arguments))


def _property(subject: Scope, key: str) -> Scope:
    def of(row: Row) -> Any:
        value = subject(row)
        return value.get(key) if isinstance(value, Mapping) else None

    return of


def _case(arguments: Sequence[Scope], row: Row) -> Any:
    for test, value in zip(arguments[:-1:2], arguments[1::2], strict=True):
        if test(row):
            return value(row)
    return arguments[-1](row)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise KqlError(f"cannot read {text[at : at + 20]!r}")
        at = match.end()
        if match.lastgroup != "space":
            yield str(match.lastgroup), match[0]
    yield "end", ""


def run(text: str, tables: Mapping[str, Sequence[Row]], now: datetime) -> Result:
    """The answer of a query at the moment `now`. Raises `KqlError`."""
    return Query(text, tables, now).run()
