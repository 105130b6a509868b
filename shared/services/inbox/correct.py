"""Correcting what is written: a person clears suspense, or takes back a posted line.

The order is stored under the object's claim, with who and why; converge writes the lines. An order
that says the same as the one that stands is that one; another one is refused.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from shared import telemetry
from shared.converge.dispatch import Dispatch
from shared.converge.fiscal_periods import ReadFollowed
from shared.converge.posting_status import posted
from shared.domain.books import Books, Company
from shared.domain.closed_days import FollowedDays, Module
from shared.domain.corrections import Correction, CorrectionKind, NamedCorrection
from shared.domain.ids import is_id, line_key
from shared.domain.journal import Role
from shared.domain.money import Money, total
from shared.domain.records import Link, Ref
from shared.entities.balance_transaction import BALANCE_TRANSACTION
from shared.entities.balance_transaction.making import is_on_suspense
from shared.entities.common.journal_lines import JournalLine
from shared.entities.common.objects import Enqueue, closed_days_of
from shared.entities.common.open_periods import check_open
from shared.errors import Parked
from shared.ports import Clock, DynamicsGateway, Random, Tables
from shared.stores import corrections, orders
from shared.stores.active_books import ReadBooks
from shared.stores.audit_log import WHO_CHARS_MAX, WHY_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.items import Items
from shared.stores.links import Claim, LinkStore
from shared.targets.finance import BATCH_NUMBER

ENTITY, QUEUE = BALANCE_TRANSACTION.name, BALANCE_TRANSACTION.queue
NOT_BY_RECLASS = (
    *(Role.SUSPENSE, Role.CLEARING, Role.CUSTOMER, Role.DISPUTES),
    *(Role.UNAPPLIED_RECEIPTS, Role.FX_TRANSIT),
)
"""Roles whose balance Tieout follows object by object, or proves: no reclass may move them."""
NOT_BY_REVERSAL = (Role.CUSTOMER, Role.DISPUTES, Role.UNAPPLIED_RECEIPTS, Role.FX_TRANSIT)
"""Of lines that others follow: refunds the customer's, the outcome of a dispute its lines."""


