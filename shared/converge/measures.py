"""What converge tells telemetry about money: what was read first, and what was written.

Nothing here decides anything, and what fails here fails no object.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from shared import telemetry
from shared.converge.stages import Reached, WrittenObject
from shared.domain.documents import Document
from shared.domain.money import Money, is_currency, total
from shared.domain.records import Link
from shared.errors import TieoutError
from shared.ports import Clock, Tables
from shared.stores.journals import journal_key
from shared.stores.unposted import Move, Unposted
from shared.targets.finance import BATCH_NUMBER


def received(source: Mapping[str, Any]) -> None:
    """An object was read for the first time; one with a `net` moves the Stripe balance by it."""
    net, currency = source.get("net"), source.get("currency")
    if type(net) is int and is_currency(currency):
        telemetry.money("tieout.money.received_minor", net, currency=str(currency))


def written(documents: Sequence[Document]) -> None:
    """All documents of an object exist now: what they do to clearing."""
    amounts: dict[str, list[Money]] = {}
    for document in documents:
        clearing = document.clearing
        if clearing is not None:
            amounts.setdefault(clearing.currency, []).append(clearing)
    for currency, parts in amounts.items():
        minor = total(parts, currency).minor
        telemetry.money("tieout.money.written_minor", minor, currency=currency)


async def note_unposted(tables: Tables, clock: Clock, reached: Sequence[Reached]) -> None:
    """Note the lines that were made, by journal; of each object their sum."""
    moves: dict[str, list[Move]] = {}
    for value in reached:
        if not isinstance(value, WrittenObject):
            continue
        parts: dict[tuple[str, bool, str], list[Money]] = {}
        for link in value.progress.links:
            for key, leaves, clearing in _moves(link, value.claim.links.get(link.role)):
                parts.setdefault((key, leaves, clearing.currency), []).append(clearing)
        for (key, leaves, currency), amounts in parts.items():
            moves.setdefault(key, []).append(Move(total(amounts, currency), leaves))
    try:
        await Unposted(tables, clock).change(moves)
    except TieoutError as error:
        name = type(error).__name__
        telemetry.event("unposted_not_noted", journals=len(moves), error=name)


def _moves(link: Link, old: Link | None) -> list[tuple[str, bool, Money]]:
    """A line comes to its journal, and leaves the one where it was."""
    clearing, key = link.record.document.clearing, _journal_of(link)
    old_key = _journal_of(old) if old is not None else ""
    if clearing is None or not key or old_key == key:
        return []
    left = [(old_key, True, clearing)] if old_key else []
    return [*left, (key, False, clearing)]


def _journal_of(link: Link) -> str:
    kind = link.record.document.journal
    batch = link.keys.get(BATCH_NUMBER)
    return journal_key(link.company, kind, str(batch)) if kind is not None and batch else ""
