"""Reading lists to their end: Stripe's pages, and rows of a table."""

from collections.abc import AsyncIterator, Mapping
from functools import partial

from shared.ports import QUERY_ROWS_MAX, Clock, Json, Page, Random, Row, StripeGateway, Tables
from shared.stores.retry import with_retries

PAGE = 100  # Stripe's maximum
PAGES_MAX = 100_000


class Pages:
    """Pages of Stripe lists, read with retries."""

    def __init__(self, stripe: StripeGateway, clock: Clock, rng: Random) -> None:
        self._stripe = stripe
        self._clock = clock
        self._rng = rng

    async def one(self, entity: str, params: Mapping[str, str | int], after: str = "") -> Page:
        """The page that follows the object `after`, or the first one."""
        asked = {**params, "limit": PAGE} | ({"starting_after": after} if after else {})
        return await with_retries(self._clock, self._rng, partial(self._stripe.page, entity, asked))

    async def all(
        self, entity: str, params: Mapping[str, str | int]
    ) -> AsyncIterator[tuple[Json, ...]]:
        """Every page, newest objects first; one page is in memory at a time."""
        after = ""
        for _ in range(PAGES_MAX):
            page = await self.one(entity, params, after)
            yield page.data
            after = next_cursor(page)
            if not after:
                return
        raise RuntimeError(f"more than {PAGES_MAX} pages of {entity}")


def next_cursor(page: Page) -> str:
    """Where the next page begins; empty after the last one."""
    return str(page.data[-1]["id"]) if page.data and page.has_more else ""


async def row_pages(
    tables: Tables,
    table: str,
    partition: str,
    prefix: str = "",
    *,
    after: tuple[str, str] | None = None,
    size: int | None = None,
) -> AsyncIterator[list[Row]]:
    """The rows of a partition whose keys begin with `prefix`, in pages of `size`, none empty;
    `after`: the (partition, row) to go on behind."""
    limit = size or QUERY_ROWS_MAX
    while True:
        page = await tables.query(
            table, partition=partition, prefix=prefix, after=after, limit=limit
        )
        if page:
            yield page
        if len(page) < limit:
            return
        after = (page[-1].partition, page[-1].row)


async def rows(tables: Tables, table: str, partition: str, prefix: str = "") -> AsyncIterator[Row]:
    """Every row of a partition whose key begins with `prefix`; one page is in memory at a time."""
    async for page in row_pages(tables, table, partition, prefix):
        for row in page:
            yield row


async def first_rows(tables: Tables, table: str, partition: str, limit: int) -> list[Row]:
    """The first rows of a partition, at most `limit`; all of them are in memory."""
    found: list[Row] = []
    async for page in row_pages(tables, table, partition):
        found += page
        if len(found) >= limit:
            break
    return found[:limit]
