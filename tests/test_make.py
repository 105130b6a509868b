"""The Makefile and its scripts in a folder whose path has spaces."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_tidy import ROOT

COMMANDS_SECONDS_MAX = 60
TARGETS = ("setup", "demo", "serve", "simulate", "test", "check", "format", "lock", "clean")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The Makefile, the scripts and what they name, in a path with spaces."""
    made = tmp_path / "a path with spaces"
    shutil.copytree(ROOT / "scripts", made / "scripts")
    for name in ("Makefile", "pyproject.toml", "requirements-dev.txt"):
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


def _words(line: str) -> list[str]:
    """The words of a recipe as a shell reads them."""
    return shlex.split(line, comments=True)


def test_the_script_finds_a_python_in_a_folder_with_spaces(tree: Path) -> None:
    folder = tree / "the bin"
    folder.mkdir()
    (folder / "python3.13").symlink_to(sys.executable)
    found = run(tree / "scripts/find-python", at=tree, PATH=f"{folder}:/usr/bin:/bin")
    assert found.strip() == str(folder / "python3.13")
