"""What a world did, in figures: for the demo's and the replay's last page."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local.books import CUSTOMER_ID_PROPERTY
from local.dynamics import DynamicsPeer
from local.world import World
from shared.domain.journal import JournalKind
from shared.domain.money import Money
from shared.domain.records import digest
from shared.outcomes import Kind
from shared.stores.items import TABLE, Items, places
from shared.stores.paging import rows
from shared.targets.finance import BATCH_NUMBER, FINANCE

TIED = "tied"
NOTHING_TO_DO = "nothing to do: "  # of the webhook's answer, before the reason
RECORD_SETS = (
    *("CustomersV3", "CustomerPaymentJournalHeaders", "CustomerPaymentJournalLines"),
    *("LedgerJournalHeaders", "LedgerJournalLines", "SalesOrderHeadersV2", "SalesOrderLinesV3"),
    *("CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"),
    *("ReturnOrderHeadersV2", "ReturnOrderLinesV2"),
)


@dataclass(frozen=True, slots=True)
class ListedItem:
    """A parked or waiting item."""

    kind: str
    item: str
    entity: str
    object: str
    cause: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class JournalCount:
    """How many journals were posted, and the most of them that one posting run found for one
    company and accounting date."""

    posted: int
    most: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run.

    `skipped`: how many were skipped, by reason. `customers`: accounts of ours, by company.
    `payouts`: as the app tells them, by currency, in the order they were made (`created`, seconds).
    `proof`: the app's answer to `/api/proof`.
    """

    events: int
    deliveries: int
    statuses: Mapping[str, int]
    status: Mapping[str, Any]
    skipped: Mapping[str, int]
    customers: Mapping[str, int]
    records: Mapping[str, int]
    journals: JournalCount
    requests: Mapping[str, int]
    stripe_requests: int
    payouts: tuple[Mapping[str, Any], ...]
    proof: Mapping[str, Any]
    listed: tuple[ListedItem, ...]

    @property
    def gaps(self) -> tuple[Money, ...]:
        """The tie-out difference of each currency."""
        currencies: Mapping[str, Mapping[str, Any]] = self.proof["currencies"]
        return tuple(Money(int(each["gap_minor"]), name) for name, each in currencies.items())

    @property
    def parked(self) -> tuple[ListedItem, ...]:
        """What a person must look at."""
        return tuple(each for each in self.listed if each.kind == Kind.PARK.value)

    @property
    def is_clean(self) -> bool:
        """Nothing parked, all payouts tied out, no difference in any currency."""
        untied = [payout for payout in self.payouts if payout["status"] != TIED]
        return not (untied or self.parked or any(self.gaps))

    def figures(self) -> dict[str, Any]:
        """All figures, as JSON."""
        return {
            "events": {
                "unique": self.events,
                "deliveries": self.deliveries,
                "http_statuses": dict(self.statuses),
            },
            "status": dict(self.status),
            "skipped": dict(self.skipped),
            "customers": dict(self.customers),
            "records": dict(self.records),
            "journals": asdict(self.journals),
            "requests": {"dynamics": dict(self.requests), "stripe": self.stripe_requests},
            "payouts": [
                {name: str(value) if name == "at" else value for name, value in payout.items()}
                for payout in self.payouts
            ],
            "proof": self.proof,
            "listed": [asdict(each) for each in self.listed],
        }

    def digest(self) -> str:
        """SHA-256 of all figures: equal for equal runs."""
        return digest(self.figures())


async def summarise(world: World) -> Summary:
    """Read the figures from the app's own routes and from the peers."""
    deliveries = [each for each in world.stripe.deliveries if each.attempts]
    statuses: dict[str, int] = {}
    for delivery in deliveries:
        for attempt in delivery.attempts:
            name = str(attempt.status)
            statuses[name] = statuses.get(name, 0) + 1
    customers: dict[str, int] = {}
    for record in world.dynamics.records("CustomersV3"):
        if record.get(CUSTOMER_ID_PROPERTY):
            company = str(record["dataAreaId"])
            customers[company] = customers.get(company, 0) + 1
    return Summary(
        events=len(dict.fromkeys(each.event_id for each in deliveries)),
        deliveries=sum(len(each.attempts) for each in deliveries),
        statuses=dict(sorted(statuses.items())),
        status=await world.get("status"),
        skipped=await _skipped(world),
        customers=dict(sorted(customers.items())),
        records={name: len(world.dynamics.records(name)) for name in RECORD_SETS},
        journals=journals_of(world.dynamics),
        requests=world.dynamics.requests,
        stripe_requests=sum(world.stripe.requests.values()),
        payouts=await _payouts(world),
        proof=await world.get("proof"),
        listed=tuple(await listed(world)),
    )


def journals_of(dynamics: DynamicsPeer) -> JournalCount:
    """The posted journals, counted by company, accounting date of their lines and posting run."""
    dates: dict[tuple[str, str], dict[str, None]] = {}
    for kind in JournalKind:
        entity_set = FINANCE.of_journal(kind)
        for line in dynamics.records(entity_set.name):
            batch = (str(line["dataAreaId"]), str(line[BATCH_NUMBER]))
            dates.setdefault(batch, {})[str(line[entity_set.date_field])[:10]] = None
    posted = [result for result in dynamics.infolog() if result.posted]
    counts = Counter(
        (result.company, day, result.at)
        for result in posted
        for day in dates.get((result.company, result.journal), {})
    )
    return JournalCount(len(posted), max(counts.values(), default=0))


async def _payouts(world: World) -> tuple[Mapping[str, Any], ...]:
    """The tie-outs by currency, each in the order in which Stripe made the payouts."""
    made = {payout["id"]: payout.get("created") for payout in world.stripe.objects("payout")}
    found = []
    for payout in (await world.get("payouts"))["payouts"]:
        created = made.get(payout["payout"])
        found.append({**payout, "created": created if type(created) is int else 0})
    order = list(world.settings.books.currencies)
    return tuple(
        sorted(
            found,
            key=lambda each: (
                order.index(each["currency"]) if each["currency"] in order else len(order),
                each["created"],
                each["payout"],
            ),
        )
    )


async def _skipped(world: World) -> dict[str, int]:
    """What was skipped, by reason: deliveries at the webhook's door, and items."""
    found: dict[str, int] = {}
    for delivery in world.stripe.deliveries:
        for attempt in delivery.attempts:
            if attempt.ok and NOTHING_TO_DO in attempt.text:
                reason = attempt.text.split(NOTHING_TO_DO, 1)[1].split('"', 1)[0]
                found[reason] = found.get(reason, 0) + 1
    for queue in world.broker.queues:
        for where in places([queue.name]):
            async for row in rows(world.tables, TABLE, where, "event~"):
                if row.cells["status"] == Kind.SKIP.value:
                    reason = str(row.cells["cause"])
                    found[reason] = found.get(reason, 0) + 1
    return dict(sorted(found.items()))


async def listed(world: World) -> list[ListedItem]:
    """All parked and waiting items."""
    items = Items(world.tables, world.clock)
    found = []
    for queue in world.broker.queues:
        for where in places([queue.name]):
            for kind in (Kind.PARK, Kind.WAITING):
                async for row in items.listed(where, kind):
                    cells = row.cells
                    found.append(
                        ListedItem(
                            kind.value,
                            row.row.split("~", maxsplit=1)[1],
                            str(cells["entity"]),
                            str(cells["object"]),
                            str(cells["cause"]),
                            str(cells["text"]),
                            str(cells["remedy"]),
                        )
                    )
    return found
