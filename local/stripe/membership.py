"""Which transactions a payout paid.

A payout made here knows its members. One that was stored from outside does not: neither the
payout nor the transaction names the other. Then the members are found as Stripe would have
chosen them, from the transactions of the currency that were available when it was made and
that no earlier payout took, if their net adds up to its amount.
"""

from local.stripe.core import Core
from local.stripe.store import ident
from shared.ports import Json


def members_of(core: Core, payout: Json) -> list[str]:
    """Ids of the transactions an automatic payout paid, without its own.

    Where no choice adds up (the stored world is incomplete), all candidates: the gap shows.
    """
    known = core.ledger.members(payout["id"])
    if known is not None:
        return known
    for other in _stored_payouts(core, payout["currency"]):
        candidates = _candidates(core, other)
        chosen = _adding_up(candidates, other["amount"])
        if chosen is not None:
            core.ledger.assign(other["id"], chosen)
        if other["id"] == payout["id"]:
            return [txn["id"] for txn in candidates] if chosen is None else chosen
    return []


def _stored_payouts(core: Core, currency: str) -> list[Json]:
    """Automatic payouts without known members, oldest first."""
    payouts = [
        payout
        for payout in core.store.newest_first("payout")
        if payout["currency"] == currency
        and payout.get("automatic")
        and core.ledger.members(payout["id"]) is None
    ]
    return payouts[::-1]


def _candidates(core: Core, payout: Json) -> list[Json]:
    taken = dict.fromkeys(
        id
        for other in core.store.newest_first("payout")
        for id in core.ledger.members(other["id"]) or ()
    )
    own = ident(payout.get("balance_transaction"))
    found = [
        txn
        for txn in core.store.newest_first("balance_transaction")
        if txn["currency"] == payout["currency"]
        and txn["id"] not in taken
        and txn["id"] != own
        and ident(txn.get("source")) != payout["id"]
        and not _own_of_automatic(core, txn)
        and max(txn["created"], txn["available_on"])
        <= max(payout["created"], payout["arrival_date"])
    ]
    return sorted(found, key=lambda txn: (txn["available_on"], txn["created"], txn["id"]))


def _own_of_automatic(core: Core, txn: Json) -> bool:
    """Whether this is the transaction by which an automatic payout left the balance."""
    payout = core.store.get(ident(txn.get("source")) or "")
    is_payout = payout is not None and payout["object"] == "payout"
    return txn["type"] == "payout" and (
        not is_payout or payout is None or bool(payout.get("automatic"))
    )


def _adding_up(candidates: list[Json], amount_minor: int) -> list[str] | None:
    """The longest run of candidates, oldest first, whose net is the amount.

    Payouts take whole days of availability, hence runs; a run starts at the oldest candidate
    unless only a later start adds up.
    """
    for start in range(len(candidates)):
        total, end = 0, None
        for position in range(start, len(candidates)):
            total += candidates[position]["net"]
            if total == amount_minor:
                end = position + 1
        if end is not None:
            return [txn["id"] for txn in candidates[start:end]]
    return None
