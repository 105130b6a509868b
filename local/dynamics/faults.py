"""Faults a world can switch on. Rates are shares of requests, drawn by its random numbers."""

from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

LATENCY_SECONDS_MAX = 3_600.0
RETRY_AFTER_SECONDS = 30

type Rate = Annotated[float, Field(ge=0, le=1)]
type Seconds = Annotated[float, Field(ge=0, le=LATENCY_SECONDS_MAX)]


class DynamicsFaults(BaseModel):
    """All faults; everything off by default. May be replaced or changed while the peer runs.

    `latency_seconds`: how long a request takes, from and to. `throttle`: 429 with
    `retry_after_seconds`. `server_error`: 500 before anything is done. `html_error`: 502 with the
    page of a gateway, before anything is done. `timeout_before_commit`: no answer, nothing done.
    `error_after_commit`: done, then half of the time a 500 and half of the time no answer.
    `late_commit`: no answer, and the work is done `late_commit_seconds` later.
    `key_taken`: done, its answer is lost on the way, and whoever repeats the request in between
    hears that the record exists (only of records whose key the client gives).
    `drop_mid_batch`: the connection ends after some operations of a batch are done.
    `truncate_batch`: a batch is done, its answer ends in the middle. `update_conflict`: another
    user writes to the same journals and orders meanwhile. `posted_meanwhile`: the jobs that post
    and invoice come in the middle of a batch. The first that is drawn applies, in this order. All
    after `timeout_before_commit` never hit a plain read. `broken_text`: the reason of a refusal
    holds half a surrogate pair, as texts do that were cut in an emoji; of all refusals.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    latency_seconds: tuple[Seconds, Seconds] = (0.0, 0.0)
    throttle: Rate = 0.0
    retry_after_seconds: Annotated[int, Field(ge=0, le=3_600)] = RETRY_AFTER_SECONDS
    server_error: Rate = 0.0
    html_error: Rate = 0.0
    timeout_before_commit: Rate = 0.0
    error_after_commit: Rate = 0.0
    late_commit: Rate = 0.0
    late_commit_seconds: Seconds = 60.0
    key_taken: Rate = 0.0
    drop_mid_batch: Rate = 0.0
    truncate_batch: Rate = 0.0
    update_conflict: Rate = 0.0
    posted_meanwhile: Rate = 0.0
    broken_text: Rate = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> "DynamicsFaults":
        low, high = self.latency_seconds
        if low > high:
            raise ValueError("latency_seconds: the first number must not exceed the second")
        return self


BEFORE = ("throttle", "server_error", "html_error", "timeout_before_commit")
"""Faults instead of doing anything; they hit reads and writes."""
WRITES = ("error_after_commit", "late_commit", "key_taken")
BATCHES = ("drop_mid_batch", "truncate_batch")
MEDDLERS = ("update_conflict", "posted_meanwhile")

type Strikes = Callable[[str, float], bool]
"""Decides, given the name and rate of a fault, whether it strikes now."""

GATEWAY_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>"
    b"</center><hr><center>Microsoft-Azure-Application-Gateway/v2</center></body></html>"
)
