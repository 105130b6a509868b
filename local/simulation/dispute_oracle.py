"""What must be in the books of disputes: plain sums over the peers' own state.

It shares no code with the product: whoever lost a dispute has a loss, nobody else has, and what is
decided stands nowhere any more.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal

from local.dynamics import DynamicsPeer
from local.simulation import oracle
from local.stripe import StripePeer

HELD, LOSSES = "132900", "618200"
DECIDED = ("won", "lost", "prevented", "warning_closed")


def is_open(peers: Mapping[str, StripePeer], dispute: str) -> bool:
    """Whether a dispute of one of the Stripe accounts is not decided yet."""
    return any(
        each["id"] == dispute and each["status"] not in DECIDED
        for stripe in peers.values()
        for each in stripe.objects("dispute")
    )


def unequal(
    peers: Mapping[str, StripePeer], dynamics: DynamicsPeer, by_hand: Collection[str]
) -> list[str]:
    """Disputes of the Stripe accounts, given by alias, whose amounts stand where they should not.
    `by_hand`: transactions that people decided about; the disputes of these are theirs."""
    sums: dict[tuple[str, str], Decimal] = {}
    ledger, line_keys = dynamics.ledger(), oracle.line_keys(dynamics)
    for line in (*ledger.posted, *ledger.drafts):
        if line.account in (HELD, LOSSES):
            place = line_keys.get(oracle.place_of(line), "").partition(":")[0], line.account
            sums[place] = sums.get(place, Decimal(0)) + oracle.minor(
                line.amount, line.currency.lower()
            )
    wrong = []
    disputes = [
        (oracle.CLEARINGS[alias], dispute)
        for alias, stripe in peers.items()
        for dispute in stripe.objects("dispute")
    ]
    for clearing, dispute in disputes:
        txns = [txn for txn in dispute["balance_transactions"] if txn["currency"] in clearing]
        if any(txn["id"] in by_hand for txn in txns):
            continue
        taken = -sum(int(txn["amount"]) for txn in txns)
        is_decided = dispute["status"] in DECIDED
        keys = [str(dispute["id"]), *(str(txn["id"]) for txn in txns)]
        held = sum((sums.get((key, HELD), Decimal(0)) for key in keys), Decimal(0))
        lost = sum((sums.get((key, LOSSES), Decimal(0)) for key in keys), Decimal(0))
        to_hold, to_lose = (0, taken) if is_decided else (taken, 0)
        if held != to_hold or lost != to_lose:
            wrong.append(
                f"{dispute['id']} {dispute['status']}: {held} held and {lost} lost, expected "
                f"{to_hold} and {to_lose}"
            )
    return wrong
