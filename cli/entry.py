"""What every command shares: `--version`, and words instead of tracebacks."""

import sys
from typing import Annotated

import typer

from cli.remote import FAILED
from shared.version import VERSION

PACKAGES = ("cli", "local", "shared", "functions")  # ours: one that is missing is a fault


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tieout {VERSION}")
        raise typer.Exit


def options(
    _version: Annotated[
        bool,
        typer.Option("--version", help="The version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Book Stripe into Dynamics 365, to the cent."""


def run(app: typer.Typer) -> None:
    """The console script. Exit 2 where a command needs what is not installed."""
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in PACKAGES:
            raise
        typer.echo(
            "this command runs the embedded world, which is not installed: "
            f"pip install 'tieout[local]'   (missing: {error.name})",
            err=True,
        )
        sys.exit(FAILED)
