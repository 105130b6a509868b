"""What tests of a whole embedded world share: living in it, acting as a shop, reading books."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from local.books import CUSTOMER_ID_PROPERTY, SIGNING_SECRETS
from local.clock import LoopClock
from local.loop import run_virtual
from local.stripe.delivery import signature
from local.summary import RECORD_SETS, ListedItem, listed
from local.transport import PeerTransport
from local.world import Options, World, open_world

START = datetime(2026, 10, 1, 8, tzinfo=UTC)  # a Thursday
MINUTE, HOUR, DAY = 60, 3_600, 86_400
RECEIPTS, GENERAL = LINE_SETS = ("CustomerPaymentJournalLines", "LedgerJournalLines")
ONE_TIME, CLEARING = "Cust STRIPE-ONETIME", "Bank STRIPE-USD"
FEES, DISPUTES, SUSPENSE = "Ledger 618900", "Ledger 132900", "Ledger 199900"
DISPUTE_FEES = "Ledger 618905"
TRANSIT, BANK = "Ledger 110900", "Bank USMF OPER"
WEBHOOK = "webhooks/stripe"

type Json = dict[str, Any]


def live[T](
    story: Callable[[World], Awaitable[T]], options: Options | None = None, start: datetime = START
) -> T:
    """Run a story in a fresh world on virtual time."""

    async def main(clock: LoopClock) -> T:
        async with open_world(clock, options or Options()) as world:
            return await story(world)

    return run_virtual(main, start=start)


async def rest(world: World, seconds: float = 5 * MINUTE) -> None:
    """Let time pass, then wait until nothing is under way."""
    await world.clock.sleep(seconds)
    await world.idle()


# --- acting as a shop -----------------------------------------------------------------------


def new_customer(world: World, **params: object) -> str:
    """A customer of the shop, with an e-mail address of its own; returns the id."""
    number = len(world.stripe.objects("customer"))
    email = f"ada{number or ''}@example.com"
    given = {"name": "Ada Ács", "email": email, **params}
    return str(world.stripe.request("POST", "/v1/customers", given)["id"])


def sell(
    world: World,
    amount_minor: int = 10_000,
    currency: str = "usd",
    customer: str | None = None,
    card: str = "pm_card_visa",
    **more: object,
) -> str:
    """A paid sale, with more parameters of its PaymentIntent; returns the id of the charge."""
    params: dict[str, object] = {
        "amount": amount_minor,
        "currency": currency,
        "payment_method": card,
        "confirm": True,
        **more,
    }
    if customer is not None:
        params["customer"] = customer
    return str(world.stripe.request("POST", "/v1/payment_intents", params)["latest_charge"])


def check_out(world: World, customer: str, line_items: list[Json], **params: object) -> str:
    """A paid Checkout Session; returns the charge."""
    session = world.stripe.request(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "payment",
            "success_url": "https://shop.example/thanks",
            "customer": customer,
            "line_items": line_items,
            **params,
        },
    )
    done = world.stripe.complete_checkout(str(session["id"]))
    intent = world.stripe.request("GET", f"/v1/payment_intents/{done['payment_intent']}")
    return str(intent["latest_charge"])


def give_back(
    world: World, charge: str, amount_minor: int | None = None, metadata: Json | None = None
) -> str:
    """A refund, of everything when no amount is given; returns its id."""
    params: dict[str, object] = {"charge": charge, "metadata": metadata or {}}
    if amount_minor is not None:
        params["amount"] = amount_minor
    return str(world.stripe.request("POST", "/v1/refunds", params)["id"])


def stripe_object(world: World, type: str, id: str) -> Json:
    """An object as the Stripe peer holds it now."""
    return next(found for found in world.stripe.objects(type) if found["id"] == id)


def transactions_of(world: World, source: str) -> list[Json]:
    """The balance transactions of a source, oldest first."""
    found = world.stripe.objects("balance_transaction")
    return [txn for txn in found if txn["source"] == source]


# --- reading the books ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booked:
    """A journal line. `amount`: debit less credit of the account, in major units."""

    entity_set: str
    company: str
    account: str
    offset: str
    amount: Decimal
    currency: str
    date: str


def lines(world: World, transaction: str = "") -> dict[str, Booked]:
    """The lines by `PaymentId`, of one transaction (or payout) or of all."""
    found: dict[str, Booked] = {}
    for entity_set in LINE_SETS:
        date = "TransactionDate" if entity_set == LINE_SETS[0] else "TransDate"
        for row in world.dynamics.records(entity_set):
            key = str(row["PaymentId"])
            if transaction and key.partition(":")[0] != transaction:
                continue
            assert key not in found, f"{key} is booked twice"
            found[key] = Booked(
                entity_set,
                row["dataAreaId"],
                _account(row, ""),
                _account(row, "Offset"),
                Decimal(row["DebitAmount"]) - Decimal(row["CreditAmount"]),
                row["CurrencyCode"],
                f"{row[date]:%Y-%m-%d}",
            )
    return found


def _account(row: Mapping[str, Any], side: str) -> str:
    value = str(row[f"{side}AccountDisplayValue"]).replace("\\", "")
    return f"{row[f'{side}AccountType']} {value}"


def customers(world: World, company: str | None = None) -> dict[str, Json]:
    """Our customers by Stripe id (and company, where they are in several)."""
    found: dict[str, Json] = {}
    for row in world.dynamics.records("CustomersV3", company):
        if row[CUSTOMER_ID_PROPERTY]:
            found[f"{row[CUSTOMER_ID_PROPERTY]} {row['dataAreaId']}"] = row
    return found


def usd(entity_set: str, account: str, amount: str, date: str = f"{START:%Y-%m-%d}") -> Booked:
    """A line of usmf against clearing in USD."""
    return Booked(entity_set, "usmf", account, CLEARING, Decimal(amount), "USD", date)


def account_of(world: World, customer: str, company: str = "usmf") -> str:
    """The account of a customer, as lines show it."""
    return f"Cust {customers(world)[f'{customer} {company}']['CustomerAccount']}"


def doubles(world: World) -> dict[str, int]:
    """Records that exist more than once: customers by Stripe id and company, lines by key."""
    keys = [
        f"{row['dataAreaId']} {row[CUSTOMER_ID_PROPERTY]}"
        for row in world.dynamics.records("CustomersV3")
        if row[CUSTOMER_ID_PROPERTY]
    ]
    keys += [
        f"{row['dataAreaId']} {row['PaymentId']}"
        for entity_set in LINE_SETS
        for row in world.dynamics.records(entity_set)
    ]
    return {key: count for key, count in Counter(keys).items() if count > 1}


def everything(world: World) -> dict[str, list[Json]]:
    """Copies of all records the app can write."""
    return {name: world.dynamics.records(name) for name in RECORD_SETS}


async def gaps(world: World) -> dict[str, int]:
    """The gap of each currency, in minor units."""
    proof = await world.get("proof")
    return {name: each["gap_minor"] for name, each in proof["currencies"].items()}


NO_GAPS = {"usd": 0, "eur": 0, "jpy": 0}


async def parked(world: World) -> list[ListedItem]:
    """The parked items."""
    return [item for item in await listed(world) if item.kind == "parked"]


async def booked_and_proved(world: World) -> None:
    """Nothing is parked and every difference is zero."""
    assert await parked(world) == []
    assert await gaps(world) == NO_GAPS


async def waiting(world: World) -> list[ListedItem]:
    """The waiting items."""
    return [item for item in await listed(world) if item.kind == "waiting"]


# --- the app's HTTP front -------------------------------------------------------------------


async def ask(
    world: World,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """A request to the app through the local host's HTTP front."""
    transport = PeerTransport(world.host.asgi, world.clock)
    base = "http://app/api/"
    async with httpx.AsyncClient(transport=transport, base_url=base, timeout=HOUR) as client:
        given = [(k.encode(), v.encode("latin-1")) for k, v in (headers or {}).items()]
        return await client.request(method, path, content=body, headers=given)


async def deliver(world: World, body: bytes, secret: str = SIGNING_SECRETS[0]) -> httpx.Response:
    """A signed delivery to the webhook, signed now."""
    header = signature(body, world.clock.now(), (secret,))
    return await ask(world, "POST", WEBHOOK, body, {"Stripe-Signature": header})


def encoded(value: object) -> bytes:
    """JSON in UTF-8, as Stripe sends it."""
    return json.dumps(value).encode()
