"""The switches of the peer: what differs between tenants, versions, or is not known for sure."""

from dataclasses import dataclass
from typing import Literal

PAGE_ROWS_MAX = 10_000  # F&O's own
BATCH_OPERATIONS_MAX = 1_000
POST_INTERVAL_SECONDS = 3_600.0
TOKEN_LIFETIME_SECONDS = 3_600
SETTLEMENT_SECONDS = 300.0  # the background job runs every five minutes


@dataclass(slots=True)
class DynamicsSettings:
    """May be changed while the peer runs.

    `over_long`: what becomes of text longer than its field. `failure_status`: of refused writes
    (both have been seen). `manual_numbers`: callers may bring their own account and journal
    numbers. `batch_stops`: a failed operation ends a batch unless the caller prefers otherwise
    (OData 4.0). `open_reads`: GET needs no token. `post_and_transfer`: the posting job moves bad
    lines to a new journal instead of refusing the journal. `link_host`: where `@odata.nextLink`
    points, which behind a load balancer is not the host that was asked.
    `line_discount`: whether the `LineDiscountAmount` of a sales order line is for the line or for
    each price unit ("line discount in amount per price unit", EDT SalesLineDisc of AX 2012).
    `tax_rounding`: sales tax is rounded for each line, or once for all lines of a tax code.
    `totals_by_job`: orders show no totals until the batch job has run.
    `invoice_hold_refuses_orders`: a customer on hold for invoices takes no orders either; else
    its orders are accepted and not invoiced. `default_site`: of stocked items whose line, order
    and warehouse name none; empty for a tenant without default order settings.
    `line_numbers_collide`: a second line of a payment journal with the same number is refused; else
    it gets the next one. `negative_free_text_lines`: free text invoices take negative amounts.
    `classification_changes`: the billing classification of an unposted free text invoice can be
    set, to one of `classifications`. `settlement`: a posted journal settles what it marks at
    once, in the background a while later ("Delay settlement", Finance 10.0.49), or its settlement
    fails and nobody tries again. `not_public`: entity sets that OData does not show.
    """

    page_rows_max: int = PAGE_ROWS_MAX
    batch_operations_max: int = BATCH_OPERATIONS_MAX
    over_long: Literal["reject", "truncate"] = "reject"
    failure_status: Literal[400, 500] = 400
    manual_numbers: bool = True
    batch_stops: bool = True
    open_reads: bool = False
    post_and_transfer: bool = False
    post_interval_seconds: float = POST_INTERVAL_SECONDS
    token_lifetime_seconds: int = TOKEN_LIFETIME_SECONDS
    default_company: str = "usmf"
    delimiter: str = "-"
    link_host: str = "https://aos-2.peer.invalid"
    line_discount: Literal["line", "unit"] = "line"
    tax_rounding: Literal["line", "total"] = "line"
    totals_by_job: bool = False
    invoice_hold_refuses_orders: bool = True
    default_site: str = "1"
    line_numbers_collide: bool = True
    negative_free_text_lines: bool = True
    classification_changes: bool = True
    classifications: tuple[str, ...] = ("STRIPE",)
    settlement: Literal["posting", "delayed", "failing"] = "posting"
    settlement_seconds: float = SETTLEMENT_SECONDS
    not_public: tuple[str, ...] = ()
