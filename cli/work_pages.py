"""What `tieout status`, `payouts`, `disputes` and `waiting` print: amounts and times in words."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.pages import console as console
from cli.words import of_account, time_of
from shared.domain.money import Money, is_currency

LOOK = (("waiting", "tieout waiting"), ("parked", "tieout inbox list"))
QUEUED = ("queued", "in_flight", "scheduled")


def status_page(answer: Mapping[str, Any], where: str, out: Console) -> None:
    """The counts; `where`: what a command needs to reach the same app."""
    look = dict(LOOK)
    for name in ("done", "skipped", "waiting", "parked"):
        hint = f"   {look[name]}{where}" if name in look and answer[name] else ""
        out.print(f"{name:<10}{answer[name]:>9,}{hint}", markup=False)
    if answer.get("purged"):
        out.print(f"purged    {answer['purged']:>9,}   done or skipped, and too old to be kept")
    if all(answer[name] is None for name in QUEUED):
        out.print("the metrics of the Service Bus namespace show the lengths of the queues")
        return
    for name in QUEUED:
        out.print(f"{name.replace('_', ' '):<10}{answer[name]:>9,}", markup=False)


def payouts_page(answer: Mapping[str, Any], out: Console) -> None:
    """The tie-outs, by currency, the latest last; and what those that are open lack."""
    rows = sorted(answer["payouts"], key=lambda payout: (payout["currency"], payout["at"]))
    if not rows:
        out.print("no payout")
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("payout", "as of", "members", "sum of members", "payout amount", "difference"):
        left = name in ("payout", "as of")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    table.add_column("")
    for payout in rows:
        amounts = [
            str(Money(int(payout[name]), payout["currency"]))
            for name in ("members_net_minor", "amount_minor", "difference_minor")
        ]
        name = payout["payout"] + of_account(payout)
        cells = (name, time_of(payout["at"]), str(payout["members"]), *amounts)
        table.add_row(*cells, _state(payout))
    out.print(table)
    tied = sum(payout["status"] == "tied" for payout in rows)
    out.print(f"{tied} of {len(rows)} tied out")


def _state(row: Mapping[str, Any]) -> str:
    """`tied`, or what is missing."""
    if row["status"] == "tied":
        return "tied"
    missing = []
    if row["unwritten"]:
        amount = Money(int(row["unwritten_net_minor"]), row["currency"])
        missing.append(f"{row['unwritten']} not written ({amount})")
    if row["wrong"]:
        missing.append(f"{row['wrong']} written otherwise")
    return "open: " + (", ".join(missing) or "the sums differ")


def disputes_page(answer: Mapping[str, Any], out: Console) -> None:
    """The open disputes, those due first at the front."""
    rows = answer["disputes"]
    if not rows:
        out.print("no dispute is open, and no money of a closed one stands on the account")
        return
    table = Table(box=None, pad_edge=False, header_style="")
    names = ("dispute", "charge", "reason", "disputed", "evidence until", "state", "on account")
    for name in names:
        table.add_column(name, justify="right" if name in ("disputed", "on account") else "left")
    for row in rows:
        table.add_row(
            row["dispute"] + of_account(row),
            row["charge"],
            row["reason"],
            _amount(row["amount_minor"], row["currency"]),
            time_of(row["due_by"]),
            row["status"],
            ", ".join(
                f"{_amount(part['amount_minor'], part['currency'])} ({part['company']})"
                for part in row["stands"]
            ),
        )
    out.print(table)
    if answer["more"]:
        out.print(f"... and {answer['more']} more")


def fees_page(answer: Mapping[str, Any], out: Console) -> None:
    """The accrued fees of a month by company and currency, with their totals."""
    if not answer["fees"]:
        out.print(f"no fee of {answer['month']} is accrued")
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("month", "company", "kind", "lines", "amount"):
        table.add_column(name, justify="right" if name in ("lines", "amount") else "left")
    totals: dict[tuple[str, str], list[int]] = {}
    for part in answer["fees"]:
        amount = _amount(part["amount_minor"], part["currency"])
        kind, lines = part["kind"], str(part["lines"])
        table.add_row(answer["month"], part["company"], kind, lines, amount)
        total = totals.setdefault((part["company"], part["currency"]), [0, 0])
        total[0] += part["lines"]
        total[1] += part["amount_minor"]
    for (company, currency), (count, minor) in totals.items():
        table.add_row(answer["month"], company, "total", str(count), _amount(minor, currency))
    out.print(table)
    for document in answer["documents"]:
        amount = _amount(document["total_minor"], document["currency"])
        who = f"{document['date']}, confirmed by {document['who']} on {time_of(document['at'])}"
        out.print(f"document {document['number']}  {amount}  {who}", markup=False)
    for difference in answer["differences"]:
        out.print(fee_difference(difference), markup=False)


def fee_difference(difference: Mapping[str, Any]) -> str:
    """What the documents of a month differ by from what was accrued."""
    currency = difference["currency"]
    names = ("accrued", "documents", "difference", "later")
    parts = {name: _amount(difference[f"{name}_minor"], currency) for name in names}
    later = f"; booked later: {parts['later']}" if difference["later_minor"] else ""
    return (
        f"{difference['company']}: accrued {parts['accrued']}, documents {parts['documents']}, "
        f"difference {parts['difference']}{later}"
    )


def _amount(minor: int, currency: str) -> str:
    """Major units; a text that Stripe calls a currency and no ledger does stays as it is."""
    return str(Money(minor, currency)) if is_currency(currency) else f"{minor} {currency}"


def waiting_page(answer: Mapping[str, Any], out: Console) -> None:
    """What is under way, that which began first at the front."""
    if not answer["items"]:
        out.print("nothing waits, and no retry is scheduled")
        return
    for item in answer["items"]:
        what = "tried again from" if item["kind"] == "waiting" else "tried again at"
        until = f", {what} {time_of(item['next_at'])}" if item["next_at"] else ""
        attempts = f", attempts so far: {item['attempts']}" if item["attempts"] else ""
        name = f"{item['entity']} {item['object']}{of_account(item)}"
        out.print(f"{name}  {item['cause']}", markup=False)
        out.print(f"    {item['text']}", markup=False)
        out.print(f"    since {time_of(item['since'])}{until}{attempts}", markup=False)
    waits = sum(item["kind"] == "waiting" for item in answer["items"])
    out.print(f"{waits} waiting, {len(answer['items']) - waits} retries scheduled")
    if answer["more"]:
        out.print(f"... and {answer['more']} more")
