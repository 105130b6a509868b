"""What `.funcignore` lets into a deployment: the application, and nothing else.

That it runs with nothing else: tests/unit/release/test_package.py.
"""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pathspec
import pytest

from shared.version import VERSION
from tests.test_tidy import COMMAND, EMBEDDED, NOT_OURS, ROOT, plain

FUNCIGNORE = (ROOT / ".funcignore").read_text(encoding="utf-8")
FUNC_LEAVES_OUT = (".funcignore", ".gitignore", "local.settings.json")
ALONE = ("function_app.py", "host.json", "requirements.txt")
FOLDERS = ("functions/", "shared/")
STRANGE = (
    *(".env", ".venv/bin/python", "local.settings.sample.json", "infra/queues.json", "notes.md"),
    *("new_folder/secret.txt", "tests/functions/host.json", "local/shared/x.py", "sharedx/a.py"),
    *("shared/__pycache__/errors.cpython-313.pyc", "functions/flows/__pycache__/a.cpython-313.pyc"),
    *("shared/.env", "shared/targets/finance/.secret.yaml.swp"),
    *("functions/notes.md", "requirements-dev.txt", "cli/main.py"),
)

type Accepts = Callable[[str], bool]


def as_gitignore(text: str) -> Accepts:
    spec = pathspec.GitIgnoreSpec.from_lines(text.splitlines())
    return lambda name: not spec.match_file(name)


def as_func(text: str) -> Accepts:
    """The reading of Azure Functions Core Tools 4: each list is one pattern, matched from the start
    to the end of a word; what a negation matches ships, else what no other line matches."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    denied = [line for line in lines if not line.startswith("!")]
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    yes, no = _func_pattern(allowed), _func_pattern(denied)

    def accepts(name: str) -> bool:
        return bool(yes.match(name)) or not no.match(name)

    return accepts


def _func_pattern(lines: list[str]) -> re.Pattern[str]:
    if not lines:
        return re.compile("$^")
    plain = [re.sub(r"[-\[\]/{}()+?.\\^$|]", r"\\\g<0>", line.removeprefix("/")) for line in lines]
    starred = [each.replace("**", "(.+)").replace("*", r"([^\/]+)") for each in plain]
    return re.compile("^((" + ")|(".join(starred) + r"))\b", re.ASCII)


READERS = {"func": as_func, "gitignore": as_gitignore}


def working_tree() -> list[str]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [each for each in folders if each not in NOT_OURS]
        found += [Path(folder, name).relative_to(ROOT).as_posix() for name in names]
    return sorted(found)


@pytest.mark.parametrize("reader", READERS)
def test_what_the_application_needs_ships_and_nothing_else(reader: str) -> None:
    accepts = READERS[reader](FUNCIGNORE)
    shipped = [name for name in working_tree() if accepts(name) and name not in FUNC_LEAVES_OUT]
    wanted = [
        name
        for name in working_tree()
        if name in ALONE or (name.startswith(FOLDERS) and not Path(name).name.startswith("."))
    ]
    assert shipped == wanted
    assert len(shipped) > 100


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_named_does_not_ship(reader: str, name: str) -> None:
    assert not READERS[reader](FUNCIGNORE)(name)


def test_a_wheel_holds_the_packages_and_what_the_embedded_world_reads(tmp_path: Path) -> None:
    code = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = archive.namelist()
        told = next(each for each in held if each.endswith("METADATA"))
        metadata = archive.read(told).decode()
    folders = ("cli/", "functions/", "local/", "shared/")
    wanted = [each for each in working_tree() if each.startswith(folders)]
    assert sorted(each for each in held if each.startswith(folders)) == wanted
    assert f"\nVersion: {VERSION}\n" in metadata
    beside = ("function_app.py", "host.json", "infra/queues.json")
    assert {f"tieout_app/{each}" for each in beside} <= set(held)
    needed = re.findall(
        r"^Requires-Dist: ([a-z-]+).*?(; extra == .local.)?$", metadata, re.MULTILINE
    )
    assert sorted(name for name, extra in needed if not extra) == sorted(map(plain, COMMAND))
    assert sorted(name for name, extra in needed if extra) == sorted(map(plain, EMBEDDED))
