"""The shape of mapping documents. Unknown keys are refused; every value is text in the source.

Five kinds. `template`: the product's own rendering of one kind of document, with a section
`protected` that only the product writes. `mapping`: somebody's changes to one template. `table`:
rows for `lookup`. `policy`: the choices that are not rendering. `books`: companies and accounts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from shared.domain.books import Books
from shared.domain.model import Model
from shared.mapping.loader import Loaded, Tree
from shared.mapping.problems import MappingRefused, Problem
from shared.mapping.reasons import problems_of
from shared.policy import Policy

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,59}$"
PATH_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,7}$"
FIELD_PATTERN = r"^[A-Za-z][A-Za-z0-9_]{0,79}$"
DIMENSION_PATTERN = r"^[^\s.*][^.*]{0,59}$"
NUMBER_PATTERN = r"^-?[0-9]{1,20}(\.[0-9]{1,12})?$"
STEPS_MAX = 16
PARTS_MAX = 20
DIMENSIONS_MAX = 10  # segments of a format besides the main account
CASES_MAX = 200
FIELDS_MAX = 200
MESSAGE_CHARS_MAX = 200
BLANK = "?"  # a value of the books that a person has to fill in

type Raw = str | Sequence[Raw] | Mapping[str, Raw]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Path = Annotated[str, Field(pattern=PATH_PATTERN)]
FieldName = Annotated[str, Field(pattern=FIELD_PATTERN)]
Condition = Mapping[str, Raw]


def _part(value: object) -> str:
    """Which of the two a part is meant to be, so that an error is about this one alone."""
    return "rule" if isinstance(value, Mapping | BaseModel) else "path"


# A part is a source path, or a rule of its own.
type Part = Annotated[
    Annotated[str, Tag("path")] | Annotated[Rule, Tag("rule")], Discriminator(_part)
]
type Parts = Annotated[tuple[Part, ...], Field(min_length=1, max_length=PARTS_MAX)]

DimensionName = Annotated[str, Field(pattern=DIMENSION_PATTERN)]
Dimension = Annotated[Mapping[DimensionName, "Rule"], Field(min_length=1, max_length=1)]

SOURCES = ("from", "value", "concat", "cases", "use", "dimensions")


class Rule(Model):
    """How one value is made: exactly one source, then `default`, then the steps of `do`.

    `when`: the field is left out where the condition does not hold (in `cases`: the case is not
    taken). `default`: taken when the source gives nothing, or empty text. `dimensions`: financial
    dimensions by name, in the order of the tenant's format; what gives nothing is blank.
    """

    from_: Path | None = Field(default=None, alias="from")
    value: str | None = None
    concat: "Parts | None" = None
    sep: Annotated[str, Field(max_length=20)] | None = None
    cases: Annotated[tuple["Rule", ...], Field(min_length=1, max_length=CASES_MAX)] | None = None
    use: Name | None = None
    dimensions: (
        Annotated[tuple[Dimension, ...], Field(min_length=1, max_length=DIMENSIONS_MAX)] | None
    ) = None
    default: str | None = None
    when: Condition | None = None
    do: Annotated[tuple[str | Mapping[str, Raw], ...], Field(max_length=STEPS_MAX)] = ()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [
            name
            for name in SOURCES
            if getattr(self, "from_" if name == "from" else name) is not None
        ]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(SOURCES)}; has {len(given)}")
        if self.sep is not None and self.concat is None:
            raise ValueError("sep belongs to concat")
        if self.dimensions is not None and (self.do or self.default is not None):
            raise ValueError("do and default stand at each dimension, not behind all of them")
        return self


class RecordCheck(Model):
    """A rule that a document must meet before it is written; else it parks with `message`."""

    rule: Condition
    message: str = Field(min_length=1, max_length=MESSAGE_CHARS_MAX)


class Custom(Model):
    """A field of the target that the product does not know: its type and its size."""

    type: Literal["String", "Decimal", "Int32", "Date", "NoYes"]
    size: int | None = Field(default=None, ge=1, le=4_000)

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if (self.type == "String") != (self.size is not None):
            raise ValueError("size belongs to String, and String needs it")
        return self


class KeySetting(Model):
    """A key field whose name is a setting."""

    setting: Literal["customer_id_property"]


Rules = Annotated[Mapping[FieldName, Rule], Field(max_length=FIELDS_MAX)]


class Shared(Model):
    """What templates and mappings have in common."""

    name: Name
    about: str = ""
    extends: Name | None = None
    rules: Annotated[Mapping[Name, Rule], Field(max_length=FIELDS_MAX)] = Field(
        default_factory=dict
    )
    fields: Rules = Field(default_factory=dict)
    checks: tuple[RecordCheck, ...] = Field(default=(), max_length=PARTS_MAX)


class Template(Shared):
    """The product's rendering. Without `entity` it is a base that others extend.

    `within`: the protected fields that narrow the key to a part of the set. `patches`: it changes
    a record that is there, so that nothing is mandatory.
    """

    kind: Literal["template"]
    entity: str | None = None
    key: FieldName | KeySetting | None = None
    within: Annotated[tuple[FieldName, ...], Field(max_length=PARTS_MAX)] = ()
    patches: bool = False
    protected: Rules = Field(default_factory=dict)


class UserMapping(Shared):
    """Changes to one template."""

    kind: Literal["mapping"]
    extends: Name
    custom: Annotated[Mapping[FieldName, Custom], Field(max_length=FIELDS_MAX)] = Field(
        default_factory=dict
    )


class Table(Model):
    """A lookup table."""

    kind: Literal["table"]
    name: Name
    about: str = ""
    rows: Mapping[str, str]


class PolicyDocument(Policy):
    """The choices that are not rendering; see `shared.policy`."""

    kind: Literal["policy"]
    name: Name
    about: str = ""


class BooksDocument(Books):
    """Companies, accounts and currencies; see `shared.domain.books`."""

    kind: Literal["books"]
    name: Name
    about: str = ""


type MappingDocument = Template | UserMapping | Table | PolicyDocument | BooksDocument

KINDS: tuple[tuple[str, type[MappingDocument]], ...] = (
    ("template", Template),
    ("mapping", UserMapping),
    ("table", Table),
    ("policy", PolicyDocument),
    ("books", BooksDocument),
)


def title_of(document: MappingDocument) -> str:
    """Kind and name: what a document is called, once in a version."""
    return f"{document.kind} {document.name}"


def parse(loaded: Loaded) -> MappingDocument:
    """A loaded document as a model. Raises `MappingRefused` with every problem, without values."""
    kind = loaded.tree.get("kind")
    model = next((candidate for name, candidate in KINDS if name == kind), None)
    if model is None:
        reason = "must be template, mapping, table, policy or books"
        raise MappingRefused([Problem(loaded.where, reason, "kind")])
    if model is BooksDocument and (blanks := list(_blanks(dict(loaded.tree), ""))):
        reason = "is blank: fill it in"
        raise MappingRefused([_located(loaded, Problem(loaded.where, reason, at)) for at in blanks])
    try:
        return model.model_validate(loaded.tree)
    except ValidationError as error:
        problems = problems_of(loaded.where, model, error)
        if model is BooksDocument:
            problems = [_located(loaded, problem) for problem in problems]
        raise MappingRefused(problems) from None


def _blanks(tree: Tree, place: str) -> Iterator[str]:
    """The places that `tieout books init` left open; the loader has bounded the depth."""
    if tree == BLANK:
        yield place
    for name, inside in tree.items() if isinstance(tree, dict) else ():
        yield from _blanks(inside, f"{place}.{name}" if place else name)


def _located(loaded: Loaded, problem: Problem) -> Problem:
    """A problem with the line of its place, or of the nearest one around it."""
    place = problem.field
    while place and place not in loaded.lines:
        place = place.rpartition(".")[0]
    if not place:
        return problem
    return replace(problem, field=f"{problem.field}, line {loaded.lines[place]}")
