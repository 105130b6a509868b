import json
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.documents import (
    Create,
    CreateOrFind,
    Document,
    LinkExisting,
    Patch,
    attributes_of,
    has_same_facts,
)
from shared.domain.records import Choice, Link, Record
from shared.entities.common.objects import Desired
from shared.entities.customer.attributes import split
from shared.entities.customer.documents import account_notes, build, queries, role_of
from shared.entities.customer.records import Address, CustomerLink, CustomerRecord
from shared.errors import Parked, Skipped
from shared.policy import Customers, Policy
from tests.unit.entities.objects import CONTEXT, Json, customer, intent, link, snapshot


def of(object: Json, **parts: Any) -> tuple[Document, ...]:
    return build(snapshot(object, **parts), CONTEXT).documents


def record_of(object: Json, **parts: Any) -> CustomerRecord:
    """The first record that is created for a customer."""
    found = of(object, **parts)[0]
    assert isinstance(found, CustomerRecord)
    return found


def written(*documents: Document) -> dict[str, Link]:
    """Links of documents that were written."""
    return {
        each.role: Link(
            {"CustomerAccount": f"ACC-{each.company}"}, Record(each, "CustomersV3", "StripeId", {})
        )
        for each in documents
    }


def name_of(changes: Json) -> object:
    return record_of(customer(**changes)).name


def test_a_customer_is_one_record_of_the_default_company() -> None:
    document = record_of(customer())
    assert (document.role, document.company, document.key) == ("customer~usmf", "usmf", "cus_1")
    assert document.journal is None
    assert document.customer == "cus_1"
    assert attributes_of(document) == {
        "kind": "Person",
        "name": "Ada Lovelace",
        "first_name": "Ada",
        "middle_name": "",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "phone": "",
        "currency": "usd",
        "tax_id": "",
        "address": None,
        "delivery": None,
        "deleted": "",
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
    known = {name: value for name, value in attributes_of(record_of(old)).items() if value}
    assert known == {"kind": "Organization", "name": "Ada, since 2017", "currency": "usd"}


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
    assert record_of(customer(currency=currency), companies=(company,)).currency == expected


def in_books(currency: str | None, *booked: str) -> Desired:
    """A customer in the default company, of a Stripe account that books these currencies."""
    currencies = {name: CONTEXT.books.currencies[name] for name in booked}
    books = CONTEXT.books.model_copy(update={"currencies": currencies})
    return build(snapshot(customer(currency=currency)), replace(CONTEXT, books=books))


@pytest.mark.parametrize("currency", [None, "", "eur", "brl"])
def test_an_account_that_books_nothing_in_the_company_gives_its_own_currency(
    currency: str | None,
) -> None:
    (found,) = in_books(currency, "eur").documents
    assert isinstance(found, CustomerRecord)
    assert (found.company, found.currency) == ("usmf", "eur")


def test_a_customer_without_a_currency_waits_for_the_books_of_its_account() -> None:
    found = in_books(None)
    assert found.documents == ()
    assert isinstance(found.unfinished, Parked)
    assert found.unfinished.cause == "currency_not_configured"
    (named,) = in_books("eur").documents
    assert isinstance(named, CustomerRecord)
    assert named.currency == "eur"


def test_a_deleted_customer_keeps_its_accounts_and_those_created_here_are_marked() -> None:
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    assert build(snapshot(gone), CONTEXT).documents == ()
    created = record_of(customer())
    linked = CustomerLink(
        role=role_of("demf"),
        company="demf",
        key="cus_1",
        action=Patch({"CustomerAccount": "DE-1"}),
        customer="cus_1",
        linked_account="DE-1",
        matched_by="email",
    )
    found = build(snapshot(gone, links=written(created, linked)), CONTEXT)
    assert found.documents == (replace(created, deleted="yes"),)
    assert isinstance(found.unfinished, Skipped)
    assert found.unfinished.reason == "customer_deleted"


def test_a_change_of_attributes_leaves_the_facts() -> None:
    (one,), (other,) = of(customer()), of(customer(name="Other", email=None))
    assert has_same_facts(one, other)
    assert attributes_of(one) != attributes_of(other)


def test_a_record_whose_write_may_have_happened_is_wanted_though_another_company_has_one() -> None:
    links = {role_of("demf"): link(role_of("demf"), "demf")}
    found = of(customer(), links=links, intents={role_of("usmf"): intent(role_of("usmf"))})
    assert [document.company for document in found] == ["demf", "usmf"]


# --- person or organisation -----------------------------------------------------------------

TAX = {"object": "list", "data": [{"value": " de 123 456 789", "verification": None}]}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "Person"),
        ({"name": "Prince"}, "Organization"),
        ({"name": f"Ada {'x' * 26}"}, "Organization"),
        ({"name": None, "individual_name": "Ada Byron"}, "Person"),
        ({"name": None, "description": "A long story"}, "Organization"),
        ({"business_name": "Engines Ltd"}, "Organization"),
        ({"tax_ids": TAX}, "Organization"),
        ({"tax_ids": TAX, "metadata": {"customer_type": "Person"}}, "Person"),
        ({"metadata": {"customer_type": "company"}}, "Organization"),
        ({"metadata": {"customer_type": "robot"}}, "Person"),
        ({"metadata": {"customer_type": 7}}, "Person"),
        ({"metadata": "broken", "tax_ids": "broken"}, "Person"),
        ({"tax_ids": {"data": [7, {"value": None}, {}]}}, "Person"),
    ],
)
def test_tax_id_business_name_and_metadata_make_an_organisation(changes: Json, kind: str) -> None:
    assert record_of(customer(**changes)).kind == kind


