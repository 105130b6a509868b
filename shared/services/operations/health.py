"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import MappingProxyType

from shared.domain.books import Books
from shared.domain.partition import named
from shared.errors import TableConflict
from shared.ports import Delete, Flows, Json, Queue, Tables
from shared.services.ingest import INGEST
from shared.services.operations.stripe_side import CutOff, ReadyAccount, probes_of
from shared.services.operations.ways_in import WaysIn
from shared.services.readiness import TRY_AGAIN, Check, DynamicsSetup, Probe, Problems, checked
from shared.stores.active_books import BooksInForce
from shared.stores.items import Items, places
from shared.stores.mappings import Mappings
from shared.stores.places import SWEEP
from shared.stripe_accounts import VARIABLE

SWEPT: Mapping[str, str] = MappingProxyType(
    {"transactions_through": "balance_transaction", "events_through": "event"}
)
NO_CURRENCY = (
    "Publish books in which each Stripe account has its currencies (docs/accounting.md, The "
    "books), or correct the aliases and currencies of TIEOUT_STRIPE_ACCOUNTS."
)
AZURE, MAPPING = "Azure", "Mapping"
NEVER_MADE = "ready"  # a row and an instance that only readiness asks for


class Health:
    """Readiness with reasons, and the counters. `accounts`: by alias, the default one's first."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, ReadyAccount],
        setup: Callable[[Books], DynamicsSetup],
        books: BooksInForce,
        tables: Tables,
        queue: Queue,
        flows: Flows,
        items: Items,
        mappings: Mappings,
        queues: Sequence[str],
        ways_in: WaysIn,
        cut_off: CutOff,
    ) -> None:
        self._accounts, self._setup, self._tables, self._queue = accounts, setup, tables, queue
        self._books = books
        self._flows, self._items, self._mappings = flows, items, mappings
        self._queues, self._ways_in, self._cut_off = queues, ways_in, cut_off

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), the objects
        that are `waiting`, `parked`, `done`, `skipped`, those that were `purged` since their
        retention was over, and for each Stripe account up to when its lists are swept completely
        (null: not yet)."""
        counts = await self._queue.counts()
        where = places([*self._queues, INGEST])
        items = await self._items.counts(where)
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
            "purged": await self._items.purged(where),
            "accounts": {alias: await self._swept(alias) for alias in self._accounts},
        }

    async def _swept(self, alias: str) -> Json:
        found: Json = {}
        for name, list_name in SWEPT.items():
            row = await self._tables.get("cursors", SWEEP, named(alias, list_name))
            through = None if row is None else row.cells.get("through")
            found[name] = through.isoformat() if isinstance(through, datetime) else None
        return found

    async def ready(self) -> list[Check]:
        """All checks, each with its problem and its remedy, or none. They only read. Where the
        books in force cannot be read, `mapping` says so and the first ones are checked."""
        books = await self._books.known()
        return await checked([*self._systems(), *self._setup(books).probes()])

    async def books(self) -> Json:
        """Which books are in force: `source` is `published` or `TIEOUT_BOOKS`; of published ones
        the `document` and the `set`. `source` is empty where it cannot be known."""
        return await self._books.described()

    def _systems(self) -> list[Probe]:
        unusable = "Publish a mapping that this version compiles (docs/mapping.md)."
        queues = [
            Probe({f"queue {queue}": TRY_AGAIN}, partial(self._probe_queue, queue), group=AZURE)
            for queue in self._queues
        ]
        return [
            *(
                probe
                for alias, account in self._accounts.items()
                for probe in probes_of(alias, account, self._cut_off)
            ),
            Probe({"storage": TRY_AGAIN}, self._probe_storage, group=AZURE),
            *queues,
            *self._ways_in.probes(),
            Probe({"flows": TRY_AGAIN}, self._probe_flows, group=AZURE),
            Probe({"mapping": unusable}, self._probe_mapping, group=MAPPING),
            Probe({"books": NO_CURRENCY}, self._probe_books, group=MAPPING),
        ]

    async def _probe_storage(self) -> Problems:
        """Reading, and the right to write: deleting a row that nobody ever makes."""
        await self._tables.get("cursors", "sweep", "balance_transaction")
        with suppress(TableConflict):  # it is not there, and we were allowed to look for it
            await self._tables.transact("cursors", NEVER_MADE, [Delete(NEVER_MADE)])
        return {}

    async def _probe_queue(self, queue: str) -> Problems:
        await self._queue.probe(queue)
        return {}

    async def _probe_flows(self) -> Problems:
        await self._flows.status(NEVER_MADE)
        return {}

    async def _probe_mapping(self) -> Problems:
        await self._mappings.active()
        return {}

    async def _probe_books(self) -> Problems:
        """Stripe accounts and books that do not name each other."""
        listed = self._books.settings.listed_currencies
        return {"books": "; ".join(strangers(await self._books.known(), listed))}


def strangers(books: Books, listed: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong between the Stripe accounts of the settings, with the currencies that are
    `listed` for each, and those of the books."""
    named = dict.fromkeys(placed.account for placed in books.placed)
    texts = [
        f"the Stripe account {alias} has no currency in the books, so all its money parks"
        for alias in listed
        if alias not in named
    ]
    texts += [
        f"{VARIABLE} lists {currency} for {alias}, which the books do not give it"
        for alias, currencies in listed.items()
        for currency in currencies
        if currency not in books.of(alias).currencies
    ]
    return texts + [
        f"the books name the Stripe account {alias}, which {VARIABLE} does not have"
        for alias in named
        if alias not in listed
    ]


async def check_books(
    setup: Callable[[Books], DynamicsSetup], books: Books, listed: Mapping[str, Sequence[str]]
) -> list[str]:
    """What readiness would find of these books if they were in force; for their preview."""
    checks = await checked(list(setup(books).of_books()))
    found = [f"{check.name}: {check.problem}" for check in checks if check.problem]
    return [*strangers(books, listed), *found]
