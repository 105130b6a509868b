"""Every example in docs/accounting.md is what the product books of the Stripe object behind it.

A table that stands in none of the lists below fails: so none comes without a check.
"""

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import pytest

from shared.domain.journal import Role
from shared.domain.money import from_decimal
from shared.domain.posting import FEE_COMPONENTS, OTHER_FEE, RULES, SUSPENSE_RULE
from shared.domain.records import Record
from shared.entities.common.disputing import as_refund
from tests import accounting_examples as examples
from tests.accounting_examples import BOOKED, applied, late, made, marked, posted, sold
from tests.accounting_page import PAGE, Entry, Table, codes, entries, plain, spoken, tables
from tests.test_tidy import ROOT
from tests.unit.entities.objects import CREATED, charge, dispute, payout
from tests.unit.entities.sales import Shop, given_back, line_item, policy, session, sold_charge
from tests.unit.entities.test_sale_tax import VAT_19, by_line, invoiced_basket, item, tax
from tests.unit.entities.test_tax_codes import basket

TABLES = list(tables())
FEE, TAX = "stripe_fee", "tax"
GOLDEN = ROOT / "tests" / "fixtures" / "golden"

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
    "`tieout reverse txn_2": lambda: (
        posted(examples.reversed_and_replaced()[:2], in_books=examples.OLD_FEES)
        + posted(examples.reversed_and_replaced()[2:], in_books=examples.NEW_FEES)
    ),
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
    "fees_accrued": lambda: [_accrued_fee(), _invoiced(1)],
    "disputes": lambda: [examples.withdrawn()[:1]],
    "payouts_in_transit": lambda: [examples.plain("payout", -9_680, source="po_1")],
    "suspense": lambda: [examples.plain("something_new", 500)],
    "network_costs": lambda: [
        _charge_line("passthrough_fee", ("payment_method_passthrough_fee", 40))
    ],
    "dispute_losses": lambda: [examples.lost("losses")],  # the sentence behind it: below
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


def _accrued_fee() -> list[Record]:
    return examples.accrued("txn_1", 10_000, "usd", (FEE, 353))[1:]


def _credited(role: str) -> list[Record]:
    """The line of this account in the credit memo of a sale of 15.00 with 19 % of tax."""
    shop = Shop(sold_charge(1_785, "eur"), session([item(1, 1_500, tax(VAT_19, 285))], "eur"))
    shop.book()
    shop.invoiced += list(shop.lines())
    shop.refund([given_back(1, 1_785)])
    shop.book()
    memo = [link.record for name, link in shop.links.items() if name.startswith("credit_line:")]
    return [line for line in memo if line.document.account.role.value == role]  # type: ignore[attr-defined]


def _charge_line(role: str, detail: tuple[str, int]) -> list[Record]:
    lines = examples.of_charge(10_000, "usd", detail, id="txn_1")
    return [line for line in lines if line.document.role == role]


# --- which tables there are ---------------------------------------------------------------------

CHECKED = {  # by section and first titles: tests of their own, below
    ("The journals", "line", "text"),
    ("What is booked from what", "reporting category"),
    ("What is booked from what", "fee type"),
    ("Examples", "`book`"),
    ("Examples", "what happened"),
    ("Orders", "line", "item"),
    ("Tax", "the refund's metadata"),
    ("Tax", "policy"),
    ("Receipts and their invoices", "state"),
    ("Refunds and credit memos", "state"),
    ("Currencies", "charged"),
    ("Account roles", "role"),
    ("Stripe's tax document of fees", "key"),
}
WITHOUT_EXAMPLE = {  # they show no posting
    ("The journals", "kind"),
    ("The journals", "field"),
    ("What follows a sale", "what is written for the charge"),
    ("What must be set up in Dynamics", "for"),
    ("The clearing proof", "kind"),
    ("Month end in ten minutes", "minute"),
}


def postings(table: Table) -> list[str]:
    return [start for start in POSTINGS if table.caption.startswith(start)]


def named(table: Table, names: set[tuple[str, ...]]) -> list[tuple[str, ...]]:
    found = (table.section, *table.titles)
    return [name for name in names if found[: len(name)] == name]


