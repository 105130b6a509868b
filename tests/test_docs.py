"""What the documentation lists is what the source has: event types, reasons, commands."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from shared.outcomes import TABLE, Kind
from shared.registry import ENTITIES
from shared.targets.finance import FINANCE
from tests.reasons import Sources
from tests.test_tidy import PRODUCT, ROOT, files, tree_of

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([A-Za-z0-9_]+)`")
PROOF_SENTENCE = "`/api/proof` may answer 503"
DELAY_SENTENCE = "**Retries.**"


def section(text: str, title: str) -> str:
    """A chapter with all below it."""
    level = title.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"(?ms)^{re.escape(title)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)",
        text,
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, title
    return found[1]


def first_column(text: str) -> list[str]:
    """The words of the first column of each table."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [word for cell in rows for word in CODE.findall(cell)]


def paragraph(text: str, beginning: str) -> str:
    (found,) = [each for each in text.split("\n\n") if each.startswith(beginning)]
    return found


@pytest.fixture(scope="module")
def sources() -> Sources:
    return Sources.of(PRODUCT)


def test_the_readme_lists_the_event_types_of_the_registry_and_no_others() -> None:
    blocks = re.findall(r"```text\n(customer\.created.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    listed = blocks[0].split()
    known = [type for entity in ENTITIES for type in entity.event_types]
    assert sorted(listed) == sorted(known)


def test_every_reason_of_parking_has_one_row_in_the_operations_guide(sources: Sources) -> None:
    text = section(OPERATIONS, "## Parked")
    people = section(OPERATIONS, "### A person must decide")
    after_attempts = first_column(section(OPERATIONS, "### Given up after all attempts"))
    listed = [*first_column(people), *after_attempts]
    proof = CODE.findall(paragraph(text, PROOF_SENTENCE))
    given_up = {row.cause for row in TABLE if row.kind is Kind.RETRY} | sources.outcomes("RETRY")
    refused = [row.cause for row in TABLE if row.kind is Kind.PARK]
    made = sources.reasons("Parked") | sources.outcomes("PARK") | {*given_up, *refused}
    assert sources.unresolved == []
    assert sorted([*listed, *proof]) == sorted(made)
    assert sorted(after_attempts) == sorted(given_up)


def test_what_only_delays_is_named_in_the_operations_guide(sources: Sources) -> None:
    text = section(OPERATIONS, "## Outcomes")
    named = CODE.findall(paragraph(text, DELAY_SENTENCE))
    delays = {row.cause for row in TABLE if row.kind is Kind.RETRY and not row.counts}
    assert [
        cause for cause in sorted(delays | sources.outcomes("RETRY")) if cause not in named
    ] == []


def test_every_reason_of_waiting_has_one_row_in_the_operations_guide(sources: Sources) -> None:
    listed = first_column(section(OPERATIONS, "## Waiting"))
    made = sources.reasons("Waiting") | sources.outcomes("WAITING")
    assert sources.unresolved == []
    assert sorted(listed) == sorted(made)


def test_every_reason_of_skipping_has_one_row_in_the_operations_guide(sources: Sources) -> None:
    listed = first_column(section(OPERATIONS, "## Skipped"))
    made = sources.reasons("Skipped") | sources.outcomes("SKIP") | webhook_reasons(sources)
    assert sources.unresolved == []
    assert sorted(listed) == sorted(made)


def webhook_reasons(sources: Sources) -> set[str]:
    """The words of `classify`: why a delivery does not become an item."""
    (classify,) = [each.node for each in sources.functions if each.node.name == "classify"]
    returned = [node.value for node in ast.walk(classify) if isinstance(node, ast.Return)]
    words = [each.elts[0] for each in returned if isinstance(each, ast.Tuple)]
    assert len(words) == len(returned)
    found = [str(each.value) for each in words if isinstance(each, ast.Constant) and each.value]
    assert len(found) == len(returned) - 1
    return set(found)


COMMAND = typer.main.get_command(app)
PLACEHOLDERS = {"{id}": "cus_1", "{company}": "usmf", "{name}": "5c0d9f21", "{url}": "https://x"}
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SPOKEN = re.compile(r"tieout [a-z][^.,;()`\n]*")


def parse(line: str, *, whole: bool) -> str:
    """Why a command line cannot be run; `whole`: what it needs must be there, too."""
    words = shlex.split(line, comments=True)[1:]
    words = [word for word in words if word not in ("--help", "--version")]
    node: Any = COMMAND
    name = "tieout"
    while words and getattr(node, "commands", None):
        name = words.pop(0)
        if name.startswith("--"):
            break
        if name not in node.commands:
            return f"there is no command {name}"
        node = node.commands[name]
    options = [option for each in node.params for option in (*each.opts, *each.secondary_opts)]
    unknown = [word for word in words if word.startswith("--") and word not in options]
    if unknown:
        return f"{name} has no option {unknown}"
    if whole:
        try:
            node.make_context(name, words)
        except Exception as error:
            return f"{line}: {error.__class__.__name__} {error}"
    return ""


def shell_lines(text: str) -> list[str]:
    """The lines of shell blocks that run `tieout`."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            plain = line.strip().removeprefix(".venv/bin/")
            if plain.startswith("tieout "):
                found.append(plain)
    return found


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_command_in_the_guides_can_be_run_as_it_stands(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    wrong = [why for line in shell_lines(text) if (why := parse(line, whole=True))]
    spoken = re.findall(r"`(tieout [^`]+)`", text)
    wrong += [why for line in spoken if (why := parse(line, whole=False))]
    assert wrong == []


def test_the_guides_show_commands() -> None:
    lines = [line for guide in GUIDES for line in shell_lines(guide.read_text(encoding="utf-8"))]
    assert len(lines) > 15
    assert parse("tieout nothing", whole=False) == "there is no command nothing"
    assert parse("tieout proof --nothing", whole=False)
    assert "MissingParameter" in parse("tieout customers accept cus_1 --company usmf", whole=True)


def spoken_in_source() -> list[str]:
    """The commands that messages of the product and of the commands name."""
    found = []
    for path in files("shared", "functions", "cli", "local/serve.py"):
        tree = tree_of(path)
        documentation = {ast.get_docstring(node, clean=False) for node in docstrings(tree)}
        for node in ast.walk(tree):
            text = ""
            if isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "WORD"
                    for part in node.values
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value if node.value not in documentation else ""
            for name, value in PLACEHOLDERS.items():
                text = text.replace(name, value)
            found += SPOKEN.findall(text)
    return found


def docstrings(tree: ast.Module) -> list[Any]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_every_remedy_that_names_a_command_can_be_pasted() -> None:
    spoken = spoken_in_source()
    remedies = [line for line in spoken if " --" in line and "--help" not in line]
    assert any("customers accept" in line for line in remedies)
    assert [why for line in remedies if (why := parse(line.strip(), whole=True))] == []


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONSTANT = re.compile(r"`([A-Z_]+)`")
MODULE = re.compile(r"`([a-z_/]+\.py)`")


def constants_of(path: Path) -> set[str]:
    """The names that a module assigns at its top."""
    assigned: set[str] = set()
    for node in tree_of(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        assigned |= {
            name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
        }
    return assigned


def test_every_limit_of_the_architecture_page_is_defined_where_the_page_says() -> None:
    rows = [
        line.split("|")[1:4]
        for line in section(ARCHITECTURE, "## Limits").splitlines()
        if line.startswith("| `") and MODULE.search(line)
    ]
    assert len(rows) > 30
    wrong = []
    for names, _, modules in rows:
        paths = [ROOT / module for module in MODULE.findall(modules)]
        paths = [
            path if path.exists() else ROOT / "shared" / path.relative_to(ROOT) for path in paths
        ]
        defined: set[str] = set().union(*(constants_of(path) for path in paths))
        wrong += [name for name in CONSTANT.findall(names) if name not in defined]
    assert wrong == []


SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_the_role_in_dynamics_names_every_entity_set_that_is_written_or_looked_into() -> None:
    listed = first_column(section(SECURITY, "### The role in Dynamics"))
    written = {row.name for row in FINANCE} | {row.header for row in FINANCE.journal_lines}
    looked_into = {row.posted_as.entity_set for row in FINANCE if row.posted_as is not None}
    assert sorted((written | looked_into) - set(listed)) == []


def test_every_table_is_in_the_guide_with_what_it_holds_and_how_long() -> None:
    told = section(SECURITY, "## What is stored, and how long")
    named = re.compile(r'(?m)^TABLE(?:, \w+)* = "(\w+)"')
    tables = {
        name
        for path in files("shared/stores", "shared/services", "shared/converge")
        for name in named.findall(path.read_text(encoding="utf-8"))
    }
    assert {"audit", "links", "events"} <= tables
    assert [table for table in sorted(tables) if f"`{table}`" not in told] == []
