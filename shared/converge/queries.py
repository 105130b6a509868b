"""Reading from Dynamics what documents depend on, many objects in one request.

`queries` answers the queries of an entity before its documents are computed; `expect` compares
records with what must be true of them before a change is written.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from shared.converge.recovery import NO_ANSWER, Finder
from shared.converge.task import Task, failing
from shared.domain.documents import Document
from shared.entities.common.objects import Context, Query
from shared.entities.entity import Entity
from shared.errors import Parked, limit_reached
from shared.ports import DynamicsGateway, Json, Lookup, Value

ROUNDS_MAX = 4  # an answer may lead to a further query

type Place = tuple[str, str, str, tuple[str, ...]]


async def queries_of(
    dynamics: DynamicsGateway, entity: Entity, tasks: Sequence[Task], context: Context
) -> None:
    """Answer the queries of all tasks that go, round by round. A task gets its own error when
    one of its queries cannot be asked, or when it still asks after the last round."""
    if entity.queries_of is None:
        return
    finder = Finder(dynamics)
    for asked in range(ROUNDS_MAX + 1):
        wanted: list[tuple[Task, Query]] = []
        for task in tasks:
            with failing([task]):
                if task.going and task.snapshot is not None:
                    known = task.snapshot.answers
                    queries = entity.queries_of(task.snapshot, context)
                    wanted += [(task, each) for each in queries if each.name not in known]
        if not wanted:
            return
        if asked < ROUNDS_MAX:
            await _answer(finder, wanted)
            continue
        for task, query in wanted:
            text = f"{task.id} asks more than {ROUNDS_MAX} times, at last for {query.name}"
            task.fail(limit_reached(f"{text}; nothing of it was written"))


async def _answer(finder: Finder, wanted: Sequence[tuple[Task, Query]]) -> None:
    places: dict[Place, dict[str, list[Json]]] = {}
    for _, query in wanted:
        values = places.setdefault(_place(query), {})
        values[query.value] = []
    errors: dict[Place, dict[str, Exception]] = {}
    for place, values in places.items():
        with failing([task for task, query in wanted if _place(query) == place]):
            errors[place] = await _find(finder, place, values)
    for task, query in wanted:
        snapshot, place = task.snapshot, _place(query)
        if place not in errors:
            continue
        if query.value in errors[place]:
            task.fail(errors[place][query.value])
        elif snapshot is not None:
            rows = places[place][query.value]
            answers = {**snapshot.answers, query.name: tuple(rows)}
            task.snapshot = replace(snapshot, answers=answers)


def _place(query: Query) -> Place:
    return query.entity_set, query.company, query.field, query.select


async def _find(
    finder: Finder, place: Place, values: dict[str, list[Json]]
) -> dict[str, Exception]:
    """All records of one set with one of the values; Dynamics compares without case. Returns the
    errors of the values that could not be asked for."""
    entity_set, company, field, select = place
    names = list(values)
    by_folded = {name.casefold(): name for name in names}

    def lookup_of(part: list[str]) -> Lookup:
        keys: list[Value] = list(part)
        fields = tuple(dict.fromkeys((field, *select)))
        return Lookup(entity_set, company, any_of=(field, keys), select=fields)

    rows, failed = await finder.each(names, lookup_of)
    for row in rows:
        # Dynamics ignores blanks at the end, too.
        name = by_folded.get(str(row[field]).strip().casefold())
        if name is not None:
            values[name].append(row)
    return dict(failed)


async def expect(dynamics: DynamicsGateway, tasks: Sequence[Task]) -> None:
    """Read back what a change rests on (`Document.expects`); a task whose record shows another
    amount parks with the arithmetic. Each task gets its own errors; a system that does not answer
    is asked once."""
    silent: Exception | None = None
    for task in tasks:
        records = [*task.plan.create, *(record for record, _ in task.plan.update)]
        for document in [record.document for record in records if record.document.expects]:
            if silent is not None:
                task.fail(silent)
            elif task.going:
                with failing([task]):
                    try:
                        await _read_back(dynamics, task, document)
                    except NO_ANSWER as error:
                        silent = error
                        raise


async def _read_back(dynamics: DynamicsGateway, task: Task, document: Document) -> None:
    link = task.links[document.parent]
    select = (*link.keys, *document.expects)
    lookup = Lookup(link.record.entity_set, link.company, dict(link.keys), select=select)
    problem = _difference(document, await dynamics.find(lookup))
    if problem:
        raise problem


def _difference(document: Document, rows: Sequence[Json]) -> Parked | None:
    for name, wanted in document.expects.items():
        found = [Decimal(str(row[name])) for row in rows]
        if len(found) != 1:
            text = f"{document.key}: the record is there {len(found)} times"
        elif found[0] != wanted.decimal():
            text = (
                f"{document.key}: {name} is {wanted.currency.upper()} {found[0]:,f}, it must be "
                f"{wanted}: the difference is {found[0] - wanted.decimal():,f}"
            )
        else:
            continue
        return Parked(
            "order_total_differs",
            text,
            "Compare its lines with Stripe (items, prices, tax), mend them, then retry.",
        )
    return None
