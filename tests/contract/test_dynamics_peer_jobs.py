"""The Dynamics peer: all jobs by hand and by the hour, and faults on the sets of order to cash."""

import asyncio
import contextlib
from typing import Any

import httpx
import pytest

from local.dynamics import DynamicsFaults
from tests.contract.test_dynamics_peer_rig import (
    INVOICE,
    INVOICE_LINE,
    ORDER,
    ORDER_LINE,
    RECEIPT,
    World,
    changeset,
    infolog,
    multipart,
    operation,
    statuses,
    virtual,
)

CONTROL = "http://127.0.0.1:7365/_peer"
ORDERS, ORDER_LINES = "SalesOrderHeadersV2", "SalesOrderLinesV3"
INVOICES, INVOICE_LINES = "CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"
WHOLE_INVOICE = changeset(
    [
        operation("POST", INVOICES, INVOICE, 1),
        operation("POST", INVOICE_LINES, INVOICE_LINE | {"LineNumber": 1}, 2),
    ]
)


async def control(world: World, route: str, body: dict[str, Any] | None = None) -> Any:
    response = await world.http.post(f"{CONTROL}/{route}", json=body)
    assert response.status_code == 200, response.text
    return response.json()["value"]


@virtual
async def test_each_job_runs_by_its_route(world: World) -> None:
    order = await world.order({}, {})
    await world.invoice({})
    some = {"company": "usmf", "numbers": [order], "lines": ["LOT-000001"]}
    [invoiced] = await control(world, "invoice_orders", some)
    assert (invoiced["document"], invoiced["number"]) == (order, "INV-000001")
    [rest] = await control(world, "invoice_orders", {})
    assert rest["number"] == "INV-000002"
    [posted] = await control(world, "post_free_text_invoices", {"numbers": ["in_1"]})
    assert posted["number"] == "FTI-000001"
    assert await control(world, "invoice_returns", {"company": "usmf"}) == []
    assert await control(world, "post_price_journals", {}) == []
    assert await control(world, "run_jobs") == {"documents": [], "journals": []}
    shown = (await world.http.get(f"{CONTROL}/customer_transactions")).json()["value"]
    assert [(each["document"], each["open_amount"]) for each in shown] == [
        ("INV-000001", 20),
        ("INV-000002", 20),
        ("FTI-000001", 20),
    ]
    told = (await world.http.get(f"{CONTROL}/document_infolog")).json()["value"]
    assert [each["number"] for each in told] == ["INV-000002", "FTI-000001"], "the latest of each"


@virtual
async def test_customers_are_merged_and_blocked_by_routes(world: World) -> None:
    block = {"company": "usmf", "account": "US-001", "status": "All"}
    assert await control(world, "block_customer", block) == block
    assert (await world.post(ORDERS, ORDER)).status_code == 400
    merge = {"company": "usmf", "loser": "US-001", "winner": "US-002"}
    assert await control(world, "merge_customers", merge) == merge
    accounts = [row["CustomerAccount"] for row in world.peer.records("CustomersV3", "usmf")]
    assert "US-001" not in accounts


@pytest.mark.parametrize(
    ("route", "body", "text"),
    [
        ("invoice_orders", {"company": "xxxx"}, "Company 'xxxx' does not exist."),
        ("invoice_orders", {"numbers": "SO-1"}, "numbers"),
        ("invoice_orders", {"orders": []}, "orders"),
        ("post_free_text_invoices", {"lines": []}, "lines"),
        ("run_jobs", {"company": "usmf"}, "company"),
        ("merge_customers", {"company": "usmf", "loser": "US-001"}, "winner"),
        (
            "merge_customers",
            {"company": "usmf", "loser": "US-001", "winner": "US-001"},
            "cannot be merged with itself",
        ),
        (
            "merge_customers",
            {"company": "usmf", "loser": "US-001", "winner": "US-9"},
            "has no customer US-9",
        ),
        (
            "block_customer",
            {"company": "usmf", "account": "US-001", "status": "Maybe"},
            "'Maybe' is no hold",
        ),
        (
            "block_customer",
            {"company": "xxxx", "account": "US-001", "status": "All"},
            "Company 'xxxx' does not exist.",
        ),
    ],
)
@virtual
async def test_a_control_request_that_makes_no_sense_is_refused(
    world: World, route: str, body: dict[str, Any], text: str
) -> None:
    response = await world.http.post(f"{CONTROL}/{route}", json=body)
    assert response.status_code == 400
    assert text in response.json()["value"]["error"]


