"""Company, customer and currency of what follows a sale are those that were written for it."""

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.books import Books
from shared.domain.documents import AccountRole, Party, facts_of
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Intent, Link, Record, Ref
from shared.entities.balance_transaction.documents import build, queries
from shared.entities.charge import documents as charge_documents
from shared.entities.charge import sale
from shared.entities.charge.making import receipts
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Context, Desired, Snapshot
from shared.entities.common.order_state import ORDER
from shared.entities.common.origin import FIRST, GROSS, origin_of
from shared.entities.common.sales_documents import MemoHeader, SalesOrder
from shared.errors import Parked, Waiting
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.policy import Policy
from tests.unit.entities.objects import (
    BOOKS,
    CONTEXT,
    Json,
    charge,
    plain_txn,
    refund,
    snapshot,
    txn,
)
from tests.unit.entities.sales import given_back, sold_charge, with_refunds

ACCOUNTS = {("cus_1", "usmf"): "US-001", ("cus_1", "demf"): "DE-001", ("cus_2", "demf"): "DE-002"}
ORDERS = {"sales": [{"book": "order"}]}
ROUTED = {"routes": [{"company": "demf"}]}
NAMED = {"dynamics_invoice": "INV-1"}


def under(**policy: Any) -> Context:
    return replace(CONTEXT, policy=Policy.model_validate(policy))


def target(**changes: Any) -> Target:
    return replace(Target(BOOKS, "StripeCustomerId", 255, ACCOUNTS, packaged_mapping()), **changes)


def written(desired: Desired, role: str, using: Target | None = None) -> Record:
    """The record of a role as it was written."""
    [document] = [each for each in desired.documents if each.role == role]
    return render(document, using or target(), {"Number": "SO-1"})


def receipt(
    context: Context | None = None, using: Target | None = None, **changes: Any
) -> dict[str, Record]:
    """The receipt of a sale that was routed to demf, as others find it."""
    context = context or under(**ROUTED)
    desired = build(snapshot(txn(), related={"charge": charge(**changes)}), context)
    return {GROSS: written(desired, "gross", using)}


def order(**changes: Any) -> dict[str, Record]:
    """The order of a sale that was routed to demf."""
    found = sale.documents(
        snapshot(charge(**changes), answers={"order": ()}), under(**ROUTED, **ORDERS)
    )
    return {ORDER: written(Desired(found), "order")}


def refunded(of_charge: dict[str, Record], context: Context = CONTEXT, **changes: Any) -> Desired:
    """A refund under a policy that knows of no route."""
    found = plain_txn(-1000, "refund", "refund", "re_1", id="txn_re")
    related = {"charge": charge(**changes), "refund": refund()}
    return build(snapshot(found, related=related, of_charge=of_charge), context)


def gross_in(desired: Desired) -> JournalLine:
    [found] = [each for each in desired.documents if each.role == "gross"]
    assert isinstance(found, JournalLine)
    return found


@pytest.mark.parametrize("place", [GROSS, ORDER, FIRST])
def test_a_refund_goes_where_the_sale_was_written(place: str) -> None:
    record = (order() if place == ORDER else receipt())[ORDER if place == ORDER else GROSS]
    desired = refunded({place: record})
    gross = gross_in(desired)
    assert gross.company == "demf"
    assert gross.account == AccountRole(Role.CUSTOMER, "cus_1", account="DE-001")
    assert gross.offset == AccountRole(Role.CLEARING, company="usmf")
    assert desired.masters == (Ref("customer", "cus_1", "demf"),)
    assert desired.decided is None


def test_the_receipt_comes_before_the_order_and_both_before_anything_else() -> None:
    here = receipt(CONTEXT)[GROSS]
    elsewhere = receipt()[GROSS]
    for of_charge in ({GROSS: elsewhere, FIRST: here}, {ORDER: order()[ORDER], FIRST: here}):
        assert gross_in(refunded(of_charge)).company == "demf"
    assert gross_in(refunded({GROSS: here, **order()})).company == "usmf"


def test_where_nothing_was_written_todays_rule_decides_and_says_so() -> None:
    desired = refunded({}, under(**ROUTED))
    assert gross_in(desired).company == "demf"
    assert desired.decided is not None
    assert (desired.decided.charge, desired.decided.document) == ("ch_1", gross_in(desired))


@pytest.mark.parametrize("customer", ["cus_2", None])
def test_the_customer_is_the_one_that_was_written_whatever_the_charge_says(
    customer: str | None,
) -> None:
    desired = refunded(receipt(), customer=customer)
    assert written(desired, "gross").fields["AccountDisplayValue"] == "DE-001"
    assert desired.masters == (Ref("customer", "cus_1", "demf"),)


