"""Does Dynamics have the fields that a set of mapping documents sends?

If a field were missing, Dynamics would refuse every record of its entity set. One read of one
record for each entity set asks for all its fields; only if Dynamics refuses that, each field is
asked for alone.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.errors import Refused
from shared.mapping.compiler import CompiledMapping
from shared.mapping.loader import Loaded
from shared.mapping.problems import Problem
from shared.ports import DynamicsGateway, Lookup

SELECT_CHARS_MAX = 1_500  # of one request: IIS limits a query string to 2,048 by default
MAPPING = "mapping"


@dataclass(slots=True)
class _Sent:
    """The fields that are sent to an entity set, each with the document that says so."""

    by: dict[str, str] = field(default_factory=dict)

    def portions(self) -> list[list[str]]:
        """The names, as many at a time as a request carries."""
        parts: list[list[str]] = [[]]
        for name in self.by:
            if len(",".join([*parts[-1], name])) > SELECT_CHARS_MAX:
                parts.append([])
            parts[-1].append(name)
        return parts


async def missing_fields(
    dynamics: DynamicsGateway, documents: Sequence[Loaded], compiled: CompiledMapping
) -> list[Problem]:
    """The fields and entity sets that Dynamics does not have, of the templates that the documents
    extend. Raises the errors of the gateway but `Refused`."""
    problems = await asyncio.gather(
        *(
            _missing(dynamics, entity_set, sent)
            for entity_set, sent in _sent(documents, compiled).items()
        )
    )
    return [problem for part in problems for problem in part]


def _sent(documents: Sequence[Loaded], compiled: CompiledMapping) -> Mapping[str, _Sent]:
    sets: dict[str, _Sent] = {}
    for document in documents:
        if document.tree["kind"] != MAPPING:
            continue
        extends, own = str(document.tree["extends"]), document.tree.get("fields") or {}
        template = compiled.templates[extends]
        sent = sets.setdefault(template.entity_set, _Sent())
        for name in (*template.constants, *dict(template.fields)):
            author = f"{document.tree['name']}" if name in own else extends
            if name in own or name not in sent.by:
                sent.by[name] = author
    return sets


async def _missing(dynamics: DynamicsGateway, entity_set: str, sent: _Sent) -> list[Problem]:
    refusals = [await _refusal(dynamics, entity_set, names) for names in sent.portions()]
    if not any(refusals):
        return []
    if reason := await _refusal(dynamics, entity_set, []):
        author = next(iter(sent.by.values()), entity_set)
        text = f"Dynamics does not show the entity set {entity_set}: {reason}"
        return [Problem(author, text)]
    alone = await asyncio.gather(*(_refusal(dynamics, entity_set, [name]) for name in sent.by))
    problems = [
        Problem(
            author,
            f"{entity_set} in Dynamics has no field {name}: create it there and enable it for "
            f"{entity_set}, or correct the name or take it out here ({reason})",
            f"fields.{name}",
        )
        for (name, author), reason in zip(sent.by.items(), alone, strict=True)
        if reason
    ]
    return problems or [Problem(entity_set, next(reason for reason in refusals if reason))]


async def _refusal(dynamics: DynamicsGateway, entity_set: str, names: Sequence[str]) -> str:
    """Why Dynamics does not show these fields; empty where it does."""
    try:
        await dynamics.find(Lookup(entity_set, "", select=tuple(names), limit=1))
    except Refused as error:
        return error.text
    return ""
