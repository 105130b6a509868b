"""Each value of host.json stands in the operations guide, with its reason."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.test_tidy import ROOT

GUIDE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
HOST: dict[str, Any] = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
ROW = re.compile(r"^\| `([A-Za-z.]+)` \| `([^`]+)` \| (.+) \|$", re.MULTILINE)


def values(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every value by its path, as JSON writes it; texts without quotes, unless they are empty."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield from values(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value if value and isinstance(value, str) else json.dumps(value)


def rows() -> list[tuple[str, str, str]]:
    _, _, section = GUIDE.partition("\n## The settings of the host\n")
    return ROW.findall(section.partition("\n## ")[0])


def test_the_guide_lists_every_value_of_host_json_and_no_other() -> None:
    assert [(name, value) for name, value, _ in rows()] == list(values(HOST))


def test_every_value_has_a_reason_of_its_own() -> None:
    reasons = [why for _, _, why in rows()]
    assert len(set(reasons)) == len(reasons)
    assert [why for why in reasons if len(why.split()) < 4] == []


def test_nothing_is_sampled_by_the_host() -> None:
    """Sampling of `applicationInsights` would drop requests on which alerts are built."""
    assert HOST["telemetryMode"] == "OpenTelemetry"
    assert "applicationInsights" not in HOST["logging"]
