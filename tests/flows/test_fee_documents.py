"""Stripe's tax document: a person confirms it, it becomes a vendor invoice and is settled."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from local import books
from local.dynamics import CustomerTransaction, DynamicsFaults
from local.stripe import DeliveryFaults, StripeFaults
from local.world import World
from tests.flows.test_fees import OPTIONS
from tests.flows.test_what_follows_a_sale import now_the_books_are, now_the_policy_is
from tests.functions.test_audit import edit, path_of
from tests.world import (
    DAY,
    HOUR,
    MINUTE,
    ask,
    booked_and_proved,
    encoded,
    everything,
    live,
    parked,
    rest,
    sell,
    waiting,
)

START = datetime(2026, 10, 31, 20, tzinfo=UTC)
DOCUMENT = {"month": "2026-10", "number": "ABC-2026-10", "date": "2026-10-31"}
WHO = {"who": "Grace", "why": "Stripe's tax document"}
PLACE = {"company": "usmf", "currency": "usd"}
FEE = 320  # of USD 100.00: 2.9 % and 30 cents
NOVEMBER = 5 * HOUR


async def _confirm(world: World, total_minor: int, **changes: Any) -> httpx.Response:
    body = {**DOCUMENT, **PLACE, **WHO, "total_minor": total_minor, **changes}
    answer = await ask(world, "POST", "fees", encoded(body))
    await rest(world)
    return answer


async def _fees_of(world: World, month: str = "2026-10") -> dict[str, Any]:
    found: dict[str, Any] = await world.get(f"fees?month={month}")
    return found


async def _posted(world: World) -> None:
    """Dynamics posts; what waited for it is written, and posted too."""
    for _ in range(2):
        world.dynamics.post_journals()
        await rest(world, 2 * HOUR)


async def _sold_in_october(world: World, amount_minor: int = 10_000, currency: str = "usd") -> str:
    charge = sell(world, amount_minor, currency)
    await rest(world)
    return charge


def _balance(world: World, main_account: str, company: str = "usmf") -> Decimal:
    """What the posted ledger shows on a main account."""
    posted = world.dynamics.ledger().posted
    mine = [leg for leg in posted if (leg.company, leg.main_account) == (company, main_account)]
    return sum((leg.amount for leg in mine), Decimal())


def _vendor(world: World) -> list[CustomerTransaction]:
    return list(world.dynamics.vendor_transactions())


def test_a_confirmed_document_is_invoiced_settled_and_leaves_nothing_accrued() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        answer = await _confirm(world, FEE)
        assert answer.status_code == 202
        told = answer.json()
        id = "feedoc_2026-10_usmf_usd_ABC-2026-10"
        assert (told["id"], told["written"], told["sent"], told["remedy"]) == (id, False, 1, "")
        assert told["difference"]["difference_minor"] == 0
        [item] = await waiting(world)
        assert (item.object, item.cause) == (id, "fee_invoice_not_posted")
        await _posted(world)
        invoice, payment = _vendor(world)
        assert (invoice.document, invoice.amount) == ("ABC-2026-10", Decimal("-3.20"))
        assert payment.amount == Decimal("3.20")
        assert not invoice.open_amount
        assert not payment.open_amount
        assert _balance(world, "218900") == 0
        assert _balance(world, "618900") == Decimal("3.20")
        assert _balance(world, "200100") == 0
        assert await waiting(world) == []
        assert (await _confirm(world, FEE)).json()["written"] is True
        await booked_and_proved(world)

    live(story, OPTIONS, START)


def test_a_reverse_charge_is_computed_on_both_sides_by_dynamics() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        await _confirm(world, FEE)
        await _posted(world)
        assert (_balance(world, "154300"), _balance(world, "403300")) == (
            *(Decimal("0.61"), Decimal("-0.61")),
        )
        assert _vendor(world)[0].amount == Decimal("-3.20")

    live(story, OPTIONS, START)


def test_tax_that_stripe_charged_and_dispute_fees_get_their_accounts() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world, 5_000, "eur")
        accrued = (await _fees_of(world))["fees"]
        by_kind = {part["kind"]: part["amount_minor"] for part in accrued}
        total, tax = sum(by_kind.values()), by_kind["fee_tax"]
        assert tax > 0
        await world.clock.sleep(NOVEMBER)
        eur = {"company": "demf", "currency": "eur", "tax_minor": tax}
        assert (await _confirm(world, total, **eur)).status_code == 202
        await _posted(world)
        assert _balance(world, "218900", "demf") == 0
        assert _balance(world, "154300", "demf") == Decimal(tax) / 100
        assert _balance(world, "618900", "demf") == Decimal(total - tax) / 100
        assert _balance(world, "403300", "demf") == 0

    live(story, OPTIONS, START)


def test_a_difference_is_told_with_what_to_do_and_stays_on_the_accrual() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        told = (await _confirm(world, FEE - 20)).json()
        wanted = {"accrued_minor": FEE, "documents_minor": FEE - 20, "difference_minor": 20}
        assert told["difference"] == {**PLACE, **wanted, "later_minor": 0}
        assert "further document" in told["remedy"]
        await _posted(world)
        assert _balance(world, "218900") == Decimal("0.20")
        [difference] = (await _fees_of(world))["differences"]
        assert difference == told["difference"]
        further = await _confirm(world, 20, number="ABC-2026-10-2")
        assert further.json()["difference"]["difference_minor"] == 0
        await _posted(world)
        assert _balance(world, "218900") == 0

    live(story, OPTIONS, START)


def test_more_than_was_accrued_is_refused_unless_it_is_allowed() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        before = everything(world)
        refused = await _confirm(world, 10 * FEE)
        assert (refused.status_code, refused.json()["code"]) == (409, "fee_document_refused")
        assert "would be of USD 32.00, USD 3.20 was accrued" in refused.json()["message"]
        assert everything(world) == before
        assert (await _confirm(world, FEE - 20)).status_code == 202
        further = {"number": "ABC-2026-10-2"}
        refused = await _confirm(world, 21, **further)
        assert "would be of USD 3.21, USD 3.20 was accrued" in refused.json()["message"]
        told = (await _confirm(world, 21, **further, allow_excess=True)).json()
        assert told["difference"]["difference_minor"] == -1
        assert told["remedy"].startswith("fees_accrued is negative")
        assert (await _confirm(world, 21, **further)).json()["id"] == told["id"]

    live(story, OPTIONS, START)


def test_the_confirmation_is_on_record_and_stays_as_it_is() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        await _confirm(world, FEE)
        before = everything(world)
        again = await _confirm(world, FEE, who="Ada")
        assert again.status_code == 202
        other = await _confirm(world, FEE + 1)
        assert (other.status_code, other.json()["code"]) == (409, "fee_document_refused")
        assert (
            "confirmed document ABC-2026-10 on 2026-11-01 with USD 3.20"
            in (other.json()["message"])
        )
        assert everything(world) == before
        [document] = (await _fees_of(world))["documents"]
        assert (document["who"], document["total_minor"]) == ("key (declared: Grace)", FEE)
        [entry] = (await world.get("audit?action=confirm_fees"))["entries"]
        assert entry["objects"] == [document["id"]]
        assert (entry["detail"]["total_minor"], entry["detail"]["accrued_minor"]) == (FEE, FEE)

    live(story, OPTIONS, START)


def test_a_number_in_another_case_is_the_same_document() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        first = await _confirm(world, FEE)
        before = everything(world)
        again = await _confirm(world, FEE, number=DOCUMENT["number"].lower())
        assert again.json()["id"] == first.json()["id"]
        other = await _confirm(world, FEE + 1, number=DOCUMENT["number"].lower())
        assert other.status_code == 409
        assert everything(world) == before
        assert len((await _fees_of(world))["documents"]) == 1

    live(story, OPTIONS, START)


def test_of_two_documents_that_are_confirmed_at_once_one_is_told_to_come_again() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        one, other = await asyncio.gather(
            _confirm(world, FEE - 20), _confirm(world, 20, number="OTHER")
        )
        assert sorted((one.status_code, other.status_code)) == [202, 409]
        refused = one if one.status_code == 409 else other
        assert "then confirm yours again" in refused.json()["message"]
        total, number = (FEE - 20, DOCUMENT["number"]) if refused is one else (20, "OTHER")
        assert (await _confirm(world, total, number=number)).status_code == 202
        kinds = [document["kinds"] for document in (await _fees_of(world))["documents"]]
        assert sorted(kinds, key=len) == [{}, {"fee": FEE}]

    live(story, OPTIONS, START)


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "a month that is not over": ({"month": "2026-11"}, 409, "no fee of usmf in USD was accrued"),
    "no month": ({"month": "2026-13"}, 409, "month must be a month"),
    "another currency": ({"currency": "eur"}, 409, "currencies that have some: usd"),
    "no currency": ({"currency": "EURO"}, 409, "currency must be three"),
    "an unknown company": ({"company": "frmf"}, 409, "they have: usmf, demf"),
    "less than nothing": ({"total_minor": -1}, 409, "must be more than nothing"),
    "nothing": ({"total_minor": 0}, 409, "must be more than nothing"),
    "no amount": ({"total_minor": "3.20"}, 400, "total_minor must be a whole number"),
    "more tax than total": ({"tax_minor": FEE}, 409, "the tax must be part of the total"),
    "a number with blanks": ({"number": "A B"}, 409, "number must be at most 20"),
    "a date before the month": ({"date": "2026-09-30"}, 409, "date must be from 2026-10-01"),
    "a date to come": ({"date": "2026-11-30"}, 409, "date must be from 2026-10-01"),
    "no date": ({"date": "31.10.2026"}, 400, "date must be a day"),
    "posted before it came": ({"post_on": "2026-09-30"}, 409, "post_on must be from"),
    "ten times as much": ({"total_minor": 10 * FEE}, 409, "USD 3.20 was accrued"),
    "neither yes nor no": ({"allow_excess": "yes"}, 400, "allow_excess must be true or false"),
    "nobody": ({"who": " "}, 409, "needs both who and why"),
    "a reason of two lines": ({"why": "a\nb"}, 409, "why must be one line"),
}


def test_a_document_that_cannot_be_is_refused_and_nothing_is_stored() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        before = everything(world)
        for name, (changes, status, reason) in REFUSED.items():
            body = {**DOCUMENT, **PLACE, **WHO, "total_minor": FEE, **changes}
            answer = await ask(world, "POST", "fees", encoded(body))
            assert (answer.status_code, reason in answer.json()["message"]) == (status, True), name
        await rest(world)
        assert everything(world) == before
        assert (await _fees_of(world))["documents"] == []
        assert (await world.get("audit?action=confirm_fees"))["entries"] == []

    live(story, OPTIONS, START)


def test_a_month_that_is_not_over_has_no_document_yet() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        answer = await _confirm(world, FEE, date="2026-10-30")
        assert answer.status_code == 409
        assert (
            "2026-10 is not over: its document comes after 2026-11-01" in (answer.json()["message"])
        )

    live(story, OPTIONS, START)


def test_fees_that_are_booked_by_journal_have_no_document() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        answer = await _confirm(world, FEE)
        assert "the policy books fees by journal" in answer.json()["message"]

    live(story, replace(OPTIONS, documents=()), START)


def test_what_was_accrued_before_the_policy_went_back_has_its_document() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        await now_the_policy_is(world, "kind: policy\nname: fees\nfees: journal\n")
        assert (await _confirm(world, FEE)).status_code == 202
        await _posted(world)
        assert _balance(world, "218900") == 0
        sell(world)
        await rest(world)
        answer = await _confirm(world, FEE, month="2026-11", date="2026-11-01")
        assert "nothing of usmf was accrued in 2026-11" in answer.json()["message"]
        assert _balance(world, "218900") == 0

    live(story, OPTIONS, START)


def test_books_without_stripe_as_a_vendor_refuse_documents() -> None:
    given = books.settings(stripe_url="", dynamics_url="http://127.0.0.1:7365")
    value = given.books.model_dump(mode="json")
    del value["companies"]["usmf"]["stripe_vendor"]

    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        answer = await _confirm(world, FEE)
        assert "add stripe_vendor to the company" in answer.json()["message"]

    live(story, replace(OPTIONS, settings={"books": value}), START)


def test_a_closed_period_refuses_a_document_until_an_open_day_is_named() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        now_the_books_are(world, closed_through_october)
        answer = await _confirm(world, FEE)
        assert answer.status_code == 409
        assert "usmf is closed through 2026-10-31" in answer.json()["message"]
        assert "name an open day with post_on" in answer.json()["message"]
        assert (await _confirm(world, FEE, post_on="2026-11-01")).status_code == 202
        await _posted(world)
        assert [line.date.isoformat() for line in _vendor(world)] == ["2026-11-01"] * 2

    live(story, OPTIONS, START)


def test_a_period_that_dynamics_closed_refuses_a_document_where_the_books_follow_it() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        now_the_books_are(world, following_dynamics)
        world.dynamics.set_access("usmf", 2026, 10, "Vend", "None")
        answer = await _confirm(world, FEE)
        assert answer.status_code == 409
        assert "no open fiscal period of usmf for the line's day" in answer.json()["message"]
        assert "(module vendors): name an open day with post_on" in answer.json()["message"]
        assert (await _confirm(world, FEE, post_on="2026-11-01")).status_code == 202

    live(story, OPTIONS, START)


def test_a_settlement_whose_month_is_closed_has_the_day_that_shows_the_posting() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        await _confirm(world, FEE)
        world.dynamics.post_journals()
        now_the_books_are(world, closed_through_october)
        await rest(world, 2 * HOUR)
        assert await parked(world) == []
        await _posted(world)
        dates = [line.date.isoformat() for line in _vendor(world)]
        assert dates == ["2026-10-31", "2026-11-01"]
        assert _balance(world, "218900") == 0
        assert await waiting(world) == []

    live(story, OPTIONS, START)


def following_dynamics(value: dict[str, Any]) -> None:
    value["companies"]["usmf"]["closed_through"] = "follow"


def closed_through_october(value: dict[str, Any]) -> None:
    value["companies"]["usmf"]["closed_through"] = "2026-10-31"


def test_a_fee_that_comes_after_the_document_counts_in_the_next_month_and_is_told() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        world.stripe.set_faults(StripeFaults(delivery=DeliveryFaults(drop=1.0)))
        sell(world)
        await world.clock.sleep(10 * MINUTE)
        told = (await _confirm(world, FEE)).json()
        assert (told["difference"]["accrued_minor"], told["difference"]["later_minor"]) == (FEE, 0)
        for _ in range(2):  # doing it twice changes nothing
            world.host.fire("sweep_transactions")
            await rest(world)
        [difference] = (await _fees_of(world))["differences"]
        assert (difference["difference_minor"], difference["later_minor"]) == (0, FEE)
        [november] = (await _fees_of(world, "2026-11"))["fees"]
        assert (november["kind"], november["amount_minor"], november["lines"]) == ("fee", FEE, 1)

    live(story, OPTIONS, datetime(2026, 10, 31, 23, 50, tzinfo=UTC))


def test_lost_answers_of_dynamics_double_nothing() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        world.dynamics.faults = DynamicsFaults(error_after_commit=1.0)
        await _confirm(world, FEE)
        for _ in range(3):
            await rest(world, 2 * HOUR)
            world.dynamics.post_journals()
        assert _balance(world, "218900") == 0
        sets = ("VendInvoiceJournal", "VendorPaymentJournal")
        names = [f"{name}{part}" for name in sets for part in ("Headers", "Lines")]
        assert [len(world.dynamics.records(name)) for name in names] == [1, 1, 1, 1]
        assert await parked(world) == []

    live(story, OPTIONS, START)


def test_an_invoice_journal_that_somebody_deletes_is_put_before_a_person() -> None:
    async def story(world: World) -> None:
        await _sold_in_october(world)
        await world.clock.sleep(NOVEMBER)
        await _confirm(world, FEE)
        [line] = world.dynamics.records("VendInvoiceJournalLines")
        await edit(world, "DELETE", path_of("VendInvoiceJournalLines", line))
        key = f"dataAreaId='usmf',JournalBatchNumber='{line['JournalBatchNumber']}'"
        await edit(world, "DELETE", f"VendInvoiceJournalHeaders({key})?cross-company=true")
        await rest(world, DAY)
        [item] = await parked(world)
        assert (item.cause, item.object) == ("vanished", "feedoc_2026-10_usmf_usd_ABC-2026-10")
        assert "enter the invoice and its settlement" in item.remedy

    live(story, OPTIONS, START)
