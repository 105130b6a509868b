"""The unpacked package between the peers: what the webhook answers, and what Dynamics has then.

A script of its own, because the package has to be imported in place of the checkout
(`release.alone`). Argument: the folder of the package. Prints one JSON object.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from local.books import CUSTOMER_ID_PROPERTY, SIGNING_SECRETS
from local.clock import LoopClock
from local.loop import run_virtual
from local.stripe.delivery import signature
from local.transport import PeerTransport
from local.world import Options, World, open_world

START = datetime(2026, 10, 1, 8, tzinfo=UTC)
OURS = ("function_app", "functions", "shared")


async def _post(world: World, body: bytes, secret: str) -> tuple[int, str]:
    signed = signature(body, world.clock.now(), [secret])
    transport = PeerTransport(world.host.asgi, world.clock)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        headers = {"Stripe-Signature": signed}
        answer = await client.post("/api/webhooks/stripe", content=body, headers=headers)
    return answer.status_code, answer.json()["code"]


async def _story(clock: LoopClock) -> dict[str, Any]:
    home = Path(sys.argv[1])
    async with open_world(clock, Options(app_dir=home)) as world:
        health = await world.get("health")
        customer = world.stripe.request("POST", "/v1/customers", {"name": "Ada"})["id"]
        await world.idle()
        (event,) = world.stripe.objects("event")
        body = json.dumps(event).encode()
        answers = {
            "signed": await _post(world, body, SIGNING_SECRETS[0]),
            "forged": await _post(world, body, "whsec_forged"),
        }
        await world.idle()
        accounts = [
            row["OrganizationName"]
            for row in world.dynamics.records("CustomersV3")
            if row[CUSTOMER_ID_PROPERTY] == customer
        ]
    outside = [
        name
        for name, module in sys.modules.items()
        if name.partition(".")[0] in OURS
        and module.__file__
        and not Path(module.__file__).is_relative_to(home)
    ]
    return {"health": health, "accounts": accounts, "outside": outside, **answers}


sys.stdout.write(json.dumps(run_virtual(_story, start=START)))
