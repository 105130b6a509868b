"""`tieout mapping`: checks and compares mapping documents on this machine, without an app.

The commands that call a running app are in `cli/publishing.py`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import publishing
from cli.remote import DEFAULT_URL, AsJson, Url

if TYPE_CHECKING:
    from shared.mapping.problems import Problem

REFUSED = 2
SET = re.compile(r"active|product|[0-9a-f]{8,64}")

mapping = typer.Typer(no_args_is_help=True, help="Check, try and publish how records are rendered.")


@mapping.command("validate")
def validate(
    paths: Annotated[list[Path], typer.Argument(help="YAML files or folders of them.")],
    customer_id_property: Annotated[
        str, typer.Option(help="The value of TIEOUT_CUSTOMER_ID_PROPERTY in the app.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check mapping documents together with the product's templates; nothing is published."""
    from cli import documents
    from shared.mapping.problems import MappingRefused

    reserved = (customer_id_property,) if customer_id_property else ()
    try:
        loaded, made, warnings = documents.check(paths, reserved)
    except MappingRefused as refused:
        raise _refuse(refused.problems, as_json) from None
    if as_json:
        answer = {"valid": True, "version": made.sha256, "documents": dict(made.documents)}
        typer.echo(json.dumps(answer | {"warnings": warnings}))
        return
    for document in loaded:
        typer.echo(f"{document.where}: {document.sha256}")
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"valid, with the product's templates: version {made.sha256}")


@mapping.command("diff")
def diff(
    before: Annotated[
        str, typer.Argument(help="A YAML file, a folder of them, or a set of a running app.")
    ],
    after: Annotated[str, typer.Argument(help="Another one.")],
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two files, two folders (whose documents are matched by kind and
    name), or two sets (by hash, `active`, `product`).

    Exit code 0 for nothing, 1 for something. Files and folders need no app.
    """
    if all(SET.fullmatch(name) and not Path(name).exists() for name in (before, after)):
        publishing.diff_sets(before, after, url, as_json)
        return
    from cli import documents
    from shared.mapping.problems import MappingRefused

    try:
        if any(Path(name).is_dir() for name in (before, after)):
            publishing.tell_differences(documents.compare_sets(Path(before), Path(after)), as_json)
            return
        one, other, differences = documents.compare(Path(before), Path(after))
    except MappingRefused as refused:
        raise _refuse(refused.problems, as_json) from None
    if as_json:
        rows = [
            {"place": difference.place, "before": difference.before, "after": difference.after}
            for difference in differences
        ]
        result = {"before": one.sha256, "after": other.sha256, "differences": rows}
        typer.echo(json.dumps(result))
    for difference in () if as_json else differences:
        old, new = (
            "(none)" if text is None else repr(text)
            for text in (difference.before, difference.after)
        )
        typer.echo(f"{difference.place}: {old} -> {new}")
    if differences:
        raise typer.Exit(1)


for _name, _command in (
    ("preview", publishing.preview),
    ("publish", publishing.publish),
    ("rollback", publishing.rollback),
    ("reapply", publishing.reapply),
    ("history", publishing.history),
    ("list", publishing.list_),
    ("show", publishing.show),
    ("promote", publishing.promote),
):
    mapping.command(_name)(_command)


def _refuse(problems: Sequence["Problem"], as_json: bool) -> typer.Exit:
    """Every problem, a line each; the exit to raise."""
    if as_json:
        rows = [asdict(problem) for problem in problems]
        typer.echo(json.dumps({"valid": False, "problems": rows}))
    else:
        for problem in problems:
            typer.echo(str(problem), err=True)
    return typer.Exit(REFUSED)
