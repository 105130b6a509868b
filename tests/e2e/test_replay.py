"""Exported files of every API version through the real app: the report, the books, the proof."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from local import replay
from local.replay import read
from tests.world import Json

FIXTURES = Path(__file__).parents[1] / "fixtures" / "replay"
VERSIONS = sorted(path.name for path in (FIXTURES / "versions").iterdir())
TIEOUT = Path(sys.executable).parent / "tieout"
COMMAND_SECONDS_MAX = 60
LINES = ("CustomerPaymentJournalLines", "LedgerJournalLines")

ADA, GUEST = "Cust US-000001", "Cust STRIPE-ONETIME"
STORY = {
    "charge:gross": (ADA, "-100.00"),
    "charge:fee": ("Ledger 618900", "3.20"),
    "guest:gross": (GUEST, "-80.00"),
    "guest:fee": ("Ledger 618900", "2.62"),
    "refund:gross": (ADA, "25.00"),
    "dispute:gross": ("Ledger 132900", "80.00"),
    "dispute:fee": ("Ledger 618905", "15.00"),
    "payout:gross": ("Ledger 110900", "54.18"),
    "arrival": ("Bank USMF OPER", "54.18"),
}
"""What every version's folder tells: two charges, a refund, a dispute, and the payout of all."""


def report(*paths: Path) -> Json:
    """The report of a replay, as a reader of its JSON gets it."""
    found: Json = replay.run(read(paths), lambda *_: None).figures()
    return found


def records(found: Json) -> list[Json]:
    """Every record of the report, once."""
    named = [record for event in found["events"] for record in event["records"]]
    every = [*named, *found["records_without_event"]]
    return list({str((each["entity_set"], each["key"])): each for each in every}.values())


def booked(found: Json) -> dict[str, tuple[str, Decimal]]:
    """Account and amount (debit less credit) of each line, by `PaymentId`."""
    lines: dict[str, tuple[str, Decimal]] = {}
    for record in records(found):
        fields = record["fields"]
        if record["entity_set"] in LINES:
            account = f"{fields['AccountType']} {fields['AccountDisplayValue']}".replace("\\", "")
            amount = Decimal(fields.get("DebitAmount", 0)) - Decimal(fields.get("CreditAmount", 0))
            assert fields["PaymentId"] not in lines
            lines[fields["PaymentId"]] = (account, amount)
    return lines


def story(tag: str) -> dict[str, tuple[str, Decimal]]:
    """The lines of a version's folder, by their full keys."""
    return {
        f"po_{tag}:{key}" if key == "arrival" else f"txn_{tag}{key}": (account, Decimal(amount))
        for key, (account, amount) in STORY.items()
    }


def gaps(found: Json) -> dict[str, int]:
    return {name: each["gap_minor"] for name, each in found["proof"]["currencies"].items()}


NO_GAPS = {"usd": 0, "eur": 0, "jpy": 0}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_api_is_booked_alike(version: str) -> None:
    folder = FIXTURES / "versions" / version
    found = report(folder)
    assert booked(found) == story(version[:4])
    open_disputes = {"charge.dispute.created", "charge.dispute.funds_withdrawn"}
    for event in found["events"]:
        assert event["outcome"] == ("waiting" if event["type"] in open_disputes else "done")
    assert {event["http_status"] for event in found["events"]} == {202}
    assert gaps(found) == NO_GAPS
    (payout,) = found["summary"]["payouts"]
    assert (payout["payout"], payout["status"], payout["members"]) == (
        f"po_{version[:4]}",
        "tied",
        4,
    )
    (customer,) = [each for each in records(found) if each["entity_set"] == "CustomersV3"]
    assert customer["fields"]["OrganizationName"] == "Ada Lovelace"
    assert customer["fields"]["StripeCustomerId_Custom"] == f"cus_{version[:4]}Ada"
    assert replay.run(read([folder]), lambda *_: None).is_clean


def test_the_versions_are_those_whose_shapes_differ() -> None:
    assert [
        *("2017-08-15", "2019-12-03", "2020-08-27", "2022-11-15", "2024-06-20"),
        *("2025-03-31.basil", "2026-10-28.endive"),
    ] == VERSIONS
    for version in VERSIONS:
        events = read([FIXTURES / "versions" / version]).events
        assert {event["api_version"] for event in events} == {version}


def test_all_versions_at_once_stay_apart() -> None:
    found = report(FIXTURES / "versions")
    lines = booked(found)
    assert len(lines) == len(VERSIONS) * len(STORY)
    assert gaps(found) == NO_GAPS
    assert {payout["status"] for payout in found["summary"]["payouts"]} == {"tied"}


