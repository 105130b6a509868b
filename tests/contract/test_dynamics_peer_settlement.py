"""The Dynamics peer: open customer transactions and what settles them."""

from typing import Any

import pytest

from local.dynamics import CustomerTransaction
from tests.contract.test_dynamics_peer_rig import (
    FEE,
    RECEIPT,
    World,
    infolog,
    virtual,
)

LINES = "CustomerPaymentJournalLines"
MARK = {"MarkedInvoice": "FTI-000001", "SettleVoucher": "SelectedTransact"}
REFUND = {"CreditAmount": 0, "DebitAmount": 20, "PaymentId": "txn_2:gross"}


async def invoiced(world: World, *prices: int, **change: Any) -> None:
    """Posted free text invoices (credit notes for negative prices) of quantity 1."""
    for number, price in enumerate(prices, start=1):
        named = {"ExternalInvoiceId": f"in_{number}"} | change
        await world.invoice({"Quantity": 1, "UnitPrice": price}, **named)
    world.peer.post_free_text_invoices()


async def pay(world: World, **change: Any) -> None:
    batch = await world.journal()
    await world.made(LINES, RECEIPT | {"JournalBatchNumber": batch} | change)
    assert [result.posted for result in world.peer.post_journals()] == [True]


def open_amounts(world: World) -> list[tuple[str, str, str]]:
    """Kind, amount and open amount of each customer transaction."""
    return [
        (found.kind, str(found.amount), str(found.open_amount))
        for found in world.peer.customer_transactions()
    ]


@virtual
async def test_a_posted_payment_is_an_open_transaction_of_its_customer(world: World) -> None:
    await pay(world)
    [found] = world.peer.customer_transactions()
    assert isinstance(found, CustomerTransaction)
    assert (found.company, found.customer, found.kind) == ("usmf", "US-001", "payment")
    assert (found.document, found.voucher) == ("STRPAY-000001", "STRPAY-000001")
    assert (found.reference, found.currency) == ("REF-1-GROSS", "USD")
    assert (str(found.amount), str(found.open_amount)) == ("-20", "-20")
    assert str(found.date) == "2026-07-01"


@virtual
async def test_lines_without_a_customer_leave_no_transaction(world: World) -> None:
    batch = await world.journal("Ledger")
    await world.made("LedgerJournalLines", FEE | {"JournalBatchNumber": batch})
    world.peer.post_journals()
    assert world.peer.customer_transactions() == ()


@virtual
async def test_a_general_journal_line_and_an_offset_account_count_too(world: World) -> None:
    batch = await world.journal("Ledger")
    change = {"OffsetAccountType": "Cust", "OffsetAccountDisplayValue": "US\\-002"}
    await world.made("LedgerJournalLines", FEE | {"JournalBatchNumber": batch} | change)
    world.peer.post_journals()
    [found] = world.peer.customer_transactions()
    assert (found.customer, found.kind, str(found.amount)) == ("US-002", "payment", "-1.23")


@pytest.mark.parametrize(
    ("invoice", "left"),
    [
        (20, ("0", "0")),
        (25, ("5", "0")),
        (15, ("0", "-5")),
    ],
)
@virtual
async def test_a_marked_invoice_is_settled_as_far_as_both_are_open(
    world: World, invoice: int, left: tuple[str, str]
) -> None:
    await invoiced(world, invoice)
    await pay(world, **MARK)
    assert open_amounts(world) == [
        ("invoice", str(invoice), left[0]),
        ("payment", "-20", left[1]),
    ]


@virtual
async def test_an_invoice_of_an_order_is_settled_in_the_same_way(world: World) -> None:
    await world.order({})
    world.peer.invoice_orders()
    await pay(world, **MARK | {"MarkedInvoice": "inv-000001"})
    assert world.one(LINES)["MarkedInvoice"] == "INV-000001"
    assert open_amounts(world) == [("invoice", "20", "0"), ("payment", "-20", "0")]


@virtual
async def test_an_invoice_that_is_settled_leaves_the_next_payment_open(world: World) -> None:
    await invoiced(world, 20)
    await pay(world, **MARK)
    await pay(world, **MARK)
    assert open_amounts(world) == [
        ("invoice", "20", "0"),
        ("payment", "-20", "0"),
        ("payment", "-20", "-20"),
    ]


@virtual
async def test_two_payments_settle_one_invoice_in_turn(world: World) -> None:
    await invoiced(world, 30)
    batch = await world.journal()
    for _ in range(2):
        await world.made(LINES, RECEIPT | {"JournalBatchNumber": batch} | MARK)
    world.peer.post_journals()
    assert open_amounts(world) == [
        ("invoice", "30", "0"),
        ("payment", "-20", "0"),
        ("payment", "-20", "-10"),
    ]


@virtual
async def test_a_refund_settles_a_credit_note(world: World) -> None:
    await invoiced(world, -20)
    await pay(world, **REFUND, **MARK | {"MarkedInvoice": "FTC-000001"})
    assert open_amounts(world) == [("credit_note", "-20", "0"), ("payment", "20", "0")]


