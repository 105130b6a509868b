"""Why a document does not have the right shape, in terms of the document, not of the validator."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shared.domain.model import ModelRefused
from shared.mapping.problems import SHOWN_CHARS_MAX, Problem


def problems_of(where: str, model: type[BaseModel], error: ValidationError) -> list[Problem]:
    """Every problem that the model has with a document, without the document's values."""
    problems = []
    errors = error.errors(include_url=False, include_input=False)
    outer = frozenset(detail["loc"][:end] for detail in errors for end in range(len(detail["loc"])))
    for detail in errors:
        if detail["type"] == "too_short" and detail["loc"] in outer:
            continue  # a list whose elements are wrong counts as empty
        place, keys = _walk(model, detail["loc"])
        reason = detail["msg"]
        if detail["type"] == "extra_forbidden":
            reason = unknown_key(place[-1], keys)
        elif detail["type"] == "value_error":
            refused = detail["ctx"]["error"]
            if isinstance(refused, ModelRefused):
                problems += [
                    Problem(where, fault, ".".join([*place, below] if below else place))
                    for below, fault in refused.faults
                ]
                continue
            reason = str(refused)
        problems.append(Problem(where, reason, ".".join(place)))
    return problems


def unknown_key(key: str, keys: list[str]) -> str:
    """Says that a key is not one of `keys`, and which of them is nearest to it."""
    near = get_close_matches(key[:SHOWN_CHARS_MAX].lower(), keys, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"no such key; {meant}there are {', '.join(keys)}"


def _walk(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[list[str], list[str]]:
    """The place of an error, without the names of a union's members, which only the validator
    knows; and the keys allowed at that location."""
    kind: Any = model
    place: list[str] = []
    keys: list[str] = []
    for part in loc:
        kind = _plain(kind)
        if _is_union(kind):
            kind = next(
                (argument for argument in get_args(kind) if _is_model(_plain(argument))), None
            )
            continue
        if part == "[key]":  # of a mapping: the validator's word for what stands before it
            continue
        place.append(str(part))
        keys = list(_inside(kind)) if _is_model(kind) else []
        kind = _inside(kind).get(str(part)) if _is_model(kind) else _element(kind)
    return place, keys


def _plain(kind: Any) -> Any:  # noqa: ANN401 - an annotation
    """An annotation without the names, limits and None around it."""
    while True:
        if isinstance(kind, TypeAliasType):
            kind = kind.__value__
        elif get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif _is_union(kind):
            members = [argument for argument in get_args(kind) if argument is not NoneType]
            if len(members) > 1:
                return kind
            kind = members[0]
        else:
            return kind


def _is_union(kind: Any) -> bool:  # noqa: ANN401 - an annotation
    return get_origin(kind) in (Union, UnionType)


def _is_model(kind: Any) -> bool:  # noqa: ANN401 - an annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _inside(model: type[BaseModel]) -> Mapping[str, Any]:
    """The keys of a model as documents write them, with what each holds."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _element(kind: Any) -> Any:  # noqa: ANN401 - an annotation
    """What a list or mapping holds; None for what holds nothing."""
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    return arguments[-1] if arguments else None
