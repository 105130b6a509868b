"""Nothing is written for a day that is closed: checks of documents before they are handed on."""

from collections.abc import Iterable, Sequence
from datetime import date

from shared.domain.closed_days import ClosedDays, FollowedDays, Module
from shared.domain.journal import JournalKind
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Context
from shared.errors import Parked

TYPED_REMEDY = "Open the period in Dynamics and in the books (closed_through), then retry."
FOLLOWED_REMEDY = (
    "Open the period in Dynamics (its status, and the access to the modules). Healing then retries "
    "the item, or you retry it."
)


def check_open(closed: ClosedDays, company: str, day: date, *modules: Module) -> None:
    """Raises `Parked` when a day of a company is closed for one of the modules."""
    for module in modules:
        if closed.cut_off(day, module) is None:
            follows = isinstance(closed, FollowedDays)
            remedy = FOLLOWED_REMEDY if follows else TYPED_REMEDY
            about = f" (module {module})" if follows else ""
            raise Parked("period_closed", closed.reason(company, day) + about, remedy)


def check_lines(lines: Iterable[JournalLine], context: Context) -> None:
    """Raises `Parked` when the day of a line is closed in one of the companies that it is posted
    in: its own, and that of an account."""
    for line in lines:
        for company in companies_of(line):
            check_open(context.closed_days(company), company, line.date, module_of(line))


def companies_of(line: JournalLine) -> Sequence[str]:
    """The companies that a line is posted in."""
    named = (line.company, line.account.company, line.offset.company)
    return [name for name in dict.fromkeys(named) if name]


def module_of(line: JournalLine) -> Module:
    """The module that a line is posted in."""
    return Module.CUSTOMERS if line.journal is JournalKind.CUSTOMER_PAYMENT else Module.LEDGER
