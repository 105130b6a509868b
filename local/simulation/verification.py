"""What is asked of the app itself: its own proof, and whether converging again changes anything."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import simplejson

from local.servicebus.messages import Outgoing
from local.simulation import oracle
from local.simulation.history import UNBOOKED
from local.simulation.invariants import at_rest
from local.simulation.invariants_books import accepted_gaps
from local.simulation.stage import Stage
from local.simulation.subject import Violation
from shared.domain.partition import partition_of
from shared.domain.records import digest
from shared.registry import ENTITIES, entity_named
from shared.services.item import Item

ALL_AGAIN = 1_000_000  # generation of the items that converge everything once more
RECORD_SETS = (
    *("CustomersV3", "CustomerPaymentJournalHeaders", "CustomerPaymentJournalLines"),
    *("LedgerJournalHeaders", "LedgerJournalLines", "SalesOrderHeadersV2", "SalesOrderLinesV3"),
    *("CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"),
    *("ReleasedProductsV2", "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"),
)


async def proof(stage: Stage, *, final: bool) -> list[Violation]:
    """The product's own proof: its exceptions add up, and at the end it agrees with ours."""
    answer = await stage.ask("proof")
    if answer is None:
        return [Violation("no_proof", "/api/proof does not answer 200")] if final else []
    found = []
    currencies: Mapping[str, Mapping[str, Any]] = answer["currencies"]
    for name, proof in currencies.items():
        if proof["unexplained_minor"]:
            found.append(Violation("gap_unexplained", f"{name}: {proof}"))
    if not final:
        return found
    ledger = stage.dynamics.ledger()
    balance = oracle.stripe_balance(stage.stripe)
    posted = oracle.clearing_balance(ledger.posted)
    drafts = oracle.clearing_balance(ledger.drafts)
    accepted = accepted_gaps(stage.history)
    for name, proof in currencies.items():
        if name in UNBOOKED:
            continue
        ours = (balance.get(name, 0), posted.get(name, 0), drafts.get(name, 0))
        theirs = (proof["balance_minor"], proof["posted_minor"], proof["draft_minor"])
        if ours != theirs or proof["gap_minor"] != accepted.get(name, 0):
            found.append(Violation("proof_disagrees", f"{name}: {theirs}, plain sums {ours}"))
    booked = {name: amount for name, amount in balance.items() if name not in UNBOOKED}
    missing = [name for name, amount in booked.items() if amount and name not in currencies]
    found += [Violation("proof_disagrees", f"no proof of {name}") for name in missing]
    return found


async def fixed_point(stage: Stage, idle: Callable[[], Awaitable[None]]) -> list[Violation]:
    """Converging everything once more changes nothing."""
    before, began = _records(stage), stage.history.began.timestamp()
    for entity in ENTITIES:
        for found in stage.stripe.objects(entity.object):
            id = str(found["id"])
            if found["created"] < began and id not in stage.subject.given.objects:
                continue  # of the past, and nobody ever asked for it
            item = Item(id, "", entity.name, id, generation=ALL_AGAIN)
            _send(stage, item)
    await stage.clock.sleep(3_600)
    await idle()
    after = _records(stage)
    changed = [name for name in RECORD_SETS if before[name] != after[name]]
    moved = Violation("no_fixed_point", f"changed by converging again: {changed}")
    return ([moved] if changed else []) + await at_rest(stage.subject)


def _send(stage: Stage, item: Item) -> None:
    partitions = stage.settings().partitions
    message = item.message(partition_of(item.object, partitions))
    body: str = simplejson.dumps(message.body)
    outgoing = Outgoing(message.id, body.encode(), message.session)
    stage.broker.send(entity_named(item.entity).queue, [outgoing])


def _records(stage: Stage) -> dict[str, str]:
    return {
        name: digest([repr(row) for row in stage.dynamics.records(name)]) for name in RECORD_SETS
    }
