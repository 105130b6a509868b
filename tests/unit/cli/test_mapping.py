import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

GOOD = """
kind: mapping
name: ours
extends: general_line
fields: {Document: {value: STRIPE}}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["mapping", *(str(each) for each in arguments)])


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_valid_file_gets_its_version(good: Path) -> None:
    result = run("validate", good)
    assert result.exit_code == 0
    assert "valid, with the product's templates: version " in result.output
    found = json.loads(run("validate", good.parent, "--json").output)
    assert found["valid"] is True
    assert found["version"] in result.output
    assert "mapping ours" in found["documents"]


def test_an_invalid_file_is_refused_with_every_problem(good: Path) -> None:
    good.write_text(GOOD.replace("Document", "DebitAmount"), encoding="utf-8")
    (good.parent / "bad.yaml").write_text("a: NO", encoding="utf-8")
    (good.parent / "worse.yml").write_text("a: &x b", encoding="utf-8")
    result = run("validate", good.parent)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 2  # what cannot be read comes first
    result = run("validate", good, "--json")
    assert result.exit_code == 2
    (problem,) = json.loads(result.output)["problems"]
    assert (problem["document"], problem["field"]) == ("ours", "fields.DebitAmount")


def test_the_field_of_the_customer_id_is_checked_when_it_is_named(good: Path) -> None:
    custom = "custom: {Id_Custom: {type: String, size: 20}}\nfields: {Id_Custom: {value: x}}\n"
    good.write_text(f"kind: mapping\nname: ours\nextends: customer\n{custom}", encoding="utf-8")
    assert run("validate", good).exit_code == 0
    assert run("validate", good, "--customer-id-property", "Id_Custom").exit_code == 2


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_nothing_to_read_is_refused(tmp_path: Path, name: str) -> None:
    result = run("validate", tmp_path / name)
    assert result.exit_code == 2
    assert "No such file" in result.output or "holds no YAML file" in result.output


def test_diff_shows_each_value_that_differs(good: Path) -> None:
    other = good.parent / "other.yaml"
    other.write_text("# the same\n" + GOOD, encoding="utf-8")
    assert run("diff", good, other).exit_code == 0
    other.write_text(GOOD.replace("STRIPE", "TIEOUT"), encoding="utf-8")
    result = run("diff", good, other)
    assert result.exit_code == 1
    assert result.output == "fields.Document.value: 'STRIPE' -> 'TIEOUT'\n"
    found = json.loads(run("diff", good, other, "--json").output)
    assert found["differences"] == [
        {"place": "fields.Document.value", "before": "STRIPE", "after": "TIEOUT"}
    ]
    other.write_text("kind: nothing", encoding="utf-8")
    assert run("diff", good, other).exit_code == 2
