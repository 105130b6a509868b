"""Decisions about customers: which Dynamics account a Stripe customer has, or that one is created.

A decision is stored with who and why, and never deleted; converge then links the account or creates
one. Items that were parked because the decision was missing are retried.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass

from shared import telemetry
from shared.converge import accounts
from shared.converge.dispatch import Dispatch
from shared.domain.ids import is_id
from shared.domain.records import Choice, Ref
from shared.entities.common.objects import Enqueue
from shared.entities.customer import ACCOUNT, CUSTOMER, CUSTOMERS
from shared.entities.customer.making import CAUSES
from shared.ports import Clock, DynamicsGateway, Lookup, Tables
from shared.services.inbox import Inbox
from shared.stores.audit_log import WHY_CHARS_MAX, AuditedAction, AuditLog
from shared.stores.items import Items
from shared.stores.links import LinkStore

ACCOUNT_CHARS_MAX = 20


class ChoiceRefused(Exception):
    """The decision cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True)
class AccountDecision:
    """A decision as it comes in. `account` empty: create a new account. `shared`: link an account
    that belongs to another Stripe customer, too."""

    customer: str
    company: str
    account: str
    who: str
    why: str
    shared: bool = False


class CustomerDecisions:
    """Takes decisions about customers."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        links: LinkStore,
        dispatch: Callable[[str], Dispatch],
        items: Items,
        dynamics: DynamicsGateway,
        tables: Tables,
        clock: Clock,
        audit_log: AuditLog,
        companies: Container[str],
        customer_id_property: str,
    ) -> None:
        self._inbox, self._links, self._dispatch_of = inbox, links, dispatch
        self._items = items
        self._dynamics, self._tables, self._clock = dynamics, tables, clock
        self._audit_log = audit_log
        self._companies, self._customer_id_property = companies, customer_id_property

    async def accept(self, decision: AccountDecision) -> int:
        """Store a decision and try again what waits for it; returns how many items were sent.

        Raises `ChoiceRefused`, and the errors of the ports.
        """
        self._check(decision)
        account = decision.account
        shared = False
        if account:
            account, owner = await self._account(decision)
            shared = owner not in ("", decision.customer)
            if shared and not decision.shared:
                raise ChoiceRefused(
                    f"account {account} of {decision.company} belongs to {owner}; say shared to "
                    "link it all the same"
                )
        who, why = decision.who.strip(), decision.why.strip()
        told = {"company": decision.company, "account": account or "new"}
        await self._audit_log.add(who, AuditedAction.ACCEPT, [decision.customer], why, told)
        await self._inbox.lift("customer", decision.customer, who)
        now = self._clock.now()
        stamp = f"{now:%Y%m%dT%H%M%S%f}"
        choice = Choice(stamp, decision.company, account, shared)
        await self._links.choose(decision.customer, choice, who, why[:WHY_CHARS_MAX])
        if account and not shared:
            await accounts.hand_over(self._tables, decision.company, account, decision.customer)
        telemetry.event("customer_chosen", object=decision.customer, company=decision.company)
        return await self._again(decision.customer, stamp)

    def _check(self, decision: AccountDecision) -> None:
        if not is_id(decision.customer):
            raise ChoiceRefused("customer is not a Stripe id")
        if decision.company not in self._companies:
            raise ChoiceRefused(f"TIEOUT_BOOKS has no company {decision.company[:20]!r}")
        if not decision.who.strip() or not decision.why.strip():
            raise ChoiceRefused("a decision needs both who and why")
        if len(decision.account) > ACCOUNT_CHARS_MAX or "*" in decision.account:
            raise ChoiceRefused("account is not the number of a customer account")

    async def _account(self, decision: AccountDecision) -> tuple[str, str]:
        """The account as Dynamics renders it, and the Stripe customer it belongs to."""
        id_property = self._customer_id_property
        lookup = Lookup(
            CUSTOMERS,
            decision.company,
            {ACCOUNT: decision.account},
            select=(ACCOUNT, id_property),
        )
        rows = await self._dynamics.find(lookup)
        if not rows:
            raise ChoiceRefused(
                f"{decision.company} has no customer account {decision.account!r}; look it up in "
                "Dynamics"
            )
        return str(rows[0][ACCOUNT]), str(rows[0].get(id_property) or "")

    async def _again(self, customer: str, stamp: str) -> int:
        """Try again the items that are parked for this customer, else the customer itself."""
        # Transactions name the customer in the text that they got from it.
        waiting = [
            item
            async for item in self._inbox.each()
            if item.cause in CAUSES and (item.object == customer or customer in item.text.split())
        ]
        sent = await self._inbox.retry(waiting)
        if not any(item.object == customer for item in waiting):
            ref = Ref("customer", customer)
            again = Enqueue(ref, f"{customer}-{stamp}", even_if_settled=True)
            account = await self._items.account_of(CUSTOMER.queue, customer)
            sent += await self._dispatch_of(account).enqueue([again])
        return sent
