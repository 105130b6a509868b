"""The Dynamics peer: `$batch`, its changesets, its limits, and what cannot be read."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.dynamics import HOST, DynamicsFaults
from local.dynamics.odata.batch import parse_batch
from local.dynamics.odata.errors import Refusal
from tests.contract.test_dynamics_peer_rig import (
    CUSTOMER,
    FEE,
    RECEIPT,
    World,
    changeset,
    multipart,
    operation,
    refusal,
    statuses,
    virtual,
)

GOOD = operation("POST", f"{HOST}/data/CustomersV3", CUSTOMER)
BAD = operation("POST", f"{HOST}/data/CustomersV3", CUSTOMER | {"CustomerGroupId": "77"}, 2)
READ = operation("GET", "/data/Currencies('USD')", id=3)


def customers(world: World) -> int:
    """Customers made by the test."""
    return len(world.peer.records("CustomersV3", "usmf")) - 4


@virtual
async def test_a_batch_answers_200_with_one_part_per_operation(world: World) -> None:
    response = await world.batch(multipart([GOOD, READ, operation("GET", "Currencies?$top=1")]))
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert statuses(response) == [201, 200, 200]
    assert response.text.count("Content-Transfer-Encoding: binary") == 3
    assert [f"Content-ID: {n}" in response.text for n in (1, 3)] == [True, True]
    assert '"CustomerAccount": "US-000001"' in response.text
    counts = world.peer.requests
    assert (counts["batch"], counts["operation_get"], counts["operation_post"]) == (1, 2, 1)


@virtual
async def test_a_changeset_answers_with_all_its_parts(world: World) -> None:
    response = await world.batch(multipart([changeset([GOOD, GOOD])]))
    assert statuses(response) == [201, 201]
    assert "multipart/mixed; boundary=changesetresponse_" in response.text
    assert customers(world) == 2
    assert world.peer.requests["changeset"] == 1


@virtual
async def test_a_failed_changeset_leaves_nothing_and_answers_once(world: World) -> None:
    response = await world.batch(multipart([changeset([GOOD, GOOD, BAD, GOOD])]))
    assert response.status_code == 200
    assert statuses(response) == [400]
    assert "changesetresponse" not in response.text
    assert "table 'Customer groups'" in response.text
    assert customers(world) == 0


@virtual
async def test_a_failed_changeset_restores_changes_and_deletes(world: World) -> None:
    batch = await world.journal("Ledger")
    for _ in range(3):
        await world.made("LedgerJournalLines", FEE | {"JournalBatchNumber": batch})
    lines = world.peer.records("LedgerJournalLines")
    headers = world.peer.records("LedgerJournalHeaders")
    key = f"LedgerJournalLines(dataAreaId='usmf',JournalBatchNumber='{batch}',LineNumber="
    parts = [
        operation("PATCH", f"{key}1)", {"DebitAmount": 9}),
        operation("DELETE", f"{key}2)"),
        operation("DELETE", f"{key}7)"),
    ]
    assert statuses(await world.batch(multipart([changeset(parts)]))) == [404]
    assert world.peer.records("LedgerJournalLines") == lines
    assert world.peer.records("LedgerJournalHeaders") == headers
    assert statuses(await world.batch(multipart([changeset(parts[:2])]))) == [204, 204]
    totals = world.peer.records("LedgerJournalHeaders")[0]
    assert str(totals["JournalTotalDebit"]) == "10.23"


@virtual
async def test_lines_of_one_changeset_do_not_collide_with_each_other(world: World) -> None:
    batch = await world.journal()
    line = operation("POST", "CustomerPaymentJournalLines", RECEIPT | {"JournalBatchNumber": batch})
    world.peer.faults = DynamicsFaults(latency_seconds=(1, 1))
    body = multipart([changeset([line, line]), line, changeset([line])])
    assert statuses(await world.batch(body)) == [201] * 4
    responses = await asyncio.gather(world.batch(body), world.batch(body))
    first, second = (statuses(response) for response in responses)
    assert first == [201] * 4
    assert second == [400]
    assert "An update conflict occurred" in responses[1].text


@virtual
async def test_the_first_failure_ends_a_batch_unless_the_caller_prefers_otherwise(
    world: World,
) -> None:
    body = multipart([GOOD, BAD, GOOD])
    assert statuses(await world.batch(body)) == [201, 400]
    for preference in ("odata.continue-on-error", "respond-async, continue-on-error=true"):
        assert statuses(await world.batch(body, Prefer=preference)) == [201, 400, 201]
    off = await world.batch(body, Prefer="odata.continue-on-error=false")
    assert statuses(off) == [201, 400]
    world.peer.settings.batch_stops = False
    assert statuses(await world.batch(body)) == [201, 400, 201]


@virtual
async def test_too_many_operations_are_refused_before_any_is_done(world: World) -> None:
    world.peer.settings.batch_operations_max = 3
    response = await world.batch(multipart([GOOD, changeset([GOOD, GOOD, GOOD])]))
    assert response.status_code == 400
    assert "maximum number of '3' operations" in refusal(response)
    assert customers(world) == 0


@virtual
async def test_a_batch_of_bare_newlines_is_read_too(world: World) -> None:
    body = multipart([GOOD, changeset([GOOD])]).replace("\r\n", "\n")
    assert statuses(await world.batch(body)) == [201, 201]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "closing boundary"),
        ("--batch_1\r\n" + GOOD, "closing boundary"),
        ("--batch_2\r\n" + GOOD + "--batch_2--", "closing boundary"),
        (multipart([GOOD])[:-20], "closing boundary"),
        (multipart(["Content-Type: text/plain\r\n\r\nhello\r\n"]), "application/http"),
        (multipart(["no headers at all\r\n"]), "malformed header"),
        (multipart([operation("PUT", "CustomersV3", CUSTOMER)]), "PUT is not allowed"),
        (multipart([operation("GET", "/api/Currencies")]), "cannot stand in a batch"),
        (multipart([operation("POST", "$batch")]), "cannot stand in a batch"),
        (multipart([operation("POST", "$1/Lines", {})]), "References to the Content-ID"),
        (multipart([GOOD.replace("HTTP/1.1", "HTTP/3")]), "no valid request line"),
        (multipart([changeset([READ])]), "GET operation was found in a change set"),
        (multipart([changeset([changeset([GOOD])])]), "application/http"),
    ],
)
@virtual
async def test_a_batch_that_cannot_be_read_is_refused_whole(
    world: World, body: str, text: str
) -> None:
    response = await world.batch(body)
    assert response.status_code == 400
    assert text in refusal(response)
    assert customers(world) == 0


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/mixed", "multipart/mixed; boundary=", ""]
)
@virtual
async def test_a_batch_needs_multipart_and_a_boundary(world: World, content_type: str) -> None:
    response = await world.batch(multipart([GOOD]), Content_Type=content_type)
    assert response.status_code == 400
    assert "multipart/mixed" in refusal(response)
    assert (await world.http.get("/data/$batch")).status_code == 405


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_batch_whatsoever_crashes_the_peer(data: st.DataObject) -> None:
    body = bytearray(multipart([GOOD, changeset([GOOD, BAD]), READ]).encode())
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=5))
    content_type = data.draw(st.sampled_from(["multipart/mixed; boundary=batch_1", "x", "\r\n;="]))
    try:
        units = parse_batch(content_type, bytes(body), 1_000)
        assert sum(len(unit.parts) for unit in units) <= 4
    except Refusal as error:
        assert error.status == 400  # noqa: PT017 - either outcome is right
