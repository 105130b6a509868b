"""The independent judge: plain sums over the peers' own state.

It shares no code with the product, not even its tables: what a transaction must become is stated
here once more, as simply as possible.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from local.dynamics import DynamicsPeer, LedgerLine
from local.stripe import StripePeer

DECIMALS = MappingProxyType({"usd": 2, "eur": 2, "gbp": 2, "jpy": 0})
CLEARING = MappingProxyType(
    {
        "usd": ("usmf", "STRIPE-USD"),
        "eur": ("demf", "STRIPE-EUR"),
        "jpy": ("usmf", "STRIPE-JPY"),
        "gbp": ("usmf", "110790GBP"),
    }
)
SECOND = "shop-two"  # the alias of the second Stripe account, on seeds that have one
CLEARING_OF_SECOND = MappingProxyType(
    {
        "usd": ("usmf", "STRIPE2-USD"),
        "eur": ("demf", "STRIPE2-EUR"),
        "jpy": ("usmf", "STRIPE2-JPY"),
    }
)
CLEARINGS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"default": CLEARING, SECOND: CLEARING_OF_SECOND}
)
"""Where each Stripe account is cleared, by alias."""
BANKS = MappingProxyType(
    {
        "usd": ("usmf", "USMF OPER"),
        "eur": ("demf", "DEMF OPER"),
        "jpy": ("usmf", "USMF JPY"),
        "gbp": ("usmf", "110190"),
    }
)
CUSTOMER = "a customer"
TRANSIT = "110900"
AGAINST = MappingProxyType(
    {
        "charge": CUSTOMER,
        "refund": CUSTOMER,
        "partial_capture_reversal": CUSTOMER,
        "charge_failure": CUSTOMER,
        "refund_failure": CUSTOMER,
        "dispute": "132900",
        "dispute_reversal": "132900",
        "fee": "618900",
        "payout": TRANSIT,
        "payout_reversal": TRANSIT,
        "topup": "USMF OPER",
        "contribution": "618940",
        "other_adjustment": "133800",
    }
)
SUSPENSE = "199900"
WAITS = "130200"  # of receipts that wait for their invoice: a customer's, all the same
BETWEEN_COMPANIES = ("132950", "132960")
FEES = MappingProxyType({"stripe_fee": ("fee", "618900"), "tax": ("fee_tax", "154300")})
ACCRUED = "218900"  # of fees, tax included, that wait for Stripe's tax document
HAND = "HAND-"  # vouchers that people enter begin so
LINE_SETS = ("CustomerPaymentJournalLines", "LedgerJournalLines")

type Place = tuple[str, str, Decimal]
"""A journal line: its entity set, journal and number."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as both sides see it: effect on clearing in minor units, and the account against.
    `account`: the alias of the Stripe account whose clearing it is."""

    account: str
    company: str
    currency: str
    clearing_minor: Decimal | int
    against: str
    date: date


def expected(
    peers: Mapping[str, StripePeer], time_zone: str, *, fees_accrue: bool = False
) -> dict[str, dict[str, Entry]]:
    """What must be in the books of all Stripe accounts, given by alias: transaction id -> key ->
    entry. Days end in `time_zone`. A currency without a book is in none. `fees_accrue`: fees wait
    for Stripe's tax document."""
    zone = ZoneInfo(time_zone)
    return {
        str(txn["id"]): _entries(alias, txn, zone, fees_accrue)
        for alias, stripe in peers.items()
        for txn in stripe.objects("balance_transaction")
        if txn["currency"] in CLEARINGS[alias]
    }


def _entries(
    alias: str, txn: Mapping[str, Any], zone: ZoneInfo, fees_accrue: bool
) -> dict[str, Entry]:
    currency = str(txn["currency"])
    company, _ = CLEARINGS[alias][currency]
    day = datetime.fromtimestamp(int(txn["created"]), zone).date()
    found = {}
    if txn["amount"]:
        against = AGAINST.get(str(txn["reporting_category"]), SUSPENSE)
        if fees_accrue and txn["reporting_category"] == "fee":
            against = ACCRUED
        amount_minor = int(txn["amount"])
        entry = Entry(alias, company, currency, amount_minor, against, day)
        found[f"{txn['id']}:gross"] = entry
    sums: dict[str, int] = {}
    for part in txn["fee_details"]:
        sums[part["type"]] = sums.get(part["type"], 0) + int(part["amount"])
    disputed = txn["reporting_category"] in ("dispute", "dispute_reversal")
    for kind, amount in sums.items():
        name, against = FEES[kind]
        against = "618905" if disputed and kind == "stripe_fee" else against
        against = ACCRUED if fees_accrue else against
        if amount:
            found[f"{txn['id']}:{name}"] = Entry(alias, company, currency, -amount, against, day)
    return found


def place_of(line: LedgerLine) -> Place:
    """The journal line that a side of a voucher comes from."""
    return line.entity_set, line.journal, line.line


def line_keys(dynamics: DynamicsPeer) -> dict[Place, str]:
    """The `PaymentId` of each journal line. Posting leaves it there: the ledger does not have it,
    but the lines of a posted journal can still be read."""
    return {
        (name, str(row["JournalBatchNumber"]), row["LineNumber"]): str(row["PaymentId"])
        for name in LINE_SETS
        for row in dynamics.records(name)
    }


