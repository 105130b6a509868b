"""Problems of a mapping document, in sentences that name the place and never the data."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import TieoutError

PROBLEMS_SHOWN_MAX = 20
SHOWN_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend: in which document, at which field or key, reading which source path."""

    document: str
    reason: str
    field: str = ""
    path: str = ""

    def __str__(self) -> str:
        place = f"{self.document}: {self.field}" if self.field else self.document
        source = f" (path {self.path})" if self.path else ""
        return f"{place}{source}: {self.reason}"


class MappingRefused(TieoutError):
    """A mapping document cannot be used. `problems` holds everything that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:PROBLEMS_SHOWN_MAX]]
        more = len(self.problems) - len(shown)
        super().__init__("\n".join([*shown, f"and {more} more"] if more else shown))


class RuleRefused(Exception):
    """A rule cannot be compiled; the compiler adds the document and the field."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


def shown(text: str) -> str:
    """A name out of a document, short enough for an error and without line ends."""
    return repr(text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}...")
