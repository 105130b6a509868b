"""What the tests of the webhook share: an event, its answer, what is in the queues."""

import httpx

from local.world import World
from tests.world import (
    START,
    Json,
    encoded,
    everything,
    rest,
)


def event(**changes: object) -> Json:
    """A `customer.created` event; None takes a member away."""
    whole: Json = {
        "id": "evt_1Webhook",
        "object": "event",
        "type": "customer.created",
        "created": int(START.timestamp()),
        "livemode": False,
        "data": {"object": {"id": "cus_1Webhook", "object": "customer", "name": "Ada"}},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def answered(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert sorted(body) == ["code", "message"]
    assert body["message"]
    return answer.status_code, body["code"]


def depth(world: World) -> int:
    """Messages in all queues, in any state."""
    total = 0
    for queue in world.broker.queues:
        found = world.broker.depth(queue.name)
        total += found.ready + found.locked + found.scheduled + found.dead
    return total


async def nothing_came_of_it(world: World, before: object) -> None:
    assert depth(world) == 0
    await rest(world)
    assert everything(world) == before


BODY = encoded(event())
