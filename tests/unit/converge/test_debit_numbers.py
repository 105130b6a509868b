"""The number of a customer debit goes to one line."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

from local.tables import MemoryTables
from shared.converge import debit_numbers
from shared.converge.stages import DecidedObject
from shared.domain.documents import AccountRole
from shared.domain.ids import line_key
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Link, Record
from shared.entities.common.journal_lines import GeneralLine
from shared.entities.common.objects import Desired, Snapshot
from shared.stores.links import Claim

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def _debit(id: str, *roles: str, company: str = "usmf", number: str = "FTI-3-R1") -> DecidedObject:
    documents = [
        GeneralLine(
            role=role,
            company=company,
            key=line_key(id, role),
            amount=Money(100, "usd"),
            date=date(2026, 11, 1),
            account=AccountRole(Role.CUSTOMER, "cus_1"),
            offset=AccountRole(Role.CLEARING),
            category="charge_failure",
            source="py_1",
            invoice=number,
        )
        for role in roles
    ]
    snapshot = Snapshot("balance_transaction", id, {})
    return DecidedObject(Claim(id, "w", "e", DAY), snapshot, Desired(tuple(documents)))


def _numbers(*values: DecidedObject) -> list[str]:
    async def run() -> list[str]:
        tables, found = MemoryTables(), []
        for value in values:
            reserved = await debit_numbers.reserve(tables, value)
            lines = reserved.desired.documents
            found += [line.invoice for line in lines if isinstance(line, GeneralLine)]
        return found

    return asyncio.run(run())


def test_of_two_debits_of_one_invoice_one_takes_the_number() -> None:
    one, other = _debit("txn_1", "gross"), _debit("txn_2", "gross", number="fti-3-r1")
    assert _numbers(one, other) == ["FTI-3-R1", "txn_2-R1"]


def test_two_lines_of_one_dispute_have_two_numbers() -> None:
    assert _numbers(_debit("du_1", "lost:1", "lost:3")) == ["FTI-3-R1", "du_1-R3"]


def test_deciding_again_and_another_company_change_nothing() -> None:
    one = _debit("txn_1", "gross")
    elsewhere = _debit("txn_2", "gross", company="demf")
    assert _numbers(one, one, elsewhere) == ["FTI-3-R1"] * 3


def test_a_written_debit_and_a_line_without_number_are_left_alone() -> None:
    one, written = _debit("txn_1", "gross"), _debit("txn_2", "gross")
    record = Record(written.desired.documents[0], "LedgerJournalLines", "PaymentId", {}, {}, "")
    written = replace(written, claim=replace(written.claim, links={"gross": Link({}, record)}))
    assert _numbers(one, written) == ["FTI-3-R1"] * 2
    none = [_debit("txn_3", "gross", number=""), _debit("txn_4", "gross", number="")]
    assert _numbers(*none) == ["", ""]
