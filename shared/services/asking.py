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
from shared.errors import Parked
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.registry import Entity
from shared.services.looking import LOOK_KEYS_MAX
from shared.services.task import Task

ROUNDS_MAX = 4  # an answer may lead to a further question

type Place = tuple[str, str, str, tuple[str, ...]]


async def ask(
    dynamics: DynamicsGateway, entity: Entity, tasks: Sequence[Task], context: Context
) -> None:
    """Answer the questions of all tasks that go. A task gets its own error when its questions
    cannot be asked; errors of the port are those of every task that asked."""
    if entity.ask is None:
        return
    wanted: list[tuple[Task, Question]] = []
    for _ in range(ROUNDS_MAX):
        wanted = []
        for task in tasks:
            if task.going and task.snapshot is not None:
                try:
                    questions = entity.ask(task.snapshot, context)
                except Exception as error:
                    task.fail(error)
                else:
                    known = task.snapshot.answers
                    wanted += [(task, each) for each in questions if each.name not in known]
        if not wanted:
            return
        try:
            await _answer(dynamics, wanted)
        except Exception as error:
            for task, _question in wanted:
                task.fail(error)
    for task, _question in wanted:
        task.fail(RuntimeError(f"{entity.name} asks more than {ROUNDS_MAX} times"))


async def _answer(dynamics: DynamicsGateway, wanted: Sequence[tuple[Task, Question]]) -> None:
    places: dict[Place, dict[str, list[Json]]] = {}
    for _, question in wanted:
        values = places.setdefault(_place(question), {})
        values[question.value] = []
    for place, values in places.items():
        await _find(dynamics, place, values)
    for task, question in wanted:
        snapshot = task.snapshot
        if snapshot is not None:
            rows = places[_place(question)][question.value]
            answers = {**snapshot.answers, question.name: tuple(rows)}
            task.snapshot = replace(snapshot, answers=answers)


def _place(question: Question) -> Place:
    return question.entity_set, question.company, question.field, question.select


async def _find(dynamics: DynamicsGateway, place: Place, values: dict[str, list[Json]]) -> None:
    """All records of one set with one of the values; Dynamics compares without case."""
    entity_set, company, field, select = place
    names = list(values)
    by_folded = {name.casefold(): name for name in names}
    for start in range(0, len(names), LOOK_KEYS_MAX):
        keys: list[Value] = list(names[start : start + LOOK_KEYS_MAX])
        lookup = Lookup(
            entity_set, company, any_of=(field, keys), select=tuple(dict.fromkeys((field, *select)))
        )
        for row in await dynamics.find(lookup):
            # Dynamics ignores blanks at the end, too.
            name = by_folded.get(str(row[field]).strip().casefold())
            if name is not None:
                values[name].append(row)


async def expect(dynamics: DynamicsGateway, tasks: Sequence[Task]) -> None:
    """Read back what a change rests on (`Document.expects`); a task whose record shows another
    amount parks with the arithmetic. Raises the port's errors."""
    for task in tasks:
        links = _links(task)
        records = [*task.plan.create, *(record for record, _ in task.plan.update)]
        for document in [record.document for record in records if record.document.expects]:
            link = links[document.parent]
            lookup = Lookup(
                link.record.entity_set,
                link.company,
                dict(link.keys),
                select=(*link.keys, *document.expects),
            )
            rows = await dynamics.find(lookup)
            problem = _difference(document, rows)
            if problem and task.going:
                task.fail(problem)


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
