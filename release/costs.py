"""What a month costs on Azure: measured use, assumptions, list prices, and the arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

VOLUMES = (1_000, 100_000, 1_000_000)
CENT = Decimal("0.01")
GIGABYTE = 10**9  # as Azure Monitor bills it
EXECUTIONS = ("http", "queue", "timer", "flow")


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one charge, and of a month without charges: measured by `bench/usage.py`."""

    charge: Decimal
    month: int


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in US dollars, what is free of it each month, where it was read, and when."""

    amount: Decimal
    per: int
    free: int
    unit: str
    source: str
    read_on: str


def _usage(charge: str, month: int) -> Usage:
    return Usage(Decimal(charge), month)


USAGE: Mapping[str, Usage] = MappingProxyType(
    {
        "http_executions": _usage("5.0", 202),
        "queue_executions": _usage("7.5", 1_121),
        "timer_executions": _usage("0.0", 16_350),
        "flow_executions": _usage("1.4", 665),
        "bus_operations": _usage("37.4", 4_521),
        "table_transactions": _usage("253.2", 226_923),
        "log_bytes": _usage("1480.6", 1_715_252),
    }
)
# Nobody has measured these on Azure: the workbook shows yours.
ASSUMED: Mapping[str, Decimal] = MappingProxyType(
    {
        "http_seconds": Decimal("0.3"),
        "queue_seconds": Decimal(3),
        "timer_seconds": Decimal(2),
        "flow_seconds": Decimal("0.5"),
        "instance_gigabytes": Decimal(2),
        "platform_log_bytes": Decimal(1_000),
        "hours": Decimal(730),
    }
)
_FLEX = "modal.com/blog/azure-function-pricing-guide, East US; free grant: public repositories"
_BUS = "Microsoft's price list as public repositories quote it"
PRICES: Mapping[str, Price] = MappingProxyType(
    {
        "executions": Price(
            Decimal("0.40"), 1_000_000, 250_000, "executions, on demand", _FLEX, "2025-05-22"
        ),
        "gigabyte_seconds": Price(
            Decimal("0.000026"), 1, 100_000, "GB-s, on demand", _FLEX, "2025-05-22"
        ),
        "bus_base": Price(Decimal("0.0135"), 1, 0, "hours of the namespace", _BUS, "2026-11-30"),
        "bus_operations": Price(
            Decimal("0.80"),
            1_000_000,
            13_000_000,
            "operations up to 100 million",
            _BUS,
            "2026-11-30",
        ),
        "table_transactions": Price(
            Decimal("0.00036"),
            10_000,
            0,
            "transactions",
            "retail rates of Austria East, quoted in a public repository",
            "2026-07-22",
        ),
        "log_gigabytes": Price(
            Decimal("2.30"), 1, 5, "GB, analytics logs", "monitoringcost.com", "2026-11-30"
        ),
    }
)


def used(name: str, charges: int) -> Decimal:
    """The use of a month with so many charges."""
    return USAGE[name].charge * charges + USAGE[name].month


def quantities(charges: int) -> dict[str, Decimal]:
    """What is billed of a month, by the name of its price."""
    executions = {kind: used(f"{kind}_executions", charges) for kind in EXECUTIONS}
    seconds = sum((executions[kind] * ASSUMED[f"{kind}_seconds"] for kind in EXECUTIONS), Decimal())
    count = sum(executions.values(), Decimal())
    log_bytes = used("log_bytes", charges) + count * ASSUMED["platform_log_bytes"]
    return {
        "executions": count,
        "gigabyte_seconds": seconds * ASSUMED["instance_gigabytes"],
        "bus_base": ASSUMED["hours"],
        "bus_operations": used("bus_operations", charges),
        "table_transactions": used("table_transactions", charges),
        "log_gigabytes": log_bytes / GIGABYTE,
    }


def cost(name: str, quantity: Decimal) -> Decimal:
    """US dollars, to the cent, of a quantity."""
    price = PRICES[name]
    billed = max(quantity - price.free, Decimal())
    return (billed / price.per * price.amount).quantize(CENT, ROUND_HALF_UP)
