"""The commands of `tieout mapping` that call a running app: preview, publish, undo, look."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from cli import mapping_pages as pages
from cli.remote import DEFAULT_URL, FAILED, KEY_VARIABLE, AsJson, Url, ask, option

if TYPE_CHECKING:
    from shared.mapping.problems import MappingRefused

FROM_KEY_VARIABLE = "TIEOUT_FUNCTION_KEY_FROM"
ANSWERS = (200, 201, 202, 400, 404, 409, 422)
OBJECTS = 1_000

Name = Annotated[
    str, typer.Argument(help="A set: its hash, or at least the first 8 characters of it.")
]
Who = Annotated[str, typer.Option(help="Your name; kept in the history.")]
Why = Annotated[str, typer.Option(help="The reason; kept in the history.")]
Limit = Annotated[
    int, typer.Option(min=1, max=10_000, help="How many of the last objects to compare.")
]


def preview(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="YAML files or folders: everything that is to be active."),
    ] = None,
    *,
    who: Who,
    submitted: Annotated[
        str, typer.Option("--set", help="Or a set that was submitted before.")
    ] = "",
    limit: Limit = OBJECTS,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Submit mapping documents and show what publishing them would change. Nothing is published."""
    if bool(paths) == bool(submitted):
        typer.echo("give either files or --set", err=True)
        raise typer.Exit(FAILED)
    name = _submit(url, _read(paths, as_json), who, as_json)["set"] if paths else submitted
    answer = _preview(url, name, who, limit, as_json)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    pages.preview_page(answer, pages.console())
    _say_publish(answer["candidate"], url)


