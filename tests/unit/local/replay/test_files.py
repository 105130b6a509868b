"""Reading exported files: whatever form JSON has in them, and what is said of the rest."""

import json
from pathlib import Path

import pytest

from local.replay.exported import Exported
from local.replay.files import read
from tests.exports import AT, DAY, charge, event, listed, payout, refund, transaction

FIRST, SECOND = charge("ch_1", "txn_1"), charge("ch_2", "txn_2")


def ids(found: Exported) -> list[str]:
    return [item["id"] for item in (*found.events, *found.objects)]


def problems(found: Exported) -> list[str]:
    return [f"{Path(each.where).name}: {each.reason}" for each in found.problems]


LINES = f"{json.dumps(FIRST)}\n\n{json.dumps(SECOND)}\n"


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.JSONL", "a.json"])
def test_json_lines_are_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LINES)
    found = read([tmp_path])
    assert (ids(found), problems(found)) == (["ch_1", "ch_2"], [])


def test_a_broken_line_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINES.replace("\n\n", '\n{"id": "ch\n'))
    found = read([tmp_path])
    assert ids(found) == ["ch_1", "ch_2"]
    assert problems(found)[0].startswith("a.jsonl:2: not JSON in UTF-8")


def test_values_one_after_the_other_are_read_as_pages_of_the_stripe_cli_are(tmp_path: Path) -> None:
    pages = [listed([each], "/v1/charges") for each in (FIRST, SECOND)]
    (tmp_path / "a.json").write_text("\n".join(json.dumps(page, indent=2) for page in pages))
    found = read([tmp_path])
    assert (ids(found), problems(found)) == (["ch_1", "ch_2"], [])


def test_what_stands_before_a_broken_value_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f"{json.dumps(FIRST, indent=2)}\n{{oops")
    found = read([tmp_path])
    assert ids(found) == ["ch_1"]
    assert problems(found)[0].startswith("a.json:")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_marks_of_windows_are_no_obstacle(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(FIRST), encoding=encoding)
    assert ids(read([tmp_path])) == ["ch_1"]


@pytest.mark.parametrize(
    "wrapped",
    [
        {"specversion": "1.0", "type": "x", "data": event("evt_1", "charge.succeeded", FIRST)},
        {"detail-type": "x", "detail": event("evt_1", "charge.succeeded", FIRST)},
        {"data": [event("evt_1", "charge.succeeded", FIRST)], "next_page_url": None},
    ],
    ids=["event grid", "eventbridge", "list of API v2"],
)
def test_what_others_wrap_around_an_event_is_taken_off(
    wrapped: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(wrapped))
    assert ids(read([tmp_path])) == ["evt_1"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"id": "ch_1", "object": "charge", "amount": NaN}', "holds NaN, which is not JSON"),
        ('{"id": "ch_1", "object": "charge", "amount": 1e999}', "a number that is too large"),
        (f'{{"id": "ch_1", "object": "charge", "amount": 1{"0" * 30}}}', "too large"),
        (f'{{"id": "ch_1", "object": "charge", "a": {"[" * 120}{"]" * 120}}}', "levels deep"),
        ("[" * 20 + "]" * 20, "a list in more than 10 lists"),
        ("[" * 100_000, "not JSON in UTF-8"),
        ('{"object": "list", "data": 7}', "a list without `data`"),
        ('{"error": {"message": "No such charge"}}', "an error that Stripe answered"),
        ('{"id": "ch/1", "object": "charge"}', "an `id` that no charge of Stripe has"),
    ],
)
def test_what_no_object_of_stripe_looks_like_is_refused_by_name(
    text: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text(text)
    found = read([tmp_path])
    assert ids(found) == []
    assert reason in problems(found)[0]


def test_an_object_with_a_type_and_data_of_its_own_is_no_event(tmp_path: Path) -> None:
    odd = {"id": "x_1", "object": "zebra", "type": "striped", "data": {"stripes": 7}}
    (tmp_path / "a.json").write_text(json.dumps(odd))
    assert [obj["id"] for obj in read([tmp_path]).objects] == ["x_1"]


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"id": "cus_1", "object": "customer", "name": "a\\ud800"}')
    assert read([tmp_path]).objects[0]["name"] == "a?"


