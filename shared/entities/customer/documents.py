"""Customers: one record in each company that needs it. https://docs.stripe.com/api/customers

An account that Dynamics had before is linked, and stays Dynamics' own: nothing but the Stripe id is
written to it. One that was created here follows Stripe, until the customer is erased: then it stays
as it is, and a company that needs an account from then on gets one without a name.
"""

from collections.abc import Mapping
from dataclasses import replace

from shared.domain.documents import (
    Create,
    CreateOrFind,
    Document,
    Follows,
    Frozen,
    LinkExisting,
    Patch,
)
from shared.domain.records import Link
from shared.entities.common.objects import Context, Desired, Query, Snapshot, text
from shared.entities.customer import ACCOUNT
from shared.entities.customer.attributes import attributes_of, kind_of
from shared.entities.customer.matching import Match, match_of, query_for
from shared.entities.customer.records import CustomerLink, CustomerRecord
from shared.errors import Parked, Skipped

ENTITY = "customer"
ROLE_PREFIX = "customer~"
ACCOUNT_KEY = "dynamics_customer_account"  # of metadata in Stripe


def role_of(company: str) -> str:
    """The role of a customer's record in a company."""
    return ROLE_PREFIX + company


def _companies(snapshot: Snapshot, context: Context) -> tuple[str, ...]:
    """The companies that hold the customer or ask for it, else the default one."""
    linked = tuple(link.company for link in snapshot.links.values())
    # A write that may have happened is looked for, whoever needs the customer now.
    announced = tuple(intent.record.document.company for intent in snapshot.intents.values())
    found = dict.fromkeys((*linked, *announced, *snapshot.companies, *snapshot.choices))
    return tuple(found) or (context.books.default_company,)


def _is_deleted(snapshot: Snapshot) -> bool:
    return snapshot.object.get("deleted") is True


def queries(snapshot: Snapshot, context: Context) -> tuple[Query, ...]:
    """What must be known of Dynamics where the customer has no account yet."""
    if _is_deleted(snapshot):
        return ()
    missing = [
        company
        for company in _companies(snapshot, context)
        if snapshot.written(role_of(company)) is None
    ]
    found = [query_for(snapshot, company, context) for company in missing]
    return tuple(query for query in found if query is not None)


def build(snapshot: Snapshot, context: Context) -> Desired:
    """One record a company. Where a person must decide, the other companies go on.

    A customer deleted in Stripe keeps its accounts; those that were created here are marked, and
    the rest is skipped: `customer_deleted`.
    """
    if _is_deleted(snapshot):
        return Desired(_marked(snapshot), unfinished=Skipped("customer_deleted"))
    documents: list[Document] = []
    undecided: Parked | None = None
    for company in _companies(snapshot, context):
        try:
            documents.append(_document(snapshot, company, context))
        except Parked as error:
            undecided = undecided or error
    return Desired(tuple(documents), unfinished=undecided)


def _document(snapshot: Snapshot, company: str, context: Context) -> Document:
    """The record of a company. Raises `Parked` where a person must decide."""
    kept = snapshot.written(role_of(company))
    if isinstance(kept, CustomerLink) or (kept is not None and snapshot.is_erased):
        return kept
    choice = snapshot.choices.get(company)
    decision = "" if choice is None else choice.id
    match = match_of(snapshot, company, context) if kept is None else None
    if match is not None:
        return _link(snapshot.id, company, match, decision)
    kind = kept.kind if isinstance(kept, CustomerRecord) else kind_of(snapshot.object)
    # A query was answered just now, under the same claim: no need to look once more.
    is_new = snapshot.answers.get(f"id~{company}") == ()
    return CustomerRecord(
        role=role_of(company),
        company=company,
        key=snapshot.id,
        action=Create() if is_new else CreateOrFind(),
        later=Frozen() if snapshot.is_erased else Follows(),
        decision=decision,
        customer=snapshot.id,
        **attributes_of(snapshot.object, kind, company, context),
    )


def _link(id: str, company: str, match: Match, decision: str) -> CustomerLink:
    keys = {ACCOUNT: match.account}
    return CustomerLink(
        role=role_of(company),
        company=company,
        key=id,
        action=LinkExisting(keys) if match.shared else Patch(keys),
        decision=decision,
        customer=id,
        linked_account=match.account,
        matched_by=match.by,
    )


def _marked(snapshot: Snapshot) -> tuple[Document, ...]:
    """The records that were created here, marked as deleted in Stripe."""
    found = [link.record.document for link in snapshot.links.values()]
    return tuple(
        replace(document, deleted="yes")
        for document in found
        if isinstance(document, CustomerRecord)
    )


def account_notes(
    snapshot: Snapshot, links: Mapping[str, Link], context: Context
) -> dict[str, str]:
    """Metadata to write to the Stripe customer: its accounts, where Stripe shows others.

    The default company's account stands under `ACCOUNT_KEY`, those of other
    companies under `ACCOUNT_KEY` with the company.
    """
    if not context.policy.customers.write_back or _is_deleted(snapshot) or snapshot.is_erased:
        return {}
    metadata = snapshot.object.get("metadata")
    shown = metadata if isinstance(metadata, Mapping) else {}
    accounts = {
        link.company: str(link.keys[ACCOUNT])
        for role, link in links.items()
        if role.startswith(ROLE_PREFIX)
    }
    default = context.books.default_company
    notes = {
        ACCOUNT_KEY if company == default else f"{ACCOUNT_KEY}_{company}": account
        for company, account in sorted(accounts.items())
    }
    return {name: value for name, value in notes.items() if text(shown, name) != value}
