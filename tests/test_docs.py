"""What the documentation lists is what the source has: event types, reasons, commands."""

import ast
import re

import pytest

from shared.registry import ENTITIES
from shared.verdicts import TABLE, Kind
from tests.reasons import Sources
from tests.test_tidy import PRODUCT, ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.compile(r"`([a-z0-9_]+)`")
PROOF_SENTENCE = "`/api/proof` may answer 503"
DELAY_SENTENCE = "Some causes only ever delay"


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
    given_up = [row.cause for row in TABLE if row.kind is Kind.RETRY and row.counts]
    refused = [row.cause for row in TABLE if row.kind is Kind.PARK]
    made = sources.reasons("Parked") | sources.verdicts("PARK") | {*given_up, *refused}
    assert sources.unresolved == []
    assert sorted([*listed, *proof]) == sorted(made)
    assert sorted(after_attempts) == sorted(given_up)


def test_what_only_delays_is_named_in_the_operations_guide(sources: Sources) -> None:
    text = section(OPERATIONS, "## Parked")
    named = CODE.findall(paragraph(text, DELAY_SENTENCE))
    delays = {row.cause for row in TABLE if row.kind is Kind.RETRY and not row.counts}
    assert sorted(named) == sorted(delays | sources.verdicts("RETRY"))


def test_every_reason_of_waiting_has_one_row_in_the_operations_guide(sources: Sources) -> None:
    listed = first_column(section(OPERATIONS, "## Waiting"))
    made = sources.reasons("Waiting") | sources.verdicts("WAITING")
    assert sources.unresolved == []
    assert sorted(listed) == sorted(made)


def test_every_reason_of_skipping_has_one_row_in_the_operations_guide(sources: Sources) -> None:
    listed = first_column(section(OPERATIONS, "## Skipped"))
    made = sources.reasons("Skipped") | sources.verdicts("SKIP") | webhook_reasons(sources)
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
