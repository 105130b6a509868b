"""Which sets are the lines of which headers: writing to a line touches the row of its header."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lined:
    """A set of headers and the set of their lines.

    `number`: the property of a line that names its header, beside the company. `closed`: the
    property of a header, and its value, from which on nothing about it changes any more.
    `navigation`: how `$expand` on the headers names the lines, where that is known.
    """

    headers: str
    lines: str
    number: str
    closed: tuple[str, str]
    navigation: str = ""


LINED = (
    Lined(
        "CustomerPaymentJournalHeaders",
        "CustomerPaymentJournalLines",
        "JournalBatchNumber",
        ("IsPosted", "Yes"),
        "CustomerPaymentJournalLine",
    ),
    Lined(
        "LedgerJournalHeaders",
        "LedgerJournalLines",
        "JournalBatchNumber",
        ("IsPosted", "Yes"),
        "LedgerJournalLine",
    ),
    Lined(
        "SalesOrderHeadersV2",
        "SalesOrderLinesV3",
        "SalesOrderNumber",
        ("SalesOrderStatus", "Invoiced"),
        "SalesOrderLines",
    ),
    Lined(
        "ReturnOrderHeadersV2",
        "ReturnOrderLinesV2",
        "ReturnOrderNumber",
        ("ReturnOrderStatus", "Invoiced"),
    ),
    Lined(
        "CDSFreeTextInvoiceHeaders",
        "CDSFreeTextInvoiceLines",
        "ExternalInvoiceId",
        ("IsPosted", "Yes"),
    ),
    Lined(
        "OpenTradeAgreementJournalHeadersV2",
        "OpenSalesPriceJournalLinesV2",
        "TradeAgreementJournalNumber",
        ("JournalNumber", ""),
    ),
)


def lines_of(entity_set: str) -> Lined | None:
    """The pair whose lines a set holds, or None."""
    return next((pair for pair in LINED if pair.lines == entity_set), None)


def headers_of(entity_set: str) -> Lined | None:
    """The pair whose headers a set holds, or None."""
    return next((pair for pair in LINED if pair.headers == entity_set), None)
