"""Books as a document: checked, previewed, published and undone like a mapping."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cli.documents import as_text
from shared.domain.books import Books
from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.errors import MappingUnusable
from shared.mapping.loader import load
from shared.mapping.preview import PostingStatus, StoredDocument, StoredObject
from shared.ports import Put
from shared.services.publishing.publish import Previewed
from shared.stores.active_books import BooksInForce
from shared.stores.audit_log import AuditLog
from shared.stores.mapping_store import DOCUMENT, TABLE
from shared.stores.packing import pack
from tests.unit.entities.objects import BOOKS
from tests.unit.mapping.test_finance import line as general_line
from tests.unit.services.fakes import settings
from tests.unit.services.publishing import Shelf, refusal, stamped

FEES = "companies.usmf.accounts.fees.id"
ROUTED = "kind: policy\nname: ours\nroutes: [{company: %s}]\n"


def text_of(name: str = "main", **places: Any) -> str:
    """The books of the settings as a document, with other values at places (`a__b=...`)."""
    plain = BOOKS.model_dump(mode="json", exclude_none=True)
    for place, value in places.items():
        *parents, last = place.split("__")
        at = plain
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = value
    return as_text({"kind": "books", "name": name, **plain})


def in_force(shelf: Shelf) -> BooksInForce:
    return BooksInForce(settings(**shelf.changes), shelf.mappings)


async def fees(shelf: Shelf) -> str:
    return (await in_force(shelf).of_all()).companies["usmf"].accounts[Role.FEES].id


async def previewed(shelf: Shelf, *documents: str) -> Previewed:
    candidate = await shelf.submit(*documents)
    return await shelf.publisher.preview(candidate.set, "Ada")


NEW = text_of(companies__usmf__accounts__fees__id="6999")


async def test_without_published_books_those_of_the_settings_are_in_force() -> None:
    shelf = Shelf()
    assert await in_force(shelf).of_all() == BOOKS
    assert (await in_force(shelf).described())["source"] == "TIEOUT_BOOKS"
    await shelf.publish(stamped("A"))
    shelf.clock.advance(60)
    assert (await in_force(shelf).described())["source"] == "TIEOUT_BOOKS"


async def test_published_books_win_and_a_rollback_brings_the_first_value_back() -> None:
    shelf = Shelf()
    change = await shelf.publish(NEW)
    shelf.clock.advance(60)
    assert await fees(shelf) == "6999"
    assert await in_force(shelf).described() == {
        "source": "published",
        "document": "books main",
        "set": change.set,
    }
    await shelf.publisher.rollback("Ada", "a mistake")
    shelf.clock.advance(60)
    assert await fees(shelf) == "US-fees"


async def test_books_that_are_active_and_cannot_be_read_leave_the_first_value_for_checks() -> None:
    shelf = Shelf()
    await shelf.publish(NEW)
    sha256 = load("books", NEW).sha256
    await shelf.tables.transact(TABLE, DOCUMENT, [Put(sha256, pack({"kind": "books"}))])
    found = in_force(Shelf(tables=shelf.tables))
    with pytest.raises(MappingUnusable):
        await found.of_all()
    assert await found.known() == BOOKS
    assert (await found.described())["source"] == ""


async def test_a_preview_names_every_value_and_the_drafts_that_would_move() -> None:
    line = general_line(account=AccountRole(Role.FEES))
    objects = [
        StoredObject(f"txn_{status}", (StoredDocument(line, status),)) for status in PostingStatus
    ]
    shelf = Shelf(objects=objects)
    found = await previewed(shelf, NEW)
    assert [(each.place, each.before, each.after) for each in found.books] == [
        (FEES, "US-fees", "6999")
    ]
    assert {name: group.changed for name, group in found.groups.items()} == {
        "future": 1,
        "drafts": 1,
        "posted": 1,
    }
    assert found.groups["drafts"].listed[0].fields[0].after == "6999"
    assert not found.policy_differs
    assert found.warnings == ()


async def test_books_that_say_the_same_as_the_settings_change_nothing() -> None:
    found = await previewed(Shelf(), text_of())
    assert (found.books, found.warnings) == ((), ())


async def test_a_preview_warns_of_a_clearing_account_that_another_one_replaces() -> None:
    found = await previewed(Shelf(), text_of(currencies__usd__clearing__id="STRIPE-2"))
    (warning,) = found.warnings
    assert "clearing of usd moves from usmf CLEARING-USD to usmf STRIPE-2" in warning


async def test_a_preview_says_what_dynamics_lacks_of_new_books() -> None:
    shelf = Shelf()

    async def check(books: Books, listed: Mapping[str, Sequence[str]]) -> list[str]:
        return [f"{books.companies['usmf'].accounts[Role.FEES].id} for {', '.join(listed)}"]

    shelf.publisher = type(shelf.publisher)(
        *(shelf.mappings, settings(), shelf.clock, shelf._recent, shelf.dynamics),
        audit_log=AuditLog(shelf.tables, shelf.clock),
        check_books=check,
    )
    assert (await previewed(shelf, NEW)).warnings == ("6999 for default",)
    assert (await previewed(shelf, text_of())).warnings == ()


async def test_a_policy_may_name_the_companies_of_the_books_beside_it() -> None:
    shelf = Shelf()
    company = BOOKS.model_dump(mode="json", exclude_none=True)["companies"]["usmf"]
    refused = await refusal(shelf.submit(ROUTED % "frrt", NEW))
    assert "the books have no company 'frrt'" in refused.problems[0].reason
    await shelf.submit(ROUTED % "frrt", text_of(companies__frrt=company))


@pytest.mark.parametrize(
    ("changes", "place", "reason"),
    [
        ({"default_company": "none"}, "default_company", "which companies does not have"),
        ({"companies__usmf__accounts__feees": {"type": "Bank", "id": "1"}}, "feees", "'fees'"),
        ({"companies__usmf__surprise": "1"}, "companies.usmf.surprise", "no such key"),
        ({"currencies__usd__bank__type": "Cash"}, "currencies.usd.bank.type", "'Bank'"),
        ({"currencies__usd__clearing__id": "BANK-USD"}, "currencies.usd.clearing", "different"),
        ({"companies__usmf__closed_through": "20261031"}, "closed_through", "a date like"),
    ],
)
async def test_books_that_are_wrong_are_refused_by_place(
    changes: dict[str, Any], place: str, reason: str
) -> None:
    shelf = Shelf()
    refused = await refusal(shelf.submit(text_of(**changes)))
    (problem,) = refused.problems
    assert place in problem.field
    assert "[key]" not in problem.field
    assert reason in problem.reason


async def test_a_set_has_one_document_of_books() -> None:
    refused = await refusal(Shelf().submit(text_of(), text_of("other")))
    assert "main are the books already" in refused.problems[0].reason


async def test_with_two_persons_books_need_the_second_one_too() -> None:
    shelf = Shelf(changes={"publish_two_persons": True})
    candidate = await shelf.submit(NEW)
    await shelf.publisher.preview(candidate.set, "Ada")
    refused = await refusal(shelf.publisher.publish(candidate.set, "Ada", "because"))
    assert refused.code == "same_person"
    await shelf.publisher.publish(candidate.set, "Bob", "because")
