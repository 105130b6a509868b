"""`tieout mapping`: checks and compares mapping documents on this machine, without an app."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from shared.mapping.problems import Problem

REFUSED = 2

mapping = typer.Typer(no_args_is_help=True, help="Mapping documents: check and compare files.")

AsJson = Annotated[bool, typer.Option("--json", help="Print machine-readable JSON.")]


@mapping.command("validate")
def validate(
    paths: Annotated[list[Path], typer.Argument(help="YAML files or folders of them.")],
    customer_id_property: Annotated[
        str, typer.Option(help="The field that the setting of this name gives to the product.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check mapping documents together with the product's templates; nothing is published."""
    from cli import documents  # noqa: PLC0415 - a quick start for the other commands
    from shared.mapping.problems import MappingRefused  # noqa: PLC0415

    reserved = (customer_id_property,) if customer_id_property else ()
    try:
        loaded, made = documents.check(paths, reserved)
    except MappingRefused as refused:
        raise _refuse(refused.problems, as_json) from None
    if as_json:
        found = {"valid": True, "version": made.sha256, "documents": dict(made.documents)}
        typer.echo(json.dumps(found))
        return
    for document in loaded:
        typer.echo(f"{document.where}: {document.sha256}")
    typer.echo(f"valid, with the product's templates: version {made.sha256}")


@mapping.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(help="A YAML file.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two documents: exit code 0 for nothing, 1 for something."""
    from cli import documents  # noqa: PLC0415 - as above
    from shared.mapping.problems import MappingRefused  # noqa: PLC0415

    try:
        one, other, found = documents.compare(before, after)
    except MappingRefused as refused:
        raise _refuse(refused.problems, as_json) from None
    if as_json:
        rows = [{"place": each.place, "before": each.before, "after": each.after} for each in found]
        result = {"before": one.sha256, "after": other.sha256, "differences": rows}
        typer.echo(json.dumps(result))
    for each in () if as_json else found:
        old, new = ("(none)" if text is None else repr(text) for text in (each.before, each.after))
        typer.echo(f"{each.place}: {old} -> {new}")
    if found:
        raise typer.Exit(1)


def _refuse(problems: Sequence["Problem"], as_json: bool) -> typer.Exit:
    """Every problem, a line each; the exit to raise."""
    if as_json:
        rows = [
            {"document": p.document, "field": p.field, "path": p.path, "reason": p.reason}
            for p in problems
        ]
        typer.echo(json.dumps({"valid": False, "problems": rows}))
    else:
        for problem in problems:
            typer.echo(str(problem), err=True)
    return typer.Exit(REFUSED)
