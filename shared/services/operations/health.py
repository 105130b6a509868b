"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType

from shared.domain.books import Books
from shared.domain.partition import DEFAULT_ACCOUNT, named
from shared.errors import CredentialsRefused, ObjectMissing, TableConflict
from shared.ports import Delete, Flows, Json, Queue, StripeGateway, Tables
from shared.services.ingest import INGEST
from shared.services.operations.dynamics_setup import DynamicsSetup, Problems
from shared.services.operations.readiness import TRY_AGAIN, Check, Probe, checked
from shared.services.operations.ways_in import WaysIn
from shared.stores.active_books import BooksInForce
from shared.stores.items import Items, places
from shared.stores.mappings import Mappings
from shared.stores.places import SWEEP
from shared.stripe_accounts import VARIABLE

READ = (*("customer", "charge", "refund", "dispute", "payout", "balance_transaction", "event"),)
OTHER_MODE = "Use the key of the mode that STRIPE_LIVEMODE names, or correct STRIPE_LIVEMODE."
PERMISSIONS = "Give the restricted key these permissions (README.md, Prepare Stripe)."
OTHER_ACCOUNT = (
    "Use the key of this account. A restricted key may read its account only with that permission: "
    "give it, or leave the account id out of the settings."
)
SWEPT: Mapping[str, str] = MappingProxyType(
    {"transactions_through": "balance_transaction", "events_through": "event"}
)
NO_CURRENCY = (
    "Publish books in which each Stripe account has its currencies (docs/accounting.md, The "
    "books), or correct the aliases of TIEOUT_STRIPE_ACCOUNTS."
)
NEVER_MADE = "ready"  # a row and an instance that only readiness asks for


@dataclass(frozen=True, slots=True)
class ReadyAccount:
    """A Stripe account to check: its gateway, and what the settings say of it. `account_id` may be
    empty."""

    stripe: StripeGateway
    livemode: bool
    account_id: str


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
    ) -> None:
        self._accounts, self._setup, self._tables, self._queue = accounts, setup, tables, queue
        self._books = books
        self._flows, self._items, self._mappings = flows, items, mappings
        self._queues, self._ways_in = queues, ways_in

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
            Probe({f"queue {queue}": TRY_AGAIN}, partial(self._probe_queue, queue))
            for queue in self._queues
        ]
        return [
            *(
                probe
                for alias, account in self._accounts.items()
                for probe in _of_account(alias, account)
            ),
            Probe({"storage": TRY_AGAIN}, self._probe_storage),
            *queues,
            *self._ways_in.probes(),
            Probe({"flows": TRY_AGAIN}, self._probe_flows),
            Probe({"mapping": unusable}, self._probe_mapping),
            Probe({"books": NO_CURRENCY}, self._probe_books),
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
        return {"books": "; ".join(strangers(await self._books.known(), tuple(self._accounts)))}


def strangers(books: Books, aliases: Sequence[str]) -> list[str]:
    """What is wrong between the Stripe accounts of the settings and those of the books."""
    named = dict.fromkeys(placed.account for placed in books.placed)
    texts = [
        f"the Stripe account {alias} has no currency in the books, so all its money parks"
        for alias in aliases
        if alias not in named
    ]
    return texts + [
        f"the books name the Stripe account {alias}, which {VARIABLE} does not have"
        for alias in named
        if alias not in aliases
    ]


def _of_account(alias: str, account: ReadyAccount) -> list[Probe]:
    """The checks of one Stripe account; the default one's names carry no alias."""
    end = "" if alias == DEFAULT_ACCOUNT else f" {alias}"
    stripe, permissions, id = f"stripe{end}", f"stripe permissions{end}", f"stripe account{end}"
    probes = [
        Probe({stripe: OTHER_MODE}, partial(_probe_mode, stripe, account)),
        Probe({permissions: PERMISSIONS}, partial(_probe_permissions, permissions, account)),
    ]
    if account.account_id:
        probes.append(Probe({id: OTHER_ACCOUNT}, partial(_probe_account, id, account)))
    return probes


async def _probe_mode(check: str, account: ReadyAccount) -> Problems:
    balance = await account.stripe.balance()
    if balance.get("livemode") is not account.livemode:
        return {check: "the key belongs to the other mode than STRIPE_LIVEMODE says"}
    return {}


async def _probe_permissions(check: str, account: ReadyAccount) -> Problems:
    """What every account needs; a policy may need more."""

    async def unreadable(entity: str) -> str:
        try:
            await account.stripe.page(entity, {"limit": 1})
        except CredentialsRefused:
            return entity
        return ""

    missing = [each for each in await asyncio.gather(*map(unreadable, READ)) if each]
    return {check: f"the key may not read: {', '.join(missing)}" if missing else ""}


async def _probe_account(check: str, account: ReadyAccount) -> Problems:
    """Stripe shows an account to its own key."""
    id = account.account_id
    try:
        shown = await account.stripe.retrieve("account", id)
    except (CredentialsRefused, ObjectMissing) as error:
        return {check: f"the key does not show {id}: {error}"}
    return {check: "" if shown.get("id") == id else f"the key shows another account than {id}"}


async def check_books(
    setup: Callable[[Books], DynamicsSetup], books: Books, aliases: Sequence[str]
) -> list[str]:
    """What readiness would find of these books if they were in force; for their preview."""
    checks = await checked(list(setup(books).of_books()))
    found = [f"{check.name}: {check.problem}" for check in checks if check.problem]
    return [*strangers(books, aliases), *found]