def the(*name: str) -> Table:
    [table] = [each for each in TABLES if named(each, {name}) and not postings(each)]
    return table


def test_every_table_of_the_page_is_known_once_and_none_is_gone() -> None:
    known = [postings(each) + named(each, CHECKED | WITHOUT_EXAMPLE) for each in TABLES]
    assert [
        each.caption for each, names in zip(TABLES, known, strict=True) if len(names) != 1
    ] == []
    assert sum(len(names) for names in known) == len({*POSTINGS, *CHECKED, *WITHOUT_EXAMPLE})


@pytest.mark.parametrize("name", sorted(WITHOUT_EXAMPLE), ids=" ".join)
def test_a_table_without_example_shows_no_posting(name: tuple[str, ...]) -> None:
    table = the(*name)
    assert not {"debit", "credit", "amount"} & {*table.titles}
    assert not [cell for row in table.rows for cell in row if re.search(r"\b(Dr|Cr) ", cell)]


# --- the examples -------------------------------------------------------------------------------


@pytest.mark.parametrize("start", POSTINGS)
def test_a_table_of_postings_shows_what_the_product_books(start: str) -> None:
    [table] = [each for each in TABLES if each.caption.startswith(start)]
    found = POSTINGS[start]()
    assert [codes(cell)[0] for cell in table.column(table.titles[0])] == [e.key for e in found]
    assert rows_of(table) == [entry.pair for entry in found]
    if "journal" in table.titles:
        assert table.column("journal") == [entry.journal for entry in found]
    amounts = table.column("amount")
    for amount, entry in zip(amounts, found, strict=True):
        assert amount.split()[:-1] in ([], [entry.currency])
    moved = re.search(r"Clearing moves by ([+-][\d.]+)\.", table.caption)
    if moved:
        net = [
            Decimal(e.amount) * ((e.debit == "clearing") - (e.credit == "clearing")) for e in found
        ]
        assert Decimal(moved[1]) == sum(net)


def rows_of(table: Table) -> list[tuple[str, str, str]]:
    """Debit, credit, amount of each row, as an entry has them."""
    columns = (table.column(title) for title in ("debit", "credit", "amount"))
    return [
        (debit, credit, amount.split()[-1]) for debit, credit, amount in zip(*columns, strict=True)
    ]


def test_what_happens_less_often_is_booked_as_its_rows_say() -> None:
    table = the("Examples", "what happened")
    told: dict[str, list[tuple[str, str, str]]] = {}
    name = ""
    for row, pair in zip(table.rows, rows_of(table), strict=True):
        name = row[0] or name
        told.setdefault(name, []).append(pair)
    assert {
        name: [e.pair for e in entries(make(), BOOKED)] for name, make in LESS_OFTEN.items()
    } == told


@pytest.mark.parametrize("book", ["losses", "receivable", "credit_note"])
def test_a_dispute_that_is_over_is_booked_by_the_policy(book: str) -> None:
    table = the("Examples", "`book`")
    [row] = [row for row in table.rows if codes(row[0]) == [book]]
    [entry] = entries(examples.lost(book), BOOKED)
    assert (codes(row[1])[0], *row[2:]) == (entry.key, *entry.pair)


def test_a_lost_dispute_is_credited_to_its_customer_and_one_won_back_is_taken_back() -> None:
    row = the("Examples", "`book`").rows[-1]
    over = {**dispute(amount=10_000, status="lost"), "metadata": {}}
    rules = policy(disputes={"lost": [{"book": "credit_note"}]})
    held = session([item(1, 8_403, tax(VAT_19, 1_597))], "eur")
    shop = Shop(sold_charge(10_000, "eur"), held, rules)
    shop.book()
    shop.invoiced += list(shop.lines())
    shop.refund([as_refund(over, CREATED)])
    shop.book()
    memo = entries([link.record for name, link in shop.links.items() if "credit" in name], BOOKED)
    assert "credit:du_1:1" in shop.links
    assert (", ".join(e.debit for e in memo), memo[0].credit) == row[2:4]
    assert f"{sum(Decimal(e.amount) for e in memo)}" == row[4]
    first, back = entries(examples.lost("losses", won_later=True), BOOKED)
    assert (back.debit, back.credit, back.amount) == (first.credit, first.debit, first.amount)


