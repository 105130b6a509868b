"""What the commands print: progress bars while they work, a page a person understands at the end.

Progress goes to standard error, so that `--json` on standard output stays clean.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from local.demo import Demo
from local.replay import Part, Replay
from local.summary import Listed, Summary
from shared.domain.money import Money

PARKED_SHOWN_MAX = 20
PIPE_WIDTH = 140
SHOWN_FIELDS = (
    *("OrganizationName", "PrimaryContactEmail", "StripeCustomerId_Custom", "PaymentId"),
    *("AccountType", "AccountDisplayValue", "DebitAmount", "CreditAmount", "CurrencyCode"),
    *("OffsetAccountType", "OffsetAccountDisplayValue", "TransactionDate", "TransDate"),
    *("CustomersOrderReference", "OrderTotalAmount", "SalesOrderStatus", "CustomerReference"),
    *("ItemNumber", "LineDescription", "OrderedSalesQuantity", "SalesPrice", "LineAmount"),
    *("InvoiceText", "MainAccountDisplayValue", "TransactionCurrencyAmount"),
)


def console() -> Console:
    """Standard output; wide enough for tables when it is no terminal."""
    out = Console(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


@contextmanager
def bars() -> Iterator[Any]:
    """A function (stage, done, total) that shows a bar for each stage."""
    progress = Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done)

    with progress:
        yield show


def differences(summary: Summary) -> str:
    """The last line: the tie-out difference of each currency."""
    return "tie-out difference: " + "  ".join(str(gap) for gap in summary.gaps)


def demo_page(demo: Demo, out: Console) -> None:
    """The page of the demo."""
    summary, takings = demo.summary, demo.takings
    status = summary.status
    out.print()
    out.print(f"[bold]A month of a shop[/bold], lived through until {demo.ended_at:%Y-%m-%d}")
    out.print(
        f"  business       {takings.charges} charges, {takings.declined} declined, "
        f"{takings.refunds} refunds, {takings.disputes} disputes, {takings.customers} customers"
    )
    out.print(
        f"  events         {summary.deliveries} deliveries, {summary.events} unique "
        f"({summary.deliveries - summary.events} repeats were no-ops)"
    )
    out.print(
        f"  work           {status['done']} done, {status['skipped']} skipped, "
        f"{status['waiting']} waiting, {status['parked']} parked"
    )
    _records(summary.records, out)
    _requests(summary.requests, summary.stripe_requests, out)
    _payouts(summary, out)
    listed(summary.listed, out)
    _proof(summary, out)
    out.print(f"summary digest: {summary.digest()}")
    out.print(differences(summary))


def _records(records: Mapping[str, int], out: Console) -> None:
    shown = [f"{count} {name}" for name, count in records.items()]
    out.print("  Dynamics holds " + ", ".join(shown))


def _requests(requests: Mapping[str, int], stripe_requests: int, out: Console) -> None:
    faults = {name: count for name, count in requests.items() if name.startswith("fault_")}
    kinds = ("batch", "post", "patch", "get", "token")
    shown = [f"{requests.get(kind, 0)} {kind}" for kind in kinds]
    out.print(f"  requests       Dynamics: {', '.join(shown)}; Stripe: {stripe_requests}")
    if faults:
        shown = [f"{count} {name.removeprefix('fault_')}" for name, count in faults.items()]
        out.print(f"  faults         injected into Dynamics: {', '.join(shown)}")


def _payouts(summary: Summary, out: Console) -> None:
    if not summary.payouts:
        return
    table = Table(title="Payouts", title_justify="left", box=None, pad_edge=False)
    for name in ("payout", "members", "sum of members", "payout amount", "difference", ""):
        table.add_column(name, justify="left" if name in ("payout", "") else "right", no_wrap=True)
    for payout in sorted(summary.payouts, key=lambda each: str(each["payout"])):
        currency = str(payout["currency"])
        table.add_row(
            str(payout["payout"]),
            str(payout["members"]),
            str(Money(int(payout["members_net_minor"]), currency)),
            str(Money(int(payout["amount_minor"]), currency)),
            str(Money(int(payout["difference_minor"]), currency)),
            str(payout["status"]),
        )
    out.print()
    out.print(table)


def listed(items: Sequence[Listed], out: Console) -> None:
    """Parked and waiting items, the first of them, with what to do."""
    for item in items[:PARKED_SHOWN_MAX]:
        out.print(
            f"  {item.kind}: {item.entity} {item.object}: {item.text} [{item.cause}]", markup=False
        )
        if item.remedy:
            out.print(f"    what to do: {item.remedy}", markup=False)
    more = len(items) - PARKED_SHOWN_MAX
    if more > 0:
        out.print(f"  ... and {more} more")


def _proof(summary: Summary, out: Console) -> None:
    out.print()
    out.print(_proof_table(summary.proof))
    out.print(f"  posted is read from: {summary.proof['scope']}")


def _proof_table(proof: Mapping[str, Any]) -> Table:
    table = Table(title="Clearing proof", title_justify="left", box=None, pad_edge=False)
    for name in ("", "transactions", "Stripe balance", "posted", "draft", "gap", "unexplained"):
        table.add_column(name, justify="left" if not name else "right")
    currencies: Mapping[str, Mapping[str, Any]] = proof["currencies"]
    for name, each in currencies.items():
        amounts = [
            str(Money(int(each[f"{key}_minor"]), name))
            for key in ("balance", "posted", "draft", "gap", "unexplained")
        ]
        table.add_row(name.upper(), str(each["transactions"]), *amounts)
    return table


def replay_page(replay: Replay, out: Console) -> None:
    """The page of a replay: each event, what it wrote, and the proof of each mode."""
    for problem in replay.exported.problems:
        out.print(f"  not understood: {problem.where}: {problem.reason}", markup=False)
    for part in replay.parts:
        _part_page(part, out)


def _part_page(part: Part, out: Console) -> None:
    for each in part.traces:
        cause = f" ({each.cause})" if each.cause else ""
        out.print(
            f"{each.id}  {each.type}  {each.object}  HTTP {each.http_status}  "
            f"{each.outcome}{cause}",
            markup=False,
        )
        if each.text and each.outcome not in ("done", "skipped"):
            out.print(f"    {each.text}", markup=False)
        if each.remedy:
            out.print(f"    what to do: {each.remedy}", markup=False)
        _written(each.records, out)
    if part.unnamed:
        out.print("written though no event of the files announced it (found by the sweep):")
        _written(part.unnamed, out)
    told = dict.fromkeys(each.object for each in part.traces)
    left = {(item.object, item.cause): item for item in part.summary.listed}
    listed([item for item in left.values() if item.object not in told], out)
    _payouts(part.summary, out)
    _proof(part.summary, out)
    outcomes: dict[str, int] = {}
    for each in part.traces:
        outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
    counted = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
    out.print(f"{len(part.traces)} events in {part.mode} mode: {counted or 'none'}")
    out.print(differences(part.summary))


def _written(records: Sequence[Mapping[str, Any]], out: Console) -> None:
    for record in records:
        key = " ".join(str(value) for value in record["key"].values())
        out.print(f"    -> {record['entity_set']} {key}", markup=False)
        fields = record["fields"]
        names = [name for name in SHOWN_FIELDS if name in fields]
        out.print(f"       {', '.join(f'{name}={fields[name]}' for name in names)}", markup=False)


def proof_page(proof: Mapping[str, Any], out: Console) -> None:
    """The clearing proof that a running app gave, with its exceptions."""
    out.print(_proof_table(proof))
    out.print(f"posted is read from: {proof['scope']}")
    for name in proof.get("not_proved", ()):
        out.print(
            f"Stripe holds {name}, which is no currency of a ledger: not proved", markup=False
        )
    for name, each in proof["currencies"].items():
        if not each.get("has_book", True):
            out.print(
                f"{name.upper()} has no book: add it to TIEOUT_BOOKS, then retry what is parked"
            )
        for difference in each["differences"][:PARKED_SHOWN_MAX]:
            amount = Money(int(difference["amount_minor"]), name)
            note = _accepted(difference.get("accepted"))
            out.print(f"  {difference['kind']} {difference['id']}: {amount}{note}", markup=False)
        more = len(each["differences"]) - PARKED_SHOWN_MAX
        if more > 0:
            out.print(f"  ... and {more} more in {name.upper()} (--json shows all)")


def _accepted(accepted: Mapping[str, Any] | None) -> str:
    """Who settled a transaction by hand, and why it is in the gap all the same."""
    if accepted is None:
        return ""
    if accepted["not_to_book"]:
        where = "not to be booked"
    else:
        where = f"voucher {accepted['voucher']} is not confirmed by the posted ledger"
    return f" ({where}; {accepted['who']}: {accepted['why']})"


def _suggestion(found: Mapping[str, Any]) -> str:
    """A choice that a person has, in words."""
    if found["choice"] != "match":
        return "--new: create an account"
    owner = found["stripe_customer"]
    note = f", belongs to {owner} (--shared)" if owner else ""
    return f"--account {found['account']}: same {found['matched'].replace('_', ' ')}{note}"


def inbox_page(found: Mapping[str, Any], out: Console, *, resolved: bool = False) -> None:
    """The groups of parked items, then the items; or the items that people resolved."""
    if not found["items"]:
        out.print("nothing is resolved" if resolved else "nothing is parked")
        return
    for group in found["groups"]:
        out.print(
            f"{group['count']:>6}  {group['cause']}  since {group['oldest_at']}", markup=False
        )
        if group["remedy"]:
            out.print(f"        what to do: {group['remedy']}", markup=False)
    for item in found["items"]:
        stake = ""
        if item["currency"]:
            stake = f"  {Money(int(item['at_stake_minor']), item['currency'])}"
        out.print(
            f"{item['id']}  {item['entity']} {item['object']}  {item['cause']}{stake}",
            markup=False,
        )
        out.print(f"    {item['text']}", markup=False)
        if item.get("event_count", 1) > 1:
            named = ", ".join(each["type"] or each["id"] for each in item["events"])
            out.print(f"    {item['event_count']} events led to it: {named}", markup=False)
        for each in (item.get("evidence") or {}).get("suggestions", ()):
            out.print(f"    - {_suggestion(each)}", markup=False)
    if found["more"]:
        out.print(f"... and {found['more']} more")


def receipts_page(found: Mapping[str, Any], out: Console) -> None:
    """Receipts that no invoice took: nothing to do, but worth a look at month end."""
    if not found["receipts"]:
        out.print("no receipt is unapplied or on account")
        return
    table = Table(box=None, header_style="")
    for title in ("transaction", "company", "kind", "invoice"):
        table.add_column(title)
    table.add_column("amount", justify="right")
    table.add_column("since")
    for each in found["receipts"]:
        amount = Money(int(each["amount_minor"]), each["currency"])
        cells = (each["transaction"], each["company"], each["kind"], each["invoice"], str(amount))
        table.add_row(*cells, each["at"])
    out.print(table)
    if found["more"]:
        out.print(f"... and {found['more']} more")
