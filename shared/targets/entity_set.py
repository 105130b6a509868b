"""What Tieout knows of one entity set of a target."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from shared.domain.journal import JournalKind

PRIMITIVES = ("String", "Decimal", "Int32", "Date")
DEFAULT_FORMAT, LEDGER_FORMAT = "default", "ledger"
DISPLAY_VALUE = "DisplayValue"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an entity set. `type`: String, Decimal, Int32, Date or the name of an enum.
    `members`: of the enum."""

    name: str
    type: str
    size: int | None = None
    members: tuple[str, ...] = ()

    @property
    def dimension_format(self) -> str:
        """Which format of the tenant orders its segments: of default dimensions, or of ledger
        accounts, which begin with the main account; empty for a field without dimensions."""
        if not self.name.endswith(DISPLAY_VALUE):
            return ""
        return DEFAULT_FORMAT if "Default" in self.name else LEDGER_FORMAT


@dataclass(frozen=True, slots=True)
class PostedAs:
    """Where the records of a set are found once they are posted, and the fields that both show."""

    entity_set: str
    shared_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntitySet:
    """An entity set that Tieout writes.

    `keys`: the fields that name a record, besides the company. `mandatory`: what a new record must
    say. `protected`: the reason why no mapping may set a field. Of journal lines: `journal`, the
    set of their `header`, the `date_field`, and `line_number` where Tieout numbers the lines
    itself. `posted_as`: set where posted records leave the set.
    """

    name: str
    keys: tuple[str, ...]
    fields: Mapping[str, Field]
    mandatory: tuple[str, ...] = ()
    protected: Mapping[str, str] = MappingProxyType({})
    journal: JournalKind | None = None
    header: str = ""
    line_number: str = ""
    date_field: str = ""
    posted_as: PostedAs | None = None


def entity_set(
    name: str,
    *,
    keys: tuple[str, ...],
    sizes: str,
    enums: Mapping[str, tuple[str, ...]],
    types: Mapping[str, str] = MappingProxyType({}),
    mandatory: str = "",
    protected: Mapping[str, str] = MappingProxyType({}),
    journal: JournalKind | None = None,
    header: str = "",
    line_number: str = "",
    date_field: str = "",
    posted_as: PostedAs | None = None,
) -> EntitySet:
    """A row of the table. `sizes`: text fields as `Name:20`; `types`: other fields by type;
    `protected`: fields by reason; fields are separated by blanks.

    Raises ValueError for a type that is neither primitive nor an enum, and for a mandatory field
    that the row does not have.
    """
    found: dict[str, Field] = {}
    for text in sizes.split():
        field, _, size = text.partition(":")
        found[field] = Field(field, "String", int(size))
    for type_, names in types.items():
        if type_ not in enums and type_ not in PRIMITIVES:
            raise ValueError(f"{name}: there is no enum {type_}")
        members = enums.get(type_, ())
        found |= {field: Field(field, type_, None, members) for field in names.split()}
    missing = [field for field in mandatory.split() if field not in found]
    if missing:
        raise ValueError(f"{name}: mandatory, but not a field: {', '.join(missing)}")
    reasons = {field: reason for reason, names in protected.items() for field in names.split()}
    return EntitySet(
        name,
        keys,
        MappingProxyType(found),
        tuple(mandatory.split()),
        MappingProxyType(reasons),
        journal,
        header,
        line_number,
        date_field,
        posted_as,
    )


@dataclass(frozen=True, slots=True, eq=False)
class EntitySets:
    """The entity sets of a target: `rows` by name, and the members of its `enums`. Two tables are
    the same only where they are one object."""

    rows: Mapping[str, EntitySet]
    enums: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def __getitem__(self, name: str) -> EntitySet:
        """The row of a set. Raises KeyError."""
        return self.rows[name]

    def get(self, name: str) -> EntitySet | None:
        """The row of a set, or None."""
        return self.rows.get(name)

    def __iter__(self) -> Iterator[EntitySet]:
        return iter(self.rows.values())

    def members(self, enum: str) -> tuple[str, ...]:
        """The members of an enum; none for an unknown one."""
        return self.enums.get(enum, ())

    @property
    def journal_lines(self) -> tuple[EntitySet, ...]:
        """The sets of journal lines."""
        return tuple(row for row in self.rows.values() if row.journal is not None)

    def of_journal(self, kind: JournalKind) -> EntitySet:
        """The set of the lines of a kind of journal. Raises KeyError."""
        for row in self.journal_lines:
            if row.journal is kind:
                return row
        raise KeyError(kind)
