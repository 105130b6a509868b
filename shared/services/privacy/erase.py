"""Erasing a customer: no table of ours names the person any more, and money is booked all the same.

What a person said of itself (name, addresses, ...) becomes hashes in links and documents, of the
customer and of its charges; texts of items about them, in which a vendor may have quoted a value,
are taken out, and so are the reasons that people wrote when they decided about any of these, also
in the audit log. Ids, amounts, account numbers and who decided stay, and so does the reason of
whoever settled money by hand: a voucher needs it. The row `erased` in `links` is the tombstone:
converge then reads nothing personal of that customer, and never changes its account in Dynamics.
Asking again changes nothing more, and goes on where something was busy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from shared import telemetry
from shared.domain.erasure import ERASED_TEXT, Eraser
from shared.domain.ids import is_id
from shared.entities.common.objects import elements, id_of, text
from shared.entities.customer import CUSTOMER
from shared.entities.payout.making import ENTITY as PAYOUT
from shared.errors import ClaimHeld, ObjectMissing, TableConflict
from shared.outcomes import Kind
from shared.ports import Cell, Clock, Json, Random, Row, StripeGateway, Tables
from shared.stores.audit_log import WHY_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.items import TABLE as ITEMS
from shared.stores.items import Items
from shared.stores.links import LinkStore, rows_of
from shared.stores.paging import Pages, row_pages
from shared.stores.runs import Run, side_by_side

NAME = "erase"
MONEY = ("balance_transaction", PAYOUT)  # entities that write journal lines
CHARGES: Mapping[str, str | int] = MappingProxyType({"expand[]": "data.refunds"})
BUSY_SHOWN_MAX = 20
AUDIT_LOG = "audit log"  # among what is busy


class EraseRefused(Exception):
    """The customer cannot be erased; the text says why."""


@dataclass(slots=True)
class Erased:
    """What one call did. `rows` of links and `items` that said something personal; `charges` that
    were looked at; `busy`: objects that somebody worked on, and parts that failed.

    Nothing is left to do when `is_complete`; else ask again.
    """

    customer: str
    rows: int = 0
    items: int = 0
    charges: int = 0
    is_complete: bool = True
    busy: list[str] = field(default_factory=list)

    def left(self, id: str) -> None:
        """Something is left for another call."""
        self.is_complete = False
        if len(self.busy) < BUSY_SHOWN_MAX:
            self.busy.append(id)


@dataclass(slots=True)
class _About:
    """Everything that is about the customer. `objects`: its own id, and those of its charges and
    what belongs to them, each with the personal texts that its rows may repeat; `money`: their
    transactions."""

    objects: dict[str, tuple[str, ...]]
    money: dict[str, None] = field(default_factory=dict)
    charges: int = 0


class Erase:
    """What a person calls. `stripe`, `pages`: by the aliases of the Stripe accounts."""

    def __init__(
        self,
        *,
        links: LinkStore,
        items: Items,
        stripe: Mapping[str, StripeGateway],
        pages: Mapping[str, Pages],
        tables: Tables,
        clock: Clock,
        rng: Random,
        audit_log: AuditLog,
        places: Sequence[str],
    ) -> None:
        self._links, self._items, self._stripe, self._pages = links, items, stripe, pages
        self._tables, self._clock, self._rng = tables, clock, rng
        self._audit_log, self._places = audit_log, places

    async def run(self, customer: str, who: str, why: str) -> Erased:
        """Erase a customer. Raises `EraseRefused`, and the errors of the ports: what was erased by
        then is."""
        account = await self._check(customer, who, why)
        why = why.strip()[:WHY_CHARS_MAX]
        await self._audit_log.add(who, AuditedAction.ERASE, [customer], why)
        run = Run(NAME, self._clock)
        erased = Erased(customer)
        # The tombstone first: whoever claims a charge from now on reads nothing personal of it.
        await self._links_of(customer, Eraser(customer), erased, mark=True)
        if not erased.is_complete:
            return erased
        about = await self._about(customer, account)
        erased.charges = about.charges

        async def rows(id: str) -> None:
            if run.is_over:
                erased.left(id)
            else:
                eraser = Eraser(customer, about.objects[id])
                await self._links_of(id, eraser, erased, mark=False)

        await side_by_side([id for id in about.objects if id != customer], rows)
        if not await self._audit_log.erase(about.objects, run):
            erased.left(AUDIT_LOG)
        await side_by_side(self._places, partial(self._items_of, run, about, erased))
        telemetry.event(
            "erased", object=customer, rows=erased.rows, items=erased.items, busy=len(erased.busy)
        )
        return erased

    async def _check(self, customer: str, who: str, why: str) -> str:
        """The alias of the customer's Stripe account. Raises `EraseRefused`."""
        if not is_id(customer):
            raise EraseRefused("customer is no id of Stripe's")
        if not who.strip() or not why.strip():
            raise EraseRefused("an erasure needs who and why")
        is_stored = bool(await rows_of(self._tables, customer))
        noted = await self._items.account_of(CUSTOMER.queue, customer)
        if is_stored and len(self._stripe) == 1:
            return noted
        others = [alias for alias in self._stripe if alias != noted]
        for alias in (noted, *others):
            try:
                await self._stripe[alias].retrieve(CUSTOMER.name, customer)
            except ObjectMissing:
                continue
            return alias
        if not is_stored:
            raise EraseRefused(
                f"neither Stripe nor Tieout knows a customer {customer}: look the id up"
            )
        return noted

    async def _links_of(self, id: str, eraser: Eraser, erased: Erased, *, mark: bool) -> None:
        """The rows of one object, under its claim."""
        if not mark and not await rows_of(self._tables, id):
            return
        owner = f"{NAME}-{self._rng.getrandbits(64):016x}"
        try:
            claim = await self._links.claim(id, owner)
            now = self._clock.now().isoformat()
            if mark and any(intent.at > now for intent in claim.intents.values()):
                await self._links.release(claim)  # a write may still land, and must then be found
                erased.left(id)
                return
            count = await self._links.erase(claim, eraser, mark=mark)
        except (ClaimHeld, TableConflict):
            erased.left(id)
            return
        erased.rows += count

    async def _about(self, customer: str, account: str) -> _About:
        """The customer's charges and what belongs to them. Raises the errors of Stripe."""
        about = _About({customer: ()})
        charges = self._pages[account].all("charge", {**CHARGES, "customer": customer})
        async for page in charges:
            for charge in page:
                await self._add(about, charge, self._stripe[account])
        return about

    async def _add(self, about: _About, charge: Json, stripe: StripeGateway) -> None:
        id = id_of(charge)
        stored = [
            str(getattr(link.record.document, "description", ""))
            for link in (await self._links.links(id)).values()
        ]
        told = dict.fromkeys((text(charge, "description"), *stored))
        texts = tuple(said for said in told if said)
        refunds = [
            refund for refund in elements(charge.get("refunds")) if isinstance(refund, Mapping)
        ]
        transactions = [source.get("balance_transaction") for source in (charge, *refunds)]
        transactions.append(charge.get("failure_balance_transaction"))
        dispute = id_of(charge.get("dispute"))
        if dispute:
            disputed = await stripe.retrieve("dispute", dispute)
            transactions += elements(disputed.get("balance_transactions"))
        objects = (id, dispute, id_of(charge.get("payment_intent")), *map(id_of, refunds))
        about.charges += 1
        about.objects |= {name: texts for name in objects if name}
        about.money |= {name: None for name in map(id_of, transactions) if name}

    async def _items_of(self, run: Run, about: _About, erased: Erased, where: str) -> None:
        async for page in row_pages(self._tables, ITEMS, where):
            if run.is_over:
                erased.left(where)
                return
            for row in page:
                if not _is_about(row, about, erased.customer):
                    continue
                cells = _impersonal(row, erased.customer)
                if cells == dict(row.cells):
                    continue
                if await self._items.erase(row, cells):
                    erased.items += 1
                else:
                    erased.left(str(row.cells["object"]))


def _is_about(row: Row, about: _About, customer: str) -> bool:
    if "object" not in row.cells:
        return False
    if row.cells["object"] in about.objects or row.cells["object"] in about.money:
        return True
    return customer in str(row.cells["text"]).split()


def _impersonal(row: Row, customer: str) -> dict[str, Cell]:
    """The cells of an item without what a vendor quoted, or a person wrote. The text still names
    the customer, by whose id items are found again."""
    cells = dict(row.cells)
    is_resolved = cells["status"] == Kind.RESOLVED.value
    if not cells["text"] or (is_resolved and cells["entity"] in MONEY):
        return cells
    cells["text"] = f"{ERASED_TEXT} customer {customer} was erased, and what was said here with it"
    if is_resolved:
        cells["evidence"] = ""
    return cells
