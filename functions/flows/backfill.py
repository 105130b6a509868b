"""The backfill flow: pages of balance transactions until there are no more."""

import typing
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from functions.failures import without_text
from functions.flows.client import DurableFlows
from shared import bootstrap

bp = df.Blueprint()

PAGES_PER_HISTORY = 50
RETRY_SECONDS = 10
RETRIES_MAX = 20


@bp.orchestration_trigger(context_name="context")
def backfill_flow(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Input and output: `{since, cursor, seen, sent, account}`."""
    state = context.get_input()
    retry = df.RetryOptions(RETRY_SECONDS * 1_000, RETRIES_MAX)
    for _ in range(PAGES_PER_HISTORY):
        state = yield context.call_activity_with_retry("backfill_page", retry, state)
        if not state["cursor"]:
            return state
    context.continue_as_new(state)
    return state


# The worker knows `typing.Dict` for activities only, not `dict[...]`.
@bp.activity_trigger(input_name="state")
@bp.durable_client_input(client_name="client")
@without_text
async def backfill_page(
    state: typing.Dict[str, typing.Any],  # noqa: UP006
    client: df.DurableOrchestrationClient,
) -> typing.Dict[str, typing.Any]:  # noqa: UP006
    """One page of the backfill."""
    app = bootstrap.app().of(state["account"])
    return await app.backfill(DurableFlows(client)).page(state)
