import json
from pathlib import Path

import pytest

from cli.documents import write
from cli.remote import FAILED
from shared.mapping.problems import MappingRefused
from shared.stores.mapping_store import PRODUCT_ALONE
from tests.unit.cli.apps import run, running
from tests.unit.services.fakes import FakeDynamics
from tests.unit.services.publishing import BRANDS, stamped

OTHER = "http://127.0.0.1:7072"
SAID = ("--who", "Ada", "--why", "because")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents."""
    (tmp_path / "ours.yaml").write_text(stamped("A"), encoding="utf-8")
    (tmp_path / "brands.yaml").write_text(f"# Ours.\n{BRANDS}", encoding="utf-8")
    return tmp_path


def submitted(folder: Path, *more: object) -> str:
    """The hash of the set, after a preview."""
    result = run("preview", folder, "--who", "Ada", "--json", *more)
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["candidate"])


def test_preview_publish_history_and_rollback(folder: Path) -> None:
    with running():
        result = run("preview", folder, "--who", "Ada")
        assert result.exit_code == 0
        assert "the last 0 objects" in result.stdout
        assert "drafts (written, not known as posted: they stay as they are)" in result.stdout
        name = submitted(folder)
        assert f"tieout mapping publish {name}" in result.stdout
        assert "nothing was published" in run("history").stdout
        result = run("publish", name[:8], *SAID)
        assert result.exit_code == 0
        assert f"active: {name} (change 1), before: {PRODUCT_ALONE}" in result.stdout
        (change,) = json.loads(run("history", "--json").stdout)["changes"]
        told = (change["who"], change["why"], change["action"])
        assert told == ("key (declared: Ada)", "because", "publish")
        result = run("rollback", "--who", "Bob", "--why", "undo", "--json")
        assert json.loads(result.stdout)["set"] == PRODUCT_ALONE
        text = run("history").stdout
        assert "rollback" in text
        assert "Bob" in text
        assert name[:12] in text


def test_reapplying_says_how_many_and_stands_in_the_history(folder: Path) -> None:
    with running():
        run("publish", submitted(folder), *SAID)
        result = run("reapply", *SAID)
        assert result.exit_code == 0
        assert result.stdout.startswith("0 of the last 0 objects have drafts")
        found = json.loads(run("reapply", *SAID, "--json").stdout)
        assert (found["sent"], found["change"]["action"]) == (0, "reapply")
        actions = [
            each["action"] for each in json.loads(run("history", "--json").stdout)["changes"]
        ]
        assert actions == ["reapply", "reapply", "publish"]
        assert json.loads(run("rollback", *SAID, "--json").stdout)["set"] == PRODUCT_ALONE
        assert "[malformed]" in run("reapply", "--who", " ", "--why", "x").stderr


def test_a_preview_says_when_the_policy_is_added_changed_or_removed(folder: Path) -> None:
    policy = folder / "policy.yaml"
    text = "kind: policy\nname: ours\nreceipts: {wait_hours: 5}\n"
    with running():
        assert "policy" not in run("preview", folder, "--who", "Ada").stdout
        policy.write_text(text, encoding="utf-8")
        added = run("preview", folder, "--who", "Ada").stdout
        assert "the policy differs: this set adds one, the active set has none" in added
        assert run("publish", submitted(folder), *SAID).exit_code == 0
        policy.write_text(text.replace(": ours", ": theirs").replace("5", "6"), encoding="utf-8")
        changed = run("preview", folder, "--who", "Ada").stdout
        assert "the policy differs: other records may have to exist" in changed
        policy.unlink()
        removed = run("preview", folder, "--who", "Ada").stdout
        assert "the policy is removed: this set has none" in removed


def test_the_documents_of_a_set_become_files_that_are_the_same_set(
    folder: Path, tmp_path: Path
) -> None:
    odd = "kind: table\nname: odd\nrows: {'NO': '1e3', '010': '', a: \"b\\n c \", d: ' é'}\n"
    (folder / "odd.yaml").write_text(odd, encoding="utf-8")
    into = tmp_path / "new" / "ours"
    with running():
        assert run("show", "--into", into).stdout == "the product alone: no documents\n"
        name = submitted(folder)
        run("publish", name, *SAID)
        result = run("show", "active", "--into", into)
        names = ["mapping-ours.yaml", "table-brands.yaml", "table-odd.yaml"]
        assert result.stdout.splitlines() == [str(into / each) for each in names]
        assert sorted(path.name for path in into.iterdir()) == names
        assert submitted(into) == name
        (into / "table-odd.yaml").unlink()
        result = run("show", "--into", into)
        assert result.exit_code == 2
        assert "table-brands.yaml: is there already" in result.stderr
        assert not (into / "table-odd.yaml").exists()  # all of them or none
        found = json.loads(run("show", "--into", into / "json", "--json").stdout)
        assert found["files"] == [str(into / "json" / each) for each in names]


def test_no_document_of_an_app_is_written_elsewhere(tmp_path: Path) -> None:
    for title in ("table ../up", "table /tmp/x", "table", "table a b", "Table a", "table a\n"):
        with pytest.raises(MappingRefused, match="is no name of a document"):
            write(tmp_path / "into", [("table a", {}), (title, {})])
    assert not (tmp_path / "into").exists()
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(MappingRefused, match="file"):
        write(tmp_path / "file", [("table a", {})])


def test_what_is_refused_says_why_with_its_code(folder: Path) -> None:
    with running():
        name = submitted(folder)
        run("publish", name, *SAID)
        result = run("publish", name, *SAID)
        assert result.exit_code == 2
        assert result.stderr == f"refused: {name} is active already [already_active]\n"
        result = run("publish", "f" * 64, *SAID, "--json")
        assert result.exit_code == 2
        assert json.loads(result.stdout)["code"] == "unknown"
        run("rollback", *SAID)
        assert "[nothing_before]" in run("rollback", *SAID).stderr
        assert "[malformed]" in run("rollback", "--who", " ", "--why", "x").stderr


def test_documents_are_refused_by_the_app_with_every_problem(folder: Path) -> None:
    text = stamped("A").replace("Document", "DebitAmount")
    (folder / "ours.yaml").write_text(text, encoding="utf-8")
    (folder / "more.yaml").write_text("kind: nothing\nname: x", encoding="utf-8")
    with running():
        result = run("preview", folder, "--who", "Ada")
        assert result.exit_code == 2
        assert "more.yaml: kind: must be template, mapping, table, policy or books" in result.stderr
        (folder / "more.yaml").unlink()
        result = run("preview", folder, "--who", "Ada")
        assert "ours: fields.DebitAmount: is protected (amount)" in result.stderr
        result = run("preview", folder, "--who", "Ada", "--json")
        found = json.loads(result.stdout)
        assert (found["code"], found["problems"][0]["field"]) == ("invalid", "fields.DebitAmount")


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"a: \x00", b"a: &x b", b"a" * 10_000_000])
def test_what_is_no_document_is_not_even_sent(folder: Path, raw: bytes) -> None:
    (folder / "bad.yaml").write_bytes(raw)
    with running() as apps:
        result = run("preview", folder, "--who", "Ada")
        assert result.exit_code == 2
        assert "bad.yaml" in result.stderr
        assert apps.asked == []


def test_a_set_can_be_previewed_again_by_its_name(folder: Path) -> None:
    with running():
        name = submitted(folder)
        result = run("preview", "--set", name[:10], "--who", "Bob", "--limit", "5", "--json")
        found = json.loads(result.stdout)
        assert (found["candidate"], found["by"]) == (name, "key (declared: Bob)")
        for wrong in ((), (folder, "--set", name)):
            result = run("preview", *wrong, "--who", "Ada")
            assert result.exit_code == 2
            assert "either files or --set" in result.stderr
        assert run("preview", folder).exit_code == 2  # nobody


def test_list_and_show_tell_what_is_there(folder: Path) -> None:
    with running():
        assert "the product alone" in run("list").stdout
        name = submitted(folder)
        run("publish", name, *SAID)
        text = run("list").stdout
        assert f"active: {name[:12]} (publish 1 by key (declared: Ada)" in text
        assert "mapping ours, table brands" in text
        assert json.loads(run("list", "--json").stdout)["set"] == name
        text = run("show").stdout
        assert "# table brands, " in text
        assert "kind: table\nname: brands\nrows:\n" in text
        assert "  visa: CC-VISA" in text
        assert json.loads(run("show", name[:9], "--json").stdout)["by"] == "key (declared: Ada)"


def test_diff_compares_sets_as_it_compares_files(folder: Path) -> None:
    with running():
        one = submitted(folder)
        (folder / "ours.yaml").write_text(stamped("B"), encoding="utf-8")
        (folder / "brands.yaml").unlink()
        other = submitted(folder)
        result = run("diff", one, other[:8])
        assert result.exit_code == 1
        assert "mapping ours (changed)\n  fields.Document.value: 'A' -> 'B'" in result.stdout
        assert "table brands (removed)" in result.stdout
        assert run("diff", one, one).exit_code == 0
        result = run("diff", "product", one, "--json")
        assert [each["kind"] for each in json.loads(result.stdout)["documents"]] == ["added"] * 2


def test_a_file_with_the_name_of_a_hash_is_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    Path("deadbeef").write_text(stamped("A"), encoding="utf-8")
    with running() as apps:
        assert run("diff", "deadbeef", "ours.yaml").exit_code == 0
        assert apps.asked == []


def test_promote_copies_previews_and_publishes_when_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEOUT_FUNCTION_KEY", "key-of-target")
    monkeypatch.setenv("TIEOUT_FUNCTION_KEY_FROM", "key-of-source")
    source = "http://127.0.0.1:7071"
    way = ("--from", source, "--to", OTHER, "--who", "Ada")
    with running(source, OTHER) as apps:
        name = submitted(folder)
        apps.asked.clear()
        result = run("promote", name[:8], *way)
        assert result.exit_code == 0
        assert f"tieout mapping publish {name} --who NAME --why REASON --url {OTHER}" in (
            result.stdout
        )
        assert [(url, key) for url, _, key in apps.asked] == [
            (source, "key-of-source"),
            *[(OTHER, "key-of-target")] * 2,
        ]
        assert json.loads(run("list", "--url", OTHER, "--json").stdout)["change"] is None
        assert run("promote", name, *way, "--yes").exit_code == 2  # why?
        result = run("promote", name, *way, "--yes", "--why", "tested", "--json")
        found = json.loads(result.stdout)
        assert (found["change"]["set"], found["change"]["why"]) == (name, "tested")
        assert json.loads(run("list", "--url", OTHER, "--json").stdout)["set"] == name
        assert json.loads(run("list", "--json").stdout)["change"] is None


def test_an_app_that_does_not_answer_or_wants_a_key_is_named(folder: Path) -> None:
    with running() as apps:
        result = run("list", "--url", OTHER)
        assert result.exit_code == 2
        assert f"nothing answers at {OTHER}" in result.stderr
        apps.key = "secret"
        result = run("list")
        assert result.exit_code == 2
        assert "wants a function key: export TIEOUT_FUNCTION_KEY=" in result.stderr


def test_with_two_persons_the_second_one_publishes(folder: Path) -> None:
    with running() as apps:
        apps.add(publish_two_persons=True)
        name = submitted(folder)
        assert "[same_person]" in run("publish", name, *SAID).stderr
        assert run("publish", name, "--who", "Bob", "--why", "checked").exit_code == 0


def test_a_preview_warns_of_a_table_that_loses_rows(folder: Path) -> None:
    with running():
        assert "warning" not in run("preview", folder, "--who", "Ada").stdout
        text = "kind: table\nname: countries\nrows: {DE: DEU}\n"
        (folder / "table.yaml").write_text(text, encoding="utf-8")
        result = run("preview", folder, "--who", "Ada")
        assert result.exit_code == 0
        assert "warning: table countries: replaces 250 rows by 1; 249 keys are gone" in (
            result.stdout
        )
        found = json.loads(run("preview", folder, "--who", "Ada", "--json").stdout)
        assert [text[:16] for text in found["warnings"]] == ["table countries:"]


def test_a_field_that_dynamics_lacks_is_refused_with_its_document_and_place(folder: Path) -> None:
    with running() as apps:
        name = submitted(folder)
        for app in apps.apps.values():
            dynamics = app.dynamics
            assert isinstance(dynamics, FakeDynamics)
            dynamics.lacks = ["LedgerJournalLines.Document"]
        result = run("publish", name, *SAID)
        assert result.exit_code == FAILED
        assert result.stderr.splitlines()[0] == (
            "refused: Dynamics does not have the fields that this set sends [invalid]"
        )
        assert "fields.Document: LedgerJournalLines in Dynamics has no field Document" in (
            result.stderr
        )
        assert "nothing was published" in run("history").stdout
