"""Reapplying the mapping: journal lines that are still drafts get the rendering of the active set.

Publishing changes nothing that was written. Drafts with an old rendering change only when somebody
asks for it here; the history of the mapping keeps who and why. Accounts by role follow the current
settings; amounts, dates, companies and keys never change, and what is posted stays.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared import telemetry
from shared.converge.maintenance import MaintenanceCommands
from shared.mapping.preview import PostingStatus, StoredObject
from shared.ports import Clock
from shared.services.publishing.mapping_names import PublishRefused
from shared.services.publishing.publish import PREVIEW_OBJECTS_MAX, RecentObjects, moved, said_by
from shared.stores import mapping_store
from shared.stores.audit_log import AuditedAction, AuditLog
from shared.stores.item import ItemKind
from shared.stores.mapping_store import Change, MappingStore
from shared.stores.mappings import MAPPING_FRESH_SECONDS

MARGIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Reapplied:
    """What a reapply sent on its way: objects that were looked at, those with drafts, which are
    converged within a minute, and the change in the history."""

    objects: int
    sent: int
    change: Change


class Reapply:
    """What a person calls."""

    def __init__(
        self,
        store: MappingStore,
        recent: RecentObjects,
        maintenance: MaintenanceCommands,
        clock: Clock,
        audit_log: AuditLog,
    ) -> None:
        self._store, self._recent = store, recent
        self._maintenance, self._clock = maintenance, clock
        self._audit_log = audit_log

    async def run(self, who: str, why: str, limit: int) -> Reapplied:
        """Send those of the last `limit` objects that have drafts. Raises `PublishRefused`, and
        the errors of stores and queue: what was sent by then is done, and asking again is safe."""
        said = said_by(who, why)
        if not 1 <= limit <= PREVIEW_OBJECTS_MAX:
            raise PublishRefused("malformed", f"limit is from 1 to {PREVIEW_OBJECTS_MAX}")
        pointer = await self._store.pointer()
        change = Change(
            number=pointer.number + 1,
            at=self._clock.now(),
            who=said.who,
            why=said.why,
            action=mapping_store.REAPPLY,
            set=pointer.set,
            previous=pointer.set,
            publication=pointer.publication,
            before=pointer.publication,
        )
        await self._audit_log.add(said.who, AuditedAction.REAPPLY, [pointer.set], said.why)
        await moved(self._store, pointer, change)
        seen, drafts = 0, []
        async for stored in self._recent(limit):
            seen += 1
            drafts += [stored.id] if _has_drafts(stored) else []
        # By then every instance knows which mapping is active.
        at = self._clock.now() + timedelta(seconds=MAPPING_FRESH_SECONDS + MARGIN_SECONDS)
        sent = await self._maintenance.send(
            drafts, ItemKind.REAPPLY, f"reapply-{change.number}", at
        )
        telemetry.event("mapping_reapplied", set=pointer.set, objects=seen, sent=sent)
        return Reapplied(seen, sent, change)


def _has_drafts(stored: StoredObject) -> bool:
    return any(
        document.document.journal is not None and document.posting_status is PostingStatus.DRAFT
        for document in stored.documents
    )
