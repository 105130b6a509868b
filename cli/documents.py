"""Mapping documents as files: read, checked with the product's templates, compared, sent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from shared.mapping.compiler import CompiledMapping, compile_mapping
from shared.mapping.differences import ValueDifference, compared, differences, lost_rows
from shared.mapping.loader import DOCUMENT_BYTES_MAX, Loaded, load, needs_quotes
from shared.mapping.problems import MappingRefused, Problem
from shared.mapping.schema import parse, title_of
from shared.packaged import packaged_mapping, packaged_templates, packaged_vocabulary
from shared.policy import problems as policy_problems

FILES_MAX = 200
SUFFIXES = (".yaml", ".yml")
HEAD = ("kind", "name", "about", "extends")  # of a document, for readers
TITLE = re.compile(r"[a-z]+ [a-z][a-z0-9_]{0,59}")


def check(
    paths: Sequence[Path], reserved: Sequence[str] = ()
) -> tuple[tuple[Loaded, ...], CompiledMapping, list[str]]:
    """The documents of files and folders, compiled together with the product's templates, and
    warnings: tables that lose rows of the product's.

    Raises `MappingRefused` with every problem found.
    """
    loaded, _ = _readable(paths)
    made = compile_mapping(packaged_templates(), loaded, packaged_vocabulary(), reserved)
    reasons = [] if made.books is None else policy_problems(made.policy, made.books)
    if reasons:
        raise MappingRefused([Problem("policy", reason) for reason in reasons])
    return tuple(loaded), made, lost_rows(packaged_mapping().tables, made.tables, "the product")


def texts(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Name and text of each file, to be sent; what is no document is refused here already.

    Raises `MappingRefused` with every problem found.
    """
    loaded, raw = _readable(paths)
    return [(document.where, text.decode()) for document, text in zip(loaded, raw, strict=True)]


def _readable(paths: Sequence[Path]) -> tuple[list[Loaded], list[bytes]]:
    """The documents of files and folders, and their bytes.

    Raises `MappingRefused`: what cannot be read, and of the others what has not their shape.
    """
    loaded: list[Loaded] = []
    raw: list[bytes] = []
    problems: list[Problem] = []
    for path in _files(paths):
        try:
            raw.append(_bytes(path))
            loaded.append(load(str(path), raw[-1]))
        except MappingRefused as refused:
            problems += refused.problems
    for document in loaded if problems else ():
        try:
            parse(document)
        except MappingRefused as refused:
            problems += refused.problems
    if problems:
        raise MappingRefused(problems)
    return loaded, raw


def compare(before: Path, after: Path) -> tuple[Loaded, Loaded, tuple[ValueDifference, ...]]:
    """Two documents and what differs between them. Raises `MappingRefused`."""
    one, other = _read(before), _read(after)
    parse(one)
    parse(other)
    return one, other, differences(one, other)


def compare_sets(before: Path, after: Path) -> list[dict[str, Any]]:
    """What differs between two sets, each a folder or a file: the documents that differ, by kind
    and name, as the route `mappings/diff` tells them. Raises `MappingRefused`.
    """
    return [asdict(comparison) for comparison in compared(_by_title(before), _by_title(after))]


def _by_title(path: Path) -> dict[str, Loaded]:
    by_title: dict[str, Loaded] = {}
    problems: list[Problem] = []
    for document in _readable([path])[0]:
        try:
            title = title_of(parse(document))
        except MappingRefused as refused:
            problems += refused.problems
            continue
        if title in by_title:
            problems.append(
                Problem(document.where, f"{title} is in {by_title[title].where} already")
            )
        by_title[title] = document
    if problems:
        raise MappingRefused(problems)
    return by_title


def as_text(tree: Mapping[str, Any]) -> str:
    """A document as YAML that is read as the same document, its head first."""
    head = {name: value for name in HEAD if (value := tree.get(name)) is not None}
    return yaml.dump(head | dict(tree), Dumper=_Dumper, allow_unicode=True, sort_keys=False)


class _Dumper(yaml.SafeDumper):
    """Quotes what some reader of YAML would not take for text, too."""


def _quoted(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if needs_quotes(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted)


def write(folder: Path, documents: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Path]:
    """Documents by title as files of a folder, `mapping-ours.yaml`; none where one is there.

    Raises `MappingRefused`.
    """
    paths = [folder / f"{title.replace(' ', '-')}.yaml" for title, _ in documents]
    problems = [
        Problem(title, "is no name of a document")
        for title, _ in documents
        if not TITLE.fullmatch(title)
    ]
    problems += [Problem(str(path), "is there already") for path in paths if path.exists()]
    if problems:
        raise MappingRefused(problems)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, (_, tree) in zip(paths, documents, strict=True):
            with path.open("x", encoding="utf-8") as file:
                file.write(as_text(tree))
    except OSError as error:
        raise MappingRefused([Problem(str(folder), error.strerror or "no files")]) from None
    return paths


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files, folders replaced by the YAML files in them."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(
                inside_file for inside_file in path.rglob("*") if inside_file.suffix in SUFFIXES
            )
            if not inside:
                raise MappingRefused([Problem(str(path), "holds no YAML file")])
            files += inside
        else:
            files.append(path)
    if len(files) > FILES_MAX:
        raise MappingRefused([Problem(str(paths[0]), f"more than {FILES_MAX} files")])
    return list(dict.fromkeys(files))


def _read(path: Path) -> Loaded:
    return load(str(path), _bytes(path))


def _bytes(path: Path) -> bytes:
    """The file, or as much of it as shows that it is too large."""
    try:
        with path.open("rb") as file:
            return file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise MappingRefused([Problem(str(path), error.strerror or "cannot be read")]) from None
