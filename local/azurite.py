"""Microsoft's storage emulator as a child process, where `tests/npm` is installed.

https://learn.microsoft.com/azure/storage/common/storage-use-azurite
"""

import asyncio
import shutil
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import AsyncExitStack
from pathlib import Path

PROGRAM = (
    Path(__file__).resolve().parents[1] / "tests" / "npm" / "node_modules" / ".bin" / "azurite"
)
HOST = "127.0.0.1"
PORT = (
    10_000  # of blobs; queues and tables have the next two. What UseDevelopmentStorage=true means
)
PORTS = 3
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 5.0
POLL_SECONDS = 0.1
ACCOUNT = "devstoreaccount1"
# The emulator's published key, the same in every installation.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class AzuriteFailed(RuntimeError):
    """The emulator ended or stayed silent; the text holds its output."""


def missing() -> str:
    """Why the emulator cannot run here, or empty text."""
    if not PROGRAM.exists():
        return "it is not installed: run npm ci --prefix tests/npm (Node 20 or later)"
    return "" if shutil.which("node") else "node is not installed"


def connection_string(port: int = PORT) -> str:
    """What a storage client connects with."""
    if port == PORT:
        return "UseDevelopmentStorage=true"
    endpoints = "".join(
        f"{name}Endpoint=http://{HOST}:{port + offset}/{ACCOUNT};"
        for offset, name in enumerate(("Blob", "Queue", "Table"))
    )
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};{endpoints}"


async def is_up(port: int) -> bool:
    """Whether something listens on all three ports."""
    for offset in range(PORTS):
        try:
            _, writer = await asyncio.open_connection(HOST, port + offset)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
    return True


async def start(port: int, stack: AsyncExitStack) -> None:
    """Run it, contents in memory, until the stack closes. Raises `AzuriteFailed`."""
    process = await asyncio.create_subprocess_exec(
        *(str(PROGRAM), "--silent", "--disableTelemetry", "--inMemoryPersistence"),
        *("--blobHost", HOST, "--blobPort", str(port)),
        *("--queueHost", HOST, "--queuePort", str(port + 1)),
        *("--tableHost", HOST, "--tablePort", str(port + 2)),
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,  # Ctrl+C is for us; the stack ends it
    )
    stack.push_async_callback(_end, process)
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while True:
                if process.returncode is not None:
                    output = (await process.communicate())[0].decode(errors="replace").strip()
                    raise AzuriteFailed(f"Azurite ended with {process.returncode}: {output}")
                if await is_up(port):
                    return
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise AzuriteFailed(
            f"Azurite did not listen on {port} to {port + PORTS - 1} within "
            f"{START_SECONDS_MAX:.0f} s"
        ) from None


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
