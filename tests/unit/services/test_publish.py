import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from local.tables import MemoryTables
from shared.domain.records import digest
from shared.errors import MappingUnusable, StorageUnavailable, Unavailable
from shared.mapping.loader import DOCUMENT_BYTES_MAX, load
from shared.mapping.schema import parse
from shared.packaged import packaged_product
from shared.ports import Json, Lookup, Operation, Put, Row
from shared.services.publishing.mapping_names import CODES, PublishRefused
from shared.services.publishing.publish import DOCUMENTS_MAX, PREVIEW_OBJECTS_MAX
from shared.stores.audit_log import WHO_CHARS_MAX
from shared.stores.mapping_store import ACTIVE, DOCUMENT, POINTER, PRODUCT_ALONE, SET, TABLE, Change
from shared.stores.packing import pack
from tests.unit.entities.objects import BOOKS
from tests.unit.services.fakes import FakeDynamics
from tests.unit.services.publishing import (
    BRANDS,
    USES,
    Shelf,
    product_with,
    refusal,
    stamped,
)


def test_the_set_without_documents_has_the_hash_of_nothing() -> None:
    assert digest({}) == PRODUCT_ALONE


async def test_a_submitted_set_is_known_by_its_documents_whatever_their_order() -> None:
    shelf = Shelf()
    one = await shelf.submit(BRANDS, stamped("A"))
    other = await shelf.submit(stamped("A"), f"# a comment\n{BRANDS}", who="Bob")
    assert one.set == other.set == digest(one.documents)
    assert list(one.documents) == ["table brands", "mapping ours"]
    assert one.documents["table brands"] == load("b", BRANDS).sha256
    assert (one.by, other.by) == ("Ada", "Ada")  # the first who submitted it
    assert one.version == shelf.product.compile([load("a", stamped("A")), load("b", BRANDS)]).sha256


async def test_a_set_is_read_back_as_it_was_submitted() -> None:
    shelf = Shelf()
    candidate = await shelf.submit(BRANDS, stamped("A"))
    shown = await shelf.published.show(candidate.set)
    assert (shown.set, shown.by, shown.at) == (candidate.set, "Ada", shelf.clock.now())
    assert [each.title for each in shown.documents] == ["mapping ours", "table brands"]
    assert shown.documents[1].tree == load("b", BRANDS).tree
    again = await shelf.publisher.submit(
        [(each.title, each.tree) for each in shown.documents], "Bob"
    )
    assert again == candidate


async def test_no_documents_are_the_product_alone() -> None:
    shelf = Shelf()
    candidate = await shelf.submit()
    assert candidate.set == PRODUCT_ALONE
    assert candidate.version == shelf.product.alone.sha256
    assert (await shelf.published.show("product")).documents == ()


async def test_every_problem_of_every_document_is_told_at_once_and_nothing_is_stored() -> None:
    shelf = Shelf()
    refused = await refusal(shelf.submit("a: NO", "kind: &x table", BRANDS))
    assert refused.code == "invalid"
    assert [problem.document for problem in refused.problems] == ["file0", "file1"]
    bad = stamped("A").replace("Document", "DebitAmount").replace("fields", "checks: []\nfields")
    more = "kind: mapping\nname: two\nextends: nothing\n"
    refused = await refusal(shelf.submit(bad, more))
    assert "2 problems" in str(refused) or "1 problem" in str(refused)
    assert refused.problems
    assert await shelf.tables.query(TABLE) == []


ROUTED = "kind: policy\nname: ours\nroutes: [{company: %s}]\n"


async def test_a_policy_that_names_a_company_of_nobody_is_refused() -> None:
    shelf = Shelf(product=replace(packaged_product(), books=BOOKS))
    refused = await refusal(shelf.submit(ROUTED % "gone"))
    (problem,) = refused.problems
    assert (refused.code, problem.document) == ("invalid", "policy")
    assert "the books have no company 'gone'" in problem.reason
    assert await shelf.tables.query(TABLE) == []
    await shelf.publish(ROUTED % "demf")
    assert (await shelf.mappings.active()).policy.routes[0].company == "demf"


async def test_a_preview_has_to_come_first() -> None:
    shelf = Shelf()
    candidate = await shelf.submit(stamped("A"))
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "not_previewed"
    await shelf.publisher.preview(candidate.set, "Ada")
    change = await shelf.publisher.publish(candidate.set, " Ada ", "because")
    assert (change.number, change.action, change.who) == (1, "publish", "Ada")
    assert (change.set, change.previous) == (candidate.set, PRODUCT_ALONE)
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "again"))
    assert refused.code == "already_active"


