"""The `$batch` request is laid out as integrators do, and every answer finds its write."""

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.dynamics.batch import (
    BATCH_HEADERS,
    BATCH_OPERATIONS_MAX,
    PartAnswer,
    answers_of,
    batch_body,
    requests_of,
    units_of,
)
from shared.clients.dynamics.odata import BatchOperation
from shared.errors import UncertainWrite

BASE = "https://env.example"
OUTER = "batchresponse_1"
TYPE = f"multipart/mixed; boundary={OUTER}"


def operation(number: int = 1) -> BatchOperation:
    return BatchOperation("POST", "/data/Sets", b'{"N":%d}' % number)


def http_part(status: int, body: str, content_id: int | None, headers: str = "") -> str:
    identity = "" if content_id is None else f"Content-ID: {content_id}\r\n"
    return (
        f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{identity}\r\n"
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    )


def changeset(*parts: str, boundary: str = "changesetresponse_1") -> str:
    inside = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n{inside}--{boundary}--"


def answer(*parts: str) -> bytes:
    return ("".join(f"--{OUTER}\r\n{part}\r\n" for part in parts) + f"--{OUTER}--\r\n").encode()


def created(*ids: int) -> str:
    return changeset(*(http_part(201, f'{{"N":{number}}}', number) for number in ids))


def summary(body: bytes, sizes: list[int], content_type: str = TYPE) -> list[object]:
    """Bodies of what is written, the status of what failed, "?" for what is uncertain."""
    told: list[object] = []
    for one in answers_of(content_type, body, sizes):
        if isinstance(one, UncertainWrite):
            told.append("?")
        elif isinstance(one, PartAnswer):
            told.append(one.status)
        else:
            told.append([part.body.decode() for part in one])
    return told


def test_a_group_is_one_changeset_where_its_first_write_stands() -> None:
    assert units_of([None, "a", None, "a", "b", None, "a"]) == [(0,), (1, 3, 6), (2,), (4,), (5,)]
    assert units_of([]) == []


def test_requests_are_filled_in_order_and_never_split_a_changeset() -> None:
    units = [tuple(range(60)), tuple(range(60, 100)), (100,), tuple(range(101, 201)), (201,)]
    assert requests_of(units) == [[units[0], units[1]], [units[2]], [units[3]], [units[4]]]
    assert requests_of([]) == []


@given(st.lists(st.none() | st.sampled_from("abc"), max_size=250))
def test_every_write_is_in_exactly_one_request(groups: list[str | None]) -> None:
    units = units_of(groups)
    requests = requests_of(units)
    assert [unit for request in requests for unit in request] == units
    assert sorted(at for unit in units for at in unit) == list(range(len(groups)))
    fit = [sum(len(unit) for unit in request) for request in requests if len(request) > 1]
    assert all(size <= BATCH_OPERATIONS_MAX for size in fit)


def test_the_layout_is_multipart_of_changesets_of_http_requests() -> None:
    patch = BatchOperation("PATCH", "/data/Sets(K='1')?cross-company=true", b'{"A":"\xc3\xa4"}')
    delete = BatchOperation("DELETE", "/data/Sets(K='2')", b"")
    body = batch_body([[operation(), patch], [delete]], BASE)
    head = "\r\n".join(f"{name}: {value}" for name, value in BATCH_HEADERS.items())
    message: Any = BytesParser(policy=HTTP).parsebytes(head.encode() + b"\r\n\r\n" + body)
    assert message.defects == []
    changesets = message.get_payload()
    parts = [part for one in changesets for part in one.get_payload()]
    assert [len(one.get_payload()) for one in changesets] == [2, 1]
    assert [part["Content-ID"] for part in parts] == ["1", "2", "3"]
    assert {part.get_content_type() for part in parts} == {"application/http"}
    assert {part["Content-Transfer-Encoding"] for part in parts} == {"binary"}
    first, second, third = (part.get_payload(decode=True) for part in parts)
    assert first.startswith(b"POST https://env.example/data/Sets HTTP/1.1\r\n")
    assert first.endswith(b'\r\n\r\n{"N":1}')
    assert b"\r\nContent-Type: application/json;charset=utf-8\r\n" in first
    assert second.startswith(
        b"PATCH https://env.example/data/Sets(K='1')?cross-company=true HTTP/1.1\r\n"
    )
    assert second.endswith(b'\r\n\r\n{"A":"\xc3\xa4"}')
    assert third.startswith(b"DELETE https://env.example/data/Sets(K='2') HTTP/1.1\r\n")
    assert b"Content-Type" not in third
    assert message["Prefer"] == "odata.continue-on-error"


def test_a_full_batch_of_large_records_is_built_and_read() -> None:
    operations = [[BatchOperation("POST", "/data/Sets", b"x" * 1000)] for _ in range(100)]
    record = '{"A":"' + "y" * 10_000 + '"}'
    body = answer(*(changeset(http_part(201, record, number)) for number in range(1, 101)))
    assert batch_body(operations, BASE).count(b"POST https://") == 100
    answers = answers_of(TYPE, body, [1] * 100)
    assert all(isinstance(one, list) for one in answers)


