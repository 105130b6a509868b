"""Does Dynamics read the dimensions of a set as they are meant?

It reads a display value by position, and drops what is behind the last segment without a word.
"""

from collections.abc import Sequence

from shared.converge.dimension_formats import active_formats, objection
from shared.errors import Refused
from shared.mapping.compiler import CompiledMapping
from shared.mapping.loader import Loaded
from shared.mapping.problems import Problem
from shared.ports import DynamicsGateway
from shared.targets.entity_set import Field

MAPPING = "mapping"


async def wrong_dimensions(
    dynamics: DynamicsGateway,
    documents: Sequence[Loaded],
    compiled: CompiledMapping,
    delimiter: str,
) -> list[Problem]:
    """The fields whose dimensions are not those of the active format, in its order. Raises the
    errors of the gateway but `Refused`."""
    authors = {
        str(document.tree["extends"]): str(document.tree["name"])
        for document in documents
        if document.tree["kind"] == MAPPING
    }
    places = [
        (author, field, [each.name for each in dimensions])
        for extends, author in authors.items()
        for field, dimensions in compiled.templates[extends].dimensions.items()
    ]
    if not places:
        return []
    try:
        formats = await active_formats(dynamics, delimiter)
    except Refused as error:
        text = f"Dynamics does not show its financial dimension formats: {error.text}"
        return [Problem(author, text, f"fields.{field}") for author, field, _ in places[:1]]
    found = []
    for author, field, names in places:
        reason = objection(names, Field(field, "String").dimension_format, formats)
        if reason:
            found.append(Problem(author, reason, f"fields.{field}"))
    return found
