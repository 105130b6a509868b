"""The switches of the peer: what differs between tenants, versions, or is not known for sure."""

from dataclasses import dataclass
from typing import Literal

PAGE_ROWS_MAX = 10_000  # F&O's own
BATCH_OPERATIONS_MAX = 1_000
POST_INTERVAL_SECONDS = 3_600.0
TOKEN_LIFETIME_SECONDS = 3_600


@dataclass(slots=True)
class Settings:
    """May be changed while the peer runs.

    `over_long`: what becomes of text longer than its field. `failure_status`: of refused writes
    (both have been seen). `manual_numbers`: callers may bring their own account and journal
    numbers. `batch_stops`: a failed operation ends a batch unless the caller prefers otherwise
    (OData 4.0). `open_reads`: GET needs no token. `post_and_transfer`: the posting job moves bad
    lines to a new journal instead of refusing the journal. `link_host`: where `@odata.nextLink`
    points, which behind a load balancer is not the host that was asked.
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
