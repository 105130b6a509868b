"""The independent judge of fees that wait for Stripe's tax document.

Like `oracle` it shares no code with the product. On the account of accrued fees stands what Stripe
charged less the documents that people confirmed; each document is one vendor invoice and one
settlement. A world that books fees by journal has none of it.
"""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from local.simulation import oracle
from local.simulation.subject import JudgedWorld

type MonthPlace = tuple[str, str, str]
"""Month, company and currency."""


def by_month(subject: JudgedWorld) -> dict[MonthPlace, int]:
    """What Stripe charged in fees, in minor units, where there is a book for it; without what
    people decided about."""
    zone = ZoneInfo(subject.time_zone)
    sums: dict[MonthPlace, int] = {}
    for alias, stripe in subject.peers.items():
        for txn in stripe.objects("balance_transaction"):
            currency = str(txn["currency"])
            if currency not in oracle.CLEARINGS[alias] or txn["id"] in subject.history.decided:
                continue
            fee = int(txn["fee"])
            if txn["reporting_category"] == "fee":
                fee -= int(txn["amount"])
            company, _ = oracle.CLEARINGS[alias][currency]
            month = f"{datetime.fromtimestamp(int(txn['created']), zone):%Y-%m}"
            sums[month, company, currency] = sums.get((month, company, currency), 0) + fee
    return sums


def unequal(subject: JudgedWorld) -> list[str]:
    """Companies and currencies where the account of accrued fees stands at something else."""
    wanted: dict[tuple[str, str], int] = {}
    if subject.fees_accrue:
        for (_, company, currency), fee in by_month(subject).items():
            wanted[company, currency] = wanted.get((company, currency), 0) + fee
    for document in subject.history.tax_documents.values():
        wanted[document.company, document.currency] -= document.total_minor
    stands: dict[tuple[str, str], Decimal] = {}
    ledger = subject.dynamics.ledger()
    for line in (*ledger.posted, *ledger.drafts):
        if line.account == oracle.ACCRUED:
            place = line.company, line.currency.lower()
            amount = oracle.minor(line.amount, place[1])
            stands[place] = stands.get(place, Decimal(0)) + amount
    return [
        f"{' '.join(place)}: {stands.get(place, 0)} accrued, expected {wanted.get(place, 0)}"
        for place in dict.fromkeys((*wanted, *stands))
        if stands.get(place, 0) != wanted.get(place, 0)
    ]


def unsettled(subject: JudgedWorld) -> list[str]:
    """Documents that are not one invoice and one settlement each, and invoices of others."""
    found = list(subject.dynamics.vendor_transactions())
    open_ones = [f"{each.document} is open by {each.open_amount}" for each in found]
    wrong = [text for text, each in zip(open_ones, found, strict=True) if each.open_amount]
    invoices = [(each.company, each.document, each.amount) for each in found if each.amount < 0]
    payments = [(each.company, each.payment_id, each.amount) for each in found if each.amount > 0]
    documents = list(subject.history.tax_documents.values())
    totals = {d.number: oracle.major(d.total_minor, d.currency) for d in documents}
    wanted = sorted((d.company, d.number, -totals[d.number]) for d in documents)
    settled = sorted((d.company, f"{_id(d.number)}:payment", totals[d.number]) for d in documents)
    if sorted(invoices) != wanted:
        wrong.append(f"invoices {sorted(invoices)}, expected {wanted}")
    if sorted(payments) != settled:
        wrong.append(f"settlements {sorted(payments)}, expected {settled}")
    return wrong


def _id(number: str) -> str:
    """The id of a document: its number begins with month, company and currency."""
    year, month, company, currency = number.split("-")
    return f"feedoc_{year}-{month}_{company}_{currency}_{number}"
