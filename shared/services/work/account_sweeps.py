"""The sweeps of all Stripe accounts, side by side: one that fails or is slow holds up no other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from shared.services.work.dead_letters import DeadLetters
from shared.services.work.sweep import Sweep


class AccountSweeps:
    """What the timers call. `sweeps`: by the alias of the account, the default one first."""

    def __init__(self, sweeps: Mapping[str, Sweep], dead_letters: DeadLetters) -> None:
        self._sweeps, self._dead_letters = sweeps, dead_letters

    async def transactions(self) -> int:
        """`Sweep.transactions` of each account."""
        return await self._side_by_side("balance transactions", Sweep.transactions)

    async def events(self) -> int:
        """`Sweep.events` of each account."""
        return await self._side_by_side("events", Sweep.events)

    async def payouts(self) -> int:
        """`Sweep.payouts` of each account."""
        return await self._side_by_side("payouts", Sweep.payouts)

    async def waiting(self) -> int:
        """`Sweep.waiting`: the lists of what waits are of all accounts."""
        return await next(iter(self._sweeps.values())).waiting()

    async def dead_letters(self) -> int:
        """`DeadLetters.drain`: so are the queues."""
        return await self._dead_letters.drain()

    async def _side_by_side(self, what: str, step: Callable[[Sweep], Awaitable[int]]) -> int:
        """The sum over all accounts. Raises at the end what one account raised, or an
        `ExceptionGroup` that names the accounts."""
        results = await asyncio.gather(
            *(step(sweep) for sweep in self._sweeps.values()), return_exceptions=True
        )
        failed: dict[str, Exception] = {}
        sent = 0
        for alias, result in zip(self._sweeps, results, strict=True):
            if isinstance(result, int):
                sent += result
            elif isinstance(result, Exception):
                failed[alias] = result
            else:
                raise result
        if failed and len(self._sweeps) == 1:
            raise next(iter(failed.values()))
        if failed:
            names = ", ".join(failed)
            raise ExceptionGroup(f"sweep of {what} failed for {names}", list(failed.values()))
        return sent