@pytest.mark.parametrize("role", ROLES)
def test_the_example_of_a_role_is_booked_as_it_says(role: str) -> None:
    table = the("Account roles", "role")
    [text] = [row[2] for row in table.rows if codes(row[0])[0] == role]
    found = [entry for records in ROLES[role]() for entry in entries(records, BOOKED)]
    bare = [(e.debit, e.credit, re.sub(r"[.,]", "", e.amount).lstrip("0")) for e in found]
    if role == "fx_transit":
        bare = [(*pair[:2], f"{e.currency} {pair[2]}") for pair, e in zip(bare, found, strict=True)]
    assert spoken(text) == bare
    assert len(re.findall(r"\bDr ", text)) == len(found)


def test_a_charge_settled_in_the_accounting_currency_has_the_rate_that_its_row_says() -> None:
    for charged, settled, rate, books in the("Currencies", "charged").rows:
        sums = []
        for text in (charged, settled):
            code, number = text.replace(",", "").split()
            sums.append(from_decimal(Decimal(number), code.lower()))
        gross = examples.exchanged(sums[0], sums[1].minor)[0]
        sent = gross.fields.get("ExchangeRate")
        if sent is None:
            assert (rate, books) == ("none", "at its own rate")
            continue
        assert codes(rate) == [f"{sent}"]
        exact = sums[0].decimal() * Decimal(f"{sent}") / 100
        assert books == f"USD {exact.quantize(Decimal('0.01'), ROUND_HALF_UP)}" == settled


def test_every_role_of_the_books_has_a_row_and_every_row_an_example() -> None:
    rows = [codes(name) for name in the("Account roles", "role").column("role")]
    assert [names[0] for names in rows] == list(ROLES)
    listed = sorted(name for names in rows for name in names)
    assert listed == sorted({*Role} - {Role.CUSTOMER, Role.CLEARING, Role.BANK})


@pytest.mark.parametrize("state", ["marked", "unapplied", "applied"])
def test_the_states_of_a_receipt_are_booked_as_they_say(state: str) -> None:
    table = the("Receipts and their invoices", "state")
    [text] = [row[2] for row in table.rows if row[0] == state]
    make = {"marked": marked, "unapplied": late, "applied": applied}[state]
    [entry] = entries(make(), BOOKED)
    assert plain(text).startswith(f"Dr {entry.debit} / Cr {entry.credit}")
    assert ("marked" in text) is bool(make()[0].fields.get("MarkedInvoice"))
    assert ("general journal" in text) is (entry.journal == "general")


REFUND_STATES = {  # by state: a golden pair, and its line
    "marked": ("refund_marked_with_its_credit_note", "gross"),
    "unapplied": ("refund_that_waited_too_long", "gross"),
    "applied": ("refund_applied_once_its_credit_note_is_posted", "apply"),
}
GOLDEN_ACCOUNTS = {
    "US-001": "customer",
    "CLEARING-USD": "clearing",
    "US-unapplied_receipts": "unapplied receipts",
}


@pytest.mark.parametrize("state", REFUND_STATES)
def test_the_states_of_a_refund_are_booked_as_they_say(state: str) -> None:
    table = the("Refunds and credit memos", "state")
    [text] = [row[2] for row in table.rows if row[0] == state]
    name, role = REFUND_STATES[state]
    pair = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    [fields] = [record["fields"] for record in pair["records"] if record["role"] == role]
    assert "DebitAmount" in fields
    debit, credit = (
        GOLDEN_ACCOUNTS[fields[f"{side}AccountDisplayValue"]] for side in ("", "Offset")
    )
    assert plain(text).startswith(f"Dr {debit} / Cr {credit}")
    assert ("marked" in text) is ("MarkedInvoice" in fields)


# --- orders and their tax -----------------------------------------------------------------------


