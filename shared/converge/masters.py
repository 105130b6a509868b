"""Master data that documents need: the accounts of customers, made first where they are missing."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.converge.stages import DecidedObject, Failed, failed
from shared.domain.books import Books
from shared.domain.records import Ref
from shared.entities.customer.making import role_of
from shared.outcomes import RESOLVED_CAUSE, Kind, Outcome
from shared.stores import resolutions
from shared.stores.links import LinkStore

type Accounts = dict[tuple[str, str], str]
type Converge = Callable[[Mapping[str, tuple[str, ...]]], Awaitable[dict[str, Outcome]]]


@dataclass(slots=True)
class Masters:
    """Finds the accounts of customers. `converge`: makes those of customers (id -> companies).

    `accounts`: (Stripe customer, company) -> account; `errors`: why there is none.
    """

    links: LinkStore
    books: Books
    converge: Converge
    accounts: Accounts = field(default_factory=dict)
    errors: dict[Ref, Exception] = field(default_factory=dict)

    async def find(self, values: Sequence[DecidedObject]) -> list[DecidedObject | Failed]:
        """Find the accounts that the objects need; missing ones are converged first, inline.

        A customer deleted in Stripe that was never written has no master data any more: its lines
        go to the one-time customer.
        """
        needed = dict.fromkeys(ref for value in values for ref in value.desired.masters)
        missing: dict[str, list[str]] = {}
        for ref in needed:
            if not await self._look(ref) and ref not in self.errors:
                missing.setdefault(ref.id, []).append(ref.company)
        if missing:
            outcomes = await self.converge({id: tuple(names) for id, names in missing.items()})
            for ref in needed:
                if ref.id in missing and ref.company in missing[ref.id]:
                    try:
                        await self._after(ref, outcomes[ref.id])
                    except Exception as error:
                        self.errors[ref] = error
        return [self._checked(value) for value in values]

    def _checked(self, value: DecidedObject) -> DecidedObject | Failed:
        for ref in value.desired.masters:
            if ref in self.errors:
                return failed(value, self.errors[ref])
        return value

    async def _look(self, ref: Ref) -> bool:
        """Whether the customer has an account in the company, which is noted."""
        try:
            link = (await self.links.links(ref.id)).get(role_of(ref.company))
            if link is not None:
                self.accounts[ref.id, ref.company] = str(link.keys["CustomerAccount"])
        except Exception as error:
            self.errors[ref] = error
        return (ref.id, ref.company) in self.accounts

    async def _after(self, ref: Ref, outcome: Outcome) -> None:
        if outcome.kind is Kind.SKIP and outcome.cause != RESOLVED_CAUSE:
            company = self.books.companies[ref.company]
            self.accounts[ref.id, ref.company] = company.one_time_customer
        elif not await self._look(ref) and ref not in self.errors:
            self.errors[ref] = resolutions.no_account(ref, outcome)
