"""How documents are rendered in Dynamics 365 Finance: `render` over a compiled mapping.

Templates say which field holds what (`targets/finance/templates`, `compiler`). Accounts by role
and the key are given here, so that no mapping can touch them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

from shared.domain.books import Account, Books
from shared.domain.documents import (
    AccountRole,
    Document,
    Party,
    attributes_of,
    fields_of,
    is_parents_patch,
)
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.domain.records import Intent, Record
from shared.errors import Parked
from shared.mapping.catalogue import scope_of
from shared.mapping.compiler import CompiledMapping
from shared.mapping.fields import too_long

DISPLAY_VALUES = MappingProxyType(
    {"account": "AccountDisplayValue", "offset": "OffsetAccountDisplayValue"}
)

type Keys = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Target:
    """What the rendering may look up: accounts by role, customer accounts, field names.

    `customers`: (Stripe customer, company) -> customer account in Dynamics. `mapping`: the
    compiled templates.
    """

    books: Books
    customer_id_property: str
    customer_id_chars_max: int
    customers: Mapping[tuple[str, str], str]
    mapping: CompiledMapping


def _customer(customer: str, company: str, target: Target, written: str) -> str:
    """The customer's account in a company; the one-time customer for nobody.

    `written`: the account that the sale was written on. A customer's own account is the one it has
    now, which only a person changes; who has none stays where the sale is.
    """
    one_time = target.books.companies[company].one_time_customer
    account = target.customers[customer, company] if customer else one_time
    return written if written and account == one_time else account


def _account(side: AccountRole, document: Document, target: Target) -> dict[str, str]:
    """Type, number and company of the account of a role; the company only where it is another one
    than the document's."""
    role, name = side.role, side.company or document.company
    other = name if name != document.company else ""
    if role is Role.CUSTOMER:
        account = _customer(side.customer, name, target, side.account)
        return {"type": "Cust", "id": account, "company": other}
    book = target.books.currencies.get(_currency(document))
    configured: Account | None = target.books.companies[name].accounts.get(role)
    if book is not None and role is Role.BANK:
        configured = book.bank
    elif book is not None and role is Role.CLEARING:
        configured = book.clearing_accounts.get(side.balance or book.balance_type)
    if configured is None:
        raise Parked(
            "account_not_configured",
            f"company {name} has no account for the role {role}",
            f"Add accounts.{role} to the company in the books, then retry.",
        )
    return {"type": configured.type, "id": configured.id, "company": other}


def _currency(document: Document) -> str:
    amount = getattr(document, "amount", None)
    return amount.currency if isinstance(amount, Money) else ""


def _scope(document: Document, target: Target, parent: Keys) -> dict[str, Any]:
    """What templates read; `catalogue` describes it."""
    scope = scope_of(document)
    company = target.books.companies[document.company]
    scope["company"] = {"customer_group": company.customer_group}
    for name, side in _sides(document):
        scope[name] = _account(side, document, target)
    kind: type = type(document)
    for name in _names(kind, Party):
        party: Party = getattr(document, name)
        account = _customer(party.customer, document.company, target, party.account)
        scope[name] = {"account": account}
    if document.parent:
        scope["parent"] = {"number": str(next(iter(parent.values()), ""))}
    return scope


def _sides(document: Document) -> Iterator[tuple[str, AccountRole]]:
    kind: type = type(document)
    for name in _names(kind, AccountRole):
        yield name, getattr(document, name)


@cache
def _names(kind: type, of_type: type) -> tuple[str, ...]:
    """The fields of a kind that hold a type."""
    return tuple(field.name for field in fields_of(kind) if field.type is of_type)


def render(document: Document, target: Target, parent: Keys = MappingProxyType({})) -> Record:
    """The record of a document. `parent`: the keys of the record it belongs to, where it does.

    Raises `Parked` for a value that does not fit its field.
    """
    template = target.mapping.templates[document.template]
    key_field = template.key or target.customer_id_property
    size = template.key_size or target.customer_id_chars_max
    if len(document.key) > size:
        raise too_long(key_field, size, len(document.key))
    fields = template.render(_scope(document, target, parent))
    if not is_parents_patch(document):
        fields[key_field] = int(document.key) if template.key_is_number else document.key
    return Record(
        document,
        template.entity_set,
        key_field,
        fields,
        {name: fields[name] for name in template.within},
        target.mapping.sha256,
    )


def accounts_in(record: Record) -> dict[tuple[str, str], str]:
    """The customer accounts that a line was written with, by (Stripe customer, company)."""
    document, accounts = record.document, {}
    for name, side in _sides(document):
        field = DISPLAY_VALUES[name]
        if side.customer and field in record.fields:
            company = side.company or document.company
            accounts[side.customer, company] = str(record.fields[field])
    return accounts


def rerender(
    written: Record, document: Document, target: Target, announced: Intent | None = None
) -> Record:
    """A line that was written, rendered by the mapping and the accounts of now with the attributes
    of now; its facts and its customer stay. A text that is left out by now becomes empty.
    `announced`: a change of it that may have been made.

    Raises `Parked` for a value that does not fit its field, or cannot be taken away.
    """
    customers = {**target.customers, **accounts_in(written)}
    renewed = replace(written.document, **attributes_of(document))
    new = render(renewed, replace(target, customers=customers))
    known = {**(announced.record.fields if announced else {}), **written.fields}
    left_out = [name for name in known if name not in new.fields]
    for name in left_out:
        if not isinstance(known[name], str):
            raise Parked(
                "field_left_out",
                f"{document.key}: {name} was set, and the mapping now leaves it out",
                "Only a text can be emptied: let the mapping give a value, or set the field in "
                "Dynamics and resolve this item.",
            )
    return replace(new, fields={**dict.fromkeys(left_out, ""), **new.fields})