def test_a_guest_who_became_a_customer_is_refunded_as_the_guest_of_the_sale() -> None:
    desired = refunded(receipt(customer=None), customer="cus_1")
    assert written(desired, "gross").fields["AccountDisplayValue"] == "DE-ONE"
    assert desired.masters == ()


def _renamed(company: str) -> Books:
    """The books, with another one-time customer."""
    raw = BOOKS.model_dump(mode="json")
    raw["companies"][company]["one_time_customer"] = "DE-NEW"
    return Books.model_validate(raw)


@pytest.mark.parametrize("customer", [None, "cus_gone"])
def test_who_has_no_account_stays_on_the_one_of_the_sale(customer: str | None) -> None:
    """A guest, and a customer that was deleted in Stripe before it was ever written."""
    accounts = {("cus_gone", "demf"): "DE-ONE"}
    sold = receipt(using=target(customers=accounts), customer=customer)
    now = target(books=_renamed("demf"), customers={("cus_gone", "demf"): "DE-NEW"})
    desired = refunded(sold, customer=customer)
    assert written(desired, "gross", now).fields["AccountDisplayValue"] == "DE-ONE"


def test_a_customer_that_a_person_linked_elsewhere_is_refunded_there() -> None:
    now = target(customers={("cus_1", "demf"): "DE-777"})
    assert written(refunded(receipt()), "gross", now).fields["AccountDisplayValue"] == "DE-777"


def test_a_refund_in_another_currency_than_its_sale_was_written_in_parks() -> None:
    found = plain_txn(-1000, "refund", "refund", "re_1", id="txn_re", currency="eur")
    related = {"charge": charge(), "refund": refund(currency="eur")}
    with pytest.raises(Parked, match="txn_re is in EUR, its sale was written in USD") as caught:
        build(snapshot(found, related=related, of_charge=receipt()), CONTEXT)
    assert caught.value.cause == "facts_changed"


def test_a_refund_that_tells_no_currency_has_the_one_that_was_written() -> None:
    found = plain_txn(
        -1100, "refund", "refund", "re_1", id="txn_re", currency="eur", exchange_rate=1.1
    )
    related = {"charge": charge(), "refund": refund(currency=None)}
    gross = gross_in(build(snapshot(found, related=related, of_charge=receipt()), CONTEXT))
    assert gross.amount == Money(1000, "usd")


def test_a_company_that_left_the_books_parks_what_follows() -> None:
    raw = BOOKS.model_dump(mode="json")
    del raw["companies"]["demf"], raw["currencies"]["eur"]
    with pytest.raises(Parked, match="demf") as caught:
        refunded(receipt(), Context(Books.model_validate(raw)))
    assert caught.value.cause == "company_not_configured"


def test_the_owner_of_today_has_the_clearing_leg_of_a_refund() -> None:
    raw = BOOKS.model_dump(mode="json")
    raw["currencies"]["usd"]["company"] = "demf"
    gross = gross_in(refunded(receipt(CONTEXT), Context(Books.model_validate(raw))))
    assert gross.company == "usmf"
    assert gross.offset == AccountRole(Role.CLEARING, company="demf")


# --- disputes -------------------------------------------------------------------------------


def disputed(
    of_charge: dict[str, Record], context: Context = CONTEXT, links: Any = None, **related: Json
) -> Desired:
    found = plain_txn(
        *(-5_000, "dispute", "adjustment", "du_1"),
        id="txn_du",
        fee=1_500,
        net=-6_500,
        fee_details=[{"type": "stripe_fee", "amount": 1_500, "currency": "usd"}],
    )
    parts = {"related": related, "of_charge": of_charge, "links": links or {}}
    return build(snapshot(found, **parts), context)


@pytest.mark.parametrize("place", [GROSS, ORDER, FIRST])
def test_a_dispute_goes_where_the_sale_was_written_and_its_fee_to_the_owner(place: str) -> None:
    record = (order() if place == ORDER else receipt())[ORDER if place == ORDER else GROSS]
    desired = disputed({place: record}, charge=charge(customer="cus_2"))
    gross, fee = desired.documents
    assert isinstance(gross, JournalLine)
    assert isinstance(fee, JournalLine)
    assert (gross.company, gross.customer) == ("demf", "cus_1")
    assert gross.account == AccountRole(Role.DISPUTES)
    assert gross.offset == AccountRole(Role.CLEARING, company="usmf")
    assert (fee.role, fee.company, fee.offset) == ("fee", "usmf", AccountRole(Role.CLEARING))
    assert desired.decided is None


def test_a_dispute_of_which_no_sale_is_written_goes_as_the_policy_says_and_says_so() -> None:
    desired = disputed({}, under(**ROUTED), charge=charge())
    assert gross_in(desired).company == "demf"
    assert desired.decided is not None
    assert (desired.decided.charge, desired.decided.document) == ("ch_1", gross_in(desired))


