"""Customers known to be on hold in Dynamics. Table `journals`, partition `held`, rows
`<company>~<hash of the account>`.

Their lines go to a journal of their own, so that they hold up nobody else's. Known is what a
refused write or a refused journal showed; the timer `watch_journals` forgets who is on hold no
more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.ids import short_hash
from shared.ports import Delete, Put, Tables
from shared.stores.paging import first_rows

TABLE, HELD = "journals", "held"
HELD_MAX = 1_000  # customers on hold that are known at a time
HASH_CHARS = 12

type HeldAccount = tuple[str, str]
"""A company, and the number of a customer's account."""


def part_of(account: str) -> str:
    """What names the journals of a customer on hold in the keys of our rows."""
    return f"hold-{_hash(account)}"


def _hash(account: str) -> str:
    return short_hash(account.casefold(), HASH_CHARS)


@dataclass(frozen=True, slots=True)
class Holds:
    """The customers on hold."""

    tables: Tables

    async def known(self) -> Mapping[HeldAccount, None]:
        """Those that are known, at most `HELD_MAX`: who is beyond it shares a journal, which is
        isolated again."""
        rows = await first_rows(self.tables, TABLE, HELD, HELD_MAX)
        return {(row.row.partition("~")[0], str(row.cells["account"])): None for row in rows}

    async def note(self, accounts: Iterable[HeldAccount]) -> None:
        """These are on hold. Raises the port's errors."""
        for company, account in dict.fromkeys(accounts):
            put = Put(f"{company}~{_hash(account)}", {"account": account})
            await self.tables.transact(TABLE, HELD, [put])

    async def forget(self, accounts: Iterable[HeldAccount]) -> None:
        """These are not on hold any more. Raises the port's errors."""
        for company, account in accounts:
            await self.tables.transact(TABLE, HELD, [Delete(f"{company}~{_hash(account)}")])
