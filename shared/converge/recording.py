"""The last stages: record what was written, release the claim, hand on what others have to do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from shared.converge import accounts, lists, measures
from shared.converge.dispatch import Dispatch
from shared.converge.stages import (
    DecidedObject,
    Failed,
    Progress,
    Reached,
    ReadObject,
    RecordedObject,
    WantedObject,
    WrittenObject,
    each,
    onward_each,
    still_open,
    together,
)
from shared.domain.money import is_currency
from shared.entities.common.objects import Context, Enqueue
from shared.outcomes import Kind, Outcome, outcome_of
from shared.ports import Clock, Flows, StripeGateway, Tables
from shared.settings import Settings
from shared.stores import tie_outs
from shared.stores.links import LinkStore

AMOUNT_BOUND = 1 << 63  # of a table cell

type Result = WrittenObject | Failed


@dataclass(frozen=True, slots=True)
class Recorder:
    """Settles the claims of objects after their writes, and hands on."""

    stripe: StripeGateway
    tables: Tables
    flows: Flows
    clock: Clock
    settings: Settings
    links: LinkStore
    dispatch: Dispatch

    async def record(self, results: Sequence[Result], context: Context) -> list[RecordedObject]:
        """Settle what is claimed, note new accounts at Stripe, hand on what others have to do."""
        listed = await each(results, partial(lists.note, self.tables, self.clock))
        settled = await each(listed, self._settle)  # what failed gives back its claim, too
        stored = [after for before, after in zip(listed, settled, strict=True) if after is before]
        await measures.note_unposted(self.tables, self.clock, [_reached(each) for each in stored])
        note = partial(accounts.note, self.stripe, context)
        noted = await onward_each(settled, note)
        handed_on = await self._hand_on(noted)
        return [RecordedObject(result.id, outcome(result)) for result in handed_on]

    async def _settle(self, result: Result) -> Result:
        """Store the links that were made, and release the claim."""
        value = _reached(result)
        if isinstance(value, WantedObject):
            return result
        claim = value.claim
        progress = value.progress if isinstance(value, WrittenObject) else Progress()
        complete = None
        if isinstance(result, WrittenObject) and result.desired.unfinished is None:
            complete = result.desired.final
        settle = timedelta(seconds=self.settings.write_settle_seconds)
        open_intents = still_open(claim, progress, self.clock.now() + settle)
        is_new = complete is not None and not claim.settled
        if progress.links or progress.over or open_intents or is_new:
            await self.links.settle(claim, progress.links, progress.over, open_intents, complete)
            if complete is not None and is_new:
                measures.written(complete)
        else:
            await self.links.release(claim)
        return result

    async def _hand_on(self, results: Sequence[Result]) -> list[Result]:
        """Hand on what other objects have to do: their transactions, a durable flow.

        Money does not wait for a commercial document that could not be written.
        """
        leading = [result for result in results if _enqueues(result)]
        sent = {result.id: result for result in await together(leading, self._enqueue)}
        after = [sent.get(result.id, result) for result in results]
        return await onward_each(after, self._start)

    async def _enqueue(self, results: Sequence[Result]) -> Sequence[Result]:
        wanted = [enqueue for result in results for enqueue in _enqueues(result)]
        await self.dispatch.enqueue(wanted)
        return results

    async def _start(self, value: WrittenObject) -> WrittenObject:
        for flow in value.desired.flows:
            account = self.settings.stripe_alias
            await tie_outs.expect(self.tables, value.snapshot.object, self.clock.now(), account)
            await self.flows.start(flow.name, flow.instance, {**flow.input, "account": account})
        return value


def _reached(result: Result) -> Reached:
    """The last value of an object, whether it failed there or not."""
    return result.at if isinstance(result, Failed) else result


def _enqueues(result: Result) -> tuple[Enqueue, ...]:
    """What an object hands on, also one that failed after it was decided."""
    value = _reached(result)
    return value.desired.enqueue if isinstance(value, DecidedObject) else ()


def outcome(result: Result) -> Outcome:
    """The outcome of an object, with the money at stake where the snapshot tells."""
    value = _reached(result)
    error: Exception | None = None
    if isinstance(result, Failed):
        error = result.error
    else:
        desired = result.desired
        error = desired.unfinished or desired.parked or desired.waiting
    if error is None:
        return Outcome(Kind.DONE)
    source = value.snapshot.object if isinstance(value, ReadObject) else {}
    amount, currency = source.get("amount"), source.get("currency")
    if type(amount) is not int or abs(amount) >= AMOUNT_BOUND or not is_currency(currency):
        return outcome_of(error)
    return replace(outcome_of(error), amount_minor=amount, currency=str(currency))
