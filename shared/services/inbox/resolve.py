"""Resolving objects by hand: what a person must say, and what follows.

A resolution holds until somebody retries the object by hand: until then Tieout neither reads nor
writes it. A person who resolves money names the voucher that holds it (company, voucher, amount) or
says that it is not to be booked.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import batched

from shared import telemetry
from shared.domain.books import Books
from shared.domain.clearing import Resolution
from shared.domain.money import Money, is_currency
from shared.entities.payout.making import ENTITY as PAYOUT
from shared.entities.payout.making import is_itemised
from shared.errors import ClaimHeld, ObjectMissing, TableConflict
from shared.outcomes import Kind, Outcome
from shared.ports import Clock, Random, StripeGateway, Tables
from shared.registry import Registry
from shared.services.inbox.inbox import AT_ONCE, RETRIES_MAX, ParkedItem
from shared.stores.audit_log import WHO_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.item import UNREADABLE, ItemKind
from shared.stores.items import ItemOutcome, Items, item_of, places
from shared.stores.links import LinkStore
from shared.stores.resolutions import cells_of, said
from shared.stores.tie_outs import expect

MONEY = ("balance_transaction", PAYOUT)  # entities that write journal lines
REASON_CHARS_MAX = 500
VOUCHER_CHARS_MAX = 50


class ResolutionRefused(Exception):
    """The request says too little, or what cannot be; the text says what to say instead."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A resolution as it comes in. `amount_minor` None: not said."""

    who: str
    why: str
    company: str = ""
    voucher: str = ""
    amount_minor: int | None = None
    currency: str = ""
    not_to_book: bool = False

    @property
    def names_voucher(self) -> bool:
        """True when anything of a voucher is said."""
        said_amount = self.amount_minor is not None
        return bool(self.company or self.voucher or self.currency) or said_amount


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An item that was not resolved, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """How many items were resolved, and those that were not."""

    resolved: int
    refused: tuple[RefusedItem, ...]


def is_money(parked: ParkedItem) -> bool:
    """Whether somebody must say where an item is booked. A reapply is about rendering."""
    names_object = parked.cause != UNREADABLE and parked.command != ItemKind.REAPPLY
    return names_object and parked.entity in MONEY


class Resolve:
    """What a person calls. `stripe`: the gateways by the aliases of their accounts."""

    def __init__(
        self,
        *,
        items: Items,
        links: LinkStore,
        stripe: Mapping[str, StripeGateway],
        tables: Tables,
        clock: Clock,
        rng: Random,
        audit_log: AuditLog,
        books: Books,
    ) -> None:
        self._items, self._links, self._stripe_by_account = items, links, stripe
        self._audit_log = audit_log
        self._tables, self._clock, self._rng, self._books = tables, clock, rng, books

    async def run(self, items: Sequence[ParkedItem], decision: Decision) -> Resolved:
        """Resolve parked items. Their rows stay, with who decided and why.

        Raises `ResolutionRefused`, and the errors of the ports: what was resolved by then is.
        """
        chosen = items[:RETRIES_MAX]
        decision = _complete(decision, chosen, self._books)
        if chosen:
            ids = [parked.id for parked in chosen]
            await self._audit_log.add(decision.who, AuditedAction.RESOLVE, ids, decision.why)
        done, refused = 0, []
        for parked in chosen:
            try:
                done += await self._resolve(parked, decision)
            except ResolutionRefused as error:
                refused.append(RefusedItem(parked.id, str(error)))
            except (ClaimHeld, TableConflict) as error:
                reason = f"a worker holds it now, try again in a minute: {error}"
                refused.append(RefusedItem(parked.id, reason))
        return Resolved(done, tuple(refused))

    async def _resolve(self, parked: ParkedItem, decision: Decision) -> bool:
        row = await self._items.object(parked.where, parked.id)
        if row is None or row.cells["status"] != Kind.PARK.value:
            return False
        if is_money(parked) and not decision.not_to_book:
            await self._check_amount(parked, decision)
        if is_money(parked) and parked.entity == PAYOUT:
            await self._expect_tie_out(parked)
        resolution = Resolution(
            who=decision.who,
            why=decision.why,
            at=self._clock.now(),
            company=decision.company,
            voucher=decision.voucher,
            amount_minor=decision.amount_minor or 0,
            currency=decision.currency,
            not_to_book=decision.not_to_book,
        )
        if parked.cause != UNREADABLE and parked.command != ItemKind.REAPPLY:
            await self._store(parked, resolution)
        outcome = Outcome(
            Kind.RESOLVED,
            cause=parked.cause,
            text=said(resolution),
            amount_minor=parked.at_stake_minor,
            currency=parked.currency,
            evidence=json.dumps(cells_of(resolution), default=str),
        )
        await self._items.record(parked.where, [ItemOutcome(item_of(row), outcome)])
        telemetry.event("resolved", item=parked.id, cause=parked.cause)
        return True

    async def _check_amount(self, parked: ParkedItem, decision: Decision) -> None:
        """Raises `ResolutionRefused` when the voucher is about other money than the item."""
        amount_minor, currency = parked.at_stake_minor, parked.currency
        if not currency:
            stripe = self._stripe_by_account.get(parked.account)
            if stripe is None:
                raise ResolutionRefused(
                    f"{parked.object} is of the Stripe account {parked.account}, which the "
                    "settings do not have: put it back, or say that it is not to be booked"
                )
            try:
                source = await stripe.retrieve(parked.entity, parked.object)
            except ObjectMissing as error:
                raise ResolutionRefused(
                    f"Stripe has no {parked.object}, so nothing shows that the voucher fits: say "
                    "that it is not to be booked"
                ) from error
            amount_minor, currency = int(source["amount"]), str(source["currency"])
        if (amount_minor, currency) != (decision.amount_minor, decision.currency):
            asked = Money(decision.amount_minor or 0, decision.currency)
            raise ResolutionRefused(
                f"{parked.object} is {_shown(amount_minor, currency)} in Stripe, and {asked} was "
                "said: look up the voucher again"
            )
        book = self._books.currencies.get(currency)
        if book is not None and book.company != decision.company:
            raise ResolutionRefused(
                f"clearing of {currency.upper()} is in {book.company}, and {decision.company} was "
                f"said: name the voucher that {book.company} has"
            )

    async def _expect_tie_out(self, parked: ParkedItem) -> None:
        """The bank line of the payout is settled by hand; its members have to tie out all the same.
        The payouts timer starts the flow of each tie-out that is open."""
        stripe = self._stripe_by_account.get(parked.account)
        if stripe is None:
            return  # nobody can list its members
        try:
            payout = await stripe.retrieve(PAYOUT, parked.object)
        except ObjectMissing:
            return  # without it Stripe lists no members either
        if is_itemised(payout):
            await expect(self._tables, payout, self._clock.now(), parked.account)

    async def _store(self, parked: ParkedItem, resolution: Resolution) -> None:
        """The row of the object, under its claim. Raises `ResolutionRefused`, `ClaimHeld` and
        `TableConflict`."""
        owner = f"inbox-{self._rng.getrandbits(64):016x}"
        held = await self._links.claim(parked.object, owner)
        if held.intents:
            await self._links.release(held)
            raise ResolutionRefused(
                f"a write of {parked.object} ({', '.join(sorted(held.intents))}) may have reached "
                "Dynamics, and Tieout has not looked for it yet: retry the object first"
            )
        await self._links.resolve(held, resolution)


