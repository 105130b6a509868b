"""What the commands print: progress bars while they work, a page a person understands at the end.

Progress goes to standard error, so that `--json` on standard output stays clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.words import of_account, time_of
from shared.domain.money import Money

if TYPE_CHECKING:  # the embedded world is not installed for those who only ask an app
    from local.demo import Demo
    from local.summary import ListedItem, Summary

PARKED_SHOWN_MAX = 20
PIPE_WIDTH = 140
SKIPPED_WORDS = {
    "unknown_type": "events of types that need no work (unknown_type)",
    "catalogue_off": "for products and prices, which the policy switches off (catalogue_off)",
    "charge_failed": "for charges that failed and moved no money (charge_failed)",
    "charge_not_captured": "for charges that are not captured yet (charge_not_captured)",
    "customer_deleted": "for customers that were deleted (customer_deleted)",
}


def console() -> Console:
    """Standard output; wide enough for tables when it is no terminal."""
    out = Console(highlight=False, soft_wrap=True)
    return out if out.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


@contextmanager
def bars() -> Iterator[Any]:
    """A function (stage, done, total) that shows a bar for each stage."""
    progress = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, Any] = {}

    def show(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = progress.add_task(stage, total=total)
        progress.update(tasks[stage], completed=done, total=total)

    with progress:
        yield show


def differences(summary: Summary) -> str:
    """The last line: the tie-out difference of each currency."""
    return "tie-out difference: " + "  ".join(str(gap) for gap in summary.gaps)


def demo_page(demo: Demo, seconds: float, out: Console) -> None:
    """The page of the demo. `seconds`: of real time that it took."""
    summary, takings = demo.summary, demo.takings
    status = summary.status
    out.print()
    out.print(f"[bold]A month of a shop[/bold], simulated until {demo.ended_at:%Y-%m-%d}")
    out.print(
        f"  business       {takings.charges} charges, {takings.declined} declined, "
        f"{takings.refunds} refunds, {takings.disputes} disputes, {takings.customers} customers"
    )
    out.print(
        f"  events         {summary.deliveries} deliveries, {summary.events} unique "
        f"({summary.deliveries - summary.events} repeats changed nothing)"
    )
    out.print(
        f"  work           {status['done']} done, {status['skipped']} skipped, "
        f"{status['waiting']} waiting, {status['parked']} parked"
    )
    if summary.skipped:
        out.print(f"  skipped        {_by_reason(summary.skipped)}")
    _customers(summary, takings.customers, out)
    _records(summary.records, out)
    out.print(
        f"  journals       {summary.journals.posted} posted, at most {summary.journals.most} for a "
        "company, accounting date and posting run"
    )
    _requests(summary.requests, summary.stripe_requests, out)
    from cli.payouts_table import payouts_table

    payouts_table(summary, out)
    listed(summary.listed, out)
    proof_of(summary, out)
    minutes, rest = divmod(round(seconds), 60)
    took = f"{minutes} min {rest} s" if minutes else f"{rest} s"
    out.print(f"took {took} of real time")
    out.print(f"summary digest: {summary.digest()}")
    out.print(differences(summary))


def _by_reason(skipped: Mapping[str, int]) -> str:
    """The reasons, the most frequent first, in words where there are some."""
    ranked = sorted(skipped.items(), key=lambda entry: (-entry[1], entry[0]))
    return ", ".join(f"{count} {SKIPPED_WORDS.get(name, name)}" for name, count in ranked)


def _customers(summary: Summary, customers: int, out: Console) -> None:
    """Why Dynamics holds another number of customers than Stripe."""
    accounts = sum(summary.customers.values())
    by_company = ", ".join(f"{count} in {name}" for name, count in summary.customers.items())
    why = (
        "; a customer who pays in currencies of several companies has an account in each"
        if accounts > customers
        else ""
    )
    others = summary.records["CustomersV3"] - accounts
    before = f" ({others} other accounts were there before)" if others else ""
    out.print(
        f"  customers      {customers} in Stripe are {accounts} accounts: {by_company}{why}{before}"
    )


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


def listed(items: Sequence[ListedItem], out: Console) -> None:
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


def proof_of(summary: Summary, out: Console) -> None:
    """The clearing proof of a world."""
    out.print()
    out.print(_proof_table(summary.proof))
    out.print(f"  posted amounts are read from: {summary.proof['scope']}")


def _proof_table(proof: Mapping[str, Any], of: str = "") -> Table:
    table = Table(title=f"Clearing proof{of}", title_justify="left", box=None, pad_edge=False)
    for name in ("", "transactions", "Stripe balance", "posted", "draft", "gap", "unexplained"):
        table.add_column(name, justify="left" if not name else "right")
    for name, currency, part in _parts(proof):
        amounts = [
            str(Money(int(part[f"{key}_minor"]), currency))
            for key in ("balance", "posted", "draft", "gap", "unexplained")
        ]
        table.add_row(name, str(part["transactions"]), *amounts)
    return table


def _parts(proof: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, currency and proof of each balance: the payments balances first."""
    for currency, part in proof["currencies"].items():
        yield currency.upper(), currency, part
    for part in proof.get("balances", ()):
        yield f"{part['currency'].upper()} {part['balance_type']}", part["currency"], part


