"""The lines of some days: where Dynamics has them, and whether our links say the same.

A span reads all lines of its days at once. It compares them with the links of the objects that were
made in these days, then with the links of the other objects that lines belong to. Memory grows with
the number of lines.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import partial
from itertools import batched

from shared.converge.posting_status import Find
from shared.converge.recovery import LOOKUP_KEYS_MAX
from shared.domain.ids import is_id, object_of
from shared.domain.records import Link
from shared.entities.common.journal_lines import JournalLine
from shared.errors import TieoutError
from shared.ports import Json, Lookup, Value
from shared.stores.links import LinkStore
from shared.stores.runs import Run, side_by_side
from shared.targets.entity_set import EntitySet
from shared.targets.finance import BATCH_NUMBER, PAYMENT_ID

LOOKS_AT_ONCE = 8  # requests to Dynamics under way together
LINKS_AT_ONCE = 48  # objects whose links are read together
KEY, BATCH, LINE = PAYMENT_ID, BATCH_NUMBER, "LineNumber"

type Spot = tuple[str, int]
"""Where a line is: journal and line number."""
type Place = tuple[str, str]
"""A line by company and key."""


class Span:
    """The days from `first` to `last`, both included."""

    def __init__(
        self,
        first: date,
        last: date,
        *,
        run: Run,
        links: LinkStore,
        companies: Sequence[str],
        lines: Sequence[EntitySet],
        find: Find,
    ) -> None:
        self._first, self._last, self._run = first, last, run
        self._links, self._lines, self._find = links, lines, find
        self._named = companies
        self._spots: dict[Place, list[Spot]] = {}
        self._companies: dict[str, None] = {}
        self._unseen: dict[Place, None] = {}
        self._left: dict[str, list[Place]] | None = None

    @property
    def lines(self) -> int:
        """How many lines Dynamics has for these days."""
        return len(self._spots)

    async def load(self) -> None:
        """Read the lines of each company; a company that cannot be read is left out."""
        for company in self._named:
            lines = await self._run.part(
                f"company {company}", partial(self._lines_of, company), None
            )
            if lines is not None:
                self._companies[company] = None
                self._take(company, lines)
        self._unseen = dict.fromkeys(self._spots)

    async def _lines_of(self, company: str) -> list[Json]:
        lookups = [
            Lookup(
                lines.name,
                company,
                at_least={lines.date_field: self._first},
                at_most={lines.date_field: self._last},
                select=(KEY, BATCH, LINE),
            )
            for lines in self._lines
        ]
        records = await side_by_side(lookups, self._find)
        return [row for rows in records for row in rows]

    def _take(self, company: str, rows: Iterable[Json]) -> None:
        for row in rows:
            key = str(row[KEY])
            if is_id(object_of(key)):
                spot = (str(row[BATCH]), int(row[LINE]))
                self._spots.setdefault((company, key), []).append(spot)

    async def suspects(self, ids: Sequence[str]) -> list[str]:
        """Those objects that have a line elsewhere than their link says, nowhere, or twice."""
        links = dict(zip(ids, await self._links_of(ids), strict=True))
        differences = {id: self._differs(known) for id, known in links.items()}
        strays = [link for known in links.values() for link in known if self._is_stray(link)]
        for link, differs in await self._astray(strays):
            id = object_of(link.record.document.key)
            differences[id] = differences.get(id, False) or differs
        return [id for id in ids if differences[id]]

    async def _links_of(self, ids: Sequence[str]) -> list[list[Link]]:
        """The journal lines of each object; none of one whose links cannot be read."""
        names = [lines.name for lines in self._lines]

        async def read(id: str) -> list[Link]:
            try:
                known = (await self._links.links(id)).values()
                return [link for link in known if link.record.entity_set in names]
            except TieoutError:
                raise
            except Exception as error:
                self._run.failed(f"object {id}", error)
                return []

        return await side_by_side(ids, read, LINKS_AT_ONCE)

    def _is_stray(self, link: Link) -> bool:
        """True for a line of another day than these."""
        return link.company in self._companies and not self._is_here(link)

    def _is_here(self, link: Link) -> bool:
        document = link.record.document
        return isinstance(document, JournalLine) and self._first <= document.date <= self._last

    def _differs(self, links: Sequence[Link]) -> bool:
        differs = False
        for link in links:
            if link.company in self._companies and self._is_here(link):
                place = (link.company, link.record.document.key)
                self._unseen.pop(place, None)
                differs = differs or self._spots.get(place, []) != [_wanted(link)]
        return differs

    async def _astray(self, links: Sequence[Link]) -> list[tuple[Link, bool]]:
        """Whether lines of other days are where their links say."""
        groups: dict[tuple[str, str], list[Link]] = {}
        for link in links:
            groups.setdefault((link.record.entity_set, link.company), []).append(link)
        parts = [
            (entity_set, company, part)
            for (entity_set, company), group in groups.items()
            for part in batched(group, LOOKUP_KEYS_MAX, strict=False)
        ]

        async def look(part: tuple[str, str, tuple[Link, ...]]) -> list[tuple[Link, bool]]:
            entity_set, company, group = part
            keys: list[Value] = [link.record.document.key for link in group]
            rows = await self._find(
                Lookup(entity_set, company, any_of=(KEY, keys), select=(KEY, BATCH, LINE))
            )
            spots: dict[str, list[Spot]] = {}
            for row in rows:
                spots.setdefault(str(row[KEY]), []).append((str(row[BATCH]), int(row[LINE])))
            return [
                (link, spots.get(link.record.document.key, []) != [_wanted(link)]) for link in group
            ]

        suspects_of_parts = await side_by_side(parts, look, LOOKS_AT_ONCE)
        return [suspect for group in suspects_of_parts for suspect in group]

    def strangers(self, after: str) -> list[str]:
        """The objects, sorted, behind `after`, of lines that no object compared so far has. To be
        asked for when all objects of these days were compared."""
        if self._left is None:
            self._left = {}
            for place in self._unseen:
                self._left.setdefault(object_of(place[1]), []).append(place)
        return sorted(id for id in self._left if id > after)

    async def unknown(self, ids: Sequence[str]) -> list[str]:
        """Those of the strangers that have a line here which is not where their link says."""
        left = self._left or {}
        known: dict[Place, list[Spot]] = {}
        for links in await self._links_of(ids):
            for link in links:
                known[link.company, link.record.document.key] = [_wanted(link)]
        return [
            id
            for id in ids
            if any(self._spots[place] != known.get(place) for place in left.get(id, ()))
        ]


def _wanted(link: Link) -> Spot:
    return str(link.keys[BATCH]), int(link.keys[LINE])
