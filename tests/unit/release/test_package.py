"""The package that is deployed: the same bytes twice, allowed files only, and it imports alone."""

import sys
import zipfile
from pathlib import Path

import pytest

from release.package import ROOT, Package, PackageUnusable, build, main, verify
from shared.version import VERSION

ALLOWED = """/*
!/function_app.py
!/shar[e]d/
/shar[e]d/**
!/shar[e]d/**/
!/shared/*.py
"""
APP = "app = None\n"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return build(ROOT, tmp_path_factory.mktemp("package") / "app.zip")


def write(root: Path, **files: str) -> Path:
    """A tree with the allow-list above; `shared__a` is `shared/a.py`."""
    (root / ".funcignore").write_text(ALLOWED, encoding="utf-8")
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_the_same_files_give_the_same_bytes(package: Package, tmp_path: Path) -> None:
    again = build(ROOT, tmp_path / "again.zip")
    assert again.path.read_bytes() == package.path.read_bytes()
    assert (again.digest, again.size_bytes) == (package.digest, package.path.stat().st_size)


def test_neither_the_age_nor_the_mode_of_a_file_changes_the_bytes(tmp_path: Path) -> None:
    root = write(tmp_path, function_app=APP, shared__a="A = 1\n")
    first = build(root, tmp_path / "first.zip")
    (root / "shared" / "a.py").unlink()
    write(root, shared__a="A = 1\n")
    (root / "shared" / "a.py").chmod(0o600)
    assert build(root, tmp_path / "second.zip").digest == first.digest
    write(root, shared__a="A = 2\n")
    assert build(root, tmp_path / "third.zip").digest != first.digest


def test_only_what_is_allowed_is_packaged(tmp_path: Path) -> None:
    files = dict.fromkeys(("function_app", "shared__b", "shared__a", "tests__x", "other"), APP)
    root = write(tmp_path, **files)
    (root / "shared" / ".env").write_text("STRIPE_API_KEY=x", encoding="utf-8")
    (root / "local.settings.json").write_text("{}", encoding="utf-8")
    built = build(root, tmp_path / "app.zip")
    assert built.names == ("function_app.py", "shared/a.py", "shared/b.py")
    with zipfile.ZipFile(built.path) as archive:
        assert tuple(archive.namelist()) == built.names


def test_the_package_is_the_application(package: Package) -> None:
    assert {"function_app.py", "host.json", "requirements.txt"} <= set(package.names)
    beside = [name for name in package.names if not name.startswith(("functions/", "shared/"))]
    assert len(beside) == 3
    assert "shared/targets/finance/templates/sales_order.yaml" in package.names


def test_every_module_of_the_package_imports_from_the_package_alone(package: Package) -> None:
    assert verify(package, Path(sys.executable)) > 20


def test_a_module_that_the_package_lacks_is_named(tmp_path: Path) -> None:
    root = write(tmp_path, function_app="import local.world\n", shared____init__="")
    with pytest.raises(PackageUnusable, match="No module named 'local'"):
        verify(build(root, tmp_path / "app.zip"), Path(sys.executable))


def test_the_command_tells_where_how_large_and_which_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "dist" / "app.zip"
    main(["--target", str(target)])
    output = capsys.readouterr().out
    assert str(target) in output
    assert f"{target.stat().st_size} bytes" in output
    assert f"version  {VERSION}" in output
