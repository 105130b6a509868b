"""Run a script with an unpacked package and the libraries alone: no checkout can help.

`site` stays out (`-S`), so that no .pth file of the libraries leads back to a checkout.
"""

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

SECONDS_MAX = 120
LIBRARIES = "import sysconfig; print(sysconfig.get_path('purelib'))"
START = """
import sys
home, libraries, beside, script = sys.argv[1:5]
sys.path[:] = [home, *sys.path, libraries, *filter(None, [beside])]
sys.argv[:] = sys.argv[4:]
import runpy
runpy.run_path(script, run_name="__main__")
"""


class ScriptFailed(Exception):
    """The script ended with an error; the text is what it wrote to standard error."""


def unpack(package: Path, home: Path) -> Path:
    """The package in a folder, as the platform has it; returns the folder, resolved."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(home)
    return home.resolve()


def libraries_of(python: Path) -> str:
    """Where an interpreter keeps what is installed for it. Raises `ScriptFailed`."""
    return output_of([str(python), "-I", "-c", LIBRARIES]).strip()


def command(
    home: Path,
    script: Path,
    *arguments: str,
    python: Path = Path(sys.executable),
    libraries: str = "",
    beside: Path | None = None,
) -> list[str]:
    """The command that runs a script on the package in `home`.

    `beside`: a checkout that is searched after the package and the libraries, for `local`.
    """
    libraries = libraries or libraries_of(python)
    places = [str(home), libraries, str(beside or ""), str(script)]
    return [str(python), "-I", "-S", "-c", START, *places, *arguments]


def output_of(command: Sequence[str], folder: Path | None = None) -> str:
    """What a command writes to standard output. Raises `ScriptFailed`."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    if done.returncode != 0:
        raise ScriptFailed(done.stderr.strip())
    return done.stdout
