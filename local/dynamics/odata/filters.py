"""`$filter` as F&O understands it: a recursive-descent parser that compiles to a predicate.

Operators: eq ne gt ge lt le, and or not, parentheses, add sub mul div mod, unary minus. A text
literal with `*` in eq or ne is a wildcard. No `in`, no `has`, no functions: those are refused, as
are comparisons of enums other than eq and ne. Text compares without case.

https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata#filter-details
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from local.dynamics.odata.errors import NAMESPACE, Refusal, bad_query
from local.dynamics.odata.operators import (
    COMPARISONS,
    EQUALITY,
    KIND_NAMES,
    PRODUCTS,
    SUMS,
    wildcard,
)
from local.dynamics.odata.schema import EntitySetSchema, Schema
from local.dynamics.odata.store import Fields
from local.dynamics.odata.terms import Evaluate, Filter, Term, guarded, one_of
from local.dynamics.odata.tokens import FilterSymbol, Token, syntax_error, tokenize
from local.dynamics.odata.values import fold

DEPTH_MAX = 30  # nesting of parentheses, not and minus; each level costs a dozen frames
TERMS_MAX = 2_000  # comparisons; the OData library refuses more than some thousand nodes
NUMBERS = ("Decimal", "Int32", "Int64")


def compile_filter(source: str, entity_set: EntitySetSchema, schema: Schema) -> Filter:
    """A `$filter` over the fields of one set. Refuses with 400, never fails otherwise."""
    parser = _Parser(source, entity_set, schema)
    term = parser.expression(0)
    parser.finish()
    if term.type != "Boolean":
        raise bad_query("The $filter expression must evaluate to a single boolean value.")
    return Filter(guarded(term.evaluate), dict(term.among))


class _Parser:
    def __init__(self, source: str, entity_set: EntitySetSchema, schema: Schema) -> None:
        self._source = source
        self._set = entity_set
        self._schema = schema
        self._tokens = tokenize(source)
        self._at = 0
        self._terms = 0

    def expression(self, depth: int) -> Term:
        """or < and < not < comparison < add sub < mul div mod < minus < primary."""
        if depth > DEPTH_MAX:
            raise bad_query("The $filter expression is nested too deeply.")
        return self._any_of(self._all_of, "or", any, depth)

    def finish(self) -> None:
        if self._token.kind != "end":
            raise self._syntax()

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _syntax(self) -> Refusal:
        return syntax_error(self._source, self._token.position)

    def _take_word(self, *words: str) -> str:
        if self._token.kind == "word" and self._token.text in words:
            self._at += 1
            return self._tokens[self._at - 1].text
        return ""

    def _take_mark(self, mark: str) -> bool:
        if self._token.kind == "mark" and self._token.text == mark:
            self._at += 1
            return True
        return False

    def _any_of(
        self,
        part: Callable[[int], Term],
        word: str,
        fold_all: Callable[[Any], bool],
        depth: int,
    ) -> Term:
        terms = [part(depth)]
        while self._take_word(word):
            terms.append(part(depth))
        if len(terms) == 1:
            return terms[0]
        for term in terms:
            self._need_boolean(term, word)
        parts = [term.evaluate for term in terms]
        if word == "or" and (member := one_of(terms)):
            return member
        among = sum((term.among for term in terms), ()) if word == "and" else ()
        return Term("Boolean", lambda fields: fold_all(test(fields) for test in parts), among=among)

    def _all_of(self, depth: int) -> Term:
        return self._any_of(self._negation, "and", all, depth)

    def _need_boolean(self, term: Term, word: str) -> None:
        if term.type != "Boolean":
            raise bad_query(f"The operator '{word}' needs boolean operands, not '{term.type}'.")

    def _negation(self, depth: int) -> Term:
        if depth > DEPTH_MAX:
            raise bad_query("The $filter expression is nested too deeply.")
        if self._take_word("not"):
            term = self._negation(depth + 1)
            self._need_boolean(term, "not")
            return Term("Boolean", lambda fields: not term.evaluate(fields))
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Term:
        left = self._arithmetic(depth)
        if self._token.kind == "word" and self._token.text in ("in", "has"):
            raise self._syntax()  # F&O knows neither
        word = self._take_word(*COMPARISONS)
        if not word:
            return left
        right = self._arithmetic(depth)
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise bad_query(f"The $filter expression has more than {TERMS_MAX} comparisons.")
        test = self._compare(word, left, right)
        value = right.literal
        wild = isinstance(value, str) and "*" in value
        if word != "eq" or not left.property or value is None or wild:
            return Term("Boolean", test)
        return Term("Boolean", test, among=((left.property, (value,)),), plain=True)

    def _compare(self, word: str, left: Term, right: Term) -> Evaluate:
        self._check_types(word, left, right)
        if word in EQUALITY and left.type == "String":
            for term, other in ((left, right), (right, left)):
                if isinstance(term.literal, str) and "*" in term.literal:
                    return _searched(term.literal, other.evaluate, wanted=word == "eq")
        compare, first, second = COMPARISONS[word], left.evaluate, right.evaluate
        if right.literal is not None and left.type == "String":
            constant = fold(right.literal)
            return lambda fields: compare(first(fields).casefold(), constant)
        ordered = word not in EQUALITY

        def test(fields: Fields) -> bool:
            one, two = first(fields), second(fields)
            if ordered and (one is None or two is None):
                return False
            return compare(fold(one), fold(two))

        return test

    def _check_types(self, word: str, left: Term, right: Term) -> None:
        kinds = (left.type, right.type)
        enum = next((kind for kind in kinds if kind in self._schema.enums), None)
        same = kinds[0] == kinds[1] or all(kind in NUMBERS for kind in kinds) or "null" in kinds
        allowed = word in EQUALITY if enum or kinds == ("Boolean", "Boolean") else True
        if not same or not allowed:
            shown = [_qualified(kind, self._schema) for kind in kinds]
            raise bad_query(
                "A binary operator with incompatible types was detected. Found operand types "
                f"'{shown[0]}' and '{shown[1]}' for operator kind '{KIND_NAMES[word]}'."
            )

    def _arithmetic(self, depth: int) -> Term:
        return self._chain(lambda d: self._chain(self._minus, PRODUCTS, d), SUMS, depth)

    def _chain(
        self,
        part: Callable[[int], Term],
        operators: Mapping[str, Callable[[Any, Any], Any]],
        depth: int,
    ) -> Term:
        first = part(depth)
        rest: list[tuple[Callable[[Any, Any], Any], Evaluate]] = []
        while word := self._take_word(*operators):
            term = part(depth)
            for kind in (first.type, term.type):
                if kind not in NUMBERS:
                    raise bad_query(f"The operator '{word}' needs numbers, not '{kind}'.")
            rest.append((operators[word], term.evaluate))
        if not rest:
            return first

        def compute(fields: Fields) -> Decimal:
            total = Decimal(first.evaluate(fields))
            for combine, evaluate in rest:
                total = combine(total, Decimal(evaluate(fields)))
            return total

        return Term("Decimal", compute)

    def _minus(self, depth: int) -> Term:
        if depth > DEPTH_MAX:
            raise bad_query("The $filter expression is nested too deeply.")
        if self._take_mark("-"):
            term = self._minus(depth + 1)
            if term.type not in NUMBERS:
                raise bad_query(f"The operator '-' needs a number, not '{term.type}'.")
            return Term("Decimal", lambda fields: -Decimal(term.evaluate(fields)))
        return self._primary(depth)

    def _primary(self, depth: int) -> Term:
        token = self._token
        if self._take_mark("("):
            term = self.expression(depth + 1)
            if not self._take_mark(")"):
                raise self._syntax()
            return term
        self._at += 1
        match token.kind:
            case "text":
                return Term("String", lambda _: token.value, token.value)
            case "number":
                return Term("Decimal", lambda _: token.value, token.value)
            case "date":
                return Term("DateTimeOffset", lambda _: token.value, token.value)
            case "enum":
                return self._enum(token.value)
            case "word":
                return self._word(token)
            case _:
                self._at -= 1
                raise self._syntax()

    def _enum(self, symbol: object) -> Term:
        if not isinstance(symbol, FilterSymbol):
            raise self._syntax()
        members = self._schema.enums.get(symbol.enum)
        if members is None or symbol.member not in members:
            name = f"{NAMESPACE}.{symbol.enum}"
            raise bad_query(
                f"The string '{symbol.member}' is not a valid enumeration type '{name}'."
            )
        return Term(symbol.enum, lambda _: symbol.member, symbol.member)

    def _word(self, token: Token) -> Term:
        name = token.text
        if name in ("true", "false"):
            return Term("Boolean", lambda _: name == "true")
        if name == "null":
            return Term("null", lambda _: None)
        if self._token.kind == "mark" and self._token.text == "(":
            raise bad_query(
                f"The function '{name}' is not supported. Use a wildcard such as "
                "Name eq '*text*' where text has to be searched."
            )
        if self._token.kind == "mark" and self._token.text == "/":
            raise bad_query(f"Filtering by the navigation '{name}' is not supported.")
        return Term(self._set.type_of(name), lambda fields: fields[name], property=name)


def _searched(pattern: str, other: Evaluate, *, wanted: bool) -> Evaluate:
    matches = wildcard(pattern)
    return lambda fields: matches(other(fields)) is wanted


def _qualified(kind: str, schema: Schema) -> str:
    if kind == "null":
        return "<null>"
    return f"{NAMESPACE}.{kind}" if kind in schema.enums else f"Edm.{kind}"
