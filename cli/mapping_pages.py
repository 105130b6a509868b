"""What the mapping commands print."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.pages import console as console

HASH_CHARS_SHOWN = 12
RECORDS_SHOWN_MAX = 20
PRODUCT_ALONE = "the product alone"
GROUPS = (
    ("future", "not written yet, and customers"),
    ("drafts", "written, not known as posted: they stay as they are"),
    ("posted", "posted: untouched"),
)

POLICIES = MappingProxyType(
    {
        "added": "the policy differs: this set adds one, the active set has none",
        "removed": "the policy is removed: this set has none, so all choices become the defaults",
    }
)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A moving bar on standard error while the app works."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield


def short(sha256: str) -> str:
    """The beginning of a hash, as far as commands need it."""
    return sha256[:HASH_CHARS_SHOWN]


def problems(listed: Sequence[Mapping[str, str]]) -> list[str]:
    """Problems of documents, a line each."""
    lines = []
    for problem in listed:
        place = (
            f"{problem['document']}: {problem['field']}"
            if problem["field"]
            else problem["document"]
        )
        source = f" (path {problem['path']})" if problem["path"] else ""
        lines.append(f"{place}{source}: {problem['reason']}")
    return lines


def preview_page(answer: Mapping[str, Any], out: Console) -> None:
    """The three groups, the fields that change, and the first records.

    `policy`, where it is given: whether the policy is added, removed or changed.
    """
    counts = answer["counts"]
    out.print(
        f"set {short(answer['candidate'])} against {short(answer['against'])}, which is active: "
        f"the last {counts['objects']} objects"
    )
    table = Table(box=None, pad_edge=False)
    for name in ("", "unchanged", "changed", "newly rejected", "newly accepted"):
        table.add_column(name, justify="right" if name else "left")
    for name, about in GROUPS:
        group = answer["groups"][name]
        cells = [str(group[column]) for column in ("unchanged", "changed", "rejected", "accepted")]
        table.add_row(f"{name} ({about})", *cells)
    out.print(table)
    _books(answer.get("books", ()), out)
    for warning in answer.get("warnings", ()):
        out.print(f"warning: {warning}", markup=False)
    if answer["policy_differs"]:
        what = POLICIES.get(answer.get("policy", ""), "the policy differs")
        out.print(f"{what}: other records may have to exist, too; the preview does not show that")
    for name, _ in GROUPS:
        _group(name, answer["groups"][name], out)


def _books(differences: Sequence[Mapping[str, Any]], out: Console) -> None:
    """What of the books changes, and for what it holds."""
    if not differences:
        return
    count = len(differences)
    out.print(
        f"books: {count} {'value differs' if count == 1 else 'values differ'}. Everything from now "
        "on, and the drafts below once they are reapplied, would go to:"
    )
    for difference in differences[:RECORDS_SHOWN_MAX]:
        old, new = (_value(difference[side]) for side in ("before", "after"))
        out.print(f"  {difference['place']}: {old} -> {new}", markup=False)
    if count > RECORDS_SHOWN_MAX:
        out.print(f"  ... and {count - RECORDS_SHOWN_MAX} more (--json shows all)")


def _group(name: str, group: Mapping[str, Any], out: Console) -> None:
    for field, count in group["fields"].items():
        out.print(f"{name}: {field} changes in {count}", markup=False)
    for record in group["listed"][:RECORDS_SHOWN_MAX]:
        head = f"  {record['object']} {record['role']}"
        if record["rejected"] or record["accepted"]:
            what = "would park" if record["rejected"] else "would no longer park"
            out.print(f"{head} {what}: {record['reason']}", markup=False)
        for changed_field in record["fields"]:
            old, new = (_value(changed_field[side]) for side in ("before", "after"))
            out.print(f"{head} {changed_field['field']}: {old} -> {new}", markup=False)
    more = len(group["listed"]) - RECORDS_SHOWN_MAX + int(group["more"])
    if more > 0:
        out.print(f"  ... and {more} more (--json shows {len(group['listed'])})")


def _value(text: str | None) -> str:
    return "(none)" if text is None else repr(text)


def history_page(changes: Sequence[Mapping[str, Any]], out: Console) -> None:
    """The changes, newest first."""
    if not changes:
        out.print(f"nothing was published: {PRODUCT_ALONE}")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("", "when", "", "set", "instead of", "who", "why"):
        table.add_column(name, no_wrap=name in ("when", "set", "instead of"))
    for change in changes:
        table.add_row(
            str(change["number"]),
            str(change["at"])[:19],
            change["action"],
            short(change["set"]),
            short(change["previous"]),
            change["who"],
            change["why"],
        )
    out.print(table)


def list_page(answer: Mapping[str, Any], out: Console) -> None:
    """What is active, and the sets that were submitted last."""
    change = answer["change"]
    since = (
        f"{change['action']} {change['number']} by {change['who']}, {str(change['at'])[:19]}"
        if change
        else PRODUCT_ALONE
    )
    out.print(f"active: {short(answer['set'])} ({since}), version {short(answer['version'])}")
    if answer["problem"]:
        out.print(f"the active set cannot be used: {answer['problem']}", markup=False)
    table = Table(box=None, pad_edge=False)
    for name in ("set", "submitted", "by", "documents", "previewed"):
        table.add_column(name, no_wrap=name in ("set", "submitted"))
    for submitted in answer["sets"]:
        preview = submitted["preview"]
        seen = f"against {short(preview['against'])} by {preview['by']}" if preview else "no"
        at, titles = str(submitted["at"])[:19], ", ".join(sorted(submitted["documents"]))
        table.add_row(short(submitted["set"]), at, submitted["by"], titles, seen)
    out.print(table)


def diff_page(documents: Sequence[Mapping[str, Any]], out: Console) -> None:
    """Every value that differs, below its document."""
    for document in documents:
        out.print(f"{document['title']} ({document['kind']})", markup=False)
        for difference in document["differences"]:
            old, new = _value(difference["before"]), _value(difference["after"])
            out.print(f"  {difference['place']}: {old} -> {new}", markup=False)
