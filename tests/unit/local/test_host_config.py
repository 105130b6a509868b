import json
from pathlib import Path
from typing import Any

import pytest

from local.host.config import (
    HostConfig,
    HostRefused,
    is_disabled,
    load_config,
    resolve,
    seconds_of,
)

ROOT = Path(__file__).parents[3]


def config_of(folder: Path, document: Any) -> HostConfig:
    (folder / "host.json").write_text(
        document if isinstance(document, str) else json.dumps(document)
    )
    return load_config(folder)


def test_the_projects_own_file_is_honoured() -> None:
    config = load_config(ROOT)
    assert (config.route_prefix, config.batch_size_max, config.session_idle_seconds) == (
        "",
        100,
        1.0,
    )
    assert config.function_timeout_seconds == 300


def test_an_empty_file_has_the_vendors_defaults(tmp_path: Path) -> None:
    assert config_of(tmp_path, {"version": "2.0"}) == HostConfig("api", 1000, 60.0, 1800.0)


def test_a_function_may_run_for_ever(tmp_path: Path) -> None:
    config = config_of(tmp_path, {"version": "2.0", "functionTimeout": "-1"})
    assert config.function_timeout_seconds is None


def test_the_route_prefix_may_be_empty(tmp_path: Path) -> None:
    document = {"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}
    assert config_of(tmp_path, document).route_prefix == ""


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "is not JSON"),
        ({}, 'needs "version": "2.0"'),
        ([], 'needs "version": "2.0"'),
        ({"version": "2.0", "functionTimeout": "5 minutes"}, "not a time span"),
        ({"version": "2.0", "functionTimeout": 300}, "not a time span"),
        ({"version": "2.0", "extensions": {"serviceBus": []}}, None),
        ({"version": "2.0", "extensions": {"serviceBus": [1]}}, "is not an object"),
        (
            {"version": "2.0", "extensions": {"serviceBus": {"maxMessageBatchSize": 0}}},
            "maxMessageBatchSize",
        ),
    ],
)
def test_a_file_that_means_nothing_is_refused(
    tmp_path: Path, document: Any, text: str | None
) -> None:
    if text is None:
        assert config_of(tmp_path, document).batch_size_max == 1000
        return
    with pytest.raises(HostRefused, match=text):
        config_of(tmp_path, document)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostRefused, match=r"host\.json is missing"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:01", 1), ("00:05:00", 300), ("1.02:03:04.5", 93_784.5), ("00:00:00.0000010", 1e-6)],
)
def test_time_spans_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds)


def test_settings_fill_percent_names() -> None:
    assert resolve("a-%ONE%-%TWO%", {"ONE": "1", "TWO": "2"}) == "a-1-2"
    assert resolve("100%", {}) == "100%"
    with pytest.raises(HostRefused, match="names the setting ONE"):
        resolve("%ONE%", {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("1", True), ("True", True), ("false", False), ("", False)],
)
def test_a_function_is_disabled_by_its_setting(value: str, expected: bool) -> None:
    assert is_disabled("f", {"AzureWebJobs.f.Disabled": value}) is expected
    assert is_disabled("g", {"AzureWebJobs.f.Disabled": value}) is False
