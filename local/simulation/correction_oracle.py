"""The independent judge of corrections: what people ordered is written, once, and nothing else is.

Like `oracle` it shares no code with the product. The line that is corrected stays; the keys of what
is written for it are stated here once more.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from local.simulation import oracle
from local.simulation.history import RECLASS, History
from local.simulation.subject import JudgedWorld

ACCOUNTS = MappingProxyType({"contributions": "618940", "adjustments": "133800"})
"""Roles that suspense is cleared against."""

type Expected = dict[str, dict[str, oracle.Entry]]


def with_corrections(expected: Expected, history: History) -> Expected:
    """What must be on clearing: a line taken back comes once more with the other sign, and again as
    it was where it is replaced; both on the day of the order. A reclass touches no clearing."""
    for each in history.corrections.values():
        entries = expected[each.transaction]
        line = entries.get(f"{each.transaction}:{each.line}")
        if line is None:
            continue
        entries[each.key] = replace(line, clearing_minor=-line.clearing_minor, date=each.date)
        if each.replaces:
            entries[f"{each.transaction}:{each.line}:g1"] = replace(line, date=each.date)
    return expected


def gaps(expected: Expected, history: History) -> dict[str, int]:
    """What was taken back and not replaced, per currency: it stays in the gap."""
    found: dict[str, int] = {}
    for each in history.corrections.values():
        entry = expected[each.transaction].get(each.key)
        if entry is not None and each.stands and not each.replaces:
            found[entry.currency] = found.get(entry.currency, 0) - int(entry.clearing_minor)
    return found


def posted_fees(subject: JudgedWorld) -> list[str]:
    """Keys of posted fees of the first Stripe account that nobody took back."""
    keys = oracle.line_keys(subject.dynamics)
    own = {str(each["id"]): None for each in subject.stripe.objects("balance_transaction")}
    corrected = subject.history.corrected
    posted = dict.fromkeys(
        keys.get(oracle.place_of(line), "") for line in subject.dynamics.ledger().posted
    )
    return [
        key
        for key in posted
        if key.endswith(":fee") and key.partition(":")[0] in own
        if key.partition(":")[0] not in corrected
    ]


def suspended(subject: JudgedWorld) -> list[str]:
    """Transactions of the first Stripe account that stand on suspense."""
    return [
        str(txn["id"])
        for txn in subject.stripe.objects("balance_transaction")
        if txn["reporting_category"] not in oracle.AGAINST
        and txn["currency"] in oracle.CLEARING
        and txn["id"] not in subject.history.corrected
    ]


def unequal(subject: JudgedWorld, expected: Mapping[str, Mapping[str, oracle.Entry]]) -> list[str]:
    """Reclasses that do not clear suspense against the account that was named."""
    keys, ledger = oracle.line_keys(subject.dynamics), subject.dynamics.ledger()
    sums: dict[str, dict[str, Decimal]] = {}
    for line in (*ledger.posted, *ledger.drafts):
        key = keys.get(oracle.place_of(line), "")
        if key.endswith(f":{RECLASS}"):
            amount = oracle.minor(line.amount, line.currency.lower())
            sides = sums.setdefault(key, {})
            sides[line.account] = sides.get(line.account, Decimal(0)) + amount
    found = []
    for each in subject.history.corrections.values():
        if each.line != RECLASS:
            continue
        stood = sum(
            entry.clearing_minor
            for entry in expected[each.transaction].values()
            if entry.against == oracle.SUSPENSE
        )
        wanted = {oracle.SUSPENSE: Decimal(stood), ACCOUNTS[each.to]: Decimal(-stood)}
        sides = sums.pop(each.key, {})
        if sides != wanted:
            found.append(f"{each.key}: {sides}, expected {wanted}")
    return found + [f"nobody ordered {key}" for key in sums]
