"""The timers, generated from one table: sweeps, healing, dead letters, journals and the audit.

NCRONTAB with six fields, UTC: second, minute, hour, day, month, day of the week.
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import azure.durable_functions as df
import azure.functions as func

from functions.failures import without_text
from functions.flows.client import DurableFlows
from shared import bootstrap, telemetry
from shared.ports import Flows

if TYPE_CHECKING:
    from shared.app import App

bp = df.Blueprint()

type Run = Callable[[App, Flows], Awaitable[int]]
type Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer function: when it runs, what for, and what it calls (which returns a count)."""

    name: str
    schedule: str
    purpose: str
    run: Run


TIMERS: tuple[Timer, ...] = (
    Timer(
        "sweep_transactions",
        "0 7 * * * *",
        "Hourly: balance transactions that no event led to.",
        lambda app, flows: app.sweep(flows).transactions(),
    ),
    Timer(
        "sweep_events",
        "0 22 */6 * * *",
        "Every six hours: events whose delivery was lost.",
        lambda app, flows: app.sweep(flows).events(),
    ),
    Timer(
        "sweep_payouts",
        "0 37 */4 * * *",
        "Every four hours: payouts that nobody announced, or that are not tied out.",
        lambda app, flows: app.sweep(flows).payouts(),
    ),
    Timer(
        "sweep_waiting",
        "30 */15 * * * *",
        "Every 15 minutes: objects whose counterpart did not exist yet.",
        lambda app, flows: app.sweep(flows).waiting(),
    ),
    Timer(
        "heal_parked",
        "0 52 * * * *",
        "Hourly: parked items whose cause may have gone away.",
        lambda app, flows: app.healing().run(),
    ),
    Timer(
        "drain_dead_letters",
        "0 */5 * * * *",
        "Every five minutes: dead letters go to the inbox.",
        lambda app, flows: app.sweep(flows).dead_letters(),
    ),
    Timer(
        "watch_journals",
        "0 12 */4 * * *",
        "Every four hours: notes which journals are posted.",
        lambda app, flows: app.posting_watch().run(),
    ),
    Timer(
        "audit_lines",
        "0 42 1 * * *",
        "Every night: sends lines that are missing, moved or duplicated to verification.",
        lambda app, flows: app.audit().lines(),
    ),
    Timer(
        "continue_audit",
        "0 3,18,33,48 * * * *",
        "Every 15 minutes: continues an audit that one run did not finish.",
        lambda app, flows: app.audit().go_on(),
    ),
    Timer(
        "measure",
        "50 */5 * * * *",
        "Every five minutes: records how things stand, for alerts and the workbook.",
        lambda app, flows: app.measure().run(),
    ),
    Timer(
        "prove_books",
        "0 27 3 * * *",
        "Every night: the clearing proof, of which `measure` tells the gap.",
        lambda app, flows: app.measure().prove(),
    ),
    Timer(
        "purge",
        "0 27 2 * * *",
        "Every night: items that are done, previews and ended flows whose retention is over.",
        lambda app, flows: app.purge(flows).run(),
    ),
)


def _handler(spec: Timer) -> Handler:
    async def run(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
        count = await spec.run(bootstrap.app(), DurableFlows(client))
        telemetry.count("tieout.timer.runs", timer=spec.name)
        telemetry.event("timer", timer=spec.name, count=count, past_due=timer.past_due)

    run.__name__ = spec.name
    run.__doc__ = spec.purpose
    return run


for _spec in TIMERS:
    bp.function_name(_spec.name)(
        bp.timer_trigger("timer", schedule=_spec.schedule, run_on_startup=False)(
            bp.durable_client_input(client_name="client")(without_text(_handler(_spec)))
        )
    )
