"""The independent judge of references: what posting keeps of a line leads back to Stripe.

Like `oracle` it shares no code with the product: the short form of a key is stated here once more.
Posting drops `PaymentId`, so each posted side must carry the short form of the key of its line, or
what the bank calls the payout.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from local.dynamics import DynamicsPeer
from local.simulation.oracle import line_keys, place_of

CHARS_MAX = 20  # of `PaymentReference`


def short(key: str) -> str:
    """`ST` and the first 18 signs of the SHA-256 in base 32."""
    return "ST" + base64.b32encode(hashlib.sha256(key.encode()).digest())[:18].decode("ascii")


def lost(payouts: Sequence[Mapping[str, Any]], dynamics: DynamicsPeer) -> list[str]:
    """Posted sides of our lines whose reference does not tell which Stripe object they are of.
    `payouts`: those of all Stripe accounts."""
    keys, banks = line_keys(dynamics), _bank_names(payouts)
    found = []
    for line in dynamics.ledger().posted:
        key = keys.get(place_of(line), "")
        names = (short(key), *banks.get(key.partition(":")[0], ()))
        if key and line.reference not in names:
            found.append(f"{key} in {line.voucher}: {line.reference!r} is none of {names}")
    return found


def _bank_names(payouts: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """What the bank calls each payout, where the field holds it."""
    return {
        str(payout["id"]): tuple(
            name
            for name in (payout["trace_id"]["value"], payout["statement_descriptor"])
            if name and len(name) <= CHARS_MAX
        )
        for payout in payouts
    }