def test_the_lines_of_the_order_are_those_that_tieout_writes() -> None:
    shirts = line_item(
        *(1,), currency="eur", quantity=3, amount_subtotal=8_000, amount_tax=500, amount_total=8_500
    )
    shipping = {"amount_subtotal": 490, "amount_tax": 0, "amount_total": 490}
    shop = Shop(
        sold_charge(8_990, "eur"), session([shirts], "eur", shipping_cost=shipping), policy()
    )
    shop.book()
    *rows, total = the("Orders", "line", "item").rows
    found = []
    for (number, record), shown in zip(shop.lines().items(), shop.rows(), strict=True):
        fields = record.fields
        quantity, price = fields["OrderedSalesQuantity"], Decimal(str(fields["SalesPrice"])) * 100
        found.append((number, fields["ItemNumber"], quantity, price, shown["LineAmount"] * 100))
    numbers = [[*map(Decimal, (row[0], *row[2:]))] for row in rows]
    assert [codes(row[1])[0] for row in rows] == [each[1] for each in found]
    assert numbers == [[each[0], *each[2:]] for each in found]
    assert Decimal(total[4]) == 100 * shop.ordered()


AMOUNT = re.compile(r"\d+\.\d\d")


@pytest.mark.parametrize("place", [0, 1])
def test_what_a_refund_gives_back_of_a_mixed_basket(place: int) -> None:
    row = the("Tax", "the refund's metadata").rows[place]
    lines = codes(row[0])[1:]
    assert [json.loads(each) for each in lines] == ([{"1": 2_140}] if place == 0 else [])
    refund = by_line(1, 2_140, 1) if place == 0 else given_back(1, 2_140)
    memo = memo_of(invoiced_basket(refund))
    assert AMOUNT.findall(row[1]) == [entry.amount for entry in memo]
    taxed = [Decimal(entry.amount) for entry in memo if entry.debit == "sales tax"]
    assert Decimal(row[2]) == sum(taxed)


def memo_of(shop: Shop) -> list[Entry]:
    found = [link.record for name, link in shop.links.items() if name.startswith("credit_line:")]
    return entries(found, BOOKED)


@pytest.mark.parametrize("name", ["lines", "codes"])
def test_the_policy_of_tax_leads_to_these_lines_and_this_memo(name: str) -> None:
    [row] = [row for row in the("Tax", "policy").rows if codes(row[0]) == [f"tax: {name}"]]
    shop: Shop = invoiced_basket() if name == "lines" else basket()
    assert AMOUNT.findall(row[1]) == [f"{shown['LineAmount']:.2f}" for shown in shop.rows()]
    shop.invoiced = list(shop.lines())
    shop.refund([by_line(1, 2_140, 1)])
    shop.book()
    memo, told = memo_of(shop), AMOUNT.findall(row[2])
    if name == "lines":
        assert told == [*(entry.amount for entry in memo), "21.40"]
        assert [(e.debit, e.credit) for e in memo] == [
            ("sales returns", "customer"),
            ("sales tax", "customer"),
        ]
    else:
        [line] = memo  # Dynamics splits it by the groups
        assert (told[0], told[-1]) == (line.amount, line.amount)
        assert sum(map(Decimal, told[1:3])) == Decimal(line.amount)


# --- Stripe's tax document ------------------------------------------------------------------------


def test_the_tax_document_is_booked_as_its_table_and_its_accounts_say() -> None:
    table = the("Stripe's tax document of fees", "key")
    one = examples.accrued("txn_1", 500_000, "eur", (FEE, 12_345))[1:]
    first, settled = examples.tax_document(12_345, "eur", "demf", fee=10_345, dispute_fee=2_000)
    found = entries([*one, *first, *settled], BOOKED)
    pairs = list(zip(table.column("key"), table.column("journal"), rows_of(table), strict=True))
    of_dynamics = [pair for _, _, pair in pairs if pair[0] == "input tax"]
    ours = [each for each in pairs if each[2] not in of_dynamics]
    assert [(journal, pair) for _, journal, pair in ours] == [(e.journal, e.pair) for e in found]
    for (key, _, _), entry in zip(ours, found, strict=True):
        assert entry.key.endswith(codes(key)[0].removeprefix("..."))
    assert [pair[:2] for pair in of_dynamics] == [("input tax", "tax payable")]
    assert t_accounts() == {name: _moves(found, name) for name in t_accounts()}


