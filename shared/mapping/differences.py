"""What differs between two mapping documents, value by value; comments and order do not count."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.mapping.loader import Loaded, Tree


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs. `before` or `after` is None where there is none."""

    place: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A document that differs between two sets. `kind`: added, removed or changed."""

    title: str
    kind: str
    differences: tuple[Difference, ...]


def compared(before: Mapping[str, Loaded], after: Mapping[str, Loaded]) -> list[Compared]:
    """The documents that differ between two sets, given by title, in the order of the titles: with
    all their values where only one set has them."""
    nothing = Loaded("", {}, "")
    found = []
    for title in sorted(dict.fromkeys([*before, *after])):
        kind = "removed" if title not in after else "changed" if title in before else "added"
        values = differences(before.get(title, nothing), after.get(title, nothing))
        told = tuple(each for each in values if each.place)
        if told:
            found.append(Compared(title, kind, told))
    return found


def differences(before: Loaded, after: Loaded) -> tuple[Difference, ...]:
    """All values that differ, by place (`fields.Text.do.0.max`), in the order of the places."""
    old, new = dict(_leaves(dict(before.tree))), dict(_leaves(dict(after.tree)))
    places = sorted(dict.fromkeys([*old, *new]))
    return tuple(
        Difference(place, old.get(place), new.get(place))
        for place in places
        if old.get(place) != new.get(place)
    )


def _leaves(tree: Tree, place: str = "") -> list[tuple[str, str]]:
    """Texts by their place; the loader has bounded the depth. Empty containers count as texts."""
    if isinstance(tree, str):
        return [(place, tree)]
    pairs = (
        list(tree.items())
        if isinstance(tree, dict)
        else [(str(index), each) for index, each in enumerate(tree)]
    )
    if not pairs:
        return [(place, "{}" if isinstance(tree, dict) else "[]")]
    return [
        leaf for name, each in pairs for leaf in _leaves(each, f"{place}.{name}" if place else name)
    ]
