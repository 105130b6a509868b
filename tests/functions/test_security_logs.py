"""What a month says of itself, in logs, spans and metrics, names nobody and shows no payload."""

from local.world import Options, World
from tests.flows.test_erasure import ORDERS, PERSON, TRACES, erase
from tests.leaks import leaks, logs, told_by, words_of
from tests.world import (
    DAY,
    WEBHOOK,
    ask,
    booked_and_proved,
    deliver,
    encoded,
    give_back,
    live,
    new_customer,
    rest,
    sell,
)

DESCRIPTION = "Gift of Ottilia Szalóky"
CARD = "4242424242424242"


async def month(world: World) -> list[str]:
    """Sales, refunds and a lost dispute, bodies that name a person, and an erasure; returns what
    must not be told."""
    customer = new_customer(world, **PERSON)
    other = new_customer(world)
    for day in range(10):
        currency = ("usd", "eur")[day % 2]
        charge = sell(world, 10_000 + day, currency, customer, description=DESCRIPTION)
        sell(world, 500 + day, currency, other)
        await rest(world, DAY)
        if day == 3:
            give_back(world, charge, 1_000)
        if day == 5:
            world.stripe.lose_dispute(world.stripe.dispute_charge(charge))
    body = encoded({"id": "evt_1", "name": PERSON["name"], "email": PERSON["email"]})
    await deliver(world, body)
    await ask(world, "POST", WEBHOOK, body, {"Stripe-Signature": "t=1,v1=" + "0" * 64})
    for said in (PERSON["name"], PERSON["email"], CARD):
        await ask(world, "POST", "inbox/retry", encoded({"ids": [said], "who": said}))
        await ask(world, "POST", "customers/cus_9/erase", encoded({"who": said, "why": said}))
    assert (await erase(world, customer, who=PERSON["name"]))[0] == 200
    sell(world, 7_000, "eur", customer, description=DESCRIPTION)
    await rest(world, 20 * DAY)
    await booked_and_proved(world)
    return [*words_of(world), *TRACES, DESCRIPTION]


def test_a_month_of_logs_spans_and_metrics_holds_no_person_card_secret_or_payload() -> None:
    async def story(world: World) -> tuple[list[str], list[str]]:
        return await month(world), told_by(world.telemetry)

    with logs() as keeper:
        words, told = live(story, Options(documents=ORDERS.documents))
    assert PERSON["name"] in words
    assert len(keeper.lines) > 100
    assert len(told) > 100
    assert leaks([*keeper.lines, *told], words) == []