def test_csv_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,amount\nch_1,100\n")
    assert "a.csv: CSV is not read: export JSON" in problems(read([tmp_path / "a.csv"]))[0]
    (note,) = read([tmp_path]).unread
    assert note.reason.startswith("CSV is not read")


def test_a_file_that_two_paths_name_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(FIRST))
    found = read([tmp_path, tmp_path / "a.json"])
    assert (found.files, found.repeated) == (1, 0)


def test_of_two_states_of_an_object_the_one_that_was_read_last_counts(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([FIRST, FIRST | {"amount_refunded": 5}]))
    found = read([tmp_path])
    assert [obj["amount_refunded"] for obj in found.objects] == [5]
    assert "ch_1 is in" in found.notes[0]


def test_events_that_share_an_id_and_differ_get_ids_of_their_own(tmp_path: Path) -> None:
    events = [event("evt_1", "charge.succeeded", each) for each in (FIRST, SECOND, FIRST)]
    taken = event("evt_1_2", "charge.updated", FIRST)
    (tmp_path / "a.json").write_text(json.dumps([taken, *events]))
    found = read([tmp_path])
    assert ids(found) == ["evt_1_2", "evt_1", "evt_1_3"]
    assert (found.event_ids, found.repeated) == ({"evt_1_3": "evt_1"}, 1)


def test_an_event_takes_an_unstated_mode_from_its_object(tmp_path: Path) -> None:
    told = event("evt_1", "charge.succeeded", FIRST | {"livemode": True})
    del told["livemode"]
    (tmp_path / "a.json").write_text(json.dumps(told))
    (part,) = read([tmp_path]).modes
    assert (part.livemode, part.events[0]["livemode"]) == (True, True)


def test_what_states_no_mode_goes_with_what_it_names_over_several_steps(tmp_path: Path) -> None:
    live = charge("ch_9", None, livemode=True)
    items = [
        transaction("txn_9", -5, "re_9", "refund"),
        refund("re_9", "ch_9", "txn_9"),
        refund("re_0", "ch_0", None),
        FIRST,
        live,
    ]
    (tmp_path / "a.json").write_text(json.dumps(items))
    found = read([tmp_path])
    test, other = found.modes
    assert [obj["id"] for obj in other.objects] == ["txn_9", "re_9", "ch_9"]
    assert [obj["id"] for obj in test.objects] == ["re_0", "ch_1"]
    assert found.modeless == ["re_0"]


def test_an_id_that_both_modes_name_decides_no_mode(tmp_path: Path) -> None:
    items = [
        charge("ch_1", None, product="prod_shared"),
        charge("ch_2", None, product="prod_shared", livemode=True),
        {"id": "sku_1", "object": "sku", "product": "prod_shared"},
    ]
    (tmp_path / "a.json").write_text(json.dumps(items))
    found = read([tmp_path])
    assert [len(part.objects) for part in found.modes] == [2, 1]
    assert found.modeless == ["sku_1"]


def test_the_list_of_a_payout_is_known_by_its_own_row_and_its_sum(tmp_path: Path) -> None:
    row = transaction("txn_po", -700, "po_1", "payout", at=AT + DAY)
    members = [transaction("txn_1", 900, "ch_1"), transaction("txn_2", -200, "re_1", "refund")]
    whole = listed([row, *members], "/v1/balance_transactions")
    other = listed([row | {"source": "po_2"}, *members[:1]], "/v1/balance_transactions")
    (tmp_path / "a.json").write_text(json.dumps([whole, other, payout("po_1", 700)]))
    assert read([tmp_path]).members == {"po_1": {"txn_1": None, "txn_2": None}}