def booked(dynamics: DynamicsPeer) -> dict[str, list[Entry]]:
    """What is in the books, posted or draft, by key; two entries of one key are one too many."""
    ledger, keys = dynamics.ledger(), line_keys(dynamics)
    vouchers: dict[Place, list[LedgerLine]] = {}
    for line in (*ledger.posted, *ledger.drafts):
        vouchers.setdefault(place_of(line), []).append(line)
    found: dict[str, list[Entry]] = {}
    for place, legs in vouchers.items():
        for leg in legs:
            currency = leg.currency.lower()
            account = _cleared(leg)
            if not account:
                continue
            if leg.voucher.startswith(HAND):
                continue
            others = [each for each in legs if each is not leg]
            against = "; ".join(_against(o) for o in others if o.account not in BETWEEN_COMPANIES)
            amount = minor(leg.amount, currency)
            entry = Entry(account, leg.company, currency, amount, against, leg.date)
            found.setdefault(keys.get(place, ""), []).append(entry)
    return found


def _cleared(leg: LedgerLine) -> str:
    """The alias of the Stripe account whose clearing a side of a line is on; empty for none."""
    place, currency = (leg.company, leg.account), leg.currency.lower()
    return next((name for name, table in CLEARINGS.items() if table.get(currency) == place), "")


def _against(leg: LedgerLine) -> str:
    return CUSTOMER if leg.account_type == "Cust" or leg.account == WAITS else leg.account


def minor(amount: Decimal, currency: str) -> Decimal:
    """An amount in minor units. A fraction of one stays, and equals nothing that is expected."""
    return amount.scaleb(DECIMALS[currency])


def major(amount_minor: int, currency: str) -> Decimal:
    """An amount in major units."""
    return Decimal(amount_minor).scaleb(-DECIMALS[currency])


def stripe_balance(stripe: StripePeer) -> dict[str, int]:
    """Available and pending together, per currency."""
    sums: dict[str, int] = {}
    for kind in ("available", "pending"):
        for part in stripe.balance()[kind]:
            sums[part["currency"]] = sums.get(part["currency"], 0) + int(part["amount"])
    return sums


def clearing_balance(lines: Iterable[LedgerLine], alias: str) -> dict[str, Decimal]:
    """What stands on the clearing accounts of a Stripe account, per currency."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        currency = line.currency.lower()
        if _cleared(line) == alias:
            sums[currency] = sums.get(currency, Decimal(0)) + minor(line.amount, currency)
    return sums


def transit_balance(lines: Iterable[LedgerLine]) -> dict[str, Decimal]:
    """What stands on the account of payouts on their way, per currency."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.account == TRANSIT:
            currency = line.currency.lower()
            sums[currency] = sums.get(currency, Decimal(0)) + minor(line.amount, currency)
    return sums


def on_their_way(peers: Mapping[str, StripePeer]) -> dict[str, int]:
    """What has left the balances for the bank and is not there yet, per currency."""
    sums: dict[str, int] = {}
    for alias, stripe in peers.items():
        for payout in stripe.objects("payout"):
            currency = str(payout["currency"])
            on_its_way = payout["status"] in ("pending", "in_transit")
            if on_its_way and currency in CLEARINGS[alias]:
                sums[currency] = sums.get(currency, 0) + int(payout["amount"])
    return sums


def bank_moves(dynamics: DynamicsPeer) -> dict[str, Decimal]:
    """What each payout moved on its bank account: payout id -> minor units."""
    ledger, keys = dynamics.ledger(), line_keys(dynamics)
    sums: dict[str, Decimal] = {}
    for line in (*ledger.posted, *ledger.drafts):
        currency = line.currency.lower()
        if BANKS.get(currency) == (line.company, line.account):
            payout = keys.get(place_of(line), "").partition(":")[0]
            sums[payout] = sums.get(payout, Decimal(0)) + minor(line.amount, currency)
    return sums


def repeated_keys(dynamics: DynamicsPeer) -> list[str]:
    """Lines that exist more than once, whatever journal they are in."""
    counts: dict[tuple[str, str], int] = {}
    for name in LINE_SETS:
        for row in dynamics.records(name):
            key = (str(row["dataAreaId"]), str(row["PaymentId"]))
            counts[key] = counts.get(key, 0) + 1
    return [f"{company} {key} x {count}" for (company, key), count in counts.items() if count > 1]


def repeated_customers(dynamics: DynamicsPeer, property_name: str) -> list[str]:
    """Stripe customers that have more than one record in a company."""
    counts: dict[tuple[str, str], int] = {}
    for row in dynamics.records("CustomersV3"):
        if row.get(property_name):
            key = (str(row["dataAreaId"]), str(row[property_name]))
            counts[key] = counts.get(key, 0) + 1
    return [f"{company} {id} x {count}" for (company, id), count in counts.items() if count > 1]


def unbalanced(lines: Iterable[LedgerLine]) -> list[str]:
    """Vouchers whose sides do not add up to zero in a company and currency."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for line in lines:
        key = (line.company, line.voucher, line.currency)
        sums[key] = sums.get(key, Decimal(0)) + line.amount
    return [f"{' '.join(key)}: {amount}" for key, amount in sums.items() if amount]
