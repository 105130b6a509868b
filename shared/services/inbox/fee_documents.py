"""Confirming Stripe's tax documents: a person enters one, converge books it.

The confirmation is stored in the table `fees`, with who and why, and never changes: a second one
that says the same is that one, another one is refused. What was accrued and is not on the documents
is told, and stays on `fees_accrued`.
"""

import re
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from shared import telemetry
from shared.converge.dispatch import Dispatch
from shared.converge.fiscal_periods import ReadFollowed
from shared.domain.books import Company
from shared.domain.closed_days import Module
from shared.domain.money import Money, is_currency
from shared.domain.records import Ref
from shared.entities.common.objects import Enqueue, closed_days_of
from shared.entities.common.open_periods import check_open
from shared.entities.fee_invoice.making import ENTITY, id_of_document
from shared.errors import Parked, TableConflict
from shared.policy import Fees, Policy
from shared.ports import Clock, Tables
from shared.services.inbox.inbox import Inbox
from shared.settings import Settings
from shared.stores import fees, orders
from shared.stores.active_books import ReadBooks
from shared.stores.audit_log import WHO_CHARS_MAX, WHY_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.fees import FeeDifference, FeeDocument, FeeList, FeeMonth
from shared.stores.links import LinkStore
from shared.stores.mappings import Mappings

AMOUNT_MAX = 10**15  # minor units
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,20}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
REMEDY = (
    "It stays on fees_accrued. Compare the document with the fees of the month: confirm a further "
    "document of Stripe, take back what was booked wrongly (tieout reverse), or book the rest in "
    "Dynamics by hand."
)
EXCESS_REMEDY = (
    "fees_accrued is negative by the difference. If the total was mistyped, reverse the invoice "
    "and its settlement in Dynamics, and enter them there as the document says. If fees of the "
    "month are booked later, they make up for it. Else ask Stripe for a credit note, and enter it "
    "in Dynamics by hand."
)


