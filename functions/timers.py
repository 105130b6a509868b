"""The timers: completeness, patience, and what the queues gave up. NCRONTAB, UTC."""

import azure.durable_functions as df
import azure.functions as func

from functions.flows.client import DurableFlows
from shared import bootstrap, telemetry

bp = df.Blueprint()


@bp.timer_trigger("timer", schedule="0 7 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_transactions(
    timer: func.TimerRequest, client: df.DurableOrchestrationClient
) -> None:
    """Hourly: balance transactions that no event led to."""
    sent = await bootstrap.app().sweep(DurableFlows(client)).transactions()
    telemetry.event("sweep_transactions", sent=sent, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="0 22 */6 * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_events(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every six hours: events whose delivery was lost."""
    sent = await bootstrap.app().sweep(DurableFlows(client)).events()
    telemetry.event("sweep_events", sent=sent, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="0 52 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def heal_parked(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Hourly: parked items whose cause may have gone away."""
    sent = await bootstrap.app().inbox(DurableFlows(client)).heal()
    telemetry.event("heal_parked", sent=sent, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="0 37 */4 * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_payouts(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every four hours: payouts that nobody announced, or that are not tied out."""
    sent = await bootstrap.app().sweep(DurableFlows(client)).payouts()
    telemetry.event("sweep_payouts", sent=sent, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="30 */15 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def sweep_waiting(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every quarter of an hour: objects whose counterpart did not exist yet."""
    sent = await bootstrap.app().sweep(DurableFlows(client)).waiting()
    telemetry.event("sweep_waiting", sent=sent, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="0 */5 * * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def drain_dead_letters(
    timer: func.TimerRequest, client: df.DurableOrchestrationClient
) -> None:
    """Every five minutes: dead letters go to the inbox."""
    drained = await bootstrap.app().sweep(DurableFlows(client)).dead_letters()
    telemetry.event("drain_dead_letters", drained=drained, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="0 12 */4 * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def watch_journals(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every four hours: which journals are posted by now."""
    waiting = await bootstrap.app().audit(DurableFlows(client)).journals()
    telemetry.event("watch_journals", unposted=waiting, past_due=timer.past_due)


@bp.timer_trigger("timer", schedule="0 42 1 * * *", run_on_startup=False)
@bp.durable_client_input(client_name="client")
async def audit_lines(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every night: lines that are missing, moved or there twice are verified."""
    sent = await bootstrap.app().audit(DurableFlows(client)).lines()
    telemetry.event("audit_lines", sent=sent, past_due=timer.past_due)
