"""Reading both sides for the clearing proof of each currency. Nothing is written.

Stripe's side: the balance, read before and after listing all transactions (read again when it
moved). Dynamics' side: the lines of our journals that touch the clearing account, and whether their
journal is posted; the posted ledger itself where an entity set for it is configured, else the proof
covers our journals only. Time and memory grow with the number of transactions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from shared.books import Account, Book, LedgerEntity
from shared.converge.posting_status import posted
from shared.domain.clearing import BookedLine, Proof, Resolution, prove
from shared.domain.ids import object_of
from shared.domain.money import Money, from_decimal, is_currency, total
from shared.errors import Parked, Unavailable
from shared.ports import Clock, DynamicsGateway, Json, Lookup, Random, StripeGateway, Value
from shared.settings import Settings
from shared.stores.paging import Pages
from shared.stores.retry import with_retries
from shared.targets.finance import BATCH_NUMBER, FINANCE, PAYMENT_ID

TRANSACTIONS_MAX = 1_000_000
PROOF_SECONDS_MAX = 210  # Azure ends an HTTP request after 230
READS_MAX = 5
VOUCHERS_PER_READ = 20
PAYMENTS = "payments"  # the balance type that the balance is of
SCOPE_JOURNALS = "our journals only"
SCOPE_LEDGER = "posted ledger"


type Resolved = Callable[[], Awaitable[Mapping[str, Resolution]]]
"""The transactions that people settled by hand, by id."""


async def nobody() -> Mapping[str, Resolution]:
    """No transaction was settled by hand."""
    return {}


@dataclass(frozen=True, slots=True)
class Proofs:
    """The proofs by currency, and what the posted term was read from. `without_book`: currencies
    that Stripe holds money in and no book is set up for; all of it is their gap. `not_proved`: what
    the balance holds in units that are no currency of a ledger (stablecoins), as Stripe names them.
    """

    scope: str
    by_currency: Mapping[str, Proof]
    without_book: tuple[str, ...] = ()
    not_proved: tuple[str, ...] = ()


class Prover:
    """Proves that clearing equals the Stripe balance."""

    def __init__(
        self,
        stripe: StripeGateway,
        dynamics: DynamicsGateway,
        settings: Settings,
        clock: Clock,
        rng: Random,
        *,
        resolved: Resolved = nobody,
    ) -> None:
        self._resolved = resolved
        self._stripe = stripe
        self._dynamics = dynamics
        self._settings = settings
        self._clock = clock
        self._rng = rng

    async def _with_retries[T](self, read: Callable[[], Awaitable[T]]) -> T:
        return await with_retries(self._clock, self._rng, read)

    async def _find(self, lookup: Lookup) -> list[Json]:
        return await self._with_retries(partial(self._dynamics.find, lookup))

    async def prove(self) -> Proofs:
        """The proof of every currency that has a book, or that Stripe holds money in.

        Raises `Parked` when the balance never stood still or there are too many transactions,
        `Unavailable` when reading took too long, and the errors of the ports.
        """
        try:
            async with asyncio.timeout(PROOF_SECONDS_MAX):
                return await self._prove()
        except TimeoutError as error:
            text = f"reading took more than {PROOF_SECONDS_MAX} seconds, try again"
            raise Unavailable("proof", text) from error

    async def _prove(self) -> Proofs:
        balance, transactions = await self._stripe_side()
        books = self._settings.books.currencies
        not_proved = tuple(sorted(name for name in balance if not is_currency(name)))
        balance = {name: minor for name, minor in balance.items() if is_currency(name)}
        held = [currency for currency, minor in balance.items() if minor]
        without_book = tuple(sorted({name for name in (*held, *transactions) if name not in books}))
        resolutions = await self._resolved()
        proofs = {}
        for currency in (*books, *without_book):
            book = books.get(currency)
            found = transactions.get(currency, {})
            by_hand = {id: each for id, each in resolutions.items() if id in found}
            proofs[currency] = prove(
                Money(balance.get(currency, 0), currency),
                found,
                await self._lines(currency, book) if book else (),
                await self._ledger(currency, book) if book else None,
                resolutions=by_hand,
                vouchers=await self._vouchers(currency, book, by_hand.values()) if book else {},
            )
        scope = SCOPE_LEDGER if self._settings.ledger_entity else SCOPE_JOURNALS
        return Proofs(scope, proofs, without_book, not_proved)

    async def _stripe_side(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        for _ in range(READS_MAX):
            before = _balance(await self._with_retries(self._stripe.balance))
            transactions = await self._transactions()
            if _balance(await self._with_retries(self._stripe.balance)) == before:
                return before, transactions
        raise Parked(
            "balance_moves",
            f"the Stripe balance moved during {READS_MAX} reads",
            "Run the proof at a quieter time.",
        )

    async def _transactions(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        seen = 0
        async for page in Pages(self._stripe, self._clock, self._rng).all(
            "balance_transaction", {}
        ):
            seen += len(page)
            if seen > TRANSACTIONS_MAX:
                raise Parked(
                    "too_many_transactions",
                    f"more than {TRANSACTIONS_MAX} balance transactions",
                    "Raise TRANSACTIONS_MAX, with memory to match.",
                )
            for txn in page:
                currency = str(txn["currency"])
                if not is_currency(currency):
                    continue  # `not_proved` names it
                book = self._settings.books.currencies.get(currency)
                kind = txn.get("balance_type") or PAYMENTS
                if kind == (PAYMENTS if book is None else book.balance_type):
                    found.setdefault(currency, {})[str(txn["id"])] = int(txn["net"])
        return found

    async def _lines(self, currency: str, book: Book) -> list[BookedLine]:
        """The lines on the clearing account: those of its own company, and those of customers in
        other companies that are set off against it."""
        companies = self._settings.books.companies
        found = await asyncio.gather(
            *(
                self._lines_of(lines.name, company, currency, book)
                for company in companies
                for lines in FINANCE.journal_lines
            )
        )
        return [line for part in found for line in part]

    async def _lines_of(
        self, line_set: str, company: str, currency: str, book: Book
    ) -> list[BookedLine]:
        sides = (("OffsetAccount", -1), ("Account", 1))[: 2 if company == book.company else 1]
        rows: list[tuple[Json, int]] = []
        for side, sign in sides:
            found = await self._touching(line_set, side, company, currency, book)
            rows += [(row, sign) for row in found]
        batches = sorted({(line_set, company, str(row[BATCH_NUMBER])) for row, _ in rows})
        told = await posted(self._find, batches)

        def is_posted(row: Json) -> bool:
            return told.get((line_set, company, str(row[BATCH_NUMBER])), False)

        return [
            replace(
                _booked(
                    row,
                    sign,
                    currency,
                    is_posted(row),
                ),
                company=company,
                voucher=str(row.get("Voucher") or ""),
            )
            for row, sign in rows
        ]

    async def _touching(
        self, line_set: str, side: str, company: str, currency: str, book: Book
    ) -> list[Json]:
        account: Account = book.clearing
        found = await self._find(
            Lookup(
                line_set,
                company,
                {f"{side}DisplayValue": account.id, "CurrencyCode": currency.upper()},
                select=(
                    *(PAYMENT_ID, "DebitAmount", "CreditAmount", BATCH_NUMBER, "Voucher"),
                    *(f"{side}Type", "LineNumber", "OffsetCompany"),
                ),
            )
        )
        return [
            row
            for row in found
            if row[f"{side}Type"] == account.type
            and (side == "Account" or _company_of(row, company) == book.company.casefold())
        ]

    async def _ledger(self, currency: str, book: Book) -> Money | None:
        entity = self._settings.ledger_entity
        if entity is None:
            return None
        rows = await self._find(_on_clearing(entity, currency, book))
        amounts = (from_decimal(Decimal(row[entity.amount]), currency) for row in rows)
        return total(amounts, currency)

    async def _vouchers(
        self, currency: str, book: Book, resolutions: Iterable[Resolution]
    ) -> dict[tuple[str, str], Money]:
        """What the posted ledger shows on clearing of the vouchers that people named."""
        entity = self._settings.ledger_entity
        wanted = dict.fromkeys(
            each.voucher
            for each in resolutions
            if each.voucher and not each.not_to_book and each.company == book.company
        )
        names: list[Value] = list(wanted)
        if entity is None or not entity.voucher:
            return {}
        found: dict[tuple[str, str], Money] = {}
        for start in range(0, len(names), VOUCHERS_PER_READ):
            part = names[start : start + VOUCHERS_PER_READ]
            lookup = _on_clearing(entity, currency, book)
            lookup = replace(
                lookup, any_of=(entity.voucher, part), select=(entity.amount, entity.voucher)
            )
            for row in await self._find(lookup):
                key = book.company, str(row[entity.voucher]).casefold()
                amount = from_decimal(Decimal(row[entity.amount]), currency)
                found[key] = found.get(key, Money(0, currency)) + amount
        return found


def _on_clearing(entity: LedgerEntity, currency: str, book: Book) -> Lookup:
    """The posted entries of a currency on the clearing account."""
    return Lookup(
        entity.entity_set,
        book.company,
        {
            entity.account: entity.accounts.get(book.clearing.id, book.clearing.id),
            entity.currency: currency.upper(),
        },
        select=(entity.amount,),
    )


def _company_of(row: Json, company: str) -> str:
    """The company of a line's offset account: the line's own where it names none."""
    return str(row["OffsetCompany"] or company).casefold()


def _booked(row: Json, sign: int, currency: str, posted: bool) -> BookedLine:
    amount = Decimal(row["DebitAmount"]) - Decimal(row["CreditAmount"])
    effect = from_decimal(amount * sign, currency)
    transaction = object_of(str(row[PAYMENT_ID]))
    if not transaction:
        transaction = f"{row['JournalBatchNumber']}/{row['LineNumber']}"
    return BookedLine(transaction, effect, posted)


def _balance(balance: Json) -> dict[str, int]:
    """Available plus pending, in minor units by currency."""
    sums: dict[str, int] = {}
    for kind in ("available", "pending"):
        for item in balance.get(kind) or ():
            name = str(item["currency"])
            sums[name] = sums.get(name, 0) + int(item["amount"])
    return sums
