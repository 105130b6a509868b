"""Stripe object in, Dynamics records out: pairs to read, and to hold every change against."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.documents.common import Desired, Snapshot
from shared.domain.records import Record, Symbol, Value
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping
from shared.policy import Policy
from shared.registry import entity_named
from tests.unit.documents.objects import BOOKS, CONTEXT, Json, link

FOLDER = Path(__file__).parents[1] / "fixtures" / "golden"
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


def built(case: Json) -> Desired:
    answers = {name: tuple(rows) for name, rows in case.get("answers", {}).items()}
    snapshot = Snapshot(
        case["entity"],
        case["object"]["id"],
        case["object"],
        case["related"],
        links={role: link(role) for role in case["written"]},
        answers=answers,
    )
    policy = Policy.model_validate(case.get("policy", {}))
    context = replace(CONTEXT, policy=policy, items=case.get("items", {}))
    return entity_named(case["entity"]).build(snapshot, context)


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
    parent = {"Number": "TA-000001"}
    return [row(render(document, TARGET, parent)) for document in desired.documents]


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
    net = case["object"].get("net", 0)
    places = {"jpy": 0, "kwd": 3}.get(case["object"].get("currency"), 2)
    assert moved == Decimal(net).scaleb(-places)


def test_there_is_a_pair_for_each_entity_that_has_documents() -> None:
    entities = dict.fromkeys(load(name)["entity"] for name in NAMES)
    assert sorted(entities) == [*("balance_transaction", "customer", "payout", "price", "product")]
    assert len(NAMES) >= 20
