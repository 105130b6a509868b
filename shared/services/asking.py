"""Reading from Dynamics what documents depend on, many objects in one request.

`ask` answers the questions of an entity before its documents are computed; `expect` compares
records with what must be true of them before a change is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from shared.documents.common import Context, Question
from shared.domain.money import Money
from shared.domain.records import Document, Link
from shared.errors import Parked, limit_reached
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.registry import Entity
from shared.services.looking import NO_ANSWER, Finder
from shared.services.task import Task, failing

ROUNDS_MAX = 4  # an answer may lead to a further question

type Place = tuple[str, str, str, tuple[str, ...]]


async def ask(
    dynamics: DynamicsGateway, entity: Entity, tasks: Sequence[Task], context: Context
) -> None:
    """Answer the questions of all tasks that go, round by round. A task gets its own error when
    one of its questions cannot be asked, or when it still asks after the last round."""
    if entity.ask is None:
        return
    finder = Finder(dynamics)
    for asked in range(ROUNDS_MAX + 1):
        wanted: list[tuple[Task, Question]] = []
        for task in tasks:
            with failing([task]):
                if task.going and task.snapshot is not None:
                    known = task.snapshot.answers
                    questions = entity.ask(task.snapshot, context)
                    wanted += [(task, each) for each in questions if each.name not in known]
        if not wanted:
            return
        if asked < ROUNDS_MAX:
            await _answer(finder, wanted)
            continue
        for task, question in wanted:
            text = f"{task.id} asks more than {ROUNDS_MAX} times, at last for {question.name}"
            task.fail(limit_reached(f"{text}; nothing of it was written"))


async def _answer(finder: Finder, wanted: Sequence[tuple[Task, Question]]) -> None:
    places: dict[Place, dict[str, list[Json]]] = {}
    for _, question in wanted:
        values = places.setdefault(_place(question), {})
        values[question.value] = []
    errors: dict[Place, dict[str, Exception]] = {}
    for place, values in places.items():
        with failing([task for task, question in wanted if _place(question) == place]):
            errors[place] = await _find(finder, place, values)
    for task, question in wanted:
        snapshot, place = task.snapshot, _place(question)
        if place not in errors:
            continue
        if question.value in errors[place]:
            task.fail(errors[place][question.value])
        elif snapshot is not None:
            rows = places[place][question.value]
            answers = {**snapshot.answers, question.name: tuple(rows)}
            task.snapshot = replace(snapshot, answers=answers)


def _place(question: Question) -> Place:
    return question.entity_set, question.company, question.field, question.select


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
    link = _links(task)[document.parent]
    select = (*link.keys, *document.expects)
    lookup = Lookup(link.record.entity_set, link.company, dict(link.keys), select=select)
    problem = _difference(document, await dynamics.find(lookup))
    if problem:
        raise problem


def _links(task: Task) -> Mapping[str, Link]:
    known = task.held.links if task.held else {}
    return {**known, **{link.role: link for link in task.new_links}}


def _difference(document: Document, rows: Sequence[Json]) -> Parked | None:
    currency = str(document.facts["currency"])
    for name, minor in document.expects.items():
        wanted = Money(minor, currency)
        found = [Decimal(str(row[name])) for row in rows]
        if len(found) != 1:
            text = f"{document.key}: the record is there {len(found)} times"
        elif found[0] != wanted.decimal():
            text = (
                f"{document.key}: {name} is {currency.upper()} {found[0]:,f}, it must be {wanted}: "
                f"the difference is {found[0] - wanted.decimal():,f}"
            )
        else:
            continue
        return Parked(
            "order_total_differs",
            text,
            "Compare its lines with Stripe (items, prices, tax), mend them, then retry.",
        )
    return None
