import json
from pathlib import Path
from typing import Any

import pytest

from local.servicebus import QueueSettings, load_queues
from local.servicebus.settings import QueuesRefused, seconds_of

PROJECT_QUEUES = Path(__file__).parents[3] / "infra" / "queues.json"


def write(path: Path, document: Any) -> Path:
    file = path / "queues.json"
    file.write_text(json.dumps(document))
    return file


def test_the_project_describes_its_queues_in_a_way_the_broker_reads() -> None:
    queues = load_queues(PROJECT_QUEUES)
    assert queues
    assert all(queue.requires_duplicate_detection for queue in queues)
    assert [queue.name for queue in queues if not queue.requires_session] == ["ingress"]


def test_a_queue_takes_defaults_and_may_differ(tmp_path: Path) -> None:
    document = {
        "defaults": {"requiresSession": True, "lockDuration": "PT5M"},
        "queues": [{"name": "a"}, {"name": "b", "requiresSession": False, "maxDeliveryCount": 3}],
    }
    assert load_queues(write(tmp_path, document)) == (
        QueueSettings("a", requires_session=True, lock_seconds=300),
        QueueSettings("b", lock_seconds=300, max_delivery_count=3),
    )


def test_a_bare_list_is_a_description_too(tmp_path: Path) -> None:
    row = {
        "name": "a",
        "defaultMessageTimeToLive": "P14D",
        "duplicateDetectionHistoryTimeWindow": "P7D",
    }
    (queue,) = load_queues(write(tmp_path, [row]))
    assert (queue.time_to_live_seconds, queue.duplicate_window_seconds) == (
        14 * 86_400,
        7 * 86_400,
    )


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "a", "lockDuration": "PT6M"}, "at most PT5M"),
        ({"name": "a", "lockDuration": "five minutes"}, "is not a duration"),
        ({"name": "a", "lockDuration": "P"}, "is not a duration"),
        ({"name": "a", "duplicateDetectionHistoryTimeWindow": "P8D"}, "PT20S to P7D"),
        ({"name": "a", "maxDeliveryCount": 0}, "at least 1"),
        ({"name": "a", "requireSession": True}, "does not know 'requireSession'"),
    ],
)
def test_what_service_bus_would_refuse_is_refused(
    tmp_path: Path, row: dict[str, Any], text: str
) -> None:
    with pytest.raises(QueuesRefused, match=text):
        load_queues(write(tmp_path, [row]))


def test_a_queue_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QueuesRefused, match="names queue a twice"):
        load_queues(write(tmp_path, [{"name": "a"}, {"name": "a"}]))


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "queues.json"
    file.write_text("name: a")
    with pytest.raises(QueuesRefused, match="is not JSON"):
        load_queues(file)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5M", 300), ("P7D", 604_800), ("P1DT2H3M4.5S", 93_784.5), ("PT20S", 20)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
