"""The payout flow: list the members, wait until they are written, tie out.

One orchestration per payout, instance `payout-<id>`. The orchestrator decides, activities do. It
runs for as long as lines are missing and renews itself so that its history stays short; a poke
makes it check at once. https://learn.microsoft.com/azure/azure-functions/durable/
"""

import typing
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from functions.failures import without_text
from functions.flows.client import POKE
from shared import bootstrap
from shared.domain.partition import DEFAULT_ACCOUNT

bp = df.Blueprint()

# The worker knows `typing.Dict` for activities only, not `dict[...]`.

PAGES_PER_HISTORY = 50
ROUNDS_MAX = 300  # about two months of waiting
FIRST_WAIT_MINUTES = 5
WAIT_MINUTES_MAX = 360
RETRY_SECONDS = 10
RETRIES_MAX = 10


def _retry() -> df.RetryOptions:
    return df.RetryOptions(RETRY_SECONDS * 1_000, RETRIES_MAX)


@bp.orchestration_trigger(context_name="context")
def payout_flow(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Input: `{payout, account, cursor, listed, count, net_minor, rounds}`, all but `payout`
    optional; `account`: the alias of the Stripe account."""
    state = {
        "account": DEFAULT_ACCOUNT,
        "cursor": "",
        "listed": False,
        "count": 0,
        "net_minor": 0,
        "rounds": 0,
        **context.get_input(),
    }
    pages = 0
    while not state["listed"]:
        if pages == PAGES_PER_HISTORY:
            context.continue_as_new(state)
            return None
        page = yield context.call_activity_with_retry(
            "payout_membership_page",
            _retry(),
            {k: state[k] for k in ("payout", "account", "cursor")},
        )
        pages += 1
        state["cursor"], state["listed"] = page["cursor"], not page["cursor"]
        state["count"] += page["count"]
        state["net_minor"] += page["net_minor"]
    result = yield context.call_activity_with_retry("payout_tie_out", _retry(), state)
    state["rounds"] += 1
    if result["status"] == "tied" or state["rounds"] >= ROUNDS_MAX:
        return result
    minutes = min(FIRST_WAIT_MINUTES * 2 ** min(state["rounds"] - 1, 10), WAIT_MINUTES_MAX)
    timer = context.create_timer(context.current_utc_datetime + timedelta(minutes=minutes))
    woken = yield context.task_any([context.wait_for_external_event(POKE), timer])
    if woken != timer:
        timer.cancel()
    # Each round has a history of its own: an event raised before its wait would end every later
    # wait of the same history (durable-python issue 507).
    context.continue_as_new(state)
    return result


@bp.activity_trigger(input_name="page")
@without_text
async def payout_membership_page(
    page: typing.Dict[str, typing.Any],  # noqa: UP006
) -> typing.Dict[str, typing.Any]:  # noqa: UP006
    """One page of the members of a payout: `{payout, account, cursor}` -> `{cursor, count,
    net_minor}`."""
    reconcile = bootstrap.app().of(page["account"]).reconcile()
    return await reconcile.membership_page(page["payout"], page["cursor"])


@bp.activity_trigger(input_name="state")
@without_text
async def payout_tie_out(
    state: typing.Dict[str, typing.Any],  # noqa: UP006
) -> typing.Dict[str, typing.Any]:  # noqa: UP006
    """Check and store the tie-out: `{payout, account, count, net_minor}` -> `{status, ...}`."""
    reconcile = bootstrap.app().of(state["account"]).reconcile()
    return await reconcile.tie_out(state["payout"], state["count"], state["net_minor"])