def proof_page(proof: Mapping[str, Any], out: Console) -> None:
    """The clearing proofs that a running app gave, with their exceptions: the default Stripe
    account's first."""
    _account_proof(proof, out)
    for alias, account_proof in proof.get("accounts", {}).items():
        out.print()
        _account_proof(account_proof, out, f" of {alias}")


def _account_proof(proof: Mapping[str, Any], out: Console, of: str = "") -> None:
    if problem := proof.get("problem"):
        out.print(f"no clearing proof{of}: {problem}", markup=False)
        return
    out.print(_proof_table(proof, of))
    out.print(f"posted amounts are read from: {proof['scope']}")
    for name in proof.get("not_proved", ()):
        out.print(
            f"Stripe holds {name}, which is not a currency of a ledger: not proved", markup=False
        )
    for name, currency, part in _parts(proof):
        if not part.get("has_book", True):
            out.print(f"{name} has no book: add it to the books, then retry its parked items")
        if not part.get("has_account", True):
            out.print(
                f"{name} has no clearing account: add it to the books (balances of the "
                "currency), then retry its parked items"
            )
        for difference in part["differences"][:PARKED_SHOWN_MAX]:
            amount = Money(int(difference["amount_minor"]), currency)
            note = _accepted(difference.get("accepted"))
            out.print(f"  {difference['kind']} {difference['id']}: {amount}{note}", markup=False)
        more = len(part["differences"]) - PARKED_SHOWN_MAX
        if more > 0:
            out.print(f"  ... and {more} more in {name} (--json shows all)")
        for order in part.get("corrections", ()):
            out.print(f"  {_correction(order, currency)}", markup=False)


def _correction(order: Mapping[str, Any], currency: str) -> str:
    """What a person ordered about a written line, and whether it is done."""
    amount = Money(int(order["amount_minor"]), currency)
    keys = ", ".join(order["keys"])
    to = f" to {order['to']}" if order["to"] else ""
    state = "" if order["written"] else ", not written yet"
    return f"{order['kind']} {keys}{to}: {amount}{state} ({order['who']}: {order['why']})"


def _accepted(accepted: Mapping[str, Any] | None) -> str:
    """Who settled a transaction by hand, and why it is in the gap all the same."""
    if accepted is None:
        return ""
    if accepted["not_to_book"]:
        where = "not to be booked"
    else:
        where = f"voucher {accepted['voucher']} is not confirmed by the posted ledger"
    return f" ({where}; {accepted['who']}: {accepted['why']})"


def _suggestion(suggestion: Mapping[str, Any]) -> str:
    """A choice that a person has, in words."""
    if suggestion["choice"] != "match":
        return "--new: create an account"
    owner = suggestion["stripe_customer"]
    note = f", belongs to {owner} (--shared)" if owner else ""
    return (
        f"--account {suggestion['account']}: same {suggestion['matched'].replace('_', ' ')}{note}"
    )


def inbox_page(answer: Mapping[str, Any], out: Console, *, resolved: bool = False) -> None:
    """The groups of parked items, then the items; or the items that people resolved."""
    if not answer["items"]:
        out.print("nothing is resolved" if resolved else "nothing is parked")
        return
    for group in answer["groups"]:
        out.print(
            f"{group['count']:>6}  {group['cause']}  since {time_of(group['oldest_at'])}",
            markup=False,
        )
        if group["remedy"]:
            out.print(f"        what to do: {group['remedy']}", markup=False)
    for item in answer["items"]:
        stake = ""
        if item["currency"]:
            stake = f"  {Money(int(item['at_stake_minor']), item['currency'])}"
        out.print(
            f"{item['id']}  {item['entity']} {item['object']}{of_account(item)}  "
            f"{item['cause']}{stake}",
            markup=False,
        )
        out.print(f"    {item['text']}", markup=False)
        if item.get("event_count", 1) > 1:
            named = ", ".join(event["type"] or event["id"] for event in item["events"])
            out.print(f"    {item['event_count']} events led to it: {named}", markup=False)
        for suggestion in (item.get("evidence") or {}).get("suggestions", ()):
            out.print(f"    - {_suggestion(suggestion)}", markup=False)
    if answer["more"]:
        out.print(f"... and {answer['more']} more")


def receipts_page(answer: Mapping[str, Any], out: Console) -> None:
    """Receipts of which something is open: worth a look at month end."""
    for company in answer["read_in_part"]:
        out.print(f"{company}: too many open customer transactions; not all of them were read")
    if not answer["receipts"]:
        out.print("no receipt is open")
        return
    table = Table(box=None, header_style="")
    for title in ("transaction", "company", "kind", "invoice"):
        table.add_column(title)
    table.add_column("amount", justify="right")
    table.add_column("open", justify="right")
    table.add_column("since")
    for receipt in answer["receipts"]:
        amount = Money(int(receipt["amount_minor"]), receipt["currency"])
        left = receipt["open_minor"]
        cells = (
            receipt["transaction"],
            receipt["company"],
            receipt["kind"],
            receipt["invoice"],
            str(amount),
            "" if left is None else str(Money(int(left), receipt["currency"])),
        )
        table.add_row(*cells, time_of(receipt["at"]))
    out.print(table)
    if answer["more"]:
        out.print(f"... and {answer['more']} more")
