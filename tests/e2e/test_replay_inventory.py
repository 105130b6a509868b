"""What a replay makes of files that are incomplete or odd, and how it says so."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from local import replay
from local.replay import read
from tests.exports import (
    AT,
    DAY,
    charge,
    customer,
    event,
    listed,
    payout,
    refund,
    thin_event,
    transaction,
)

FIXTURES = Path(__file__).parents[1] / "fixtures" / "replay"
INCOMPLETE = FIXTURES / "incomplete"
TIEOUT = Path(sys.executable).parent / "tieout"
COMMAND_SECONDS_MAX = 120

type Json = dict[str, Any]


def run(folder: Path, *items: Json) -> Json:
    """The report of a replay of these items, as a reader of its JSON gets it."""
    (folder / "items.json").write_text(json.dumps(items))
    found: Json = replay.run(read([folder]), lambda *_: None).figures()
    return found


def parked(found: Json) -> dict[str, str]:
    """The text of each parked object of the first mode."""
    return {
        each["object"]: each["text"]
        for each in found["summary"]["listed"]
        if each["kind"] == "parked"
    }


def lines(found: Json) -> Counter[str]:
    """How often each line was written, by its key."""
    return Counter(
        record["fields"]["PaymentId"]
        for record in found["records"]
        if "PaymentId" in record["fields"]
    )


def gap_of(found: Json, mode: str = "test") -> int:
    gap: int = found["modes"][mode]["proof"]["currencies"]["usd"]["gap_minor"]
    return gap


def missing(found: Json) -> dict[str, Json]:
    return {each["id"]: each for each in found["inventory"]["missing"]}


SOLD = (charge("ch_1", "txn_1"), transaction("txn_1", 10_000, "ch_1", fee=320))


# --- what the files lack --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj",
    [
        refund("re_1", "ch_1", "txn_absent"),
        {"id": "du_1", "object": "dispute", "charge": "ch_1", "created": AT, "livemode": False}
        | {"amount": 10_000, "currency": "usd", "status": "lost"}
        | {"balance_transactions": ["txn_absent"]},
        payout("po_1", 500, "txn_absent", automatic=False),
        {"id": "tu_1", "object": "topup", "created": AT, "livemode": False}
        | {"balance_transaction": "txn_absent"},
        {"id": "pi_1", "object": "payment_intent", "created": AT, "livemode": False}
        | {"charges": listed([charge("ch_2", "txn_absent")], "/v1/charges")},
    ],
    ids=lambda obj: str(obj["object"]),
)
def test_an_object_whose_transaction_the_files_lack_parks_though_no_event_tells_of_it(
    obj: Json, tmp_path: Path
) -> None:
    found = run(tmp_path, *SOLD, obj)
    assert parked(found)["txn_absent"] == "the files lack the balance transaction txn_absent"
    assert found["exit_code"] == 1
    export = missing(found)["txn_absent"]["export"]
    assert export == "stripe get /v1/balance_transactions/txn_absent > txn_absent.json"


def test_what_is_lacking_says_who_names_it_and_how_to_export_it(tmp_path: Path) -> None:
    live = charge("ch_1", "txn_absent", livemode=True, customer="cus_absent")
    found = run(tmp_path, live, event("evt_1", "charge.succeeded", live))
    lacking = missing(found)["txn_absent"]
    assert lacking["named_by"] == ["evt_1", "ch_1"]
    assert lacking["export"].startswith("stripe get /v1/balance_transactions/txn_absent --live")
    (told,) = found["events"]
    assert told["text"] == "the files lack the balance transaction txn_absent"
    assert told["remedy"] == (
        "The files lack txn_absent: export it (`stripe get /v1/balance_transactions/txn_absent "
        "--live > txn_absent.json`), then replay again."
    )


def test_a_customer_that_the_files_lack_is_named(tmp_path: Path) -> None:
    of = charge("ch_1", "txn_1", customer="cus_absent")
    found = run(tmp_path, of, SOLD[1])
    assert missing(found)["cus_absent"]["named_by"] == ["ch_1"]
    assert "key, account and mode" not in json.dumps(found["summary"]["listed"])


def test_an_object_without_its_transaction_yet_waits_and_makes_exit_code_3(tmp_path: Path) -> None:
    pending = charge("ch_2", None)
    found = run(tmp_path, *SOLD, pending, event("evt_1", "charge.succeeded", pending))
    (told,) = found["events"]
    assert (told["outcome"], told["cause"]) == ("waiting", "transaction_not_made")
    assert told["text"] == "The files do not show the balance transaction of charge ch_2"
    assert "export" in told["remedy"].lower()
    assert "ch_2" in missing(found)
    assert found["exit_code"] == 3


# --- events and objects that share something ------------------------------------------------------


def test_several_objects_under_one_event_id_all_count(tmp_path: Path) -> None:
    sold = event("evt_1", "charge.succeeded", SOLD[0])
    created = [event("evt_1", "customer.created", customer(f"cus_{each}")) for each in (1, 2, 3)]
    found = run(tmp_path, *SOLD, sold, *created)
    told = [(each["id"], each["object"], each["outcome"]) for each in found["events"]]
    assert told == [("evt_1", id, "done") for id in ("ch_1", "cus_1", "cus_2", "cus_3")]
    for each in found["events"][1:]:
        (record,) = each["records"]
        assert record["fields"]["StripeCustomerId_Custom"] == each["object"]
    assert any("4 different events have the id evt_1" in n for n in found["inventory"]["notes"])


def test_a_record_that_the_files_hold_twice_is_replayed_once(tmp_path: Path) -> None:
    sold = event("evt_1", "charge.succeeded", SOLD[0])
    found = run(tmp_path, *SOLD, *SOLD, sold, sold)
    assert [each["id"] for each in found["events"]] == ["evt_1"]
    assert found["inventory"]["read"] == {
        "files": 1,
        "events": 1,
        "objects": {"balance_transaction": 1, "charge": 1},
        "repeated": 3,
        "not_understood": 0,
    }


def test_a_record_of_dynamics_is_listed_once_with_all_the_events_that_led_to_it(
    tmp_path: Path,
) -> None:
    sold = event("evt_1", "charge.succeeded", SOLD[0])
    changed = event("evt_2", "charge.updated", SOLD[0], AT + 40)
    found = run(tmp_path, *SOLD, sold, changed, transaction("txn_2", -300, None, "stripe_fee"))
    assert lines(found) == {"txn_1:gross": 1, "txn_1:fee": 1, "txn_2:gross": 1}
    events = {each["fields"]["PaymentId"]: each["events"] for each in found["records"]}
    assert events["txn_1:gross"] == ["evt_1", "evt_2"]
    assert events["txn_2:gross"] == []
    assert [each["fields"]["PaymentId"] for each in found["records_without_event"]] == [
        "txn_2:gross"
    ]


def test_an_event_whose_object_only_names_ours_is_traced_to_it(tmp_path: Path) -> None:
    tax_id = {"id": "txi_1", "object": "tax_id", "country": "DE", "created": AT}
    tax_id |= {"customer": "cus_1", "livemode": False, "type": "eu_vat", "value": "DE123456789"}
    found = run(tmp_path, customer("cus_1"), event("evt_1", "customer.tax_id.created", tax_id))
    (told,) = found["events"]
    assert (told["object"], told["outcome"]) == ("cus_1", "done")
    assert [each["entity_set"] for each in told["records"]] == ["CustomersV3"]


# --- modes ----------------------------------------------------------------------------------------


def test_a_refund_has_the_mode_of_its_charge(tmp_path: Path) -> None:
    live = charge("ch_live", "txn_live", livemode=True)
    found = run(
        tmp_path,
        *SOLD,
        live,
        refund("re_live", "ch_live", "txn_back"),
        transaction("txn_live", 10_000, "ch_live"),
        transaction("txn_back", -2_500, "re_live", "refund", at=AT + 60),
    )
    keys = {record["fields"].get("PaymentId"): record["livemode"] for record in found["records"]}
    assert (keys["txn_back:gross"], keys["txn_1:gross"]) == (True, False)
    assert (gap_of(found, "live"), gap_of(found)) == (0, 0)
    assert found["exit_code"] == 0


def test_progress_counts_one_mode_at_a_time(tmp_path: Path) -> None:
    live = charge("ch_live", None, livemode=True)
    (tmp_path / "items.json").write_text(json.dumps([*SOLD, live]))
    told: list[tuple[str, int, int]] = []
    replay.run(read([tmp_path]), lambda *each: told.append(each))
    assert told == [("test objects", 2, 2), ("live objects", 1, 1)]


# --- payouts --------------------------------------------------------------------------------------

PAID = (transaction("txn_a", 1_000, "ch_a"), charge("ch_a", "txn_a", amount=1_000))


def own(id: str, amount: int, at: int = AT + 2 * DAY) -> Json:
    return transaction(f"txn_{id}", -amount, id, "payout", at=at)


def payouts(found: Json) -> dict[str, tuple[str, int]]:
    return {
        each["payout"]: (each["status"], each["members"]) for each in found["summary"]["payouts"]
    }


def test_a_payout_whose_members_stripe_did_not_list_claims_none(tmp_path: Path) -> None:
    found = run(tmp_path, *PAID, payout("po_1", 77_700, "txn_po_1"), own("po_1", 77_700))
    assert payouts(found) == {"po_1": ("not listed", 0)}
    assert missing(found)["po_1"]["export"] == (
        "stripe get /v1/balance_transactions -d payout=po_1 -d limit=100 > po_1.json"
    )
    assert found["exit_code"] == 3


def test_a_payout_that_is_not_itemised_takes_no_transaction_from_another(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        *PAID,
        payout("po_0", 1_000, reconciliation_status="in_progress", created=AT + DAY),
        payout("po_1", 1_000, "txn_po_1"),
        own("po_1", 1_000),
    )
    assert payouts(found) == {"po_1": ("tied", 1)}


def test_members_are_those_of_the_list_that_stripe_gave(tmp_path: Path) -> None:
    others = [
        each
        for name in "bc"
        for each in (
            transaction(f"txn_{name}", 500, f"ch_{name}", at=AT - DAY),
            charge(f"ch_{name}", f"txn_{name}", amount=500),
        )
    ]
    members = listed([own("po_1", 1_000), PAID[0]], "/v1/balance_transactions")
    found = run(tmp_path, *others, PAID[1], payout("po_1", 1_000, "txn_po_1"), members)
    assert payouts(found) == {"po_1": ("tied", 1)}
    assert found["exit_code"] == 0


def test_a_list_in_a_file_that_is_named_after_the_payout_is_its_members(tmp_path: Path) -> None:
    for number, data in enumerate(([own("po_1", 1_000)], [PAID[0]])):
        page = listed(data, "/v1/balance_transactions", has_more=not number)
        (tmp_path / f"po_1-{number}.json").write_text(json.dumps(page))
    older = (transaction("txn_old", 300, "ch_o", at=AT - DAY), charge("ch_o", "txn_old", 300))
    found = run(tmp_path, *older, PAID[1], payout("po_1", 1_000, "txn_po_1"))
    assert payouts(found) == {"po_1": ("tied", 1)}


# --- asynchronous methods -------------------------------------------------------------------------


def test_a_debit_that_failed_makes_no_gap_though_the_files_lack_its_pyr(tmp_path: Path) -> None:
    failed = charge("py_1", "txn_1", status="failed", paid=False)
    failed |= {"failure_balance_transaction": "txn_back"}
    found = run(
        tmp_path,
        event("evt_1", "charge.failed", failed),
        transaction("txn_1", 10_000, "py_1", "payment", fee=80),
        transaction("txn_back", -10_000, "pyr_1", "payment_failure_refund", at=AT + DAY),
    )
    assert lines(found) == {"txn_1:gross": 1, "txn_1:fee": 1, "txn_back:gross": 1}
    assert gap_of(found) == 0
    assert found["exit_code"] == 0
    assert any("pyr_1" in note for note in found["inventory"]["notes"])


@pytest.mark.parametrize("names", [("ch_1", "re_1"), ("py_1", "pyr_1")], ids=["ch re", "py pyr"])
@pytest.mark.parametrize("kinds", [("charge", "refund"), ("payment", "payment_refund")])
def test_payments_and_their_refunds_replay_like_charges(
    names: tuple[str, str], kinds: tuple[str, str], tmp_path: Path
) -> None:
    found = run(
        tmp_path,
        charge(names[0], "txn_1", amount_refunded=2_500, object=kinds[0]),
        refund(names[1], names[0], "txn_2", object=kinds[1]),
        transaction("txn_1", 10_000, names[0], kinds[0]),
        transaction("txn_2", -2_500, names[1], kinds[1], at=AT + 60),
    )
    assert lines(found) == {"txn_1:gross": 1, "txn_2:gross": 1}
    assert (found["exit_code"], gap_of(found)) == (0, 0)


# --- the inventory --------------------------------------------------------------------------------


def test_what_led_to_nothing_is_said_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "balance.csv").write_text("id,Type\ntxn_1,charge\n")
    found = run(
        tmp_path,
        *SOLD,
        {"id": "zz_1", "object": "zebra", "created": AT, "livemode": False},
        {"id": "pi_1", "object": "payment_intent", "created": AT, "livemode": False},
        customer("cus_1"),
        event("evt_1", "zebra.created", {"id": "zz_1", "object": "zebra"}, livemode=False),
        thin_event("evt_2", "v1.charge.succeeded", "ch_absent"),
    )
    unused = {each["id"]: each["why"] for each in found["inventory"]["unused"]}
    assert unused["zz_1"] == "Tieout does not know objects of this type"
    assert unused["pi_1"] == "nothing is booked from objects of this type"
    assert unused["cus_1"] == "nothing in the files leads to it"
    assert unused["evt_1"] == "Tieout does nothing for events of this type"
    assert unused["evt_2"] == "a thin event only names its object, ch_absent"
    assert unused[""].startswith("CSV is not read: export JSON")
    assert missing(found)["ch_absent"]["export"] == (
        "stripe get /v1/charges/ch_absent > ch_absent.json"
    )
    assert found["inventory"]["used"] == {
        "events": 0,
        "objects": {"balance_transaction": 1, "charge": 1},
    }


def test_a_list_that_goes_on_is_said_unless_the_next_page_is_there(tmp_path: Path) -> None:
    first = listed([charge("ch_1", "txn_1")], "/v1/charges", has_more=True)
    found = run(tmp_path, first, SOLD[1])
    (cut,) = found["inventory"]["missing"]
    assert cut["export"] == (
        "stripe get /v1/charges -d starting_after=ch_1 -d limit=100 > v1_charges_2.json"
    )
    assert found["exit_code"] == 3
    older = [charge("ch_0", "txn_0", created=AT - DAY), transaction("txn_0", 10_000, "ch_0")]
    found = run(tmp_path, first, SOLD[1], listed(older[:1], "/v1/charges"), older[1])
    assert found["inventory"]["missing"] == []


def test_a_charge_that_shows_only_some_of_its_refunds_is_said(tmp_path: Path) -> None:
    shown = listed([refund("re_1", "ch_1", "txn_2")], "/v1/charges/ch_1/refunds", has_more=True)
    of = charge("ch_1", "txn_1", amount_refunded=5_000, refunds=shown)
    back = transaction("txn_2", -2_500, "re_1", "refund", at=AT + 60)
    found = run(tmp_path, of, SOLD[1], back)
    assert missing(found)["ch_1"]["export"] == (
        "stripe get /v1/refunds -d charge=ch_1 -d limit=100 > refunds_ch_1.json"
    )


# --- the command ----------------------------------------------------------------------------------


def command(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TIEOUT, "replay", *arguments],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


def test_the_page_ends_with_an_inventory_of_one_of_each_odd_thing() -> None:
    done = command(INCOMPLETE)
    assert done.returncode == 1, done.stderr
    page = done.stdout.split("Inventory\n")[1]
    for said in (
        "read      10 files: 6 events, ",
        "2 parts not understood: see the top",
        "used      5 events, ",
        "zebra zz_odd1: Tieout does not know objects of this type",
        "thin event v1.charge.succeeded evt_oddThin: a thin event only names its object",
        "CSV is not read",
        "txn_oddAbsent, named by ch_oddNoTxn: the files lack it, so its amounts are not booked",
        "export: stripe get /v1/charges/ch_oddLost > ch_oddLost.json",
        "po_odd: the files do not list what it paid, so it claims no transactions",
        "the list /v1/charges goes on after its 2 items (`has_more`)",
        "ch_oddPending: is shown without its balance transaction",
        "2 different events have the id evt_oddShared",
        "pyr_oddDebit, which the files lack; py_oddDebit names it as its failure",
        "re_oddLost states no mode and nothing that does names it: taken for test mode",
    ):
        assert said in page
    assert done.stdout.count("PaymentId=txn_oddGood:gross") == 1
    assert "then retry" not in done.stdout
    assert "txn_oddLiveBack:gross" in done.stdout.split("live mode")[1]


@pytest.mark.parametrize("name", ["nowhere/report.json", ""])
def test_a_report_that_cannot_be_written_is_refused_before_the_run(
    name: str, tmp_path: Path
) -> None:
    done = command(FIXTURES / "live", "--report", tmp_path / name)
    assert done.returncode == 2
    assert "the report cannot be written to" in done.stderr
    assert done.stdout == ""


def test_the_report_among_the_files_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text(json.dumps(SOLD))
    codes = [command(tmp_path, "--report", tmp_path / "report.json").returncode for _ in range(2)]
    assert codes == [0, 0]


def test_the_help_tells_the_exit_codes_and_promises_no_csv() -> None:
    shown = " ".join(command("--help").stdout.replace("│", " ").split())
    assert "3 nothing is wrong, but something waits or is missing" in shown
    assert "JSON or JSON lines (not CSV)" in shown


# --- anything -------------------------------------------------------------------------------------

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", "txn_1", "ch_1", "\ud800", "a/b", "../..", 0, -1, 2**62, 10**30, 1.5),
    *([], {}, [[]], {"object": "list"}, {"id": "ch_1", "object": "charge"}, "usd", "zzz"),
)
FUZZED = 120
FUZZ_SEED = 9


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with a few of its parts, at any depth, replaced by odd ones, or left out."""
    if rng.random() < 0.02:
        return rng.choice(ODD_VALUES)
    if isinstance(value, dict):
        return {k: mutated(v, rng) for k, v in value.items() if rng.random() > 0.01}
    if isinstance(value, list):
        return [mutated(each, rng) for each in value]
    return value


def test_any_json_gives_a_report_or_a_clear_refusal(tmp_path: Path) -> None:
    whole = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (*sorted(INCOMPLETE.glob("*.json")), FIXTURES / "checkout" / "sale.json")
        if path.name != "broken.json"
    ]
    rng = random.Random(int(os.environ.get("REPLAY_FUZZ_SEED", FUZZ_SEED)))
    path = tmp_path / "odd.json"
    told = 0
    for _ in range(int(os.environ.get("REPLAY_FUZZED", FUZZED)) // len(whole)):
        path.write_text(json.dumps([mutated(each, rng) for each in whole]))
        exported = read([path])
        if exported.events or exported.objects:
            result = replay.run(exported, lambda *_: None)
            json.dumps(result.figures(), default=str)
            assert result.exit_code in (0, 1, 3)
            told += 1
        assert all(problem.reason for problem in exported.problems)
    assert told