class CorrectionRefused(Exception):
    """The order cannot be carried out; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class CorrectionRequest:
    """An order as it comes in. `day` None: today, in the cut-off time zone."""

    transaction: str
    who: str
    why: str
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """The key of the line that is written first, whether all lines are written, and how many
    messages were sent."""

    key: str
    written: bool
    sent: int


class Correct:
    """What a person calls. `dispatch`: by the alias of a Stripe account."""

    def __init__(
        self,
        *,
        items: Items,
        links: LinkStore,
        dispatch: Callable[[str], Dispatch],
        dynamics: DynamicsGateway,
        tables: Tables,
        clock: Clock,
        rng: Random,
        audit_log: AuditLog,
        books: ReadBooks,
        followed: ReadFollowed,
        time_zone: str,
    ) -> None:
        self._items, self._links = items, links
        self._dispatch_of, self._dynamics, self._tables = dispatch, dynamics, tables
        self._clock, self._rng, self._audit_log = clock, rng, audit_log
        self._read_books, self._followed, self._zone = books, followed, ZoneInfo(time_zone)

    async def reclass(self, request: CorrectionRequest, to: str) -> Ordered:
        """Clear what a transaction has on suspense against the account of a role.

        Raises `CorrectionRefused`, and the errors of the ports.
        """
        role, books = _role(to), await self._read_books()

        def order(links: Mapping[str, Link]) -> Correction:
            written = [_line(link) for link in links.values()]
            lines = [line for line in written if line is not None and is_on_suspense(line)]
            amount = _standing(request.transaction, lines)
            company = lines[0].company
            if role not in _company(books, company).accounts and role is not Role.BANK:
                raise CorrectionRefused(
                    f"company {company} has no account for the role {role}: add accounts.{role} "
                    "to the company in the books"
                )
            return self._order(CorrectionKind.RECLASS, request, lines, amount, to=role)

        return await self._run(request, AuditedAction.RECLASS, books, order)

    async def reverse(self, request: CorrectionRequest, line: str, *, replaces: bool) -> Ordered:
        """Take back a posted line; `replaces`: today's rules write another one in its place.

        Raises `CorrectionRefused`, and the errors of the ports.
        """

        async def check(links: Mapping[str, Link]) -> None:
            link = links[line]
            batch = link.record.entity_set, link.company, str(link.keys[BATCH_NUMBER])
            if not (await posted(self._dynamics.find, [batch])).get(batch):
                raise CorrectionRefused(
                    f"{line_key(request.transaction, line)} is a draft in journal {batch[2]}: only "
                    "what is posted is taken back; to render it anew, reapply the mapping"
                )

        def order(links: Mapping[str, Link]) -> Correction:
            if line not in links:
                known = ", ".join(sorted(role for role in links if ":" not in role))
                raise CorrectionRefused(
                    f"{request.transaction} has no line {line[:40]!r}; it has: {known or 'none'}"
                )
            document = _reversible(request.transaction, _line(links[line]))
            kind, amount = CorrectionKind.REVERSAL, -document.amount
            return self._order(kind, request, [document], amount, line=line, replaces=replaces)

        books = await self._read_books()
        return await self._run(request, AuditedAction.REVERSE, books, order, check)

    def _order(
        self,
        kind: CorrectionKind,
        request: CorrectionRequest,
        lines: Sequence[JournalLine],
        amount: Money,
        *,
        line: str = "",
        to: Role | None = None,
        replaces: bool = False,
    ) -> Correction:
        now = self._clock.now()
        today = now.astimezone(self._zone).date()
        day, company = request.day or today, lines[0].company
        first = max(each.date for each in lines)
        if not first <= day <= today:
            raise CorrectionRefused(f"date must be from {first} (the line's) to {today} (today)")
        return Correction(
            id=f"{now:%Y%m%dT%H%M%S%f}",
            kind=kind,
            company=company,
            amount=amount,
            date=day,
            who=request.who,
            why=request.why,
            at=now,
            line=line,
            to=to,
            replaces=replaces,
        )

    async def _run(
        self,
        request: CorrectionRequest,
        action: AuditedAction,
        books: Books,
        order: Callable[[Mapping[str, Link]], Correction],
        check: Callable[[Mapping[str, Link]], Awaitable[None]] | None = None,
    ) -> Ordered:
        _complete(request)
        id = request.transaction
        if not await self._links.links(id):
            raise CorrectionRefused(f"Tieout wrote nothing for {id}: is it a balance transaction?")
        held = await self._links.claim(id, f"correct-{self._rng.getrandbits(64):016x}")
        try:
            _correctable(held)
            wanted = order(held.links)
            standing = _same_place(held.corrections, wanted)
            if standing is None:
                _check_open(books, await self._followed(books), wanted)
                if check is not None:
                    await check(held.links)
        except BaseException:
            await self._links.release(held)
            raise
        if standing is not None:
            await self._links.release(held)
        else:
            told = {"key": line_key(id, wanted.role), "date": wanted.date.isoformat()}
            told |= {"to": str(wanted.to)} if wanted.to else {"lines": " ".join(wanted.roles)}
            await self._audit_log.add(wanted.who, action, [id], wanted.why, told)
            await corrections.note(self._tables, id, wanted.at)
            await orders.announce(self._tables, ENTITY, id, wanted.at)
            await self._links.correct(held, wanted)
            telemetry.event("correction_ordered", object=id, kind=wanted.kind.value)
        current = standing or wanted
        written = all(role in held.links for role in current.roles)
        sent = 0 if written else await self._again(id)
        return Ordered(line_key(id, current.role), written, sent)

    async def go_on(self) -> int:
        """Let converge write what was ordered some time ago and is not written: its message was
        lost. Returns how many messages were sent. Raises the ports' errors."""
        sent = 0
        async for id in orders.overdue(self._tables, ENTITY, self._clock.now()):
            found, links = await self._links.corrections(id)
            if all(role in links for order in found for role in order.roles):
                await orders.close(self._tables, ENTITY, id)
            else:
                sent += await self._again(id)
        return sent

    async def _again(self, id: str) -> int:
        """Let converge write the lines, now that the order is stored."""
        # An item of its own: the retry of a parked one may be under way, having read too early.
        now = self._clock.now()
        again = Enqueue(Ref(ENTITY, id), f"{id}-{now:%Y%m%dT%H%M%S%f}", even_if_settled=True)
        account = await self._items.account_of(QUEUE, id)
        return await self._dispatch_of(account).enqueue([again])


