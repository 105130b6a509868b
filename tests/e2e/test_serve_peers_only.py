"""`tieout serve --peers-only`: the app, configured as the sample says, reaches its peers."""

import asyncio
import gc
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import httpx
import pytest

from local import azurite
from shared import bootstrap
from shared.ports import Json
from shared.settings import from_environment
from tests.e2e.serving import (
    COMMAND_SECONDS_MAX,
    KEY,
    ROOT,
    TIEOUT,
    arguments,
    free_ports,
    free_row,
)
from tests.queues import require_amqp

SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))["Values"]
LINES_MAX = 40


@dataclass(frozen=True)
class Peers:
    """A running command and what it said."""

    process: "subprocess.Popen[str]"
    text: str
    ports: list[int]

    @property
    def settings(self) -> dict[str, str]:
        """Those that it printed."""
        return dict(re.findall(r'^ +"(\w+)": "(.*?)",?$', self.text, re.MULTILINE))


def command(ports: list[int], bus: int, storage: int) -> "subprocess.Popen[str]":
    more = ("--peers-only", "--bus-port", str(bus), "--storage-port", str(storage))
    return subprocess.Popen(
        [TIEOUT, "serve", *arguments(ports), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def peers() -> Iterator[Peers]:
    require_amqp()
    if reason := azurite.missing():
        pytest.skip(reason)
    *ports, bus = free_ports(4)
    storage = free_row(azurite.PORTS)
    process = command(ports, bus, storage)
    assert process.stdout is not None
    lines: list[str] = []
    while not any("Ctrl+C" in line for line in lines):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        lines.append(line)
        assert len(lines) < LINES_MAX
    try:
        yield Peers(process, "".join(lines), [*ports[1:], bus, storage])
    finally:
        process.kill()
        process.communicate()


class UnstartedFlows:
    """The orchestrations of a host that was never started."""

    async def start(self, name: str, instance: str, input: Json) -> None:
        raise AssertionError(name)

    async def poke(self, instance: str) -> None:
        raise AssertionError(instance)

    async def status(self, instance: str) -> str | None:
        del instance
        return None

    async def purge(self, since: datetime, until: datetime) -> int:
        raise AssertionError((since, until))


@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_the_application_reaches_all_of_them(peers: Peers) -> None:
    async def ready() -> dict[str, str]:
        app = bootstrap.build(from_environment(SAMPLE | peers.settings))
        checks = await app.health(UnstartedFlows()).ready()
        return {check.name: check.problem for check in checks}

    problems = asyncio.run(ready())
    gc.collect()  # the application keeps its clients for the life of its process
    assert {name: problem for name, problem in problems.items() if problem} == {}
    assert {"stripe", "storage", "queue charge", "queue ledger"} <= set(problems)


def test_stripe_and_dynamics_answer_too(peers: Peers) -> None:
    stripe, dynamics = peers.settings["STRIPE_BASE_URL"], peers.settings["DYNAMICS_URL"]
    made = httpx.post(f"{stripe}/v1/customers", auth=(KEY, ""), data={"name": "Ada"}, timeout=30)
    assert made.json()["object"] == "customer"
    httpx.get(f"{dynamics}/data/CustomersV3?$top=1", timeout=30).raise_for_status()


def test_a_signal_ends_all_of_them(peers: Peers) -> None:
    peers.process.send_signal(signal.SIGINT)
    output, errors = peers.process.communicate(timeout=COMMAND_SECONDS_MAX)
    assert peers.process.returncode == 0, errors
    assert "Traceback" not in errors
    assert output.strip().endswith("stopping")
    for port in peers.ports:
        with socket.create_server(("127.0.0.1", port)):
            pass  # free again
