"""What people decide about customers: which account of Dynamics a Stripe customer is, or a new one.

A decision is stored with who and why, and never lost; converge then links the account or creates
one. What was parked for want of it is tried again.
"""

from dataclasses import dataclass

from shared import telemetry
from shared.converge import accounts
from shared.converge.dispatch import Dispatch
from shared.domain.ids import is_id
from shared.domain.records import Choice, Ref
from shared.entities.common.objects import Enqueue
from shared.entities.customer import ACCOUNT, CAUSES, CUSTOMERS
from shared.ports import Clock, DynamicsGateway, Lookup, Tables
from shared.services.inbox import Inbox
from shared.settings import Settings
from shared.stores.links import LinkStore

WHY_CHARS_MAX = 500
ACCOUNT_CHARS_MAX = 20


class ChoiceRefused(Exception):
    """The decision makes no sense; the text says why."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it comes in. `account` empty: create a new account. `shared`: link an account
    that belongs to another Stripe customer, too."""

    customer: str
    company: str
    account: str
    who: str
    why: str
    shared: bool = False


class Customers:
    """Takes decisions about customers."""

    def __init__(
        self,
        *,
        dynamics: DynamicsGateway,
        tables: Tables,
        clock: Clock,
        settings: Settings,
        links: LinkStore,
        dispatch: Dispatch,
        inbox: Inbox,
    ) -> None:
        self._dynamics = dynamics
        self._tables = tables
        self._clock = clock
        self._settings = settings
        self._links = links
        self._dispatch = dispatch
        self._inbox = inbox

    async def accept(self, decision: Decision) -> int:
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
        await self._inbox.lift("customer", decision.customer, decision.who.strip())
        now = self._clock.now()
        stamp = f"{now:%Y%m%dT%H%M%S%f}"
        choice = Choice(stamp, decision.company, account, shared)
        who, why = decision.who.strip(), decision.why.strip()
        await self._links.choose(decision.customer, choice, who, why[:WHY_CHARS_MAX])
        if account and not shared:
            tables = self._tables
            await accounts.hand_over(tables, decision.company, account, decision.customer)
        telemetry.event("customer_chosen", object=decision.customer, company=decision.company)
        return await self._again(decision.customer, stamp)

    def _check(self, decision: Decision) -> None:
        if not is_id(decision.customer):
            raise ChoiceRefused("customer is no id of Stripe's")
        if decision.company not in self._settings.books.companies:
            raise ChoiceRefused(f"TIEOUT_BOOKS has no company {decision.company[:20]!r}")
        if not decision.who.strip() or not decision.why.strip():
            raise ChoiceRefused("a decision needs who and why")
        if len(decision.account) > ACCOUNT_CHARS_MAX or "*" in decision.account:
            raise ChoiceRefused("account is no number of a customer account")

    async def _account(self, decision: Decision) -> tuple[str, str]:
        """The account as Dynamics renders it, and the Stripe customer it belongs to."""
        id_property = self._settings.customer_id_property
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
            sent += await self._dispatch.enqueue([again])
        return sent
