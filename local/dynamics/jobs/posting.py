"""The batch job "Post journals": drafts become vouchers, bad journals stay with their reasons.

https://learn.microsoft.com/dynamics365/finance/general-ledger/general-journal-processing
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from local.dynamics.jobs.ledger import GeneralLedger, Ledger, LedgerLine, Side, drafts, legs
from local.dynamics.odata import COMPANY, Fields, Infolog, StoredRow
from local.dynamics.tables import (
    BATCH,
    GENERAL,
    KINDS,
    LINE,
    PAYMENTS,
    TOTALS,
    VENDOR_INVOICES,
    VENDOR_PAYMENTS,
    CustomerTransaction,
    JournalSets,
    Subledger,
    TenantBooks,
    check_number,
    line_totals,
    next_batch,
    sides,
)
from shared.ports import Clock


@dataclass(frozen=True, slots=True)
class JournalResult:
    """What the job did with one journal. `moved_to`: the batch that got its bad lines."""

    company: str
    journal: str
    entity_set: str
    posted: bool
    reasons: tuple[str, ...]
    moved_to: str
    at: datetime


@dataclass(slots=True)
class PostingJob:
    """Posts journals and keeps the latest infolog of each journal."""

    books: TenantBooks
    clock: Clock
    general: GeneralLedger
    subledger: Subledger
    infolog: dict[tuple[str, str], JournalResult] = field(default_factory=dict)

    def run(self, company: str | None = None) -> list[JournalResult]:
        """Post every open journal that has lines, of one company or of all, oldest first."""
        results = []
        for kind in KINDS:
            headers = list(self.books.store.table(kind.headers).values())
            for header in headers:
                own = company is None or header.fields[COMPANY] == company
                if own and header.fields["IsPosted"] == "No":
                    results += self._journal(kind, header)
        return results

    def by_hand(self, company: str, voucher: str, entered: Sequence[Side]) -> None:
        """Post a voucher that a person entered. Raises `ValueError` where it does not balance."""
        now = self.clock.now()
        lines = []
        for number, side in enumerate(entered, start=1):
            account = self.books.account(company, side.type, side.account)
            rate = self.books.rate(company, side.currency, now)
            lines.append(
                LedgerLine(
                    company=company,
                    account_type=account.type,
                    account=account.id,
                    main_account=account.main_account,
                    currency=side.currency,
                    amount=side.amount,
                    accounting_amount=self.books.accounting_amount(company, side.amount, rate),
                    date=now.date(),
                    text="entered by hand",
                    reference="",
                    voucher=voucher,
                    journal="",
                    entity_set="",
                    line=Decimal(number),
                )
            )
        if sum((line.amount for line in lines), Decimal(0)):
            raise ValueError(f"voucher {voucher} does not balance")
        self.general.post(lines, self.general.next_journal())

    def ledger(self) -> Ledger:
        """The posted ledger, and the drafts apart."""
        return Ledger(tuple(self.general.posted), drafts(self.books))

    def _journal(self, kind: JournalSets, header: StoredRow) -> list[JournalResult]:
        company, batch = header.fields[COMPANY], header.fields[BATCH]
        rows = list(self.books.store.group(kind.lines, company, batch).values())
        if not rows:
            return []
        reasons = self._refusals_of_journal(header, rows)
        bad = {} if reasons else self._bad_lines(kind, rows)
        said = (*reasons, *(reason for texts in bad.values() for reason in texts))
        moved_to = ""
        good = [row for row in rows if row.record_id not in bad]
        if bad and good and self.books.settings.post_and_transfer:
            moved = [row for row in rows if row.record_id in bad]
            moved_to = self._transfer(kind, header, moved)
        posts = not reasons and (not bad or bool(moved_to))
        if posts:
            self._post(kind, header, good)
        result = JournalResult(
            company, batch, kind.headers, posts, said, moved_to, self.clock.now()
        )
        self.infolog[(company, batch)] = result
        return [result]

    def _refusals_of_journal(self, header: StoredRow, rows: Sequence[StoredRow]) -> list[str]:
        fields = header.fields
        name = self.books.store.find("JournalNames", fields[COMPANY], fields["JournalName"])
        if name is None:
            return [f"Journal name {fields['JournalName']} does not exist."]
        if "Yes" in (name.fields["IsApprovalActive"], name.fields["IsWorkflowApprovalActive"]):
            return [f"Journal {fields[BATCH]} has not been approved."]
        limit = name.fields["PostingLineLimit"]
        if limit and len(rows) > limit:
            return [f"Journal {fields[BATCH]} has more lines than the limit of {limit}."]
        return []

    def _bad_lines(self, kind: JournalSets, rows: Sequence[StoredRow]) -> dict[int, list[str]]:
        """The reasons of each bad line by RecId; a bad voucher makes all its lines bad."""
        vouchers: dict[str, list[StoredRow]] = {}
        for row in rows:
            vouchers.setdefault(row.fields["Voucher"], []).append(row)
        bad: dict[int, list[str]] = {}
        for voucher, members in vouchers.items():
            reasons = {row.record_id: self._refusals_of_line(kind, row) for row in members}
            if not any(reasons.values()):
                reasons[members[0].record_id] += self._imbalance(kind, voucher, members)
            if any(reasons.values()):
                bad |= reasons
        return bad

    def _refusals_of_line(self, kind: JournalSets, row: StoredRow) -> list[str]:
        fields = row.fields
        prefix = f"Line {fields[LINE]}, voucher {fields['Voucher']}: "
        module = "Vend" if kind is VENDOR_INVOICES else kind.account_type
        try:
            self.books.need_currency(fields[kind.currency])
            for account, name in zip(sides(self.books, fields), kind.dimensions, strict=True):
                if account is not None:
                    self.books.check_usable(account)
                    self.books.check_dimensions(account, fields[name])
                    self.books.check_currency(account, fields[kind.currency])
                    self.books.check_period(account.company, fields[kind.date], module)
            if kind is PAYMENTS:
                self.books.check_payable(sides(self.books, fields)[0])
            if kind is VENDOR_INVOICES:
                check_number(self.books, fields, sides(self.books, fields)[0].id)
            legs(kind, self.books, fields)
        except Infolog as refusal:
            return [prefix + reason for reason in refusal.reasons]
        return []

    def _imbalance(
        self, kind: JournalSets, voucher: str, members: Sequence[StoredRow]
    ) -> list[str]:
        own: dict[tuple[str, str], Decimal] = {}
        foreign: dict[tuple[str, str], dict[str, Decimal]] = {}
        for row in members:
            for leg in legs(kind, self.books, row.fields):
                key = (leg.company, leg.date.isoformat())
                own[key] = own.get(key, Decimal(0)) + leg.accounting_amount
                sums = foreign.setdefault(key, {})
                sums[leg.currency] = sums.get(leg.currency, Decimal(0)) + leg.amount
        reasons = []
        for key, total in own.items():
            off = {"accounting currency": total} if total else {}
            if len(foreign[key]) == 1:  # several currencies balance in accounting currency only
                off |= {currency: amount for currency, amount in foreign[key].items() if amount}
            reasons += [
                f"The transactions on voucher {voucher} do not balance as per {key[1]}. "
                f"({name}: {amount})"
                for name, amount in off.items()
            ]
        return reasons

    def _transfer(self, kind: JournalSets, header: StoredRow, rows: Sequence[StoredRow]) -> str:
        store = self.books.store
        headers, lines = store.schema.set_of(kind.headers), store.schema.set_of(kind.lines)
        batch = next_batch(self.books, header.fields[COMPANY])
        new = store.insert(headers, {**header.fields, BATCH: batch})
        added: Fields = dict.fromkeys(line_totals(kind, rows[0].fields), Decimal(0))
        for number, row in enumerate(rows, start=1):
            store.delete(lines, row)
            moved = {**row.fields, BATCH: batch, LINE: Decimal(number)}
            if kind is GENERAL:
                moved |= {"LineNum": Decimal(number), "JournalNum": batch}
            store.insert(lines, moved)
            for name, amount in line_totals(kind, row.fields).items():
                added[name] += amount
        if kind in TOTALS:
            rest = {name: header.fields[name] - amount for name, amount in added.items()}
            store.update(header, rest)
            store.update(new, added)
        return batch

    def _post(self, kind: JournalSets, header: StoredRow, rows: Sequence[StoredRow]) -> None:
        store = self.books.store
        journal_number = self.general.next_journal()
        for row in rows:
            sides_posted = legs(kind, self.books, row.fields)
            self.general.post(sides_posted, journal_number)
            self._owe(kind, sides_posted, row.fields)
        company, name = header.fields[COMPANY], header.fields["JournalName"]
        journal = store.find("JournalNames", company, name)
        if journal is not None and journal.fields["DeleteLinesAfterPosting"] == "Yes":
            for row in rows:
                store.delete(store.schema.set_of(kind.lines), row)
        store.update(header, {"IsPosted": "Yes"})

    def _owe(self, kind: JournalSets, posted: Sequence[LedgerLine], row: Fields) -> None:
        """The customer and vendor transactions of a line; its first side is the account's, which
        may mark a document to settle, or be one: a vendor invoice, or a debit with an invoice
        number."""
        mark, invoice = mark_of(kind, row), number_of(kind, row)
        for number, line in enumerate(posted):
            if line.account_type not in ("Cust", "Vend"):
                continue
            subledger = self.subledger if line.account_type == "Cust" else self.books.vendors
            is_document = bool(invoice) and (
                kind is VENDOR_INVOICES or (not number and line.amount > 0)
            )
            transaction = CustomerTransaction(
                company=line.company,
                customer=line.account,
                kind="invoice" if is_document else "payment",
                document=invoice if is_document else line.voucher,
                payment_id=row[kind.payment_id],
                reference=line.reference,
                currency=line.currency,
                amount=line.amount,
                open_amount=line.amount,
                date=line.date,
                voucher=line.voucher,
            )
            place = subledger.add(transaction)
            if mark and not number:
                self._settle(subledger, place, mark)

    def _settle(self, subledger: Subledger, place: int, mark: str) -> None:
        settings = self.books.settings
        if settings.settlement == "posting":
            subledger.settle(place, mark)
        elif settings.settlement == "delayed":
            subledger.queue(place, mark, timedelta(seconds=settings.settlement_seconds))


def number_of(kind: JournalSets, line: Fields) -> str:
    """The invoice number that a line carries; empty for none."""
    return str(line["Invoice"]) if kind in (GENERAL, VENDOR_INVOICES) else ""


def mark_of(kind: JournalSets, line: Fields) -> str:
    """The document a line settles when it is posted; empty for none."""
    marks = kind in (PAYMENTS, VENDOR_PAYMENTS) and line["SettleVoucher"] == "SelectedTransact"
    return str(line["MarkedInvoice"]) if marks else ""
