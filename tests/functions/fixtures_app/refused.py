"""Starts a host on each given app directory and prints what it said, as JSON.

Each directory gets a fork of this process, since the engine holds one app for each process:
`python -m tests.functions.fixtures_app.refused DIR...` prints `{dir name: [error type, text]}`.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from local.clock import LoopClock
from local.host import Host, HostRefused, HubStore
from local.loop import run_virtual
from local.servicebus import Broker, QueueSettings

START = datetime(2026, 3, 1, tzinfo=UTC)


async def said(clock: LoopClock, app_dir: Path) -> list[str]:
    broker = Broker([QueueSettings("work")], clock)
    host = Host(app_dir, {}, clock, broker, HubStore())
    try:
        await host.start()
    except HostRefused as error:
        return [type(error).__name__, str(error)]
    await host.stop()
    return ["none", ""]


def in_a_fork(app_dir: Path) -> list[str]:
    source, sink = os.pipe()
    if os.fork() == 0:
        answer = run_virtual(lambda clock: said(clock, app_dir), start=START)
        os.write(sink, json.dumps(answer).encode())
        os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as pipe:
        text = pipe.read()
    os.wait()
    found: list[str] = json.loads(text or b'["died", ""]')
    return found


def main() -> None:
    logging.disable()
    answers = {Path(name).name: in_a_fork(Path(name)) for name in sys.argv[1:]}
    print(json.dumps(answers))  # noqa: T201


if __name__ == "__main__":
    main()
