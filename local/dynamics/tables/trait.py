"""How one entity set takes writes: labels, sizes, what must be filled, what must exist."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DISPLAY_VALUE_CHARS = 500  # EDT DimensionDisplayValue
COMPANY_CHARS = 4


@dataclass(frozen=True, slots=True)
class Trait:
    """`label` and `table` name the table in texts; `captions` name fields for people.

    `mandatory`: must be filled on create. `assigned`: set by the server, refused on create.
    `fixed`: refused on change (as keys and `assigned` always are). `related`: the field's value
    must be a key of that set, in the same company where the set has companies. `immutable`: F&O
    lets nobody write the set. `writable`: whether this peer lets it be written.
    """

    label: str
    table: str
    mandatory: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    related: Mapping[str, str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    immutable: bool = False
    writable: bool = True

    def size_of(self, name: str) -> int | None:
        """The most characters of a text property, or None."""
        if name.endswith("DisplayValue"):
            return DISPLAY_VALUE_CHARS
        return COMPANY_CHARS if name == "dataAreaId" else self.sizes.get(name)

    def caption(self, name: str) -> str:
        """The field as an infolog names it."""
        return self.captions.get(name, name)
