"""The day of a settlement: the invoice's, or that of its posting once the invoice's is closed."""

from datetime import date

import pytest

from shared.domain.records import Link, Record
from shared.entities.fee_invoice.records import VendorPayment
from shared.errors import Parked
from tests import accounting_examples as examples
from tests.unit.entities.objects import CREATED, Json, closed_through

OBJECT: Json = {
    "id": "feedoc_2026-10_usmf_usd_ABC",
    "object": "fee_invoice",
    "month": "2026-10",
    "company": "usmf",
    "currency": "usd",
    "number": "ABC",
    "date": "2026-10-31",
    "post_on": "2026-10-31",
    "amount": 353,
    "tax": 0,
    "kinds": {"fee": 353},
}
ANSWERS = {"posted": ({"JournalBatchNumber": "B-1", "IsPosted": "Yes"},)}


def made(links: dict[str, Link], through: str = "2026-09-30", days: int = 0) -> list[Record]:
    """The records, so many days after 1 November."""
    now = CREATED + days * examples.DAY
    in_books = closed_through(through).books
    return examples.made(OBJECT, links=links, now=now, in_books=in_books, answers=ANSWERS)


def day_of(records: list[Record]) -> date:
    [payment] = [each.document for each in records if isinstance(each.document, VendorPayment)]
    return payment.date


def written(*, settlement: bool) -> dict[str, Link]:
    """What is written, with the settlement or without it."""
    links = examples.links(made({}))
    return {role: link for role, link in links.items() if settlement or "payment" not in role}


def test_the_settlement_has_the_day_of_the_invoice_while_that_is_open() -> None:
    assert day_of(made(written(settlement=False), days=3)) == date(2026, 10, 31)


def test_once_that_is_closed_it_has_the_day_that_shows_the_posting() -> None:
    found = made(written(settlement=False), "2026-10-31", days=3)
    assert day_of(found) == date(2026, 11, 4)


def test_a_settlement_that_is_written_keeps_its_day() -> None:
    links = written(settlement=True)
    assert day_of(made(links, "2026-10-31", days=3)) == date(2026, 10, 31)


def test_a_settlement_of_a_closed_day_is_parked() -> None:
    with pytest.raises(Parked, match="closed through 2026-11-30, the line is of 2026-11-04"):
        made(written(settlement=False), "2026-11-30", days=3)


def test_an_invoice_of_a_closed_day_is_parked() -> None:
    with pytest.raises(Parked, match="closed through 2026-10-31, the line is of 2026-10-31"):
        made({}, "2026-10-31", days=3)
