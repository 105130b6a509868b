"""Mapping documents as files: read, checked with the product's templates, compared, sent."""

from collections.abc import Sequence
from pathlib import Path

from shared.mapping.compiler import CompiledMapping, compile_mapping
from shared.mapping.differences import Difference, differences
from shared.mapping.loader import DOCUMENT_BYTES_MAX, Loaded, load
from shared.mapping.problems import MappingRefused, Problem
from shared.mapping.schema import parse
from shared.packaged import packaged_metadata, packaged_templates

FILES_MAX = 200
SUFFIXES = (".yaml", ".yml")


def check(
    paths: Sequence[Path], reserved: Sequence[str] = ()
) -> tuple[tuple[Loaded, ...], CompiledMapping]:
    """The documents of files and folders, compiled together with the product's templates.

    Raises `MappingRefused` with every problem found.
    """
    loaded: list[Loaded] = []
    problems: list[Problem] = []
    for path in _files(paths):
        try:
            loaded.append(_read(path))
        except MappingRefused as refused:
            problems += refused.problems
    if problems:
        raise MappingRefused(problems)
    made = compile_mapping(packaged_templates(), loaded, packaged_metadata(), reserved)
    return tuple(loaded), made


def texts(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Name and text of each file, to be sent; what is no document is refused here already.

    Raises `MappingRefused` with every problem found.
    """
    found: list[tuple[str, str]] = []
    problems: list[Problem] = []
    for path in _files(paths):
        try:
            raw = _bytes(path)
            load(str(path), raw)
        except MappingRefused as refused:
            problems += refused.problems
        else:
            found.append((str(path), raw.decode()))
    if problems:
        raise MappingRefused(problems)
    return found


def compare(before: Path, after: Path) -> tuple[Loaded, Loaded, tuple[Difference, ...]]:
    """Two documents and what differs between them. Raises `MappingRefused`."""
    one, other = _read(before), _read(after)
    parse(one)
    parse(other)
    return one, other, differences(one, other)


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files, folders replaced by the YAML files in them."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
            if not inside:
                raise MappingRefused([Problem(str(path), "holds no YAML file")])
            found += inside
        else:
            found.append(path)
    if len(found) > FILES_MAX:
        raise MappingRefused([Problem(str(paths[0]), f"more than {FILES_MAX} files")])
    return list(dict.fromkeys(found))


def _read(path: Path) -> Loaded:
    return load(str(path), _bytes(path))


def _bytes(path: Path) -> bytes:
    """The file, or as much of it as shows that it is too large."""
    try:
        with path.open("rb") as file:
            return file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise MappingRefused([Problem(str(path), error.strerror or "cannot be read")]) from None
