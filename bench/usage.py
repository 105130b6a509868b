"""What a charge uses of Azure, and what a month uses without any: the inputs of docs/costs.md.

Two months of the shop run in the embedded world, with few and with more charges; the line through
both gives the use of one charge (with its share of refunds, disputes and payouts) and of a month
without charges. At larger volumes batches are fuller, so the figures are on the high side.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from local.clock import LoopClock
from local.dynamics import DynamicsSettings
from local.loop import run_virtual
from local.shop import Shop
from local.stripe import PeerSettings
from local.world import Options, World, open_world
from shared.telemetry import LOGGER_NAME

START = datetime(2026, 10, 1, tzinfo=UTC)
FEW, MORE = 60, 240
CUSTOMERS = 40
DAYS = 30
POSTED_SECONDS = 86_400.0
# Each message is sent, received and completed.
OPERATIONS_A_MESSAGE = 3
KINDS = {
    "httpTrigger": "http_executions",
    "serviceBusTrigger": "queue_executions",
    "timerTrigger": "timer_executions",
    "orchestrationTrigger": "flow_executions",
    "activityTrigger": "flow_executions",
}

type Call = Callable[..., Awaitable[Any]]


class _LogBytes(logging.Handler):
    """Adds up the size of what the application logs."""

    def __init__(self, used: Counter[str]) -> None:
        super().__init__()
        self._used = used

    def emit(self, record: logging.LogRecord) -> None:
        self._used["log_lines"] += 1
        self._used["log_bytes"] += len(record.getMessage().encode())


def _counted(used: Counter[str], name: str, call: Call) -> Call:
    async def counting(*given: Any, **named: Any) -> Any:
        used[name] += 1
        return await call(*given, **named)

    return counting


def _count(world: World, used: Counter[str]) -> None:
    tables: Any = world.tables
    for name in ("get", "query", "transact"):
        setattr(tables, name, _counted(used, "table_transactions", getattr(tables, name)))
    broker: Any = world.broker
    send = broker.send

    def sending(queue: str, messages: Any) -> Any:
        used["bus_operations"] += OPERATIONS_A_MESSAGE * len(messages)
        return send(queue, messages)

    broker.send = sending
    broker.accept_session = _counted(used, "bus_operations", broker.accept_session)
    invoker: Any = world.host._invoker
    invoke = invoker.invoke

    async def invoking(function: Any, *given: Any, **named: Any) -> Any:
        used[KINDS[function.kind]] += 1
        return await invoke(function, *given, **named)

    invoker.invoke = invoking


def month(charges: int) -> Counter[str]:
    """What a month with so many charges used."""
    used: Counter[str] = Counter()

    async def main(clock: LoopClock) -> None:
        options = Options(
            stripe=PeerSettings(), dynamics=DynamicsSettings(post_interval_seconds=POSTED_SECONDS)
        )
        async with open_world(clock, options) as world:
            _count(world, used)
            await Shop(world.stripe, clock, 1).run(CUSTOMERS, charges, DAYS, lambda done: None)
            await world.idle()

    logger, handler = logging.getLogger(LOGGER_NAME), _LogBytes(used)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        run_virtual(main, start=START)
    finally:
        logger.removeHandler(handler)
    return used


def main() -> None:
    """Print the figures."""
    few, more = month(FEW), month(MORE)
    print(f"use of Azure, from months of {FEW} and {MORE} charges: a charge; a month without any")
    for name in sorted(more):
        slope = (more[name] - few[name]) / (MORE - FEW)
        print(f"usage {name} charge={slope:.1f} month={few[name] - FEW * slope:.0f}")


if __name__ == "__main__":
    main()
