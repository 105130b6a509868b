"""Refusals in the envelope of F&O: `error.innererror` carries the reason.

The texts follow recorded answers where one is known, else the style of the OData library that
F&O stands on. See
https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata.
"""

from collections.abc import Mapping, Sequence

import simplejson

NAMESPACE = "Microsoft.Dynamics.DataEntities"
WRITE_EXCEPTION = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
QUERY_EXCEPTION = "Microsoft.OData.ODataException"
UNSUPPORTED_EXCEPTION = "System.NotSupportedException"
HIDDEN_MESSAGE = "An error has occurred."


class Refusal(Exception):
    """An answer other than 2xx.

    `text` is the reason, `type` the .NET type a client sees; where `hidden` is true the outer
    message says nothing and the reason stands in `innererror` only, as F&O does for writes.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        type: str = QUERY_EXCEPTION,
        hidden: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.type = type
        self.hidden = hidden
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The JSON envelope."""
        error = {
            "code": "",
            "message": HIDDEN_MESSAGE if self.hidden else self.text,
            "innererror": {"message": self.text, "type": self.type, "stacktrace": ""},
        }
        return simplejson.dumps({"error": error}).encode()


class Infolog(Exception):
    """A business rule says no while a record is written; `reasons` become the infolog text."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def bad_query(text: str) -> Refusal:
    """400: the URI asks for something F&O does not understand."""
    return Refusal(400, f"The query specified in the URI is not valid. {text}")


def bad_body(text: str) -> Refusal:
    """400: the payload cannot be read as an entity of the set."""
    return Refusal(400, text)


def unknown_segment(segment: str) -> Refusal:
    """404: no such entity set (the names are case-sensitive)."""
    return Refusal(404, f"Resource not found for the segment '{segment}'.")


def unknown_property(name: str, type_name: str) -> Refusal:
    """400: no such property (the names are case-sensitive)."""
    return Refusal(400, f"Could not find a property named '{name}' on type '{type_name}'.")


def missing_record(type_name: str) -> Refusal:
    """404: the set has no record of that key (or not in the companies the request sees)."""
    return Refusal(404, f"No resources were found of type '{type_name}' for the given key.")


def unsupported(what: str) -> Refusal:
    """501: F&O can, this peer cannot. Said loudly, so that nobody builds on an empty success."""
    return Refusal(501, f"{what} is not supported by this peer.", type=UNSUPPORTED_EXCEPTION)


def write_failed(status: int, entity: str, reasons: Sequence[str], *, deleting: bool) -> Refusal:
    """A refused write with its infolog, in the layout of recorded answers."""
    verb = "Delete" if deleting else "Write"
    parts = [*reasons, f"validateWrite failed on data source '{entity}DataSource ({entity})'."]
    infolog = "; ".join(f"Warning: {part}" for part in parts)
    text = f"{verb} failed for table row of type '{entity}'. Infolog: {infolog}"
    return Refusal(status, text, type=WRITE_EXCEPTION, hidden=True)


def duplicate_key(label: str, table: str, keys: Sequence[tuple[str, str]]) -> str:
    """The infolog reason for a record that exists already."""
    named = ", ".join(f"{name}: {value}" for name, value in keys)
    return f"Cannot create a record in {label} ({table}). {named}. The record already exists."


def update_conflict(label: str, table: str) -> str:
    """The infolog reason of the second of two parallel writes to the lines of one header."""
    return (
        f"Cannot edit a record in {label} ({table}). An update conflict occurred due to another "
        "user process deleting the record or changing one or more fields in the record."
    )


THROTTLED = (
    "This request could not be processed at this time due to system experiencing high resource "
    "utilization."
)