def test_files_in_another_order_and_twice_make_the_same_books() -> None:
    folder = FIXTURES / "versions" / VERSIONS[-1]
    files = sorted(folder.rglob("*.json"), reverse=True)
    assert booked(report(*files, *files)) == booked(report(folder))


def test_the_same_files_give_the_same_report() -> None:
    folder = FIXTURES / "versions" / VERSIONS[-1]
    first, second = (json.dumps(report(folder), default=str) for _ in range(2))
    assert first == second


CHECKOUT = FIXTURES / "checkout"
PAID = Decimal("106.63")


def fields(found: Json, entity_set: str) -> list[Json]:
    return [each["fields"] for each in records(found) if each["entity_set"] == entity_set]


def sum_of(found: Json, entity_set: str, name: str) -> Decimal:
    return sum((Decimal(str(each.get(name, 0))) for each in fields(found, entity_set)), Decimal())


@pytest.fixture(params=["usd", "eur"])
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The exported sale, and the sale with its refunds, in a currency of each company."""
    for path in CHECKOUT.iterdir():
        told = path.read_text(encoding="utf-8").replace('"eur"', f'"{request.param}"')
        (tmp_path / path.name).write_text(told, encoding="utf-8")
    return tmp_path


def test_a_checkout_payment_becomes_one_order_one_receipt_one_customer(checkout: Path) -> None:
    found = report(checkout / "sale.json")
    (order,) = fields(found, "SalesOrderHeadersV2")
    assert Decimal(str(order["OrderTotalAmount"])) == PAID
    lines = [
        (each["LineDescription"], each["OrderedSalesQuantity"], str(each["LineAmount"]))
        for each in fields(found, "SalesOrderLinesV3")
    ]
    assert lines == [
        *(("T-Shirt", 2, "39.98"), ("Lamp", 1, "45.5"), ("Shipping", 1, "4.9")),
        ("Tax", 1, "16.25"),
    ]
    (receipt,) = fields(found, "CustomerPaymentJournalLines")
    assert receipt["CreditAmount"] == PAID
    assert receipt["MarkedInvoice"] == "INV-000001"
    customers = [each for each in records(found) if each["entity_set"] == "CustomersV3"]
    assert len(customers) == len({each["company"] for each in customers} | {"usmf"})
    assert {event["outcome"] for event in found["events"]} == {"done", "skipped"}


def test_a_partial_and_a_final_refund_credit_what_was_paid(checkout: Path) -> None:
    found = report(checkout / "sale_and_refunds.json")
    (order,) = fields(found, "SalesOrderHeadersV2")
    assert Decimal(str(order["OrderTotalAmount"])) == PAID
    assert len(fields(found, "CDSFreeTextInvoiceHeaders")) == 2
    assert sum_of(found, "CDSFreeTextInvoiceLines", "TransactionCurrencyAmount") == -PAID
    assert sum_of(found, "CustomerPaymentJournalLines", "CreditAmount") == PAID
    assert sum_of(found, "CustomerPaymentJournalLines", "DebitAmount") == PAID
    assert gaps(found) == {**NO_GAPS}


def test_credits_are_the_same_in_whichever_order_the_files_hold_the_events(tmp_path: Path) -> None:
    told = json.loads((CHECKOUT / "sale_and_refunds.json").read_text(encoding="utf-8"))
    (tmp_path / "backwards.json").write_text(json.dumps({**told, "data": told["data"][::-1]}))
    found = report(tmp_path)
    assert sum_of(found, "CDSFreeTextInvoiceLines", "TransactionCurrencyAmount") == -PAID
    assert booked(found) == booked(report(CHECKOUT / "sale_and_refunds.json"))


def apart(folder: Path, name: str, change: Any) -> Path:
    """The exported file, its objects changed one by one (to a list; nothing: left out)."""
    told = json.loads((CHECKOUT / name).read_text(encoding="utf-8"))
    data = [made for item in told["data"] for made in change(item)]
    folder.joinpath("changed.json").write_text(json.dumps({**told, "data": data}))
    return folder


def test_a_sale_and_its_refunds_come_out_of_objects_alone(tmp_path: Path) -> None:
    def no_events(item: Json) -> list[Json]:
        return [] if item["object"] == "event" else [item]

    found = report(apart(tmp_path, "sale_and_refunds.json", no_events))
    (order,) = fields(found, "SalesOrderHeadersV2")
    assert Decimal(str(order["OrderTotalAmount"])) == PAID
    assert sum_of(found, "CDSFreeTextInvoiceLines", "TransactionCurrencyAmount") == -PAID
    assert gaps(found) == NO_GAPS


def test_line_items_may_be_a_list_of_their_own(tmp_path: Path) -> None:
    def own_list(item: Json) -> list[Json]:
        if item["object"] != "checkout.session":
            return [item]
        url = f"/v1/checkout/sessions/{item['id']}/line_items"
        listed = {**item.pop("line_items"), "has_more": False, "url": url}
        return [{"object": "list", "data": [], "url": url, "has_more": True}, listed, item]

    found = report(apart(tmp_path, "sale.json", own_list))
    assert found["problems"] == []
    assert len(fields(found, "SalesOrderLinesV3")) == 4


def test_line_items_that_are_not_all_there_are_a_problem(tmp_path: Path) -> None:
    def cut(item: Json) -> list[Json]:
        if item["object"] == "checkout.session":
            item["line_items"]["has_more"] = True
        return [item]

    url = "/v1/checkout/sessions/cs_elsewhere/line_items"
    lost = {"object": "list", "data": [{"id": "li_1"}, 7], "has_more": True, "url": url}
    (tmp_path / "lost.json").write_text(json.dumps(lost))
    problems = [each.reason for each in read([apart(tmp_path, "sale.json", cut)]).problems]
    assert problems == [
        "holds a line item without `id`",
        "shows only some of its line items: export them all",
        "line items of cs_elsewhere, which is not there",
    ]


OUTCOMES = {
    "evt_out_done": ("done", ""),
    "evt_out_waiting": ("waiting", "transaction_not_made"),
    "evt_out_failed": ("skipped", "charge_failed"),
    "evt_out_other": ("parked", "settled_in_other_currency"),
    "evt_out_fees": ("parked", "unsupported_category"),
    "evt_out_missing": ("parked", "object_missing"),
    "evt_out_unknown": ("skipped", "unknown_type"),
    "evt_out_noid": ("skipped", "no_object_id"),
}


@pytest.fixture(scope="module")
def outcomes() -> Json:
    return report(FIXTURES / "outcomes")


def test_each_event_is_told_its_outcome_and_cause(outcomes: Json) -> None:
    found = {event["id"]: (event["outcome"], event["cause"]) for event in outcomes["events"]}
    assert found == OUTCOMES


def test_an_event_of_the_report_has_all_that_a_reader_needs(outcomes: Json) -> None:
    done = next(event for event in outcomes["events"] if event["id"] == "evt_out_done")
    assert {name: done[name] for name in done if name != "records"} == {
        "id": "evt_out_done",
        "type": "charge.updated",
        "object": "ch_out_done",
        "http_status": 202,
        "outcome": "done",
        "cause": "",
        "text": "",
        "remedy": "",
        "livemode": False,
    }
    gross = next(r for r in done["records"] if r["entity_set"] == LINES[0])
    assert sorted(gross) == ["company", "entity_set", "fields", "key"]
    assert sorted(gross["key"]) == ["JournalBatchNumber", "LineNumber", "dataAreaId"]
    assert gross["fields"]["PaymentId"] == "txn_out_done:gross"
    assert gross["fields"]["CreditAmount"] == 100
    assert gross["fields"]["AccountDisplayValue"] == "STRIPE\\-ONETIME"


def test_what_is_parked_says_what_to_do(outcomes: Json) -> None:
    parked = [event for event in outcomes["events"] if event["outcome"] == "parked"]
    assert len(parked) == 3
    for event in parked:
        assert event["text"]
        assert event["remedy"]


def test_a_transaction_that_is_not_booked_is_the_gap(outcomes: Json) -> None:
    assert gaps(outcomes) == {**NO_GAPS, "usd": 9_680, "cad": 0}
    assert outcomes["proof"]["currencies"]["usd"]["differences"] == [
        {"kind": "not_written", "id": "txn_out_other", "amount_minor": 9_680}
    ]


def test_an_unknown_fee_is_on_suspense_and_the_rest_where_it_belongs(outcomes: Json) -> None:
    lines = {key: line for key, line in booked(outcomes).items() if key.startswith("txn_out_fees")}
    assert lines == {
        "txn_out_fees:gross": (GUEST, Decimal("-100.00")),
        "txn_out_fees:fee": ("Ledger 618900", Decimal("3.20")),
        "txn_out_fees:other_fee": ("Ledger 199900", Decimal("0.07")),
    }


def test_objects_without_any_event_are_booked_by_the_sweep() -> None:
    found = report(FIXTURES / "objects")
    assert found["events"] == []
    assert booked(found) == {
        "txn_objcharge:gross": (ADA, Decimal("-100.00")),
        "txn_objcharge:fee": ("Ledger 618900", Decimal("3.20")),
        "txn_objrefund:gross": (ADA, Decimal("25.00")),
    }
    assert gaps(found) == NO_GAPS


def test_live_files_are_replayed_in_live_mode() -> None:
    found = report(FIXTURES / "live")
    assert [(event["outcome"], event["livemode"]) for event in found["events"]] == [
        ("done", True)
    ] * 2
    assert sorted(booked(found)) == ["txn_livecharge:fee", "txn_livecharge:gross"]
    assert list(found["modes"]) == ["live"]


def test_files_of_both_modes_are_replayed_apart() -> None:
    found = report(FIXTURES / "live", FIXTURES / "outcomes")
    assert sorted(found["modes"]) == ["live", "test"]
    assert {event["livemode"] for event in found["events"]} == {False, True}
    figures = {mode: each["proof"]["currencies"]["usd"] for mode, each in found["modes"].items()}
    assert figures["live"]["gap_minor"] == 0
    assert figures["test"]["gap_minor"] == 9_680


ODD: dict[str, str] = {
    "broken.json": "not JSON in UTF-8",
    "empty_file.json": "not JSON in UTF-8",
    "latin1.json": "not JSON in UTF-8",
    "number.json": "is not a JSON object",
    "text.json": "is not a JSON object",
    "items.json[1]": "is not a JSON object",
    "items.json[2]": "is not a JSON object",
    "items.json[3]": "must have `object`",
    "items.json[4]": "must have `id`",
    "items.json[5]": "must have `data.object`",
    "items.json[6]": "must have `id`",
    "items.json[7]": "must have `amount` of type int",
}


def test_each_part_that_is_not_understood_is_named() -> None:
    found = read([FIXTURES / "odd", FIXTURES / "nowhere"])
    problems = {Path(problem.where).name: problem.reason for problem in found.problems}
    assert problems.pop("nowhere") == "does not exist"
    assert sorted(problems) == sorted(ODD)
    for where, reason in ODD.items():
        assert problems[where].startswith(reason)
    assert [item["id"] for item in found.objects] == ["cus_itemAda", "cus_markAda"]


def test_what_is_understood_beside_what_is_not_is_still_replayed() -> None:
    found = report(FIXTURES / "odd", FIXTURES / "live")
    assert len(found["problems"]) == len(ODD)
    assert "txn_livecharge:gross" in booked(found)


# --- the command --------------------------------------------------------------------------------


def command(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TIEOUT, "replay", *arguments],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )


def test_the_command_prints_a_page_and_writes_the_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    done = command(FIXTURES / "versions" / VERSIONS[0], "--report", path)
    assert done.returncode == 3, done.stderr  # its dispute is open
    last = done.stdout.strip().splitlines()[-1]
    assert last == "tie-out difference: USD 0.00  EUR 0.00  JPY 0"
    assert "evt_2017x01  charge.succeeded  ch_2017a  HTTP 202  done" in done.stdout
    written: Any = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    assert booked(written) == story("2017")


def test_the_command_ends_with_1_when_something_is_left_to_do() -> None:
    done = command(FIXTURES / "outcomes", "--json")
    assert done.returncode == 1, done.stderr
    assert len(json.loads(done.stdout)["events"]) == len(OUTCOMES)


def test_the_page_shows_what_is_parked_though_no_event_tells_of_it(tmp_path: Path) -> None:
    def unknown_item(item: Json) -> list[Json]:
        if item["object"] == "charge":
            item["metadata"] = {"items": json.dumps([{"item": "NOWHERE", "amount": 10_663}])}
            item["payment_intent"] = None
        return [] if item["object"] in ("event", "checkout.session") else [item]

    done = command(apart(tmp_path, "sale.json", unknown_item))
    assert done.returncode == 1, done.stderr
    assert "parked: charge ch_" in done.stdout
    assert "'NOWHERE'" in done.stdout


def test_the_command_ends_with_2_when_there_is_nothing_to_replay(tmp_path: Path) -> None:
    done = command(FIXTURES / "odd" / "broken.json", tmp_path / "nowhere", tmp_path)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert "broken.json: not JSON in UTF-8" in lines[0]
    assert lines[1].endswith("nowhere: does not exist")
    assert lines[2].endswith("holds no *.json file")
    assert lines[-1] == "no Stripe event or object found"
    assert done.stdout == ""