class Corrected:
    """The corrections, for the proof."""

    def __init__(self, tables: Tables, links: LinkStore) -> None:
        self._tables, self._links = tables, links

    async def all(self) -> tuple[NamedCorrection, ...]:
        """Every order, by transaction. Time and memory grow with their number."""
        return tuple([each async for each in self._each()])

    async def _each(self) -> AsyncIterator[NamedCorrection]:
        async for id in corrections.listed(self._tables):
            orders, links = await self._links.corrections(id)
            for order in orders:
                yield NamedCorrection(id, order, all(role in links for role in order.roles))


def _complete(request: CorrectionRequest) -> None:
    """Raises `CorrectionRefused`."""
    if not is_id(request.transaction):
        raise CorrectionRefused("transaction is not a Stripe id")
    for name, text, chars_max in (
        ("who", request.who, WHO_CHARS_MAX),
        ("why", request.why, WHY_CHARS_MAX),
    ):
        if not text.strip():
            raise CorrectionRefused("a correction needs both who and why")
        if len(text) > chars_max or not text.isprintable():
            raise CorrectionRefused(f"{name} must be one line of at most {chars_max} characters")


def _check_open(books: Books, followed: Mapping[str, FollowedDays], order: Correction) -> None:
    """Raises `CorrectionRefused`. What takes back a line may be of either module."""
    name, is_reclass = order.company, order.kind is CorrectionKind.RECLASS
    modules = (Module.LEDGER,) if is_reclass else (Module.LEDGER, Module.CUSTOMERS)
    closed = closed_days_of(_company(books, name), followed.get(name))
    try:
        check_open(closed, name, order.date, *modules)
    except Parked as error:
        raise CorrectionRefused(f"{error}: name an open day with date") from error


def _company(books: Books, name: str) -> Company:
    """Raises `CorrectionRefused`."""
    company = books.companies.get(name)
    if company is None:
        raise CorrectionRefused(
            f"company {name} is not in the books any more: put it back, or book by hand"
        )
    return company


def _role(to: str) -> Role:
    """Raises `CorrectionRefused`."""
    try:
        role = Role(to)
    except ValueError:
        known = ", ".join(role for role in Role if role not in NOT_BY_RECLASS)
        raise CorrectionRefused(f"{to[:40]!r} is no role; choose one of: {known}") from None
    if role in NOT_BY_RECLASS:
        raise CorrectionRefused(
            f"Tieout follows {role} object by object, so no reclass may move it: book it by hand, "
            "and resolve the item"
        )
    return role


def _line(link: Link) -> JournalLine | None:
    document = link.record.document
    return document if isinstance(document, JournalLine) else None


def _standing(id: str, lines: Sequence[JournalLine]) -> Money:
    """Raises `CorrectionRefused`."""
    if not lines:
        raise CorrectionRefused(f"nothing of {id} is on suspense, so there is nothing to clear")
    amount = total((line.amount for line in lines), lines[0].amount.currency)
    if not amount:
        raise CorrectionRefused(f"the lines of {id} on suspense add up to nothing")
    return amount


def _reversible(id: str, line: JournalLine | None) -> JournalLine:
    """Raises `CorrectionRefused`."""
    if line is None or line.decision:
        raise CorrectionRefused("only a line that Stripe's amounts led to is taken back")
    sides = (line.account.role, line.offset.role)
    if Role.SUSPENSE in sides:
        raise CorrectionRefused(f"{line.key} is on suspense: clear it with tieout reclass {id}")
    followed = [role for role in sides if role in NOT_BY_REVERSAL]
    if followed:
        raise CorrectionRefused(
            f"{line.key} is on {followed[0]}, which other documents follow: reverse it in Dynamics"
        )
    return line


def _correctable(held: Claim) -> None:
    """Raises `CorrectionRefused`."""
    if held.resolution is not None:
        raise CorrectionRefused(f"{held.id} was resolved by hand: retry it first")
    if held.intents:
        raise CorrectionRefused(
            f"a write of {held.id} ({', '.join(sorted(held.intents))}) may have reached Dynamics, "
            "and Tieout has not looked for it yet: try again later"
        )


def _same_place(standing: Sequence[Correction], wanted: Correction) -> Correction | None:
    """The order that stands in this place. Raises `CorrectionRefused` where it says otherwise."""
    for order in standing:
        if order.role != wanted.role:
            continue
        if not order.says_the_same(wanted):
            what = f" to {order.to}" if order.to else ", replaced" if order.replaces else ""
            raise CorrectionRefused(
                f"{order.who} ordered another {order.kind}{what} on {order.at:%Y-%m-%d}: it stays; "
                "correct what it wrote by hand in Dynamics"
            )
        return order
    return None