class FeeDocumentRefused(Exception):
    """The document cannot be taken; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class FeeDocumentRequest:
    """A tax document as a person enters it. `post_on` None: it is posted on its date.
    `allows_excess`: it may be of more than was accrued."""

    month: str
    company: str
    currency: str
    number: str
    day: date
    total_minor: int
    who: str
    why: str
    tax_minor: int = 0
    post_on: date | None = None
    allows_excess: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmedFees:
    """What a confirmation leads to. `written`: the invoice and its settlement are in journals;
    `sent`: messages; `remedy`: what may be done about the difference, where there is one."""

    id: str
    written: bool
    sent: int
    difference: FeeDifference
    remedy: str


class FeeDocuments:
    """The fees of a month, and the confirmation of their documents."""

    def __init__(
        self,
        tables: Tables,
        clock: Clock,
        mappings: Mappings,
        settings: Settings,
        audit_log: AuditLog,
        *,
        links: LinkStore,
        inbox: Inbox,
        dispatch: Dispatch,
        books: ReadBooks,
        followed: ReadFollowed,
    ) -> None:
        self._tables, self._clock, self._mappings = tables, clock, mappings
        self._books, self._followed = books, followed
        self._zone = ZoneInfo(settings.time_zone)
        self._links, self._inbox = links, inbox
        self._dispatch, self._audit_log = dispatch, audit_log

    async def of(self, month: str) -> FeeMonth:
        """What was accrued in a month, its documents, and what they differ by."""
        return await FeeList(self._tables).of(month)

    async def confirm(self, request: FeeDocumentRequest) -> ConfirmedFees:
        """Store a document, and let converge book it.

        Raises `FeeDocumentRefused`, and the errors of the ports.
        """
        _complete(request)
        found = await self.of(request.month)
        company = await self._bookable(request, found)
        document = self._document(request, found)
        standing = _standing(document, found)
        if standing is not None:
            document = standing
        else:
            self._check_days(document, request)
            _check_excess(request, found)
            await self._check_open(document, company)
            told = {"total_minor": document.total_minor, "tax_minor": document.tax_minor}
            told |= {"accrued_minor": sum(document.kinds.values())}
            who, why = document.who, document.why
            await self._audit_log.add(who, AuditedAction.CONFIRM_FEES, [document.id], why, told)
            await orders.announce(self._tables, ENTITY, document.id, document.at)
            try:
                await fees.confirm(self._tables, document)
            except TableConflict as error:
                raise FeeDocumentRefused(
                    f"somebody confirmed a document of {document.company} at this moment: look at "
                    f"tieout fees show {document.month}, then confirm yours again"
                ) from error
            telemetry.event("fee_document_confirmed", object=document.id)
            found = await self.of(request.month)
        written = await self._links.is_settled(document.id)
        sent = 0 if written else await self._send(document.id)
        place = request.company, request.currency
        [difference] = [
            each for each in found.differences if (each.company, each.currency) == place
        ]
        remedy = _remedy(difference.difference_minor)
        return ConfirmedFees(document.id, written, sent, difference, remedy)

    async def _bookable(self, request: FeeDocumentRequest, found: FeeMonth) -> Company:
        """The company of a document. Raises `FeeDocumentRefused`, also where nothing was accrued
        that it could be for."""
        companies = (await self._books()).companies
        company = companies.get(request.company)
        if company is None:
            raise FeeDocumentRefused(
                f"the books have no such company; they have: {', '.join(companies)}"
            )
        if not found.accrued(request.company, request.currency):
            policy = (await self._mappings.active()).policy
            raise FeeDocumentRefused(_nothing_accrued(request, found, policy))
        if company.stripe_vendor is None:
            raise FeeDocumentRefused(
                f"company {request.company} does not say who Stripe is as a vendor: add "
                "stripe_vendor to the company in the books"
            )
        return company

    def _document(self, request: FeeDocumentRequest, found: FeeMonth) -> FeeDocument:
        company, currency = request.company, request.currency
        kinds = found.accrued(company, currency)
        post_on = request.post_on or request.day
        return FeeDocument(
            id=id_of_document(request.month, company, currency, request.number),
            month=request.month,
            company=company,
            currency=currency,
            number=request.number,
            date=request.day.isoformat(),
            post_on=post_on.isoformat(),
            total_minor=request.total_minor,
            tax_minor=request.tax_minor,
            kinds={} if _has_document(found, company, currency) else kinds,
            who=request.who,
            why=request.why,
            at=self._clock.now(),
        )

    def _check_days(self, document: FeeDocument, request: FeeDocumentRequest) -> None:
        """Raises `FeeDocumentRefused`."""
        today = self._clock.now().astimezone(self._zone).date()
        first_after = date.fromisoformat(f"{fees.next_month(document.month)}-01")
        if today < first_after:
            raise FeeDocumentRefused(
                f"{document.month} is not over: its document comes after {first_after}"
            )
        first = date.fromisoformat(f"{document.month}-01")
        for name, day in (("date", request.day), ("post_on", request.post_on or request.day)):
            if not first <= day <= today:
                raise FeeDocumentRefused(f"{name} must be from {first} to {today} (today)")

    async def _check_open(self, document: FeeDocument, company: Company) -> None:
        """Raises `FeeDocumentRefused`, and the errors of the ports."""
        name, post_on = document.company, date.fromisoformat(document.post_on)
        closed = closed_days_of(company, (await self._followed(await self._books())).get(name))
        try:
            check_open(closed, name, post_on, Module.VENDORS, Module.LEDGER)
        except Parked as error:
            raise FeeDocumentRefused(f"{error}: name an open day with post_on") from error

    async def go_on(self) -> int:
        """Let converge book what was confirmed some time ago and is not booked: its message was
        lost. Returns how many messages were sent. Raises the ports' errors."""
        sent = 0
        async for id in orders.overdue(self._tables, ENTITY, self._clock.now()):
            is_open = await self._dispatch.unsettled([Ref(ENTITY, id)])
            if is_open and await fees.confirmed(self._tables, id) is not None:
                sent += await self._send(id)
            else:
                await orders.close(self._tables, ENTITY, id)
        return sent

    async def _send(self, id: str) -> int:
        parked = [item async for item in self._inbox.each() if item.object == id]
        if parked:
            return await self._inbox.retry(parked)
        return await self._dispatch.enqueue([Enqueue(Ref(ENTITY, id), id)])


