"""How documents are spelled in Dynamics 365 Finance: `render` over a compiled mapping.

Templates say which field holds what (`templates/finance`, `compiler`). Accounts by role and the
key are given here, so that no mapping can touch them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.journal import Role
from shared.domain.records import Document, Record
from shared.errors import Parked
from shared.mapping.compiler import CompiledMapping
from shared.mapping.fields import too_long
from shared.settings import Account, Books


@dataclass(frozen=True, slots=True)
class Target:
    """What the spelling may look up: accounts by role, customer accounts, field names.

    `customers`: (Stripe customer, company) -> customer account in Dynamics. `mapping`: the
    compiled templates.
    """

    books: Books
    customer_id_property: str
    customer_id_chars_max: int
    customers: Mapping[tuple[str, str], str]
    mapping: CompiledMapping


def _account(part: Mapping[str, Any], document: Document, target: Target) -> dict[str, str]:
    """Account type and number of a role in the document's company."""
    role = Role(part["role"])
    company = target.books.companies[document.company]
    if role is Role.CUSTOMER:
        customer = str(part["customer"])
        if not customer:
            return {"type": "Cust", "id": company.one_time_customer}
        return {"type": "Cust", "id": target.customers[customer, document.company]}
    book = target.books.currencies[str(document.facts["currency"])]
    by_role = {Role.CLEARING: book.clearing, Role.BANK: book.bank}
    account: Account | None = by_role.get(role) or company.accounts.get(role)
    if account is None:
        raise Parked(
            "account_not_configured",
            f"company {document.company} has no account for the role {role}",
            f"Add accounts.{role} to the company in TIEOUT_BOOKS, then retry.",
        )
    return {"type": account.type, "id": account.id}


def _scope(document: Document, target: Target) -> dict[str, Any]:
    """What templates read; `catalogue` describes it."""
    facts: Mapping[str, Any] = document.facts
    scope: dict[str, Any] = {
        "document": {"key": document.key, "role": document.role, "company": document.company},
        "facts": facts,
        "words": document.words,
    }
    if "account" in facts:
        scope["account"] = _account(facts["account"], document, target)
        scope["offset"] = _account(facts["offset"], document, target)
    else:
        company = target.books.companies[document.company]
        scope["company"] = {"customer_group": company.customer_group}
    return scope


def render(document: Document, target: Target) -> Record:
    """The record of a document. Raises `Parked` for a value that does not fit its field."""
    template = target.mapping.templates[document.template]
    key_field = template.key or target.customer_id_property
    size = template.key_size or target.customer_id_chars_max
    if len(document.key) > size:
        raise too_long(key_field, size, len(document.key))
    fields = template.spell(_scope(document, target))
    fields[key_field] = document.key
    return Record(document, template.entity_set, key_field, fields)
