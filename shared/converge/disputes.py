"""What a dispute has to know of the books: which of its transactions are written, and as what.

Read from our own links, without their claims, under the claim of the dispute. A transaction that is
written later enqueues its dispute again, so nothing is missed.
"""

from dataclasses import dataclass, replace

from shared.converge.stages import Failed, ReadObject, WrittenObject
from shared.domain.records import Record
from shared.entities.common.disputing import is_final
from shared.entities.common.objects import Snapshot
from shared.entities.common.origin import GROSS
from shared.entities.dispute.making import ENTITY, transactions_of
from shared.ports import Clock, Tables
from shared.stores import disputes
from shared.stores.links import LinkStore


@dataclass(frozen=True, slots=True)
class DisputeBooks:
    """Reads what is written of a dispute's transactions, and keeps the work list. `account`: the
    alias of the Stripe account."""

    tables: Tables
    links: LinkStore
    clock: Clock
    account: str

    async def read(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot of a dispute with the gross lines of its transactions; any other as it is.
        Raises the errors of the storage port."""
        if snapshot.entity != ENTITY:
            return snapshot
        booked: dict[str, Record | None] = {}
        by_hand = []
        for ref in transactions_of(snapshot.object):
            if await self.links.resolution(ref.id) is not None:
                by_hand.append(ref.id)
                booked[ref.id] = None
            elif await self.links.is_settled(ref.id):
                booked[ref.id] = await self.links.written(ref.id, GROSS)
        seen = None
        if booked and is_final(snapshot.object):
            now = self.clock.now()
            seen = await disputes.first_seen_closed(self.tables, snapshot.id, now)
        return replace(
            snapshot, of_transactions=booked, by_hand=tuple(by_hand), closed_seen_at=seen
        )

    async def note(self, result: WrittenObject | Failed) -> WrittenObject | Failed:
        """A dispute is on the work list, or off it, whatever became of this run. Raises the errors
        of the storage port."""
        value = result.at if isinstance(result, Failed) else result
        if isinstance(value, ReadObject) and value.snapshot.entity == ENTITY:
            links = value.links if isinstance(value, WrittenObject) else value.snapshot.links
            snapshot = replace(value.snapshot, links=links)
            await disputes.note(self.tables, snapshot, self.account, self.clock.now())
        return result
