import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli.documents import as_text
from cli.main import app
from shared.mapping.loader import load, load_tree
from shared.mapping.problems import MappingRefused
from tests.unit.mapping.test_loader import ATOMS, TREES, WORDS

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


def test_what_cannot_be_read_hides_no_document_of_a_wrong_shape(good: Path) -> None:
    (good.parent / "bytes.yaml").write_bytes(b"kind: table\nname: caf\xe9")
    (good.parent / "keys.yaml").write_text(GOOD.replace("fields", "feilds"), encoding="utf-8")
    (good.parent / "kind.yaml").write_text("kind: nothing", encoding="utf-8")
    lines = run("validate", good.parent).output.splitlines()
    assert len(lines) == 3
    assert "bytes.yaml: line 2: not UTF-8: save the file as UTF-8 (byte 22)" in lines[0]
    assert "keys.yaml: feilds: no such key; did you mean fields? there are" in lines[1]
    assert "kind.yaml: kind: must be template, mapping, table, policy or books" in lines[2]


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


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same two documents, in files of other names."""
    one, other = tmp_path / "one", tmp_path / "other"
    table = "kind: table\nname: ours\nrows: {a: b}\n"
    for folder, names in ((one, ("a.yaml", "b.yaml")), (other, ("x.yml", "deep/y.yaml"))):
        for name, text in zip(names, (GOOD, table), strict=True):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    return one, other


def test_diff_matches_the_documents_of_folders_by_kind_and_name(
    folders: tuple[Path, Path],
) -> None:
    one, other = folders
    result = run("diff", one, other)
    assert (result.exit_code, result.output) == (0, "")
    (one / "a.yaml").write_text(GOOD.replace("STRIPE", "TIEOUT"), encoding="utf-8")
    (one / "b.yaml").unlink()
    (one / "c.yaml").write_text("kind: policy\nname: ours\n", encoding="utf-8")
    result = run("diff", one, other)
    assert result.exit_code == 1
    assert result.output == (
        "mapping ours (changed)\n  fields.Document.value: 'TIEOUT' -> 'STRIPE'\n"
        "policy ours (removed)\n  kind: 'policy' -> (none)\n  name: 'ours' -> (none)\n"
        "table ours (added)\n  kind: (none) -> 'table'\n  name: (none) -> 'ours'\n"
        "  rows.a: (none) -> 'b'\n"
    )
    found = json.loads(run("diff", one, other, "--json").output)["documents"]
    assert [each["kind"] for each in found] == ["changed", "removed", "added"]


def test_a_file_is_compared_with_a_folder_as_a_set_of_one(folders: tuple[Path, Path]) -> None:
    result = run("diff", folders[0] / "a.yaml", folders[1])
    assert result.exit_code == 1
    assert result.output.startswith("table ours (added)\n")


def test_folders_that_are_no_sets_are_not_compared(folders: tuple[Path, Path]) -> None:
    one, other = folders
    (one / "c.yaml").write_text(GOOD, encoding="utf-8")
    (one / "d.yaml").write_text("kind: nothing", encoding="utf-8")
    result = run("diff", one, other)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 2
    assert "c.yaml: mapping ours is in " in result.output
    assert "d.yaml: kind: must be" in result.output
    assert run("diff", one, one / "missing").exit_code == 2


@given(st.lists(ATOMS, max_size=30), st.dictionaries(WORDS, TREES, max_size=3))
def test_a_document_as_text_is_read_as_the_same_document(
    parts: list[str], tree: dict[str, Any]
) -> None:
    try:
        loaded = load_tree("a", {"kind": "mapping", "text": "".join(parts), "tree": tree})
    except MappingRefused:
        return
    assert load("a", as_text(loaded.tree)).sha256 == loaded.sha256


def test_a_table_that_loses_rows_of_the_products_is_valid_with_a_warning(tmp_path: Path) -> None:
    table = tmp_path / "table.yaml"
    table.write_text("kind: table\nname: countries\nrows: {DE: DEU}\n", encoding="utf-8")
    result = run("validate", table)
    assert result.exit_code == 0
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("warning: table countries: replaces 250 rows by 1; 249 keys are gone")
    found = json.loads(run("validate", table, "--json").stdout)
    assert (found["valid"], len(found["warnings"])) == (True, 1)
    assert found["warnings"][0] == warning.removeprefix("warning: ")


def test_a_valid_file_has_no_warnings(good: Path) -> None:
    assert run("validate", good).stderr == ""
    assert json.loads(run("validate", good, "--json").stdout)["warnings"] == []
