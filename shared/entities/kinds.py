"""Every kind of document that the product asks for."""

import functools

from shared.domain.codec import Codec
from shared.domain.documents import Document
from shared.entities.common.catalogue_records import (
    PriceJournal,
    PriceLine,
    ProductEnd,
    ProductRecord,
)
from shared.entities.common.journal_lines import CustomerPaymentLine, GeneralLine
from shared.entities.common.sales_documents import (
    CreditMemo,
    CreditMemoLine,
    ReturnOrder,
    ReturnOrderLine,
    SalesOrder,
    SalesOrderLine,
    SalesOrderRelease,
)
from shared.entities.customer.records import CustomerLink, CustomerRecord

KINDS: tuple[type[Document], ...] = (
    CustomerRecord,
    CustomerLink,
    CustomerPaymentLine,
    GeneralLine,
    SalesOrder,
    SalesOrderLine,
    SalesOrderRelease,
    CreditMemo,
    CreditMemoLine,
    ReturnOrder,
    ReturnOrderLine,
    ProductRecord,
    ProductEnd,
    PriceJournal,
    PriceLine,
)


@functools.cache
def product_codec() -> Codec:
    """How the product's documents are stored; made once a process."""
    return Codec(KINDS)
