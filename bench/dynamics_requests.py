"""Dynamics requests for 1,000 charges of known customers under backlog.

The baseline is one request a record, as a simple integration writes; both numbers come from the
same run. Headers of journals, looks, tokens and Stripe's GETs are counted apart.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from local.clock import LoopClock
from local.dynamics import DynamicsSettings
from local.loop import run_virtual
from local.stripe import PeerSettings
from local.world import Options, World, open_world

CHARGES = 1_000
CUSTOMERS = 50
TARGET_REQUESTS = 40
START = datetime(2026, 10, 1, tzinfo=UTC)
LINE_SETS = ("CustomerPaymentJournalLines", "LedgerJournalLines")
HEADER_SETS = ("CustomerPaymentJournalHeaders", "LedgerJournalHeaders")


def _lines(world: World) -> int:
    return sum(len(world.dynamics.records(name)) for name in LINE_SETS)


async def _main(clock: LoopClock) -> dict[str, int]:
    options = Options(
        stripe=PeerSettings(payouts=None, settle_delay_seconds=(1.0, 2.0)),
        dynamics=DynamicsSettings(post_interval_seconds=86_400.0),
    )
    async with open_world(clock, options) as world:
        customers = [
            world.stripe.request("POST", "/v1/customers", {"name": f"Customer {number}"})["id"]
            for number in range(CUSTOMERS)
        ]
        await world.idle()
        await world.host.stop()  # a backlog: the app is down while the shop sells
        for number in range(CHARGES):
            world.stripe.request(
                "POST",
                "/v1/payment_intents",
                {
                    "amount": 1_000 + number,
                    "currency": "usd",
                    "customer": customers[number % CUSTOMERS],
                    "payment_method": "pm_card_visa",
                    "confirm": True,
                },
            )
        await asyncio.sleep(timedelta(minutes=5).total_seconds())
        before, asked = dict(world.dynamics.requests), sum(world.stripe.requests.values())
        await world.host.start()
        await world.idle()
        after = world.dynamics.requests
        counts = {name: after[name] - before.get(name, 0) for name in after}
        headers = sum(len(world.dynamics.records(name)) for name in HEADER_SETS)
        return {
            "records": _lines(world),
            "batch": counts.get("batch", 0),
            "single": counts.get("post", 0) - headers,
            "headers": headers,
            "looks": counts.get("get", 0),
            "tokens": counts.get("token", 0),
            "stripe": sum(world.stripe.requests.values()) - asked,
        }


def main() -> None:
    """Print the figure."""
    logging.disable(logging.CRITICAL)
    found = run_virtual(_main, start=START)
    if found["records"] != 2 * CHARGES:
        raise AssertionError(f"{found['records']} lines instead of {2 * CHARGES}")
    requests = found["batch"] + found["single"]
    print(
        f"{CHARGES} charges of known customers under backlog: {found['records']} records in "
        f"{requests} requests ({found['batch']} $batch, {found['single']} single); apart: "
        f"{found['headers']} journal headers, {found['looks']} looks, {found['tokens']} tokens, "
        f"{found['stripe']} Stripe GETs; baseline {found['records']} requests"
    )
    ratio, target = requests / CHARGES, TARGET_REQUESTS / CHARGES
    print(f"dynamics_requests ratio={ratio:.3f} target<={target:g}")


if __name__ == "__main__":
    main()
