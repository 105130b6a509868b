"""The package: a zip of what `.funcignore` lets in, with the same bytes from the same files.

The files are stored, not compressed, with one time stamp and in the order of their names: another
version of zlib would give other bytes for the same release.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pathspec

from shared.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
IGNORE_FILE = ".funcignore"
NEVER_PACKAGED = (".funcignore", ".gitignore", "local.settings.json")  # as func leaves them out
MODULES = "node_modules"  # as large as folders with a dot, and never let in: skipped for speed
STAMP = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can hold
FILE_MODE = 0o100644 << 16
UNIX = 3
VERIFY_SECONDS_MAX = 120
FUNCTIONS_MIN = 20
LIBRARIES = "import sysconfig; print(sysconfig.get_path('purelib'))"
# argv: the unpacked package, the libraries, our packages, a minimum, every module of the package.
# Without the module `site`, so that no .pth file of the libraries leads back to a checkout.
VERIFY = """
import importlib, pathlib, sys
home, libraries, ours, minimum, *modules = sys.argv[1:]
sys.path[:] = [home, *sys.path, libraries]
for module in modules:
    importlib.import_module(module)
outside = [
    f"{name} from {module.__file__}"
    for name, module in sys.modules.items()
    if name.partition(".")[0] in ours.split(",") and getattr(module, "__file__", None)
    and not pathlib.Path(module.__file__).is_relative_to(home)
]
if outside:
    sys.exit("not of the package: " + "; ".join(outside[:3]))
from function_app import app
from shared.packaged import packaged_mapping
packaged_mapping()
count = len(list(app.get_functions()))
if count < int(minimum):
    sys.exit(f"the package has {count} functions, at least {minimum} were expected")
print(count)
"""
OURS = "function_app,functions,shared,local,cli,bench,release"


class PackageUnusable(Exception):
    """The package does not import; the text is what Python said."""


@dataclass(frozen=True, slots=True)
class Package:
    """A built package: its file, the names inside, its size in bytes, its SHA-256 in hex."""

    path: Path
    names: tuple[str, ...]
    size_bytes: int
    digest: str


def packaged_names(root: Path) -> Iterator[str]:
    """The files below `root` that `.funcignore` lets in, as names with slashes, sorted."""
    lines = (root / IGNORE_FILE).read_text(encoding="utf-8").splitlines()
    ignored = pathspec.GitIgnoreSpec.from_lines(lines)
    names = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name != MODULES]
        names += [Path(folder, name).relative_to(root).as_posix() for name in files]
    for name in sorted(names):
        if name not in NEVER_PACKAGED and not ignored.match_file(name):
            yield name


def build(root: Path, target: Path) -> Package:
    """Write the package of the files below `root` to `target`, and describe it."""
    names = tuple(packaged_names(root))
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, STAMP)
            entry.external_attr, entry.create_system = FILE_MODE, UNIX
            archive.writestr(entry, (root / name).read_bytes())
    content = target.read_bytes()
    return Package(target, names, len(content), hashlib.sha256(content).hexdigest())


def verify(package: Package, python: Path) -> int:
    """Import every module of the package from the package alone; returns how many functions it has.

    `python`: the interpreter of the environment to try it in. Raises `PackageUnusable`.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        with zipfile.ZipFile(package.path) as archive:
            archive.extractall(home)
        libraries = _python(python, "-I", "-c", LIBRARIES).strip()
        arguments = [str(home), libraries, OURS, str(FUNCTIONS_MIN), *_modules(package.names)]
        return int(_python(python, "-I", "-S", "-B", "-c", VERIFY, *arguments).split()[-1])


def _python(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [python, *arguments],
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS_MAX,
        check=False,
    )
    if done.returncode != 0:
        raise PackageUnusable(f"the package does not import:\n{done.stderr.strip()}")
    return done.stdout


def _modules(names: Sequence[str]) -> Iterator[str]:
    """The modules of a package, by the names of its files."""
    for name in names:
        path = PurePosixPath(name)
        if path.suffix == ".py":
            parts = path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts
            yield ".".join(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, verify and describe the package. Exit 1 where it does not import."""
    parser = argparse.ArgumentParser(description="Build the package that is deployed.")
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--target", type=Path, default=ROOT / "dist" / f"tieout-{VERSION}.zip")
    given = parser.parse_args(arguments)
    package = build(ROOT, given.target)
    try:
        functions = verify(package, given.python)
    except PackageUnusable as error:
        sys.exit(str(error))
    print(f"{package.path}")
    print(f"  version  {VERSION}")
    print(f"  files    {len(package.names)}, {functions} functions")
    print(f"  size     {package.size_bytes} bytes")
    print(f"  sha256   {package.digest}")


if __name__ == "__main__":
    main()
