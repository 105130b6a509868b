"""Compiles rules to closures: sources, defaults, conditions, steps, checked with the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.mapping.catalogue import Source
from shared.mapping.dimensions import same_names, segments
from shared.mapping.predicates import Test, compile_condition
from shared.mapping.problems import RuleRefused, shown
from shared.mapping.schema import Condition, Parts, Rule
from shared.mapping.steps import Allowance, Surroundings
from shared.mapping.transforms import apply_step
from shared.mapping.values import (
    DATE,
    INTEGER,
    NUMBERS,
    TEXT,
    Expression,
    Scope,
    constant,
    iso_day,
    number,
    read,
)

RULES_MAX = 2_000  # of one template, `use` written out


@dataclass(slots=True)
class Rules:
    """Compiles the rules of one template.

    `sources`: what they may read. `tables`: for lookup. `named`: rules for `use`. `delimiter`: of
    display values. `paths`: what they read.
    """

    sources: Mapping[str, Source]
    tables: Mapping[str, Mapping[str, str]]
    named: Mapping[str, Rule]
    using: tuple[str, ...] = ()
    delimiter: str = "-"
    # Shared by the copies made for `use`:
    paths: set[str] = field(default_factory=set)
    compiled: list[str] = field(default_factory=list)
    allowance: Allowance = field(default_factory=Allowance)

    def read(self, path: str) -> Expression:
        """The field at a path. Raises `RuleRefused`."""
        self.paths.add(path)
        return read(self.sources, path)

    def condition(self, condition: Condition) -> Test:
        """A condition as a closure. Raises `RuleRefused`."""
        self.allowance.spend_condition(condition)
        return compile_condition(condition, self.read)

    def rule(self, rule: Rule) -> Expression:
        """A rule as an expression; nothing where its `when` does not hold."""
        self.compiled.append("")
        if len(self.compiled) > RULES_MAX:
            raise RuleRefused(f"the template has more than {RULES_MAX} rules, written out")
        expression = self._source(rule)
        if rule.default is not None:
            expression = _default(expression, rule.default)
        around = Surroundings(self.read, self.tables, self.allowance)
        for step in rule.do:
            expression = apply_step(step, expression, around)
        if rule.when is not None:
            expression = _only_when(expression, self.condition(rule.when))
        return expression

    def _source(self, rule: Rule) -> Expression:
        if rule.from_ is not None:
            return self.read(rule.from_)
        if rule.value is not None:
            return constant(rule.value, TEXT)
        if rule.concat is not None:
            return self._concat(rule.concat, rule.sep or "")
        if rule.cases is not None:
            return self._cases(rule.cases)
        if rule.dimensions is not None:
            parts = {name: self.rule(part) for one in rule.dimensions for name, part in one.items()}
            return segments(parts, len(rule.dimensions))
        return self._use(str(rule.use))

    def _use(self, name: str) -> Expression:
        rule = self.named.get(name)
        if rule is None:
            raise RuleRefused(f"no rule {shown(name)} to use")
        if name in self.using:
            raise RuleRefused(f"the rule {shown(name)} uses itself")
        return replace(self, using=(*self.using, name)).rule(rule)

    def _concat(self, parts: Parts, sep: str) -> Expression:
        expressions = [
            self.read(part) if isinstance(part, str) else self.rule(part) for part in parts
        ]
        for part in expressions:
            if part.kind not in (TEXT, INTEGER):
                raise RuleRefused(f"concat takes text, not {part.kind}", part.path)
        runs = tuple(part.run for part in expressions)
        return Expression(
            lambda scope: sep.join(_texts([run(scope) for run in runs])),
            TEXT,
            _paths(expressions),
            any(part.personal for part in expressions),
        )

    def _cases(self, cases: tuple[Rule, ...]) -> Expression:
        made = []
        for index, case in enumerate(cases):
            if case.when is None and index + 1 < len(cases):
                raise RuleRefused(
                    "the case without when must be the last one: no later case is reached"
                )
            test = None if case.when is None else self.condition(case.when)
            made.append((test, self.rule(case.model_copy(update={"when": None}))))
        kinds = list(dict.fromkeys(expression.kind for _, expression in made))
        if len(kinds) > 1:
            raise RuleRefused(f"the cases give different kinds: {', '.join(kinds)}")
        pairs = tuple((test, expression.run) for test, expression in made)

        def first(scope: Scope) -> Any:  # noqa: ANN401 - of the kind
            for test, run in pairs:
                if test is None or test(scope):
                    return run(scope)
            return None

        known = all(expression.outcomes for _, expression in made)
        outcomes = tuple(text for _, branch in made for text in branch.outcomes) if known else ()
        self.allowance.spend(len(outcomes))
        return Expression(
            first,
            kinds[0],
            _paths([branch for _, branch in made]),
            any(branch.personal for _, branch in made),
            outcomes=outcomes,
            dimensions=same_names([branch for _, branch in made]),
        )


def _default(before: Expression, text: str) -> Expression:
    value: Any = text
    if before.kind in NUMBERS:
        value = number(text)[0]
        if before.kind == INTEGER and not isinstance(value, int):
            raise RuleRefused("the default of a whole number is one", before.path)
    elif before.kind == DATE:
        value = iso_day(text)
    run = before.run

    def found_or_default(scope: Scope) -> Any:  # noqa: ANN401 - of the kind
        result = run(scope)
        return value if result is None or result == "" else result

    outcomes = (*before.outcomes, text) if before.outcomes else ()
    return replace(before, run=found_or_default, outcomes=outcomes)


def _only_when(before: Expression, test: Test) -> Expression:
    run = before.run
    return replace(before, run=lambda scope: run(scope) if test(scope) else None, constant=False)


def _texts(values: list[Any]) -> list[str]:
    """What is there, as text: nothing and empty text take no separator."""
    return [str(value) for value in values if value is not None and value != ""]


def _paths(parts: list[Expression]) -> str:
    return ", ".join(dict.fromkeys(part.path for part in parts if part.path))
