"""The command `tieout probe`: which settings fit the Dynamics of a running app."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from cli.remote import DEFAULT_URL, FAILED, AsJson, Url, ask

NOT_KNOWN = 1  # exit code
KINDS = (("settings", "App settings that fit:"), ("policy", "Choices of the policy that fit:"))
MARKS = {"yes": "yes ", "no": "no  ", "unknown": "?   "}


def probe(
    *,
    company: Annotated[str, typer.Option(help="The sandbox company: drafts are written there.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    classification: Annotated[
        str, typer.Option(help="A billing classification of the company, to be tried.")
    ] = "",
    who: Annotated[str, typer.Option(help="Who asks; kept in the audit log.")] = "",
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Find out how the Dynamics of a running app behaves where that is not known for sure.

    The app writes drafts in the company, reads them and deletes them. It posts nothing, and refuses
    where it books live payments.

    Exit codes: 0 every rule has an answer; 1 one has none, or something was left behind; 2 nothing
    was done.
    """
    if not yes and not typer.confirm(
        f"Write drafts in the company {company} of the app at {url}, and delete them?", err=True
    ):
        typer.echo("nothing was done", err=True)
        raise typer.Exit(FAILED)
    body = {"company": company, "classification": classification, "who": who}
    report = ask(url, "probe", body=body)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        for line in _lines(report):
            typer.echo(line)
    unknown = [each for each in report["answers"] if each["answer"] == "unknown"]
    if unknown or report["left_behind"]:
        raise typer.Exit(NOT_KNOWN)


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    for each in report["answers"]:
        yield f"{MARKS[each['answer']]} {each['rule']}: {each['text']}"
    for kind, title in KINDS:
        lines = [line for each in report["answers"] for line in each[kind]]
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)
    yield ""
    left = report["left_behind"]
    if not left:
        yield f"All drafts in {report['company']} were deleted."
        return
    yield f"LEFT BEHIND in {report['company']}: delete these drafts in Dynamics."
    for each in left:
        yield f"  {each['entity_set']} ({each['where']}): {each['why']}"