def test_the_kind_of_a_record_never_changes_though_stripe_learns_more() -> None:
    person = of(customer())[0]
    now = record_of(customer(tax_ids=TAX, name="Prince"), links=written(person))
    assert now.kind == "Person"
    assert (now.first_name, now.last_name) == ("Prince", "")
    assert now.tax_id == "DE123456789"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Ada Lovelace", ("Ada", "", "Lovelace")),
        ("  Ada   Augusta King Lovelace ", ("Ada", "Augusta King", "Lovelace")),
        ("Ada", None),
        ("", None),
        ("\u2003", None),
        (f"Ada {'x ' * 14}Byron", None),
        (f"{'x' * 25} {'y' * 25}", ("x" * 25, "", "y" * 25)),
    ],
)
def test_a_name_is_taken_apart_where_the_parts_fit(
    name: str, parts: tuple[str, str, str] | None
) -> None:
    assert split(name) == parts


def test_the_verified_tax_id_is_taken_else_the_first() -> None:
    data = [
        {"value": "ONE", "verification": {"status": "unverified"}},
        {"value": "two", "verification": {"status": "verified"}},
    ]
    assert record_of(customer(tax_ids={"data": data})).tax_id == "TWO"
    assert record_of(customer(tax_ids={"data": data[:1]})).tax_id == "ONE"


@pytest.mark.parametrize(
    ("address", "country", "state"),
    [
        ({"country": "us", "state": "WA"}, "US", "WA"),
        ({"country": "DE", "state": "North Rhine-Westphalia"}, "DE", ""),
        ({"country": "Germany", "city": "Berlin"}, None, None),
        ({"country": "4!", "city": "Berlin"}, None, None),
        ({"country": "\u00df\u00df", "city": "Berlin"}, None, None),
        ({"city": "Berlin"}, None, None),
        ({"country": None}, None, None),
        ("Berlin", None, None),
        ([], None, None),
    ],
)
def test_an_address_needs_a_country_and_takes_codes_of_states_only(
    address: object, country: str | None, state: str | None
) -> None:
    shipping = {"name": "Ada", "address": address}
    record = record_of(customer(address=address, shipping=shipping))
    for found in (record.address, record.delivery):
        assert (found is None) == (country is None)
        if found is not None:
            assert isinstance(found, Address)
            assert (found.country, found.state) == (country, state)


# --- accounts that are there already --------------------------------------------------------

ID = "StripeId"
ASKING = replace(CONTEXT, customer_id_property=ID)