def publish(
    name: Name, who: Who, why: Why, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Make a previewed set the active one; refused when the preview is missing or stale."""
    body = {"set": name, "who": who, "why": why}
    _changed(_call(url, "mappings/publish", as_json, body), as_json)


def rollback(
    who: Who,
    why: Why,
    to: Annotated[
        str, typer.Option(help="A set that was published before; by default the previous one.")
    ] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Undo the last publication, or go back to a set that was published before."""
    body = {"who": who, "why": why, "to": to}
    _changed(_call(url, "mappings/rollback", as_json, body), as_json)


def reapply(
    who: Who, why: Why, limit: Limit = OBJECTS, url: Url = DEFAULT_URL, as_json: AsJson = False
) -> None:
    """Render journal lines that are drafts still as the active mapping says; nothing posted."""
    body = {"who": who, "why": why, "limit": limit}
    answer = _call(url, "mappings/reapply", as_json, body)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        typer.echo(
            f"{answer['sent']} of the last {answer['objects']} objects have drafts, which are "
            "rendered again within a minute, unless they are posted by then"
        )


def history(
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 50,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Who published or undid what, when and why; newest first."""
    answer = _call(url, f"mappings/history?limit={limit}", as_json)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        pages.history_page(answer["changes"], pages.console())


def list_(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """The active set, and the sets submitted last."""
    answer = _call(url, "mappings", as_json)
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        pages.list_page(answer, pages.console())


def show(
    name: Name = "active",
    into: Annotated[
        Path | None, typer.Option(help="Write a file for each document into this folder.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """The documents of a set; `active` is the one in force."""
    from cli import documents

    answer = _call(url, _query("mappings/show", set=name), as_json)
    if into is not None:
        _write(into, answer["documents"], as_json)
        return
    if as_json:
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"set {answer['set']}")
    for document in answer["documents"]:
        typer.echo(f"\n# {document['title']}, {document['sha256']}")
        typer.echo(documents.as_text(document["tree"]), nl=False)


def _write(into: Path, shown: list[dict[str, Any]], as_json: bool) -> None:
    from cli import documents
    from shared.mapping.problems import MappingRefused

    try:
        paths = documents.write(into, [(document["title"], document["tree"]) for document in shown])
    except MappingRefused as refused:
        raise _refuse(_refusal("nothing was written", refused), as_json) from None
    if as_json:
        typer.echo(json.dumps({"files": [str(path) for path in paths]}))
        return
    for path in paths:
        typer.echo(str(path))
    if not paths:
        typer.echo(f"{pages.PRODUCT_ALONE}: no documents")


def promote(
    name: Name,
    *,
    who: Who,
    source: Annotated[
        str, typer.Option("--from", help="The app that has the set, such as the sandbox.")
    ],
    target: Annotated[
        str, typer.Option("--to", help="The app that is to get it, such as production.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Publish after the preview.")] = False,
    why: Annotated[str, typer.Option(help="Why; with --yes.")] = "",
    limit: Limit = OBJECTS,
    as_json: AsJson = False,
) -> None:
    """Copy a set from one app to another, preview it there, and publish it with --yes.

    The key of --to is in TIEOUT_FUNCTION_KEY, that of --from in TIEOUT_FUNCTION_KEY_FROM.
    """
    if yes and not why:
        typer.echo("to publish, give --why, too", err=True)
        raise typer.Exit(FAILED)
    shown = _call(source, _query("mappings/show", set=name), as_json, key=FROM_KEY_VARIABLE)
    documents = [
        {"name": document["title"], "tree": document["tree"]} for document in shown["documents"]
    ]
    candidate = _submit(target, documents, who, as_json)
    if candidate["set"] != shown["set"]:
        typer.echo(f"{target} stores the set under another hash: {candidate['set']}", err=True)
        raise typer.Exit(FAILED)
    answer = _preview(target, candidate["set"], who, limit, as_json)
    if not as_json:
        pages.preview_page(answer, pages.console())
    change = None
    if yes:
        body = {"set": candidate["set"], "who": who, "why": why}
        change = _call(target, "mappings/publish", as_json, body)
    if as_json:
        typer.echo(json.dumps({"candidate": candidate, "preview": answer, "change": change}))
    elif change is not None:
        _changed(change, as_json)
    else:
        _say_publish(candidate["set"], target)


def diff_sets(before: str, after: str, url: str, as_json: bool) -> None:
    """Compare two sets of a running app; exit 1 when they differ."""
    answer = _call(url, _query("mappings/diff", before=before, after=after), as_json)
    tell_differences(answer["documents"], as_json)


def tell_differences(documents: list[dict[str, Any]], as_json: bool) -> None:
    """The documents that differ; exit 1 when there are some."""
    if as_json:
        typer.echo(json.dumps({"documents": documents}))
    else:
        pages.diff_page(documents, pages.console())
    if documents:
        raise typer.Exit(1)


def _read(paths: list[Path], as_json: bool) -> list[dict[str, Any]]:
    from cli import documents
    from shared.mapping.problems import MappingRefused

    try:
        return [{"name": name, "text": text} for name, text in documents.texts(paths)]
    except MappingRefused as refused:
        raise _refuse(_refusal("nothing was sent", refused), as_json) from None


def _refusal(message: str, refused: "MappingRefused") -> dict[str, Any]:
    rows = [asdict(problem) for problem in refused.problems]
    return {"code": "invalid", "message": message, "problems": rows}


def _submit(url: str, documents: list[dict[str, Any]], who: str, as_json: bool) -> dict[str, Any]:
    with pages.waiting("checking"):
        return _call(url, "mappings", as_json, {"who": who, "documents": documents})


def _preview(url: str, name: str, who: str, limit: int, as_json: bool) -> dict[str, Any]:
    with pages.waiting("comparing"):
        body = {"set": name, "who": who, "limit": limit}
        answer = _call(url, "mappings/preview", as_json, body)
        if as_json or not answer["policy_differs"]:
            return answer
        return answer | {"policy": _policy(answer, _call(url, "mappings", as_json)["sets"])}


def _policy(answer: Mapping[str, Any], sets: list[dict[str, Any]]) -> str:
    """What becomes of the policy, as far as the sets listed tell: `added`, `removed`, `changed`;
    empty where they do not."""
    from shared.stores.mapping_store import PRODUCT_ALONE

    titles = {submitted["set"]: submitted["documents"] for submitted in sets} | {PRODUCT_ALONE: {}}
    before, after = titles.get(answer["against"]), titles.get(answer["candidate"])
    if before is None or after is None:
        return ""
    had, has = (
        any(title.startswith("policy ") for title in titles_of_set)
        for titles_of_set in (before, after)
    )
    return "changed" if had and has else "removed" if had else "added"


def _call(
    url: str,
    route: str,
    as_json: bool,
    body: dict[str, Any] | None = None,
    key: str = KEY_VARIABLE,
) -> dict[str, Any]:
    """The answer of a route; a refusal is printed and ends the command."""
    answer = ask(url, route, ANSWERS, body, key)
    if "code" in answer and "message" in answer:
        raise _refuse(answer, as_json)
    return answer


def _refuse(answer: Mapping[str, Any], as_json: bool) -> typer.Exit:
    """A refusal in words, every problem on a line; the exit to raise."""
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        typer.echo(f"refused: {answer['message']} [{answer['code']}]", err=True)
        for line in pages.problems(answer.get("problems", ())):
            typer.echo(line, err=True)
    return typer.Exit(FAILED)


def _changed(change: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(change))
        return
    typer.echo(f"active: {change['set']} (change {change['number']}), before: {change['previous']}")
    typer.echo("every instance uses it within half a minute")


def _say_publish(name: str, url: str) -> None:
    given = f"--who NAME --why REASON{option(url)}"
    typer.echo(f"to publish: tieout mapping publish {name} {given}")


def _query(route: str, **params: str) -> str:
    return f"{route}?{urlencode(params)}"
