"""Credit memos of refunds, and what reverses them when the refund fails.

A free text credit memo (`CDSFreeTextInvoiceHeaders`, negative amounts, our id is its key; header
and lines share one changeset) or a return order with disposition "credit only"
(`ReturnOrderHeadersV2`). Reversals are free text invoices. The header remembers its lines, so
that what was announced once is written to its end, whatever happened meanwhile.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from shared.domain.allotment import PartShares
from shared.domain.documents import AccountRole, Document
from shared.domain.journal import Role
from shared.domain.money import Money
from shared.entities.common.objects import Snapshot
from shared.entities.common.refunding import WrittenRefund, parts_at
from shared.entities.common.sale_line import TAX, SaleLine
from shared.entities.common.sale_tax import told
from shared.entities.common.sales_documents import (
    NET,
    CreditMemo,
    CreditMemoLine,
    MemoHeader,
    MemoLine,
    ReturnOrder,
    ReturnOrderLine,
    SalesOrder,
)
from shared.policy import RefundDocument

CREDIT, RETURN, REVERSAL = "credit", "return", "reversal"
KINDS = (CREDIT, RETURN, REVERSAL)


def headers_in(snapshot: Snapshot) -> Iterator[tuple[str, str, MemoHeader]]:
    """Kind, refund and header of each memo that was written or announced."""
    for role in dict.fromkeys((*snapshot.links, *snapshot.intents)):
        kind, _, rest = role.partition(":")
        document = snapshot.written(role)
        if kind in KINDS and isinstance(document, MemoHeader):
            yield kind, rest.partition(":")[0], document


def written_in(snapshot: Snapshot, into: dict[str, WrittenRefund]) -> dict[str, WrittenRefund]:
    """Add to `into` what memos were written or announced, by refund."""
    for kind, refund, header in headers_in(snapshot):
        mine = into.setdefault(refund, WrittenRefund())
        target, sign = (mine.reversed, 1) if kind == REVERSAL else (mine.credited, -1)
        for line in header.lines:
            for part, share in parts_at(line.number, line.amount_minor, line.taxes).items():
                target[part] = target.get(part, 0) + sign * share
    return into


def amount_in(header: MemoHeader) -> int:
    """What a memo comes to, in minor units; negative for a credit memo."""
    return sum(line.amount_minor for line in header.lines)


def memo_of(
    kind: str,
    refund: str,
    shares: PartShares,
    lines: Mapping[int, SaleLine],
    sale: SalesOrder,
    *,
    date: date,
    generation: int,
) -> MemoHeader:
    """The header of a new memo. `sale`: the order that it gives back of, or what stands for one."""
    sign = 1 if kind == REVERSAL else -1
    parts = [refund]
    parts += [REVERSAL] if kind == REVERSAL else []
    parts += [str(generation)] if generation > 1 else []
    role = f"{kind}:{refund}:{generation}"
    header = ReturnOrder if kind == RETURN else CreditMemo
    return header(
        role=role,
        company=sale.company,
        key=":".join(parts),
        group="" if kind == RETURN else role,
        currency=sale.currency,
        customer=sale.customer,
        sale=sale.key,
        date=date,
        prices=sale.prices,
        lines=tuple(
            _remembered(lines[number], {p: sign * s for p, s in shares.items() if p.line == number})
            for number in sorted(dict.fromkeys(part.line for part in shares))
        ),
        refund=refund,
        metadata=sale.metadata,
        country=sale.country,
    )


def _remembered(line: SaleLine, shares: PartShares) -> MemoLine:
    return MemoLine(
        line.number,
        sum(shares.values()),
        line.kind,
        line.product,
        line.item,
        line.text,
        taxes={part.of: share for part, share in shares.items() if part.of},
        tax=told(line.keys),
        tax_group=line.tax_group,
        item_tax_group=line.item_tax_group,
        account=line.account,
    )


def documents_of(header: MemoHeader) -> tuple[Document, ...]:
    """A memo's header with its lines."""
    return (header, *(_line(header, line) for line in header.lines))


def _line(header: MemoHeader, line: MemoLine) -> Document:
    kind, _, rest = header.role.partition(":")
    shared: dict[str, Any] = {
        "role": f"{kind}_line:{rest}:{line.number}",
        "company": header.company,
        "key": str(line.number),
        "group": header.group or f"{header.role}:lines",
        "amount": Money(line.amount_minor, header.currency),
        "memo": header.key,
        "kind": line.kind,
        "product": line.product,
        "item": line.item,
        "text": line.text,
        "tax": line.tax,
        "metadata": header.metadata,
        "country": header.country,
    }
    if kind == RETURN:
        return ReturnOrderLine(parent=header.role, **shared)
    role = Role.SALES_TAX if line.kind == TAX else Role.SALES_RETURNS
    return CreditMemoLine(
        account=AccountRole(role),
        main_account=line.account,
        tax_group=line.tax_group,
        item_tax_group=line.item_tax_group,
        **shared,
    )


def kind_of(memo: RefundDocument, sale: SalesOrder) -> str:
    """The kind of document that a policy's choice means. What was sold at gross prices is credited
    with its sales tax groups, which return orders do not have."""
    return RETURN if memo is RefundDocument.RETURN_ORDER and sale.prices == NET else CREDIT
