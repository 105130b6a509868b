"""What a probe writes, and its removal: nothing that it wrote may stay, and what does is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.errors import TieoutError, UncertainWrite
from shared.ports import Clock, DynamicsGateway, Json, Lookup, Value, Write, WriteFailed

WRITE_SECONDS_MAX = 90
REMOVALS_MAX = 3  # rounds of deleting and looking again
ROWS_MAX = 20  # of one draft: a probe writes one, and a repeat perhaps a second


@dataclass(frozen=True, slots=True)
class ProbeDraft:
    """A record that a probe writes. `find`: what names it and nothing else; `keys`: of the set,
    beside the company."""

    entity_set: str
    fields: Mapping[str, Value]
    find: Mapping[str, Value]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What the probe could not take back. `where`: the record, as a person finds it."""

    entity_set: str
    where: str
    why: str


@dataclass(slots=True)
class ProbeDrafts:
    """The drafts of one probe in one company. `sent`: one entry a write, in order; `lost`: those
    whose answer did not come."""

    dynamics: DynamicsGateway
    clock: Clock
    company: str
    sent: list[ProbeDraft] = field(default_factory=list)
    lost: list[ProbeDraft] = field(default_factory=list)

    async def create(self, draft: ProbeDraft) -> Json:
        """Write one. Raises why it was refused."""
        (found,) = await self.create_together([draft])
        return found

    async def create_together(self, drafts: Sequence[ProbeDraft]) -> list[Json]:
        """Write several, all or none (one changeset). Raises why they were refused."""
        self.sent += drafts  # first: whatever happens from here on, they are looked for
        group = "probe" if len(drafts) > 1 else None
        writes = [
            Write("POST", draft.entity_set, self.company, draft.fields, group=group)
            for draft in drafts
        ]
        results = await self.dynamics.apply(writes, self._deadline())
        errors = [result.error for result in results if isinstance(result, WriteFailed)]
        if any(isinstance(error, UncertainWrite) for error in errors):
            self.lost += drafts
        if errors:
            raise errors[0]
        return [result.fields for result in results if not isinstance(result, WriteFailed)]

    async def patch(
        self, entity_set: str, key: Mapping[str, Value], fields: Mapping[str, Value]
    ) -> None:
        """Change a record of a draft. Raises why it was refused."""
        write = Write("PATCH", entity_set, self.company, fields, key)
        (result,) = await self.dynamics.apply([write], self._deadline())
        if isinstance(result, WriteFailed):
            raise result.error

    async def find(self, draft: ProbeDraft) -> list[Json]:
        """The records of a draft that are there."""
        lookup = Lookup(draft.entity_set, self.company, draft.find, limit=ROWS_MAX)
        return await self.dynamics.find(lookup)

    async def remove(self) -> list[LeftBehind]:
        """Take everything back, the newest first; what could not be is returned. Raises nothing."""
        left: list[LeftBehind] = []
        for place, draft in reversed(list(enumerate(self.sent))):
            if draft not in self.sent[:place]:  # a repeat is the same record, or beside it
                left += await self._remove(draft)
        return left

    async def _remove(self, draft: ProbeDraft) -> list[LeftBehind]:
        problem = "it is still there after it was deleted"
        rows: list[Json] = []
        seen = 0
        for _ in range(REMOVALS_MAX):
            try:
                rows = await self.find(draft)
            except TieoutError as error:
                rows, problem = [], str(error)
                continue
            seen = max(seen, len(rows))
            if not rows:
                return self._perhaps_later(draft, seen)
            for row in rows:
                problem = await self._delete(draft, row) or problem
        if not rows:
            return [LeftBehind(draft.entity_set, _words(draft.find), f"not looked at: {problem}")]
        return [
            LeftBehind(draft.entity_set, _words({name: row[name] for name in draft.keys}), problem)
            for row in rows
        ]

    async def _delete(self, draft: ProbeDraft, row: Json) -> str:
        """Why a record was not deleted; empty where it was, or nobody knows."""
        key = {name: row[name] for name in draft.keys}
        write = Write("DELETE", draft.entity_set, self.company, key=key)
        (result,) = await self.dynamics.apply([write], self._deadline())
        return str(result.error) if isinstance(result, WriteFailed) else ""

    def _perhaps_later(self, draft: ProbeDraft, seen: int) -> list[LeftBehind]:
        """A write without an answer whose record nobody saw may land after we looked."""
        if draft not in self.lost or seen >= self.sent.count(draft):
            return []
        why = "the answer to its write was lost; it may still come: look again in some minutes"
        return [LeftBehind(draft.entity_set, _words(draft.find), why)]

    def _deadline(self) -> datetime:
        return self.clock.now() + timedelta(seconds=WRITE_SECONDS_MAX)


def _words(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
