"""How the commands reach an app, and what they say when they do not."""

import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import option, transport
from shared.version import VERSION
from tests.test_tidy import ROOT

READY = {"status": "ready", "checks": [{"name": "stripe", "problem": ""}]}

type Answer = Callable[[httpx.Request], httpx.Response]


def run(answer: Answer, *arguments: str, **environment: str) -> Result:
    token = transport.set(httpx.MockTransport(answer))
    try:
        return CliRunner(env=environment).invoke(command, list(arguments))
    finally:
        transport.reset(token)


def always(status: int, **given: object) -> Answer:
    return lambda _: httpx.Response(status, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    ["https://x.example", "https://x.example/", "https://x.example/api", "https://x.example/api/"],
)
@pytest.mark.parametrize("way", ["option", "variable"])
def test_an_app_is_named_by_option_or_variable_with_or_without_api(given: str, way: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json=READY)

    if way == "option":
        result = run(answer, "ready", "--url", given)
    else:
        result = run(answer, "ready", TIEOUT_URL=given)
    assert (result.exit_code, asked) == (0, ["https://x.example/api/ready"])


@pytest.mark.parametrize("given", ["x.example", "ftp://x.example", "https://", ""])
def test_what_is_no_address_is_refused_with_an_example(given: str) -> None:
    result = run(always(200, json=READY), "ready", "--url", given)
    assert result.exit_code == 2
    assert f"{given!r} is not an address of an app: write it as https://" in result.stderr


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
def test_an_app_that_does_not_answer_is_named(error: type[httpx.HTTPError]) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error("refused")

    result = run(answer, "proof", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert "http://127.0.0.1:9/api/proof" in result.stderr
    assert ("tieout serve" in result.stderr) is (error is httpx.ConnectError)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_missing_or_wrong_is_told_with_the_variable(status: int) -> None:
    missing = run(always(status), "proof", TIEOUT_FUNCTION_KEY="")
    wrong = run(always(status), "proof", TIEOUT_FUNCTION_KEY="secret")
    assert (missing.exit_code, wrong.exit_code) == (2, 2)
    assert "wants a function key: export TIEOUT_FUNCTION_KEY=" in missing.stderr
    assert "refuses the key in TIEOUT_FUNCTION_KEY" in wrong.stderr
    assert "secret" not in wrong.stderr


def test_a_route_that_is_not_there_asks_for_address_and_version() -> None:
    result = run(always(404), "inbox", "list", "--cause", "refused")
    assert result.exit_code == 2
    assert "has no route /api/inbox: is that the address of Tieout" in result.stderr


@pytest.mark.parametrize(
    "given", [{"text": "<html>"}, {"json": [1]}, {"content": b""}, {"json": "text"}]
)
def test_an_answer_that_is_not_tieouts_is_told(given: dict[str, object]) -> None:
    result = run(always(200, **given), "proof")
    assert result.exit_code == 2
    assert "did not answer like Tieout (HTTP 200" in result.stderr


def test_a_refusal_is_told_in_its_own_words() -> None:
    body = {"code": "unavailable", "message": "storage is not available"}
    result = run(always(503, json=body), "proof")
    assert result.exit_code == 2
    assert "answered 503: storage is not available [unavailable]" in result.stderr


def test_a_command_to_paste_names_the_app_unless_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIEOUT_URL", "https://x.example")
    assert option("https://x.example") == option("http://127.0.0.1:7071") == ""
    assert option("https://y.example") == " --url https://y.example"


def test_the_version_is_that_of_the_application() -> None:
    result = CliRunner().invoke(command, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"tieout {VERSION}\n")


WITHOUT_THE_WORLD = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv = ["tieout", *ARGUMENTS]
from cli.main import main
main()
"""
ABSENT = ("azure", "azure_functions_runtime", "stripe", "uvicorn", "tzdata", "hypothesis")


def without_the_world(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command where only what `pip install tieout` brings is there."""
    code = WITHOUT_THE_WORLD.replace("ABSENT", repr(ABSENT)).replace("ARGUMENTS", repr(arguments))
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


NOBODY = ("--url", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    "arguments",
    [
        *(("proof", *NOBODY), ("ready", *NOBODY), ("receipts", *NOBODY)),
        *(("inbox", "list", *NOBODY), ("mapping", "list", *NOBODY), ("backfill", *NOBODY)),
    ],
)
def test_a_command_that_asks_an_app_needs_nothing_of_the_embedded_world(
    arguments: tuple[str, ...],
) -> None:
    done = without_the_world(*arguments)
    assert done.returncode == 2
    assert "nothing answers at http://127.0.0.1:9" in done.stderr


def test_pages_and_mapping_files_need_nothing_of_the_embedded_world() -> None:
    template = "shared/targets/finance/templates/items.yaml"
    done = without_the_world("mapping", "validate", template)
    assert (done.returncode, done.stderr) == (0, "")
    code = "import cli.pages, cli.mapping_pages, cli.publishing, cli.documents; print('fine')"
    script = WITHOUT_THE_WORLD.replace("ABSENT", repr(ABSENT)).split("sys.argv")[0] + code
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True
    )
    assert found.stdout == b"fine\n"


@pytest.mark.parametrize("name", ["demo", "serve", "simulate"])
def test_a_command_of_the_embedded_world_says_how_to_install_it(name: str) -> None:
    done = without_the_world(name)
    assert done.returncode == 2
    assert "pip install 'tieout[local]'" in done.stderr
    assert "Traceback" not in done.stderr
