"""Every example in docs/accounting.md is what the product books of the Stripe object behind it.

A table that stands in none of the lists below fails: so none comes without a check.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

import pytest

from shared.domain.journal import Role
from shared.domain.posting import FEE_COMPONENTS, OTHER_FEE, RULES, SUSPENSE_RULE
from shared.domain.records import Record
from tests import accounting_examples as examples
from tests.accounting_examples import BOOKED, made, posted, sold
from tests.accounting_page import PAGE, Entry, Table, codes, entries, plain, spoken, tables
from tests.unit.entities.objects import charge, payout, plain_txn
from tests.unit.entities.sales import PLACES, Shop, line_item, policy, session, sold_charge
from tests.unit.entities.test_sale_tax import BASKET, by_line, credits_of, given_back, invoiced_basket
from tests.unit.entities.test_tax_codes import basket

TABLES = list(tables())
FEE, TAX = "stripe_fee", "tax"

# --- tables of postings: the beginning of the paragraph before, and what the product makes -----

POSTINGS: dict[str, Callable[[], list[Entry]]] = {
    "**A charge of USD 100.00, fee 3.20.**": lambda: posted(
        examples.of_charge(10_000, "usd", (FEE, 320), id="txn_1")
    ),
    "**A charge of EUR 50.00, fee 1.75 plus 0.33 tax on it.**": lambda: posted(
        examples.of_charge(5_000, "eur", (FEE, 175), (TAX, 33), id="txn_2")
    ),
    "**A refund of USD 40.00.**": lambda: posted(examples.refunded(4_000)),
    "**A dispute of USD 100.00 with a dispute fee of 15.00, won later.**": lambda: posted(
        examples.withdrawn(), examples.given_back()
    ),
    "**A payout of USD 96.80.**": lambda: posted(*examples.paid_out()),
    "**The bank returns the payout.**": lambda: posted(*examples.returned()),
    "**A charge in one currency that Stripe settled in another**": lambda: posted(
        examples.exchanged()
    ),
    "`tieout reclass txn_1": lambda: posted(examples.reclassified()),
    "`tieout reverse txn_2": lambda: posted(
        examples.reversed_and_replaced()[:2], in_books=examples.OLD_FEES
    )
    + posted(examples.reversed_and_replaced()[2:], in_books=examples.NEW_FEES),
}


def _issued() -> list[Record]:
    return examples.plain("issuing_transaction", -1_234, balance_type="issuing")


def _invoiced(part: int) -> list[Record]:
    return examples.tax_document(353, "usd", "usmf", fee=353)[part]


LESS_OFTEN: dict[str, Callable[[], list[Record]]] = {
    "you top up the balance (`topup`)": lambda: examples.plain("topup", 50_000),
    "you pay a connected account (`transfer`)": lambda: examples.plain("transfer", -8_000),
    "Stripe holds a reserve (`reserve_hold`)": lambda: examples.plain("reserve_hold", -2_000),
    "Stripe releases it (`reserve_release`)": lambda: examples.plain("reserve_release", 2_000),
    "you earn an application fee (`platform_earning`)": lambda: examples.plain(
        "platform_earning", 250
    ),
    "Stripe pays out a loan (`financing_payout`)": lambda: examples.plain(
        "financing_payout", 500_000
    ),
    "you pay down a part of it (`financing_paydown`)": lambda: examples.plain(
        "financing_paydown", -1_000
    ),
    "a card that you issued pays (`issuing_transaction`, balance `issuing`)": _issued,
    "a charge of 100.00, of which 1.50 is withheld as tax": lambda: examples.of_charge(
        10_000, "usd", ("withheld_tax", 150), id="txn_1"
    ),
    "a refund of 40.00, and 0.30 of the fee comes back": lambda: examples.refunded(
        4_000, (FEE, -30)
    ),
    "a charge of 100.00, fee 3.20, tax on it 0.33, with `fees: vendor_invoice`": (
        lambda: examples.accrued("txn_1", 10_000, "usd", (FEE, 320), (TAX, 33))
    ),
    "the month's tax document of 3.53": lambda: _invoiced(0),
    "its settlement, once it is posted": lambda: _invoiced(1),
    "a receipt whose invoice is late": examples.late,
    "its invoice is posted": examples.applied,
    "a sale of `demf` on the clearing account of `usmf`; Dynamics adds the intercompany accounts": (
        examples.of_another_company
    ),
}

ROLES: dict[str, Callable[[], list[list[Record]]]] = {
    "fees": lambda: [_charge_line("fee", (FEE, 320))],
    "fee_tax": lambda: [_charge_line("fee_tax", (TAX, 33))],
    "fees_accrued": lambda: [examples.plain("fee", -353), _invoiced(1)],
    "disputes": lambda: [examples.withdrawn()[:1]],
    "payouts_in_transit": lambda: [examples.plain("payout", -9_680, source="po_1")],
    "suspense": lambda: [examples.plain("something_new", 500)],
    "network_costs": lambda: [_charge_line("passthrough_fee", ("payment_method_passthrough_fee", 40))],
    "dispute_losses": lambda: [examples.lost("losses")],
    "dispute_fees": lambda: [examples.withdrawn()[1:]],
    "connect": lambda: [examples.plain("reserve_hold", -2_000)],
    "platform_earnings": lambda: [examples.plain("platform_earning", 250)],
    "loans": lambda: [
        examples.plain("financing_payout", 500_000),
        examples.plain("financing_paydown", -1_000),
    ],
    "issuing": lambda: [examples.plain("issuing_transaction", -1_234)],
    "contributions": lambda: [examples.plain("contribution", -500)],
    "fee_credits": lambda: [examples.plain("other_adjustment", -77)],
    "unapplied_receipts": lambda: [examples.late(10_663), examples.applied(10_663)],
    "fx_transit": lambda: [examples.exchanged()[:2]],
    "sales_returns": lambda: [_credited("sales_returns")],
    "sales_tax": lambda: [_credited("sales_tax")],
}


def _charge_line(role: str, detail: tuple[str, int]) -> list[Record]:
    lines = examples.of_charge(10_000, "usd", detail, id="txn_1")
    return [line for line in lines if line.document.role == role]
