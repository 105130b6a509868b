import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.books import Books
from shared.domain.clearing import NOT_WRITTEN, UNKNOWN_LINE, Resolution
from shared.domain.corrections import NamedCorrection
from shared.domain.money import Money
from shared.errors import CredentialsRefused, Parked, Throttled, Unavailable
from shared.ports import Json
from shared.registry import REGISTRY
from shared.services.reconciliation.proof import (
    READS_MAX,
    SCOPE_JOURNALS,
    SCOPE_LEDGER,
    Proofs,
    Prover,
)
from tests.unit.entities.objects import BOOKS, plain_txn
from tests.unit.services.fakes import START, FakeDynamics, FakeStripe, ManualClock, settings

ONLY_USD = BOOKS.model_copy(update={"currencies": {"usd": BOOKS.currencies["usd"]}})
OTHER = next(name for name in BOOKS.companies if name != "usmf")
PAYMENTS, GENERAL = "CustomerPaymentJournal", "LedgerJournal"


def _balance(minor: int) -> Json:
    available = {"currency": "usd", "amount": minor - 7}
    return {"available": [available], "pending": [{"currency": "usd", "amount": 7}]}


class Shop:
    """A Stripe balance and the lines in Dynamics."""

    def __init__(self, *balances: int, **changes: Any) -> None:
        self.stripe, self.dynamics, self.clock = FakeStripe(), FakeDynamics(), ManualClock()
        self.stripe.balances = [_balance(minor) for minor in balances]
        self.settings = settings(**{"books": ONLY_USD} | changes)

    def transaction(self, id: str, net: int, **changes: Any) -> None:
        found = plain_txn(net, "charge", "charge", "ch_1", id=id, **changes)
        self.stripe.objects["balance_transaction", id] = found

    def line(
        self, kind: str, payment: str, credit: str, posted: bool = True, **fields: Any
    ) -> None:
        batch = f"{kind}{'P' if posted else 'D'}"
        headers = self.dynamics.rows.setdefault(f"{kind}Headers", [])
        if batch not in [row["JournalBatchNumber"] for row in headers]:
            headers.append(
                {
                    "dataAreaId": "usmf",
                    "JournalBatchNumber": batch,
                    "IsPosted": "Yes" if posted else "No",
                }
            )
        lines = self.dynamics.rows.setdefault(f"{kind}Lines", [])
        lines.append(
            {
                "dataAreaId": "usmf",
                "JournalBatchNumber": batch,
                "LineNumber": Decimal(len(lines) + 1),
                "PaymentId": payment,
                "CurrencyCode": "USD",
                "AccountType": "Cust",
                "AccountDisplayValue": "US-001",
                "OffsetAccountType": "Bank",
                "OffsetAccountDisplayValue": "CLEARING-USD",
                "OffsetCompany": "",
                "DebitAmount": Decimal(0),
                "CreditAmount": Decimal(credit),
            }
            | fields
        )

    async def prove(self) -> Proofs:
        return await self.prover().prove()

    def prover(self, resolutions: Mapping[str, Resolution] | None = None) -> Prover:
        """The service; `resolutions`: what people settled by hand."""

        async def books() -> Books:
            return self.settings.books

        async def resolved() -> Mapping[str, Resolution]:
            return resolutions or {}

        async def corrected() -> Sequence[NamedCorrection]:
            return ()

        return Prover(
            self.stripe,
            self.dynamics,
            self.clock,
            random.Random(1),
            resolved=resolved,
            corrected=corrected,
            books=books,
            ledger_entity=self.settings.ledger_entity,
            journal_lines=REGISTRY.entity_sets.journal_lines,
        )


async def test_books_that_hold_every_transaction_prove_the_balance() -> None:
    shop = Shop(970)
    shop.transaction("txn_1", 1000)
    shop.transaction("txn_2", -30)
    shop.line(PAYMENTS, "txn_1:gross", "10.00")
    shop.line(GENERAL, "txn_2:gross", "-0.30", posted=False)
    proofs = await shop.prove()
    proof = proofs.by_currency["usd"]
    assert proofs.scope == SCOPE_JOURNALS
    assert (proof.posted, proof.draft) == (Money(1000, "usd"), Money(-30, "usd"))
    assert (proof.balance, proof.transactions) == (Money(970, "usd"), 2)
    assert proof.differences == ()


