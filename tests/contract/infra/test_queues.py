"""The queues that are deployed are those of infra/queues.json and of the code."""

import json
from pathlib import Path

import pytest

from local.servicebus.settings import QueueSettings, load_queues
from shared.domain.partition import DEFAULT_ACCOUNT
from shared.registry import ENTITIES, INGRESS_QUEUE
from shared.services.ingest import ACCOUNT_PROPERTY
from tests.bicep_evaluation import Resource
from tests.contract.infra.variants import EVENT_GRID, INFRA, NAMES, deployed

SUBSCRIPTION = "Microsoft.EventGrid/partnerTopics/eventSubscriptions"
TAKEN_BY_AZURE = (  # of the properties of a queue, those that queues.json may set
    *("requiresSession", "requiresDuplicateDetection", "duplicateDetectionHistoryTimeWindow"),
    *("lockDuration", "maxDeliveryCount", "deadLetteringOnMessageExpiration"),
    *("defaultMessageTimeToLive", "maxSizeInMegabytes"),
)


def queues(variant: str) -> list[Resource]:
    made = deployed(variant).of("Microsoft.ServiceBus/namespaces/queues")
    return [one for one in made if one.module == "messaging"]


def short(one: Resource) -> str:
    return one.name.partition("/")[2]


@pytest.mark.parametrize("variant", NAMES)
def test_the_queues_are_those_of_the_registry(variant: str) -> None:
    expected = [*dict.fromkeys(entity.queue for entity in ENTITIES), INGRESS_QUEUE]
    assert [short(one) for one in queues(variant)] == expected


def test_each_queue_has_what_the_file_says(tmp_path: Path) -> None:
    rows = [{"name": short(one), **one.properties} for one in queues("plain")]
    file = tmp_path / "queues.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    assert load_queues(file) == load_queues(INFRA / "queues.json")


def test_a_queue_sets_nothing_that_azure_does_not_know() -> None:
    unknown = [
        name for one in queues("plain") for name in one.properties if name not in TAKEN_BY_AZURE
    ]
    assert unknown == []


def test_the_code_gets_the_sessions_and_duplicate_windows_that_it_builds_on() -> None:
    settings: tuple[QueueSettings, ...] = load_queues(INFRA / "queues.json")
    for queue in settings:
        assert queue.requires_session is (queue.name != INGRESS_QUEUE)
        assert queue.requires_duplicate_detection
        assert queue.duplicate_window_seconds == 7 * 86_400
        assert queue.lock_seconds == 300
    source = (INFRA.parent / "functions/sync_queues.py").read_text(encoding="utf-8")
    assert "is_sessions_enabled=True" in source
    source = (INFRA.parent / "functions/ingress.py").read_text(encoding="utf-8")
    assert "is_sessions_enabled=False" in source


def test_event_grid_delivers_cloud_events_into_the_ingress_queue_with_an_identity() -> None:
    made = deployed("event grid").of(SUBSCRIPTION)
    assert [one.name for one in made] == [
        f"{topic['partnerTopicName']}/tieout-ingress" for topic in EVENT_GRID
    ]
    (queue,) = [each for each in queues("event grid") if short(each) == INGRESS_QUEUE]
    for one in made:
        assert one.properties["eventDeliverySchema"] == "CloudEventSchemaV1_0"
        delivery = one.properties["deliveryWithResourceIdentity"]
        assert delivery["identity"] == {"type": "SystemAssigned"}
        assert delivery["destination"]["endpointType"] == "ServiceBusQueue"
        target = str(delivery["destination"]["properties"]["resourceId"])
        assert target.endswith(f"/{queue.name.partition('/')[0]}/{INGRESS_QUEUE}")


def test_each_event_subscription_tells_the_alias_that_the_code_reads() -> None:
    told = []
    for one in deployed("event grid").of(SUBSCRIPTION):
        destination = one.properties["deliveryWithResourceIdentity"]["destination"]
        (mapping,) = destination["properties"]["deliveryAttributeMappings"]
        assert (mapping["name"], mapping["type"]) == (ACCOUNT_PROPERTY, "Static")
        assert mapping["properties"]["isSecret"] is False
        told.append(mapping["properties"]["value"])
    assert told == [DEFAULT_ACCOUNT, "shop-eu"]


def test_without_partner_topics_nothing_is_subscribed() -> None:
    assert deployed().of(SUBSCRIPTION) == []


def test_the_queue_of_business_events_is_apart_and_takes_no_sessions() -> None:
    made = deployed("events").of("Microsoft.ServiceBus/namespaces/queues")
    (events,) = [one for one in made if one.module == "dynamics_events"]
    assert events.properties.get("requiresSession", False) is False
    assert events.name.partition("/")[0].endswith("-events")
