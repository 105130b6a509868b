"""Which journals are posted by now, as Dynamics says: the one place that asks for it."""

from collections.abc import Awaitable, Callable, Iterable

from shared.converge.recovery import LOOKUP_KEYS_MAX
from shared.ports import Json, Lookup, Value
from shared.targets.finance import BATCH_NUMBER, FINANCE, IS_POSTED, is_posted

type Batch = tuple[str, str, str]
"""A journal by entity set of its lines, company, number."""


type Find = Callable[[Lookup], Awaitable[list[Json]]]
"""A look-up in Dynamics, perhaps with retries."""


async def posted(find: Find, batches: Iterable[Batch]) -> dict[Batch, bool]:
    """Whether each of the journals is posted; those that are gone are left out."""
    wanted: dict[tuple[str, str], dict[str, None]] = {}
    for entity_set, company, batch in batches:
        wanted.setdefault((entity_set, company), {})[batch] = None
    found: dict[Batch, bool] = {}
    for (entity_set, company), names in wanted.items():
        values: list[Value] = list(names)
        for start in range(0, len(values), LOOKUP_KEYS_MAX):
            lookup = Lookup(
                FINANCE[entity_set].header,
                company,
                any_of=(BATCH_NUMBER, values[start : start + LOOKUP_KEYS_MAX]),
                select=(BATCH_NUMBER, IS_POSTED),
            )
            for row in await find(lookup):
                found[entity_set, company, str(row[BATCH_NUMBER])] = is_posted(row)
    return found
