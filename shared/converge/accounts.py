"""Customer accounts in Dynamics, beside what converge does for every object.

`reserve`: an account goes to one Stripe customer, though two find it at once. `explain`: why
Dynamics refuses what is written for a customer. `note`: the account's number in Stripe's metadata.
Table `accounts`: partition = company, row = a hash of the account's number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.converge.recovery import Finder
from shared.converge.stages import DecidedObject, Failed, WrittenObject
from shared.domain.documents import Patch
from shared.domain.ids import short_hash
from shared.domain.records import digest
from shared.entities.common.objects import Context
from shared.entities.customer import ACCOUNT, CUSTOMERS
from shared.entities.customer.making import EMAIL, CustomerLink, account_notes, gone, taken
from shared.entities.customer.making import ENTITY as CUSTOMER_ENTITY
from shared.errors import (
    CredentialsRefused,
    Parked,
    Refused,
    TableConflict,
    UpdateConflict,
)
from shared.ports import (
    Cell,
    DynamicsGateway,
    Insert,
    Lookup,
    Put,
    StripeGateway,
    Tables,
    Value,
)
from shared.stores.holds import Holds

TABLE = "accounts"
HASH_CHARS = 32
HOLD = "OnHoldStatus"
NO_HOLDS = ("No", "Never")
LINE_HOLDS = ("All", "Payment")  # that refuse journal lines

type Accounts = Mapping[tuple[str, str], str]
"""(Stripe customer, company) -> account."""


def _row(account: str) -> str:
    # Numbers of accounts may hold signs that keys of tables may not.
    return short_hash(account.casefold(), HASH_CHARS)


def _cells(account: str, id: str) -> dict[str, Cell]:
    return {"account": account, "customer": id}


async def reserve(tables: Tables, value: DecidedObject) -> DecidedObject:
    """Take the accounts that the object is about to link. Raises `Parked` or `UpdateConflict` when
    another Stripe customer has one of them."""
    for document in value.desired.documents:
        if not isinstance(document, CustomerLink) or not isinstance(document.action, Patch):
            continue
        if document.role in value.claim.links:
            continue
        account, company = document.linked_account, document.company
        try:
            await tables.transact(
                TABLE, company, [Insert(_row(account), _cells(account, value.id))]
            )
        except TableConflict:
            row = await tables.get(TABLE, company, _row(account))
            if row is None or row.cells["customer"] != value.id:
                if document.matched_by == EMAIL:
                    # Soon the account shows whose it is, and is no match any more.
                    raise UpdateConflict(f"{value.id}: another customer gets {account}") from None
                owner = "another Stripe customer" if row is None else str(row.cells["customer"])
                raise taken(value.id, company, account, owner) from None
    return value


async def hand_over(tables: Tables, company: str, account: str, id: str) -> None:
    """Give an account to a Stripe customer, as a person decided."""
    await tables.transact(TABLE, company, [Put(_row(account), _cells(account, id))])


async def explain(
    dynamics: DynamicsGateway, results: Sequence[Failed], accounts: Accounts, known: Holds
) -> list[Failed]:
    """The failures, with the reason where a refused write comes from a customer that is merged,
    deleted or on hold; `known` gets those on hold."""
    concerned = {
        result.id: _accounts_of(result.at, accounts)
        for result in results
        if isinstance(result.error, Refused) and isinstance(result.at, DecidedObject)
    }
    places: dict[str, dict[str, None]] = {}
    for found in concerned.values():
        for (_, company), account in found.items():
            places.setdefault(company, {})[account] = None
    holds: dict[tuple[str, str], str] = {}
    finder = Finder(dynamics)
    unknown: list[tuple[str, str]] = []  # what Dynamics said stays; the next try asks again
    for company, names in places.items():
        rows, failed = await finder.each(list(names), partial(_lookup, company))
        unknown += [(company, account) for account, _ in failed]
        holds |= {(company, str(row[ACCOUNT])): str(row[HOLD]) for row in rows}
    await known.note(place for place, hold in holds.items() if hold in LINE_HOLDS)
    return [_explained(result, concerned.get(result.id, {}), holds, unknown) for result in results]


def _explained(
    result: Failed,
    accounts: Accounts,
    holds: Mapping[tuple[str, str], str],
    unknown: Sequence[tuple[str, str]],
) -> Failed:
    for (id, company), account in accounts.items():
        hold = holds.get((company, account))
        if (company, account) in unknown:
            continue
        if hold is None:
            result = replace(result, error=gone(id, company, account))
        elif hold not in NO_HOLDS:
            error = _blocked(id, company, account, hold, str(result.error))
            result = replace(result, error=error)
    return result


def _accounts_of(value: DecidedObject, accounts: Accounts) -> dict[tuple[str, str], str]:
    found = {
        (ref.id, ref.company): accounts[ref.id, ref.company]
        for ref in value.desired.masters
        if (ref.id, ref.company) in accounts
    }
    for link in value.claim.links.values():
        if link.record.entity_set == CUSTOMERS:
            found[value.id, link.company] = str(link.keys[ACCOUNT])
    return found


def _lookup(company: str, names: list[str]) -> Lookup:
    keys: list[Value] = list(names)
    return Lookup(CUSTOMERS, company, any_of=(ACCOUNT, keys), select=(ACCOUNT, HOLD))


def _blocked(id: str, company: str, account: str, hold: str, text: str) -> Parked:
    return Parked(
        "customer_blocked",
        f"account {account} of customer {id} in {company} is on hold ({hold}): {text}",
        "Take the account off hold in Dynamics. Healing then retries the item, or you retry it.",
    )


async def note(stripe: StripeGateway, context: Context, value: WrittenObject) -> WrittenObject:
    """Write the customer's accounts into Stripe's metadata, where they are not there yet.

    The event that this causes finds them there and rests. Raises `Parked` where the key may not
    write; the accounts are written all the same, so that no money waits for this.
    """
    snapshot = value.snapshot
    if snapshot.entity != CUSTOMER_ENTITY:
        return value
    notes = account_notes(snapshot, value.links, context)
    if not notes:
        return value
    # The same change twice within a day is one to Stripe; what stood there before tells two apart.
    key = digest({"id": value.id, "notes": notes, "before": snapshot.object.get("metadata") or {}})
    try:
        await stripe.note(CUSTOMER_ENTITY, value.id, notes, key)
    except CredentialsRefused as error:
        raise Parked(
            "write_back_refused",
            f"the account of customer {value.id} is not in Stripe's metadata: {error}",
            "Give the Stripe key the permission to write customers, or switch "
            "customers.write_back off in the policy; then retry. Nothing else waits for this.",
        ) from error
    return value
