"""What a money line settles: the posted document that its draft is marked with, and its waiting.

Two posted transactions cannot be settled over OData. A line whose document is not posted yet waits
for it, at most `receipts.wait_hours` and never over the month's cut-off.
"""

from dataclasses import dataclass

from shared.entities.common.objects import Context, Snapshot, moment
from shared.errors import Waiting

INVOICES, FREE_TEXT = "SalesInvoiceHeadersV2", "CDSFreeTextInvoiceHeaders"


@dataclass(frozen=True, slots=True)
class Invoice:
    """A posted invoice or credit note that a line is for. `open_minor`: what is open of it; None
    where Dynamics does not tell its total (free text invoices)."""

    number: str
    open_minor: int | None

    def excess(self, amount_minor: int) -> int:
        """What of a receipt the invoice does not take."""
        if self.open_minor is None:
            return 0
        return max(amount_minor - max(self.open_minor, 0), 0)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a line is settled. `invoice`: the posted document, None while there is none; `wait`: the
    word for that, None where no document is expected (any more)."""

    invoice: Invoice | None = None
    wait: Waiting | None = None


def may_wait(snapshot: Snapshot, context: Context) -> bool:
    """Whether a transaction is young enough to wait for a document: its month is not over."""
    made = moment(snapshot.object, "created", "balance_transaction")
    day, today = context.local_date(made), context.local_date(int(context.now.timestamp()))
    in_month = (day.year, day.month) == (today.year, today.month)
    return in_month and context.is_within(context.policy.receipts.wait_hours, made)