def _nothing_accrued(request: FeeDocumentRequest, found: FeeMonth, policy: Policy) -> str:
    """Why there is nothing that a document could be for. What was accrued before the policy went
    back to `journal` has its documents all the same."""
    company = request.company
    others = dict.fromkeys(each.currency for each in found.fees if each.company == company)
    if policy.fees is not Fees.VENDOR_INVOICE and not others:
        return (
            f"the policy books fees by journal: nothing of {company} was accrued in "
            f"{request.month}, and a document would book them twice; choose fees: vendor_invoice "
            "and publish"
        )
    return (
        f"no fee of {company} in {request.currency.upper()} was accrued in {request.month}; "
        f"currencies that have some: {', '.join(others) or 'none'}"
    )


def _remedy(difference_minor: int) -> str:
    if difference_minor < 0:
        return EXCESS_REMEDY
    return REMEDY if difference_minor else ""


def _check_excess(request: FeeDocumentRequest, found: FeeMonth) -> None:
    """Raises `FeeDocumentRefused` where the documents would be of more than was accrued."""
    company, currency = request.company, request.currency
    accrued = sum(found.accrued(company, currency).values())
    documents = request.total_minor + found.confirmed(company, currency)
    if documents > accrued and not request.allows_excess:
        raise FeeDocumentRefused(
            f"the documents of {company} of {request.month} would be of "
            f"{Money(documents, currency)}, {Money(accrued, currency)} was accrued: check the "
            "total, and whether all fees of the month are booked; if the document is right, "
            "confirm it with allow_excess (--allow-excess)"
        )


def _has_document(found: FeeMonth, company: str, currency: str) -> bool:
    return any((each.company, each.currency) == (company, currency) for each in found.documents)


def _complete(request: FeeDocumentRequest) -> None:
    """Raises `FeeDocumentRefused`."""
    if not _MONTH.fullmatch(request.month):
        raise FeeDocumentRefused("month must be a month, such as 2026-10")
    if not is_currency(request.currency):
        raise FeeDocumentRefused("currency must be three lower-case letters, such as eur")
    if not _NUMBER.fullmatch(request.number):
        raise FeeDocumentRefused(
            "number must be at most 20 letters, digits, '-' and '_': write '-' for anything else"
        )
    if not 0 < request.total_minor <= AMOUNT_MAX:
        raise FeeDocumentRefused(
            "the total must be more than nothing: enter a credit note of Stripe in Dynamics by hand"
        )
    if not 0 <= request.tax_minor < request.total_minor:
        raise FeeDocumentRefused("the tax must be part of the total: nothing, or less than it")
    for name, text, chars_max in (
        ("who", request.who, WHO_CHARS_MAX),
        ("why", request.why, WHY_CHARS_MAX),
    ):
        if not text.strip():
            raise FeeDocumentRefused("a confirmation needs both who and why")
        if len(text) > chars_max or not text.isprintable():
            raise FeeDocumentRefused(f"{name} must be one line of at most {chars_max} characters")


def _standing(document: FeeDocument, found: FeeMonth) -> FeeDocument | None:
    """The confirmation of this document that stands. Raises `FeeDocumentRefused` where it says
    otherwise. Dynamics ignores case in numbers of invoices."""
    for each in found.documents:
        if each.id.casefold() != document.id.casefold():
            continue
        if each.said != document.said:
            total = Money(each.total_minor, each.currency)
            raise FeeDocumentRefused(
                f"{each.who} confirmed document {each.number} on {each.at:%Y-%m-%d} with {total}, "
                f"dated {each.date}: it stays; correct what it wrote by hand in Dynamics"
            )
        return each
    return None
