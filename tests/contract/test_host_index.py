"""A trigger the real indexer refuses fails the start of the host, with the engine's words."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN_SECONDS_MAX = 60
HEAD = """
import typing
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

"""
HTTP = "@app.route(route='x')\n"
BUS = "@app.service_bus_queue_trigger(arg_name='m', queue_name='work', connection='C'{})\n"
TIMER = "@app.timer_trigger(arg_name='timer', schedule='{}')\n"


@dataclass(frozen=True)
class Case:
    code: str
    kind: str
    text: str


CASES = {
    "a_good_app": Case(HTTP + "async def f(req: func.HttpRequest) -> str: ...", "none", ""),
    "another_parameter_name": Case(
        HTTP + "async def f(request: func.HttpRequest) -> str: ...",
        "IndexRefused",
        "cannot load the f function: the following parameters are declared in Python but not",
    ),
    "a_parameter_without_binding": Case(
        HTTP + "async def f(req: func.HttpRequest, db) -> str: ...",
        "IndexRefused",
        "{'db'}",
    ),
    "an_annotation_of_another_binding": Case(
        BUS.format("") + "async def f(m: func.QueueMessage) -> None: ...",
        "IndexRefused",
        "serviceBusTrigger",
    ),
    "a_lower_case_list": Case(
        BUS.format(", cardinality='many'")
        + "async def f(m: list[func.ServiceBusMessage]) -> None: ...",
        "IndexRefused",
        "invalid non-type annotation list[azure.functions",
    ),
    "a_typed_dict_of_an_activity": Case(
        "@app.activity_trigger(input_name='x')\nasync def f(x: dict[str, typing.Any]) -> None: ...",
        "IndexRefused",
        "invalid non-type annotation dict[str",
    ),
    "an_output_that_is_none": Case(
        "@app.queue_output(arg_name='o', queue_name='q', connection='C')\n"
        + HTTP
        + "async def f(req: func.HttpRequest, o: str) -> str: ...",
        "IndexRefused",
        'declared to have the "out" direction',
    ),
    "another_context": Case(
        HTTP + "async def f(req: func.HttpRequest, context: str) -> str: ...",
        "IndexRefused",
        'the "context" parameter is expected to be',
    ),
    "two_apps": Case("other = func.FunctionApp()", "IndexRefused", "More than one"),
    "no_app": Case("del app", "IndexRefused", "Could not find top level function app"),
    "one_name_twice": Case(
        HTTP
        + "async def f(req: func.HttpRequest) -> str: ...\n"
        + "@app.route(route='y')\n@app.function_name('f')\n"
        + "async def g(req: func.HttpRequest) -> str: ...",
        "IndexRefused",
        "Function f does not have a unique function name",
    ),
    "a_syntax_error": Case("def f(:", "IndexRefused", "invalid syntax"),
    "a_missing_module": Case("import nowhere", "IndexRefused", "No module named 'nowhere'"),
    "no_functions": Case("", "IndexRefused", "has no functions"),
    "a_plain_def": Case(
        HTTP + "def f(req: func.HttpRequest) -> str: ...", "HostRefused", "f is a plain def"
    ),
    "an_unknown_trigger": Case(
        "@app.queue_trigger(arg_name='m', queue_name='q', connection='C')\n"
        "async def f(m: func.QueueMessage) -> None: ...",
        "HostRefused",
        "f: the local host does not know queueTrigger",
    ),
    "an_unknown_output": Case(
        "@app.queue_output(arg_name='o', queue_name='q', connection='C')\n"
        + HTTP
        + "async def f(req: func.HttpRequest, o: func.Out[str]) -> str: ...",
        "HostRefused",
        "f: the local host does not know binding queue",
    ),
    "five_fields": Case(
        TIMER.format("0 */5 * * *") + "async def f(timer: func.TimerRequest) -> None: ...",
        "HostRefused",
        "has 5 fields",
    ),
    "a_schedule_of_another_dialect": Case(
        TIMER.format("0 0 0 ? * *") + "async def f(timer: func.TimerRequest) -> None: ...",
        "HostRefused",
        "does not know '?'",
    ),
    "settlement_by_hand": Case(
        BUS.format(", auto_complete_messages=False")
        + "async def f(m: func.ServiceBusMessage) -> None: ...",
        "HostRefused",
        "needs explicit settlement",
    ),
    "one_route_twice": Case(
        "@app.route(route='x/{a}')\nasync def f(req: func.HttpRequest) -> str: ...\n"
        "@app.route(route='X/{b}')\nasync def g(req: func.HttpRequest) -> str: ...",
        "HostRefused",
        "g and f serve the same route",
    ),
    "an_unknown_route_constraint": Case(
        "@app.route(route='x/{a:regex}')\nasync def f(req: func.HttpRequest) -> str: ...",
        "HostRefused",
        "does not know the route constraint 'regex'",
    ),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("apps")
    for name, case in CASES.items():
        (folder / name).mkdir()
        (folder / name / "host.json").write_text('{"version": "2.0"}')
        (folder / name / "function_app.py").write_text(HEAD + case.code + "\n")
    (folder / "no_host_json").mkdir()
    (folder / "no_host_json" / "function_app.py").write_text(HEAD)
    (folder / "nothing").mkdir()
    (folder / "nothing" / "host.json").write_text('{"version": "2.0"}')
    command = [sys.executable, "-m", "tests.functions.fixtures_app.refused"]
    command += [str(path) for path in sorted(folder.iterdir())]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", list(CASES))
def test_an_app_is_indexed_as_on_azure(answers: dict[str, list[str]], name: str) -> None:
    kind, text = answers[name]
    assert (kind, CASES[name].text in text) == (CASES[name].kind, True), text


def test_an_app_needs_its_two_files(answers: dict[str, list[str]]) -> None:
    assert "host.json is missing" in answers["no_host_json"][1]
    assert "there is no function_app.py" in answers["nothing"][1]