async def test_money_in_a_currency_without_a_book_is_a_gap_of_its_own() -> None:
    shop = Shop(500)
    shop.transaction("txn_1", 500)
    shop.line(PAYMENTS, "txn_1:gross", "5.00")
    shop.transaction("txn_2", 700, currency="cad")
    shop.transaction("txn_3", 900, currency="chf", balance_type="issuing")
    shop.stripe.balances[0]["available"] += [
        {"currency": "cad", "amount": 700},
        {"currency": "sek", "amount": 0},
    ]
    proofs = await shop.prove()
    assert list(proofs.by_currency) == ["usd", "cad"]
    assert proofs.without_book == ("cad",)
    cad = proofs.by_currency["cad"]
    assert (cad.gap, cad.unexplained) == (Money(700, "cad"), Money(0, "cad"))
    assert [(each.kind, each.id) for each in cad.differences] == [(NOT_WRITTEN, "txn_2")]


async def test_what_no_ledger_has_as_a_currency_is_named_and_not_proved() -> None:
    shop = Shop(500)
    shop.transaction("txn_1", 500)
    shop.line(PAYMENTS, "txn_1:gross", "5.00")
    shop.transaction("txn_2", 700, currency="usdc")
    shop.stripe.balances[0]["available"] += [{"currency": "usdc", "amount": 700}]
    proofs = await shop.prove()
    assert (list(proofs.by_currency), proofs.not_proved) == (["usd"], ("usdc",))


async def test_a_line_on_either_side_of_clearing_counts() -> None:
    shop = Shop(500)
    shop.transaction("txn_1", 500)
    shop.line(
        GENERAL,
        "txn_1:gross",
        "0",
        AccountType="Bank",
        AccountDisplayValue="CLEARING-USD",
        OffsetAccountType="Ledger",
        OffsetAccountDisplayValue="US-fees",
        DebitAmount=Decimal("5.00"),
    )
    assert (await shop.prove()).by_currency["usd"].differences == ()


async def test_an_account_of_the_same_number_and_another_type_is_not_clearing() -> None:
    shop = Shop(0)
    shop.line(GENERAL, "txn_1:gross", "5.00", OffsetAccountType="Ledger")
    proof = (await shop.prove()).by_currency["usd"]
    assert not proof.posted
    assert proof.differences == ()


async def test_a_customer_of_another_company_is_set_off_against_the_owners_clearing() -> None:
    shop = Shop(500)
    shop.transaction("txn_1", 500)
    shop.line(PAYMENTS, "txn_1:gross", "5.00", dataAreaId=OTHER, OffsetCompany="USMF")
    for row in shop.dynamics.rows[f"{PAYMENTS}Headers"]:
        row["dataAreaId"] = OTHER
    proof = (await shop.prove()).by_currency["usd"]
    assert (proof.posted, proof.differences) == (Money(500, "usd"), ())


async def test_an_account_of_the_same_number_in_another_company_is_not_clearing() -> None:
    shop = Shop(0)
    shop.line(PAYMENTS, "txn_1:gross", "5.00", OffsetCompany=OTHER)
    shop.line(PAYMENTS, "txn_2:gross", "5.00", dataAreaId=OTHER)
    proof = (await shop.prove()).by_currency["usd"]
    assert (proof.posted, proof.differences) == (Money(0, "usd"), ())


async def test_missing_and_surplus_lines_are_named() -> None:
    shop = Shop(1000)
    shop.transaction("txn_1", 1000)
    shop.line(GENERAL, "", "2.00")
    proof = (await shop.prove()).by_currency["usd"]
    assert [(each.kind, each.id, each.amount.minor) for each in proof.differences] == [
        (NOT_WRITTEN, "txn_1", 1000),
        (UNKNOWN_LINE, "LedgerJournalP/1", -200),
    ]
    assert not proof.unexplained


async def test_other_currencies_and_balance_types_are_left_out() -> None:
    shop = Shop(100)
    shop.transaction("txn_1", 100)
    shop.transaction("txn_2", 100, currency="gbp")
    shop.transaction("txn_3", 100, balance_type="issuing")
    proof = (await shop.prove()).by_currency["usd"]
    assert proof.transactions == 1


async def test_the_balance_is_read_again_until_it_stands_still() -> None:
    shop = Shop(100, 200, 300)
    shop.transaction("txn_1", 300)
    shop.line(PAYMENTS, "txn_1:gross", "3.00")
    assert (await shop.prove()).by_currency["usd"].balance == Money(300, "usd")