@virtual
async def test_what_does_not_offset_stays_open(world: World) -> None:
    await invoiced(world, 20)
    await pay(world, **REFUND, **MARK)
    assert open_amounts(world) == [("invoice", "20", "20"), ("payment", "20", "20")]


@virtual
async def test_a_credit_note_clears_an_invoice_by_a_marked_pair(world: World) -> None:
    await invoiced(world, 20, -20)
    batch = await world.journal()
    against = {"OffsetAccountType": "Ledger", "OffsetAccountDisplayValue": "130200"}
    body = RECEIPT | {"JournalBatchNumber": batch} | against | MARK
    await world.made(LINES, body)
    await world.made(LINES, body | REFUND | {"MarkedInvoice": "FTC-000001"})
    world.peer.post_journals()
    assert [amount for _, _, amount in open_amounts(world)] == ["0", "0", "0", "0"]
    posted = world.peer.ledger().posted
    assert sum(side.amount for side in posted if side.account == "130200") == 0


@virtual
async def test_a_mark_without_selected_transactions_settles_nothing(world: World) -> None:
    await invoiced(world, 20)
    await pay(world, MarkedInvoice="FTI-000001")
    assert [amount for _, _, amount in open_amounts(world)] == ["20", "-20"]


async def _nobody(world: World) -> dict[str, str]:
    return {"MarkedInvoice": "FTI-000009"}


async def _draft(world: World) -> dict[str, str]:
    await world.invoice({}, ExternalInvoiceId="in_draft")
    return {"MarkedInvoice": "in_draft"}


async def _somebody_elses(world: World) -> dict[str, str]:
    await invoiced(world, 20, CustomerAccount="US-002")
    return {"MarkedInvoice": "FTI-000001"}


async def _of_another_company(world: World) -> dict[str, str]:
    await invoiced(world, 20, dataAreaId="demf", CustomerAccount="DE-001")
    return {"MarkedInvoice": "FTI-000001", "MarkedInvoiceCompany": "demf"}


async def _a_ledger_account(world: World) -> dict[str, str]:
    await invoiced(world, 20)
    account = {"AccountType": "Ledger", "AccountDisplayValue": "132900"}
    return account | {"MarkedInvoice": "FTI-000001"}


@pytest.mark.parametrize(
    "prepare", [_nobody, _draft, _somebody_elses, _of_another_company, _a_ledger_account]
)
@virtual
async def test_a_mark_on_what_is_not_a_posted_invoice_of_the_customer_is_refused(
    world: World, prepare: Any
) -> None:
    change = await prepare(world)
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch} | MARK | change
    response = await world.post(LINES, body)
    assert response.status_code == 400
    assert f"Invoice {change['MarkedInvoice']} does not exist for account" in infolog(response)


@virtual
async def test_a_mark_is_at_most_twenty_characters_long(world: World) -> None:
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch, "MarkedInvoice": "x" * 21}
    assert "longer than the 20 characters" in infolog(await world.post(LINES, body))


@virtual
async def test_what_the_peer_does_not_settle_is_refused_loudly(world: World) -> None:
    await invoiced(world, 20, CurrencyCode="EUR")
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    assert (await world.post(LINES, body | MARK)).status_code == 501, "another currency"
    automatic = body | {"SettleVoucher": "OpenTransact"}
    assert (await world.post(LINES, automatic)).status_code == 501


@virtual
async def test_a_mark_can_be_set_and_taken_off_while_the_line_is_a_draft(world: World) -> None:
    await invoiced(world, 20)
    batch = await world.journal()
    await world.made(LINES, RECEIPT | {"JournalBatchNumber": batch})
    line = f"{LINES}(dataAreaId='usmf',JournalBatchNumber='{batch}',LineNumber=1)"
    wrong = await world.patch(line, MarkedInvoice="FTI-000009")
    assert "Invoice FTI-000009 does not exist for account US-001." in infolog(wrong)
    assert (await world.patch(line, **MARK)).status_code == 204
    assert world.one(LINES)["MarkedInvoiceCompany"] == "usmf"
    assert (await world.patch(line, MarkedInvoice="", SettleVoucher="None")).status_code == 204
    assert (await world.patch(line, **MARK)).status_code == 204
    world.peer.post_journals()
    assert [amount for _, _, amount in open_amounts(world)] == ["0", "0"]
    late = await world.patch(line, MarkedInvoice="")
    assert "cannot be edited because it is posted." in infolog(late)


@virtual
async def test_bad_lines_that_move_keep_their_marks(world: World) -> None:
    await invoiced(world, 20)
    world.peer.settings.post_and_transfer = True
    batch = await world.journal()
    body = RECEIPT | {"JournalBatchNumber": batch}
    await world.made(LINES, body)
    bad = {"OffsetAccountType": "Ledger", "OffsetAccountDisplayValue": "132900"}
    await world.made(LINES, body | MARK | bad)
    world.peer.suspend_account("132900")
    world.peer.post_journals()
    assert open_amounts(world) == [("invoice", "20", "20"), ("payment", "-20", "-20")]
    world.peer.suspend_account("132900", resume=True)
    world.peer.post_journals()
    assert [amount for _, _, amount in open_amounts(world)] == ["0", "-20", "0"]
