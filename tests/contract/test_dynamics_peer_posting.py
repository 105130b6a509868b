"""The Dynamics peer: the job "Post journals", the ledger, periods, companies, currencies."""

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from local.dynamics import LedgerLine
from tests.contract.test_dynamics_peer_rig import FEE, RECEIPT, World, virtual

PAYMENT_LINES = "CustomerPaymentJournalLines"
LEDGER_LINES = "LedgerJournalLines"
CONTROL = "http://127.0.0.1:7365/_peer"


async def receipt(world: World, batch: str, **change: Any) -> None:
    await world.made(PAYMENT_LINES, RECEIPT | {"JournalBatchNumber": batch} | change)


async def fee(world: World, batch: str, **change: Any) -> None:
    await world.made(LEDGER_LINES, FEE | {"JournalBatchNumber": batch} | change)


def balances(lines: tuple[LedgerLine, ...]) -> dict[tuple[str, str, str], Decimal]:
    """Sums by company, main account and currency."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for line in lines:
        key = (line.company, line.main_account, line.currency)
        sums[key] = sums.get(key, Decimal(0)) + line.amount
    return sums


@virtual
async def test_drafts_become_the_ledger_when_the_job_runs(world: World) -> None:
    payments, general = await world.journal(), await world.journal("Ledger")
    await receipt(world, payments)
    await fee(world, general)
    before = world.peer.ledger()
    assert before.posted == ()
    assert len(before.drafts) == 4
    results = world.peer.post_journals()
    assert [(result.journal, result.posted) for result in results] == [
        (payments, True),
        (general, True),
    ]
    after = world.peer.ledger()
    assert after.drafts == ()
    assert after.posted == before.drafts
    assert balances(after.posted) == {
        ("usmf", "130100", "USD"): Decimal(-20),
        ("usmf", "110710", "USD"): Decimal("18.77"),
        ("usmf", "618900", "USD"): Decimal("1.23"),
    }
    assert world.peer.post_journals() == [], "once is enough"


@virtual
async def test_the_ledger_entity_shows_both_sides_of_each_line(world: World) -> None:
    await receipt(world, await world.journal())
    world.peer.post_journals()
    entries = "GeneralJournalAccountEntries"
    rows = await world.rows(entries, _filter="PaymentReference eq 'REF-1-*'")
    shown = [(row["MainAccountId"], row["TransactionCurrencyAmount"]) for row in rows]
    assert shown == [("130100", -20), ("110710", 20)]
    assert {row["IsCredit"] for row in rows} == {"Yes", "No"}
    assert {row["AccountingDate"] for row in rows} == {"2026-07-01T12:00:00Z"}
    clearing = await world.rows(entries, _filter="MainAccountId eq '110710'")
    assert [row["AccountDisplayValue"] for row in clearing] == ["STRIPE\\-USD"]


@virtual
async def test_posting_keeps_text_and_reference_and_leaves_the_payment_id_on_the_line(
    world: World,
) -> None:
    await receipt(world, await world.journal(), TransactionText="ch_1 charge")
    world.peer.post_journals()
    shown = world.peer.records("GeneralJournalAccountEntries")
    kept = {(row["Text"], row["PaymentReference"]) for row in shown}
    assert kept == {("ch_1 charge", "REF-1-GROSS")}
    assert all("PaymentId" not in row for row in shown)
    posted = world.peer.ledger().posted
    assert {(line.text, line.reference) for line in posted} == kept
    assert [found.reference for found in world.peer.customer_transactions()] == ["REF-1-GROSS"]
    [line] = await world.rows("CustomerPaymentJournalLines")
    assert line["PaymentId"] == "txn_1:gross", "the lines of a posted journal stay readable"


@virtual
async def test_an_empty_journal_stays_open(world: World) -> None:
    batch = await world.journal()
    assert world.peer.post_journals() == []
    await receipt(world, batch)


@virtual
async def test_the_job_runs_by_itself_every_hour(world: World) -> None:
    job = asyncio.create_task(world.peer.run())
    await receipt(world, await world.journal())
    await world.clock.sleep(3_599)
    assert world.peer.ledger().posted == ()
    await world.clock.sleep(2)
    assert len(world.peer.ledger().posted) == 2
    job.cancel()


async def _suspend(world: World) -> None:
    key = "(ChartOfAccounts='Shared',MainAccountId='618900')"
    await world.http.patch(f"/data/MainAccounts{key}", json={"IsSuspended": "Yes"})


async def _suspend_in_company(world: World) -> None:
    key = {"ChartOfAccounts": "Shared", "MainAccountId": "618900", "LegalEntityId": "usmf"}
    await world.http.post("/data/MainAccountLegalEntities", json={**key, "IsSuspended": "Yes"})


async def _lock(world: World) -> None:
    key = "(ChartOfAccounts='Shared',MainAccountId='618900')"
    await world.http.patch(f"/data/MainAccounts{key}", json={"DoNotAllowManualEntry": "Yes"})


async def _delete_account(world: World) -> None:
    await world.http.delete("/data/MainAccounts(ChartOfAccounts='Shared',MainAccountId='618900')")


async def _delete_currency(world: World) -> None:
    await world.http.delete("/data/Currencies('USD')")


async def _hold_bank(world: World) -> None:
    key = "(dataAreaId='usmf',BankAccountId='STRIPE-USD')"
    body = {"BankAccountStatus": "InactiveForAllTransactions"}
    await world.http.patch(f"/data/BankAccounts{key}", json=body)


async def _close(world: World) -> None:
    body = {"company": "usmf", "year": 2026, "month": 7}
    assert (await world.http.post(f"{CONTROL}/close_period", json=body)).status_code == 200


async def _approve(world: World) -> None:
    key = "(dataAreaId='usmf',Name='STRGL')"
    await world.http.patch(f"/data/JournalNames{key}", json={"IsApprovalActive": "Yes"})


async def _limit(world: World) -> None:
    key = "(dataAreaId='usmf',Name='STRGL')"
    await world.http.patch(f"/data/JournalNames{key}", json={"PostingLineLimit": 1})


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (_suspend, "Main account 618900 is suspended."),
        (_suspend_in_company, "Main account 618900 is suspended."),
        (_lock, "Manual entry is not allowed on main account 618900."),
        (_delete_account, "Main account 618900 does not exist"),
        (_delete_currency, "Currency USD does not exist."),
        (_hold_bank, "Bank account STRIPE-USD is not active."),
        (_close, "The fiscal period for 2026-07-01 is not open in company usmf."),
        (_approve, "has not been approved."),
        (_limit, "has more lines than the limit of 1."),
    ],
)
@virtual
async def test_a_journal_with_something_invalid_stays_with_its_infolog(
    world: World, spoil: Any, text: str
) -> None:
    batch = await world.journal("Ledger")
    await fee(world, batch)
    await fee(world, batch, AccountDisplayValue="132900")
    await spoil(world)
    [result] = world.peer.post_journals()
    assert not result.posted
    assert any(text in reason for reason in result.reasons)
    assert world.peer.ledger().posted == ()
    header = world.peer.records("LedgerJournalHeaders")[0]
    assert header["IsPosted"] == "No"
    shown = (await world.http.get(f"{CONTROL}/infolog")).json()["value"]
    assert [(entry["journal"], entry["posted"]) for entry in shown] == [(batch, False)]
    assert text in str(shown[0]["reasons"])


@virtual
async def test_a_closed_period_lets_drafts_in_and_posts_once_it_opens(world: World) -> None:
    world.peer.close_period("usmf", 2026, 7)
    await receipt(world, await world.journal())
    assert [result.posted for result in world.peer.post_journals()] == [False]
    world.peer.close_period("usmf", 2026, 7, reopen=True)
    assert [result.posted for result in world.peer.post_journals()] == [True]


@virtual
async def test_a_date_outside_all_periods_does_not_post(world: World) -> None:
    await receipt(world, await world.journal(), TransactionDate="2031-01-01")
    [result] = world.peer.post_journals()
    assert "There is no fiscal period for 2031-01-01 in usmf." in result.reasons[0]


@virtual
async def test_a_voucher_that_does_not_balance_does_not_post(world: World) -> None:
    batch = await world.journal("Ledger")
    one_sided = {"OffsetAccountDisplayValue": "", "Voucher": "V1"}
    await fee(world, batch, **one_sided)
    credit = {"DebitAmount": 0, "AccountDisplayValue": "132900"}
    await fee(world, batch, **one_sided, **credit, CreditAmount=1)
    [result] = world.peer.post_journals()
    assert "The transactions on voucher V1 do not balance as per 2026-07-01." in result.reasons[0]
    await fee(world, batch, **one_sided, **credit, CreditAmount=0.23)
    assert [result.posted for result in world.peer.post_journals()] == [True]
    assert sum(line.amount for line in world.peer.ledger().posted) == 0


@virtual
async def test_post_and_transfer_moves_the_bad_lines_to_a_new_journal(world: World) -> None:
    world.peer.settings.post_and_transfer = True
    batch = await world.journal("Ledger", Description="Tieout 1")
    for account in ("618900", "132900", "618900"):
        await fee(world, batch, AccountDisplayValue=account, PaymentReference=account)
    await _suspend(world)
    [result] = world.peer.post_journals()
    assert (result.posted, result.moved_to) == (True, "USMF-000002")
    assert Counter(line.reference for line in world.peer.ledger().posted) == {"132900": 2}
    moved = [
        row["LineNumber"]
        for row in world.peer.records(LEDGER_LINES)
        if row["JournalBatchNumber"] == "USMF-000002" and row["PaymentReference"] == "618900"
    ]
    assert moved == [1, 2]
    first, second = world.peer.records("LedgerJournalHeaders")
    assert (first["IsPosted"], second["IsPosted"]) == ("Yes", "No")
    totals = [str(header["JournalTotalDebit"]) for header in (first, second)]
    assert totals == ["1.23", "2.46"]
    [again] = world.peer.post_journals()
    assert not again.posted, "nothing good is left to post"


@virtual
async def test_lines_may_go_after_posting_when_the_journal_name_says_so(world: World) -> None:
    key = "(dataAreaId='usmf',Name='STRPAY')"
    await world.http.patch(f"/data/JournalNames{key}", json={"DeleteLinesAfterPosting": "Yes"})
    await receipt(world, await world.journal())
    world.peer.post_journals()
    assert world.peer.records(PAYMENT_LINES) == []
    assert len(world.peer.ledger().posted) == 2


@virtual
async def test_one_company_can_be_posted_alone(world: World) -> None:
    await receipt(world, await world.journal())
    german = await world.journal(dataAreaId="demf")
    await receipt(
        world,
        german,
        dataAreaId="demf",
        AccountDisplayValue="DE\\-001",
        CurrencyCode="EUR",
        OffsetAccountDisplayValue="STRIPE\\-EUR",
    )
    body = {"company": "demf"}
    answer = (await world.http.post(f"{CONTROL}/post_journals", json=body)).json()["value"]
    assert [(entry["company"], entry["posted"]) for entry in answer] == [("demf", True)]
    shown = (await world.http.get(f"{CONTROL}/ledger")).json()["value"]
    assert {line["company"] for line in shown["posted"]} == {"demf"}
    assert {line["company"] for line in shown["drafts"]} == {"usmf"}
    assert {line["main_account"] for line in shown["posted"]} == {"130100", "110720"}


@virtual
async def test_foreign_currency_is_kept_beside_the_accounting_amount(world: World) -> None:
    yen = {"CurrencyCode": "JPY", "CreditAmount": 1001, "OffsetAccountDisplayValue": "STRIPE\\-JPY"}
    await receipt(world, await world.journal(), **yen)
    world.peer.post_journals()
    posted = world.peer.ledger().posted
    assert [(line.amount, line.accounting_amount) for line in posted] == [
        (Decimal(-1001), Decimal("-6.81")),
        (Decimal(1001), Decimal("6.81")),
    ]


@virtual
async def test_a_line_between_companies_balances_in_both(world: World) -> None:
    batch = await world.journal(dataAreaId="demf")
    change = {"dataAreaId": "demf", "AccountDisplayValue": "DE\\-001", "OffsetCompany": "usmf"}
    await receipt(world, batch, **change)
    world.peer.post_journals()
    assert balances(world.peer.ledger().posted) == {
        ("demf", "130100", "USD"): Decimal(-20),
        ("demf", "132960", "USD"): Decimal(20),
        ("usmf", "132950", "USD"): Decimal(-20),
        ("usmf", "110710", "USD"): Decimal(20),
    }
    pair = "(OriginatingLegalEntityId='demf',DestinationLegalEntityId='usmf')"
    accounts = (await world.http.get(f"/data/LedgerInterCompanyAccounts{pair}")).json()
    assert accounts["OriginatingDebitAccountDisplayValue"] == "132960"
    assert accounts["DestinationCreditAccountDisplayValue"] == "132950"
    world.peer.close_period("usmf", 2026, 7)
    batch = await world.journal(dataAreaId="demf")
    await receipt(world, batch, **change)
    [result] = world.peer.post_journals()
    assert "not open in company usmf" in result.reasons[0]


@virtual
async def test_a_line_between_companies_needs_their_intercompany_accounts(world: World) -> None:
    pair = "(OriginatingLegalEntityId='demf',DestinationLegalEntityId='usmf')"
    await world.http.delete(f"/data/LedgerInterCompanyAccounts{pair}")
    change = {"dataAreaId": "demf", "AccountDisplayValue": "DE\\-001", "OffsetCompany": "usmf"}
    await receipt(world, await world.journal(dataAreaId="demf"), **change)
    [result] = world.peer.post_journals()
    assert "Intercompany accounting is not set up between demf and usmf" in str(result.reasons)


@virtual
async def test_a_customer_with_transactions_cannot_be_deleted(world: World) -> None:
    await receipt(world, await world.journal())
    world.peer.post_journals()
    response = await world.http.delete(
        "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"
    )
    assert "Transactions exist for the customer." in response.text
