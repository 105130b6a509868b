"""Logs of a month name nobody and show no payload."""

import logging
import re

import pytest

from local.world import Options, World
from tests.flows.test_erasure import ORDERS, PERSON, TRACES
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

EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}")
CARD = re.compile(r"(?<![\w.])\d{13,19}(?![\w.])")
PAYLOADS = ('"object": "event"', '"livemode"', "billing_details", "AccountDisplayValue")


def test_a_month_of_logs_holds_no_name_no_card_and_no_payload(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story(world: World) -> None:
        customer = new_customer(world, **PERSON)
        for day in range(10):
            charge = sell(world, 10_000 + day, ("usd", "eur")[day % 2], customer,
                          description="Gift of Ottilia Szalóky")  # fmt: skip
            await rest(world, DAY)
            if day == 3:
                give_back(world, charge, 1_000)
            if day == 5:
                world.stripe.lose_dispute(world.stripe.dispute_charge(charge))
        body = encoded({"id": "evt_1", "name": PERSON["name"], "email": PERSON["email"]})
        await deliver(world, body)
        await ask(world, "POST", WEBHOOK, body, {"Stripe-Signature": "t=1,v1=" + "0" * 64})
        body = encoded({"ids": [PERSON["name"]], "who": "Kim"})
        await ask(world, "POST", "inbox/retry", body)
        await rest(world, 20 * DAY)
        await booked_and_proved(world)

    live(story, Options(documents=ORDERS.documents))
    ours = [each for each in caplog.records if each.name.startswith(("tieout", "azure"))]
    shown = [record.getMessage() + str(record.exc_text or "") for record in ours]
    assert len(shown) > 100
    found = [line for line in shown if any(trace in line.casefold() for trace in TRACES)]
    found += [line for line in shown if EMAIL.search(line) or CARD.search(line)]
    found += [line for line in shown if any(payload in line for payload in PAYLOADS)]
    assert found == []
