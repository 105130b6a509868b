"""Problems of settings, in sentences that name the variable: one translation for all errors.

pydantic's own words never reach a user, and neither does a secret.
https://docs.pydantic.dev/latest/errors/validation_errors/
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shared.domain.model import ModelRefused

SHOWN_CHARS_MAX = 40
NOT_SHOWN = "(not shown)"

_SECRET = re.compile(r"(sk|rk|pk|whsec)_|key=|signature=|sig=|password|secret|@", re.IGNORECASE)
_OBJECT = "must be a JSON object"
_TEXT = "must be text"
_TRUTH = "must be true or false"
_DATE = "must be a date like 2026-09-30"
_LIST = "must be a list"
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "extra_forbidden": "is unknown; README.md lists the names",
        **dict.fromkeys(("model_type", "dict_type", "mapping_type"), _OBJECT),
        **dict.fromkeys(("model_attributes_type", "dataclass_type"), _OBJECT),
        **dict.fromkeys(("string_type", "string_sub_type", "string_unicode"), _TEXT),
        **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
        **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE),
        **dict.fromkeys(("date_from_datetime_inexact",), _DATE),
        **dict.fromkeys(("tuple_type", "list_type"), _LIST),
        "string_pattern_mismatch": "must be a name of Dynamics: letters, digits and _",
    }
)
_NUMBERS = ("int_type", "int_parsing", "int_parsing_size", "int_from_float", "finite_number")
_BOUNDS = ("greater_than_equal", "less_than_equal", "greater_than", "less_than")


def problems_of(
    error: ValidationError, model: type[BaseModel], names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The problems of a model, each with the variable it is about ("" where it is about several).

    `names`: the variable of each field of the model.
    """
    for item in error.errors(include_url=False):
        field, *rest = [str(part) for part in item["loc"]] or [""]
        name = names.get(field, field)
        where = ".".join([name, *(_place(part) for part in rest if part != "[key]")])
        info = model.model_fields.get(field)
        found = item.get("ctx", {}).get("error")
        if isinstance(found, ModelRefused):
            for below, reason in found.faults:
                parts = [where, *(_place(part) for part in below.split("."))]
                yield name, f"{'.'.join(part for part in parts if part)} {reason}".strip()
        elif not name:
            yield "", _renamed(str(found), names)
        else:
            yield name, f"{where} {_reason(item, info, top=not rest)}"


def _reason(item: ErrorDetails, info: FieldInfo | None, *, top: bool) -> str:
    kind, given = item["type"], item.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(given["error"]) + _is(item, info)
    if kind in _NUMBERS or kind in _BOUNDS:
        why = f": {info.description}" if top and info is not None and info.description else ""
        return _whole_number(info if top else None) + _is(item, info) + why
    if kind == "too_short":
        return "is empty"
    if kind == "string_too_short":
        least = given["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} characters"
    if kind == "string_too_long":
        return f"must have at most {given['max_length']} characters"
    if kind in ("literal_error", "enum"):
        words = str(given["expected"]).replace("'", "")
        return f"must be one of {words}{_is(item, info)}"
    return _WORDS.get(kind, "is not valid; see README.md") + _is(item, info)


def _whole_number(info: FieldInfo | None) -> str:
    bounds = info.metadata if info is not None else []
    least = next((each.ge for each in bounds if hasattr(each, "ge")), None)
    most = next((each.le for each in bounds if hasattr(each, "le")), None)
    if least is None or most is None:
        return "must be a whole number"
    return f"must be a whole number from {least} to {most}"


def _is(item: ErrorDetails, info: FieldInfo | None) -> str:
    """The value, where it is short and no secret."""
    value = item.get("input")
    if info is not None and "SecretStr" in str(info.annotation):
        return ""
    if isinstance(value, bool | int | float):
        return f", is {str(value)[:SHOWN_CHARS_MAX]}"
    if not isinstance(value, str) or not value.isprintable() or _is_secret(value):
        return ""
    return f', is "{value}"'


def _place(part: str) -> str:
    return NOT_SHOWN if _is_secret(part) or not part.isprintable() else part


def _is_secret(text: str) -> bool:
    """A name of ours or a short word is none; whatever could be one is not shown."""
    return len(text) > SHOWN_CHARS_MAX or _SECRET.search(text) is not None


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """A sentence about fields as one about variables."""
    return re.sub(r"\w+", lambda found: names.get(found[0], found[0]), text)


def group_problems(values: Mapping[str, object]) -> list[str]:
    """Problems of variables that belong together."""
    problems = []
    if not ("tables_connection" in values or "tables_endpoint" in values):
        problems.append("TIEOUT_TABLES_CONNECTION or TIEOUT_TABLES_ENDPOINT is missing")
    if not ("service_bus_connection" in values or "service_bus_namespace" in values):
        problems.append(
            "ServiceBusConnection or ServiceBusConnection__fullyQualifiedNamespace is missing"
        )
    if "dynamics_client_secret" in values:
        needed = ("dynamics_token_url", "dynamics_client_id")
        problems += [
            f"{field.upper()} is missing, DYNAMICS_CLIENT_SECRET needs it"
            for field in needed
            if field not in values
        ]
    return problems
