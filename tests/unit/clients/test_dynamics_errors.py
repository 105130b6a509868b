"""What an answer of Dynamics means, by status and text."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.dynamics.errors import (
    RETRY_AFTER_SECONDS,
    error_of,
    infolog_text,
    reason_of,
)
from shared.errors import (
    TEXT_CHARS_MAX,
    CredentialsRefused,
    DuplicateKey,
    JournalPosted,
    MarkTaken,
    Refused,
    Throttled,
    TieoutError,
    Unavailable,
    UncertainWrite,
    UpdateConflict,
)

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
AX = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
GROUP_NOT_FOUND = (
    "Write failed for table row of type 'CustomerV3Entity'. Infolog: "
    "Warning: The value '77' in field 'Customer group' is not found in the related table "
    "'Customer groups'.; Warning: validateField failed on field 'CustomerGroupId'.; "
    "Error: Update has been canceled.."
)
DUPLICATE = (
    "Write failed for table row of type 'CustomerV3Entity'. Infolog: Error: Cannot create a "
    "record in Customers (CustTable). Customer account: US-001. The record already exists.."
)
CONFLICT = (
    "Write failed for table row of type 'LedgerJournalTransEntity'. Infolog: Error: Cannot edit "
    "a record in Ledger journal table (LedgerJournalTable). An update conflict occurred due to "
    "another user process deleting the record or changing one or more fields in the record.."
)
MARKED = (
    "Write failed for table row of type 'CustomerPaymentJournalLineEntity'. Infolog: Error: This "
    "transaction has been marked for settlement by Ada USMF-000007 in company usmf.."
)


def body_of(text: str, type_: str = AX, **inner: Any) -> bytes:
    innererror = {"message": text, "type": type_, "stacktrace": "at SecretPlace.Run()", **inner}
    error = {"code": "", "message": "An error has occurred.", "innererror": innererror}
    return json.dumps({"error": error}).encode()


def write_error(status: int, body: bytes) -> TieoutError:
    return error_of(status, body, "POST CustomersV3", writing=True)


@pytest.mark.parametrize("status", [400, 500])
def test_a_refused_write_is_refused_whatever_its_status(status: int) -> None:
    error = write_error(status, body_of(GROUP_NOT_FOUND))
    assert type(error) is Refused
    assert error.text == (
        "The value '77' in field 'Customer group' is not found in the related table "
        f"'Customer groups'. (POST CustomersV3: HTTP {status})"
    )


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (DUPLICATE, DuplicateKey),
        (CONFLICT, UpdateConflict),
        (MARKED, MarkTaken),
        (
            "Infolog: Error: Deadlock, where one or more users have simultaneously locked the "
            "whole table or part of it.",
            UpdateConflict,
        ),
        ("Infolog: Error: Journal 00123 has already been posted.", JournalPosted),
        ("Infolog: Error: Journal cannot be edited because it is posted.", JournalPosted),
        ("Infolog: Error: The journal USMF-000012 is posted and cannot be changed.", JournalPosted),
        ("Infolog: Error: Lines cannot be added to a posted journal.", JournalPosted),
        ("Infolog: Warning: The journal is not posted; account 1 does not exist.", Refused),
        ("Infolog: Error: The journal cannot be posted because the period is closed.", Refused),
    ],
)
def test_the_text_of_an_infolog_decides(status: int, text: str, kind: type[TieoutError]) -> None:
    assert type(write_error(status, body_of(text))) is kind


def test_the_type_may_stand_in_the_internal_exception() -> None:
    internal = {"message": "Infolog: Error: No.", "type": AX}
    body = body_of("", "System.Exception", internalexception=internal)
    error = write_error(500, body)
    assert type(error) is Refused
    assert error.text.startswith("No.")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Refused) for status in (400, 404, 405, 409, 412, 413, 501)),
        *((status, CredentialsRefused) for status in (401, 403)),
        *((status, UncertainWrite) for status in (408, 500, 502, 503, 504)),
        (429, Throttled),
        (302, Unavailable),
    ],
)
@pytest.mark.parametrize("body", [b"", b"oops", body_of("Something.", "System.Exception"), b"[1]"])
def test_a_status_decides_where_the_text_does_not(
    status: int, kind: type[TieoutError], body: bytes
) -> None:
    assert type(write_error(status, body)) is kind


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_a_failed_read_is_never_uncertain(status: int) -> None:
    error = error_of(status, b"", "GET CustomersV3", writing=False)
    assert type(error) is Unavailable


def test_a_refused_deletion_is_refused_whatever_its_status() -> None:
    body = body_of("Infolog: Error: Lines exist.", AX.replace("Write", "Delete"))
    assert type(write_error(500, body)) is Refused


def test_an_unknown_segment_keeps_its_text() -> None:
    error = json.dumps({"error": {"message": "Resource not found for the segment 'X'."}}).encode()
    assert "Resource not found for the segment 'X'." in str(write_error(404, error))


def test_a_gateways_page_is_told_in_plain_text() -> None:
    page = b"<!DOCTYPE html><html><head><style>b{}</style></head><body><h1>Bad  Gateway</h1></body>"
    error = write_error(502, page)
    assert type(error) is UncertainWrite
    assert "Bad Gateway (POST CustomersV3: HTTP 502)" in str(error)
    assert "b{}" not in str(error)


def test_a_gateway_that_knows_no_such_site_is_no_refusal_of_dynamics() -> None:
    page = b"<html><body>The record already exists on this server, 404</body></html>"
    assert type(write_error(404, page)) is Unavailable


def test_high_resource_utilization_is_a_throttle_under_any_status() -> None:
    text = (
        "This request could not be processed at this time due to system experiencing high "
        "resource utilization."
    )
    error = write_error(503, body_of(text, "System.Exception"))
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == RETRY_AFTER_SECONDS


def test_a_stack_trace_is_never_kept() -> None:
    whole = body_of("Something bad.")
    for body in (whole, whole[:-5]):
        assert "SecretPlace" not in str(write_error(500, body))


def test_a_long_text_is_shortened() -> None:
    for status in (400, 500):
        error = write_error(status, body_of("x" * 5000, "System.Exception"))
        assert len(str(error)) < TEXT_CHARS_MAX + 100


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("Infolog: Info: A; Warning: B.; Error: C", "A; B.; C"),
        (
            "Infolog: Warning: one; two; Warning: validateWrite failed on data source 'X'",
            "one; two",
        ),
        ("Write failed for table row of type 'X'.", "Write failed for table row of type 'X'."),
        (
            "Infolog: Error: Update has been canceled..",
            "Infolog: Error: Update has been canceled..",
        ),
        ("Plain  text\r\n here", "Plain text here"),
        ("", ""),
    ],
)
def test_an_infolog_is_told_without_noise(message: str, text: str) -> None:
    assert infolog_text(message) == text


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.integers(300, 599))
def test_no_body_makes_the_table_fail(body: bytes, status: int) -> None:
    assert isinstance(write_error(status, body), TieoutError)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["error", "innererror", "message", "internalexception", "type"]),
                inner,
            )
        ),
    )
)
def test_no_json_makes_the_reason_fail(value: Any) -> None:
    assert len(reason_of(json.dumps({"error": value}).encode()).text) <= TEXT_CHARS_MAX
