"""What differs between two mapping documents, value by value; comments and order do not count."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.books import Books
from shared.mapping.loader import Loaded, Tree

LOST_SHOWN_MAX = 5
HEAD = ("kind", "name", "about")  # of a document; not what it says


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """One value that differs. `before` or `after` is None where there is none."""

    place: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A document that differs between two sets. `kind`: added, removed or changed."""

    title: str
    kind: str
    differences: tuple[ValueDifference, ...]


def compared(before: Mapping[str, Loaded], after: Mapping[str, Loaded]) -> list[Compared]:
    """The documents that differ between two sets, given by title, in the order of the titles: with
    all their values where only one set has them."""
    nothing = Loaded("", {}, "")
    comparisons = []
    for title in sorted(dict.fromkeys([*before, *after])):
        kind = "removed" if title not in after else "changed" if title in before else "added"
        values = differences(before.get(title, nothing), after.get(title, nothing))
        told = tuple(difference for difference in values if difference.place)
        if told:
            comparisons.append(Compared(title, kind, told))
    return comparisons


def differences(before: Loaded, after: Loaded) -> tuple[ValueDifference, ...]:
    """All values that differ, by place (`fields.Text.do.0.max`), in the order of the places."""
    old, new = dict(_leaves(dict(before.tree))), dict(_leaves(dict(after.tree)))
    places = sorted(dict.fromkeys([*old, *new]))
    return tuple(
        ValueDifference(place, old.get(place), new.get(place))
        for place in places
        if old.get(place) != new.get(place)
    )


def books_differences(before: Books | None, after: Books) -> tuple[ValueDifference, ...]:
    """All values of the books that differ, by place (`currencies.usd.clearing.id`)."""
    one, other = ({} if books is None else _tree_of(books) for books in (before, after))
    return differences(Loaded("", one, ""), Loaded("", other, ""))


def _tree_of(books: Books) -> dict[str, Tree]:
    plain = Books.model_dump(books, mode="json", exclude_none=True, exclude={*HEAD})
    return {name: tree for name, tree in plain.items() if tree != {}}


def moved_clearing(before: Books, after: Books) -> tuple[str, ...]:
    """A warning for each clearing account that another one takes the place of: the proof reads the
    new one alone, and what was written stays on the old one."""
    old = {
        (placed.account, placed.currency, kind): (placed.book.company, account)
        for placed in before.placed
        for kind, account in placed.book.clearing_accounts.items()
    }
    warnings = []
    for placed in after.placed:
        for kind, account in placed.book.clearing_accounts.items():
            company, known = old.get((placed.account, placed.currency, kind), ("", account))
            is_moved = company != placed.book.company or not known.is_same(account)
            if company and is_moved:
                what = placed.name if kind == placed.book.balance_type else f"{placed.name} {kind}"
                warnings.append(
                    f"clearing of {what} moves from {company} {known.id} to {placed.book.company} "
                    f"{account.id}: what is written stays, and the proof reads the new account "
                    "alone; move the balance in Dynamics on the day of the change"
                )
    return tuple(warnings)


def lost_rows(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]], whose: str
) -> list[str]:
    """A warning for each table that takes the place of another one and lacks keys of it: a table
    replaces all rows, it adds none to those there were."""
    warnings = []
    for name, rows in before.items():
        lost = [key for key in rows if key not in after.get(name, rows)]
        if lost:
            shown = ", ".join(lost[:LOST_SHOWN_MAX])
            more = ", ..." if len(lost) > LOST_SHOWN_MAX else ""
            keys = "key is" if len(lost) == 1 else "keys are"
            counts = f"replaces {len(rows)} rows by {len(after[name])}"
            warnings.append(
                f"table {name}: {counts}; {len(lost)} {keys} gone that {whose} has: {shown}{more}"
            )
    return warnings


def _leaves(tree: Tree, place: str = "") -> list[tuple[str, str]]:
    """Texts by their place; the loader has bounded the depth. Empty containers count as texts."""
    if isinstance(tree, str):
        return [(place, tree)]
    pairs = (
        list(tree.items())
        if isinstance(tree, dict)
        else [(str(index), element) for index, element in enumerate(tree)]
    )
    if not pairs:
        return [(place, "{}" if isinstance(tree, dict) else "[]")]
    return [
        leaf
        for name, value in pairs
        for leaf in _leaves(value, f"{place}.{name}" if place else name)
    ]
