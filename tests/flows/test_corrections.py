"""What a person orders about written lines: suspense cleared, a posted line taken back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cli.documents import as_text
from local import books
from local.world import Options, World
from tests.flows.test_fees import OPTIONS as FEE_OPTIONS
from tests.flows.test_parked import _stored, _sweep
from tests.flows.test_what_follows_a_sale import closed, now_the_books_are, now_the_policy_is
from tests.world import (
    FEES,
    GENERAL,
    NO_GAPS,
    SUSPENSE,
    Booked,
    ask,
    booked_and_proved,
    encoded,
    everything,
    gaps,
    lines,
    live,
    parked,
    rest,
    sell,
    transactions_of,
    usd,
)

WHO = {"who": "Grace", "why": "a purchase of carbon removal"}
CONTRIBUTIONS = "Ledger 618940"
DECLARED = "key (declared: Grace)"


async def _order(world: World, route: str, txn: str, **body: Any) -> httpx.Response:
    answer = await ask(world, "POST", route, encoded({"transaction": txn, **WHO, **body}))
    await rest(world)
    return answer


async def _suspended(world: World, **changes: Any) -> None:
    world.stripe.control.store_objects([_stored("txn_odd", **changes)])
    await _sweep(world)


async def _corrections(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await world.get("proof"))["currencies"]["usd"]["corrections"]
    return found


def _reclassed(account: str, amount: str) -> Booked:
    return replace(usd(GENERAL, account, amount), offset=SUSPENSE)


# --- suspense -------------------------------------------------------------------------------


def test_a_reclass_clears_suspense_ends_the_item_and_is_named_in_the_proof() -> None:
    async def story(world: World) -> None:
        await _suspended(world)
        answer = await _order(world, "reclass", "txn_odd", to="contributions")
        assert answer.status_code == 202
        assert answer.json() == {"key": "txn_odd:reclass", "written": False, "sent": 1}
        assert lines(world) == {
            "txn_odd:gross": usd(GENERAL, SUSPENSE, "12.34"),
            "txn_odd:reclass": _reclassed(CONTRIBUTIONS, "12.34"),
        }
        await booked_and_proved(world)
        [named] = await _corrections(world)
        told = {name: named[name] for name in ("kind", "keys", "amount_minor", "to", "written")}
        assert told == {
            "kind": "reclass",
            "keys": ["txn_odd:reclass"],
            "amount_minor": 1_234,
            "to": "contributions",
            "written": True,
        }
        assert (named["who"], named["why"]) == (DECLARED, WHO["why"])
        [entry] = (await world.get("audit?action=reclass"))["entries"]
        assert (entry["who"], entry["objects"]) == (DECLARED, ["txn_odd"])
        assert entry["detail"]["to"] == "contributions"

    live(story)


def test_a_fee_of_an_unknown_kind_and_its_transaction_are_cleared_by_one_entry() -> None:
    async def story(world: World) -> None:
        fee = [{"amount": 66, "currency": "usd", "type": "tide_fee"}]
        await _suspended(world, fee=66, net=-1_300, fee_details=fee)
        assert (await _order(world, "reclass", "txn_odd", to="fees")).status_code == 202
        assert lines(world)["txn_odd:reclass"] == _reclassed(FEES, "13.00")
        await booked_and_proved(world)

    live(story)


def test_the_same_reclass_again_writes_nothing_and_another_one_is_refused() -> None:
    async def story(world: World) -> None:
        await _suspended(world)
        await _order(world, "reclass", "txn_odd", to="contributions")
        before = everything(world)
        again = await _order(world, "reclass", "txn_odd", to="contributions", who="Ada")
        assert again.json() == {"key": "txn_odd:reclass", "written": True, "sent": 0}
        other = await _order(world, "reclass", "txn_odd", to="fees")
        assert (other.status_code, other.json()["code"]) == (409, "correction_refused")
        assert "ordered another reclass to contributions" in other.json()["message"]
        await _sweep(world)
        assert everything(world) == before
        assert len(await _corrections(world)) == 1
        assert len((await world.get("audit?action=reclass"))["entries"]) == 1

    live(story)


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no role": ({"to": "sponges"}, 409, "'sponges' is no role"),
    "no text": ({"to": 7}, 400, "to is missing"),
    "clearing": ({"to": "clearing"}, 409, "Tieout follows clearing"),
    "suspense itself": ({"to": "suspense"}, 409, "Tieout follows suspense"),
    "an account that the books lack": ({"to": "tax_funds"}, 409, "has no account for the role"),
    "nobody": ({"to": "fees", "who": " "}, 409, "needs both who and why"),
    "no reason": ({"to": "fees", "why": ""}, 409, "needs both who and why"),
    "a reason of two lines": ({"to": "fees", "why": "a\nb"}, 409, "why must be one line"),
    "a reason without end": ({"to": "fees", "why": "a" * 501}, 409, "why must be one line"),
    "no day": ({"to": "fees", "date": "2026-13-01"}, 400, "date must be a day"),
    "tomorrow": ({"to": "fees", "date": "2026-10-02"}, 409, "date must be from 2026-10-01"),
    "before the line": ({"to": "fees", "date": "2026-09-30"}, 409, "date must be from 2026-10-01"),
    "another transaction": ({"to": "fees", "transaction": "txn_none"}, 409, "wrote nothing for"),
    "no id": ({"to": "fees", "transaction": "txn_odd:gross"}, 409, "is not a Stripe id"),
}


def _without_tax_funds() -> Options:
    given = books.settings(stripe_url="", dynamics_url="http://127.0.0.1:7365")
    value = given.books.model_dump(mode="json")
    del value["companies"]["usmf"]["accounts"]["tax_funds"]
    return replace(Options(), settings={"books": value})


@pytest.mark.parametrize("name", REFUSED)
def test_a_reclass_that_cannot_be_is_refused_and_nothing_is_stored(name: str) -> None:
    body, status, reason = REFUSED[name]

    async def story(world: World) -> None:
        await _suspended(world)
        before = everything(world)
        answer = await _order(world, "reclass", "txn_odd", **body)
        assert (answer.status_code, reason in answer.json()["message"]) == (status, True)
        assert everything(world) == before
        assert await _corrections(world) == []
        assert (await world.get("audit?action=reclass"))["entries"] == []
        assert [item.cause for item in await parked(world)] == ["unsupported_category"]

    live(story, _without_tax_funds())


def test_a_reclass_takes_an_account_that_only_published_books_have() -> None:
    async def story(world: World) -> None:
        await _suspended(world)
        plain = world.settings.books.model_dump(mode="json", exclude_none=True)
        account = {"type": "Ledger", "id": "618940"}
        plain["companies"]["usmf"]["accounts"]["tax_funds"] = account
        await now_the_policy_is(world, as_text({"kind": "books", "name": "main", **plain}))
        assert (await _order(world, "reclass", "txn_odd", to="tax_funds")).status_code == 202
        assert lines(world)["txn_odd:reclass"] == _reclassed(CONTRIBUTIONS, "12.34")
        await booked_and_proved(world)

    live(story, _without_tax_funds())


def test_what_is_not_on_suspense_is_not_cleared() -> None:
    async def story(world: World) -> None:
        txn = world.stripe.bill_fee(250, "usd", "Radar for September")
        await _sweep(world)
        answer = await _order(world, "reclass", txn, to="fees")
        assert answer.status_code == 409
        assert f"nothing of {txn} is on suspense" in answer.json()["message"]
        await booked_and_proved(world)

    live(story)


def test_a_closed_period_refuses_a_reclass_until_an_open_day_is_named() -> None:
    async def story(world: World) -> None:
        await _suspended(world)
        now_the_books_are(world, closed)
        answer = await _order(world, "reclass", "txn_odd", to="fees")
        assert answer.status_code == 409
        assert "usmf is closed through 2026-10-01" in answer.json()["message"]
        await world.clock.sleep(86_400)
        assert (await _order(world, "reclass", "txn_odd", to="fees")).status_code == 202
        assert lines(world)["txn_odd:reclass"].date == "2026-10-02"
        await booked_and_proved(world)

    live(story)


# --- reversals ------------------------------------------------------------------------------


async def _billed(world: World) -> str:
    """A fee that Stripe billed, posted; returns its transaction."""
    txn = world.stripe.bill_fee(250, "usd", "Radar for September")
    await _sweep(world)
    world.dynamics.post_journals()
    return txn


def _fees_are(account: str) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        found["companies"]["usmf"]["accounts"]["fees"] = {"type": "Ledger", "id": account}

    return change


def test_a_reversal_with_a_replacement_takes_back_the_old_account_and_books_on_todays() -> None:
    async def story(world: World) -> None:
        txn = await _billed(world)
        now_the_books_are(world, _fees_are("618940"))
        answer = await _order(world, "reverse", txn, replace=True)
        assert answer.json() == {"key": f"{txn}:gross:rev1", "written": False, "sent": 1}
        assert lines(world) == {
            f"{txn}:gross": usd(GENERAL, FEES, "2.50"),
            f"{txn}:gross:rev1": usd(GENERAL, FEES, "-2.50"),
            f"{txn}:gross:g1": usd(GENERAL, CONTRIBUTIONS, "2.50"),
        }
        await booked_and_proved(world)
        [named] = await _corrections(world)
        assert named["keys"] == [f"{txn}:gross:rev1", f"{txn}:gross:g1"]
        assert (named["kind"], named["amount_minor"], named["written"]) == ("reversal", -250, True)
        [entry] = (await world.get("audit?action=reverse"))["entries"]
        assert (entry["who"], entry["objects"]) == (DECLARED, [txn])

    live(story)


def test_a_reversal_stays_what_it_is_when_the_books_change_again() -> None:
    async def story(world: World) -> None:
        txn = await _billed(world)
        now_the_books_are(world, _fees_are("618940"))
        await _order(world, "reverse", txn, replace=True)
        now_the_books_are(world, _fees_are("618900"))
        world.dynamics.post_journals()
        before = everything(world)
        again = await _order(world, "reverse", txn, replace=True)
        assert again.json() == {"key": f"{txn}:gross:rev1", "written": True, "sent": 0}
        await _sweep(world)
        world.host.fire("audit")
        await rest(world)
        assert everything(world) == before
        await booked_and_proved(world)

    live(story)


def test_a_reversal_without_a_replacement_is_a_gap_that_the_proof_names() -> None:
    async def story(world: World) -> None:
        txn = await _billed(world)
        assert (await _order(world, "reverse", txn)).status_code == 202
        assert list(lines(world)) == [f"{txn}:gross", f"{txn}:gross:rev1"]
        assert await gaps(world) == NO_GAPS | {"usd": -250}
        proof = (await world.get("proof"))["currencies"]["usd"]
        assert [each["id"] for each in proof["differences"]] == [txn]
        assert [each["keys"] for each in proof["corrections"]] == [[f"{txn}:gross:rev1"]]
        other = await _order(world, "reverse", txn, replace=True)
        assert (other.status_code, other.json()["code"]) == (409, "correction_refused")

    live(story)


def test_a_fee_line_of_a_charge_is_taken_back_alone() -> None:
    async def story(world: World) -> None:
        charge = sell(world)
        await rest(world)
        world.dynamics.post_journals()
        [txn] = transactions_of(world, charge)
        before = lines(world, txn["id"])
        answer = await _order(world, "reverse", txn["id"], line="fee", replace=True)
        assert answer.status_code == 202
        fee = before[f"{txn['id']}:fee"]
        assert lines(world, txn["id"]) == {
            **before,
            f"{txn['id']}:fee:rev1": replace(fee, amount=-fee.amount),
            f"{txn['id']}:fee:g1": fee,
        }
        await booked_and_proved(world)

    live(story)


def test_a_correction_of_an_accrued_fee_is_listed_with_its_kind() -> None:
    async def story(world: World) -> None:
        charge = sell(world)
        await rest(world)
        world.dynamics.post_journals()
        [txn] = transactions_of(world, charge)
        await _order(world, "reverse", txn["id"], line="fee")
        [fee] = (await world.get("fees?month=2026-10"))["fees"]
        assert (fee["kind"], fee["amount_minor"], fee["lines"]) == ("fee", 0, 2)

    live(story, FEE_OPTIONS)


def test_a_draft_is_not_reversed() -> None:
    async def story(world: World) -> None:
        txn = world.stripe.bill_fee(250, "usd", "Radar for September")
        await _sweep(world)
        answer = await _order(world, "reverse", txn)
        assert answer.status_code == 409
        assert "is a draft in journal" in answer.json()["message"]
        await booked_and_proved(world)

    live(story)


NOT_REVERSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "a customer's line": ({"line": "gross"}, 409, "is on customer, which other documents follow"),
    "a line that is not there": ({"line": "tide"}, 409, "has no line 'tide'; it has: fee, gross"),
    "a word for a choice": (
        {"line": "fee", "replace": "yes"},
        400,
        "replace must be true or",
    ),
    "no line at all": ({"line": 3}, 400, "line is missing"),
}


@pytest.mark.parametrize("name", NOT_REVERSED)
def test_a_reversal_that_cannot_be_is_refused(name: str) -> None:
    body, status, reason = NOT_REVERSED[name]

    async def story(world: World) -> None:
        charge = sell(world)
        await rest(world)
        world.dynamics.post_journals()
        [txn] = transactions_of(world, charge)
        before = everything(world)
        answer = await _order(world, "reverse", txn["id"], **body)
        assert (answer.status_code, reason in answer.json()["message"]) == (status, True)
        assert everything(world) == before
        assert await _corrections(world) == []

    live(story)


def test_what_is_on_suspense_is_not_reversed_but_reclassed() -> None:
    async def story(world: World) -> None:
        await _suspended(world)
        world.dynamics.post_journals()
        answer = await _order(world, "reverse", "txn_odd")
        assert answer.status_code == 409
        assert "clear it with tieout reclass txn_odd" in answer.json()["message"]
        await _order(world, "reclass", "txn_odd", to="fees")
        world.dynamics.post_journals()
        again = await _order(world, "reverse", "txn_odd", line="reclass")
        assert again.status_code == 409
        assert "only a line that Stripe's amounts led to" in again.json()["message"]

    live(story)


def test_a_reapply_renders_a_draft_reversal_anew_and_leaves_it_its_accounts() -> None:
    async def story(world: World) -> None:
        txn = await _billed(world)
        now_the_books_are(world, _fees_are("618940"))
        await _order(world, "reverse", txn, replace=True)
        now_the_books_are(world, _fees_are("618900"))
        texts = "kind: mapping\nname: texts\nextends: general_line\nfields:\n  Text: {value: new}\n"
        documents = [{"name": "texts", "text": texts}]
        name: dict[str, str] = {}
        for route, body in (
            ("mappings", {"documents": documents}),
            ("mappings/preview", {}),
            ("mappings/publish", {}),
            ("mappings/reapply", {}),
        ):
            found = (await ask(world, "POST", route, encoded({**WHO, **name, **body}))).json()
            name = name or {"set": found["set"]}
        await rest(world)
        told = {row["PaymentId"]: row["Text"] for row in world.dynamics.records(GENERAL)}
        assert told[f"{txn}:gross:rev1"] == told[f"{txn}:gross:g1"] == "new"
        assert lines(world)[f"{txn}:gross:rev1"] == usd(GENERAL, FEES, "-2.50")
        await booked_and_proved(world)

    live(story)


def test_what_a_person_resolved_is_not_reclassed_until_it_is_retried() -> None:
    async def story(world: World) -> None:
        await _suspended(world)
        [item] = (await world.get("inbox"))["items"]
        given = {"ids": [item["id"]], "reason": "a test", "who": "Grace", "not_to_book": True}
        assert (await ask(world, "POST", "inbox/resolve", encoded(given))).status_code == 200
        answer = await _order(world, "reclass", "txn_odd", to="fees")
        assert answer.status_code == 409
        assert "txn_odd was resolved by hand: retry it first" in answer.json()["message"]
        assert list(lines(world)) == ["txn_odd:gross"]

    live(story)