async def test_a_preview_against_what_is_not_active_any_more_is_stale() -> None:
    shelf = Shelf()
    candidate = await shelf.submit(stamped("A"))
    await shelf.publisher.preview(candidate.set, "Ada")
    await shelf.publish(stamped("B"), who="Bob")
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "stale"
    assert "preview again" in str(refused)
    await shelf.publisher.preview(candidate.set, "Ada")
    assert (await shelf.publisher.publish(candidate.set, "Ada", "because")).number == 2


async def test_a_preview_under_another_product_is_stale() -> None:
    old = Shelf()
    candidate = await old.submit(stamped("A"))
    await old.publisher.preview(candidate.set, "Ada")
    new = Shelf(old.tables, old.clock, product_with("[trim, {max: 60}]", "[trim, {max: 50}]"))
    refused = await refusal(new.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "stale"


async def test_a_set_that_the_product_does_not_take_any_more_is_refused() -> None:
    old = Shelf()
    candidate = await old.submit(USES)
    await old.publisher.preview(candidate.set, "Ada")
    new = Shelf(old.tables, old.clock, product_with("line_text", "line_words"))
    for work in (
        new.publisher.preview(candidate.set, "Ada"),
        new.publisher.publish(candidate.set, "Ada", "because"),
    ):
        refused = await refusal(work)
        assert refused.code == "invalid"
        assert "no rule 'line_text'" in str(refused.problems[0])


async def test_a_broken_active_set_is_mended_by_publishing_or_by_rolling_back() -> None:
    old = Shelf()
    await old.publish(stamped("A"))
    await old.publish(USES)
    new = Shelf(old.tables, old.clock, product_with("line_text", "line_words"))
    overview = await new.published.overview()
    assert overview.version == ""
    assert "no rule 'line_text'" in overview.problem
    change = await new.publish(stamped("B"))
    assert (await new.store.preview(change.set)).against_version == ""  # type: ignore[union-attr]
    assert (await new.published.overview()).problem == ""
    refused = await refusal(new.publisher.rollback("Ada", "back to what is broken"))
    assert refused.code == "invalid"
    change = await new.publisher.rollback("Ada", "further back", stamp_set("A"))
    assert change.set == stamp_set("A")


def stamp_set(text: str) -> str:
    """The hash of the set of one stamping mapping."""
    return digest({"mapping ours": load("a", stamped(text)).sha256})


async def test_of_two_who_publish_at_once_one_wins_and_the_other_is_told() -> None:
    one, other = (Shelf(tables) for tables in [MemoryTables()] * 2)
    sets = [(await one.submit(stamped(text))).set for text in ("A", "B")]
    for found in sets:
        await one.publisher.preview(found, "Ada")
    results = await asyncio.gather(
        one.publisher.publish(sets[0], "Ada", "first"),
        other.publisher.publish(sets[1], "Bob", "second"),
        return_exceptions=True,
    )
    lost = [each for each in results if isinstance(each, PublishRefused)]
    won = [each for each in results if isinstance(each, Change)]
    assert (len(lost), len(won)) == (1, 1)
    assert lost[0].code == "lost_race"
    assert await one.published.history(10) == won
    assert (await one.store.pointer()).set == won[0].set


async def test_the_history_is_numbered_without_gaps_newest_first() -> None:
    shelf = Shelf()
    for text in "ABC":
        await shelf.publish(stamped(text), why=f"for {text}")
        shelf.clock.advance(60)
    await shelf.publisher.rollback("Bob", "it was wrong")
    history = await shelf.published.history(10)
    assert [(each.number, each.action, each.who, each.why) for each in history] == [
        (4, "rollback", "Bob", "it was wrong"),
        (3, "publish", "Ada", "for C"),
        (2, "publish", "Ada", "for B"),
        (1, "publish", "Ada", "for A"),
    ]
    assert [each.set for each in history] == [stamp_set(text) for text in "BCBA"]
    assert [each.previous for each in history] == [
        *(stamp_set(text) for text in "CBA"),
        PRODUCT_ALONE,
    ]
    assert history[0].at > history[1].at
    assert await shelf.published.history(2) == history[:2]
    for limit in (0, -1, 1_001):
        assert (await refusal(shelf.published.history(limit))).code == "malformed"


async def test_rolling_back_goes_step_by_step_and_never_forth() -> None:
    shelf = Shelf()
    for text in "ABA":
        await shelf.publish(stamped(text))
    seen = []
    for _ in range(3):
        seen.append((await shelf.publisher.rollback("Ada", "undo")).set)
    assert seen == [stamp_set("B"), stamp_set("A"), PRODUCT_ALONE]
    refused = await refusal(shelf.publisher.rollback("Ada", "undo"))
    assert refused.code == "nothing_before"
    await shelf.publish(stamped("C"))
    assert (await shelf.publisher.rollback("Ada", "undo")).set == PRODUCT_ALONE


async def test_rolling_back_to_a_set_takes_one_that_was_published() -> None:
    shelf = Shelf()
    candidate = await shelf.submit(stamped("X"))
    for text in "ABC":
        await shelf.publish(stamped(text))
    for name in (candidate.set, stamp_set("C")):
        refused = await refusal(shelf.publisher.rollback("Ada", "undo", name))
        assert refused.code == ("never_published" if name == candidate.set else "already_active")
    change = await shelf.publisher.rollback("Ada", "undo", stamp_set("A")[:12])
    assert (change.set, change.publication) == (stamp_set("A"), 1)
    assert (await shelf.publisher.rollback("Ada", "undo")).set == PRODUCT_ALONE
    assert (await shelf.publisher.rollback("Ada", "forth", stamp_set("C"))).set == stamp_set("C")
    assert (await shelf.publisher.rollback("Ada", "away", "product")).set == PRODUCT_ALONE


async def test_with_two_persons_nobody_publishes_a_set_of_their_own() -> None:
    shelf = Shelf(changes={"publish_two_persons": True})
    candidate = await shelf.submit(stamped("A"), who="Ada")
    await shelf.publisher.preview(candidate.set, "Ada")
    for who in ("Ada", " ada "):
        refused = await refusal(shelf.publisher.publish(candidate.set, who, "because"))
        assert refused.code == "same_person"
    assert (await shelf.publisher.publish(candidate.set, "Bob", "because")).who == "Bob"
    assert (await shelf.publisher.rollback("Ada", "an emergency needs one person")).number == 2


async def test_a_set_is_named_by_its_hash_its_version_or_the_beginning_of_either() -> None:
    shelf = Shelf()
    change = await shelf.publish(stamped("A"))
    version = (await shelf.mappings.active()).sha256
    for name in (change.set, change.set[:8], version, version[:10], "active"):
        assert (await shelf.published.show(name)).set == change.set
    for name in ("product", PRODUCT_ALONE):
        assert (await shelf.published.show(name)).set == PRODUCT_ALONE
    assert (await refusal(shelf.published.show("f" * 64))).code == "unknown"
    for name in ("", change.set[:7], "A" * 64, "f" * 65, "../../etc", "é" * 10, "0" * 63 + "\n"):
        assert (await refusal(shelf.published.show(name))).code == "malformed"


async def test_the_beginning_of_several_hashes_is_refused() -> None:
    shelf = Shelf()
    for end in "ab":
        await shelf.tables.transact(
            TABLE, SET, [Put("0" * 63 + end, {**pack({}), "by": "", "at": shelf.clock.now()})]
        )
    refused = await refusal(shelf.published.show("0" * 20))
    assert refused.code == "malformed"
    assert "several" in str(refused)


@pytest.mark.parametrize("text", ["", "  ", "x" * (WHO_CHARS_MAX + 1), "a\nb", "a\x00b"])
async def test_who_and_why_have_to_be_said(text: str) -> None:
    shelf = Shelf()
    found = (await shelf.submit(stamped("A"))).set
    for work in (
        shelf.submit(stamped("A"), who=text),
        shelf.publisher.preview(found, text),
        shelf.publisher.publish(found, text, "because"),
        shelf.publisher.rollback(text, "because"),
    ):
        assert (await refusal(work)).code == "malformed"
    if len(text) <= WHO_CHARS_MAX:
        assert (await refusal(shelf.publisher.publish(found, "Ada", text))).code == "malformed"
        assert (await refusal(shelf.publisher.rollback("Ada", text))).code == "malformed"


async def test_the_overview_lists_what_was_submitted_last_with_its_preview() -> None:
    shelf = Shelf()
    assert (await shelf.published.overview()).change is None
    change = await shelf.publish(stamped("A"))
    shelf.clock.advance(60)
    candidate = await shelf.submit(stamped("B"), who="Bob")
    overview = await shelf.published.overview()
    assert (overview.set, overview.change) == (change.set, change)
    assert overview.version == (await shelf.mappings.active()).sha256
    assert overview.product == shelf.product.alone.sha256
    assert [(each.set, each.by) for each in overview.sets] == [
        (candidate.set, "Bob"),
        (change.set, "Ada"),
    ]
    assert overview.sets[0].preview is None
    assert overview.sets[1].preview is not None
    assert overview.sets[1].preview.counts["objects"] == 0


async def test_two_sets_are_compared_document_by_document() -> None:
    shelf = Shelf()
    one = await shelf.submit(stamped("A"), BRANDS)
    two = await shelf.submit(stamped("B"), BRANDS)
    three = await shelf.submit(stamped("B"))
    (found,) = await shelf.published.diff(one.set, two.set)
    assert (found.title, found.kind) == ("mapping ours", "changed")
    assert [(each.place, each.before, each.after) for each in found.differences] == [
        ("fields.Document.value", "A", "B")
    ]
    (found,) = await shelf.published.diff(two.set, three.set)
    assert (found.title, found.kind) == ("table brands", "removed")
    assert ("rows.visa", "CC-VISA", None) in [
        (each.place, each.before, each.after) for each in found.differences
    ]
    assert [each.kind for each in await shelf.published.diff("product", one.set)] == ["added"] * 2
    assert await shelf.published.diff(one.set, one.set[:9]) == []


async def test_what_is_not_stored_as_its_hash_says_is_not_used() -> None:
    shelf = Shelf()
    candidate = await shelf.submit(BRANDS)
    (sha256,) = candidate.documents.values()
    for tree in ({"kind": "table", "name": "brands", "rows": {}}, ["x"]):
        await shelf.tables.transact(TABLE, DOCUMENT, [Put(sha256, pack(tree))])
        with pytest.raises(MappingUnusable, match="not stored as its hash"):
            await shelf.published.show(candidate.set)
        with pytest.raises(MappingUnusable):
            await shelf.publisher.preview(candidate.set, "Ada")


async def test_too_many_documents_or_too_large_ones_are_refused() -> None:
    shelf = Shelf()
    refused = await refusal(shelf.submit(*[BRANDS] * (DOCUMENTS_MAX + 1)))
    assert refused.code == "malformed"
    refused = await refusal(shelf.submit("a" * (10 * 1024 * 1024)))
    assert f"larger than {DOCUMENT_BYTES_MAX} bytes" in str(refused.problems[0])
    candidate = await shelf.submit(stamped("A"))
    for limit in (0, PREVIEW_OBJECTS_MAX + 1):
        work = shelf.publisher.preview(candidate.set, "Ada", limit)
        assert (await refusal(work)).code == "malformed"


class LostAnswer(MemoryTables):
    """Storage that moves the pointer and then does not answer."""

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        etags = await super().transact(table, partition, operations)
        if partition == ACTIVE:
            raise StorageUnavailable("after the write was done")
        return etags


async def test_a_publication_whose_answer_was_lost_is_seen_when_it_is_tried_again() -> None:
    shelf = Shelf(LostAnswer())
    candidate = await shelf.submit(stamped("A"))
    await shelf.publisher.preview(candidate.set, "Ada")
    with pytest.raises(StorageUnavailable):
        await shelf.publisher.publish(candidate.set, "Ada", "because")
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "already_active"
    assert len(await shelf.published.history(10)) == 1


async def test_the_pointer_never_moves_without_its_log() -> None:
    shelf = Shelf()
    await shelf.publish(stamped("A"))
    await shelf.tables.transact(TABLE, ACTIVE, [Put(f"log~{10**9 - 2:010}", {"who": "Eve"})])
    candidate = await shelf.submit(stamped("B"))
    await shelf.publisher.preview(candidate.set, "Ada")
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "lost_race"
    row: Row | None = await shelf.tables.get(TABLE, ACTIVE, POINTER)
    assert row is not None
    assert row.cells["set"] == stamp_set("A")


def test_every_code_of_a_refusal_is_said_once() -> None:
    assert len(dict.fromkeys(CODES)) == len(CODES)


async def test_every_published_document_is_one_that_parses() -> None:
    shelf = Shelf()
    candidate = await shelf.submit(stamped("A"), BRANDS)
    found = await shelf.store.set(candidate.set)
    assert found is not None
    assert [parse(each).kind for each in await shelf.store.documents(found)] == [
        "mapping",
        "table",
    ]


CUSTOM = (
    "kind: mapping\nname: ours\nextends: customer\n"
    "custom: {Segment_Custom: {type: String, size: 20}, Region_Custom: {type: String, size: 20}}\n"
    "fields: {Segment_Custom: {value: A}, Region_Custom: {value: B}}\n"
)


async def test_publishing_asks_once_for_the_fields_of_each_entity_set() -> None:
    shelf = Shelf()
    await shelf.publish(CUSTOM, stamped("A").replace("ours", "theirs"), BRANDS)
    asked = {lookup.entity_set: lookup for lookup in shelf.dynamics.lookups}
    assert len(shelf.dynamics.lookups) == len(asked) == 2
    assert {"Segment_Custom", "Region_Custom"} < set(asked["CustomersV3"].select)
    assert "Document" in asked["LedgerJournalLines"].select
    assert {lookup.limit for lookup in asked.values()} == {1}


async def test_tables_and_policies_alone_ask_for_nothing() -> None:
    shelf = Shelf()
    await shelf.publish(BRANDS, ROUTED % "demf")
    assert shelf.dynamics.lookups == []


async def test_a_field_that_dynamics_lacks_is_not_published_and_named() -> None:
    shelf = Shelf(dynamics=FakeDynamics(lacks=["CustomersV3.Segment_Custom"]))
    candidate = await shelf.submit(CUSTOM)
    await shelf.publisher.preview(candidate.set, "Ada")
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "invalid"
    (problem,) = refused.problems
    assert (problem.document, problem.field) == ("ours", "fields.Segment_Custom")
    assert problem.reason.startswith(
        "CustomersV3 in Dynamics has no field Segment_Custom: create it there and enable it for "
        "CustomersV3, or correct the name or take it out here"
    )
    assert (await shelf.store.pointer()).number == 0
    shelf.dynamics.lacks = ()  # somebody created it
    assert (await shelf.publisher.publish(candidate.set, "Ada", "because")).number == 1


async def test_every_field_that_is_missing_is_named_with_the_document_that_sends_it() -> None:
    lacks = [
        "CustomersV3.Segment_Custom",
        "CustomersV3.Region_Custom",
        "CustomersV3.OrganizationName",
    ]
    shelf = Shelf(dynamics=FakeDynamics(lacks=lacks))
    refused = await refusal(shelf.publish(CUSTOM))
    found = sorted((problem.document, problem.field) for problem in refused.problems)
    assert found == [
        ("customer", "fields.OrganizationName"),
        ("ours", "fields.Region_Custom"),
        ("ours", "fields.Segment_Custom"),
    ]


async def test_an_entity_set_that_dynamics_does_not_show_is_one_problem() -> None:
    shelf = Shelf(dynamics=FakeDynamics(lacks=["CustomersV3"]))
    (problem,) = (await refusal(shelf.publish(CUSTOM))).problems
    assert problem.reason.startswith("Dynamics does not show the entity set CustomersV3")


class Silent(FakeDynamics):
    """Nobody answers."""

    async def find(self, lookup: Lookup) -> list[Json]:
        raise Unavailable("dynamics", "no answer")


async def test_nothing_is_published_while_dynamics_cannot_be_asked_but_rolling_back_works() -> None:
    shelf = Shelf()
    await shelf.publish(stamped("A"))
    shelf.publisher._dynamics = Silent()
    with pytest.raises(Unavailable):
        await shelf.publish(stamped("B"))
    assert (await shelf.store.pointer()).number == 1
    assert (await shelf.publisher.rollback("Ada", "because")).number == 2


async def warnings(shelf: Shelf, *documents: str) -> tuple[str, ...]:
    candidate = await shelf.submit(*documents)
    return (await shelf.publisher.preview(candidate.set, "Ada")).warnings


async def test_a_table_that_takes_the_place_of_the_products_says_what_is_lost() -> None:
    shelf = Shelf()
    rows = shelf.product.alone.tables["payment_methods"]
    one = "kind: table\nname: payment_methods\nrows: {card: CARD}\n"
    (text,) = await warnings(shelf, one)
    lost = len(rows) - ("card" in rows)
    assert text.startswith(
        f"table payment_methods: replaces {len(rows)} rows by 1; {lost} keys are gone that the "
        "product has: "
    )
    whole = {**rows, "mine": "MINE"}
    text = "".join(f"  {key}: {value}\n" for key, value in whole.items())
    assert await warnings(shelf, f"kind: table\nname: payment_methods\nrows:\n{text}") == ()
    assert await warnings(shelf, BRANDS) == ()


async def test_a_table_that_takes_the_place_of_the_active_one_says_what_is_lost() -> None:
    shelf = Shelf()
    await shelf.publish(BRANDS)
    less = BRANDS.replace("visa: CC-VISA, ", "")
    assert await warnings(shelf, less) == (
        "table brands: replaces 2 rows by 1; 1 key is gone that the active set has: visa",
    )
    assert await warnings(shelf, BRANDS) == ()


DIMENSIONS = (
    "kind: mapping\nname: ours\nextends: customer_payment_line\nfields:\n"
    "  DefaultDimensionsForAccountDisplayValue: {dimensions: [%s]}"
)
ON_ACCOUNTS = (
    "kind: mapping\nname: fees\nextends: general_line\nfields:\n"
    "  AccountDisplayValue: {dimensions: [%s]}"
)


def formats(default: str = "", ledger: str = "") -> FakeDynamics:
    """Dynamics with these active formats, and one that is not."""
    kinds = {
        "DataEntityDefaultDimensionFormat": default,
        "DataEntityLedgerDimensionFormat": ledger,
    }
    rows = [
        {"dataAreaId": "", "DimensionFormatType": kind, "FinancialDimensionFormat": text}
        for kind, text in kinds.items()
    ]
    return FakeDynamics(
        rows={
            "DimensionIntegrationFormats": [
                *({**row, "IsActive": "Yes"} for row in rows if row["FinancialDimensionFormat"]),
                {**rows[0], "FinancialDimensionFormat": "Old", "IsActive": "No"},
            ]
        }
    )


def named(*names: str) -> str:
    return ", ".join(f"{{{name}: {{value: x}}}}" for name in names)


@pytest.mark.parametrize("names", [("Unit", "Cost"), ("Unit",), ("unit", "COST", "Site")])
async def test_dimensions_of_the_active_format_are_published(names: tuple[str, ...]) -> None:
    dynamics = formats("Unit-Cost-Site", "MainAccount-Unit-Cost-Site")
    shelf = Shelf(dynamics=dynamics)
    change = await shelf.publish(DIMENSIONS % named(*names), ON_ACCOUNTS % named(*names))
    assert change.number == 1


@pytest.mark.parametrize(
    ("document", "dynamics", "text"),
    [
        (
            DIMENSIONS % named("Cost", "Unit"),
            formats("Unit-Cost-Site"),
            "the dimensions are Cost, Unit, but the active format of default dimensions in "
            "Dynamics has Unit, Cost, Site: name its dimensions in this order",
        ),
        (
            DIMENSIONS % named("Unit", "Cost"),
            formats("Unit"),
            "the dimensions are Unit, Cost, but the active format of default dimensions in "
            "Dynamics has Unit:",
        ),
        (
            DIMENSIONS % named("Unit"),
            formats(ledger="MainAccount-Unit"),
            "Dynamics has no active format of default dimensions; activate one",
        ),
        (
            ON_ACCOUNTS % named("Unit"),
            formats(ledger="Unit-MainAccount"),
            "the active format of ledger accounts has Unit, MainAccount; Tieout needs MainAccount",
        ),
        (
            ON_ACCOUNTS % named("MainAccount", "Unit"),
            formats(ledger="MainAccount-Unit"),
            "the dimensions are MainAccount, Unit, but the active format of ledger accounts",
        ),
    ],
)
async def test_dimensions_that_dynamics_reads_otherwise_are_refused_with_their_names(
    document: str, dynamics: FakeDynamics, text: str
) -> None:
    refused = await refusal(Shelf(dynamics=dynamics).publish(document))
    assert refused.code == "invalid"
    (problem,) = refused.problems
    assert problem.reason.startswith(text)
    assert problem.field.endswith("DisplayValue")


async def test_formats_that_dynamics_does_not_show_are_named() -> None:
    dynamics = FakeDynamics(lacks=["DimensionIntegrationFormats"])
    refused = await refusal(Shelf(dynamics=dynamics).publish(DIMENSIONS % named("Unit")))
    assert "does not show its financial dimension formats" in refused.problems[0].reason
