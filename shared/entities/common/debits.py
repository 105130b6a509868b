"""Customer debits that no invoice made: a returned debit, a lost dispute that the customer owes.

A draft can only be marked with a document number, so each carries one of its own: `<invoice>-R1`,
the next digit where other lines of the general journal took it, and the end of the Stripe id where
the sale's receipt names no invoice, or a short enough one. `LedgerJournalLines.Invoice` holds 20
characters.
"""

from collections.abc import Iterator
from dataclasses import replace

from shared.domain.journal import Role
from shared.entities.common.journal_lines import GeneralLine, JournalLine
from shared.entities.common.objects import Query, Snapshot
from shared.entities.common.origin import APPLY, GROSS

LINES = "LedgerJournalLines"
NUMBER_CHARS_MAX = 20
ASKED_MAX = 3  # debits of one invoice that are told apart; an answer may lead to a next query


def queries(snapshot: Snapshot) -> tuple[Query, ...]:
    """Which numbers other debits took, one after the other."""
    record = snapshot.of_charge.get(GROSS)
    if record is None:
        return ()
    company, asked = record.document.company, []
    for number in _numbers(snapshot):
        asked.append(Query(_name(number), LINES, company, "Invoice", number, ("PaymentId",)))
        if not snapshot.answers.get(_name(number)):
            break
    return tuple(asked)


def numbered(snapshot: Snapshot, line: JournalLine) -> JournalLine:
    """The line with the number of its own, where it is a customer debit of the general journal; a
    line that is written keeps what it has."""
    is_debit = line.account.role is Role.CUSTOMER and line.amount.minor > 0
    if not is_debit or not isinstance(line, GeneralLine):
        return line
    kept = snapshot.written(line.role)
    if isinstance(kept, JournalLine):
        return replace(line, invoice=kept.invoice)
    free = (number for number in _numbers(snapshot) if _is_free(snapshot, number, line))
    return replace(line, invoice=next(free, own_number(snapshot.id, line.role)))


def own_number(id: str, role: str) -> str:
    """The number after the Stripe id, which no other object's debit has."""
    place = role.rpartition(":")[2]  # of the lines that clear a dispute
    end = f"-R{place if place.isdecimal() else 1}"
    return id[-NUMBER_CHARS_MAX + len(end) :] + end


def _numbers(snapshot: Snapshot) -> Iterator[str]:
    records = (snapshot.of_charge.get(place) for place in (GROSS, APPLY))
    documents = [record.document for record in records if record is not None]
    lines = (each for each in documents if isinstance(each, JournalLine))
    invoice = next((line.marked_invoice for line in lines if line.marked_invoice), "")
    for number in range(1, ASKED_MAX + 1):
        found = f"{invoice}-R{number}"
        if invoice and len(found) <= NUMBER_CHARS_MAX:
            yield found


def _is_free(snapshot: Snapshot, number: str, line: JournalLine) -> bool:
    taken = snapshot.answers.get(_name(number), ())
    return all(str(row["PaymentId"]) == line.key for row in taken)


def _name(number: str) -> str:
    return f"debit {number}"
