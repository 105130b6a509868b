"""What must hold of the books when the world has come to rest."""

from collections.abc import Mapping
from typing import Any

from local.simulation import (
    correction_oracle,
    dispute_oracle,
    fee_oracle,
    oracle,
    order_oracle,
    origin_oracle,
    reference_oracle,
)
from local.simulation.subject import JudgedWorld, Violation, listed
from shared.ports import Row


def stand(subject: JudgedWorld, parked: Mapping[Any, Row]) -> list[Violation]:
    """Everything is booked, where it belongs, once. `parked`: rows of the inbox by object."""
    found = _balances(subject)
    found += _money(subject, parked)
    found += _payouts(subject)
    found += _orders(subject)
    found += _origins(subject)
    found += _disputes(subject)
    found += listed("fees_accrued_differ", fee_oracle.unequal(subject))
    found += listed("fee_invoice_unsettled", fee_oracle.unsettled(subject))
    corrected = correction_oracle.unequal(subject, expected(subject))
    found += listed("correction_differs", corrected)
    lost = reference_oracle.lost(subject.all_objects("payout"), subject.dynamics)
    found += listed("reference_lost", lost)
    posted = subject.dynamics.ledger().posted
    return found + listed("unbalanced_voucher", oracle.unbalanced(posted))


def expected(subject: JudgedWorld) -> dict[str, dict[str, oracle.Entry]]:
    """What must be in the books; see `oracle.expected`."""
    found = oracle.expected(subject.peers, subject.time_zone, fees_accrue=subject.fees_accrue)
    return correction_oracle.with_corrections(found, subject.history)


def accepted_gaps(subject: JudgedWorld) -> dict[str, int]:
    """What people decided never to book, or took back, per currency: it stays in the gap."""
    gaps = correction_oracle.gaps(expected(subject), subject.history)
    for each in subject.history.decided.values():
        if not each.voucher:
            gaps[each.currency] = gaps.get(each.currency, 0) + each.net_minor
    return gaps


def _balances(subject: JudgedWorld) -> list[Violation]:
    """Clearing of each Stripe account equals its balance, per currency."""
    ledger = subject.dynamics.ledger()
    found = []
    for alias, stripe in subject.peers.items():
        clearing = oracle.clearing_balance((*ledger.posted, *ledger.drafts), alias)
        balance = oracle.stripe_balance(stripe)
        for currency, amount in accepted_gaps(subject).items() if stripe is subject.stripe else ():
            balance[currency] = balance.get(currency, 0) - amount
        currencies = dict.fromkeys((*balance, *clearing))
        found += [
            f"{alias} {name}: Stripe {balance.get(name, 0)}, clearing {clearing.get(name, 0)}"
            for name in currencies
            if name in oracle.CLEARINGS[alias] and balance.get(name, 0) != clearing.get(name, 0)
        ]
    return listed("clearing_differs", found)


def _money(subject: JudgedWorld, parked: Mapping[Any, Row]) -> list[Violation]:
    """Every transaction has all its lines; what is on suspense is in the inbox too."""
    lines = oracle.booked(subject.dynamics)
    missing, unlisted = [], []
    for txn, entries in expected(subject).items():
        if txn in subject.history.decided:
            continue
        missing += [f"{key} {entry}" for key, entry in entries.items() if key not in lines]
        suspended = any(entry.against == oracle.SUSPENSE for entry in entries.values())
        if suspended and txn not in parked and txn not in subject.history.corrected:
            unlisted.append(txn)
    return listed("line_missing", missing) + listed("suspense_unlisted", unlisted)


def _orders(subject: JudgedWorld) -> list[Violation]:
    """What was sold and not given back stands in orders less credits, and everybody has paid."""
    stripe, dynamics = subject.stripe, subject.dynamics
    if not subject.orders:
        return listed("order_unwanted", [str(row) for row in order_oracle.orders(dynamics)])
    return (
        listed("sale_differs", order_oracle.unequal(stripe, dynamics, subject.history.rerouted))
        + listed("rate_differs", order_oracle.wrong_rates(stripe, dynamics))
        + listed("receipt_unapplied", order_oracle.unapplied(dynamics))
        + listed("customers_owe", order_oracle.owed(dynamics))
        + listed("product_differs", order_oracle.products(stripe, dynamics))
        + listed("price_differs", order_oracle.prices(stripe, dynamics))
    )


def _payouts(subject: JudgedWorld) -> list[Violation]:
    moves = oracle.bank_moves(subject.dynamics)
    wrong = []
    payouts = [
        payout
        for alias, stripe in subject.peers.items()
        for payout in stripe.objects("payout")
        if payout["currency"] in oracle.CLEARINGS[alias]
    ]
    for payout in payouts:
        id = str(payout["id"])
        wanted = int(payout["amount"]) if payout["status"] == "paid" else 0
        if moves.get(id, 0) != wanted:
            wrong.append(f"{id} {payout['status']}: bank {moves.get(id, 0)}, expected {wanted}")
    return listed("bank_differs", wrong) + _transit(subject)


def _transit(subject: JudgedWorld) -> list[Violation]:
    """On the account of payouts on their way stands what is on its way, and nothing else."""
    ledger = subject.dynamics.ledger()
    stands = oracle.transit_balance((*ledger.posted, *ledger.drafts))
    wanted = oracle.on_their_way(subject.peers)
    return listed(
        "payout_in_transit",
        [
            f"{currency}: {stands.get(currency, 0)} stand there, {wanted.get(currency, 0)} are "
            "on their way"
            for currency in dict.fromkeys((*stands, *wanted))
            if stands.get(currency, 0) != wanted.get(currency, 0)
        ],
    )


def _origins(subject: JudgedWorld) -> list[Violation]:
    found = [
        text
        for stripe in subject.peers.values()
        for text in origin_oracle.strangers(stripe, subject.dynamics)
    ]
    return listed("company_of_origin", found)


def _disputes(subject: JudgedWorld) -> list[Violation]:
    """A decided dispute stands nowhere, and what it cost is a loss."""
    wrong = dispute_oracle.unequal(subject.peers, subject.dynamics, subject.history.decided)
    return listed("dispute_differs", wrong)
