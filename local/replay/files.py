"""Reading exported Stripe JSON: events and objects, single, in lists, in lines, in folders."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from local.replay.exported import Exported, FileProblem, Unread
from local.replay.json_text import clean, values
from local.replay.reader import ExportReader

FILE_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 100_000
SUFFIXES = (".json", ".jsonl", ".ndjson")
LINES_SUFFIXES = (".jsonl", ".ndjson")
CSV = "CSV is not read: export JSON, with the Stripe CLI (`stripe charges list`) or the API"


def read(paths: Sequence[Path], report: Path | None = None) -> Exported:
    """Read files and folders (their JSON and JSON lines, deep). Broken parts become problems.

    `report`: a file of ours that may lie among them; it is left out.
    """
    found = Exported()
    reader = ExportReader(found)
    for path in _files(paths, found, report):
        found.files += 1
        try:
            is_large = path.stat().st_size > FILE_BYTES_MAX
            raw = b"" if is_large else path.read_bytes()
        except OSError as error:
            found.problems.append(
                FileProblem(clean(str(path)), f"cannot be read: {error.strerror}")
            )
            continue
        if is_large:
            found.problems.append(
                FileProblem(clean(str(path)), f"larger than {FILE_BYTES_MAX} bytes")
            )
            continue
        for line, value, reason in values(raw, is_lines=path.suffix.lower() in LINES_SUFFIXES):
            where = clean(f"{path}:{line}" if line else str(path))
            if reason:
                is_csv = path.suffix.lower() == ".csv"
                found.problems.append(FileProblem(where, CSV if is_csv else reason))
            else:
                reader.sort(value, where)
    reader.close()
    return found


def _files(paths: Sequence[Path], found: Exported, report: Path | None) -> Iterator[Path]:
    seen: dict[Path, None] = {} if report is None else {report.resolve(): None}
    for path in paths:
        if not path.exists():
            found.problems.append(FileProblem(clean(str(path)), "does not exist"))
            continue
        inside = sorted(each for each in path.rglob("*") if each.is_file())
        if path.is_dir():
            inside = list(_readable(inside, found))
            if not inside:
                found.problems.append(FileProblem(clean(str(path)), "holds no *.json file"))
        else:
            inside = [path]
        for each in inside:
            if each.resolve() in seen:
                continue
            if len(seen) >= FILES_MAX:
                found.problems.append(FileProblem(clean(str(path)), f"more than {FILES_MAX} files"))
                return
            seen[each.resolve()] = None
            yield each


def _readable(paths: Sequence[Path], found: Exported) -> Iterator[Path]:
    """The files of a folder that are read; the others are noted."""
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            yield path
        else:
            reason = CSV if suffix == ".csv" else f"not one of {', '.join(SUFFIXES)}"
            found.unread.append(Unread(clean(str(path)), reason))
