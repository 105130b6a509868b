"""Stripe object in, Dynamics records out: pairs to read, and to hold every change against."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.domain.records import Link, Record
from shared.domain.values import Symbol, Value
from shared.entities.common.objects import Desired, Snapshot
from shared.errors import Waiting
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.policy import Policy
from shared.registry import REGISTRY
from tests.unit.entities.objects import BOOKS, CONTEXT, Json, link

FOLDER = Path(__file__).parents[1] / "fixtures" / "golden"
TOLD = ("unfinished", "waiting", "listed")
PARENT = {"Number": "TA-000001"}
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
TARGET = Target(
    BOOKS,
    customer_id_property="StripeCustomerId",
    customer_id_chars_max=255,
    customers={
        ("cus_1", "usmf"): "US-001",
        ("cus_1", "demf"): "DE-001",
        ("cus_old", "usmf"): "US-OLD",
    },
    mapping=packaged_mapping(),
)


def _snapshot(case: Json, links: dict[str, Link]) -> Snapshot:
    seen = case.get("closed_seen_at")
    answers = {name: tuple(rows) for name, rows in case.get("answers", {}).items()}
    return Snapshot(
        case["entity"],
        case["object"]["id"],
        case["object"],
        case["related"],
        links=links,
        answers=answers,
        of_charge={
            place: _written(sale, place) for place, sale in case.get("of_charge", {}).items()
        },
        of_transactions={
            sale["object"]["id"]: _written(sale, "gross") for sale in case.get("booked", ())
        },
        closed_seen_at=datetime.fromisoformat(seen) if seen else None,
    )


def _written(sale: Json, role: str) -> Record:
    """What was written of the sale that an object follows: `sale` is a case of its own."""
    [found] = [each for each in _built(sale, {}).documents if each.role == role]
    return render(found, TARGET, PARENT)


def _built(case: Json, links: dict[str, Link]) -> Desired:
    policy = Policy.model_validate(case.get("policy", {}))
    now = datetime.fromisoformat(case.get("now", "1970-01-01T00:00:00+00:00"))
    context = replace(CONTEXT, policy=policy, items=case.get("items", {}), now=now)
    return REGISTRY.named(case["entity"]).making().build(_snapshot(case, links), context)


def built(case: Json) -> Desired:
    """What must exist. `written` are roles that exist; what the states in `before` (parts of the
    case that were different then) led to has been written before, one after the other."""
    links = {role: link(role) for role in case["written"]}
    for before in case.get("before", ()):
        for document in _built(case | before, links).documents:
            record = render(document, TARGET, PARENT)
            links[document.role] = Link({"SalesOrderNumber": "SO-1"}, record)
    return _built(case, links)


def plain(value: Value) -> str | int:
    """Decimals and dates as text, enum members by their name."""
    if isinstance(value, Symbol):
        return f"{value.enum}'{value.name}'"
    return value if isinstance(value, int) else str(value)


def row(record: Record) -> Json:
    document = record.document
    return {
        "entity_set": record.entity_set,
        "company": document.company,
        "role": document.role,
        "journal": document.journal.value if document.journal else "",
        "period": document.period,
        "key_field": record.key_field,
        "fields": {name: plain(value) for name, value in record.fields.items()},
    }


def rows_of(desired: Desired) -> list[Json]:
    """The records; what belongs to another one is told its number."""
    return [row(render(document, TARGET, PARENT)) for document in desired.documents]


def told(desired: Desired) -> Json:
    """What else a pair tells: why something is missing or waits, what is listed."""
    found: Json = {}
    for name in ("unfinished", "waiting"):
        error = getattr(desired, name)
        if error is not None:
            found[name] = error.reason if isinstance(error, Waiting) else error.cause
    if desired.listed is not None:
        listed = desired.listed
        found["listed"] = [listed.kind, listed.company, listed.invoice, listed.amount_minor]
    return found


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_the_records_of_an_object_are_those_of_its_pair(name: str) -> None:
    case = load(name)
    desired = built(case)
    rows = rows_of(desired)
    assert [found["role"] for found in rows] == [wanted["role"] for wanted in case["records"]]
    for found, wanted in zip(rows, case["records"], strict=True):
        assert found == wanted
    assert (desired.parked.cause if desired.parked else "") == case["parked"]
    assert told(desired) == {name: case[name] for name in TOLD if name in case}


@pytest.mark.parametrize("name", NAMES)
def test_the_lines_of_a_pair_move_clearing_by_the_net(name: str) -> None:
    case = load(name)
    moved = Decimal(0)
    for record in case["records"]:
        fields = record["fields"]
        if fields.get("OffsetAccountDisplayValue", "").startswith("CLEARING-"):
            moved -= Decimal(fields.get("DebitAmount", "0")) - Decimal(
                fields.get("CreditAmount", "0")
            )
    net = case["object"].get("net", 0) if case["records"] else 0
    places = {"jpy": 0, "kwd": 3}.get(case["object"].get("currency"), 2)
    assert moved == Decimal(net).scaleb(-places)


def test_there_is_a_pair_for_each_entity_that_has_documents() -> None:
    covered = {load(name)["entity"] for name in NAMES}
    assert covered == {entity.name for entity in REGISTRY.entities if entity.making().documents}
    assert len(NAMES) >= 60
