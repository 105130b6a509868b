"""The package: a zip of what `.funcignore` lets in, with the same bytes from the same files.

The files are stored, not compressed, with one time stamp and in the order of their names: another
version of zlib would give other bytes for the same release.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pathspec

from release.alone import ScriptFailed, command, output_of, unpack
from shared.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = ROOT / "release" / "imports.py"
IGNORE_FILE = ".funcignore"
NEVER_PACKAGED = (".funcignore", ".gitignore", "local.settings.json")  # as func leaves them out
MODULES = "node_modules"  # as large as folders with a dot, and never let in: skipped for speed
STAMP = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip can hold
FILE_MODE = 0o100644 << 16
UNIX = 3


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
    modules = list(_modules(package.names))
    with tempfile.TemporaryDirectory() as folder:
        home = unpack(package.path, Path(folder))
        try:
            counted = output_of(command(home, IMPORTS, str(home), *modules, python=python))
        except ScriptFailed as error:
            raise PackageUnusable(f"the package does not import:\n{error}") from error
    return int(counted.split()[-1])


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
