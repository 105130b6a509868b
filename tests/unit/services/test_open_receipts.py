"""What `tieout receipts` reads of Dynamics, and that a limit of it is told."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from local import books
from local.tables import MemoryTables
from shared.entities.common.objects import Listed
from shared.ports import DynamicsGateway, Json, Lookup
from shared.services.reconciliation import OpenReceipts, open_receipts
from shared.stores import receipts
from shared.stores.receipts import ReceiptList

BOOKS = books.settings(stripe_url="", dynamics_url="http://127.0.0.1:7365").books


class _Dynamics:
    """Answers with the open transactions of usmf; of settled ones it knows `txn_1`."""

    def __init__(self, *ids: str) -> None:
        self._ids = ids

    async def find(self, lookup: Lookup) -> list[Json]:
        if lookup.entity_set != open_receipts.TRANSACTIONS or lookup.company != "usmf":
            return []
        if lookup.any_of is not None:
            return [{"PaymId": key} for key in lookup.any_of[1] if key == "txn_1:gross"]
        return [_row(id) for id in self._ids][: lookup.limit]


def _row(id: str) -> dict[str, Any]:
    amounts = {"AmountCur": Decimal(-10), "SettleAmountCur": Decimal(0), "CurrencyCode": "USD"}
    return {"PaymId": f"{id}:gross", "TransDate": "2026-11-01", "Invoice": "", **amounts}


def _page(*ids: str) -> open_receipts.OpenPage:
    async def run() -> open_receipts.OpenPage:
        tables = MemoryTables()
        noted = Listed("over_payment", "usmf", "INV-1", 1_000, "usd")
        await receipts.note(tables, "txn_1", noted, datetime(2026, 11, 1, tzinfo=UTC))
        dynamics = cast("DynamicsGateway", _Dynamics(*ids))

        async def in_force() -> Any:
            return BOOKS

        return await OpenReceipts(ReceiptList(tables), dynamics, in_force).page()

    return asyncio.run(run())


def test_a_noted_receipt_that_is_settled_leaves_the_list() -> None:
    page = _page("txn_2")
    assert [each.transaction for each in page.receipts] == ["txn_2"]
    assert (page.more, page.read_in_part) == (0, [])


def test_the_limit_of_open_transactions_is_told_and_hides_nothing_that_was_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(open_receipts, "OPEN_MAX", 2)
    assert _page("txn_2", "txn_3").read_in_part == []
    page = _page("txn_2", "txn_3", "txn_4")
    assert page.read_in_part == ["usmf"]
    assert "txn_1" in [each.transaction for each in page.receipts]
