"""Reading both sides for the clearing proof of each currency. Nothing is written.

Stripe's side: the balance, read before and after listing all transactions (both are read again if
it moved). Dynamics' side: the lines of our journals that touch the clearing account, and whether
their journal is posted; also the posted ledger itself, if an entity set for it is configured, else
the proof covers our journals only. Time and memory grow with the number of transactions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import batched
from types import MappingProxyType

from shared.converge.posting_status import posted
from shared.domain.books import PAYMENTS, Account, Book
from shared.domain.clearing import BookedLine, Proof, Resolution, prove
from shared.domain.corrections import NamedCorrection
from shared.domain.ids import object_of
from shared.domain.money import Money, from_decimal, is_currency, total
from shared.errors import Parked, TieoutError, Unavailable
from shared.ports import Clock, DynamicsGateway, Json, Lookup, Random, StripeGateway
from shared.settings import LedgerEntity
from shared.stores.active_books import ReadBooks
from shared.stores.paging import Pages
from shared.stores.retry import with_retries
from shared.targets.entity_set import EntitySet
from shared.targets.finance import BATCH_NUMBER, PAYMENT_ID

TRANSACTIONS_MAX = 1_000_000
PROOF_SECONDS_MAX = 210  # Azure ends an HTTP request after 230
READS_MAX = 5
VOUCHERS_PER_READ = 20
PARTS = ("available", "pending")
SCOPE_JOURNALS = "our journals only"
SCOPE_LEDGER = "posted ledger"


type Place = tuple[str, str]
"""Currency and balance type."""
type Balances = dict[Place, int]

type ReadResolutions = Callable[[], Awaitable[Mapping[str, Resolution]]]
"""The transactions that people settled by hand, by id."""
type ReadCorrections = Callable[[], Awaitable[Sequence[NamedCorrection]]]
"""What people ordered about written lines."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """The proofs by currency, and what the posted term was read from. `without_book`: currencies
    that Stripe holds money in and no book is set up for; all of it is their gap. `not_proved`: what
    the balance holds in units that are no currency of a ledger (stablecoins), as Stripe names them.
    `by_balance`: the proofs of Stripe's other balances by currency and balance type; `no_account`:
    those of them for which the books name no clearing account.
    """

    scope: str
    by_currency: Mapping[str, Proof]
    without_book: tuple[str, ...] = ()
    not_proved: tuple[str, ...] = ()
    by_balance: Mapping[tuple[str, str], Proof] = MappingProxyType({})
    no_account: tuple[tuple[str, str], ...] = ()

    @property
    def named(self) -> dict[str, Proof]:
        """Every proof by name: `usd`, `usd-issuing`."""
        others = {f"{name}-{kind}": proof for (name, kind), proof in self.by_balance.items()}
        return {**self.by_currency, **others}


type ProofsByAccount = Mapping[str, Proofs | TieoutError]
"""The proofs of each Stripe account by alias, or why there are none."""


async def prove_each(provers: Mapping[str, "Prover"]) -> dict[str, Proofs | TieoutError]:
    """The proofs of each Stripe account, by alias; one account's list waits for no other's, and
    one that cannot be read hides no other's proof. A single account's error is raised."""

    async def proved(prover: "Prover") -> Proofs | TieoutError:
        try:
            return await prover.prove()
        except TieoutError as error:
            if len(provers) == 1:
                raise
            return error

    proofs = await asyncio.gather(*map(proved, provers.values()))
    return dict(zip(provers, proofs, strict=True))


class Prover:
    """Proves that clearing equals the balance of one Stripe account. `books`: reads
    those in force, of its currencies."""

    def __init__(
        self,
        stripe: StripeGateway,
        dynamics: DynamicsGateway,
        clock: Clock,
        rng: Random,
        *,
        resolved: ReadResolutions,
        corrected: ReadCorrections,
        books: ReadBooks,
        ledger_entity: LedgerEntity | None,
        journal_lines: Sequence[EntitySet],
    ) -> None:
        self._stripe, self._dynamics, self._clock, self._rng = stripe, dynamics, clock, rng
        self._resolved, self._corrected, self._read_books = resolved, corrected, books
        self._ledger_entity, self._journal_lines = ledger_entity, journal_lines

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
        all_books = await self._read_books()
        companies, books = tuple(all_books.companies), all_books.currencies
        balances, transactions = await self._stripe_side()
        not_proved = tuple(
            sorted({name for name, kind in balances if kind == PAYMENTS and not is_currency(name)})
        )
        held = [place for place, minor in balances.items() if minor and is_currency(place[0])]
        configured = [(name, kind) for name in books for kind in books[name].clearing_accounts]
        resolutions, corrections = await self._resolved(), await self._corrected()
        by_currency, by_balance = {}, {}
        without_book: list[str] = []
        no_account: list[tuple[str, str]] = []
        for currency, kind in (*configured, *sorted({*held, *transactions} - {*configured})):
            book = books.get(currency)
            account = book.of(kind) if book else None
            nets = transactions.get((currency, kind), {})
            minor = balances.get((currency, kind), sum(nets.values()))
            amount = Money(minor, currency)
            proof = await self._proof(amount, account, nets, resolutions, companies)
            named = tuple(each for each in corrections if each.transaction in nets)
            proof = replace(proof, corrections=named)
            if kind == (book.balance_type if book else PAYMENTS):
                by_currency[currency] = proof
                without_book += [] if book else [currency]
            else:
                by_balance[currency, kind] = proof
                no_account += [] if account else [(currency, kind)]
        scope = SCOPE_LEDGER if self._ledger_entity else SCOPE_JOURNALS
        return Proofs(
            scope, by_currency, tuple(without_book), not_proved, by_balance, tuple(no_account)
        )

    async def _proof(
        self,
        balance: Money,
        book: Book | None,
        nets: Mapping[str, int],
        resolutions: Mapping[str, Resolution],
        companies: Sequence[str],
    ) -> Proof:
        """The proof of one balance; `book`: with its clearing account, None where it has none."""
        currency = balance.currency
        by_hand = {id: resolution for id, resolution in resolutions.items() if id in nets}
        return prove(
            balance,
            nets,
            await self._lines(currency, book, companies) if book else (),
            await self._ledger(currency, book) if book else None,
            resolutions=by_hand,
            vouchers=await self._vouchers(currency, book, by_hand.values()) if book else {},
        )

    async def _stripe_side(self) -> tuple[Balances, dict[Place, dict[str, int]]]:
        for _ in range(READS_MAX):
            before = _balances(await self._with_retries(self._stripe.balance))
            transactions = await self._transactions()
            if _balances(await self._with_retries(self._stripe.balance)) == before:
                return before, transactions
        raise Parked(
            "balance_moves",
            f"the Stripe balance moved during {READS_MAX} reads",
            "Run the proof when the account is quieter.",
        )

    async def _transactions(self) -> dict[Place, dict[str, int]]:
        nets: dict[Place, dict[str, int]] = {}
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
                place = currency, str(txn.get("balance_type") or PAYMENTS)
                nets.setdefault(place, {})[str(txn["id"])] = int(txn["net"])
        return nets

    async def _lines(self, currency: str, book: Book, companies: Sequence[str]) -> list[BookedLine]:
        """The lines on the clearing account: those of its own company, and those of customers in
        other companies that are set off against it."""
        parts = await asyncio.gather(
            *(
                self._lines_of(lines.name, company, currency, book)
                for company in companies
                for lines in self._journal_lines
            )
        )
        return [line for part in parts for line in part]

    async def _lines_of(
        self, line_set: str, company: str, currency: str, book: Book
    ) -> list[BookedLine]:
        sides = (("OffsetAccount", -1), ("Account", 1))[: 2 if company == book.company else 1]
        rows: list[tuple[Json, int]] = []
        for side, sign in sides:
            records = await self._touching(line_set, side, company, currency, book)
            rows += [(row, sign) for row in records]
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
        records = await self._find(
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
            for row in records
            if row[f"{side}Type"] == account.type
            and (side == "Account" or _company_of(row, company) == book.company.casefold())
        ]

    async def _ledger(self, currency: str, book: Book) -> Money | None:
        entity = self._ledger_entity
        if entity is None:
            return None
        rows = await self._find(_on_clearing(entity, currency, book))
        amounts = (from_decimal(Decimal(row[entity.amount]), currency) for row in rows)
        return total(amounts, currency)

    async def _vouchers(
        self, currency: str, book: Book, resolutions: Iterable[Resolution]
    ) -> dict[tuple[str, str], Money]:
        """What the posted ledger shows on clearing of the vouchers that people named."""
        entity = self._ledger_entity
        wanted = dict.fromkeys(
            resolution.voucher
            for resolution in resolutions
            if resolution.voucher
            and not resolution.not_to_book
            and resolution.company == book.company
        )
        if entity is None or not entity.voucher:
            return {}
        amounts: dict[tuple[str, str], Money] = {}
        for part in batched(wanted, VOUCHERS_PER_READ, strict=False):
            lookup = _on_clearing(entity, currency, book)
            lookup = replace(
                lookup, any_of=(entity.voucher, part), select=(entity.amount, entity.voucher)
            )
            for row in await self._find(lookup):
                key = book.company, str(row[entity.voucher]).casefold()
                amount = from_decimal(Decimal(row[entity.amount]), currency)
                amounts[key] = amounts.get(key, Money(0, currency)) + amount
        return amounts


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


def _balances(balance: Json) -> Balances:
    """Available plus pending, in minor units by currency and balance type."""
    sums: Balances = {}
    others = {name: part for name, part in balance.items() if isinstance(part, dict)}
    for kind, parts in {PAYMENTS: balance, **others}.items():
        for part in PARTS:
            for item in parts.get(part) or ():
                place = str(item["currency"]), kind
                sums[place] = sums.get(place, 0) + int(item["amount"])
    return sums