class Accepted:
    """The transactions that people settled by hand, for the proof."""

    def __init__(self, items: Items, links: LinkStore, registry: Registry) -> None:
        self._items, self._links, self._registry = items, links, registry

    async def transactions(self) -> dict[str, Resolution]:
        """By id. The inbox lists them; the resolution that holds is in the rows of each object."""
        entity = "balance_transaction"
        ids = []
        for where in places([self._registry.named(entity).queue]):
            async for row in self._items.listed(where, Kind.RESOLVED):
                if row.cells["entity"] == entity:
                    ids.append(str(row.cells["object"]))
        by_id: dict[str, Resolution] = {}
        for part in batched(ids, AT_ONCE, strict=False):
            read = await asyncio.gather(*(self._links.resolution(id) for id in part))
            by_id |= {
                id: resolution
                for id, resolution in zip(part, read, strict=True)
                if resolution is not None
            }
        return by_id


def _shown(amount_minor: int, currency: str) -> str:
    if is_currency(currency):
        return str(Money(amount_minor, currency))
    return f"{amount_minor} of {currency}"


def _complete(decision: Decision, items: Sequence[ParkedItem], books: Books) -> Decision:
    """The decision, its texts trimmed. Raises `ResolutionRefused` when it is incomplete."""
    decision = replace(
        decision,
        who=_text("who", decision.who, WHO_CHARS_MAX),
        why=_text("reason", decision.why, REASON_CHARS_MAX),
        company=_text("company", decision.company, VOUCHER_CHARS_MAX),
        voucher=_text("voucher", decision.voucher, VOUCHER_CHARS_MAX),
        currency=decision.currency.strip().lower(),
    )
    if not decision.who or not decision.why:
        raise ResolutionRefused("a resolution needs a reason, and the person who decided")
    money = [parked.id for parked in items if is_money(parked)]
    if decision.not_to_book and decision.names_voucher:
        raise ResolutionRefused("give either the voucher or not_to_book, not both")
    if not money:
        if decision.names_voucher and items:
            raise ResolutionRefused(f"{items[0].id} writes no journal lines: name no voucher")
        return decision
    if decision.not_to_book:
        return decision
    if len(money) > 1:
        raise ResolutionRefused(
            f"{', '.join(money[:3])}{', ...' if len(money) > 3 else ''} are money: "  # noqa: PLR2004
            "resolve them one by one, each with its voucher, or say that they are not to be booked"
        )
    return _with_voucher(decision, money[0], books)


def _with_voucher(decision: Decision, id: str, books: Books) -> Decision:
    """Raises `ResolutionRefused` when the voucher is not described whole."""
    missing = [
        name
        for name, is_there in (
            ("company", decision.company),
            ("voucher", decision.voucher),
            ("amount", decision.amount_minor is not None),
            ("currency", decision.currency),
        )
        if not is_there
    ]
    if missing:
        raise ResolutionRefused(
            f"{id} is money: say where it was booked ({', '.join(missing)} missing), or that it is "
            "not to be booked"
        )
    if not is_currency(decision.currency):
        raise ResolutionRefused(f"{decision.currency[:10]!r} is not a currency")
    known = {name.casefold(): name for name in books.companies}
    company = known.get(decision.company.casefold())
    if company is None:
        raise ResolutionRefused(f"TIEOUT_BOOKS has no company {decision.company!r}")
    return replace(decision, company=company)


def _text(name: str, text: str, chars_max: int) -> str:
    """A text of a person, trimmed. Raises `ResolutionRefused` when it cannot be kept."""
    line = " ".join(text.split())
    if len(line) > chars_max:
        raise ResolutionRefused(f"{name} has more than {chars_max} characters")
    if not line.isprintable():
        raise ResolutionRefused(f"{name} has characters that cannot be displayed")
    return line
