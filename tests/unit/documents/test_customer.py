from typing import Any

import pytest

from shared.documents.customer import build, role_of
from shared.domain.records import Document
from shared.errors import Skipped
from tests.unit.documents.objects import CONTEXT, Json, customer, intent, link, snapshot


def of(object: Json, **parts: Any) -> tuple[Document, ...]:
    return build(snapshot(object, **parts), CONTEXT).documents


def name_of(changes: Json) -> object:
    (document,) = of(customer(**changes))
    return document.words["name"]


def test_a_customer_is_one_record_of_the_default_company() -> None:
    (document,) = of(customer())
    assert (document.role, document.company, document.key) == ("customer~usmf", "usmf", "cus_1")
    assert document.journal is None
    assert document.facts == {"customer": "cus_1"}
    assert document.words == {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "currency": "usd",
    }


def test_a_customer_is_kept_in_every_company_that_has_or_needs_it() -> None:
    links = {role_of("demf"): link(role_of("demf"), "demf")}
    found = of(customer(), links=links, companies=("usmf", "demf"))
    assert [document.company for document in found] == ["demf", "usmf"]
    assert [document.role for document in found] == ["customer~demf", "customer~usmf"]


def test_a_customer_that_is_written_elsewhere_is_not_added_to_the_default_company() -> None:
    links = {role_of("demf"): link(role_of("demf"), "demf")}
    assert [document.company for document in of(customer(), links=links)] == ["demf"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "Ada Lovelace"),
        ({"name": "  Ada  "}, "Ada"),
        ({"name": None, "business_name": "Engines Ltd"}, "Engines Ltd"),
        ({"name": None, "individual_name": "A. Lovelace"}, "A. Lovelace"),
        ({"name": "", "shipping": {"name": "Ada Ship"}}, "Ada Ship"),
        ({"name": None, "shipping": 7, "description": "VIP"}, "VIP"),
        ({"name": None}, "ada@example.com"),
        ({"name": None, "email": None}, "cus_1"),
        ({"name": 7, "email": ["a"], "shipping": {"name": None}}, "cus_1"),
        ({"name": "Bro\ud83dken"}, "Bro?ken"),
    ],
)
def test_the_best_name_there_is_is_taken(changes: Json, name: str) -> None:
    assert name_of(changes) == name


def test_a_customer_of_2017_without_the_newer_fields_is_read() -> None:
    old = {"id": "cus_1", "object": "customer", "description": "Ada, since 2017"}
    (document,) = of(old)
    assert document.words == {"name": "Ada, since 2017", "email": "", "currency": "usd"}


@pytest.mark.parametrize(
    ("currency", "company", "expected"),
    [
        ("usd", "usmf", "usd"),
        ("JPY", "usmf", "jpy"),
        ("eur", "usmf", "usd"),
        ("gbp", "usmf", "usd"),
        (None, "usmf", "usd"),
        (None, "demf", "eur"),
        ("usd", "demf", "eur"),
    ],
)
def test_a_currency_that_the_company_does_not_book_becomes_its_first(
    currency: str | None, company: str, expected: str
) -> None:
    (document,) = of(customer(currency=currency), companies=(company,))
    assert document.words["currency"] == expected


def test_a_deleted_customer_is_left_as_it_is() -> None:
    with pytest.raises(Skipped) as caught:
        of({"id": "cus_1", "object": "customer", "deleted": True})
    assert caught.value.reason == "customer_deleted"


def test_a_change_of_words_leaves_the_facts() -> None:
    (one,), (other,) = of(customer()), of(customer(name="Other", email=None))
    assert one.facts_hash == other.facts_hash
    assert one.words != other.words


def test_a_record_whose_write_may_have_happened_is_wanted_though_another_company_has_one() -> None:
    links = {role_of("demf"): link(role_of("demf"), "demf")}
    found = of(customer(), links=links, intents={role_of("usmf"): intent(role_of("usmf"))})
    assert [document.company for document in found] == ["demf", "usmf"]
