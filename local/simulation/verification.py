"""What is asked of the app itself: its own proof, and whether converging again changes anything."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import simplejson

from local.servicebus.messages import Outgoing
from local.simulation import oracle
from local.simulation.environment import Environment
from local.simulation.history import is_unbooked
from local.simulation.invariants import at_rest
from local.simulation.invariants_books import accepted_gaps
from local.simulation.subject import Violation
from local.stripe import StripePeer
from shared.domain.records import digest
from shared.ports import Json
from shared.registry import ENTITIES, REGISTRY
from shared.stores.item import Item

ALL_AGAIN = 1_000_000  # generation of the items that converge everything once more
RECORD_SETS = (
    *("CustomersV3", "CustomerPaymentJournalHeaders", "CustomerPaymentJournalLines"),
    *("LedgerJournalHeaders", "LedgerJournalLines", "SalesOrderHeadersV2", "SalesOrderLinesV3"),
    *("CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"),
    *("VendInvoiceJournalHeaders", "VendInvoiceJournalLines"),
    *("VendorPaymentJournalHeaders", "VendorPaymentJournalLines"),
    *("ReleasedProductsV2", "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"),
)


async def proof(environment: Environment, *, final: bool) -> list[Violation]:
    """The product's own proof: its exceptions add up, and at the end it agrees with ours."""
    answer = await environment.ask("proof")
    if answer is None:
        return [Violation("no_proof", "/api/proof does not answer 200")] if final else []
    answers = {"default": answer, **answer["accounts"]}
    found = []
    for alias, stripe in environment.subject.peers.items():
        found += _proof_of(environment, alias, stripe, answers[alias], final=final)
    return found


def _proof_of(
    environment: Environment, alias: str, stripe: StripePeer, answer: Json, *, final: bool
) -> list[Violation]:
    """The proof of one Stripe account against plain sums."""
    found = []
    currencies: Mapping[str, Mapping[str, Any]] = answer["currencies"]
    for name, proof in currencies.items():
        if proof["unexplained_minor"]:
            found.append(Violation("gap_unexplained", f"{alias} {name}: {proof}"))
    if not final:
        return found
    ledger = environment.dynamics.ledger()
    balance = oracle.stripe_balance(stripe)
    posted = oracle.clearing_balance(ledger.posted, alias)
    drafts = oracle.clearing_balance(ledger.drafts, alias)
    accepted = accepted_gaps(environment.subject) if stripe is environment.stripe else {}
    for name, proof in currencies.items():
        if is_unbooked(alias, name):
            continue
        ours = (balance.get(name, 0), posted.get(name, 0), drafts.get(name, 0))
        theirs = (proof["balance_minor"], proof["posted_minor"], proof["draft_minor"])
        if ours != theirs or proof["gap_minor"] != accepted.get(name, 0):
            found.append(Violation("proof_disagrees", f"{alias} {name}: {theirs}, sums {ours}"))
    booked = {name: amount for name, amount in balance.items() if not is_unbooked(alias, name)}
    missing = [name for name, amount in booked.items() if amount and name not in currencies]
    found += [Violation("proof_disagrees", f"no proof of {alias} {name}") for name in missing]
    return found


async def fixed_point(
    environment: Environment, idle: Callable[[], Awaitable[None]]
) -> list[Violation]:
    """Converging everything once more changes nothing."""
    before, began = _records(environment), environment.history.began.timestamp()
    for entity in ENTITIES:
        for alias, stripe in environment.subject.peers.items():
            for found in stripe.objects(entity.object):
                id = str(found["id"])
                if found["created"] < began and id not in environment.subject.given.objects:
                    continue  # of the past, and nobody ever asked for it
                item = Item(id, "", entity.name, id, generation=ALL_AGAIN, account=alias)
                _send(environment, item)
    await environment.clock.sleep(3_600)
    await idle()
    after = _records(environment)
    changed = [name for name in RECORD_SETS if before[name] != after[name]]
    moved = Violation("no_fixed_point", f"changed by converging again: {changed}")
    return ([moved] if changed else []) + await at_rest(environment.subject)


def _send(environment: Environment, item: Item) -> None:
    queue = REGISTRY.named(item.entity).queue
    message = item.message(environment.settings().partition(queue, item.object))
    body: str = simplejson.dumps(message.body)
    outgoing = Outgoing(message.id, body.encode(), message.session)
    environment.broker.send(queue, [outgoing])


def _records(environment: Environment) -> dict[str, str]:
    return {
        name: digest([repr(row) for row in environment.dynamics.records(name)])
        for name in RECORD_SETS
    }
