"""Every variable with several kinds of nonsense: it is named, no secret and no validator shows."""

import json
import re
from typing import Any

import pytest

from shared.errors import SettingsRefused
from shared.settings import VARIABLES, Settings, from_environment
from tests.unit.test_settings import ENVIRONMENT, problems

NONSENSE = (
    *("x", "-1", "0", "1.5", "1e9", "999999999999999999999999", "yes please", "null", "NaN"),
    *("[]", "{}", '""', "[[1]]", '{"usd": 1}', '{"companies": {}}', "true", "\x00", "\u0663"),
    *("https://", "https://user:pa55@host", "sb://x", "host/path", "a;b=c", "=;=", "[" * 5_000),
    *("Endpoint=", "pk_live_1", "whsec_" + "s3cr3t" * 20, "sk_live_s3cr3t\ud800", "x" * 2_000),
)
VALIDATOR = re.compile(
    r"input should|unable to parse|value error|field required|extra inputs|permitted|pydantic"
    r"|validation error|valid (string|integer|dictionary|boolean|tuple|number)|instance of|\bctx\b",
    re.IGNORECASE,
)
ENTRA = {
    "DYNAMICS_TOKEN_URL": "https://login.microsoftonline.com/t/oauth2/v2.0/token",
    "DYNAMICS_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
}
NAMES = [variable.name for variable in VARIABLES]
SECRET_NAMES = [
    *("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS"),
    *("TIEOUT_TABLES_CONNECTION", "ServiceBusConnection"),
]


def refusals(**changes: str) -> list[str]:
    """The problems of an environment; none where it is accepted."""
    try:
        from_environment({**ENVIRONMENT, **ENTRA, **changes})
    except SettingsRefused as refused:
        return refused.problems
    return []


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_is_refused_by_the_name_of_its_variable_in_our_own_words(name: str) -> None:
    refused = 0
    for value in NONSENSE:
        found = refusals(**{name: value})
        refused += bool(found)
        for problem in found:
            assert re.match(rf"{name}\b|STRIPE_LIVEMODE is missing", problem), (value, problem)
            assert not VALIDATOR.search(problem), problem
            assert problem.isprintable()
            assert len(problem) < 400
            assert "s3cr3t" not in problem
            assert "pa55" not in problem
    assert refused >= (0 if name == "DYNAMICS_CLIENT_SECRET" else 3)


def test_nonsense_in_all_variables_at_once_names_all_of_them() -> None:
    found = refusals(**dict.fromkeys(NAMES, "?"))
    named = {re.split(r"[ .]", problem)[0] for problem in found}
    assert named | {"DYNAMICS_CLIENT_SECRET"} == {*NAMES}  # which may be any text


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_that_is_refused_is_not_shown(name: str) -> None:
    for value in ("hunter2", "hunter2;hunter2", "AccountKey=hunter2", "hunter2=x;hunter2=y"):
        found = refusals(**{name: value})
        assert found
        assert "hunter2" not in " ".join(found)


@pytest.mark.parametrize(
    "value", ["sk_live_hunter2", "whsec_hunter2", "AccountKey=hunter2", "hunter2@host", "z" * 50]
)
@pytest.mark.parametrize("name", ["TIEOUT_PARTITIONS", "TIEOUT_TIME_ZONE", "DYNAMICS_URL"])
def test_a_secret_in_the_place_of_another_value_is_not_shown(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert value not in problem


def test_a_number_names_its_bounds_and_what_stands_there() -> None:
    assert problems(TIEOUT_PARTITIONS="x") == [
        'TIEOUT_PARTITIONS must be a whole number from 1 to 64, is "x"'
    ]
    assert problems(TIEOUT_PARTITIONS="65") == [
        'TIEOUT_PARTITIONS must be a whole number from 1 to 64, is "65"'
    ]
    assert problems(TIEOUT_PUBLISH_TWO_PERSONS="perhaps") == [
        'TIEOUT_PUBLISH_TWO_PERSONS must be true or false, is "perhaps"'
    ]


def test_every_number_of_the_settings_has_bounds_to_name() -> None:
    for variable in VARIABLES:
        if Settings.model_fields[variable.field].annotation is int:
            (problem,) = problems(**{variable.name: "x"})
            assert re.fullmatch(
                rf'{variable.name} must be a whole number from \d+ to \d+, is "x"(: .+)?', problem
            )


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("companies.usmf.accounts.fees", {}, ".type is missing"),
        ("companies.usmf.accounts.fees", {"type": "Cust", "id": "1"}, "must be one of Bank or Led"),
        ("companies.usmf.accounts.fees", "618900", "fees must be a JSON object"),
        ("companies.usmf.accounts.fees", {"type": "Bank", "id": ""}, ".id must not be empty"),
        ("companies.usmf.accounts.tips", {"type": "Bank", "id": "1"}, "accounts.tips must be one"),
        ("companies.usmf.customer_group", "x" * 11, "customer_group must have at most 10 char"),
        ("companies.usmf.customer_group", 10, "customer_group must be text, is 10"),
        ("companies.usmf.closed_through", "soon", "must be a date like 2026-09-30"),
        ("companies.usmf.closed_through", "2026-02-30", "must be a date like 2026-09-30"),
        ("companies.usmf.journal", {}, "companies.usmf.journal is unknown"),
        ("currencies.usd.company", "toolong", "company must have at most 4 characters"),
        ("currencies.usd", None, "currencies.usd must be a JSON object"),
        ("default_company", None, "default_company must be text"),
    ],
)
def test_what_is_wrong_inside_the_books_is_said_with_its_place(
    path: str, value: Any, problem: str
) -> None:
    raw = json.loads(ENVIRONMENT["TIEOUT_BOOKS"])
    *parents, last = path.split(".")
    at = raw
    for part in parents:
        at = at[part]
    at[last] = value
    found = problems(TIEOUT_BOOKS=json.dumps(raw))
    assert any(each.startswith("TIEOUT_BOOKS.") and problem in each for each in found), found
    assert not VALIDATOR.search(" ".join(found))


def test_a_name_that_stands_twice_in_the_books_is_refused() -> None:
    text = ENVIRONMENT["TIEOUT_BOOKS"].replace('"jpy":', '"usd":')
    assert problems(TIEOUT_BOOKS=text) == ["TIEOUT_BOOKS names 'usd' twice in one object"]


def test_books_nested_too_deep_are_refused() -> None:
    assert problems(TIEOUT_BOOKS="[" * 100_000) == [
        "TIEOUT_BOOKS is not JSON: it is nested too deep"
    ]