def row(account: str, owner: str = "") -> Json:
    return {"CustomerAccount": account, ID: owner}


def asked(object: Json, context: Any = ASKING, **parts: Any) -> list[tuple[str, str, str]]:
    found = queries(snapshot(object, **parts), context)
    return [(each.name, each.field, each.value) for each in found]


def test_the_stripe_id_is_looked_for_first_then_the_tax_id_then_the_email() -> None:
    known = customer(tax_ids=TAX, email="Ada@Example.com")
    answers: dict[str, tuple[Json, ...]] = {}
    assert asked(known) == [("id~usmf", ID, "cus_1")]
    answers["id~usmf"] = ()
    assert asked(known, answers=answers) == [("tax_id~usmf", "TaxExemptNumber", "DE123456789")]
    answers["tax_id~usmf"] = ()
    wanted = ("email~usmf", "PrimaryContactEmail", "ada@example.com")
    assert asked(known, answers=answers) == [wanted]
    answers["email~usmf"] = ()
    assert asked(known, answers=answers) == []
    created = build(snapshot(known, answers=answers), ASKING).documents[0]
    assert (type(created), created.action) == (CustomerRecord, Create())


def test_the_first_field_that_finds_anything_ends_the_search() -> None:
    known = customer(tax_ids=TAX)
    ours = {"id~usmf": (row("C1", "cus_1"),)}
    assert asked(known, answers=ours) == []
    assert build(snapshot(known, answers=ours), ASKING).documents[0].action == CreateOrFind()
    assert asked(known, answers={"id~usmf": (), "tax_id~usmf": (row("C1"),)}) == []


def test_the_policy_says_what_is_looked_for() -> None:
    nothing = replace(ASKING, policy=Policy(customers=Customers(find_by=())))
    assert asked(customer(tax_ids=TAX), nothing, answers={"id~usmf": ()}) == []
    swapped = replace(ASKING, policy=Policy(customers=Customers(find_by=("email", "tax_id"))))
    found = asked(customer(tax_ids=TAX), swapped, answers={"id~usmf": ()})
    assert [name for name, _, _ in found] == ["email~usmf"]


@pytest.mark.parametrize("email", [None, "", 7, "a*@example.com", f"{'x' * 250}@x.com"])
def test_an_email_that_no_field_can_hold_is_not_looked_for(email: object) -> None:
    assert asked(customer(email=email), answers={"id~usmf": ()}) == []


def test_nothing_is_asked_for_what_is_written_announced_or_deleted() -> None:
    one = of(customer())[0]
    assert asked(customer(), links=written(one)) == []
    assert asked(customer(), intents={role_of("usmf"): intent(role_of("usmf"))}) == []
    assert asked({"id": "cus_1", "object": "customer", "deleted": True}) == []


def decided(*rows: Json, by: str = "email", **parts: Any) -> Document:
    answers = {"id~usmf": (), f"{by}~usmf": rows}
    found = build(snapshot(customer(), answers=answers, **parts), ASKING)
    if found.unfinished is not None:
        raise found.unfinished
    return found.documents[0]


def test_one_free_account_is_linked_by_its_number() -> None:
    found = decided(row("US-1"))
    assert isinstance(found, CustomerLink)
    assert found.action == Patch({"CustomerAccount": "US-1"})
    assert (found.customer, found.linked_account) == ("cus_1", "US-1")
    assert found.matched_by == "email"
    assert attributes_of(found) == {}


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([row("US-1"), row("US-2")], "several_customers"),
        ([row("US-1", "cus_9"), row("US-2")], "several_customers"),
        ([row(f"US-{n}") for n in range(30)], "several_customers"),
    ],
)
def test_what_is_not_certain_is_for_a_person_and_names_nothing_personal(
    rows: list[Json], cause: str
) -> None:
    with pytest.raises(Parked) as caught:
        decided(*rows)
    error = caught.value
    assert error.cause == cause
    shown = json.loads(error.evidence)
    matches = [each for each in shown["suggestions"] if each["choice"] == "match"]
    assert len(matches) == min(len(rows), 10)
    assert shown["more"] == len(rows) - len(matches)
    assert shown["suggestions"][-1] == {"choice": "new"}
    for text in (str(error), error.remedy, error.evidence):
        assert "example.com" not in text
        assert "Ada" not in text


