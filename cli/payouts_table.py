"""The table of payouts at the end of a demo or a replay."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from local.replay import NOT_LISTED
from local.summary import TIED, Summary
from shared.domain.money import Money

PAYOUTS_SHOWN = 10  # first and last of each currency


def payouts_table(summary: Summary, out: Console) -> None:
    """Payouts by currency and in the order they were made: the first and the last of each, and all
    that are not tied out."""
    if not summary.payouts:
        return
    table = Table(title="Payouts", title_justify="left", box=None, pad_edge=False)
    for name in ("made", "payout", "members", "sum of members", "payout amount", "difference", ""):
        left = name in ("made", "payout", "")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for payout in summary.payouts:
        groups.setdefault(str(payout["currency"]), []).append(payout)
    for currency, group in groups.items():
        table.add_row(currency.upper(), f"{len(group)} payout{'s' * (len(group) > 1)}")
        hidden = 0
        for place, payout in enumerate(group):
            is_between = PAYOUTS_SHOWN <= place < len(group) - PAYOUTS_SHOWN
            if is_between and payout["status"] == TIED:
                hidden += 1
                continue
            if hidden:
                table.add_row("", f"... {hidden} more, all tied")
                hidden = 0
            table.add_row(*_payout_cells(payout, currency))
    out.print()
    out.print(table)


def _payout_cells(payout: Mapping[str, Any], currency: str) -> list[str]:
    made = datetime.fromtimestamp(payout["created"], UTC) if payout["created"] > 0 else None
    amounts = [
        str(Money(int(payout[f"{name}_minor"]), currency))
        for name in ("members_net", "amount", "difference")
    ]
    members = str(payout["members"])
    if payout["status"] == NOT_LISTED:
        members, amounts = "-", ["-", amounts[1], "-"]
    day = f"{made:%Y-%m-%d}" if made else ""
    return [day, str(payout["payout"]), members, *amounts, str(payout["status"])]
