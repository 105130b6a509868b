"""Starts Microsoft's table emulator for a test, where `tests/npm` is installed.

Azurite: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).parent / "npm" / "node_modules" / ".bin" / "azurite-table"
ACCOUNT = "devstoreaccount1"
# The emulator's published key, the same in every installation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
POLL_SECONDS = 0.05


class AzuriteFailed(RuntimeError):
    """The emulator ended or stayed silent; the text holds its output."""


def missing() -> str:
    """Why the emulator cannot run here, or empty text."""
    if not PROGRAM.exists():
        return f"{PROGRAM.name} is not installed: run `npm ci` in tests/npm"
    return "" if shutil.which("node") else "node is not installed"


@contextmanager
def running() -> Iterator[str]:
    """A fresh emulator on a free port of the loopback, contents in memory; yields its
    connection string and stops it afterwards. Raises `AzuriteFailed`."""
    port = _free_port()
    command = [str(PROGRAM), "--tableHost", "127.0.0.1", "--tablePort", str(port)]
    command += ["--inMemoryPersistence", "--silent", "--disableTelemetry"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
    )
    try:
        _wait_until_ready(process, port)
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"TableEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            output = process.communicate()[0].decode(errors="replace")
            raise AzuriteFailed(f"azurite ended with {process.returncode}: {output}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    raise AzuriteFailed(f"azurite did not listen on {port} within {START_SECONDS_MAX:.0f} s")