def test_a_dispute_without_a_charge_is_the_owners() -> None:
    gross = gross_in(disputed({}, under(**ROUTED)))
    assert (gross.company, gross.customer) == ("usmf", None)


def test_a_refund_after_a_dispute_alone_keeps_company_and_customer_and_its_own_currency() -> None:
    """The dispute is in the currency of the settlement, the refund in that of the charge."""
    first = {FIRST: written(disputed({}, under(**ROUTED), charge=charge()), "gross")}
    found = plain_txn(
        *(-1_100, "refund", "refund", "re_1"), id="txn_re", currency="usd", exchange_rate=1.1
    )
    related = {
        "charge": charge(currency="eur", customer="cus_2"),
        "refund": refund(currency="eur", amount=1_000),
    }
    gross = gross_in(build(snapshot(found, related=related, of_charge=first), CONTEXT))
    assert gross.company == "demf"
    assert gross.amount == Money(1_000, "eur")
    assert gross.account == AccountRole(Role.CUSTOMER, "cus_1")


def test_a_dispute_that_was_written_without_a_customer_stays_as_it_is() -> None:
    before = written(disputed({}), "gross")
    links = {"gross": Link({"LineNumber": 1}, before)}
    gross = gross_in(disputed(receipt(), CONTEXT, links, charge=charge()))
    assert gross.company == before.document.company
    assert facts_of(gross) == facts_of(before.document)


# --- receipts and orders --------------------------------------------------------------------


def received(
    of_charge: dict[str, Record],
    context: Context,
    links: dict[str, Link] | None = None,
    answers: dict[str, Any] | None = None,
    **changes: Any,
) -> Snapshot:
    found = charge(**changes)
    parts = {"links": links or {}, "answers": answers or {}, "of_charge": of_charge}
    return snapshot(txn(), related={"charge": found}, **parts)


@pytest.mark.parametrize("policy", [{}, ORDERS])
def test_a_receipt_waits_for_the_invoice_of_an_order_that_was_written_in_its_company(
    policy: Json,
) -> None:
    context = replace(under(**policy), now=CONTEXT.now)
    found = received(order(), context)
    [asked] = queries(found, context)
    assert (asked.company, asked.field, asked.value) == (
        "demf",
        "CustomersOrderReference",
        "ch_1",
    )
    answered = replace(found, answers={"invoices": ()})
    desired = build(answered, context)
    assert isinstance(desired.unfinished, Waiting)
    late = replace(context, policy=Policy.model_validate({**policy, "receipts": {"wait_hours": 0}}))
    late = replace(late, now=CONTEXT.now.replace(year=2030))
    gross = gross_in(build(answered, late))
    assert (gross.company, gross.account) == ("demf", AccountRole(Role.UNAPPLIED_RECEIPTS))


def test_an_unapplied_receipt_keeps_whose_it_is_and_is_applied_there() -> None:
    context = replace(under(**ROUTED, receipts={"wait_hours": 0}), now=CONTEXT.now.replace(2030))
    first = build(received({}, context, answers={"invoices": ()}, metadata=NAMED), context)
    link = Link({"LineNumber": 1}, written(first, "gross"))
    invoice = {"InvoiceNumber": "INV-1", "TotalInvoiceAmount": "50.00", "CurrencyCode": "USD"}
    later = received(
        {},
        CONTEXT,
        {"gross": link},
        {"invoices": (invoice,)},
        metadata=NAMED,
        customer="cus_2",
    )
    desired = build(later, replace(CONTEXT, now=context.now))
    [applied] = [each for each in desired.documents if each.role == "apply"]
    assert applied.company == "demf"
    assert isinstance(applied, JournalLine)
    assert applied.account == AccountRole(Role.CUSTOMER, "cus_1")
    assert desired.masters == (Ref("customer", "cus_1", "demf"),)


def test_a_receipt_is_not_applied_in_the_phase_that_may_still_lose_it() -> None:
    """Dynamics may refuse the announced receipt; then its invoice is marked on a new one, and
    nothing is left to apply."""
    context = replace(under(receipts={"wait_hours": 0}), now=CONTEXT.now.replace(2030))
    first = build(received({}, context, answers={"invoices": ()}, metadata=NAMED), context)
    announced = Intent("B-1", "2026-01-01T00:00:00+00:00", written(first, "gross"))
    invoice = {"InvoiceNumber": "INV-1", "TotalInvoiceAmount": "50.00", "CurrencyCode": "USD"}
    later = received({}, context, answers={"invoices": (invoice,)}, metadata=NAMED)
    desired = build(replace(later, intents={"gross": announced}), context)
    [applied] = [line for line in desired.documents if line.role == "apply"]
    assert gross_in(desired).account == AccountRole(Role.UNAPPLIED_RECEIPTS)
    assert applied.needs == ("gross",)


