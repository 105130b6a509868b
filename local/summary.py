"""What a world did, in figures: for the demo's and the replay's last page."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local.world import World
from shared.domain.money import Money
from shared.domain.records import digest
from shared.services.items import Items, places
from shared.verdicts import Kind

RECORD_SETS = (
    *("CustomersV3", "CustomerPaymentJournalHeaders", "CustomerPaymentJournalLines"),
    *("LedgerJournalHeaders", "LedgerJournalLines", "SalesOrderHeadersV2", "SalesOrderLinesV3"),
    *("CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"),
    *("ReturnOrderHeadersV2", "ReturnOrderLinesV2"),
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A parked or waiting item."""

    kind: str
    item: str
    entity: str
    object: str
    cause: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run. `proofs`: the app's answer to `/api/proof`."""

    events: int
    deliveries: int
    statuses: Mapping[str, int]
    status: Mapping[str, Any]
    records: Mapping[str, int]
    requests: Mapping[str, int]
    stripe_requests: int
    payouts: tuple[Mapping[str, Any], ...]
    proof: Mapping[str, Any]
    listed: tuple[Listed, ...]

    @property
    def gaps(self) -> tuple[Money, ...]:
        """The tie-out difference of each currency."""
        currencies: Mapping[str, Mapping[str, Any]] = self.proof["currencies"]
        return tuple(Money(int(each["gap_minor"]), name) for name, each in currencies.items())

    @property
    def parked(self) -> tuple[Listed, ...]:
        """What a person must look at."""
        return tuple(each for each in self.listed if each.kind == Kind.PARK.value)

    @property
    def is_clean(self) -> bool:
        """Nothing parked, all payouts tied out, no difference in any currency."""
        untied = [payout for payout in self.payouts if payout["status"] != "tied"]
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
            "records": dict(self.records),
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
    payouts = (await world.get("payouts"))["payouts"]
    return Summary(
        events=len(dict.fromkeys(each.event_id for each in deliveries)),
        deliveries=sum(len(each.attempts) for each in deliveries),
        statuses=dict(sorted(statuses.items())),
        status=await world.get("status"),
        records={name: len(world.dynamics.records(name)) for name in RECORD_SETS},
        requests=world.dynamics.requests,
        stripe_requests=sum(world.stripe.requests.values()),
        payouts=tuple(payouts),
        proof=await world.get("proof"),
        listed=tuple(await listed(world)),
    )


async def listed(world: World) -> list[Listed]:
    """All parked and waiting items."""
    items = Items(world.tables, world.clock)
    found = []
    for queue in world.broker.queues:
        for where in places([queue.name]):
            for kind in (Kind.PARK, Kind.WAITING):
                async for row in items.listed(where, kind):
                    cells = row.cells
                    found.append(
                        Listed(
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
