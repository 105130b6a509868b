"""Rules and mapping documents in a few lines, for tests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.mapping.catalogue import Source
from shared.mapping.compiler import CompiledMapping, compile_mapping
from shared.mapping.expressions import Rules
from shared.mapping.loader import load
from shared.mapping.problems import MappingRefused, RuleRefused
from shared.mapping.schema import Rule
from shared.packaged import packaged_templates, packaged_vocabulary

SOURCES: Mapping[str, Source] = {
    "facts.text": Source(),
    "facts.other": Source(),
    "facts.name": Source(personal=True),
    "facts.minor": Source("integer"),
    "facts.more": Source("integer"),
    "facts.day": Source("date"),
    "facts.until": Source("date"),
    "facts.deep.er.text": Source(),
    "facts.any.*": Source(personal=True),
}
TABLES: Mapping[str, Mapping[str, str]] = {"brands": {"visa": "CC-VISA", "amex": "CC-AMEX"}}


def value_of(rule: str, named: Mapping[str, str] | None = None, /, **facts: Any) -> Any:
    """What a rule gives for these facts."""
    rules = {name: parsed(text) for name, text in (named or {}).items()}
    return Rules(SOURCES, TABLES, rules).rule(parsed(rule)).run({"facts": facts})


def parsed(rule: str) -> Rule:
    return Rule.model_validate(load("rule", rule).tree)


def refused_rule(rule: str, named: Mapping[str, str] | None = None) -> RuleRefused:
    """The refusal of a rule when it is compiled."""
    with pytest.raises(RuleRefused) as caught:
        value_of(rule, named)
    return caught.value


def compiled(
    *changes: str, reserved: tuple[str, ...] = (), delimiter: str = "-"
) -> CompiledMapping:
    """The product's templates with these documents."""
    vocabulary = replace(packaged_vocabulary(), delimiter=delimiter)
    loaded = [load(f"file{index}", text) for index, text in enumerate(changes)]
    return compile_mapping(packaged_templates(), loaded, vocabulary, reserved)


def refused(*changes: str, reserved: tuple[str, ...] = ()) -> str:
    """The refusal of these documents, as a person reads it."""
    with pytest.raises(MappingRefused) as caught:
        compiled(*changes, reserved=reserved)
    return str(caught.value)
