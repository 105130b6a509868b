"""Reading from Dynamics what documents depend on, many objects in one request.

`answered` answers the queries of an entity before its documents are computed; `expect` compares
records with what must be true of them before a change is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from shared.converge.recovery import Finder
from shared.converge.stages import NO_ANSWER, Failed, PlannedObject, failed
from shared.domain.documents import Document
from shared.domain.money import Money
from shared.domain.records import Link
from shared.entities.common.objects import Context, Query, Snapshot
from shared.entities.entity import Entity
from shared.errors import Parked, Waiting, limit_reached
from shared.ports import DynamicsGateway, Json, Lookup, Value

ROUNDS_MAX = 4  # an answer may lead to a further query

type Place = tuple[str, str, str, tuple[str, ...]]


@dataclass(slots=True)
class _Asking:
    """A snapshot and its answers so far; `error` ends it."""

    snapshot: Snapshot
    error: Exception | None = None


async def answered(
    dynamics: DynamicsGateway, entity: Entity, context: Context, snapshots: Sequence[Snapshot]
) -> list[Snapshot | Exception]:
    """The snapshots with the answers to their queries, round by round; an error for each of which
    a query cannot be asked, or that still asks after the last round."""
    asking = [_Asking(snapshot) for snapshot in snapshots]
    queries_of = entity.making().queries_of
    if queries_of is not None:
        finder = Finder(dynamics)
        for asked in range(ROUNDS_MAX + 1):
            wanted: list[tuple[_Asking, Query]] = []
            for one in asking:
                if one.error is None:
                    wanted += _unanswered(one, queries_of, context)
            if not wanted:
                break
            if asked < ROUNDS_MAX:
                await _answer(finder, wanted)
                continue
            for one, query in wanted:
                text = f"{one.snapshot.id} asks more than {ROUNDS_MAX} times, at last for"
                one.error = limit_reached(f"{text} {query.name}; nothing of it was written")
    return [one.snapshot if one.error is None else one.error for one in asking]


def _unanswered(
    one: _Asking, queries_of: Callable[[Snapshot, Context], tuple[Query, ...]], context: Context
) -> list[tuple[_Asking, Query]]:
    try:
        queries = queries_of(one.snapshot, context)
    except Exception as error:  # it concerns this object alone
        one.error = error
        return []
    return [(one, query) for query in queries if query.name not in one.snapshot.answers]


async def _answer(finder: Finder, wanted: Sequence[tuple[_Asking, Query]]) -> None:
    places: dict[Place, dict[str, list[Json]]] = {}
    for _, query in wanted:
        values = places.setdefault(_place(query), {})
        values[query.value] = []
    errors: dict[Place, dict[str, Exception]] = {}
    for place, values in places.items():
        try:
            errors[place] = await _find(finder, place, values)
        except Exception as error:  # an answer that nobody can read
            errors[place] = dict.fromkeys(values, error)
    for one, query in wanted:
        place = _place(query)
        if query.value in errors[place]:
            one.error = one.error or errors[place][query.value]
        else:
            answers = {**one.snapshot.answers, query.name: tuple(places[place][query.value])}
            one.snapshot = replace(one.snapshot, answers=answers)


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


async def expect(
    dynamics: DynamicsGateway, values: Sequence[PlannedObject]
) -> list[PlannedObject | Failed]:
    """Read back what a change rests on (`Document.expects`); an object whose record shows another
    amount parks with the arithmetic. Each object gets its own errors; a system that does not
    answer is asked once."""
    results: list[PlannedObject | Failed] = []
    silent: Exception | None = None
    for value in values:
        result: PlannedObject | Failed = value
        records = [*value.plan.create, *(record for record, _ in value.plan.update)]
        for document in [record.document for record in records if record.document.expects]:
            problem = silent or await _read_back(dynamics, value, document)
            if problem is not None:
                silent = problem if isinstance(problem, NO_ANSWER) else None
                result = failed(value, problem)
                break
        results.append(result)
    return results


async def _read_back(
    dynamics: DynamicsGateway, value: PlannedObject, document: Document
) -> Exception | None:
    """Why a document may not be written; None when its parent is as it must be."""
    try:
        link = value.links[document.parent]
        computed = (document.computed,) if document.computed else ()
        select = (*link.keys, *document.expects, *computed)
        lookup = Lookup(link.record.entity_set, link.company, dict(link.keys), select=select)
        rows = await dynamics.find(lookup)
        if computed and any(row.get(document.computed) != "Yes" for row in rows):
            rows = [await _summed(dynamics, document, link)]
        return _difference(document, rows)
    except Exception as error:
        return error


async def _summed(dynamics: DynamicsGateway, document: Document, link: Link) -> Json:
    """The total of a record that does not show it yet, from its lines. Raises `Waiting` where the
    record has to show more than that."""
    if document.line_sum is None:
        raise Waiting(
            "totals_not_calculated",
            f"{document.key}: Dynamics has not calculated the totals of its record yet",
        )
    amount = document.line_sum.amount
    lookup = Lookup(
        document.line_sum.entity_set, link.company, dict(link.keys), select=(*link.keys, amount)
    )
    rows = await dynamics.find(lookup)
    total = sum((Decimal(str(row[amount])) for row in rows), Decimal(0))
    return {next(iter(document.expects)): total}


def _difference(document: Document, rows: Sequence[Json]) -> Parked | None:
    for name, wanted in document.expects.items():
        found = [Decimal(str(row[name])) for row in rows]
        if len(found) != 1:
            text = f"{document.key}: the record is there {len(found)} times"
        elif abs(found[0] - wanted.decimal()) > _tolerance(document, name, wanted):
            allowed = document.tolerances.get(name, 0)
            more = f", more than {Money(allowed, wanted.currency)}" if allowed else ""
            text = (
                f"{document.key}: {name} is {wanted.currency.upper()} {found[0]:,f}, it must be "
                f"{wanted}: the difference is {found[0] - wanted.decimal():,f}{more}"
            )
        else:
            continue
        return Parked(
            "order_total_differs",
            text,
            "Compare its lines with Stripe (items, prices, tax), mend them, then retry.",
        )
    return None


def _tolerance(document: Document, name: str, wanted: Money) -> Decimal:
    """By how much an amount may differ, in major units."""
    return Money(document.tolerances.get(name, 0), wanted.currency).decimal()
