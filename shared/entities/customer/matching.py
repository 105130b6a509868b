"""Finding an account that Dynamics has already, before one is created for a Stripe customer.

By the Stripe id, then by what the policy names (`customers.find_by`): the first field by which
anything is found decides. One free account is linked. Several, or one of this tax id that belongs
to another Stripe customer, are for a person: the candidates are kept as evidence, account numbers
and the field that matched, nothing personal. What a person decided comes before all that. Accounts
of other Stripe customers with the same e-mail address are no matches: in Stripe customers often
share one, above all when each visit of a guest makes a customer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared.domain.records import canonical
from shared.entities.common.objects import Context, Json, Query, Snapshot
from shared.entities.customer import ACCOUNT, CUSTOMERS
from shared.entities.customer.attributes import email_of, tax_id_of
from shared.errors import Parked

EMAIL = "email"
FIELDS = MappingProxyType({"tax_id": "TaxExemptNumber", "email": "PrimaryContactEmail"})
NAMES = MappingProxyType({"tax_id": "tax id", "email": "e-mail address"})
VALUE_CHARS_MAX = 255  # a longer value is in no field
CANDIDATES_MAX = 10  # named in the evidence
CAUSES = ("several_customers", "customer_taken", "customer_merged")
"""The causes that a decision of a person ends."""
DECIDE = (
    "Decide: tieout customers accept {id} --company {company} --account ACCOUNT --who NAME "
    "--why REASON; the item's evidence names the candidates. To have Tieout create a customer, say "
    "--new in place of --account ACCOUNT. Tieout then retries it by itself."
)


@dataclass(frozen=True, slots=True)
class Match:
    """An account to link. `by`: the field that matched, or `choice`; `shared`: the account keeps
    the id of another Stripe customer."""

    account: str
    by: str
    shared: bool = False


def query_for(snapshot: Snapshot, company: str, context: Context) -> Query | None:
    """The next thing to know of Dynamics for a company that has no account yet."""
    select = (ACCOUNT, context.customer_id_property)
    choice = snapshot.choices.get(company)
    if choice is not None:
        name = f"chosen~{company}"
        if not choice.account:
            return None
        return Query(name, CUSTOMERS, company, ACCOUNT, choice.account, select)
    for by, field, value in _searches(snapshot, context):
        name = f"{by}~{company}"
        if name not in snapshot.answers:
            return Query(name, CUSTOMERS, company, field, value, select)
        if snapshot.answers[name]:
            return None
    return None


def _searches(snapshot: Snapshot, context: Context) -> list[tuple[str, str, str]]:
    """What to look for, in order: name, field, value. Dynamics compares without case."""
    customer = snapshot.object
    values = {"tax_id": tax_id_of(customer), "email": email_of(customer).lower()}
    found = [("id", context.customer_id_property, snapshot.id)]
    for by in context.policy.customers.find_by:
        value = values[by]
        # A star is a wildcard in filters of Dynamics, so such a value cannot be looked for.
        if value and len(value) <= VALUE_CHARS_MAX and "*" not in value:
            found.append((by, FIELDS[by], value))
    return found


def match_of(snapshot: Snapshot, company: str, context: Context) -> Match | None:
    """The account to link, or None where one is to be created (or carries the id already).

    Raises `Parked` with evidence where a person must decide.
    """
    choice = snapshot.choices.get(company)
    if choice is not None:
        return _chosen(snapshot, company, context) if choice.account else None
    if snapshot.answers.get(f"id~{company}"):
        return None
    for by in context.policy.customers.find_by:
        rows = snapshot.answers.get(f"{by}~{company}", ())
        free = any(not row.get(context.customer_id_property) for row in rows)
        if rows and (free or by != EMAIL):
            return _single(snapshot, company, by, rows, context.customer_id_property)
    return None


def _chosen(snapshot: Snapshot, company: str, context: Context) -> Match:
    choice = snapshot.choices[company]
    rows = snapshot.answers[f"chosen~{company}"]
    if not rows:
        raise gone(snapshot.id, company, choice.account)
    owner = str(rows[0].get(context.customer_id_property) or "")
    if owner not in ("", snapshot.id) and not choice.shared:
        raise _taken(snapshot.id, company, choice.account, owner, "choice")
    return Match(choice.account, "choice", choice.shared and owner not in ("", snapshot.id))


def _single(
    snapshot: Snapshot, company: str, by: str, rows: Sequence[Json], id_property: str
) -> Match:
    owners = {str(row[ACCOUNT]): str(row.get(id_property) or "") for row in rows}
    if len(owners) > 1:
        raise Parked(
            "several_customers",
            f"{len(owners)} accounts of {company} have the {NAMES[by]} of customer {snapshot.id}",
            DECIDE.format(id=snapshot.id, company=company),
            _evidence(snapshot.id, company, by, owners),
        )
    ((account, owner),) = owners.items()
    if owner:
        raise _taken(snapshot.id, company, account, owner, by)
    return Match(account, by)


def _taken(id: str, company: str, account: str, owner: str, by: str) -> Parked:
    what = f"the {NAMES[by]}" if by in NAMES else "the account chosen"
    return Parked(
        "customer_taken",
        f"account {account} of {company} has {what} of customer {id}, but belongs to {owner}",
        f"{DECIDE.format(id=id, company=company)} --shared links an account that has another "
        "Stripe customer.",
        _evidence(id, company, by, {account: owner}),
    )


def taken(id: str, company: str, account: str, owner: str) -> Parked:
    """The error of an account that another Stripe customer got first."""
    return _taken(id, company, account, owner, "choice")


def gone(id: str, company: str, account: str) -> Parked:
    """The error of an account that is no more: merged into another one, or deleted."""
    return Parked(
        "customer_merged",
        f"account {account} of customer {id} is no longer in {company}: it was merged or deleted",
        f"Find out into which account it was merged. {DECIDE.format(id=id, company=company)} "
        "--shared links an account that has another Stripe customer.",
        _evidence(id, company, "account", {}),
    )


def _evidence(id: str, company: str, by: str, owners: Mapping[str, str]) -> str:
    """JSON: `customer`, `company`, `suggestions` of a `choice` (match or new)."""
    suggestions = [
        {"choice": "match", "account": account, "matched": by, "stripe_customer": owner}
        for account, owner in sorted(owners.items())[:CANDIDATES_MAX]
    ]
    return canonical(
        {
            "customer": id,
            "company": company,
            "suggestions": [*suggestions, {"choice": "new"}],
            "more": max(len(owners) - CANDIDATES_MAX, 0),
        }
    )
