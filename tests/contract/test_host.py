"""The local host runs a real app on the real worker engine as Azure Functions would.

The scenes are played once, in a process of their own (`tests/functions/fixtures_app`), because
the engine holds one app for each process; the tests look at what happened.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCENES_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def scenes() -> dict[str, Any]:
    command = [sys.executable, "-W", "error", "-m", "tests.functions.fixtures_app.scenarios"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=SCENES_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_request_reaches_its_function_whole(scenes: dict[str, Any]) -> None:
    assert scenes["http"]["routed"] == {
        "method": "PUT",
        "url": "http://app/api/items/7?a=1&a=2&b=",
        "id": "7",
        "query": {"a": "1,2", "b": ""},
        "header": "t",
        "body": "hé",
        "world": "w1",
    }
    assert scenes["http"]["status"] == 202


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        ("constraint", [404, ""]),
        ("literal_wins", [200, "latest GET"]),
        ("case", [200, "latest GET"]),
        ("method", [405, "GET, PUT"]),
        ("unknown", [404, ""]),
        ("no_prefix", [404, ""]),
        ("too_long", [404, ""]),
        ("optional", [200, "5"]),
        ("optional_missing", [200, "nothing"]),
        ("rest", ["a/b/c/d", "00ff", "application/octet-stream"]),
        ("rest_empty", "-"),
        ("head", [200, "", "11"]),
        ("client", "some-id"),
    ],
)
def test_requests_are_routed_by_template(scenes: dict[str, Any], case: str, answer: Any) -> None:
    assert scenes["http"][case] == answer


def test_an_error_of_a_function_is_a_bare_500(scenes: dict[str, Any]) -> None:
    assert scenes["http"]["boom"] == [500, ""]
    assert scenes["http"]["failures"] == [["boom", "RuntimeError('a secret GET')"]]


def test_a_function_that_runs_too_long_is_stopped(scenes: dict[str, Any]) -> None:
    assert (scenes["http"]["slow"], scenes["http"]["slow_seconds"]) == ([500, ""], 300)


def test_keys_are_checked_where_one_is_configured(scenes: dict[str, Any]) -> None:
    assert scenes["keys"] == {
        "none": 401,
        "wrong": 401,
        "query": 202,
        "header": 202,
        "anonymous": 200,
        "admin": 401,
    }


def test_a_timer_can_be_fired_by_hand(scenes: dict[str, Any]) -> None:
    assert scenes["admin"] == {"statuses": [202, 404, 405], "log": [["tick", False]], "seconds": 1}


def test_a_timer_fires_on_its_schedule(scenes: dict[str, Any]) -> None:
    assert scenes["timer"]["regular"] == [["tick", False]] * 3


def test_a_timer_that_was_missed_fires_once_past_due(scenes: dict[str, Any]) -> None:
    assert scenes["timer"]["after_downtime"] == [["tick", True]]


def test_messages_come_in_batches_of_one_session(scenes: dict[str, Any]) -> None:
    rows = [rows for _, _, rows in scenes["batches"]["log"]]
    assert [[row[0] for row in batch] for batch in rows] == [
        ["m0", "m1", "m2"],
        ["m3", "m4"],
        ["other"],
    ]
    assert rows[0][1] == ["m1", "s1", 1, '{"n":1}']


def test_a_session_is_kept_until_it_was_empty_for_the_idle_time(scenes: dict[str, Any]) -> None:
    # Two batches of ten seconds, one second of waiting, one more batch; seen at whole seconds.
    assert scenes["batches"]["seconds"] == 32
    assert scenes["batches"]["was_idle"] is False


def test_each_instance_serves_a_session_of_its_own(scenes: dict[str, Any]) -> None:
    assert scenes["two_instances"] == {"at_once": 2, "batches": 2}


def test_a_batch_that_fails_comes_again_at_once_until_it_is_dead_lettered(
    scenes: dict[str, Any],
) -> None:
    assert scenes["poison"] == {
        "counts": [[1, 1], [2, 2], [3, 3]],
        "dead": ["bad", "good"],
        "seconds": 31,
    }


def test_a_trigger_of_single_messages_gets_them_one_by_one(scenes: dict[str, Any]) -> None:
    assert scenes["one_by_one"] == [
        ["single", "a", "2026-03-01T12:00:00+00:00"],
        ["single", "b", "2026-03-01T12:00:00+00:00"],
    ]


def test_an_orchestration_does_what_it_says(scenes: dict[str, Any]) -> None:
    assert scenes["steps"]["end"] == {
        "status": "Completed",
        "output": {
            "doubled": 42,
            "flaky": "third time in w1",
            "child": 10,
            "fan": [0, 2, 4, 6, 8],
        },
        "error": "",
        "custom_status": {"doubled": 42},
    }
    assert (scenes["steps"]["tries"], scenes["steps"]["hours"]) == (3, 2)
    assert scenes["steps"]["children"] == ["st:1:7"]


def test_the_custom_status_is_seen_while_an_orchestration_runs(scenes: dict[str, Any]) -> None:
    assert scenes["steps"]["halfway"]["status"] == "Running"
    assert scenes["steps"]["halfway"]["custom_status"] == {"doubled": 42}


def test_the_failure_of_a_child_can_be_caught(scenes: dict[str, Any]) -> None:
    assert scenes["failures"]["parent_of_failure"]["output"] == (
        "caught: The sub-orchestrator function 'child' failed: the child fails \n the child fails"
    )


def test_exhausted_retries_fail_the_orchestration(scenes: dict[str, Any]) -> None:
    hopeless = scenes["failures"]["hopeless"]
    assert hopeless["status"] == "Failed"
    assert "Activity function 'fails' failed: RuntimeError('never x')" in hopeless["error"]
    assert scenes["failures"]["tries"] == 3


def test_an_activity_the_app_does_not_have_fails_the_orchestration(scenes: dict[str, Any]) -> None:
    forgetful = scenes["failures"]["forgetful"]
    assert forgetful["status"] == "Failed"
    assert "'no_such_activity' doesn't exist" in forgetful["error"]


def test_an_orchestrator_the_app_does_not_have_cannot_be_started(scenes: dict[str, Any]) -> None:
    assert "'nothing' doesn't exist" in scenes["failures"]["unknown"]


def test_a_flow_waits_for_a_poke_or_its_deadline(scenes: dict[str, Any]) -> None:
    flow = scenes["flow"]
    assert flow["waiting"] == ["Running", True]
    assert flow["looks"] == [[0], [0, 1], [0, 1, 2]]
    assert flow["end"]["output"] == {"rounds": 3, "last": "poke"}


def test_starting_a_flow_that_runs_pokes_it(scenes: dict[str, Any]) -> None:
    assert scenes["flow"]["woken_by"] == [None, "poke", "timer"]


def test_a_flow_that_has_ended_is_replaced_and_a_poke_to_it_is_nothing(
    scenes: dict[str, Any],
) -> None:
    assert scenes["flow"]["missing"] is None
    assert scenes["flow"]["replaced"]["output"] == {"rounds": 0, "last": None}


def test_continuing_as_new_starts_a_fresh_history(scenes: dict[str, Any]) -> None:
    assert scenes["flow"]["history"] < 10


def test_a_poke_that_comes_before_the_wait_is_not_lost(scenes: dict[str, Any]) -> None:
    early = scenes["early_poke"]
    assert (early["status"], early["output"]) == ("Completed", {"rounds": 1, "last": "poke"})
    assert early["looks"] == [["look", 0], ["look", 1]]


def test_an_early_event_wakes_every_later_wait_of_its_history(scenes: dict[str, Any]) -> None:
    """A fault of azure-functions-durable 1.x, true on Azure too: continue as new after a wait."""
    assert scenes["early_event"] == ["poke", "timer"]


def test_a_long_timer_runs_in_legs_and_ends_on_time(scenes: dict[str, Any]) -> None:
    assert scenes["long_timer"] == {
        "before": "Running",
        "end": "2026-03-21T12:00:00+00:00",
        "legs": 6,
    }


def test_a_new_host_takes_up_what_the_last_one_left(scenes: dict[str, Any]) -> None:
    restart = scenes["restart"]
    assert (restart["begun"], restart["again"]) == (1, 2)
    assert restart["looks"] == [["look", 0], ["look", 0], ["tick", True], ["look", 1]]
    assert restart["end"]["output"] == {"rounds": 1, "last": "poke"}


def test_starting_an_instance_that_runs_is_a_conflict(scenes: dict[str, Any]) -> None:
    assert scenes["conflict"] == "c is Pending"


def test_two_hosts_of_one_app_do_not_see_each_other(scenes: dict[str, Any]) -> None:
    assert scenes["two_worlds"] == {
        "http": ["w1", "w2"],
        "queue": [["w1"], ["w2"]],
        "flows": ["third time in w1", "third time in w2"],
    }


def test_a_disabled_function_does_not_run(scenes: dict[str, Any]) -> None:
    assert scenes["disabled"] == {"log": [], "status": 404, "ready": 1}


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("setting", "names the setting TICK, which is not set"),
        ("schedule", "has 5 fields"),
        ("queue", "work: there is no queue 'nowhere'"),
        ("sessions", "is_sessions_enabled is True, but queue single has no sessions"),
        ("twice", "this host is up already"),
        ("down", "503"),
    ],
)
def test_a_host_that_cannot_serve_says_why(scenes: dict[str, Any], case: str, text: str) -> None:
    assert text in scenes["refusals"][case]


def test_the_same_scene_gives_the_same_log_each_time(scenes: dict[str, Any]) -> None:
    first, second = scenes["same"]
    assert first == second
    assert len(first) > 20


def test_the_host_runs_on_real_time_behind_a_real_server(scenes: dict[str, Any]) -> None:
    assert scenes["real_time"] == {
        "answer": [200, "latest GET"],
        "log": ["single", "a"],
        "flow": {"status": "Completed", "output": 8, "error": "", "custom_status": None},
    }