@virtual
async def test_every_hour_all_jobs_run_and_invoices_before_payments(world: World) -> None:
    job = asyncio.create_task(world.peer.run())
    await world.order({})
    await world.invoice({})
    batch = await world.journal()
    await world.made("CustomerPaymentJournalLines", RECEIPT | {"JournalBatchNumber": batch})
    await world.clock.sleep(3_601)
    kinds = [found.kind for found in world.peer.customer_transactions()]
    assert kinds == ["invoice", "invoice", "payment"]
    documents, journals = world.peer.run_jobs()
    assert (documents, journals) == ([], [])
    job.cancel()


@virtual
async def test_the_jobs_may_come_in_the_middle_of_a_batch(world: World) -> None:
    number = await world.order({})
    line = operation("POST", ORDER_LINES, ORDER_LINE | {"SalesOrderNumber": number})
    world.peer.faults = DynamicsFaults(posted_meanwhile=1)
    seen = []
    for _ in range(6):
        response = await world.batch(multipart([line, line, WHOLE_INVOICE]))
        seen.append(statuses(response))
    assert world.peer.records(ORDERS)[0]["SalesOrderStatus"] == "Invoiced"
    assert seen[-1] == [400], "the first failure ends a batch"
    assert len(world.peer.records(ORDER_LINES)) <= 3
    assert len(world.peer.customer_transactions()) >= 1


@virtual
async def test_another_user_may_write_to_the_same_order_or_invoice(world: World) -> None:
    number = await world.order()
    await world.invoice()
    world.peer.faults = DynamicsFaults(update_conflict=1)
    order = await world.post(ORDER_LINES, ORDER_LINE | {"SalesOrderNumber": number})
    assert "Cannot edit a record in Sales orders (SalesTable)." in infolog(order)
    invoice = await world.post(INVOICE_LINES, INVOICE_LINE)
    assert (
        "Cannot edit a record in Customer free text invoice (CustInvoiceTable). An update "
        "conflict occurred" in infolog(invoice)
    )
    assert world.peer.records(ORDER_LINES) == world.peer.records(INVOICE_LINES) == []


@virtual
async def test_a_batch_breaks_off_between_changesets_only(world: World) -> None:
    world.peer.faults = DynamicsFaults(drop_mid_batch=1)
    seen = []
    for number in range(8):
        change = {"ExternalInvoiceId": f"in_{number}"}
        parts = [
            operation("POST", INVOICES, INVOICE | change, 1),
            operation("POST", INVOICE_LINES, INVOICE_LINE | change | {"LineNumber": 1}, 2),
        ]
        order = operation("POST", ORDERS, ORDER, 3)
        with pytest.raises(httpx.RemoteProtocolError):
            await world.batch(multipart([changeset(parts), order]))
        sums = [len(world.peer.records(name)) for name in (INVOICES, INVOICE_LINES, ORDERS)]
        assert sums[0] == sums[1]
        seen.append(tuple(sums))
    assert len(dict.fromkeys(seen)) > 2


@virtual
async def test_a_late_commit_makes_the_second_write_a_duplicate(world: World) -> None:
    world.peer.faults = DynamicsFaults(late_commit=1, late_commit_seconds=50)
    with pytest.raises(httpx.ReadTimeout):
        await world.batch(multipart([WHOLE_INVOICE]))
    assert world.peer.records(INVOICES) == []
    world.peer.faults = DynamicsFaults()
    await world.clock.sleep(60)
    again = await world.batch(multipart([WHOLE_INVOICE]))
    assert statuses(again) == [400]
    assert "The record already exists." in again.text


@virtual
async def test_an_order_whose_answer_is_lost_is_found_by_its_reference(world: World) -> None:
    world.peer.faults = DynamicsFaults(error_after_commit=1)
    with contextlib.suppress(httpx.ReadTimeout):  # one of the two ways to lose an answer
        assert (await world.post(ORDERS, ORDER)).status_code == 500
    world.peer.faults = DynamicsFaults()
    rows = await world.rows(ORDERS, _filter="CustomersOrderReference eq 'ch_1'")
    assert [row["SalesOrderNumber"] for row in rows] == ["SO-000001"]


@virtual
async def test_an_order_invoiced_meanwhile_takes_no_line(world: World) -> None:
    number = await world.order({})
    world.peer.faults = DynamicsFaults(latency_seconds=(2, 2))
    body = ORDER_LINE | {"SalesOrderNumber": number}
    writing = asyncio.create_task(world.post(ORDER_LINES, body))
    await world.clock.sleep(1)
    world.peer.invoice_orders()
    assert "cannot be changed because it is invoiced." in infolog(await writing)
