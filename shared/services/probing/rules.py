"""The rules that rest on judgement, and how one Dynamics answers them.

Each probe writes drafts that no job can post: the payment line has no offset account, the free
text invoice lies in a year without periods.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from shared.domain.books import Books
from shared.domain.journal import JournalKind, Role
from shared.errors import DuplicateKey, Refused, TieoutError
from shared.ports import Json, Lookup, Value
from shared.services.probing.drafts import ProbeDraft, ProbeDrafts
from shared.settings import LedgerEntity, Settings
from shared.targets.finance import FINANCE

YES, NO, UNKNOWN = "yes", "no", "unknown"
CENT = Decimal("0.01")
NO_PERIOD = date(1990, 1, 1)
INVOICES, INVOICE_LINES = "CDSFreeTextInvoiceHeaders", "CDSFreeTextInvoiceLines"
CLASSIFIED = "FreeTextInvoiceHeaders"
CLASSIFICATION = "BillingClassification"
NOT_THERE = "is not found in the related table"  # F&O's words for a code that does not exist
SETTLE_SECONDS_CAREFUL, LEASE_SECONDS_CAREFUL = 600, 1_200
LEDGER_CANDIDATES = ("GeneralJournalAccountEntries",)
LEDGER_MIRROR = "GeneralJournalAccountEntryBiEntities"


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """How Dynamics answers a rule: `yes`, `no` or `unknown`, in words, and the lines of settings
    and of the policy that follow."""

    rule: str
    answer: str
    text: str
    settings: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What a probe may use. `token`: names everything that this run writes."""

    settings: Settings
    books: Books
    company: str
    today: date
    token: str
    classification: str

    @property
    def currency(self) -> str:
        """A currency of the company, else any."""
        placed = self.books.placed
        own = [each.currency for each in placed if each.book.company == self.company]
        return (own or [each.currency for each in placed])[0].upper()


type RuleProbe = Callable[[ProbeDrafts, ProbeContext], Awaitable[ProbeAnswer]]


async def line_numbers(drafts: ProbeDrafts, context: ProbeContext) -> ProbeAnswer:
    """Does a second payment line with the same number collide with the first?"""
    kind, rule = JournalKind.CUSTOMER_PAYMENT, "line_numbers_collide"
    lines = FINANCE.of_journal(kind)
    company = context.books.companies[context.company]
    header = await drafts.create(
        ProbeDraft(
            lines.header,
            {"JournalName": company.journals[kind], "Description": context.token},
            {"JournalName": company.journals[kind], "Description": context.token},
            ("JournalBatchNumber",),
        )
    )
    batch = str(header["JournalBatchNumber"])
    line: dict[str, Value] = {
        "JournalBatchNumber": batch,
        "LineNumber": 1,
        "AccountType": "Cust",
        "AccountDisplayValue": company.one_time_customer,
        "CurrencyCode": context.currency,
        "CreditAmount": CENT,
        "TransactionDate": context.today,
        "PaymentId": context.token,
    }
    draft = ProbeDraft(lines.name, line, {"JournalBatchNumber": batch}, lines.keys)
    await drafts.create(draft)
    try:
        await drafts.create(draft)
    except (DuplicateKey, Refused) as error:
        if len(await drafts.find(draft)) == 1:
            text = f"the second line is refused ({error}), so a repeat writes nothing twice"
            return ProbeAnswer(rule, YES, text, _settle(careful=False, settings=context.settings))
        raise
    text = "Dynamics numbers the second line anew: only looking first keeps a repeat from it"
    return ProbeAnswer(rule, NO, text, _settle(careful=True, settings=context.settings))


def _settle(*, careful: bool, settings: Settings) -> tuple[str, ...]:
    settle = SETTLE_SECONDS_CAREFUL if careful else settings.write_settle_seconds
    lease = LEASE_SECONDS_CAREFUL if careful else settings.lease_seconds
    return f"TIEOUT_WRITE_SETTLE_SECONDS={settle}", f"TIEOUT_LEASE_SECONDS={lease}"


async def negative_lines(drafts: ProbeDrafts, context: ProbeContext) -> ProbeAnswer:
    """Does a free text invoice take a negative line, as a credit memo needs it?"""
    rule = "negative_free_text_lines"
    invoice = _invoice(context, "negative", -CENT)
    try:
        await drafts.create_together(invoice)
    except Refused as error:
        return ProbeAnswer(
            rule,
            NO,
            f"Dynamics refuses it ({error}): credit memos have to be return orders, or none",
            policy=("refunds: {of_orders: return_order, of_receipts: none}",),
        )
    rows = await drafts.find(invoice[1])
    amounts = [Decimal(str(row["TransactionCurrencyAmount"])) for row in rows]
    if amounts != [-CENT]:
        text = f"the line was taken and shows {', '.join(map(str, amounts)) or 'nothing'}"
        return ProbeAnswer(rule, UNKNOWN, text)
    return ProbeAnswer(
        rule,
        YES,
        "a line of -0.01 is taken and shown: refunds may become free text credit memos",
        policy=("refunds: {of_orders: free_text}",),
    )


