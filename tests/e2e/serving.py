"""Starting `tieout serve` in a process of its own, on ports that are free."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
TIEOUT = Path(sys.executable).parent / "tieout"
NODE_MODULES = ROOT / "tests" / "npm" / "node_modules"
KEY = "sk_test_tieoutlocal"
START_SECONDS_MAX = 30
SEEN_SECONDS_MAX = 30
COMMAND_SECONDS_MAX = 60
POLL_SECONDS = 0.2
ROWS_TRIED_MAX = 100

type Json = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """A running `tieout serve` and where its parts are."""

    process: "subprocess.Popen[str]"
    app: str
    stripe: str
    dynamics: str


def free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def free_row(count: int) -> int:
    """The first of some consecutive ports that are free now."""
    for _ in range(ROWS_TRIED_MAX):
        (first,) = free_ports(1)
        try:
            for port in range(first, first + count):
                socket.create_server(("127.0.0.1", port)).close()
        except (OSError, OverflowError):
            continue
        return first
    pytest.fail(f"no {count} ports in a row are free")


def arguments(ports: list[int]) -> list[str]:
    names = ("--app-port", "--stripe-port", "--dynamics-port")
    return [text for pair in zip(names, map(str, ports), strict=True) for text in pair]


def start(ports: list[int]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [TIEOUT, "serve", *arguments(ports)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def eventually[T](what: str, seconds_max: float, look: Callable[[], T | None]) -> T:
    """The first answer of `look` that is not None."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(POLL_SECONDS)
    pytest.fail(f"{what} did not come within {seconds_max:g} s")


def up(process: "subprocess.Popen[str]", ports: list[int]) -> Served:
    """Wait until the app answers."""
    app, stripe, dynamics = (f"http://127.0.0.1:{port}" for port in ports)

    def alive() -> Served | None:
        assert process.poll() is None, process.communicate()[1]
        try:
            httpx.get(f"{dynamics}/data/CustomersV3?$top=1").raise_for_status()
            httpx.get(f"{app}/api/health").raise_for_status()
        except httpx.TransportError:
            return None
        return Served(process, app, stripe, dynamics)

    return eventually("the app", START_SECONDS_MAX, alive)
