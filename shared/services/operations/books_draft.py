"""A first draft of the books from what Dynamics has: suggestions, and blanks to be filled in.

It reads journal names, main accounts, bank accounts, customer groups and accounting currencies of
the companies that are named; it writes nothing. A blank is `"?"`, which no book may keep: checking
the file names each by place and line.
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shared.domain.books import REQUIRED_ROLES
from shared.domain.journal import JournalKind, Role
from shared.mapping.schema import BLANK
from shared.ports import DynamicsGateway, Json, Lookup

TYPES = MappingProxyType(
    {JournalKind.CUSTOMER_PAYMENT: "CustPayment", JournalKind.GENERAL: "Daily"}
)
STRIPE = "stripe"
LISTED_MAX = 12  # names of candidates in a comment
# The names that charts of accounts give to what a role is for, the best first.
WORDS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.FEES: ("payment processing fee", "processing fee", "stripe fee", "bank charge"),
        Role.FEE_TAX: ("input vat on fee", "input vat", "input tax", "vat receivable"),
        Role.DISPUTES: ("disputes", "chargeback receivable"),
        Role.DISPUTE_FEES: ("dispute fee", "chargeback fee"),
        Role.PAYOUTS_IN_TRANSIT: ("payouts in transit", "cash in transit", "in transit"),
        Role.SUSPENSE: ("stripe suspense", "suspense", "clearing of errors"),
        Role.NETWORK_COSTS: ("network cost", "interchange"),
        Role.UNAPPLIED_RECEIPTS: ("unapplied receipt", "unapplied", "customer prepayment"),
        Role.FX_TRANSIT: ("foreign exchange transit", "exchange transit"),
        Role.SALES_RETURNS: ("sales returns", "sales return"),
        Role.SALES_TAX: ("sales tax payable", "vat payable"),
    }
)


class DraftRefused(Exception):
    """No draft can be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a company has in Dynamics, as records."""

    company: str
    currency: str
    journals: Sequence[Json]
    accounts: Sequence[Json]
    banks: Sequence[Json]
    groups: Sequence[Json]


async def draft(dynamics: DynamicsGateway, companies: Sequence[str]) -> str:
    """The YAML text of a draft for these companies, the first one as default.

    Raises `DraftRefused` where there is none, or one that Dynamics does not have, and the errors of
    the port.
    """
    ledgers = {str(row["LegalEntityId"]): row for row in await _ledgers(dynamics)}
    by_name = {name.casefold(): name for name in ledgers}
    known = ", ".join(name.lower() for name in ledgers) or "none that our user may see"
    missing = [name for name in companies if name.casefold() not in by_name]
    if missing or not companies:
        wanted = f"no company {', '.join(missing)}" if missing else "companies to choose from"
        raise DraftRefused(f"Dynamics has {wanted}: name some of {known}")
    rows = [ledgers[by_name[name.casefold()]] for name in dict.fromkeys(companies)]
    read = await asyncio.gather(*(_read(dynamics, row) for row in rows))
    return "\n".join(_text(read)) + "\n"


async def _ledgers(dynamics: DynamicsGateway) -> list[Json]:
    select = ("LegalEntityId", "ChartOfAccounts", "AccountingCurrency")
    return await dynamics.find(Lookup("Ledgers", "", select=select))


async def _read(dynamics: DynamicsGateway, ledger: Json) -> Found:
    company = str(ledger["LegalEntityId"]).lower()
    chart = {"ChartOfAccounts": str(ledger["ChartOfAccounts"])}
    journals, accounts, banks, groups = await asyncio.gather(
        dynamics.find(Lookup("JournalNames", company, select=("Name", "Type", "Description"))),
        dynamics.find(Lookup("MainAccounts", "", chart, select=("MainAccountId", "Name"))),
        dynamics.find(
            Lookup("BankAccounts", company, select=("BankAccountId", "Name", "CurrencyCode"))
        ),
        dynamics.find(Lookup("CustomerGroups", company, select=("CustomerGroupId", "Description"))),
    )
    currency = str(ledger["AccountingCurrency"])
    return Found(company, currency, journals, accounts, banks, groups)


def _text(found: Sequence[Found]) -> Iterator[str]:
    yield "# The books, drafted from what Dynamics has. Look at every line."
    yield f"# {_quoted(BLANK)} is a blank: fill it in. `tieout mapping validate` names those left."
    yield "# docs/accounting.md, The books, explains every key."
    yield "kind: books"
    yield "name: main"
    yield f"default_company: {_quoted(found[0].company)}"
    yield "companies:"
    for company in found:
        yield from _company(company)
    yield "# Every currency that Stripe settles in: its clearing account, and the bank that payouts"
    yield "# arrive at. A clearing account is used for nothing else."
    yield "currencies:"
    named: dict[str, None] = {}
    for company in found:
        for currency in _currencies(company):
            if currency not in named:
                named[currency] = None
                yield from _book(company, currency)


def _company(found: Found) -> Iterator[str]:
    yield f"  {_quoted(found.company)}:"
    yield "    journals:"
    for kind in JournalKind:
        rows = [row for row in found.journals if str(row["Type"]) == TYPES[kind]]
        best = [row for row in rows if _is_stripes(row, "Name", "Description")]
        names = [str(row["Name"]) for row in rows]
        yield _line(6, str(kind), best[0]["Name"] if best else BLANK, f"one of {_listed(names)}")
    groups = [str(row["CustomerGroupId"]) for row in found.groups]
    group = groups[0] if len(groups) == 1 else BLANK
    yield _line(4, "customer_group", group, f"of new customers: one of {_listed(groups)}")
    yield _line(4, "one_time_customer", BLANK, "the account of sales without a customer")
    own = found.currency.lower() or BLANK
    yield _line(4, "accounting_currency", own, "of its ledger")
    yield '    # closed_through: "2026-09-30"   the last closed day; or'
    yield "    # closed_through: follow         the fiscal periods of Dynamics tell"
    yield "    accounts:"
    for role in REQUIRED_ROLES:
        yield from _role(found, role, "")
    yield "      # Needed as soon as Stripe sends such amounts: take the # away and fill in."
    for role in Role:
        if role not in (*REQUIRED_ROLES, Role.CUSTOMER, Role.CLEARING, Role.BANK):
            yield from _role(found, role, "# ")


def _role(found: Found, role: Role, mark: str) -> Iterator[str]:
    """The account of a role, suggested by the words of its name; `mark` makes it a comment."""
    account, name = BLANK, "no main account suggests itself"
    for word in WORDS.get(role, ()):
        row = next((row for row in found.accounts if word in str(row["Name"]).casefold()), None)
        if row is not None:
            account, name = str(row["MainAccountId"]), _plain(str(row["Name"]))
            break
    yield f"      {mark}{role}: {{type: Ledger, id: {_quoted(account)}}}   # {name}"


def _currencies(found: Found) -> list[str]:
    """Those of bank accounts that are called after Stripe; else the accounting currency."""
    rows = [row for row in found.banks if _is_stripes(row, "BankAccountId", "Name")]
    codes = [str(row["CurrencyCode"]) for row in rows] or [found.currency]
    return list(dict.fromkeys(code.lower() for code in codes))


def _book(found: Found, currency: str) -> Iterator[str]:
    rows = [row for row in found.banks if str(row["CurrencyCode"]).lower() == currency]
    ours = [row for row in rows if _is_stripes(row, "BankAccountId", "Name")]
    others = [str(row["BankAccountId"]) for row in rows if row not in ours]
    clearing = str(ours[0]["BankAccountId"]) if len(ours) == 1 else BLANK
    bank = others[0] if len(others) == 1 else BLANK
    yield f"  {_quoted(currency)}:"
    yield f"    company: {_quoted(found.company)}"
    names = _listed([str(row["BankAccountId"]) for row in ours])
    yield f"    clearing: {{type: Bank, id: {_quoted(clearing)}}}   # of Stripe's balance: {names}"
    yield f"    bank: {{type: Bank, id: {_quoted(bank)}}}   # one of {_listed(others)}"


def _is_stripes(row: Json, *fields: str) -> bool:
    return any(STRIPE in str(row.get(name) or "").casefold() for name in fields)


def _line(indent: int, key: str, value: object, comment: str) -> str:
    return f"{' ' * indent}{key}: {_quoted(str(value))}   # {comment}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(_plain(name) for name in names[:LISTED_MAX])
    more = f" and {len(names) - LISTED_MAX} more" if len(names) > LISTED_MAX else ""
    return f"{shown}{more}" if names else "none in Dynamics"


def _plain(text: str) -> str:
    """A text of Dynamics on one line of a comment."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _quoted(text: str) -> str:
    """A text in the quotes of YAML, which take those of JSON."""
    return json.dumps(text, ensure_ascii=False)