async def classification(drafts: ProbeDrafts, context: ProbeContext) -> ProbeAnswer:
    """Can the classification, on which the posting job filters, be set last?"""
    rule, later = "classification_set_last", "Tieout does not use it yet: it writes no invoices"
    if not context.classification:
        text = f"not asked: name a billing classification of the company. {later}"
        return ProbeAnswer(rule, UNKNOWN, text)
    invoice = _invoice(context, "classified", CENT)
    await drafts.create_together(invoice)
    lookup = Lookup(CLASSIFIED, context.company, invoice[0].find, limit=2)
    rows = await drafts.dynamics.find(lookup)
    if len(rows) != 1:
        text = f"{CLASSIFIED} shows {len(rows)} records for the external id. {later}"
        return ProbeAnswer(rule, NO, text)
    if rows[0].get(CLASSIFICATION):
        text = f"a new invoice has the classification {rows[0][CLASSIFICATION]} at once. {later}"
        return ProbeAnswer(rule, NO, text)
    key = {"InvoiceIdentifier": rows[0]["InvoiceIdentifier"]}
    try:
        await drafts.patch(CLASSIFIED, key, {CLASSIFICATION: context.classification})
    except Refused as error:
        answer = UNKNOWN if NOT_THERE in error.text else NO
        return ProbeAnswer(rule, answer, f"Dynamics refuses it ({error}). {later}")
    (after,) = await drafts.dynamics.find(lookup)
    if after[CLASSIFICATION] != context.classification:
        return ProbeAnswer(rule, NO, f"it was taken and shows {after[CLASSIFICATION]!r}. {later}")
    return ProbeAnswer(rule, YES, f"it is set on a draft whose lines are complete. {later}")


async def posted_ledger(drafts: ProbeDrafts, context: ProbeContext) -> ProbeAnswer:
    """Which entity set shows the posted ledger, manual entries of other modules included?"""
    rule, configured = "posted_ledger", context.settings.ledger_entity
    candidates = [configured] if configured else []
    candidates += [LedgerEntity(entity_set=name) for name in LEDGER_CANDIDATES]
    refusals = []
    for entity in candidates:
        select = (entity.account, entity.currency, entity.amount)
        lookup = Lookup(entity.entity_set, context.company, select=select, limit=1)
        try:
            await drafts.dynamics.find(lookup)
        except Refused as error:
            refusals.append(f"{entity.entity_set}: {error}")
            continue
        value = json.dumps(entity.model_dump(mode="json"))
        text = f"{entity.entity_set} shows account, currency and amount"
        if not entity.accounts:
            text += "; name in accounts the main account of each clearing account"
        return ProbeAnswer(rule, YES, text, (f"TIEOUT_LEDGER_ENTITY={value}",))
    text = f"no entity set shows it ({'; '.join(refusals)}): the proof covers our journals only"
    if await _shows_mirror(drafts):
        text += f". {LEDGER_MIRROR} is there, which Tieout does not read yet"
    return ProbeAnswer(rule, NO, text, ("TIEOUT_LEDGER_ENTITY=",))


async def _shows_mirror(drafts: ProbeDrafts) -> bool:
    try:
        await drafts.dynamics.find(Lookup(LEDGER_MIRROR, "", limit=1))
    except TieoutError:
        return False
    return True


def _invoice(context: ProbeContext, what: str, amount: Decimal) -> list[ProbeDraft]:
    company = context.books.companies[context.company]
    id = f"{context.token}:{what}"
    account = company.accounts.get(Role.SALES_RETURNS) or company.accounts[Role.SUSPENSE]
    header: dict[str, Value] = {
        "ExternalInvoiceId": id,
        "CustomerAccount": company.one_time_customer,
        "CurrencyCode": context.currency,
        "InvoiceDate": NO_PERIOD,
    }
    line: dict[str, Value] = {
        "ExternalInvoiceId": id,
        "LineNumber": 1,
        "MainAccountDisplayValue": account.id,
        "Quantity": 1,
        "UnitPrice": amount,
        "TransactionCurrencyAmount": amount,
    }
    find: Json = {"ExternalInvoiceId": id}
    return [
        ProbeDraft(INVOICES, header, find, ("ExternalInvoiceId",)),
        ProbeDraft(INVOICE_LINES, line, find, ("ExternalInvoiceId", "LineNumber")),
    ]


PROBES: tuple[tuple[str, RuleProbe], ...] = (
    ("line_numbers_collide", line_numbers),
    ("negative_free_text_lines", negative_lines),
    ("classification_set_last", classification),
    ("posted_ledger", posted_ledger),
)
