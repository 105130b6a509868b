"""Documents of sales, for the benches of the mapping: a receipt, its fee, an order of 3 lines."""

from shared.domain.books import Books
from shared.domain.documents import Document, is_parents_patch
from shared.entities.balance_transaction import BALANCE_TRANSACTION
from shared.entities.charge import CHARGE
from shared.entities.common.objects import Context, Json, Snapshot
from shared.policy import Policy

CREATED = 1_793_491_200
POLICY = Policy.model_validate({"sales": [{"book": "order"}], "receipts": {"settle": "automatic"}})
WALLETS = (None, {"type": "apple_pay"}, {"type": "google_pay"})
BRANDS, FUNDINGS = ("visa", "amex", "mastercard"), ("credit", "debit", "prepaid")


def _session(number: int) -> Json:
    items = [
        {
            "id": f"li_{number}_{line}",
            "amount_discount": 0,
            "amount_subtotal": 1_000 * line * quantity,
            "amount_tax": 0,
            "amount_total": 1_000 * line * quantity,
            "description": f"Thing {line} of the shop",
            "price": {"id": f"price_{line}", "product": f"prod_{line}"},
            "quantity": quantity,
        }
        for line, quantity in ((1, 2), (2, 1), (3, number % 4 + 1))
    ]
    return {
        "id": f"cs_{number}",
        "client_reference_id": f"cart-{number}" if number % 2 else None,
        "currency": "usd",
        "line_items": {"object": "list", "data": items},
    }


def _charge(number: int, session: Json) -> Json:
    amount = sum(item["amount_total"] for item in session["line_items"]["data"])
    card = {
        "brand": BRANDS[number % 3],
        "funding": FUNDINGS[number // 3 % 3],
        "wallet": WALLETS[number % 5 % 3],
    }
    return {
        "id": f"ch_{number:024}",
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "balance_transaction": f"txn_{number:024}",
        "captured": True,
        "created": CREATED + number,
        "currency": "usd",
        "customer": f"cus_{number}",
        "payment_intent": f"pi_{number:024}",
        "payment_method_details": {"type": "card", "card": card},
    }


def documents_of(number: int, books: Books) -> tuple[Document, ...]:
    """The documents of one sale: money first, then the order's header and its 3 lines."""
    context = Context(books, policy=POLICY)
    session = _session(number)
    charge = _charge(number, session)
    fee = charge["amount"] * 29 // 1_000 + 30
    txn = {
        "id": f"txn_{number:024}",
        "amount": charge["amount"],
        "balance_type": "payments",
        "created": CREATED + number,
        "currency": "usd",
        "fee": fee,
        "fee_details": [{"amount": fee, "currency": "usd", "type": "stripe_fee"}],
        "net": charge["amount"] - fee,
        "reporting_category": "charge",
        "source": charge["id"],
    }
    related = {"charge": charge, "checkout_session": session}
    money = Snapshot("balance_transaction", txn["id"], txn, related)
    sold = Snapshot("charge", charge["id"], charge, related, answers={"order": ()})
    order = CHARGE.making().build(sold, context).documents
    receipt = BALANCE_TRANSACTION.making().build(money, context).documents
    return (
        *receipt,
        *(each for each in order if not is_parents_patch(each)),
    )


def customers_of(count: int) -> dict[tuple[str, str], str]:
    """The customers' accounts of so many sales."""
    return {(f"cus_{number}", "usmf"): f"C{number:06}" for number in range(count)}
