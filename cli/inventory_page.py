"""The inventory that ends the page of a replay."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from local.replay import Inventory, Missing, Unused, noun

SHOWN_MAX = 3  # ids of one kind
MISSING_SHOWN_MAX = 20
NOTES_SHOWN_MAX = 20


def inventory_page(inventory: Inventory, out: Console) -> None:
    """What the files held, what of it was used, what was not and why, and what is missing."""
    out.print()
    out.print("[bold]Inventory[/bold]")
    repeated = f"; {inventory.repeated} of them more than once" if inventory.repeated else ""
    out.print(
        f"  read      {_count(inventory.files, 'file')}: {_all(inventory)}{repeated}", markup=False
    )
    if inventory.problems:
        out.print(f"            {_count(inventory.problems, 'part')} not understood: see the top")
    used = _both(inventory.used_events, inventory.used_objects)
    out.print(f"  used      {used or 'nothing'}", markup=False)
    _unused(inventory.unused, out)
    _missing(inventory.missing, out)
    for note in inventory.notes[:NOTES_SHOWN_MAX]:
        out.print(f"  note      {note}", markup=False)
    _more(len(inventory.notes) - NOTES_SHOWN_MAX, "notes", out)
    out.print()


def _all(inventory: Inventory) -> str:
    return _both(inventory.events, inventory.objects) or "nothing"


def _both(events: int, objects: Mapping[str, int]) -> str:
    parts = [_count(events, "event")] if events else []
    parts += [_count(count, noun(kind)) for kind, count in objects.items()]
    return ", ".join(parts)


def _count(count: int, name: str) -> str:
    return f"{count} {name if count == 1 else name + 's'}"


def _unused(items: Sequence[Unused], out: Console) -> None:
    groups: dict[tuple[str, str], list[Unused]] = {}
    for item in items:
        groups.setdefault((item.object, item.why), []).append(item)
    if not groups:
        out.print("  not used  nothing")
    for place, ((kind, why), group) in enumerate(groups.items()):
        names = [unused.id or unused.where for unused in group]
        shown = ", ".join(names[:SHOWN_MAX])
        rest = len(names) - SHOWN_MAX
        if rest > 0:
            shown += f" and {rest} more"
        head = "  not used  " if not place else " " * 12
        name = kind if " " in kind else noun(kind)
        out.print(f"{head}{name} {shown}: {why}", markup=False)


def _missing(items: Sequence[Missing], out: Console) -> None:
    if not items:
        out.print("  missing   nothing")
        return
    for place, item in enumerate(items[:MISSING_SHOWN_MAX]):
        head = "  missing   " if not place else " " * 12
        by = f", named by {', '.join(item.named_by[:SHOWN_MAX])}" if item.named_by else ""
        out.print(f"{head}{item.id}{by}: {item.why}", markup=False)
        out.print(f"{' ' * 14}export: {item.export}", markup=False)
    _more(len(items) - MISSING_SHOWN_MAX, "that are missing", out)


def _more(count: int, what: str, out: Console) -> None:
    if count > 0:
        out.print(f"            ... and {count} more {what} (--report has all)")
