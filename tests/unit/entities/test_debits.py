"""The number of its own that a customer debit carries."""

from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import Any

import pytest

from shared.domain.documents import AccountRole
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Link, Record
from shared.entities.common import debits
from shared.entities.common.journal_lines import CustomerPaymentLine, GeneralLine, JournalLine
from shared.entities.common.objects import Snapshot

NOTHING: Any = MappingProxyType({})
TXN = "txn_3MiN3gLkdIwHu7ix0abcdefg"


def line(kind: type[JournalLine] = GeneralLine, minor: int = 100, **change: Any) -> JournalLine:
    facts: dict[str, Any] = {
        "role": "gross",
        "company": "usmf",
        "key": f"{TXN}:gross",
        "amount": Money(minor, "usd"),
        "date": date(2026, 11, 1),
        "account": AccountRole(Role.CUSTOMER, "cus_1"),
        "offset": AccountRole(Role.CLEARING),
        "category": "charge_failure",
        "source": "py_1",
    }
    return kind(**facts | change)


def snapshot(
    invoice: str = "", answers: Any = MappingProxyType({}), place: str = "gross"
) -> Snapshot:
    receipt = line(CustomerPaymentLine, -100, key="txn_1:gross", marked_invoice=invoice)
    record = Record(receipt, "CustomerPaymentJournalLines", "PaymentId", {}, {}, "")
    return Snapshot("balance_transaction", TXN, {}, of_charge={place: record}, answers=answers)


def number(found: Snapshot, **change: Any) -> str:
    return debits.numbered(found, line(**change)).invoice


@pytest.mark.parametrize("place", ["gross", "apply"])
def test_a_debit_has_the_number_of_the_invoice_that_the_receipt_settled(place: str) -> None:
    assert number(snapshot("FTI-3", place=place)) == "FTI-3-R1"


@pytest.mark.parametrize("invoice", ["", "INV-0123456789-01"[:18] + "2"])
def test_without_one_that_fits_it_has_the_end_of_its_own_id(invoice: str) -> None:
    assert number(snapshot(invoice)) == "kdIwHu7ix0abcdefg-R1"
    assert number(snapshot(invoice), role="lost:2") == "kdIwHu7ix0abcdefg-R2"


def test_a_number_that_another_line_took_is_not_taken_again() -> None:
    other, own = {"PaymentId": "txn_2:gross"}, {"PaymentId": f"{TXN}:gross"}
    assert number(snapshot("FTI-3", {"debit FTI-3-R1": (other,)})) == "FTI-3-R2"
    assert number(snapshot("FTI-3", {"debit FTI-3-R1": (own,)})) == "FTI-3-R1"
    all_taken = {f"debit FTI-3-R{each}": (other,) for each in (1, 2, 3)}
    assert number(snapshot("FTI-3", all_taken)) == "kdIwHu7ix0abcdefg-R1"


def test_the_next_number_is_asked_for_only_where_one_is_taken() -> None:
    def asked(found: Snapshot) -> list[str]:
        return [query.value for query in debits.queries(found)]

    assert asked(snapshot()) == []
    assert asked(snapshot("FTI-3")) == ["FTI-3-R1"]
    taken = {"debit FTI-3-R1": ({"PaymentId": "txn_2:gross"},)}
    assert asked(snapshot("FTI-3", taken)) == ["FTI-3-R1", "FTI-3-R2"]


@pytest.mark.parametrize(
    "change",
    [
        {"minor": -100},
        {"account": AccountRole(Role.DISPUTES)},
        {"kind": CustomerPaymentLine},
    ],
)
def test_other_lines_have_none(change: dict[str, Any]) -> None:
    assert number(snapshot("FTI-3"), **change) == ""


def test_a_line_that_is_written_keeps_what_it_has() -> None:
    record = Record(line(), "LedgerJournalLines", "PaymentId", {}, {}, "")
    written = replace(snapshot("FTI-3"), links={"gross": Link({}, record)})
    assert number(written) == ""
