"""Whatever is submitted: a stored set that compiles again, or named problems and nothing stored."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.loader import DEPTH_MAX, DOCUMENT_BYTES_MAX, NODES_MAX, Tree
from shared.services.publishing.mapping_names import PublishRefused
from shared.services.publishing.publish import SET_BYTES_MAX, Candidate
from shared.stores.mapping_store import TABLE
from tests.unit.mapping.test_loader import ATOMS, TREES, flow
from tests.unit.services.publishing import BRANDS, USES, Shelf, refusal, stamped

HEAD = "kind: mapping\nname: ours\nextends: general_line\n"
GOOD = st.sampled_from([BRANDS, USES, stamped("A"), HEAD])
RULES = st.builds(lambda tree: f"{HEAD}fields: {{Text: {flow(tree)}}}\n", TREES)
RAW = st.text(max_size=100) | st.lists(ATOMS, max_size=20).map("".join)
HOSTILE = st.sampled_from(
    [
        *("a: &x [1]\nb: *x", "a: NO", "a: \x00", "\ud800", "[" * 5_000, "{a: " * 5_000),
        *("kind: template\nname: customer\n", "kind: policy\n", f"{HEAD}unknown: x\n"),
        *(f"kind: table\nname: brands\nrows: {{visa: '{'9' * 2_000}'}}\n", "%YAML 1.1\n---\na: b"),
        *("a" * (DOCUMENT_BYTES_MAX + 1), "a: [" + "b," * NODES_MAX + "]"),
        f"{HEAD}fields: {{Text: {{from: source, do: [{'upper, ' * 17}]}}}}\n",
        f"{HEAD}fields: {{Text: {{value: x, do: [{{max: '{'9' * 500}'}}]}}}}\n",
        f"{HEAD}fields: {{Quantity: {{value: '{'9' * 20}', do: [negate]}}}}\n",
    ]
)
LEAVES: st.SearchStrategy[Any] = st.sampled_from([None, 5, True, "NO", "x" * 3_000, "", "\ud800"])
TREE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
SOURCE = GOOD | RULES | RAW | HOSTILE | st.dictionaries(st.text(max_size=5), TREE, max_size=3)


async def outcome(work: Awaitable[Candidate]) -> Candidate | PublishRefused:
    try:
        return await work
    except PublishRefused as refused:
        return refused


@given(st.lists(SOURCE, max_size=4))
@settings(max_examples=40)
def test_any_documents_are_stored_whole_or_refused_by_name(sources: list[Any]) -> None:
    async def story() -> None:
        shelf = Shelf()
        named = [(f"file{index}", source) for index, source in enumerate(sources)]
        candidate = await outcome(shelf.publisher.submit(named, "Eve"))
        if isinstance(candidate, PublishRefused):
            problems = candidate.problems
            assert (candidate.code, bool(problems)) == ("invalid", True)
            assert all(problem.document and problem.reason for problem in problems)
            assert await shelf.tables.query(TABLE) == []
            return
        stored = await shelf.store.set(candidate.set)
        assert stored is not None
        again = shelf.product.compile(await shelf.store.documents(stored))
        assert again.sha256 == candidate.version

    asyncio.run(story())


async def test_ten_megabytes_are_refused_in_any_form() -> None:
    shelf = Shelf()
    wide: dict[str, Tree] = {f"k{n}": "x" * 1_000 for n in range(3_000)}
    deep: dict[str, Tree] = {"a": "x"}
    for _ in range(DEPTH_MAX * 100):
        deep = {"a": deep}
    refused = await refusal(
        shelf.publisher.submit(
            [("text", "a: b\n" * 2_000_000), ("wide", wide), ("deep", deep)], "Eve"
        )
    )
    assert [problem.document for problem in refused.problems] == ["text", "wide", "deep"]


async def test_a_set_of_many_large_documents_is_refused_before_all_are_read() -> None:
    shelf = Shelf()
    row = "x" * 1_900
    tree: dict[str, Tree] = {
        "kind": "table",
        "name": "t",
        "rows": {f"k{n}": row for n in range(60)},
    }
    documents = [(f"tree{n}", {**tree, "name": f"t{n}"}) for n in range(50)]
    refused = await refusal(shelf.publisher.submit(documents, "Eve"))
    (problem,) = refused.problems
    assert problem.document == "tree9"
    assert f"more than {SET_BYTES_MAX} bytes" in problem.reason
