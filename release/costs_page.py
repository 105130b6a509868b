"""The page docs/costs.md: the table of costs, with its inputs and its arithmetic."""

from decimal import Decimal

from release.costs import ASSUMED, GIGABYTE, PRICES, USAGE, VOLUMES, cost, quantities

HEADING = """# What it costs

Generated from `release/costs.py` (`make docs`); do not edit. Azure alone, for a month, in US
dollars at list prices; without taxes, Stripe and Dynamics. It is an estimate, because Tieout has
not run on Azure yet. The use was measured in the embedded world and grows linearly here; at larger
volumes batches are fuller, so the figures are on the high side. At volume the time of executions
is nearly everything, and it rests on an assumption: how long a batch waits for Dynamics. Read the
prices of your region in Microsoft's
[calculator](https://azure.microsoft.com/pricing/calculator/) before you decide.

"""
LEFT_OUT = """
## What is not in it

Rows kept in tables (a few cents for each GB), Key Vault, alert rules, traffic out of the region,
polling by the host and Durable Functions, instances that are kept warm (`alwaysReadyHttp`; with
them there is no free grant), private networking and Service Bus *Premium*.
"""
SMALL = 100
LABELS = {
    "executions": "executions",
    "gigabyte_seconds": "execution time, GB-s",
    "bus_base": "Service Bus, hours",
    "bus_operations": "Service Bus, operations",
    "table_transactions": "table transactions",
    "log_gigabytes": "log ingestion, GB",
}


def page() -> str:
    """The page as Markdown."""
    return HEADING + _totals() + _arithmetic() + _use() + _assumptions() + _prices() + LEFT_OUT


def _number(value: Decimal) -> str:
    whole = value.quantize(Decimal("0.01")) if value < SMALL and value % 1 else value.quantize(1)
    return f"{whole:,}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _totals() -> str:
    costs = [{name: cost(name, q) for name, q in quantities(n).items()} for n in VOLUMES]
    rows = [[LABELS[name], *(f"{by_name[name]:,}" for by_name in costs)] for name in PRICES]
    rows.append(["**together**", *(f"**{sum(one.values()):,}**" for one in costs)])
    return _table(["USD a month", *(f"{n:,} charges" for n in VOLUMES)], rows)


def _arithmetic() -> str:
    rows = []
    for name in PRICES:
        amounts = [_number(quantities(charges)[name]) for charges in VOLUMES]
        rows.append([LABELS[name], *amounts])
    return (
        "\n## Arithmetic\n\n"
        "A quantity is *charges x use of a charge + use of a month*. A cost is *(quantity - free) "
        "/ unit x price*, never below 0, to the cent. Execution time is *executions of each kind x "
        "seconds x memory of an instance*. Logs are *bytes that Tieout logs + executions x bytes "
        f"that the platform logs*, a GB being {GIGABYTE:,} bytes.\n\n"
    ) + _table(["quantity a month", *(f"{n:,} charges" for n in VOLUMES)], rows)


def _use() -> str:
    rows = [[f"`{name}`", str(one.charge), f"{one.month:,}"] for name, one in USAGE.items()]
    head = "\n## Measured use\n\nBy `bench/usage.py`. A message of Service Bus is 3 operations.\n\n"
    return head + _table(["use", "a charge", "a month without charges"], rows)


def _assumptions() -> str:
    rows = [[f"`{name}`", f"{value:,}"] for name, value in ASSUMED.items()]
    head = "\n## Assumptions\n\nNobody has measured these on Azure; the workbook shows yours.\n\n"
    return head + _table(["assumption", "value"], rows)


def _prices() -> str:
    rows = [
        [
            f"`{name}`",
            str(price.amount),
            f"{price.per:,} {price.unit}",
            f"{price.free:,}",
            price.source,
            price.read_on,
        ]
        for name, price in PRICES.items()
    ]
    head = (
        "\n## Prices\n\nMicrosoft's own pages show no figure without a region, and could not be "
        "asked where this was written: these are second-hand.\n\n"
    )
    return head + _table(["price", "USD", "for", "free a month", "read in", "on"], rows)


def main() -> None:
    """Print the page."""
    print(page(), end="")


if __name__ == "__main__":
    main()
