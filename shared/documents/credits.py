"""Credit memos of refunds, and what reverses them when the refund fails.

A free text credit note (`CDSFreeTextInvoiceHeaders`, negative amounts, our id is its key; header
and lines share one changeset) or a return order with disposition "credit only"
(`ReturnOrderHeadersV2`). Reversals are free text invoices. The header's facts hold the lines, so
that what was announced once is written to its end, whatever happened meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.documents.common import Snapshot
from shared.documents.refunding import Shares, Written
from shared.documents.sale_line import TAX, SaleLine
from shared.domain.journal import Role
from shared.domain.records import Document, Fact
from shared.policy import Memo

CREDIT, RETURN, REVERSAL = "credit", "return", "reversal"
KINDS = (CREDIT, RETURN, REVERSAL)


def headers_in(snapshot: Snapshot) -> Iterator[tuple[str, str, Document]]:
    """Kind, refund and document of each memo that was written or announced."""
    for role in dict.fromkeys((*snapshot.links, *snapshot.intents)):
        kind, _, rest = role.partition(":")
        document = snapshot.written(role)
        if kind in KINDS and document is not None:
            yield kind, rest.partition(":")[0], document


def written_in(snapshot: Snapshot, into: dict[str, Written]) -> dict[str, Written]:
    """Add to `into` what memos were written or announced, by refund."""
    for kind, refund, document in headers_in(snapshot):
        mine = into.setdefault(refund, Written())
        target, sign = (mine.reversed, 1) if kind == REVERSAL else (mine.credited, -1)
        for line in lines_in(document):
            number = int(line["number"])
            target[number] = target.get(number, 0) + sign * int(line["amount_minor"])
    return into


def lines_in(header: Document) -> Sequence[Mapping[str, Any]]:
    """The lines that a header's facts hold."""
    found = header.facts["lines"]
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [line for line in found if isinstance(line, Mapping)]
    return ()


def amount_in(header: Document) -> int:
    """What a memo comes to, in minor units; negative for a credit note."""
    return sum(int(line["amount_minor"]) for line in lines_in(header))


def memo_of(
    kind: str,
    refund: str,
    shares: Shares,
    lines: Mapping[int, SaleLine],
    base: Mapping[str, Fact],
    *,
    company: str,
    generation: int,
) -> Document:
    """The header of a new memo. `base`: facts it shares with the sale (currency, party, date)."""
    sign = 1 if kind == REVERSAL else -1
    parts = [refund]
    parts += [REVERSAL] if kind == REVERSAL else []
    parts += [str(generation)] if generation > 1 else []
    told: list[Fact] = [
        {
            "number": number,
            "amount_minor": sign * share,
            "kind": lines[number].kind,
            "product": lines[number].product,
            "item": lines[number].item,
            "text": lines[number].text,
        }
        for number, share in sorted(shares.items())
    ]
    return Document(
        role=f"{kind}:{refund}:{generation}",
        template="return_order" if kind == RETURN else "credit_note",
        company=company,
        key=":".join(parts),
        facts={**base, "lines": told},
        words={"refund": refund, "sale": base["sale"]},
        group="" if kind == RETURN else f"{kind}:{refund}:{generation}",
    )


def documents_of(header: Document) -> tuple[Document, ...]:
    """A memo's header with its lines."""
    return (header, *(_line(header, line) for line in lines_in(header)))


def _line(header: Document, line: Mapping[str, Any]) -> Document:
    kind, _, rest = header.role.partition(":")
    number = str(line["number"])
    facts: dict[str, Fact] = {
        "currency": header.facts["currency"],
        "amount_minor": int(line["amount_minor"]),
        "memo": header.key,
    }
    if kind != RETURN:
        role = Role.SALES_TAX if line["kind"] == TAX else Role.SALES_RETURNS
        facts["account"] = {"role": role.value}
    return Document(
        role=f"{kind}_line:{rest}:{number}",
        template="return_order_line" if kind == RETURN else "credit_note_line",
        company=header.company,
        key=number,
        facts=facts,
        words={name: line[name] for name in ("kind", "product", "item", "text")},
        parent=header.role if kind == RETURN else "",
        group=header.group or f"{header.role}:lines",
    )


def kind_of(memo: Memo) -> str:
    """The kind of document that a policy's choice means."""
    return RETURN if memo is Memo.RETURN_ORDER else CREDIT