def test_an_account_of_another_customer_with_the_same_address_is_no_match() -> None:
    assert decided(row("US-1", "cus_9"), row("US-2", "cus_8")).template == "customer"


def test_an_account_of_another_customer_with_the_same_tax_id_is_for_a_person() -> None:
    with pytest.raises(Parked) as caught:
        decided(row("US-1", "cus_9"), by="tax_id")
    assert caught.value.cause == "customer_taken"


def test_another_company_goes_on_while_one_is_undecided() -> None:
    answers = {"id~usmf": (), "email~usmf": (row("1"), row("2")), "id~demf": (), "email~demf": ()}
    found = build(snapshot(customer(), answers=answers, companies=("usmf", "demf")), ASKING)
    assert [each.company for each in found.documents] == ["demf"]
    assert isinstance(found.unfinished, Parked)


def test_a_choice_comes_before_every_search() -> None:
    new = {"usmf": Choice("t1", "usmf")}
    assert asked(customer(), choices=new) == []
    created = decided(row("US-1"), row("US-2"), choices=new)
    assert (type(created), created.decision) == (CustomerRecord, "t1")
    match = {"usmf": Choice("t2", "usmf", "US-7")}
    assert asked(customer(), choices=match) == [("chosen~usmf", "CustomerAccount", "US-7")]
    linked = decided(row("US-7"), by="chosen", choices=match)
    assert (linked.action, linked.decision) == (Patch({"CustomerAccount": "US-7"}), "t2")


@pytest.mark.parametrize(
    ("rows", "cause"), [([], "customer_merged"), ([row("US-7", "cus_9")], "customer_taken")]
)
def test_a_chosen_account_that_is_gone_or_taken_is_decided_again(
    rows: list[Json], cause: str
) -> None:
    with pytest.raises(Parked) as caught:
        decided(*rows, by="chosen", choices={"usmf": Choice("t", "usmf", "US-7")})
    assert caught.value.cause == cause


def test_a_shared_account_is_linked_without_a_change() -> None:
    shared = {"usmf": Choice("t", "usmf", "US-7", shared=True)}
    keys = {"CustomerAccount": "US-7"}
    taken = decided(row("US-7", "cus_9"), by="chosen", choices=shared)
    assert taken.action == LinkExisting(keys)
    assert decided(row("US-7"), by="chosen", choices=shared).action == Patch(keys)


def test_a_linked_account_stays_as_it_was_linked() -> None:
    linked = decided(row("US-1"))
    assert of(customer(name="Other", tax_ids=TAX), links=written(linked)) == (linked,)


# --- the account's number in stripe ---------------------------------------------------------

WRITING = replace(CONTEXT, policy=Policy(customers=Customers(write_back=True)))
BOTH = written(*of(customer(), companies=("usmf", "demf")))


def test_both_accounts_are_noted_where_stripe_does_not_show_them() -> None:
    wanted = {
        "dynamics_customer_account": "ACC-usmf",
        "dynamics_customer_account_demf": "ACC-demf",
    }
    assert account_notes(snapshot(customer()), BOTH, WRITING) == wanted
    assert account_notes(snapshot(customer(metadata=7)), BOTH, WRITING) == wanted
    assert account_notes(snapshot(customer(metadata=wanted)), BOTH, WRITING) == {}
    part = {"dynamics_customer_account": "ACC-usmf"}
    rest = {"dynamics_customer_account_demf": "ACC-demf"}
    assert account_notes(snapshot(customer(metadata=part)), BOTH, WRITING) == rest


def test_nothing_is_noted_where_the_policy_does_not_ask_for_it() -> None:
    assert account_notes(snapshot(customer()), BOTH, CONTEXT) == {}
    assert account_notes(snapshot(customer()), {}, WRITING) == {}
    assert account_notes(snapshot(customer() | {"deleted": True}), BOTH, WRITING) == {}