async def test_a_balance_that_never_stands_still_parks() -> None:
    shop = Shop(*range(2 * READS_MAX + 1))
    with pytest.raises(Parked) as caught:
        await shop.prove()
    assert caught.value.cause == "balance_moves"


async def test_the_posted_ledger_replaces_the_posted_journals() -> None:
    shop = Shop(1000, ledger_entity={"entity_set": "Vouchers"})
    shop.transaction("txn_1", 1000)
    shop.line(PAYMENTS, "txn_1:gross", "10.00")
    shop.dynamics.rows["Vouchers"] = [
        {
            "dataAreaId": "usmf",
            "MainAccountId": "CLEARING-USD",
            "TransactionCurrencyCode": "USD",
            "TransactionCurrencyAmount": Decimal(amount),
        }
        for amount in ("10.00", "-1.50")
    ]
    proofs = await shop.prove()
    proof = proofs.by_currency["usd"]
    assert proofs.scope == SCOPE_LEDGER
    assert proof.posted == Money(850, "usd")
    assert [each.kind for each in proof.differences] == ["other_ledger_entries"]
    assert not proof.unexplained


async def test_a_read_that_fails_for_a_moment_is_repeated() -> None:
    shop = Shop(0)
    shop.stripe.page_errors = [Unavailable("Stripe", "503"), Throttled("Stripe", 7)]
    assert (await shop.prove()).by_currency["usd"].differences == ()
    assert len(shop.stripe.pages_asked) == 3
    assert (shop.clock.now() - START).total_seconds() >= 7


async def test_refused_credentials_come_out_at_once() -> None:
    shop = Shop(0)
    shop.stripe.page_errors = [CredentialsRefused("Stripe", "401")]
    with pytest.raises(CredentialsRefused):
        await shop.prove()
    assert len(shop.stripe.pages_asked) == 1


LEDGER = {"entity_set": "Vouchers", "voucher": "Voucher"}


def _entry(amount: str, voucher: str, company: str = "usmf", account: str = "CLEARING-USD") -> Json:
    return {
        "dataAreaId": company,
        "MainAccountId": account,
        "TransactionCurrencyCode": "USD",
        "TransactionCurrencyAmount": Decimal(amount),
        "Voucher": voucher,
    }


async def _accepted(entries: list[Json], ledger: dict[str, str]) -> tuple[list[str], int, int]:
    """The differences, and what is posted (all, by hand), of a transaction that Kim booked."""
    shop = Shop(1000, ledger_entity=ledger)
    shop.transaction("txn_1", 1000)
    shop.dynamics.rows["Vouchers"] = entries
    resolution = Resolution("Kim", "by the bank desk", START, "usmf", "GJ-1")
    prover = shop.prover({"txn_1": resolution, "txn_9": resolution})
    proof = (await prover.prove()).by_currency["usd"]
    assert not proof.unexplained
    return [each.kind for each in proof.differences], proof.posted.minor, proof.by_hand.minor


async def test_a_voucher_of_the_posted_ledger_confirms_what_a_person_booked() -> None:
    entries = [_entry("9.00", "GJ-1"), _entry("1.00", "GJ-1")]
    entries += [_entry("10.00", "GJ-1", company="demf"), _entry("-10.00", "GJ-1", account="BANK")]
    assert await _accepted(entries, LEDGER) == ([], 1000, 1000)


@pytest.mark.parametrize(
    ("entries", "ledger", "kinds"),
    [
        ([], LEDGER, ["accepted"]),
        ([_entry("10.00", "GJ-2")], LEDGER, ["accepted", "other_ledger_entries"]),
        ([_entry("9.99", "GJ-1")], LEDGER, ["accepted", "other_ledger_entries"]),
        (
            [_entry("10.00", "GJ-1")],
            {"entity_set": "Vouchers"},  # nothing tells the vouchers
            ["accepted", "other_ledger_entries"],
        ),
    ],
)
async def test_what_no_voucher_confirms_stays_accepted(
    entries: list[Json], ledger: dict[str, str], kinds: list[str]
) -> None:
    found, posted, by_hand = await _accepted(entries, ledger)
    assert (found, by_hand) == (kinds, 0)
    assert posted == sum(int(entry["TransactionCurrencyAmount"] * 100) for entry in entries)
