"""The compiled mapping over hand-written Python, for a line of the customer payment journal.

Both spell the same documents, interleaved in one process; the ratio of their best rounds is
printed, so that a busy machine disturbs both alike. Their records are compared before.
"""

import gc
import time
from collections.abc import Callable, Sequence
from datetime import date

from local import books
from shared.domain.journal import JournalKind, Role
from shared.domain.money import Money
from shared.domain.records import Document, Record, Symbol, Value
from shared.errors import Parked
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.settings import Account

DOCUMENTS = 2_000
ROUNDS = 25
TARGET_RATIO = 3.0
PAYMENT_ID_CHARS_MAX = 200
TEXT_CHARS_MAX = 60


def _fits(value: str, chars_max: int, field: str) -> str:
    if len(value) > chars_max:
        raise Parked("value_too_long", f"{field} holds {chars_max} characters", "Shorten it.")
    return value


def _account(part: object, document: Document, target: Target) -> tuple[str, str]:
    if not isinstance(part, dict):
        raise TypeError("an account is a mapping")
    role = Role(part["role"])
    company = target.books.companies[document.company]
    if role is Role.CUSTOMER:
        customer = str(part["customer"])
        if not customer:
            return "Cust", company.one_time_customer
        return "Cust", target.customers[customer, document.company]
    book = target.books.currencies[str(document.facts["currency"])]
    by_role = {Role.CLEARING: book.clearing, Role.BANK: book.bank}
    account: Account | None = by_role.get(role) or company.accounts.get(role)
    if account is None:
        raise Parked("account_not_configured", f"no account for the role {role}", "Add it.")
    return account.type, account.id


def _sides(document: Document) -> dict[str, Value]:
    amount = Money(int(str(document.facts["amount_minor"])), str(document.facts["currency"]))
    if amount.minor > 0:
        return {"DebitAmount": amount.decimal()}
    return {"CreditAmount": (-amount).decimal()}


def by_hand(document: Document, target: Target) -> Record:
    """The same record, in plain Python."""
    facts = document.facts
    kind, account = _account(facts["account"], document, target)
    offset_kind, offset = _account(facts["offset"], document, target)
    source = _fits(str(document.words["source"]), TEXT_CHARS_MAX, "TransactionText")
    text = f"{source} {document.words['category']}".strip()
    fields: dict[str, Value] = {
        "PaymentId": _fits(document.key, PAYMENT_ID_CHARS_MAX, "PaymentId"),
        "AccountType": Symbol("LedgerJournalACType", kind),
        "AccountDisplayValue": account,
        "OffsetAccountType": Symbol("LedgerJournalACType", offset_kind),
        "OffsetAccountDisplayValue": offset,
        "CurrencyCode": str(facts["currency"]).upper(),
        "TransactionDate": date.fromisoformat(str(facts["date"])),
        "TransactionText": text[:TEXT_CHARS_MAX],
        **_sides(document),
        "PaymentNotes": str(document.words["source"]),
        "IsPrepayment": Symbol("NoYes", "No"),
    }
    return Record(document, "CustomerPaymentJournalLines", "PaymentId", fields)


def documents() -> list[Document]:
    """Charges and refunds of three currencies."""
    return [
        Document(
            role="gross",
            template="customer_payment_line",
            company="usmf",
            key=f"txn_{number:024}:gross",
            facts={
                "amount_minor": (number + 1) * (-1 if number % 5 else 1),
                "currency": ("usd", "eur", "jpy")[number % 3],
                "date": f"2026-11-{number % 28 + 1:02}",
                "account": {"role": "customer", "customer": f"cus_{number}"},
                "offset": {"role": "clearing"},
            },
            words={
                "category": "charge",
                "source": f"ch_{number:024}",
                "payment_method": {"type": "card", "brand": "visa", "funding": "credit"},
            },
            journal=JournalKind.CUSTOMER_PAYMENT,
            period="2026-11",
        )
        for number in range(DOCUMENTS)
    ]


def seconds(
    spell: Callable[[Document, Target], Record], found: Sequence[Document], target: Target
) -> float:
    """Seconds for all documents."""
    started = time.perf_counter()
    for document in found:
        spell(document, target)
    return time.perf_counter() - started


def main() -> None:
    """Print the figure."""
    settings = books.settings(stripe_url="", dynamics_url="https://example.invalid")
    customers = {(f"cus_{number}", "usmf"): f"C{number:06}" for number in range(DOCUMENTS)}
    target = Target(
        settings.books, settings.customer_id_property, 255, customers, packaged_mapping()
    )
    found = documents()
    for document in found:
        if render(document, target) != by_hand(document, target):
            raise AssertionError(f"{document.key}: the two spell it differently")
    gc.disable()
    pairs = [
        (seconds(render, found, target), seconds(by_hand, found, target)) for _ in range(ROUNDS)
    ]
    mapped, plain = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    print(
        f"compiled mapping over hand-written Python, {DOCUMENTS} customer payment journal lines, "
        f"best of {ROUNDS} interleaved rounds ({mapped / DOCUMENTS * 1e6:.1f} us a line)"
    )
    print(f"mapping ratio={mapped / plain:.2f} target<={TARGET_RATIO:g}")


if __name__ == "__main__":
    main()
