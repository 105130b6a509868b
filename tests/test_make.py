"""The Makefile and its scripts in a folder whose path has spaces."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_tidy import ROOT

COMMANDS_SECONDS_MAX = 60
TARGETS = ("setup", "amqp", "demo", "serve", "simulate", "test", "check", "format", "lock", "clean")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The Makefile, the scripts and what they name, in a path with spaces."""
    made = tmp_path / "a path with spaces"
    shutil.copytree(ROOT / "scripts", made / "scripts")
    for name in ("Makefile", "pyproject.toml", "requirements-dev.txt", "requirements-amqp.txt"):
        shutil.copyfile(ROOT / name, made / name)
    (made / "tests" / "npm").mkdir(parents=True)
    shutil.copyfile(
        ROOT / "tests/npm/package-lock.json", made / "tests" / "npm" / "package-lock.json"
    )
    return made


def run(*arguments: str | Path, at: Path, **environment: str) -> str:
    done = subprocess.run(
        arguments,
        cwd=at,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=COMMANDS_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_recipe_keeps_the_folder_in_one_word(tree: Path, target: str) -> None:
    told = run("make", "--dry-run", "--always-make", target, at=tree).replace("\\\n", " ")
    assert told
    broken = [
        line for line in told.splitlines() if {"path", "with", "a"} & set(_words(line.strip()))
    ]
    assert broken == []


@pytest.mark.parametrize(
    ("target", "compiles"), [("demo", False), ("serve", False), ("simulate", False), ("test", True)]
)
def test_only_what_needs_the_amqp_endpoint_compiles(
    tree: Path, target: str, compiles: bool
) -> None:
    told = run("make", "--dry-run", "--always-make", target, at=tree)
    assert ("build-amqp" in told) is compiles


def test_without_a_compiler_the_build_is_skipped_loudly(tree: Path) -> None:
    done = subprocess.run(
        [tree / "scripts/build-amqp", "no-uv", "ready"],
        cwd=tree,
        env={"PATH": "/usr/bin:/bin", "CC": "no-such-compiler -O2"},
        capture_output=True,
        text=True,
        timeout=COMMANDS_SECONDS_MAX,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "SKIPPED: no C compiler" in done.stderr
    assert not (tree / "ready").exists()


@pytest.mark.parametrize(("uv", "status"), [("true", 0), ("false", 1)])
def test_with_a_compiler_a_build_that_fails_is_an_error(tree: Path, uv: str, status: int) -> None:
    done = subprocess.run(
        [tree / "scripts/build-amqp", uv, "ready"],
        cwd=tree,
        env={"PATH": "/usr/bin:/bin", "CC": "true"},
        capture_output=True,
        text=True,
        timeout=COMMANDS_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert (tree / "ready").exists() is (status == 0)


def _words(line: str) -> list[str]:
    """The words of a recipe as a shell reads them."""
    return shlex.split(line, comments=True)


def test_the_script_finds_a_python_in_a_folder_with_spaces(tree: Path) -> None:
    folder = tree / "the bin"
    folder.mkdir()
    (folder / "python3.13").symlink_to(sys.executable)
    found = run(tree / "scripts/find-python", at=tree, PATH=f"{folder}:/usr/bin:/bin")
    assert found.strip() == str(folder / "python3.13")