def test_every_answer_finds_its_write() -> None:
    body = answer(created(1), created(2, 3), created(4))
    assert summary(body, [1, 2, 1]) == [['{"N":1}'], ['{"N":2}', '{"N":3}'], ['{"N":4}']]


def test_answers_inside_a_changeset_are_matched_by_content_id() -> None:
    assert summary(answer(created(3, 1, 2)), [3]) == [['{"N":1}', '{"N":2}', '{"N":3}']]


def test_answers_without_content_id_are_matched_by_order() -> None:
    parts = [changeset(http_part(201, str(n), None), http_part(204, "", None)) for n in range(2)]
    assert summary(answer(*parts), [2, 2]) == [["0", ""], ["1", ""]]


def test_a_failed_changeset_is_answered_by_one_part_for_all_its_writes() -> None:
    body = answer(created(1, 2), http_part(400, "no", 4), created(6))
    assert summary(body, [2, 3, 1]) == [['{"N":1}', '{"N":2}'], 400, ['{"N":6}']]
    without_id = answer(created(1, 2), http_part(500, "no", None), created(6))
    assert summary(without_id, [2, 3, 1])[1] == 500


def test_a_failure_may_come_inside_a_changeset_part() -> None:
    assert summary(answer(changeset(http_part(409, "no", 2))), [3]) == [409]


def test_retry_after_of_a_part_is_kept() -> None:
    (one,) = answers_of(TYPE, answer(http_part(429, "", 1, "Retry-After: 9\r\n")), [1])
    assert isinstance(one, PartAnswer)
    assert one.retry_after == "9"


def test_a_server_that_stops_at_the_first_failure_leaves_the_rest_uncertain() -> None:
    assert summary(answer(created(1), http_part(400, "no", 2)), [1, 1, 1]) == [
        ['{"N":1}'],
        400,
        "?",
    ]


def test_missing_answers_inside_a_changeset_make_it_uncertain() -> None:
    assert summary(answer(created(1), created(2)), [1, 2]) == [['{"N":1}'], "?"]


@pytest.mark.parametrize(
    "body",
    [
        answer(created(2), created(1)),
        answer(created(1), created(1)),
        answer(created(1), created(2), created(3)),
        answer(created(1), created(99)),
        answer(changeset(http_part(201, "", 1), http_part(201, "", 2)), created(2)),
    ],
    ids=["swapped", "twice", "too many", "unknown id", "id of another changeset"],
)
def test_an_answer_that_contradicts_itself_leaves_everything_uncertain(body: bytes) -> None:
    assert summary(body, [1, 1]) == ["?", "?"]


def test_success_and_failure_in_one_changeset_contradict_each_other() -> None:
    mixed = changeset(http_part(201, "", 1), http_part(400, "", 2))
    assert summary(answer(mixed, created(3)), [2, 1]) == ["?", ['{"N":3}']]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", answer(created(1))),
        ("application/json", b"{}"),
        ("multipart/mixed", answer(created(1))),
        ("multipart/mixed; boundary=other", answer(created(1))),
        ("text/html; boundary=" + OUTER, answer(created(1))),
        (TYPE, b""),
        (TYPE, b"\r\n--" + OUTER.encode() + b"--\r\n"),
        (TYPE, answer("Content-Type: application/http\r\n\r\nnot http")),
        (TYPE, answer("")),
        (TYPE, answer("Content-Type: multipart/mixed\r\n\r\n")),
    ],
)
def test_an_answer_of_no_known_shape_leaves_everything_uncertain(
    content_type: str, body: bytes
) -> None:
    assert summary(body, [1], content_type) == ["?"]


def test_line_feeds_quotes_and_padding_are_read_too() -> None:
    body = b"preamble\n" + answer(created(1), http_part(400, "no", 2)).replace(b"\r\n", b"\n")
    body = body.replace(OUTER.encode() + b"\n", OUTER.encode() + b" \t\n")
    assert summary(body, [1, 1], f'Multipart/Mixed;charset=utf-8; Boundary="{OUTER}"') == [
        ['{"N":1}'],
        400,
    ]


def test_a_boundary_that_begins_another_one_is_told_apart() -> None:
    body = b"--b\r\n" + changeset(http_part(201, "{}", 1), boundary="b1").encode() + b"\r\n--b--"
    assert summary(body, [1], "multipart/mixed; boundary=b") == [["{}"]]


FULL = answer(created(1), created(2, 3), http_part(400, "no", 4), created(5))
SIZES = [1, 2, 1, 1]


@given(st.integers(0, len(FULL)))
def test_a_cut_answer_never_tells_more_than_the_whole_one(length: int) -> None:
    whole, cut = summary(FULL, SIZES), summary(FULL[:length], SIZES)
    known = sum(one != "?" for one in cut)
    assert cut == whole[:known] + ["?"] * (len(SIZES) - known)


@given(st.binary(max_size=300), st.text(max_size=40), st.lists(st.integers(1, 3), max_size=4))
def test_no_answer_makes_the_reading_fail(body: bytes, kind: str, sizes: list[int]) -> None:
    for content_type in (kind, TYPE, "multipart/mixed; boundary=" + kind):
        for content in (body, b"--" + OUTER.encode() + b"\r\n" + body):
            assert len(answers_of(content_type, content, sizes)) == len(sizes)
