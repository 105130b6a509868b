"""What differs between two mapping documents, value by value; comments and order do not count."""

from dataclasses import dataclass

from shared.mapping.loader import Loaded, Tree


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that differs. `before` or `after` is None where there is none."""

    place: str
    before: str | None
    after: str | None


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