def _moves(found: list[Entry], account: str) -> tuple[str, str, Decimal]:
    debit = [e.amount for e in found if e.debit == account]
    credit = [e.amount for e in found if e.credit == account]
    left = sum(map(Decimal, debit), Decimal(0)) - sum(map(Decimal, credit))
    return "".join(debit), "".join(credit), left


def t_accounts() -> dict[str, tuple[str, str, Decimal]]:
    """Debit, credit and balance of the accounts in the drawing."""
    [drawing] = re.findall(r"(?ms)^```text\n([^`]*?---\+---.*?)^```", PAGE)
    names, moves, rule, balance = drawing.splitlines()
    width = len(re.match(r"-+", rule)[0])  # type: ignore[index]
    found = {}
    places = [match.start() for match in re.finditer(r"\+", rule)]
    for name, place in zip(re.split(r"  +", names.strip()), places, strict=True):
        debit = moves[max(place - width, 0) : place].strip()
        credit = moves[place + 1 : place + 1 + width].strip()
        found[name] = debit, credit, Decimal(balance[max(place - width, 0) : place].strip())
    return found


# --- categories, fees and texts -------------------------------------------------------------------


def test_the_table_of_categories_is_that_of_the_rules() -> None:
    *rows, last = the("What is booked from what", "reporting category").rows
    told = {}
    for cell, account, journal in rows:
        names = codes(cell)
        every = [name.removesuffix("...") for name in names if name.endswith("...")]
        more = [name for name in RULES if every and name.startswith(tuple(every))]
        for name in [*(name for name in names if not name.endswith("...")), *more]:
            told[name] = re.split(r" of |[;(]", account)[0].removeprefix("the ").strip(), journal
    rules = {
        name: (rule.account.replace("_", " "), rule.kind.replace("_", " "))
        for name, rule in RULES.items()
    }
    assert told == rules
    assert last[1].startswith(SUSPENSE_RULE.account)


def test_the_table_of_fee_types_is_that_of_the_rules() -> None:
    *rows, other = the("What is booked from what", "fee type").rows
    told = {
        codes(kind)[0]: (codes(line)[0], re.split(r" \(|;", account)[0].replace(" ", "_"))
        for kind, line, account in rows
    }
    assert told == {kind: (name, role.value) for kind, (name, role) in FEE_COMPONENTS.items()}
    assert (codes(other[1])[0], other[2].split(",")[0]) == OTHER_FEE
    disputed = [account for kind, _, account in rows if "stripe_fee" in kind]
    assert disputed == ["fees; of a dispute: dispute fees"]


CH, PO = "ch_3MmlLrLkdIwHu7ix0snN0B15", "po_1MlsLrLkdIwHu7ixS0A1bc2d"
TEXTS: dict[str, Callable[[], list[Record]]] = {
    "receipt of an order of the shop": lambda: _of_order()[:1],
    "receipt that settles an invoice": lambda: made(
        sold("txn_1", 10_000) | {"source": CH},
        {"charge": {**examples.paid(10_000, **examples.NAMED)["charge"], "id": CH}},
        answers={"invoices": (examples.INVOICE,)},
    ),
    "its fee": lambda: _of_order()[1:],
    "a fee without object": lambda: examples.plain(
        "fee", -2_500, id="txn_1MlsLr...", description="Billing - Usage Fee (2026-10-31)"
    ),
    "a payout on the bank": lambda: made(
        payout(id=PO, trace_id={"status": "supported", "value": "021000021234567"})
    ),
}


def _of_order() -> list[Record]:
    found = charge(id=CH, amount=10_000, amount_captured=10_000, metadata={"order_id": "W-4711"})
    object = sold("txn_1", 10_000, "usd", (FEE, 320)) | {"source": CH}
    return made(object, {"charge": found})


def test_texts_read_as_the_page_says() -> None:
    told = {row[0]: codes(row[1])[0] for row in the("The journals", "line", "text").rows}
    found = {}
    for name, make in TEXTS.items():
        [record] = make()
        found[name] = record.fields.get("TransactionText") or record.fields["Text"]
    assert found == told
