"""Which transactions each payout of exported files paid: as Stripe listed them, else as its rule
says, else none.

Neither a payout nor a transaction names the other. An automatic payout pays everything that is
available; where all that was available by then, and that no other payout paid, adds up to the
payout, these are its members. Where it does not, the files are incomplete and nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.replay.exported import Exported, objects_in
from shared.entities.common.objects import id_of
from shared.entities.payout.making import ENTITY as PAYOUT
from shared.entities.payout.making import is_itemised
from shared.ports import Json


@dataclass(frozen=True, slots=True)
class Members:
    """`listed`: the members of each automatic payout; none for those of `unknown`, which Stripe
    could list and the files do not. `derived`: whose members follow from the rule."""

    listed: Mapping[str, tuple[str, ...]]
    derived: tuple[str, ...]
    unknown: tuple[str, ...]


def members_of(exported: Exported) -> Members:
    """The members of all automatic payouts. Grows as payouts x transactions."""
    inner = [obj for item in exported.told() for obj in objects_in(item)]
    txns = {obj["id"]: obj for obj in inner if obj["object"] == "balance_transaction"}
    payouts: dict[str, Json] = {}
    itemised: dict[str, None] = {}
    for obj in inner:
        if obj["object"] == PAYOUT and obj.get("automatic") is True:
            payouts.setdefault(obj["id"], obj)
            if is_itemised(obj):
                itemised[obj["id"]] = None
    told = {id: tuple(exported.members[id]) for id in payouts if id in exported.members}
    taken = dict.fromkeys(txn for members in told.values() for txn in members)
    derived, unknown = [], []
    for id in sorted(payouts, key=lambda id: (_moment(payouts[id], "created"), id)):
        if id in told:
            continue
        told[id] = ()
        if id in itemised:
            candidates = [txn for txn in txns.values() if txn["id"] not in taken]
            found = _everything(payouts[id], candidates, payouts)
            if found:
                derived.append(id)
                told[id] = found
                taken |= dict.fromkeys(found)
            else:
                unknown.append(id)
    return Members(told, tuple(derived), tuple(unknown))


def _everything(payout: Json, txns: Sequence[Json], payouts: Mapping[str, Json]) -> tuple[str, ...]:
    """All that was available up to some day, if it adds up to the payout; else nothing."""
    until = max(_moment(payout, "created"), _moment(payout, "arrival_date"))
    candidates = sorted(
        (txn for txn in txns if _may_be_paid_by(txn, payout, payouts, until)),
        key=lambda txn: (_moment(txn, "available_on"), txn["id"]),
    )
    total, found = 0, 0
    for place, txn in enumerate(candidates, start=1):
        total += txn["net"] if type(txn.get("net")) is int else 0
        rest = candidates[place:]
        is_whole_day = not rest or rest[0].get("available_on") != txn.get("available_on")
        if is_whole_day and total == payout.get("amount"):
            found = place
    return tuple(txn["id"] for txn in candidates[:found])


def _may_be_paid_by(txn: Json, payout: Json, payouts: Mapping[str, Json], until: int) -> bool:
    source = id_of(txn.get("source"))
    is_own = txn.get("type") == PAYOUT and (source == payout["id"] or source in payouts)
    moment = max(_moment(txn, "created"), _moment(txn, "available_on"))
    return txn.get("currency") == payout.get("currency") and not is_own and moment <= until


def _moment(obj: Json, name: str) -> int:
    value = obj.get(name)
    return value if type(value) is int else 0
