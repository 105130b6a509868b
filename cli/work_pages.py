"""What `tieout status`, `payouts` and `waiting` print for people: amounts and times in words."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.pages import console as console
from cli.words import time_of
from shared.domain.money import Money

LOOK = (("waiting", "tieout waiting"), ("parked", "tieout inbox list"))
QUEUED = ("queued", "in_flight", "scheduled")


def status_page(found: Mapping[str, Any], where: str, out: Console) -> None:
    """The counts; `where`: what a command needs to reach the same app."""
    look = dict(LOOK)
    for name in ("done", "skipped", "waiting", "parked"):
        hint = f"   {look[name]}{where}" if name in look and found[name] else ""
        out.print(f"{name:<10}{found[name]:>9,}{hint}", markup=False)
    if found.get("purged"):
        out.print(f"purged    {found['purged']:>9,}   done or skipped, and too old to be kept")
    if all(found[name] is None for name in QUEUED):
        out.print("the queues' lengths are in the metrics of the Service Bus namespace")
        return
    for name in QUEUED:
        out.print(f"{name.replace('_', ' '):<10}{found[name]:>9,}", markup=False)


def payouts_page(found: Mapping[str, Any], out: Console) -> None:
    """The tie-outs, by currency, the latest last; and what those that are open lack."""
    rows = sorted(found["payouts"], key=lambda each: (each["currency"], each["at"]))
    if not rows:
        out.print("no payout")
        return
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("payout", "as of", "members", "sum of members", "payout amount", "difference"):
        left = name in ("payout", "as of")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    table.add_column("")
    for each in rows:
        amounts = [
            str(Money(int(each[name]), each["currency"]))
            for name in ("members_net_minor", "amount_minor", "difference_minor")
        ]
        cells = (each["payout"], time_of(each["at"]), str(each["members"]), *amounts)
        table.add_row(*cells, _state(each))
    out.print(table)
    tied = sum(each["status"] == "tied" for each in rows)
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


def waiting_page(found: Mapping[str, Any], out: Console) -> None:
    """What is under way, that which began first at the front."""
    if not found["items"]:
        out.print("nothing waits, nothing is scheduled to be tried again")
        return
    for each in found["items"]:
        what = "looked at again from" if each["kind"] == "waiting" else "tried again at"
        until = f", {what} {time_of(each['next_at'])}" if each["next_at"] else ""
        attempts = f", attempts so far: {each['attempts']}" if each["attempts"] else ""
        out.print(f"{each['entity']} {each['object']}  {each['cause']}", markup=False)
        out.print(f"    {each['text']}", markup=False)
        out.print(f"    since {time_of(each['since'])}{until}{attempts}", markup=False)
    waits = sum(each["kind"] == "waiting" for each in found["items"])
    out.print(f"{waits} waiting, {len(found['items']) - waits} scheduled to be tried again")
    if found["more"]:
        out.print(f"... and {found['more']} more")
