"""The page of a replay."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from cli.inventory_page import inventory_page
from cli.pages import differences, listed, proof_of
from cli.payouts_table import payouts_table
from local.replay import ModeReport, Replay, identity

SHOWN_FIELDS = (
    *("OrganizationName", "PrimaryContactEmail", "StripeCustomerId_Custom", "PaymentId"),
    *("AccountType", "AccountDisplayValue", "DebitAmount", "CreditAmount", "CurrencyCode"),
    *("OffsetAccountType", "OffsetAccountDisplayValue", "TransactionDate", "TransDate"),
    *("CustomersOrderReference", "OrderTotalAmount", "SalesOrderStatus", "CustomerReference"),
    *("ItemNumber", "LineDescription", "OrderedSalesQuantity", "SalesPrice", "LineAmount"),
    *("InvoiceText", "MainAccountDisplayValue", "TransactionCurrencyAmount"),
)


def replay_page(replay: Replay, out: Console) -> None:
    """The page of a replay: each event, what it wrote, the proof of each mode, the inventory."""
    for problem in replay.exported.problems:
        out.print(f"  not understood: {problem.where}: {problem.reason}", markup=False)
    for part in replay.parts:
        if len(replay.parts) > 1:
            out.print(f"[bold]{part.mode} mode[/bold]")
        _part_page(part, out)
    inventory_page(replay.inventory, out)
    for part in replay.parts:
        outcomes: dict[str, int] = {}
        for trace in part.traces:
            outcomes[trace.outcome] = outcomes.get(trace.outcome, 0) + 1
        counted = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        out.print(f"{len(part.traces)} events in {part.mode} mode: {counted or 'none'}")
        out.print(differences(part.summary))


def _part_page(part: ModeReport, out: Console) -> None:
    shown: dict[str, None] = {}
    for trace in part.traces:
        cause = f" ({trace.cause})" if trace.cause else ""
        out.print(
            f"{trace.id}  {trace.type}  {trace.object}  HTTP {trace.http_status}  "
            f"{trace.outcome}{cause}",
            markup=False,
        )
        if trace.text and trace.outcome not in ("done", "skipped"):
            out.print(f"    {trace.text}", markup=False)
        if trace.remedy:
            out.print(f"    what to do: {trace.remedy}", markup=False)
        fresh = [record for record in trace.records if identity(record) not in shown]
        shown |= dict.fromkeys(identity(record) for record in fresh)
        _written(fresh, out)
        if above := len(trace.records) - len(fresh):
            what = "a record that is" if above == 1 else f"{above} records that are"
            out.print(f"    -> and {what} shown above" if fresh else f"    -> {what} shown above")
    if part.unnamed:
        out.print("written although no event in the files announced it (found by the sweep):")
        _written(part.unnamed, out)
    told = dict.fromkeys((trace.object, trace.cause) for trace in part.traces)
    said = dict.fromkeys((trace.cause, trace.text) for trace in part.traces)
    left = {(item.object, item.cause): item for item in part.summary.listed}
    listed(
        [
            item
            for key, item in left.items()
            if key not in told and (item.cause, item.text) not in said
        ],
        out,
    )
    payouts_table(part.summary, out)
    proof_of(part.summary, out)


def _written(records: Sequence[Mapping[str, Any]], out: Console) -> None:
    for record in records:
        key = " ".join(str(value) for value in record["key"].values())
        out.print(f"    -> {record['entity_set']} {key}", markup=False)
        fields = record["fields"]
        names = [name for name in SHOWN_FIELDS if name in fields]
        out.print(f"       {', '.join(f'{name}={fields[name]}' for name in names)}", markup=False)