@pytest.mark.parametrize("policy", [{}, {"receipts": {"settle": "automatic"}}])
def test_an_applied_receipt_stays_as_it_is_though_the_policy_settles_it_no_more(
    policy: Json,
) -> None:
    context = replace(under(receipts={"wait_hours": 0}), now=CONTEXT.now.replace(2030))
    unapplied = build(received({}, context, answers={"invoices": ()}, metadata=NAMED), context)
    links = {"gross": Link({"LineNumber": 1}, written(unapplied, "gross"))}
    invoice = {"InvoiceNumber": "INV-1", "TotalInvoiceAmount": "50.00", "CurrencyCode": "USD"}
    answers = {"invoices": (invoice,)}
    applied = build(received({}, context, links, answers, metadata=NAMED), context)
    links["apply"] = Link({"LineNumber": 2}, written(applied, "apply"))
    now = build(received({}, CONTEXT, links), under(**policy))
    assert [each.role for each in now.documents] == ["gross", "apply", "fee"]
    assert gross_in(now).account == AccountRole(Role.UNAPPLIED_RECEIPTS)


def test_an_order_goes_to_company_and_customer_of_its_receipt() -> None:
    context = under(**ORDERS)
    found = snapshot(charge(customer="cus_2"), answers={"order": ()}, of_charge=receipt())
    desired = charge_documents.build(found, context)
    header = desired.documents[0]
    assert (header.role, header.company) == ("order", "demf")
    assert isinstance(header, SalesOrder | MemoHeader)
    assert header.customer == Party("cus_1", "DE-001")
    assert {each.company for each in desired.documents} == {"demf"}
    assert desired.masters == (Ref("customer", "cus_1", "demf"),)
    asked = sale.queries(replace(found, answers={}), context)
    assert {query.company for query in asked} == {"demf"}


def test_a_credit_memo_of_a_sale_booked_elsewhere_goes_to_its_receipt() -> None:
    context = under(refunds={"of_receipts": "free_text"})
    made = sold_charge(5_000, "usd", metadata=NAMED, customer=None)
    found = snapshot(with_refunds(made, [given_back(1, 1_000)]), of_charge=receipt())
    [header, *lines] = sale.documents(found, context)
    assert {each.company for each in (header, *lines)} == {"demf"}
    assert isinstance(header, SalesOrder | MemoHeader)
    assert header.customer == Party("cus_1", "DE-001")


def test_a_first_credit_memo_decides_and_says_so() -> None:
    context = under(refunds={"of_receipts": "free_text"}, **ROUTED)
    made = sold_charge(5_000, "usd", metadata=NAMED)
    desired = charge_documents.build(snapshot(with_refunds(made, [given_back(1, 1_000)])), context)
    assert desired.decided is not None
    document = desired.decided.document
    assert (document.role, document.company) == ("credit:re_1:1", "demf")
    follows = refunded({FIRST: written(desired, document.role)})
    assert gross_in(follows).company == "demf"
    assert written(follows, "gross").fields["AccountDisplayValue"] == "DE-001"


def test_an_order_of_its_own_needs_no_word() -> None:
    found = snapshot(charge(), answers={"order": ()})
    assert charge_documents.build(found, under(**ORDERS, **ROUTED)).decided is None


# --- the records ----------------------------------------------------------------------------


def test_the_account_comes_from_a_record_of_the_same_company_and_customer() -> None:
    ours = receipt()[GROSS]
    assert isinstance(ours.document, JournalLine)
    unapplied = replace(ours.document, account=AccountRole(Role.UNAPPLIED_RECEIPTS), customer="")
    bare = replace(ours, document=unapplied, fields={"AccountDisplayValue": "DE-unapplied"})
    found = refunded_snapshot({GROSS: bare, **order()})
    origin = origin_of(found)
    assert origin is not None
    assert (origin.company, origin.party) == ("demf", Party(""))
    bare = replace(bare, document=replace(unapplied, customer=None))
    origin = origin_of(refunded_snapshot({GROSS: bare, **order()}))
    assert origin is not None
    assert origin.party == Party("cus_1", "DE-001")
    origin = origin_of(refunded_snapshot({GROSS: bare}))
    assert origin is not None
    assert origin.party is None
    assert receipts.customer_of(refunded_snapshot({GROSS: bare}), origin) == Party("cus_1")


def refunded_snapshot(of_charge: dict[str, Record]) -> Snapshot:
    found = plain_txn(-1000, "refund", "refund", "re_1", id="txn_re")
    return snapshot(found, related={"charge": charge()}, of_charge=of_charge)
