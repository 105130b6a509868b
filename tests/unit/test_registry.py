from pathlib import Path

import pytest

from shared.domain.partition import LEDGER_QUEUE
from shared.registry import ENTITIES, REGISTRY

EVENT_TYPES = (
    (Path(__file__).parents[1] / "fixtures" / "stripe_event_types.txt").read_text().split()
)


def test_every_event_type_is_one_of_stripes() -> None:
    unknown = [
        event_type
        for entity in ENTITIES
        for event_type in entity.event_types
        if event_type not in EVENT_TYPES
    ]
    assert unknown == []


def test_an_event_type_leads_to_one_entity() -> None:
    types = [event_type for entity in ENTITIES for event_type in entity.event_types]
    assert len(dict.fromkeys(types)) == len(types)
    for entity in ENTITIES:
        for event_type in entity.event_types:
            assert REGISTRY.of_event(event_type) is entity


def test_entities_are_found_by_name() -> None:
    for entity in ENTITIES:
        assert REGISTRY.named(entity.name) is entity


@pytest.mark.parametrize(
    "event_type", ["", "*", "charge", "charge.", "invoice.paid", "Charge.succeeded"]
)
def test_an_event_type_that_is_not_listed_leads_nowhere(event_type: str) -> None:
    assert REGISTRY.of_event(event_type) is None


def test_an_unknown_name_is_a_fault() -> None:
    with pytest.raises(KeyError):
        REGISTRY.named("invoice")


def test_money_is_booked_by_balance_transactions_which_no_event_announces() -> None:
    assert REGISTRY.named("balance_transaction").event_types == ()


def test_what_writes_journal_lines_shares_the_ledger_and_nothing_else_is_in_it() -> None:
    for entity in ENTITIES:
        writes_lines = any(kind.journal for kind in entity.making().documents)
        assert (entity.queue == LEDGER_QUEUE) is writes_lines, entity.name
